"""Activations and the layer."""

import numpy as np
import pytest
from scipy import special

from mnist_scratch.layers import ACTIVATIONS, Layer, relu, sigmoid, softmax

EXTREMES = [-1e4, -100.0, -80.0, -1.0, 0.0, 1.0, 17.0, 100.0, 1e4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_agrees_with_scipy_and_stays_quiet_at_the_extremes(dtype):
    net = np.concatenate([np.linspace(-79, 40, 500), EXTREMES]).astype(dtype)
    out = sigmoid(net)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, special.expit(np.maximum(net, dtype(-80))), rtol=4 * np.finfo(dtype).eps)
    assert sigmoid(dtype(0)) == 0.5  # a single number too
    assert (out >= 0).all()
    assert (out <= 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_agrees_with_scipy_row_by_row(dtype):
    net = (50 * np.random.default_rng(0).standard_normal((20, 7))).astype(dtype)
    net[0], net[1, 0], net[2, 3] = 1e4, -1e4, 1e4
    out = softmax(net)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, special.softmax(net, axis=1), rtol=3e-5, atol=1e-30)
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(softmax(net[5]), out[5], rtol=1e-6)  # one row alone: the last axis is the classes


@pytest.mark.parametrize("net", [1.0, np.float32(2), [], np.empty((3, 0))])
def test_softmax_needs_a_row(net):
    with pytest.raises(ValueError, match="net must have at least one number in each row"):
        softmax(net)


def test_the_slope_of_softmax_takes_one_row_alone_too():
    out, dcost_dout = (
        softmax(np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]])),
        np.array([[1.0, -2.0, 0.3], [0.1, 1.0, 2.0]]),
    )
    slope = ACTIVATIONS["softmax"].dcost_dnet
    np.testing.assert_allclose(slope(dcost_dout[1], out[1]), slope(dcost_dout, out)[1], rtol=1e-12)


def test_relu():
    np.testing.assert_array_equal(relu(np.array([-2.0, 0.0, 3.0])), [0, 0, 3])
    extremes = np.array([-np.inf, -1e30, 1e30, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(relu(extremes), np.array([0, 0, 1e30, np.inf, np.nan], np.float32))
    assert relu(extremes).dtype == np.float32


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_activation_overflows_or_warns(name, dtype):
    layer = Layer(1, 4, activation=name, dtype=dtype)
    layer.weights[:] = [[1, -1, 0.5, 0]]
    out = layer.forward(np.array(EXTREMES)[:, np.newaxis])
    dcost_dinputs = layer.backward(np.ones_like(out))
    for array in (out, dcost_dinputs, layer.dcost_dweights, layer.dcost_dbiases):
        assert np.isfinite(array).all()
        assert array.dtype == dtype


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_function_changes_its_argument(name):
    net = np.array([[-1.0, 0.5, 2.0]])
    kept = net.copy()
    out = ACTIVATIONS[name].function(net)
    np.testing.assert_array_equal(net, kept)
    dcost_dout, kept_out = np.ones_like(net), out.copy()
    ACTIVATIONS[name].dcost_dnet(dcost_dout, out)
    np.testing.assert_array_equal(out, kept_out)
    np.testing.assert_array_equal(dcost_dout, 1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_slope_agrees_with_central_differences(name):
    rng = np.random.default_rng(3)
    net, weight, step = rng.standard_normal((4, 5)), rng.standard_normal((4, 5)), 1e-6
    activation = ACTIVATIONS[name]
    found = activation.dcost_dnet(weight, activation.function(net))
    for place in np.ndindex(net.shape):
        nudge = np.zeros_like(net)
        nudge[place] = step
        rise = (weight * (activation.function(net + nudge) - activation.function(net - nudge))).sum()
        assert found[place] == pytest.approx(rise / (2 * step), abs=1e-8)


def test_forward_is_equation_2_for_each_unit():
    layer = Layer(3, 2, rng=np.random.default_rng(0), dtype=np.float64)
    layer.biases[:] = [0.1, -0.2]
    inputs = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    out = layer.forward(inputs)
    for row in range(2):
        for unit in range(2):
            net = sum(inputs[row, k] * layer.weights[k, unit] for k in range(3)) + layer.biases[unit]
            assert layer.net[row, unit] == pytest.approx(net)
            assert out[row, unit] == pytest.approx(1 / (1 + np.exp(-net)))


def test_backward_sums_over_the_batch_and_over_the_units():
    layer = Layer(2, 2, activation="identity", dtype=np.float64)
    layer.weights[:] = [[1, 2], [3, 4]]
    layer.forward([[1, 10], [2, 20], [3, 30]])
    dcost_dinputs = layer.backward([[1, 0], [0, 1], [1, 1]])
    np.testing.assert_array_equal(layer.dcost_dbiases, [2, 2])
    np.testing.assert_array_equal(layer.dcost_dweights, [[1 + 3, 2 + 3], [10 + 30, 20 + 30]])
    np.testing.assert_array_equal(dcost_dinputs, [[1, 3], [2, 4], [3, 7]])


def test_backward_takes_the_slope_by_name_and_that_of_the_nets_by_name_only():
    layer = Layer(2, 2, activation="tanh", dtype=np.float64)
    layer.forward([[1, 2], [3, 4]])
    by_place = layer.backward([[1, 2], [3, 4]])
    np.testing.assert_array_equal(layer.backward(dcost_dout=[[1, 2], [3, 4]]), by_place)
    with pytest.raises(TypeError, match="positional"):
        layer.backward(None, np.ones((2, 2)))


def test_a_rows_result_does_not_depend_on_its_batch():
    layer = Layer(6, 4, activation="softmax", rng=np.random.default_rng(0), dtype=np.float64)
    inputs = np.random.default_rng(1).standard_normal((9, 6))
    np.testing.assert_allclose(layer.forward(inputs)[4:5], layer.forward(inputs[4:5]), rtol=1e-12)


def test_the_generator_decides_the_weights():
    first, again, other = (Layer(5, 4, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.weights, again.weights)
    assert not np.array_equal(first.weights, other.weights)
    double = Layer(5, 4, rng=np.random.default_rng(0), dtype=np.float64)
    np.testing.assert_array_equal(first.weights, double.weights.astype(np.float32))


@pytest.mark.parametrize(("activation", "variance"), [("sigmoid", 1 / 400), ("tanh", 1 / 400), ("relu", 2 / 400)])
def test_the_first_weights_have_the_stated_spread(activation, variance):
    weights = Layer(400, 300, activation=activation, rng=np.random.default_rng(0)).weights
    assert weights.mean() == pytest.approx(0, abs=5 * np.sqrt(variance / weights.size))
    assert weights.var() == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_biases_are_0(activation, dtype):
    biases = Layer(5, 4, activation=activation, dtype=dtype).biases
    assert biases.dtype == dtype
    np.testing.assert_array_equal(biases, np.zeros(4))


def test_another_dtype_is_converted_not_mixed():
    layer = Layer(3, 2)
    assert layer.forward(np.ones((4, 3), dtype=np.float64)).dtype == np.float32
    assert layer.backward(np.ones((4, 2), dtype=np.float64)).dtype == np.float32
    assert layer.dcost_dweights.dtype == np.float32


@pytest.mark.parametrize("inputs", [np.ones(3), np.ones((2, 4)), np.ones((2, 3, 1))])
def test_forward_refuses_other_shapes(inputs):
    with pytest.raises(ValueError, match=r"inputs must have shape \(n, 3\).*Layer\.forward"):
        Layer(3, 2).forward(inputs)


def test_backward_refuses_what_does_not_follow_from_forward():
    layer = Layer(3, 2)
    with pytest.raises(RuntimeError, match="forward"):
        layer.backward(np.ones((1, 2)))
    layer.forward(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"last output, \(4, 2\); it has shape \(2,\)"):
        layer.backward(np.ones(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_in": 0, "n_out": 2}, "n_in must be a whole number above 0; it is 0"),
        ({"n_in": 3, "n_out": 2.0}, "n_out must be a whole number above 0; it is 2.0"),
        ({"n_in": 3, "n_out": True}, "n_out must be a whole number"),
        ({"n_in": 3, "n_out": 2, "activation": "swish"}, "activation must be one of sigmoid, tanh, relu, softmax"),
        ({"n_in": 3, "n_out": 2, "dtype": np.int32}, "dtype must be float32 or float64; it is int32"),
    ],
)
def test_the_layer_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Layer(**arguments)


def test_repr_says_what_it_is():
    assert repr(Layer(3, 2, activation="relu")) == "Layer(3, 2, activation='relu', dtype=float32)"


def test_float16_and_the_largest_numbers_do_not_overflow():
    np.testing.assert_allclose(sigmoid(np.float16([-100, 0])), [0, 0.5], atol=1e-4)
    np.testing.assert_array_equal(softmax([1e308, -1e308]), [1, 0])


@pytest.mark.parametrize("values", [np.full((3, 2), np.nan), np.full((3, 2), 1e300)])
def test_weights_that_are_no_numbers_in_the_layers_dtype_are_refused(values):
    layer = Layer(3, 2, rng=np.random.default_rng(0))
    before = layer.weights.copy()
    with pytest.raises(ValueError, match="weights must be finite"):
        layer.weights = values
    np.testing.assert_array_equal(layer.weights, before)


def test_more_weights_than_memory_holds_are_refused():
    with pytest.raises(ValueError, match=r"n_in times n_out must be at most 1,073,741,824"):
        Layer(10**6, 10**6)


def test_slopes_are_looked_at_in_either_form():
    layer = Layer(3, 2)
    with pytest.raises(RuntimeError, match="forward"):
        layer.fill_gradients(np.ones((4, 2)))
    layer.forward(np.ones((4, 3)))
    for use in (lambda slopes: layer.backward(dcost_dnet=slopes), layer.fill_gradients):
        with pytest.raises(ValueError, match=r"dcost_dnet must have .*\(4, 2\); it has shape \(1, 2\)"):
            use(np.ones((1, 2)))
    with pytest.raises(ValueError, match="dcost_dout must be left out where dcost_dnet is given"):
        layer.backward(np.ones((4, 2)), dcost_dnet=np.ones((4, 2)))


@pytest.mark.parametrize(
    ("weights", "error"),
    [(np.zeros((3, 2), int), TypeError), (np.zeros((7, 3, 2), np.float32), ValueError), ([[0.0] * 2] * 3, TypeError)],
)
def test_parameters_move_only_to_arrays_that_fit(weights, error):
    layer = Layer(3, 2, rng=np.random.default_rng(0))
    before, biases = layer.weights, np.ones(2, np.float32)
    with pytest.raises(error, match="weights must be"):
        layer.move_parameters(weights, biases)
    assert layer.weights is before
    np.testing.assert_array_equal(biases, [1, 1])
