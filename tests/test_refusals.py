"""Nothing wrong in silence: what people hand to ``Network`` and ``train``, and the message that helps them on."""

import concurrent.futures
import pickle

import numpy as np
import pytest

from mnist_scratch.augmentation import RandomRotation
from mnist_scratch.costs import CrossEntropy, SquaredError
from mnist_scratch.datasets import Split
from mnist_scratch.layers import Layer, relu, sigmoid, softmax
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot, preprocess
from mnist_scratch.training import DivergenceError, History, train

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.integers(0, 256, (40, 28, 28), dtype=np.uint8), RNG.integers(0, 10, 40).astype(np.uint8)
ROWS = preprocess(IMAGES)
PIXELS = IMAGES.reshape(-1, 784)


def make():
    return Network.from_sizes([784, 5, 10], seed=3)


def refused(use, error, message):
    """The call raises, the message fits, and the network is as it was."""
    network, before = make(), make().join_parameters().copy()
    with pytest.raises(error, match=message):
        use(network)
    np.testing.assert_array_equal(network.join_parameters(), before)


DOORS = {
    "forward": lambda network, rows: network.forward(rows),
    "predict": lambda network, rows: network.predict(rows),
    "gradients": lambda network, rows: network.gradients(rows, one_hot(LABELS)),
    "mean_cost": lambda network, rows: network.mean_cost(rows, one_hot(LABELS)),
    "train": lambda network, rows: train(network, rows, LABELS, progress=False),
    "validation": lambda network, rows: train(network, ROWS, LABELS, validation=(rows, LABELS), progress=False),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint16, bool])
def test_pixels_that_nobody_has_preprocessed_are_refused(door, dtype):
    refused(
        lambda network: DOORS[door](network, PIXELS.astype(dtype)),
        TypeError,
        rf"must be floats; they are {np.dtype(dtype).name}.*preprocess\((inputs|images)\.reshape\(-1, 28, 28\)\)",
    )
    np.testing.assert_array_equal(preprocess(PIXELS.reshape(-1, 28, 28)), ROWS)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (PIXELS.astype(str), TypeError, "text"),
        (PIXELS.tolist(), TypeError, "must be floats"),
        (ROWS.astype(object), TypeError, "objects"),
        (ROWS.astype(complex), TypeError, "complex"),
        (np.ma.masked_array(ROWS, ROWS > 2), TypeError, "masked array"),
        (None, TypeError, "None"),
        ([[1.0, 2.0], [3.0]], ValueError, "rows of one length"),
        (ROWS[0], ValueError, r"row\[np\.newaxis\]|one length"),
        (ROWS[:, :-1], ValueError, r"784.*\(40, 783\)"),
        (ROWS.reshape(40, 28, 28, 1), (TypeError, ValueError), r"\(40, 28, 28, 1\)"),
        (ROWS.reshape(40, 28, 28), (TypeError, ValueError), r"preprocess"),
        (np.where(ROWS > 2.8, np.inf, ROWS), ValueError, "finite"),
        (ROWS.astype(np.float64) * 1e300, ValueError, "finite"),
    ],
)
def test_rows_that_are_none_are_refused(door, rows, error, message):
    refused(lambda network: DOORS[door](network, rows), error, message)


def test_sparse_rows_are_refused():
    from scipy import sparse

    refused(lambda network: network.predict(sparse.csr_matrix(ROWS)), TypeError, r"dense.*toarray")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("form", ["F", "negative strides", "read-only", "float64", "float16"])
def test_rows_in_any_memory_order_give_the_same(door, form):
    rows = {
        "F": np.asfortranarray(ROWS),
        "negative strides": ROWS[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": ROWS.copy(),
        "float64": ROWS.astype(np.float64),
        "float16": ROWS.astype(np.float16),
    }[form]
    rows.flags.writeable = form != "read-only"
    network, other = make(), make()
    found, expected = DOORS[door](network, rows), DOORS[door](other, ROWS)
    tolerance = 1e-2 if form == "float16" else 1e-5
    if isinstance(found, History):
        found, expected = found.cost + found.validation_cost, expected.cost + expected.validation_cost
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", ["predict", "mean_cost"])
@pytest.mark.parametrize("batch_size", [0, -1, -1000, 1.5, None, "10", True])
def test_batches_have_a_size(method, batch_size):
    more = (one_hot(LABELS),) if method == "mean_cost" else ()
    refused(
        lambda network: getattr(network, method)(ROWS, *more, batch_size=batch_size),
        (TypeError, ValueError),
        rf"batch_size must be a whole number above 0.*\(Network\.{method}\)",
    )


@pytest.mark.parametrize("batch_size", [1, 7, 40, 10**12])
def test_any_batch_size_predicts_the_same(batch_size):
    network = make()
    np.testing.assert_array_equal(network.predict(ROWS, batch_size), network.forward(ROWS).argmax(axis=1))


def test_predictions_from_broken_weights_are_refused():
    network = make()
    network.layers[1].weights[2, 3] = np.nan
    with pytest.raises(ValueError, match="the outputs must be finite"):
        network.predict(ROWS)


# Training


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (IMAGES[..., np.newaxis], (TypeError, ValueError), r"\[\.\.\., 0\]|must give rows"),
        (IMAGES.astype(np.int64), TypeError, "must be uint8; they are int64"),
        (IMAGES.astype(np.float32), TypeError, "must be uint8; they are float32"),
        (IMAGES[0], ValueError, "one length"),
        (np.float32(3), ValueError, "one length above 0; they have a single number and 40"),
        ((IMAGES > 127).astype(np.uint8), ValueError, "0.*1.*255"),
        (IMAGES[:, :27], ValueError, "must give rows of 784"),
        (Split(IMAGES, LABELS), TypeError, "images"),
    ],
)
@pytest.mark.parametrize("augment", [None, RandomRotation(-9, 9)])
def test_images_that_are_none_are_refused(images, error, message, augment):
    refused(
        lambda network: train(network, images, LABELS, augment=augment, progress=False), error, f"(?s){message}|uint8"
    )


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (None, TypeError, "labels of the images must be an array of numbers; it is None"),
        (LABELS.astype(float), TypeError, r"integers; these are float64.*astype\(int\)"),
        (LABELS.astype(str), TypeError, "text"),
        (one_hot(LABELS).astype(int), (TypeError, ValueError), r"argmax\(axis=1\)"),
        (LABELS[:, np.newaxis], ValueError, r"ravel\(\)"),
        (LABELS + 1, ValueError, "label 10 is at position"),
        (LABELS.astype(int) - 1, ValueError, "label -1 is at position"),
        (LABELS[:-1], ValueError, "they have 40 and 39"),
        (np.ma.masked_array(LABELS, LABELS == 3), TypeError, "masked"),
        (one_hot(LABELS)[:, :9], ValueError, r"shape \(40, 10\)"),
        (one_hot(LABELS) * np.nan, ValueError, "finite"),
    ],
)
def test_labels_that_are_none_are_refused(labels, error, message):
    refused(lambda network: train(network, IMAGES, labels, progress=False), error, message)
    refused(
        lambda network: train(network, IMAGES, LABELS, validation=(IMAGES, labels), progress=False),
        error,
        message.replace("of the images", "of the validation images"),
    )


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (0.1, r"it is 0\.1 .*images\[-5000:\]"),
        ((IMAGES, LABELS, 1), "it is 3 things"),
        ((IMAGES,), "it is 1 things"),
        (IMAGES, "validation must be"),
        ("test", "it is 'test'"),
        (True, "it is True"),
    ],
)
def test_validation_is_a_pair_or_has_both(validation, message):
    refused(lambda network: train(network, IMAGES, LABELS, validation=validation, progress=False), TypeError, message)


def test_a_split_is_validation_enough():
    network, other = make(), make()
    history = train(network, IMAGES, LABELS, validation=Split(IMAGES, LABELS), progress=False)
    assert history == train(other, IMAGES, LABELS, validation=[IMAGES, LABELS], progress=False)


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": "0.1"},
        {"learning_rate": None},
        {"learning_rate": True},
        {"learning_rate": -0.1},
        {"learning_rate": float("inf")},
        {"learning_rate": np.array([0.1, 0.2])},
        {"momentum": "0.9"},
        {"momentum": 1},
        {"momentum": float("nan")},
        {"weight_decay": None},
        {"epochs": "3"},
        {"epochs": 0},
        {"epochs": True},
        {"batch_size": 32.0},
        {"seed": -1},
        {"seed": 0.5},
        {"seed": None},
        {"schedule": 0.5},
        {"schedule": "cosine"},
        {"augment": RandomRotation},
        {"augment": 15},
        {"threads": 0},
    ],
    ids=str,
)
def test_each_option_is_named_where_it_is_wrong(options):
    (name,) = options
    refused(
        lambda network: train(network, IMAGES, LABELS, progress=False, **options), (TypeError, ValueError), rf"^{name} "
    )


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda images, rng: None, "what augment returns must be an array of numbers; it is None"),
        (lambda images, rng: images * np.nan, "what augment returns must be finite"),
        (lambda images, rng: (images * 255).astype(np.uint8), "augment must return float images.*uint8"),
        (lambda images, rng: images.reshape(len(images), -1), "augment must return float images of the shape"),
        (lambda images, rng: images[:0], "augment must return"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_what_augment_returns_is_looked_at(augment, message, threads):
    refused(
        lambda network: train(network, IMAGES, LABELS, augment=augment, threads=threads, progress=False),
        (TypeError, ValueError),
        message,
    )


@pytest.mark.parametrize("factor", [float("nan"), -1.0, None, "half", np.ones(2)])
def test_what_a_schedule_returns_is_looked_at(factor):
    refused(
        lambda network: train(network, IMAGES, LABELS, schedule=lambda progress: factor, progress=False),
        (TypeError, ValueError),
        r"what schedule\(0\) returns must be a finite number, 0 or more",
    )


def test_an_augmentation_gives_a_float64_network_its_dtype():
    network = Network.from_sizes([784, 5, 10], dtype=np.float64)
    train(network, IMAGES, LABELS, augment=RandomRotation(-9, 9), progress=False)
    assert network.layers[0].dcost_dweights.dtype == np.float64


# Errors between processes


def diverge(rate):
    network = Network.from_sizes([784, 5, 10], "identity", "identity")
    train(network, ROWS, one_hot(LABELS), epochs=30, learning_rate=rate, progress=False)
    return rate


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_sweep_over_processes_keeps_its_healthy_runs():
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        futures = {rate: pool.submit(diverge, rate) for rate in (1e-4, 50.0, 2e-4)}
        assert futures[1e-4].result() == 1e-4
        with pytest.raises(DivergenceError, match="training diverged: the cost is"):
            futures[50.0].result()
        assert futures[2e-4].result() == 2e-4


def test_a_divergence_comes_back_from_a_pickle_with_its_history():
    error = DivergenceError("training diverged", History(epoch=[1], cost=[2.0]))
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), str(other), other.history) == (DivergenceError, "training diverged", error.history)


# Building


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Network.from_sizes(784, 30, 10), r"sizes must name inputs and outputs in one list, as in \[784, 100"),
        (lambda: Network.from_sizes([784, 0, 10]), r"sizes\[1\] must be a whole number above 0; it is 0"),
        (lambda: Network.from_sizes([784, "30", 10]), r"sizes\[1\] must be a whole number above 0; it is '30'"),
        (lambda: Network.from_sizes("784"), "sizes must name"),
        (lambda: Network.from_sizes(None), "sizes must name"),
        (lambda: Network.from_sizes([784, 10], seed=-1), "seed must be a whole number"),
        (lambda: Network.from_sizes([784, 10], seed="a"), "seed must be a whole number"),
        (lambda: Network.from_sizes([784, 10], cost=None), "cost must be one of"),
        (lambda: Network.from_sizes([784, 10], output=None), "activation must be one of"),
        (lambda: Network.from_sizes([784, 10], activation="swish"), "activation must be one of"),
        (lambda: Network.from_sizes([784, 10], dtype="float16"), "dtype must be float32 or float64"),
        (lambda: Network.from_sizes([784, 10], dtype=None), "dtype must be float32 or float64"),
        (lambda: Layer(3, 2, dtype="what"), "dtype must be float32 or float64; it is what"),
        (lambda: Layer(3, 2, rng=np.random.RandomState(0)), "rng must be a numpy.random.Generator; it is RandomState"),
        (lambda: Layer(3, 2, rng=0), "rng must be a numpy.random.Generator; it is int"),
        (lambda: Network(None), "layers must hold at least one Layer; it is None"),
        (lambda: Network([Layer(3, 2)], cost="squared_error"), "cost must be a cost such as"),
    ],
)
def test_a_network_that_cannot_be_built_says_why(build, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build()


def test_the_activations_take_what_a_reader_types():
    np.testing.assert_allclose(softmax([1.0, 2.0]), [0.26894142, 0.73105858])
    np.testing.assert_allclose(softmax([[1, 2], [3, 3]])[1], [0.5, 0.5])
    np.testing.assert_allclose(sigmoid([0, 2]), [0.5, 0.88079708])
    np.testing.assert_array_equal(relu([-1, 0, 2]), [0, 0, 2])
    assert sigmoid(0.0) == 0.5
    for function in (softmax, sigmoid, relu):
        for bad in ("one", None, np.ma.masked_array([1.0], [True]), [1j]):
            with pytest.raises(TypeError, match=f"net .*{function.__name__}"):
                function(bad)
    with pytest.raises(ValueError, match="net must have at least one number in each row"):
        softmax(np.zeros((3, 0)))


@pytest.mark.parametrize(
    "text", ["[]", "not json", "{}", '{"epoch": 1}', '{"epoch": ["a"]}', "null", '"text"', "[1, 2]"]
)
def test_a_history_that_is_none_is_refused(tmp_path, text):
    file = tmp_path / "history.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"history\.json is not a history"):
        History.load(file)


def test_what_is_no_path_or_network_is_named(tmp_path):
    for use in (make().save, Network.load, History().save, History.load):
        for bad in (None, 5, [tmp_path]):
            with pytest.raises(TypeError, match="path must be a path"):
                use(bad)
    for bad in (None, Network, "digits.npz"):
        with pytest.raises(TypeError, match="network must be a Network"):
            train(bad, IMAGES, LABELS, progress=False)


@pytest.mark.parametrize("bad", [None, "text", [["a"]], np.ma.masked_array([[1.0]], [[True]]), [[1j]]])
@pytest.mark.parametrize("cost", [SquaredError(), CrossEntropy(), CrossEntropy("sigmoid")])
def test_costs_refuse_what_is_no_number(cost, bad):
    good = np.array([[0.5]])
    for method in (cost.value, cost.dcost_dout):
        with pytest.raises(TypeError, match="out must"):
            method(bad, good)
        with pytest.raises(TypeError, match="targets must"):
            method(good, bad)
    assert cost.value([[1, 0]], [[1, 0]]) == pytest.approx(0, abs=1e-6)


def test_a_slope_at_the_net_of_another_shape_is_named():
    layer = Layer(3, 2)
    layer.forward(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"dcost_dnet must have the shape of the last output, \(4, 2\)"):
        layer.backward(dcost_dnet=np.ones((3, 2)))
