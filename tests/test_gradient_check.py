"""backward against central differences, for every activation, cost and depth; and the check itself."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mnist_scratch.gradient_check import gradient_check, numerical_gradient
from mnist_scratch.layers import ACTIVATIONS, Layer
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot

PAIRS = [(output, "squared_error") for output in ACTIVATIONS] + [
    ("softmax", "cross_entropy"),
    ("sigmoid", "cross_entropy"),
]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("output", "cost"), PAIRS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(data=st.data())
def test_backward_agrees_with_central_differences(depth, activation, output, cost, data):
    sizes = data.draw(st.lists(st.integers(2, 6), min_size=depth + 1, max_size=depth + 1), label="sizes")
    n = data.draw(st.integers(1, 6), label="rows")
    seed = data.draw(st.integers(0, 2**32), label="seed")
    network = Network.from_sizes(sizes, activation, output, cost, seed=seed, dtype=np.float64)
    rng = np.random.default_rng(seed)
    for layer in network.layers:  # biases away from zero: a forgotten one would be seen, and few ReLUs are at a kink
        low, high = (1, 2) if layer.activation == "relu" else (0.2, 0.6)
        layer.biases[:] = rng.choice([-1, 1], layer.n_out) * rng.uniform(low, high, layer.n_out)
        if layer.activation == "relu":
            layer.weights *= 0.3
    inputs, targets = rng.uniform(-1, 1, (n, sizes[0])), one_hot(rng.integers(0, sizes[-1], n), sizes[-1])
    network.forward(inputs)
    kinked = [layer for layer in network.layers if layer.activation == "relu"]
    assume(all(np.abs(layer.net).min() > 0.02 for layer in kinked))
    assert gradient_check(network, inputs, targets) < 1e-7


def small_network():
    network = Network.from_sizes([4, 5, 3], seed=1, dtype=np.float64)
    rng = np.random.default_rng(0)
    return network, rng.standard_normal((7, 4)), one_hot(rng.integers(0, 3, 7), 3)


@pytest.mark.parametrize(
    "damage",
    [
        lambda layer: layer.dcost_dweights.__imul__(-1),
        lambda layer: layer.dcost_dbiases.__itruediv__(7),
        lambda layer: layer.dcost_dweights[0].__imul__(1 + 1e-5),
    ],
    ids=["sign", "bias not summed", "a hundred-thousandth"],
)
@pytest.mark.parametrize("which", [0, 1])
def test_a_wrong_gradient_is_noticed(damage, which, monkeypatch):
    network, inputs, targets = small_network()
    assert gradient_check(network, inputs, targets) < 1e-9
    right = Layer.fill_gradients

    def wrong(layer, dcost_dnet):
        right(layer, dcost_dnet)
        if layer is network.layers[which]:
            damage(layer)

    monkeypatch.setattr(Layer, "fill_gradients", wrong)
    assert gradient_check(network, inputs, targets) > 1e-6


@pytest.mark.parametrize(("factor", "difference"), [(2, 1 / 2), (1 / 4, 3 / 4), (-1, 2)])
@pytest.mark.parametrize("array", ["dcost_dweights", "dcost_dbiases"])
@pytest.mark.parametrize("which", [0, 1])
def test_the_difference_is_relative_to_the_larger_of_the_two_slopes(factor, difference, array, which, monkeypatch):
    network, inputs, targets = small_network()
    right = Layer.fill_gradients

    def wrong(layer, dcost_dnet):
        right(layer, dcost_dnet)
        if layer is network.layers[which]:
            getattr(layer, array).__imul__(factor)

    monkeypatch.setattr(Layer, "fill_gradients", wrong)
    assert gradient_check(network, inputs, targets) == pytest.approx(difference, rel=1e-7)


def test_a_slope_under_a_hundred_thousandth_of_the_cost_is_compared_with_that(monkeypatch):
    network, inputs, targets = small_network()
    cost = network.mean_cost(0 * inputs, targets)
    right = Layer.fill_gradients

    def wrong(layer, dcost_dnet):
        right(layer, dcost_dnet)
        if layer is network.layers[0]:  # its inputs are all 0, so its weights' slopes are
            layer.dcost_dweights += 1e-7 * cost

    monkeypatch.setattr(Layer, "fill_gradients", wrong)
    assert gradient_check(network, 0 * inputs, targets) == pytest.approx(1e-2, rel=1e-9)


def test_where_cost_and_slopes_are_0_so_is_the_difference():
    network = Network.from_sizes([2, 2], output="identity", cost="squared_error", seed=1, dtype=np.float64)
    inputs = np.zeros((3, 2))
    assert gradient_check(network, inputs, network.forward(inputs)) == 0


def test_as_many_numbers_are_tried_as_asked_and_others_with_another_seed(monkeypatch):
    network, inputs, targets = small_network()
    tried = []

    def counted(function, parameters, step, positions):
        tried.append(list(positions))
        return numerical_gradient(function, parameters, step, positions)

    monkeypatch.setattr("mnist_scratch.gradient_check.numerical_gradient", counted)
    gradient_check(network, inputs, targets, n_checked=4, seed=1)
    assert [len(positions) for positions in tried] == [4, 4, 4, 3]
    assert all(len(set(positions)) == len(positions) for positions in tried)
    first, tried[:] = list(tried), []
    gradient_check(network, inputs, targets, n_checked=4, seed=2)
    assert tried != first
    tried.clear()
    gradient_check(network, inputs, targets)
    assert [len(positions) for positions in tried] == [20, 5, 15, 3]


def test_the_weights_are_put_back_bit_for_bit():
    network, inputs, targets = small_network()
    before = [layer.weights.copy() for layer in network.layers]
    gradient_check(network, inputs, targets)
    for kept, layer in zip(before, network.layers, strict=True):
        np.testing.assert_array_equal(kept, layer.weights)


def test_a_number_is_put_back_even_when_the_function_fails():
    parameters = np.array([1.0, 2.0])

    def fails():
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        numerical_gradient(fails, parameters)
    np.testing.assert_array_equal(parameters, [1, 2])


def test_numerical_gradient_of_known_functions():
    x = np.array([[0.3, -1.2], [2.0, 0.7]])
    np.testing.assert_allclose(numerical_gradient(lambda: float(np.sin(x).sum()), x), np.cos(x), atol=1e-11)
    np.testing.assert_allclose(numerical_gradient(lambda: float((x**3).sum()), x, 0.1), 3 * x**2, atol=1e-12)
    some = numerical_gradient(lambda: float(np.exp(x).sum()), x, positions=np.array([2]))
    np.testing.assert_allclose(some, [np.exp(2)], atol=1e-9)


def test_numerical_gradient_moves_arrays_that_are_not_contiguous():
    whole = np.arange(12.0).reshape(3, 4)
    part = whole[:, ::2].T
    np.testing.assert_allclose(numerical_gradient(lambda: float((part**2).sum()), part), 2 * part, atol=1e-9)


def test_float32_is_refused():
    network = Network.from_sizes([4, 3])
    with pytest.raises(TypeError, match="network must be float64; it is float32"):
        gradient_check(network, np.ones((1, 4)), np.ones((1, 3)))
    with pytest.raises(TypeError, match="parameters must be float64"):
        numerical_gradient(lambda: 0.0, np.zeros(2, dtype=np.float32))


def test_a_gradient_that_is_no_number_is_infinitely_wrong(monkeypatch):
    network, inputs, targets = small_network()
    right = Layer.fill_gradients

    def wrong(layer, dcost_dnet):
        right(layer, dcost_dnet)
        layer.dcost_dbiases[-1] = np.nan

    monkeypatch.setattr(Layer, "fill_gradients", wrong)
    assert gradient_check(network, inputs, targets) == np.inf


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda layer: layer.dcost_dweights.T,
            r"layer 1 must fill dcost_dweights, of shape \(5, 3\); it is of shape \(3",
        ),
        (lambda layer: None, r"layer 1 must fill dcost_dweights, of shape \(5, 3\); it is missing"),
    ],
)
def test_a_gradient_of_another_shape_is_named(damage, message, monkeypatch):
    network, inputs, targets = small_network()
    right = Layer.fill_gradients

    def wrong(layer, dcost_dnet):
        right(layer, dcost_dnet)
        if layer is network.layers[1]:
            layer.dcost_dweights = damage(layer)

    monkeypatch.setattr(Layer, "fill_gradients", wrong)
    with pytest.raises(ValueError, match=message):
        gradient_check(network, inputs, targets)


@pytest.mark.parametrize("name", ["weights", "biases"])
def test_a_weight_that_is_no_number_is_refused(name):
    network, inputs, targets = small_network()
    getattr(network.layers[1], name)[..., 2] = np.nan
    with pytest.raises(ValueError, match=rf"{name} of layer 1 must be finite"):
        gradient_check(network, inputs, targets)


def test_a_cost_that_is_infinite_is_refused():
    network = Network.from_sizes([4, 3], "identity", "identity", dtype=np.float64)
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="must give a finite cost; it is inf"):
        gradient_check(network, np.ones((2, 4)), np.full((2, 3), 1e200))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda: np.float32(1), TypeError, "function must return float64, not float32"),
        (lambda: np.nan, ValueError, "what function returns must be a finite number; it is nan"),
        (lambda: None, TypeError, "what function returns must be a finite number; it is None"),
        (lambda: np.ones(1), TypeError, "what function returns"),
    ],
)
def test_what_the_function_returns_is_looked_at(function, error, message):
    parameters = np.array([1.0, 2.0])
    with pytest.raises(error, match=message):
        numerical_gradient(function, parameters)
    np.testing.assert_array_equal(parameters, [1, 2])


@pytest.mark.parametrize(("number", "step"), [(1.0, 1e-300), (1e30, 1e-3), (1.0, 3e-15)])
def test_a_step_that_is_lost_in_rounding_is_refused(number, step):
    parameters = np.array([number])
    with pytest.raises(ValueError, match=r"step must be large enough to move a parameter of .* lost in its rounding"):
        numerical_gradient(lambda: float(parameters[0]), parameters, step)


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([3], "positions must be from 0 to 2; one is 3"),
        ([-1], "positions must be from 0 to 2; one is -1"),
        ([True, False, True], r"they are bool.*np\.flatnonzero\(mask\)"),
        ([[0, 1]], r"positions must have shape \(k,\); they have shape \(1, 2\)"),
        ([1.0], "positions must be whole numbers; they are float64"),
    ],
)
def test_positions_are_looked_at(positions, message):
    with pytest.raises((TypeError, ValueError), match=message):
        numerical_gradient(lambda: 0.0, np.ones(3), positions=positions)
