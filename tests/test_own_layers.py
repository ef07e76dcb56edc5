"""A reader's own layers and costs: what their methods say is what happens, in ``gradients`` and in ``train`` alike."""

import copy
import itertools
import pickle

import numpy as np
import pytest

from mnist_scratch.any_layer import are_windows, is_plain, takes
from mnist_scratch.costs import Cost, CrossEntropy, SquaredError
from mnist_scratch.gradient_check import gradient_check
from mnist_scratch.layers import Layer, sigmoid, softmax
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot
from mnist_scratch.training import train

RNG = np.random.default_rng(0)
ROWS, LABELS = RNG.standard_normal((30, 5)), RNG.integers(0, 3, 30)
TARGETS = one_hot(LABELS, 3).astype(np.float64)


class Plain:
    """A sigmoid layer with nothing but what a network asks for, and gradients that are new arrays each time."""

    def __init__(self, n_in, n_out, seed):
        self.weights = np.random.default_rng(seed).standard_normal((n_in, n_out))
        self.biases = np.zeros(n_out)

    def forward(self, inputs):
        self.inputs = inputs
        self.seen = sigmoid(inputs @ self.weights + self.biases)
        return self.seen

    def backward(self, dcost_dout):
        dcost_dnet = dcost_dout * self.seen * (1 - self.seen)
        self.dcost_dweights = self.inputs.T @ dcost_dnet
        self.dcost_dbiases = dcost_dnet.sum(axis=0)
        return dcost_dnet @ self.weights.T


def of_layers(sizes=(5, 4, 3), cost=None, cls=Layer, **options):
    layers = []
    for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers.append(cls(n_in, n_out, rng=np.random.default_rng(k), dtype=np.float64, **options))
    return Network(layers, cost)


def by_gradients(network, epochs=1, batch_size=7, rate=0.3, momentum=0.0):
    """Train with ``gradients`` alone."""
    order_rng, velocity = np.random.default_rng(0).spawn(2)[0], {}
    for _ in range(epochs):
        order = order_rng.permutation(len(ROWS))
        for start in range(0, len(ROWS), batch_size):
            chosen = order[start : start + batch_size]
            network.gradients(ROWS[chosen], TARGETS[chosen])
            for k, layer in enumerate(network.layers):
                for name in ("weights", "biases"):
                    velocity[k, name] = momentum * velocity.get((k, name), 0) + getattr(layer, f"dcost_d{name}")
                    setattr(layer, name, getattr(layer, name) - rate * velocity[k, name])
    return network


def learn(network, batch_size=7, momentum=0.0, **options):
    options.setdefault("validation", (ROWS, LABELS))
    train(
        network, ROWS, TARGETS, batch_size=batch_size, learning_rate=0.3, momentum=momentum, progress=False, **options
    )
    return network


def parameters(network):
    return np.concatenate([p.ravel() for layer in network.layers for p in (layer.weights, layer.biases)])


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("cost", [SquaredError(), CrossEntropy()])
@pytest.mark.parametrize("use", [lambda n: n.gradients(ROWS, TARGETS), learn, lambda n: learn(n, batch_size=1)])
def test_a_backward_that_raises_is_heard(where, cost, use):
    class Raises(Layer):
        def backward(self, dcost_dout):
            raise RuntimeError("my own backward")

    network = of_layers((5, 4, 4, 3), cost)
    network.layers[where].__class__ = Raises
    with pytest.raises(RuntimeError, match="my own backward"):
        use(network)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize("cost", [SquaredError(), CrossEntropy()])
def test_a_backward_of_ones_own_trains_as_it_says(where, cost, batch_size, momentum):
    """Here twice the slopes of its weights; also where the cost knows a shorter way through the last layer."""

    class Doubled(Layer):
        def backward(self, dcost_dout):
            dcost_dinputs = super().backward(dcost_dout)
            self.dcost_dweights = 2 * self.dcost_dweights
            return dcost_dinputs

    plain, network, expected = (of_layers(cost=cost) for _ in range(3))
    plain.gradients(ROWS, TARGETS)
    network.layers[where].__class__ = expected.layers[where].__class__ = Doubled
    network.gradients(ROWS, TARGETS)
    np.testing.assert_allclose(network.layers[where].dcost_dweights, 2 * plain.layers[where].dcost_dweights, rtol=1e-9)
    np.testing.assert_allclose(network.layers[1 - where].dcost_dweights, plain.layers[1 - where].dcost_dweights)
    learn(network, batch_size, momentum)
    by_gradients(expected, batch_size=batch_size, momentum=momentum)
    np.testing.assert_allclose(parameters(network), parameters(expected), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("own", [(0,), (1,), (0, 1)])
def test_a_layer_with_four_names_is_enough(own, batch_size, momentum):
    def build():
        layers = [Layer(n_in, n_out, dtype=np.float64) for n_in, n_out in ((5, 4), (4, 3))]
        for k in (0, 1):
            other = Plain(*layers[k].weights.shape, seed=k)
            layers[k].weights = other.weights
            if k in own:
                layers[k] = other
        return Network(layers)

    reference = Network([Layer(5, 4, dtype=np.float64), Layer(4, 3, dtype=np.float64)])
    for k, layer in enumerate(reference.layers):
        layer.weights = Plain(*layer.weights.shape, seed=k).weights
    network = build()
    assert network.gradients(ROWS, TARGETS) == pytest.approx(reference.gradients(ROWS, TARGETS))
    assert gradient_check(network, ROWS, TARGETS) < 1e-7
    assert network.predict(ROWS).tolist() == reference.predict(ROWS).tolist()
    learn(network, batch_size, momentum)
    learn(reference, batch_size, momentum)
    np.testing.assert_allclose(parameters(network), parameters(reference), rtol=1e-9, atol=1e-12)


def test_a_layer_of_ones_own_with_softmax_and_cross_entropy():
    class Soft(Plain):
        def forward(self, inputs):
            self.inputs, self.seen = inputs, softmax(inputs @ self.weights + self.biases)
            return self.seen

        def backward(self, dcost_dout):
            dcost_dnet = self.seen * (dcost_dout - (dcost_dout * self.seen).sum(axis=1, keepdims=True))
            self.dcost_dweights, self.dcost_dbiases = self.inputs.T @ dcost_dnet, dcost_dnet.sum(axis=0)
            return dcost_dnet @ self.weights.T

    network = Network([Plain(5, 4, seed=1), Soft(4, 3, seed=2)], CrossEntropy())
    assert gradient_check(network, ROWS, TARGETS) < 1e-7
    before = network.mean_cost(ROWS, TARGETS)
    assert learn(network, epochs=5).mean_cost(ROWS, TARGETS) < before


def test_a_layer_may_exchange_its_arrays_in_the_middle_of_a_training():
    class Clipped(Plain):
        def forward(self, inputs):
            self.weights = np.clip(self.weights, -0.5, 0.5)  # a new array at each step
            return super().forward(inputs)

    network, expected = (Network([Clipped(5, 4, seed=1), Plain(4, 3, seed=2)]) for _ in range(2))
    learn(network, validation=None)
    by_gradients(expected)
    np.testing.assert_allclose(parameters(network), parameters(expected), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("forget", ["dcost_dweights", "dcost_dbiases"])
def test_a_backward_that_fills_no_gradient_is_told(forget):
    class Forgets(Plain):
        def backward(self, dcost_dout):
            dcost_dinputs = super().backward(dcost_dout)
            delattr(self, forget)
            return dcost_dinputs

    with pytest.raises(ValueError, match=rf"backward of layer 0 must fill {forget}.*it is missing"):
        learn(Network([Forgets(5, 4, seed=0), Plain(4, 3, seed=1)]))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([784, 30, 10], r"from_sizes\(\[784, 30, 10\]\)"),
        ([Layer], "layer 0 must be a Layer; it is Layer, a class"),
        (["sigmoid"], "layer 0 must be a Layer; it is str without forward, backward, weights, biases"),
        ([None], "layer 0 must be a Layer"),
    ],
)
def test_what_is_no_layer_is_refused(layers, message):
    with pytest.raises(TypeError, match=message):
        Network(layers)


def shaped(weights, biases, dtype=np.float64, other=None):
    layer = Plain(2, 2, seed=0)
    layer.weights, layer.biases = np.ones(weights, dtype), np.ones(biases, other or dtype)
    return layer


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([shaped((3,), ())], "layer 0 must have weights"),
        ([shaped((3, 2, 2), (2, 2))], "layer 0 must have weights"),
        ([shaped((3, 2), (2,)), shaped((2, 4), (2,))], "layer 1 must have weights"),
        ([shaped((3, 2), (2, 1))], "layer 0 must have weights"),
        (
            [shaped((3, 2), (2,)), shaped((2, 2), (2,)), shaped((3, 2), (2,))],
            "layer 1 has 2 outputs, but layer 2 takes 3",
        ),
        ([shaped((3, 2), (2,), np.float32, np.float64)], "one dtype.*these have float32"),
        ([shaped((3, 2), (2,), np.float16)], "one dtype.*these have float16"),
        ([shaped((3, 2), (2,), np.int64), shaped((2, 2), (2,), np.int64)], "one dtype.*these have int64, int64"),
        (
            [shaped((3, 2), (2,)), shaped((2, 2), (2,), np.float32), shaped((2, 2), (2,))],
            r"one dtype.*these have float64, float32, float64 \(",
        ),
    ],
)
def test_layers_whose_parameters_make_no_network_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        Network(layers)


JOINED = np.arange(12.0)


@pytest.mark.parametrize(
    ("arrays", "joined", "right"),
    [
        ([JOINED[:6].reshape(2, 3), JOINED[6:8], JOINED[8:]], JOINED, True),
        ([JOINED[:]], JOINED, True),
        ([JOINED[:6].reshape(2, 3), JOINED[6:8]], JOINED, False),  # some of it is left
        ([JOINED[:6].reshape(2, 3).T, JOINED[6:]], JOINED, False),  # columns first
        ([JOINED[6:], JOINED[:6]], JOINED, False),  # in another order
        ([JOINED[:6], JOINED[6:].copy()], JOINED, False),  # elsewhere
        ([JOINED.reshape(3, 4)[:]], JOINED.reshape(3, 4), False),  # not in one row
    ],
)
def test_windows_lie_side_by_side_and_fill_the_array(arrays, joined, right):
    assert are_windows(arrays, joined) is right


class OwnForward(Layer):
    def forward(self, inputs):
        return super().forward(inputs)


class OwnBackward(Layer):
    def backward(self, dcost_dout):
        return super().backward(dcost_dout)


@pytest.mark.parametrize(
    ("layer", "plain", "inputs"),
    [
        (Layer(2, 2), True, True),
        (OwnForward(2, 2), False, True),
        (OwnBackward(2, 2), False, False),
        (Plain(2, 2, seed=0), False, False),
    ],
)
def test_what_a_layer_can_do_besides_is_seen_by_its_methods(layer, plain, inputs):
    assert is_plain(layer) is plain
    assert takes(layer, "with_inputs") is inputs


@pytest.mark.parametrize(
    ("layers", "right"),
    [
        ([Layer(2, 2), Layer(2, 2)], True),
        ([Layer(2, 2), OwnForward(2, 2)], False),
        ([OwnBackward(2, 2), Layer(2, 2)], False),
        ([type("Named", (Layer,), {})(2, 2)], False),  # what it keeps from call to call is not known
    ],
)
def test_a_network_is_plain_if_all_its_layers_are_of_the_class_itself(layers, right):
    assert Network(layers).is_plain is right


def test_a_layer_that_goes_forward_in_its_own_way_is_not_saved(tmp_path):
    path = tmp_path / "weights.npz"
    with pytest.raises(ValueError, match="only networks of Layer can be saved; layer 1, a OwnForward"):
        Network([Layer(2, 2), OwnForward(2, 2)]).save(path)
    assert not path.exists()


def test_one_layer_in_two_places_is_refused():
    layer = Layer(4, 4)
    with pytest.raises(ValueError, match="one stands in two places"):
        Network([layer, layer])


# Costs


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("use", ["gradients", "train"])
def test_a_cross_entropy_of_ones_own_is_used(output, use):
    """A subclass that changes value and dcost_dout, here by a weight, and nothing else."""

    class Tripled(CrossEntropy):
        def value(self, out, targets):
            return 3 * super().value(out, targets)

        def dcost_dout(self, out, targets):
            return 3 * super().dcost_dout(out, targets)

    plain, network = (
        Network.from_sizes([5, 4, 3], output=output, cost="cross_entropy", dtype=np.float64) for _ in range(2)
    )
    network = Network(network.layers, Tripled())
    assert network.mean_cost(ROWS, TARGETS) == pytest.approx(3 * plain.mean_cost(ROWS, TARGETS))
    if use == "gradients":
        assert network.gradients(ROWS, TARGETS) == pytest.approx(3 * plain.gradients(ROWS, TARGETS))
        np.testing.assert_allclose(network.layers[0].dcost_dweights, 3 * plain.layers[0].dcost_dweights, rtol=1e-9)
    else:
        train(network, ROWS, TARGETS, learning_rate=0.1, progress=False)
        train(plain, ROWS, TARGETS, learning_rate=0.3, progress=False)
        np.testing.assert_allclose(parameters(network), parameters(plain), rtol=1e-9, atol=1e-12)


def test_a_cost_that_changes_one_of_two_keeps_the_shortcut_of_the_other():
    class OnlyValue(CrossEntropy):
        def value(self, out, targets):
            return 1.0

    class OnlySlope(CrossEntropy):
        def dcost_dout(self, out, targets):
            return np.zeros_like(out)

    assert OnlyValue.dcost_dnet is CrossEntropy.dcost_dnet
    assert OnlySlope.value_from_net is CrossEntropy.value_from_net
    network = Network([Layer(5, 3, "softmax", dtype=np.float64)], OnlySlope())
    assert network.gradients(ROWS, TARGETS) > 0.5
    assert not network.layers[0].dcost_dweights.any()
    assert Network(network.layers, OnlyValue()).gradients(ROWS, TARGETS) == 1.0


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_networks_cost_and_its_costs_value_are_one(output, dtype):
    network = Network.from_sizes([5, 4, 3], output=output, cost="cross_entropy", dtype=dtype)
    out = network.forward(ROWS)
    assert network.cost.value(out, TARGETS.astype(dtype)) == pytest.approx(network.mean_cost(ROWS, TARGETS), rel=1e-5)
    dcost_dout = network.cost.dcost_dout(out, TARGETS.astype(dtype))
    network.gradients(ROWS, TARGETS)
    found = network.layers[-1].dcost_dweights
    network.forward(ROWS)
    network.layers[-1].backward(dcost_dout)
    np.testing.assert_allclose(network.layers[-1].dcost_dweights, found, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("cost", [CrossEntropy(), CrossEntropy("softmax"), CrossEntropy("sigmoid")])
def test_a_cost_that_a_network_is_given_later_is_for_its_outputs_too(cost):
    network = Network.from_sizes([5, 4, 3], dtype=np.float64)
    network.cost = cost
    assert network.cost.value(network.forward(ROWS), TARGETS) == pytest.approx(network.mean_cost(ROWS, TARGETS))
    with pytest.raises(ValueError, match="cost must be a cost"):
        network.cost = "cross_entropy"
    relu = Network.from_sizes([5, 4, 3], output="relu")
    with pytest.raises(ValueError, match="make the last layer softmax or sigmoid"):
        relu.cost = cost


def test_one_cost_may_serve_two_networks():
    cost = CrossEntropy()
    soft = Network([Layer(5, 3, "softmax", dtype=np.float64)], cost)
    sigmoids = Network([Layer(5, 3, "sigmoid", dtype=np.float64)], cost)
    assert (soft.cost.output, sigmoids.cost.output, cost.output) == ("softmax", "sigmoid", "softmax")
    assert gradient_check(soft, ROWS, TARGETS) < 1e-7
    assert gradient_check(sigmoids, ROWS, TARGETS) < 1e-7


@pytest.mark.parametrize("with_base", [True, False])
def test_a_cost_with_two_methods_is_enough(with_base):
    class Cubic(*((Cost,) if with_base else ())):
        def value(self, out, targets):
            return float((np.abs(out - targets) ** 3).sum()) / len(out)

        def dcost_dout(self, out, targets):
            return 3 * (out - targets) * np.abs(out - targets) / len(out)

    network = Network([Layer(5, 4, dtype=np.float64), Layer(4, 3, "softmax", dtype=np.float64)], Cubic())
    assert gradient_check(network, ROWS, TARGETS) < 1e-7
    before = network.mean_cost(ROWS, TARGETS)
    assert learn(network, epochs=3).mean_cost(ROWS, TARGETS) < before


def test_a_cost_without_its_methods_says_which():
    with pytest.raises(NotImplementedError, match=r"a cost needs value\(out, targets\); Cost has none"):
        Cost().value(TARGETS, TARGETS)
    with pytest.raises(NotImplementedError, match="dcost_dout"):
        Cost().dcost_dout(TARGETS, TARGETS)


@pytest.mark.parametrize(
    ("targets", "output", "message"),
    [
        (np.full((30, 3), 0.5), "softmax", r"row 0 sums to 1\.5 \("),
        (TARGETS * 2, "softmax", "between 0 and 1"),
        (TARGETS - 1, "sigmoid", "between 0 and 1.*from -1 to 0"),
        (np.vstack([TARGETS[:29], [[0.5, 0.2, 0.2]]]), "softmax", r"row 29 sums to 0\.9 \("),
    ],
)
def test_cross_entropy_refuses_targets_that_are_no_probabilities(targets, output, message):
    network = Network.from_sizes([5, 3], output=output, cost="cross_entropy", dtype=np.float64)
    for use in (network.gradients, network.mean_cost, lambda x, t: train(network, x, t, progress=False)):
        with pytest.raises(ValueError, match=message):
            use(ROWS, targets)
    smooth = 0.9 * TARGETS + 0.1 / 3
    assert network.gradients(ROWS, smooth) > 0


@pytest.mark.parametrize("cost", [SquaredError(), CrossEntropy(), CrossEntropy("sigmoid")])
@pytest.mark.parametrize("targets", [TARGETS[:1], TARGETS[:, :1], TARGETS[0], np.zeros((0, 3)), 0.5])
def test_costs_refuse_shapes_that_only_broadcast(cost, targets):
    out = np.full((30, 3), 1 / 3)
    for method in (cost.value, cost.dcost_dout):
        with pytest.raises(ValueError, match="out and targets must have one shape"):
            method(out, targets)


# Copies


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
@pytest.mark.parametrize("when", ["before", "inside", "after an error", "after Ctrl-C"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_network_can_be_copied_at_any_time(make_copy, when, batch_size):
    network, copies = of_layers(cost=CrossEntropy("sigmoid")), []

    def schedule(progress):
        if progress > 0.5 and not copies:
            if when == "inside":
                copies.append((make_copy(network), parameters(network)))
            if when == "after an error":
                raise RuntimeError("not today")
            if when == "after Ctrl-C":
                raise KeyboardInterrupt
        return 1.0

    if when == "before":
        copies.append((make_copy(network), parameters(network)))
    try:
        learn(network, batch_size, momentum=0.9, schedule=schedule)
    except (RuntimeError, KeyboardInterrupt):
        copies.append((make_copy(network), parameters(network)))
    ((other, expected),) = copies
    np.testing.assert_array_equal(parameters(other), expected)
    twin = make_copy(other)
    learn(other, batch_size, momentum=0.9)
    learn(twin, batch_size, momentum=0.9)
    np.testing.assert_array_equal(parameters(other), parameters(twin))
    assert not np.array_equal(parameters(other), expected)
    after = parameters(network)
    other.layers[0].weights[...] = 7.0
    np.testing.assert_array_equal(parameters(network), after)


# Windows


def test_parameters_lie_in_one_array_of_which_the_layers_hold_windows():
    network = of_layers((5, 4, 4, 3))
    joined = network.join_parameters()
    np.testing.assert_array_equal(joined, parameters(network))
    joined[:] = np.arange(len(joined))
    np.testing.assert_array_equal(parameters(network), np.arange(len(joined)))
    assert network.join_parameters() is joined
    assert copy.deepcopy(network).join_parameters() is not joined


@pytest.mark.parametrize("assign", ["in place", "anew", "a list"])
def test_weights_can_be_assigned_in_place_and_anew_before_within_and_after_a_training(assign):
    network = of_layers()
    weights, layer = network.layers[0].weights, network.layers[0]

    def change(number):
        if assign == "in place":
            layer.weights[...] = number
        elif assign == "anew":
            layer.weights = np.full((5, 4), number, np.float32)
        else:
            layer.weights = np.full((5, 4), number).tolist()

    for number in (1.0, 2.0):
        change(number)
        assert layer.weights is weights
        assert (parameters(network)[:20] == number).all()
        learn(network)
        assert layer.weights is weights
        assert not (weights == number).any()

    def schedule(progress):
        change(progress)
        np.testing.assert_allclose(parameters(network)[:20], progress, rtol=1e-6)
        return 0.0

    learn(network, schedule=schedule)
    np.testing.assert_allclose(weights, 0.8, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "values", "error", "message"),
    [
        ("weights", np.zeros((4, 5)), ValueError, r"weights must have shape \(5, 4\).*has shape \(4, 5\)"),
        ("weights", 0.0, ValueError, r"\(5, 4\).*has shape \(\)"),
        ("biases", np.zeros((4, 1)), ValueError, r"biases must have shape \(4,\).*has shape \(4, 1\)"),
        ("biases", np.zeros((1, 4)), ValueError, r"\(4,\).*\(1, 4\)"),
        ("biases", None, TypeError, "biases must be an array of numbers; it is None"),
        ("biases", list("abcd"), TypeError, "biases must be an array of numbers; it is text"),
        ("biases", np.zeros(4, complex), TypeError, "complex"),
        ("biases", np.ma.masked_array(np.zeros(4), mask=[1, 0, 0, 0]), TypeError, "masked"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_and_nothing_changes(name, values, error, message):
    layer = of_layers().layers[0]
    before = layer.weights.copy(), layer.biases.copy()
    with pytest.raises(error, match=message):
        setattr(layer, name, values)
    np.testing.assert_array_equal(layer.weights, before[0])
    np.testing.assert_array_equal(layer.biases, before[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.float16])
def test_parameters_of_another_dtype_or_read_only_are_copied_in(dtype):
    layer, values = Layer(3, 2), np.arange(6).reshape(3, 2).astype(dtype)
    values.flags.writeable = False
    layer.weights = values
    np.testing.assert_array_equal(layer.weights, values)
    assert layer.weights.dtype == np.float32
    layer.weights += 1
    np.testing.assert_array_equal(layer.weights, values.astype(float) + 1)


def test_the_slopes_of_the_images_are_left_out_only_when_asked():
    network = of_layers()
    network.forward(ROWS)
    dcost_dout = SquaredError().dcost_dout(network.layers[1].out, TARGETS)
    slopes = network.layers[0].backward(network.layers[1].backward(dcost_dout))
    assert slopes.shape == ROWS.shape
    assert network.layers[0].backward(np.ones((30, 4)), with_inputs=False) is None
