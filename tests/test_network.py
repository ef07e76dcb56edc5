"""The network: the worked example of the paper's reference [9], doors that refuse, saving and loading."""

import pickle

import numpy as np
import pytest

from mnist_scratch.costs import CrossEntropy, SquaredError
from mnist_scratch.layers import Layer
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot
from mnist_scratch.training import cosine

INPUTS, TARGETS = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])


@pytest.fixture
def mazur():
    """The network of reference [9], Matt Mazur, A Step by Step Backpropagation Example."""
    network = Network.from_sizes([2, 2, 2], dtype=np.float64)
    hidden, output = network.layers
    hidden.weights[:], hidden.biases[:] = [[0.15, 0.25], [0.20, 0.30]], 0.35
    output.weights[:], output.biases[:] = [[0.40, 0.50], [0.45, 0.55]], 0.60
    return network


def descend(network, steps, rate=0.5):
    for _ in range(steps):
        network.gradients(INPUTS, TARGETS)
        for layer in network.layers:
            layer.weights -= rate * layer.dcost_dweights  # the biases stay, as in the reference


def test_the_worked_example_forward(mazur):
    np.testing.assert_allclose(mazur.forward(INPUTS), [[0.751365070, 0.772928465]], atol=5e-10)
    np.testing.assert_allclose(mazur.layers[0].out, [[0.593269992, 0.596884378]], atol=5e-10)
    assert mazur.mean_cost(INPUTS, TARGETS) == pytest.approx(0.298371109, abs=5e-10)


def test_the_worked_example_backward(mazur):
    assert mazur.gradients(INPUTS, TARGETS) == pytest.approx(0.298371109, abs=5e-10)
    hidden, output = mazur.layers
    assert output.dcost_dweights[0, 0] == pytest.approx(0.082167041, abs=5e-10)
    assert hidden.dcost_dweights[0, 0] == pytest.approx(0.000438568, abs=5e-10)


def test_the_worked_example_after_one_step(mazur):
    descend(mazur, 1)
    assert mazur.layers[1].weights[0, 0] == pytest.approx(0.35891648, abs=5e-9)
    assert mazur.layers[0].weights[0, 0] == pytest.approx(0.149780716, abs=5e-10)
    assert mazur.mean_cost(INPUTS, TARGETS) == pytest.approx(0.291027774, abs=5e-10)


def test_the_worked_example_after_ten_thousand_steps(mazur):
    descend(mazur, 10_000)
    assert mazur.mean_cost(INPUTS, TARGETS) == pytest.approx(0.0000351019, abs=5e-11)


def test_gradients_is_forward_and_each_layers_backward():
    network = Network.from_sizes([5, 4, 3, 2], activation="tanh", seed=2, dtype=np.float64)
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((6, 5)), one_hot(rng.integers(0, 2, 6), 2)
    network.gradients(inputs, targets)
    filled = [(layer.dcost_dweights, layer.dcost_dbiases) for layer in network.layers]
    dcost_dout = SquaredError().dcost_dout(network.forward(inputs), targets)
    for layer in reversed(network.layers):
        dcost_dout = layer.backward(dcost_dout)
    for (dweights, dbiases), layer in zip(filled, network.layers, strict=True):
        np.testing.assert_allclose(dweights, layer.dcost_dweights, rtol=1e-13)
        np.testing.assert_allclose(dbiases, layer.dcost_dbiases, rtol=1e-13)


def test_the_mean_over_a_batch_is_the_mean_of_its_rows():
    network = Network.from_sizes([5, 4, 3], output="softmax", cost="cross_entropy", dtype=np.float64)
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((6, 5)), one_hot(rng.integers(0, 3, 6), 3)
    costs, slopes = [], []
    for row in range(6):
        costs.append(network.gradients(inputs[row : row + 1], targets[row : row + 1]))
        slopes.append(network.layers[0].dcost_dweights.copy())
    assert network.gradients(inputs, targets) == pytest.approx(np.mean(costs))
    np.testing.assert_allclose(network.layers[0].dcost_dweights, np.mean(slopes, axis=0), atol=1e-14)
    assert network.mean_cost(inputs, targets, batch_size=4) == pytest.approx(np.mean(costs))


def test_predict_is_the_largest_output_whatever_the_batch():
    network = Network.from_sizes([5, 4, 3], seed=4)
    inputs = np.random.default_rng(0).standard_normal((25, 5))
    np.testing.assert_array_equal(network.predict(inputs, batch_size=7), network.forward(inputs).argmax(axis=1))
    assert network.predict(inputs[:0]).shape == (0,)


def test_float32_stays_float32():
    network = Network.from_sizes([5, 4, 3])
    targets = one_hot([0, 1])
    network.gradients(np.ones((2, 5)), targets[:, :3])
    for layer in network.layers:
        for array in (layer.inputs, layer.net, layer.out, layer.weights, layer.dcost_dweights, layer.dcost_dbiases):
            assert array.dtype == np.float32


def test_the_same_seed_gives_the_same_network():
    inputs = np.ones((1, 5))
    first, again, other = (Network.from_sizes([5, 4, 3], seed=seed).forward(inputs) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_from_sizes_names_what_it_was_asked():
    network = Network.from_sizes([784, 100, 10], activation="relu", output="softmax", cost="cross_entropy")
    assert [layer.activation for layer in network.layers] == ["relu", "softmax"]
    assert isinstance(network.cost, CrossEntropy)
    assert network.n_parameters == 79_510
    assert repr(Network.from_sizes([2, 1])).startswith("Network([Layer(2, 1")


def test_a_cost_of_ones_own():
    class Cubic:
        name = "cubic"

        def value(self, out, targets):
            return float((np.abs(out - targets) ** 3).sum()) / len(out)

        def dcost_dout(self, out, targets):
            return 3 * (out - targets) * np.abs(out - targets) / len(out)

    network = Network([Layer(3, 2, dtype=np.float64)], cost=Cubic())
    from mnist_scratch.gradient_check import gradient_check

    assert gradient_check(network, np.ones((2, 3)), np.eye(2)) < 1e-7
    with pytest.raises(ValueError, match="only networks with a cost of"):
        network.save("unused.npz")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Network([]), "at least one Layer"),
        (lambda: Network([Layer(3, 2), Layer(3, 1)]), "layer 0 has 2 outputs, but layer 1 takes 3"),
        (
            lambda: Network([Layer(3, 2), Layer(2, 1, dtype=np.float64)]),
            "one dtype, float32 or float64; these have float32, float64",
        ),
        (lambda: Network([Layer(3, 2, activation="tanh")], CrossEntropy()), "make the last layer softmax or sigmoid"),
        (lambda: Network([Layer(3, 2)], SquaredError), "cost must be a cost such as"),
        (lambda: Network([Layer(3, 2)], "squared_error"), "cost must be a cost such as"),
        (lambda: Network.from_sizes([3]), "sizes must name inputs and outputs"),
        (lambda: Network.from_sizes([3, 2], cost="cubic"), "cost must be one of squared_error, cross_entropy"),
    ],
)
def test_networks_that_cannot_be_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("method", ["forward", "predict", "gradients", "mean_cost"])
def test_the_doors_refuse_bad_rows(method):
    network = Network.from_sizes([5, 3])
    more = (np.zeros((2, 3)),) if method in ("gradients", "mean_cost") else ()
    call = getattr(network, method)
    with pytest.raises(ValueError, match=rf"inputs must have shape \(n, 5\).*Network\.{method}"):
        call(np.zeros((2, 28, 28), dtype=np.uint8), *more)
    for bad in (np.nan, np.inf, -np.inf):
        inputs = np.zeros((2, 5))
        inputs[1, 3] = bad
        with pytest.raises(
            ValueError, match=rf"inputs must be finite numbers; the value at position \(1, 3\) is {bad}"
        ):
            call(inputs, *more)


@pytest.mark.parametrize("method", ["gradients", "mean_cost"])
def test_the_doors_refuse_bad_targets(method):
    call = getattr(Network.from_sizes([5, 3]), method)
    with pytest.raises(ValueError, match=r"targets must have shape \(2, 3\).*they have shape \(2,\).*one_hot"):
        call(np.zeros((2, 5)), np.array([1, 2]))
    with pytest.raises(ValueError, match="targets must be finite"):
        call(np.zeros((1, 5)), [[0, np.nan, 1]])
    with pytest.raises(ValueError, match="at least one row"):
        call(np.zeros((0, 5)), np.zeros((0, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_save_and_load_give_the_same_network(tmp_path, dtype):
    network = Network.from_sizes([5, 4, 3], "relu", "softmax", "cross_entropy", seed=3, dtype=dtype)
    network.layers[0].biases += 1
    network.save(tmp_path / "weights.npz")
    loaded = Network.load(tmp_path / "weights.npz")
    inputs = np.random.default_rng(0).standard_normal((6, 5))
    np.testing.assert_array_equal(network.forward(inputs), loaded.forward(inputs))
    assert repr(loaded) == repr(network)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["weights.npz"]


def test_a_half_precision_file_is_smaller_and_loads_as_float32(tmp_path):
    network = Network.from_sizes([784, 30, 10], activation="relu", output="softmax", cost="cross_entropy")
    network.save(tmp_path / "whole.npz")
    network.save(tmp_path / "half.npz", half=True)
    loaded = Network.load(tmp_path / "half.npz")
    assert loaded.dtype == np.float32
    assert (tmp_path / "half.npz").stat().st_size < 0.55 * (tmp_path / "whole.npz").stat().st_size
    for layer, other in zip(loaded.layers, network.layers, strict=True):
        np.testing.assert_allclose(layer.weights, other.weights, rtol=2**-11, atol=1e-7)
    network.layers[0].biases[3] = 1e5
    with pytest.raises(ValueError, match=r"layer 0 has numbers too large for float16.*half=False"):
        network.save(tmp_path / "half.npz", half=True)


def test_save_uses_the_name_that_it_was_given(tmp_path):
    Network.from_sizes([2, 1]).save(str(tmp_path / "weights"))
    assert Network.load(str(tmp_path / "weights")).n_parameters == 3


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    Network.from_sizes([2, 1], seed=1).save(path)
    before = path.read_bytes()

    def full_disk(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        Network.from_sizes([2, 1], seed=2).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def saved(tmp_path, **changes):
    path = tmp_path / "weights.npz"
    Network.from_sizes([3, 2]).save(path)
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"format": None},
        {"format": 99},
        {"cost": "cubic"},
        {"weights_0": None},
        {"biases_0": None},
        {"weights_0": np.full((3, 2), np.nan, dtype=np.float32)},
        {"weights_0": np.zeros(6, dtype=np.float32)},
        {"weights_0": np.zeros((3, 2), dtype=np.int64)},
        {"biases_0": np.zeros(5, dtype=np.float32)},
        {"activation_0": "swish"},
    ],
    ids=lambda changes: "-".join(f"{name} {np.asarray(value).ravel()[:1]}" for name, value in changes.items()),
)
def test_load_refuses_what_save_did_not_write(tmp_path, changes):
    with pytest.raises(ValueError, match=r"."):
        Network.load(saved(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"not a zip file", pickle.dumps({"weights": 1}), b"PK\x03\x04 cut short"])
def test_load_refuses_other_files(tmp_path, content):
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.npz is not a network saved by Network\.save"):
        Network.load(path)


def test_load_refuses_a_plain_array_and_a_missing_file(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match="is not a network saved by"):
        Network.load(tmp_path / "array.npy")
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "nowhere.npz")


def test_load_refuses_a_truncated_file(tmp_path):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="damaged"):
        Network.load(path)


def test_windows_are_of_an_array_as_long_as_all_parameters():
    network = Network.from_sizes([2, 3, 1])
    for n in (12, 14, 0):
        with pytest.raises(ValueError, match=rf"array must have shape \(13,\).*it has shape \({n},\)"):
            network.windows(np.zeros(n))


def test_no_rows_excuse_no_bad_argument():
    network = Network.from_sizes([2, 1])
    assert network.predict(np.zeros((0, 2))).dtype == np.intp
    for options in ({"batch_size": 0}, {"threads": -1}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
            network.predict(np.zeros((0, 2)), **options)


@pytest.mark.parametrize("sizes", [b"43", np.array(3), np.ma.masked, np.ones((2, 2), int)])
def test_sizes_are_one_list(sizes):
    with pytest.raises(ValueError, match="sizes must name inputs and outputs in one list"):
        Network.from_sizes(sizes)


@pytest.mark.parametrize("number", [10**400, np.ma.masked, np.ma.masked_array(1.0)])
def test_numbers_that_are_none_are_refused(number):
    with pytest.raises((TypeError, ValueError), match="progress must be a finite number"):
        cosine(number)
