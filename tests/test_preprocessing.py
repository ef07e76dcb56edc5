"""The steps from images to rows, and one-hot labels."""

import numpy as np
import pytest
from scipy import ndimage

from mnist_scratch import preprocessing
from mnist_scratch.checks import check_finite
from mnist_scratch.preprocessing import (
    TRAIN_MEAN,
    TRAIN_STD,
    center,
    deskew,
    flatten,
    one_hot,
    preprocess,
    shift,
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_to_float_refuses_what_is_not_uint8(dtype):
    with pytest.raises(TypeError, match=r"images must be uint8.*to_float"):
        to_float(np.zeros((1, 28, 28), dtype=dtype))


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


def test_standardize_refuses_integers(images):
    with pytest.raises(TypeError, match="Run to_float"):
        standardize(images)


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


def test_one_hot_refuses_floats_and_columns():
    with pytest.raises(TypeError, match="labels must be integers"):
        one_hot([1.0, 2.0])
    with pytest.raises(ValueError, match=r"labels must have shape \(n,\)"):
        one_hot([[1], [2]])


def slanted_bar(slope, dtype=np.float64):
    """A soft vertical bar that leans by `slope` columns a line."""
    y, x = np.mgrid[:28, :28] - 13.5
    bar = np.exp(-((x - slope * y) ** 2) / 4) * (np.abs(y) < 8)
    return (bar if dtype != np.uint8 else np.rint(255 * bar)).astype(dtype)[np.newaxis]


def slope_of(image):
    """The regression slope of x on y, weighted by ink: written independently of deskew."""
    y, x = np.nonzero(image)
    ink = image[y, x]
    covariance = np.cov(np.stack([y, x]), aweights=ink)
    return covariance[0, 1] / covariance[0, 0]


@pytest.mark.parametrize("slope", [-0.6, 0.0, 0.4])
def test_deskew_straightens_a_slanted_bar(slope):
    slanted = slanted_bar(slope)
    assert slope_of(slanted[0]) == pytest.approx(slope, abs=0.03)
    straight = deskew(slanted)
    assert slope_of(straight[0]) == pytest.approx(0, abs=0.01)
    assert straight.sum() == pytest.approx(slanted.sum(), rel=1e-5)
    np.testing.assert_allclose(straight, slanted_bar(0.0), atol=0.06)


def test_deskew_agrees_with_scipys_affine_warp():
    slanted = slanted_bar(0.5)
    slope = slope_of(slanted[0])
    centre = np.array(ndimage.center_of_mass(slanted[0]))
    matrix = np.array([[1, 0], [slope, 1]])
    theirs = ndimage.affine_transform(slanted[0], matrix, [0, -slope * centre[0]], order=1, mode="grid-constant")
    np.testing.assert_allclose(deskew(slanted)[0], theirs, atol=1e-5)


def test_deskew_keeps_dtype_and_rounds_uint8():
    bars = slanted_bar(0.5, np.uint8)
    assert deskew(bars).dtype == np.uint8
    floats = deskew(bars.astype(np.float32))
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(deskew(bars), np.rint(floats))


def test_deskew_leaves_alone_what_has_no_slant_to_measure():
    blank, line, dot = np.zeros((3, 1, 28, 28), dtype=np.float32)
    line[0, 10, 3:20] = 1
    dot[0, 3, 7] = 1
    for image in (blank, line, dot):
        np.testing.assert_array_equal(deskew(image), image)


def test_deskew_treats_each_image_by_itself():
    both = np.concatenate([slanted_bar(0.4), slanted_bar(-0.3)])
    many = np.concatenate([both] * 501)  # crosses the thousand at which the work is cut
    np.testing.assert_allclose(deskew(many)[:2], np.concatenate([deskew(both[:1]), deskew(both[1:])]), atol=1e-6)
    np.testing.assert_allclose(deskew(many)[-2:], deskew(many)[:2], atol=1e-6)


def test_deskew_refuses_bad_images():
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\)"):
        deskew(np.zeros((28, 28)))
    images = np.zeros((1, 28, 28))
    images[0, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"the value at position \(0, 1, 2\) is nan \(deskew\)"):
        deskew(images)
    with pytest.raises(TypeError, match="images must be uint8 or floats"):
        deskew(np.zeros((1, 28, 28), dtype=np.int64))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (0, -5), (-2, 7), (27, 27), (28, 0), (0, -99)])
def test_shift_agrees_with_scipy(images, dtype, down, right):
    images = images[:, :, :20].astype(dtype)  # not square
    theirs = [ndimage.shift(image, (down, right), order=0, cval=0) for image in images]
    ours = shift(images, down, right)
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, theirs)


def test_shift_moves_down_and_right_each_image_its_own_way(images):
    image = np.zeros((2, 5, 5), dtype=np.uint8)
    image[:, 2, 2] = 9
    moved = shift(image, np.array([1, -1]), np.array([2, 0]))
    np.testing.assert_array_equal(np.argwhere(moved), [[0, 3, 4], [1, 1, 2]])
    down, right = np.random.default_rng(1).integers(-4, 5, (2, 5))
    alone = [shift(images[k : k + 1], down[k], right[k])[0] for k in range(5)]
    np.testing.assert_array_equal(shift(images, down, right), alone)
    assert shift(images[:0], 1, 1).shape == (0, 28, 28)


def test_shift_leaves_its_argument_alone(images):
    before = images.copy()
    shift(images, 3, 3)[:] = 7
    shift(images, 0, 0)[:] = 7
    np.testing.assert_array_equal(images, before)


def test_shift_refuses_bad_distances(images):
    with pytest.raises(TypeError, match=r"down must be whole pixels; it is float64 \(shift\)"):
        shift(images, 1.5, 0)
    with pytest.raises(ValueError, match=r"right must be one number or have shape \(5,\).*shape \(4,\)"):
        shift(images, 0, np.zeros(4, dtype=int))
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\).*shift"):
        shift(images[0], 0, 0)


def blobs(dtype):
    """Six lopsided pictures of 24 x 28 with 9 empty pixels or more on every side."""
    pictures = np.zeros((6, 24, 28))
    pictures[:, 9:15, 10:18] = np.random.default_rng(4).random((6, 6, 8))
    return (pictures if dtype != np.uint8 else np.rint(255 * pictures)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_center_puts_the_inks_centre_within_half_a_pixel_of_the_middle(dtype):
    moved = shift(blobs(dtype), [5, -4, 3, 0, -7, 2], [-6, 0, 8, 4, 1, -3])
    centered = center(moved)
    assert centered.dtype == dtype
    assert centered.sum(dtype=np.float64) == pytest.approx(moved.sum(dtype=np.float64))
    for before, after in zip(moved, centered, strict=True):
        assert np.abs(np.subtract(ndimage.center_of_mass(before), (11.5, 13.5))).max() > 0.51
        assert np.abs(np.subtract(ndimage.center_of_mass(after), (11.5, 13.5))).max() < 0.51


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_center_undoes_any_shift_and_a_second_time_does_nothing(dtype):
    pictures = center(blobs(dtype))
    rng = np.random.default_rng(5)
    moved = shift(pictures, *rng.integers(-4, 5, (2, 6)))
    assert not np.array_equal(moved, pictures)
    np.testing.assert_array_equal(center(moved), pictures)
    np.testing.assert_array_equal(center(pictures), pictures)


def test_center_counts_a_large_uint8_image_without_wrapping():
    picture = np.full((1, 28, 28), 255, dtype=np.uint8)
    np.testing.assert_array_equal(center(picture), picture)


def test_center_leaves_an_image_without_ink():
    both = np.concatenate([np.zeros((1, 24, 28), dtype=np.uint8), blobs(np.uint8)[:1]])
    np.testing.assert_array_equal(center(both)[0], 0)
    np.testing.assert_array_equal(center(both)[1:], center(both[1:]))
    assert center(both[:0]).shape == (0, 24, 28)


def test_center_refuses_bad_images(images):
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\).*center"):
        center(images[0])
    with pytest.raises(TypeError, match=r"images must be uint8 or floats.*center"):
        center(images.astype(int))


def test_mnists_makers_centred_their_digits_so(mnist):
    """By the ink's centre of mass, to a whole pixel: hardly an image has to move by more than one."""
    pictures = mnist.train.images[:2000]
    offsets = np.array([ndimage.center_of_mass(picture) for picture in pictures]) - 13.5
    assert np.abs(offsets).max() < 1.5


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
