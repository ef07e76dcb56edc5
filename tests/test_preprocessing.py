"""The steps from images to rows, and one-hot labels."""

import ast
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from mnist_scratch import augmentation, preprocessing
from mnist_scratch.checks import check_finite
from mnist_scratch.preprocessing import (
    TRAIN_MEAN,
    TRAIN_STD,
    flatten,
    one_hot,
    preprocess,
    standardize,
    to_float,
)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, size=(5, 28, 28), dtype=np.uint8)


def test_to_float_maps_0_to_0_and_255_to_1():
    floats = to_float(np.array([[[0, 51, 255]]], dtype=np.uint8))
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, [[[0, 0.2, 1]]], rtol=1e-6)


@pytest.mark.parametrize("step", [to_float, preprocess])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.full((2, 28, 28), 0.5), r"converted already\? If not, write np\.rint\(np\.multiply\(images, 255\)\)"),
        (np.zeros((2, 28, 28), np.float32), "are float32 .*converted already"),
        (np.full((2, 28, 28), 3.7, np.float16), r"Write np\.rint\(images\)\.astype\(np\.uint8\)"),
        (np.full((2, 28, 28), -0.42), r"smallest is -0\.42\. Were they standardised already"),
        (np.full((2, 28, 28), np.nan), "NaN or infinite"),
        (np.full((2, 28, 28), [[np.inf] + 27 * [0.0]]), "NaN or infinite"),
        (np.full((2, 28, 28), 7), r"are int64 .*Write np\.asarray\(images\)\.astype\(np\.uint8\)"),
        (np.full((2, 28, 28), 255, np.int32), r"Write np\.asarray\(images\)\.astype\(np\.uint8\)"),
        (np.full((2, 28, 28), 256), r"largest is 256: write np\.rint\(np\.multiply\(images, 255 / 256\)\)"),
        (np.full((2, 28, 28), -1), "smallest is -1"),
        (np.full((2, 28, 28), -1, np.int8), r"Read with a sign by mistake\? Write images\.view\(np\.uint8\)"),
        (np.full((2, 28, 28), 1, np.int8), r"Write 255 \* np\.asarray\(images, dtype=np\.uint8\)"),
        (np.ones((2, 28, 28), bool), r"are bool .*Write 255 \* np\.asarray\(images, dtype=np\.uint8\)"),
        (np.zeros((0, 28, 28)), r"Write np\.asarray\(images, dtype=np\.uint8\)"),
        ([[[0, 255]]], r"are int64 .*Write np\.asarray\(images\)\.astype\(np\.uint8\)"),
        ("0 255", "text"),
        (None, "it is None"),
        (np.full((2, 28, 28), "7"), "text of shape"),
        (np.full((2, 28, 28), None), "objects of shape"),
        (np.zeros((2, 28, 28), complex), "complex"),
        (np.ma.zeros((2, 28, 28), np.uint8), "masked array"),
        (sparse.csr_array(np.eye(5, dtype=np.uint8)), "toarray"),
    ],
)  # fmt: skip
def test_what_is_not_uint8_is_refused(step, bad, message):
    with pytest.raises(TypeError, match=rf"images must .*\({step.__name__}\)") as caught:
        step(bad)
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize("step", [to_float, preprocess])
def test_pictures_of_0_and_1_are_not_taken_for_black_ones(mnist, step):
    """A network trained on them stayed at chance."""
    digits = (mnist.train.images[:50] > 127).astype(np.uint8)
    for some in (digits, digits[:1]):
        with pytest.raises(ValueError, match=rf"look like 0 .*\({step.__name__}\)\. Write 255 \* images"):
            step(some)
        assert step(255 * some).max() > 0.99
    digits[0, 3, 3] = 2
    step(digits)


@pytest.mark.parametrize("step", [to_float, preprocess])
def test_few_or_faint_pixels_are_pixels(step):
    faint = np.zeros((2, 28, 28), np.uint8)
    step(faint)
    faint.flat[:15] = 1  # fifteen in 1,568: less than one in a hundred
    step(faint)
    faint.flat[15] = 1
    with pytest.raises(ValueError, match="look like 0"):
        step(faint)
    step(2 * faint)
    one_in_a_hundred = np.eye(10, dtype=np.uint8)[np.newaxis] * (np.arange(10) == 3)
    with pytest.raises(ValueError, match="look like 0"):
        step(one_in_a_hundred.astype(np.uint8))
    step(np.ones((11, 3, 3), np.uint8))  # 99 pixels
    with pytest.raises(ValueError, match="look like 0"):
        step(np.ones((4, 5, 5), np.uint8))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.full((9, 784), 7, np.uint8), r"images\.reshape\(-1, 28, 28\)"),
        (np.full((9, 28, 28, 1), 7, np.uint8), r"images\[\.\.\., 0\]"),
        (np.full((28, 28, 3), 7, np.uint8), r"one picture in colour.*images\[np\.newaxis, \.\.\., :3\]"),
        (np.full((28, 28, 4), 7, np.uint8), r"one picture in colour.*\.astype\(np\.uint8\)"),
        (np.full((9, 28, 28, 3), 7, np.uint8), r"in colour.*images\[\.\.\., :3\].*\.astype\(np\.uint8\)"),
        (np.full((28, 28), 7, np.uint8), r"image\[np\.newaxis\]"),
        (np.uint8(7), r"shape \(\)"),
    ],
)
def test_preprocess_and_flatten_refuse_other_shapes(bad, message):
    for step in (preprocess, flatten):
        with pytest.raises(
            ValueError, match=rf"images must have shape \(n, height, width\).*\({step.__name__}\)"
        ) as caught:
            step(bad)
        assert re.search(message, str(caught.value))


@pytest.mark.parametrize(
    "laid_out",
    [
        np.asfortranarray,
        lambda images: images[::-1, :, ::-1],
        lambda images: images.transpose(0, 2, 1),
        lambda images: np.broadcast_to(images[0], images.shape),
    ],
)
def test_images_may_lie_in_memory_in_any_order(images, laid_out):
    given = laid_out(images)
    given.flags.writeable = False
    plain = np.ascontiguousarray(given)
    np.testing.assert_array_equal(preprocess(given), preprocess(plain))
    np.testing.assert_array_equal(flatten(given), flatten(plain))
    np.testing.assert_array_equal(standardize(to_float(given)), standardize(to_float(plain)))


def test_none_stay_none():
    for shape in ((0, 28, 28), (0, 0, 0), (3, 0, 4)):
        rows = preprocess(np.zeros(shape, np.uint8))
        assert (rows.shape, rows.dtype) == ((shape[0], shape[1] * shape[2]), np.float32)
    assert to_float(np.zeros(0, np.uint8)).shape == (0,)
    assert standardize(np.zeros((0, 28, 28), np.float32)).shape == (0, 28, 28)


def test_standardize_subtracts_and_divides():
    np.testing.assert_allclose(standardize(np.array([[[1.0, 3.0]]]), mean=1, std=2), [[[0, 1]]])


def test_standardize_keeps_the_dtype_and_leaves_its_argument_alone(images):
    floats = to_float(images)
    before = floats.copy()
    assert standardize(floats).dtype == np.float32
    assert standardize(floats.astype(np.float64)).dtype == np.float64
    np.testing.assert_array_equal(floats, before)


def test_standardize_by_pixel(images):
    floats = to_float(images).astype(np.float64)
    rows = standardize(floats, mean=floats.mean(axis=0), std=floats.std(axis=0))
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1)


@pytest.mark.parametrize("std", [0, -1, np.nan, np.zeros((28, 28))])
def test_standardize_refuses_a_deviation_that_is_not_positive(images, std):
    with pytest.raises(ValueError, match="std must be finite and above zero"):
        standardize(to_float(images), std=std)


def test_standardize_refuses_a_mean_of_another_shape(images):
    with pytest.raises(ValueError, match=r"mean must be one number or have the shape of one image, \(28, 28\)"):
        standardize(to_float(images), mean=np.zeros(27))


def test_standardize_refuses_a_mean_for_each_column(images):
    """It was taken for all the lines of each image."""
    with pytest.raises(ValueError, match=r"mean must be one number or have the shape of one image, \(28, 28\)"):
        standardize(to_float(images), mean=np.zeros(28))
    with pytest.raises(ValueError, match="std must be one number"):
        standardize(to_float(images), std=np.ones((1, 28)))
    one = to_float(images)[0]
    np.testing.assert_array_equal(standardize(one, one, np.full((28, 28), 2)), np.zeros((28, 28)))


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize(
    "bad",
    ["0.1", None, 1j, True, [[1], [1, 2]], np.ma.ones((28, 28)), np.full((28, 28), "1"), np.ones((28, 28), object)],
)
def test_standardize_refuses_a_mean_that_is_no_number(images, name, bad):
    with pytest.raises((TypeError, ValueError), match=rf"{name} must .*\(standardize\)"):
        standardize(to_float(images), **{name: bad})


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros((2, 28, 28), np.uint8), TypeError, "Run to_float"),
        (np.zeros((2, 28, 28), bool), TypeError, "must be floats; these are bool"),
        (np.zeros((2, 28, 28), complex), TypeError, "complex"),
        (np.ma.zeros((2, 28, 28)), TypeError, "masked"),
        (None, TypeError, "None"),
        ("0.5", TypeError, "text"),
        (np.full((2, 28, 28), np.nan), ValueError, "must be finite numbers"),
        (np.full((2, 28, 28), np.inf, np.float32), ValueError, "must be finite numbers"),
        (np.full((2, 28, 28), 3e38, np.float32), ValueError, "must be small enough .* to fit float32"),
        (np.full((2, 28, 28), 6e4, np.float16), ValueError, "must be small enough .* to fit float16"),
    ],
)
def test_standardize_refuses_bad_images(bad, error, message):
    with pytest.raises(error, match=rf"images .*{message}"):
        standardize(bad)


def test_standardize_takes_small_floats_and_lists(images):
    floats = to_float(images)
    half = standardize(floats.astype(np.float16))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, standardize(floats), atol=0.01)
    np.testing.assert_allclose(standardize(floats.tolist()), standardize(floats), atol=1e-5)
    with pytest.raises(ValueError, match="std must be finite and above zero, as float16"):
        standardize(floats.astype(np.float16), std=1e-9)  # 0 in float16
    with pytest.raises(ValueError, match=r"mean must be finite .*, as float32"):
        standardize(floats, mean=1e300)


def test_the_default_mean_and_deviation_are_the_training_sets(full_mnist):
    pixels = full_mnist.train.images / np.float64(255)
    assert pixels.mean() == pytest.approx(TRAIN_MEAN, abs=5e-6)
    assert pixels.std() == pytest.approx(TRAIN_STD, abs=5e-6)


def test_flatten_lays_lines_one_after_another_without_a_copy(images):
    rows = flatten(images)
    assert rows.shape == (5, 784)
    assert np.shares_memory(rows, images)
    np.testing.assert_array_equal(rows[2, 28:56], images[2, 1])


def test_flatten_keeps_an_empty_stack():
    assert flatten(np.zeros((0, 28, 28))).shape == (0, 784)


@pytest.mark.parametrize("shape", [(28, 28), (784,), (2, 28, 28, 1)])
def test_flatten_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\)"):
        flatten(np.zeros(shape))


def test_preprocess_is_the_three_steps(images):
    rows = preprocess(images)
    assert rows.shape == (5, 784)
    assert rows.dtype == np.float32
    expected = (images.reshape(5, 784) / 255 - TRAIN_MEAN) / TRAIN_STD
    np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-6)


def test_preprocess_takes_the_steps_in_the_papers_order(images, monkeypatch):
    seen = []
    for name in ("to_float", "standardize", "flatten"):
        step = getattr(preprocessing, name)

        def spy(array, name=name, step=step):
            seen.append((name, array.dtype, array.shape))
            return step(array)

        monkeypatch.setattr(preprocessing, name, spy)
    preprocess(images)
    assert seen == [
        ("to_float", np.uint8, (5, 28, 28)),
        ("standardize", np.float32, (5, 28, 28)),
        ("flatten", np.float32, (5, 28, 28)),
    ]


def test_one_hot_puts_the_one_at_the_labels_place():
    rows = one_hot(np.array([1, 0, 9], dtype=np.uint8))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(np.nonzero(rows), [[0, 1, 2], [1, 0, 9]])
    np.testing.assert_array_equal(rows.sum(axis=1), 1)


def test_one_hot_takes_lists_and_other_numbers_of_classes():
    np.testing.assert_array_equal(one_hot([2, 0], n_classes=3), [[0, 0, 1], [1, 0, 0]])
    assert one_hot([]).shape == (0, 10)


def test_one_hot_names_the_label_that_does_not_fit():
    labels = np.zeros(100, dtype=int)
    labels[84] = 12
    with pytest.raises(
        ValueError,
        match=r"labels must be integers from 0 to 9; label 12 is at position 84 \(one_hot\)\. Is n_classes right\?",
    ):
        one_hot(labels)
    with pytest.raises(ValueError, match="label -1 is at position 0"):
        one_hot([-1])


@pytest.mark.parametrize(
    ("n_classes", "error"),
    [(0, ValueError), (-1, ValueError), (10**12, ValueError), (10.0, ValueError), ("10", TypeError), (None, TypeError),
     (True, ValueError), (np.float32(10), ValueError), ([10], TypeError)],
)  # fmt: skip
def test_one_hot_refuses_a_number_of_classes_that_is_none(n_classes, error):
    with pytest.raises(error, match=r"n_classes must be a whole number from 1 to 1,000,000; it is .*\(one_hot\)"):
        one_hot([0, 0], n_classes)
    assert one_hot([0, 0], np.uint8(1)).shape == (2, 1)


@pytest.mark.parametrize(
    "labels", [None, "12", ["1"], [None], [True, False], np.ma.array([1, 2]), [1j], 3, [[1, 0]], [2**63], [np.nan],
               [[1], [2, 3]], sparse.csr_array([[1, 0]])],
)  # fmt: skip
def test_one_hot_refuses_what_are_no_labels(labels):
    with pytest.raises((TypeError, ValueError), match=r"labels must .*\(one_hot\)"):
        one_hot(labels)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_may_be_of_any_integer_type_and_order(dtype):
    labels = np.arange(10, dtype=dtype)[::-2]
    labels.flags.writeable = False
    np.testing.assert_array_equal(one_hot(labels), np.eye(10)[[9, 7, 5, 3, 1]])


def test_flatten_takes_lists_and_refuses_what_is_no_array_of_numbers():
    np.testing.assert_array_equal(flatten([[[1, 2, 3], [4, 5, 6]]]), [[1, 2, 3, 4, 5, 6]])
    for bad in (None, "image", [[["a"]]], np.ma.zeros((1, 2, 2)), np.full((1, 2, 2), None)):
        with pytest.raises(TypeError, match=r"images must .*\(flatten\)"):
            flatten(bad)
    with pytest.raises(ValueError, match=r"images must have rows of one length \(flatten\)"):
        flatten([[1, 2], [3]])


MOVED = ["center", "deskew", "shift"]


@pytest.mark.parametrize("name", MOVED)
def test_what_has_moved_is_still_found_here(name, monkeypatch):
    assert getattr(preprocessing, name) is getattr(augmentation, name)
    assert pickle.loads(pickle.dumps(getattr(preprocessing, name))) is getattr(augmentation, name)
    assert name in dir(preprocessing)
    everything = {}
    exec(f"from mnist_scratch.preprocessing import {name}\nfrom mnist_scratch.preprocessing import *", everything)
    assert everything[name] is getattr(augmentation, name)
    monkeypatch.setattr(augmentation, name, "another")
    assert getattr(preprocessing, name) == "another"


def test_everything_public_is_imported_by_a_star_and_nothing_else():
    everything = {}
    exec("from mnist_scratch.preprocessing import *", everything)
    public = ["TRAIN_MEAN", "TRAIN_STD", "flatten", "one_hot", "preprocess", "standardize", "to_float", *MOVED]
    assert sorted(everything.keys() - {"__builtins__"}) == sorted(public)
    assert set(public) | {"np", "__doc__"} <= set(dir(preprocessing))


def test_what_was_never_here_is_not_found():
    with pytest.raises(AttributeError, match=r"module 'mnist_scratch.preprocessing' has no attribute 'rotate'"):
        preprocessing.rotate  # noqa: B018
    with pytest.raises(ImportError, match="rotate"):
        exec("from mnist_scratch.preprocessing import rotate")
    assert not hasattr(preprocessing, "descew")


def test_this_floor_imports_none_above_it():
    tree = ast.parse(Path(preprocessing.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    assert {module for module in modules if module.startswith("mnist_scratch")} == {"mnist_scratch.checks"}
    code = "import sys, mnist_scratch.preprocessing\nprint('mnist_scratch.augmentation' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_one_hot_refuses_floats_and_columns():
    with pytest.raises(TypeError, match="labels must be integers"):
        one_hot([1.0, 2.0])
    with pytest.raises(ValueError, match=r"labels must have shape \(n,\)"):
        one_hot([[1], [2]])


@pytest.mark.parametrize(
    "values",
    [np.full(100, 3e38, np.float32), np.array([6e4, 6e4], np.float16), np.array([-1e308, -1e308]), np.array([3, 7]),
     np.array([True]), np.zeros((0, 3))],
)  # fmt: skip
def test_finite_numbers_pass_also_where_their_sum_overflows(values):
    check_finite(values, "numbers", "test")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_one_number_that_is_not_finite_is_found(bad, place, dtype):
    values = np.ones((3, 4), dtype)
    values[place] = bad
    with pytest.raises(ValueError, match=rf"numbers must be finite numbers; .*position \({place[0]}, {place[1]}\) is"):
        check_finite(values, "numbers", "test")


def test_infinities_that_cancel_are_found():
    with pytest.raises(ValueError, match=r"position \(1,\) is inf"):
        check_finite(np.array([0, np.inf, -np.inf]), "numbers", "test")
