"""Every public function, and what people hand it: the right answer, or an error that names the argument.

To add a function, add a row to DOORS: how to call it with one argument left open, that argument's name, a good value.
"""

import inspect

import numpy as np
import pytest

from mnist_scratch import augmentation, gradient_check, layers, metrics, preprocessing
from mnist_scratch.costs import CrossEntropy, SquaredError
from mnist_scratch.experiments import averaged_outputs
from mnist_scratch.layers import Layer
from mnist_scratch.network import Network
from mnist_scratch.training import train

RNG = np.random.default_rng(0)
IMAGES, FLOATS = RNG.integers(0, 256, (6, 8, 8), dtype=np.uint8), RNG.random((6, 8, 8)).astype(np.float32)
LABELS, ROWS = np.array([0, 1, 2, 3, 2, 1]), RNG.standard_normal((6, 64))
TARGETS = np.eye(4)[LABELS]
OUT = np.full((6, 4), 0.25)


def net():
    return Network.from_sizes([64, 5, 4], "tanh", "softmax", "cross_entropy", dtype=np.float64)


def after_forward():
    layer = Layer(64, 4, rng=np.random.default_rng(0), dtype=np.float64)
    layer.forward(ROWS)
    return layer


def learnt(images, labels, **options):
    network = net()
    train(network, images, labels, progress=False, **options)
    return network.join_parameters()


def assigned(layer, weights):
    layer.weights = weights
    return layer.weights


def deformed(images):
    return augmentation.RandomDeformation()(images, np.random.default_rng(0))


DOORS = {
    "to_float": (preprocessing.to_float, "images", IMAGES),
    "standardize": (preprocessing.standardize, "images", FLOATS),
    "standardize mean": (lambda mean: preprocessing.standardize(FLOATS, mean=mean), "mean", np.full((8, 8), 0.5)),
    "flatten": (preprocessing.flatten, "images", IMAGES),
    "one_hot": (preprocessing.one_hot, "labels", LABELS),
    "preprocess": (preprocessing.preprocess, "images", IMAGES),
    "rotate": (lambda images: augmentation.rotate(images, 30), "images", FLOATS),
    "rotate degrees": (lambda degrees: augmentation.rotate(FLOATS, degrees), "degrees", np.arange(6.0)),
    "deskew": (augmentation.deskew, "images", FLOATS),
    "center": (augmentation.center, "images", FLOATS),
    "shift": (lambda images: augmentation.shift(images, 1, 2), "images", FLOATS),
    "shift down": (lambda down: augmentation.shift(FLOATS, down, 2), "down", np.arange(6)),
    "RandomRotation": (lambda i: augmentation.RandomRotation(0, 9)(i, np.random.default_rng(0)), "images", FLOATS),
    "RandomDeformation": (deformed, "images", FLOATS),
    "accuracy": (lambda labels: metrics.accuracy(labels, LABELS), "labels", LABELS),
    "accuracy predictions": (lambda said: metrics.accuracy(LABELS, said), "predictions", LABELS),
    "confusion_matrix": (lambda labels: metrics.confusion_matrix(labels, LABELS), "labels", LABELS),
    "digit_table": (lambda labels: metrics.digit_table(labels, LABELS)[2].count, "labels", LABELS),
    "mean_interval": (metrics.mean_interval, "values", np.arange(5.0)),
    "sigmoid": (layers.sigmoid, "net", ROWS),
    "softmax": (layers.softmax, "net", ROWS),
    "relu": (layers.relu, "net", ROWS),
    "SquaredError.value": (lambda out: SquaredError().value(out, TARGETS), "out", OUT),
    "SquaredError.dcost_dout": (lambda targets: SquaredError().dcost_dout(OUT, targets), "targets", TARGETS),
    "CrossEntropy.value": (lambda out: CrossEntropy().value(out, TARGETS), "out", OUT),
    "CrossEntropy.dcost_dout": (lambda targets: CrossEntropy().dcost_dout(OUT, targets), "targets", TARGETS),
    "Layer.forward": (lambda rows: after_forward().forward(rows), "inputs", ROWS),
    "Layer.backward": (lambda slopes: after_forward().backward(slopes), "dcost_dout", OUT),
    "Layer.weights": (
        lambda w: setattr(layer := after_forward(), "weights", w) or layer.weights,
        "weights",
        ROWS[:4].T,
    ),
    "Network.forward": (lambda rows: net().forward(rows), "inputs", ROWS),
    "Network.predict": (lambda rows: net().predict(rows), "inputs", ROWS),
    "Network.gradients": (lambda rows: net().gradients(rows, TARGETS), "inputs", ROWS),
    "Network.gradients targets": (lambda targets: net().gradients(ROWS, targets), "targets", TARGETS),
    "Network.mean_cost": (lambda rows: net().mean_cost(rows, TARGETS), "inputs", ROWS),
    "gradient_check": (lambda rows: gradient_check.gradient_check(net(), rows, TARGETS), "inputs", ROWS),
    "train images": (lambda images: learnt(images, LABELS), "images", IMAGES),
    "train rows": (lambda rows: learnt(rows, LABELS), "images", ROWS),
    "train labels": (lambda labels: learnt(IMAGES, labels), "labels", LABELS),
    "train targets": (lambda targets: learnt(IMAGES, targets), "labels|targets", TARGETS),
    "train validation": (lambda rows: learnt(IMAGES, LABELS, validation=(rows, LABELS)), "validation images", ROWS),
    "averaged_outputs": (lambda images: averaged_outputs(net(), images, views=1), "images", IMAGES),
}

SAME = {
    "Fortran order": np.asfortranarray,
    "negative strides": lambda good: good[tuple([slice(None, None, -1)] * good.ndim)].copy()[
        tuple([slice(None, None, -1)] * good.ndim)
    ],
    "read-only": lambda good: read_only(good),
    "every other": lambda good: np.repeat(good, 2, axis=0)[::2],
    "another byte order": lambda good: good.astype(good.dtype.newbyteorder()),
}

WRONG = {
    "None": lambda good: None,
    "text": lambda good: good.astype(str),
    "one text": lambda good: "digits",
    "objects": lambda good: np.full(good.shape, {}, dtype=object),
    "complex": lambda good: good.astype(complex),
    "dates": lambda good: np.full(good.shape, np.datetime64("2020-01-01")),
    "masked": lambda good: np.ma.masked_array(good, mask=good == good.flat[0]),
    "ragged": lambda good: [[1.0, 2.0], [3.0]],
    "a dictionary": lambda good: {"images": good},
    "one axis more": lambda good: good[..., np.newaxis, np.newaxis],
    "a generator": lambda good: (row for row in good),
}

TAKES_ANY_SHAPE = {"to_float", "standardize", "sigmoid", "softmax", "relu"}


def read_only(good):
    good = good.copy()
    good.flags.writeable = False
    return good


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("form", SAME)
def test_the_same_numbers_in_another_memory_give_the_same_answer(door, form):
    call, _, good = DOORS[door]
    kept = good.copy()
    np.testing.assert_allclose(call(SAME[form](good)), call(good), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(good, kept)  # nothing is written into an argument


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("spoil", WRONG)
def test_a_wrong_thing_is_refused_by_the_arguments_name(door, spoil):
    call, name, good = DOORS[door]
    if spoil == "one axis more" and door in TAKES_ANY_SHAPE:
        assert call(WRONG[spoil](good)).shape[: good.ndim] == good.shape
        return
    with pytest.raises((TypeError, ValueError), match=name):
        call(WRONG[spoil](good))


@pytest.mark.parametrize("door", [name for name, (_, _, good) in DOORS.items() if good.dtype.kind == "f"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_or_seen_in_the_answer(door, value):
    call, name, good = DOORS[door]
    spoiled = good.copy()
    spoiled.flat[1] = value
    try:
        with np.errstate(all="ignore"):
            answer = np.asarray(call(spoiled))
    except (TypeError, ValueError) as error:
        assert any(part in str(error) for part in name.split("|")), error  # noqa: PT017
    else:  # an activation, a layer or a cost passes it on: sigmoid(inf) is 1
        assert door in TAKES_ANY_SHAPE or not np.isfinite(answer).all() or door.startswith(("Layer", "Cross"))


@pytest.mark.parametrize("room", [preprocessing, augmentation, metrics, layers, gradient_check])
def test_every_public_function_of_these_rooms_has_a_row(room):
    rows = {name.split()[0].split(".")[0] for name in DOORS}
    elsewhere = {
        "wilson_interval",  # of single numbers: test_metrics
        "DigitRow",
        "numerical_gradient",  # of a function and the array that it reads: test_gradient_check
        "bend_basis",  # of single numbers: test_augmentation
        "bilinear",  # what all warps read through, which have checked by then
        "Fields",
        "Activation",
    }
    public = {
        name
        for name, thing in vars(room).items()
        if not name.startswith("_")
        and getattr(thing, "__module__", "") == room.__name__
        and (inspect.isfunction(thing) or inspect.isclass(thing))
    }
    assert public - rows - elsewhere == set(), "add a row for each to DOORS"
