"""What is measured on a trained network: each measure on its own images, and outputs averaged over small warps."""

import itertools

import numpy as np
import pytest
from tiny_studies import TINY, use

from mnist_scratch.augmentation import rotate
from mnist_scratch.datasets import load_mnist
from mnist_scratch.experiments import averaged_outputs, inputs
from mnist_scratch.experiments import measures as measuring
from mnist_scratch.experiments.measures import MEASURES, measure, six_digits
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.metrics import confusion_matrix
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import deskew, flatten, one_hot, preprocess, shift, to_float
from mnist_scratch.training import train


@pytest.fixture(scope="module")
def sample():
    return load_mnist("sample")


@pytest.fixture
def on_sample(sample, monkeypatch):
    """Run on the offline sample: quick, and the same everywhere."""
    use(sample, monkeypatch)
    yield sample
    inputs.training_pictures.cache_clear()


# Measures


@pytest.fixture(scope="module")
def network(sample):
    network = Network.from_sizes((784, 20, 10), seed=1)
    train(network, sample.train.images, sample.train.labels, learning_rate=0.1, progress=False)
    return network


def moved(images, right):
    """What is still to be seen of the images when they are moved by so many pixels; no function of the package."""
    out = np.zeros_like(images)
    columns = np.arange(28)
    there = (columns + right >= 0) & (columns + right < 28)
    out[:, :, columns[there] + right] = images[:, :, columns[there]]
    return out


def the_images(data):
    """For each measure, the images and labels that it is of."""
    angles = np.random.default_rng(90).uniform(0, 90, len(data.test.labels))
    n = len(data.train.labels) // 12
    return {
        "validation": (data.train.images[-n:], data.train.labels[-n:]),
        "test": (data.test.images, data.test.labels),
        "rotated_test": (rotate(data.test.images, angles), data.test.labels),
        "shifted_left": (moved(data.test.images, -3), data.test.labels),
        "shifted_right": (moved(data.test.images, 3), data.test.labels),
    }


@pytest.mark.parametrize("name", [name for name in MEASURES if not name.endswith("_averaged")])
def test_a_measure_is_of_its_images(on_sample, network, name):
    result = measure(network, TINY, (name,), on_sample.train.images)
    images = the_images(on_sample)
    assert name in images, f"say in the_images of which images the new measure {name} is"
    pictures, labels = images[name]
    assert result[f"{name}_confusion"] == confusion_matrix(labels, network.predict(preprocess(pictures))).tolist()
    assert result[f"{name}_cost"] == pytest.approx(network.mean_cost(preprocess(pictures), one_hot(labels)), rel=1e-5)
    assert list(result) == [f"{name}_confusion", f"{name}_cost"]


@pytest.mark.parametrize("name", [name for name in MEASURES if name.endswith("_averaged")])
def test_an_averaged_measure_is_of_averaged_outputs(on_sample, network, name):
    pictures, labels = the_images(on_sample)[name.removesuffix("_averaged")]
    plain = measure(network, TINY, (name.removesuffix("_averaged"),), on_sample.train.images)
    result = measure(network, TINY, (name,), on_sample.train.images)
    expected = confusion_matrix(labels, averaged_outputs(network, pictures).argmax(axis=1)).tolist()
    assert result == {f"{name}_confusion": expected}
    assert expected not in plain.values()


def test_no_two_measures_are_of_the_same_images(on_sample, network):
    result = measure(network, TINY, MEASURES, on_sample.train.images)
    assert list(result)[::3] == [f"{name}_confusion" for name in MEASURES[::2]]
    for one, other in itertools.combinations([f"{name}_confusion" for name in MEASURES], 2):
        assert result[one] != result[other]


@pytest.mark.parametrize("name", ["validation", "test", "rotated_test", "shifted_left"])
def test_images_are_measured_as_the_recipe_prepares_them(on_sample, network, name):
    pictures, labels = the_images(on_sample)[name]
    for recipe, rows in (
        (Recipe(pictures="deskewed"), preprocess(deskew(pictures))),
        (Recipe(scale="unit"), flatten(to_float(pictures))),
    ):
        result = measure(network, recipe, (name,), on_sample.train.images)
        assert result[f"{name}_confusion"] == confusion_matrix(labels, network.predict(rows)).tolist()


def test_a_cost_is_recorded_to_six_digits_and_must_be_finite(on_sample, network):
    assert six_digits(0.123456789, "it") == 0.123457
    assert six_digits(1234.56789, "it") == 1234.57
    broken = Network.from_sizes((784, 5, 10), output="identity", seed=0)
    broken.layers[-1].biases[:] = 1e30
    with np.errstate(over="ignore"), pytest.raises(ArithmeticError, match="the cost on test is inf"):
        measure(broken, TINY, ("test",), on_sample.train.images)


# Averaged outputs


@pytest.fixture
def softmax_network(sample):
    network = Network.from_sizes((784, 20, 10), "relu", "softmax", "cross_entropy", seed=1)
    train(network, sample.train.images, sample.train.labels, learning_rate=0.1, progress=False)
    return network


def test_averaged_outputs_of_softmax_sum_to_1_and_are_the_same_each_time(softmax_network, sample):
    images = sample.test.images[:100]
    first, again = (averaged_outputs(softmax_network, images) for _ in range(2))
    assert first.shape == (100, 10)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, averaged_outputs(softmax_network, images, seed=1))


def test_averaged_outputs_without_views_are_the_networks_own(softmax_network, sample):
    own = softmax_network.forward(preprocess(sample.test.images))
    np.testing.assert_allclose(averaged_outputs(softmax_network, sample.test.images, views=0), own, atol=1e-6)


def test_averaged_outputs_are_the_mean_over_the_image_and_its_warps(softmax_network, sample, monkeypatch):
    """With warps that the test knows: all are shifts, by one pixel more each time."""
    images = sample.test.images[:1003]  # more than one thousand at a time
    calls = []

    class Shifts:
        def __init__(self, **limits):
            assert max(limits["rotation"], 100 * limits["scale"], limits["alpha"] / 3) <= 9  # small ones

        def __call__(self, pictures, rng):
            calls.append(rng)
            return shift(pictures, 0, len(calls))

    monkeypatch.setattr(measuring, "RandomDeformation", Shifts)
    averaged = averaged_outputs(softmax_network, images, views=3)
    each = [softmax_network.forward(preprocess(shift(images, 0, k))) for k in range(4)]
    np.testing.assert_allclose(averaged, np.mean(each, axis=0), atol=1e-5)
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"network": None}, TypeError, "network must be a Network; it is None"),
        ({"network": "best"}, TypeError, "network must be a Network; it is 'best'"),
        ({"images": None}, TypeError, "images must be an array of numbers; it is None"),
        ({"images": "seven"}, TypeError, "images must be an array of numbers"),
        ({"images": np.zeros((3, 784), np.uint8)}, ValueError, r"images must have shape \(n, height, width\)"),
        ({"images": np.zeros((28, 28), np.uint8)}, ValueError, r"images must have shape \(n, height, width\)"),
        ({"images": np.zeros((3, 14, 14), np.uint8)}, ValueError, "as many pixels as the network has inputs, 784"),
        ({"images": np.zeros((3, 28, 28))}, TypeError, "uint8"),
        ({"images": np.zeros((3, 28, 28), np.int64)}, TypeError, "uint8"),
        ({"views": -1}, ValueError, "views must be a whole number from 0 to 10,000; it is -1"),
        ({"views": 10_001}, ValueError, "views must be"),
        ({"views": 2.0}, TypeError, "views must be"),
        ({"views": True}, TypeError, "views must be"),
        ({"views": "48"}, TypeError, "views must be"),
        ({"seed": -1}, ValueError, "seed must be a whole number, 0 or more"),
        ({"seed": None}, TypeError, "seed must be a whole number"),
    ],
)
def test_what_cannot_be_averaged_is_refused_by_name(softmax_network, sample, change, error, message):
    with pytest.raises(error, match=message):
        averaged_outputs(**{"network": softmax_network, "images": sample.test.images[:3]} | change)


def test_averaged_outputs_of_no_images_are_none(softmax_network, sample):
    assert averaged_outputs(softmax_network, sample.test.images[:0]).shape == (0, 10)
