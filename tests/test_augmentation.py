"""Warps, held against SciPy's and against what a warp must do."""

import platform
import re
import subprocess
import sys
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from scipy import ndimage, sparse

from mnist_scratch.augmentation import (
    CHUNK,
    RandomDeformation,
    RandomRotation,
    _coordinates,
    _fields,
    _parts,
    _smoothing_modes,
    bend_basis,
    bilinear,
    center,
    deskew,
    rotate,
    shift,
)
from mnist_scratch.preprocessing import preprocess, standardize, to_float


@pytest.fixture
def images():
    noise = np.random.default_rng(1).random((6, 28, 28), dtype=np.float32)
    return ndimage.gaussian_filter(noise, (0, 1, 1)).astype(np.float32)


@pytest.mark.parametrize("degrees", [-170, -45, -7.3, 0, 12.5, 33, 90, 180, 725])
def test_rotate_agrees_with_scipy(images, degrees):
    theirs = [ndimage.rotate(image, degrees, reshape=False, order=1, mode="grid-constant") for image in images]
    np.testing.assert_allclose(rotate(images, degrees), theirs, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 20, 31), (3, 1, 1), (2, 5, 4)])
def test_rotate_agrees_with_scipy_on_other_shapes(shape):
    images = np.random.default_rng(2).random(shape)
    theirs = [ndimage.rotate(image, 20, reshape=False, order=1, mode="grid-constant") for image in images]
    np.testing.assert_allclose(rotate(images, 20), theirs, atol=1e-5)


def test_float64_pictures_are_read_with_their_precision():
    images = np.random.default_rng(3).random((2, 9, 11))
    y, x = np.random.default_rng(4).uniform(-2, 12, (2, 2, 30))
    theirs = [
        ndimage.map_coordinates(*each, order=1, mode="grid-constant")
        for each in zip(images, zip(y, x, strict=True), strict=True)
    ]
    np.testing.assert_allclose(bilinear(images, y, x), theirs, atol=1e-12)


def test_a_positive_angle_turns_counter_clockwise_as_displayed():
    image = np.zeros((1, 5, 5), dtype=np.float32)
    image[0, 2, 4] = 1  # three o'clock
    turned = rotate(image, 90)
    assert turned[0, 0, 2] == pytest.approx(1, abs=1e-6)  # twelve o'clock


def test_each_image_has_its_own_angle(images):
    angles = np.array([0, 10, -20, 30, 90, 5])
    np.testing.assert_allclose(
        rotate(images, angles), np.concatenate([rotate(images[k : k + 1], angles[k]) for k in range(6)]), atol=1e-5
    )


def test_rotate_by_nothing_changes_nothing_and_back_again_almost_nothing(images):
    np.testing.assert_array_equal(rotate(images, 0), images)
    smooth = np.zeros((1, 28, 28), dtype=np.float32)
    smooth[0, 10:18, 10:18] = 1
    smooth = ndimage.gaussian_filter(smooth, (0, 2, 2))
    np.testing.assert_allclose(rotate(rotate(smooth, 25), -25), smooth, atol=0.04)  # each interpolation blurs a little
    assert rotate(smooth, 25).sum() == pytest.approx(smooth.sum(), rel=1e-3)


def test_four_quarter_turns_are_none(images):
    np.testing.assert_allclose(rotate(images, 90), np.rot90(images, axes=(1, 2)), atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize(
    "laid_out",
    [
        lambda images: images.transpose(0, 2, 1),
        lambda images: np.rot90(images, axes=(1, 2)),
        np.asfortranarray,
        lambda images: np.moveaxis(np.moveaxis(images, 0, 2).copy(), 2, 0),
        lambda images: np.broadcast_to(images[0], (30, 28, 28)),
        lambda images: images[:, ::-1, ::2],
    ],
)
def test_images_may_lie_in_memory_in_any_order(images, laid_out, dtype):
    given = laid_out((200 * images).astype(dtype))
    given.flags.writeable = False
    for warp in WARPS.values():
        np.testing.assert_array_equal(warp(given), warp(np.ascontiguousarray(given)))


WARPS = {
    "rotate": lambda images: rotate(images, 20),
    "deskew": deskew,
    "center": center,
    "shift": lambda images: shift(images, 2, -1),
    "RandomRotation": lambda images: RandomRotation(-20, 20)(images, np.random.default_rng(0)),
    "RandomDeformation": lambda images: RandomDeformation()(images, np.random.default_rng(0)),
}
each_warp = pytest.mark.parametrize("name", WARPS)


@each_warp
@pytest.mark.parametrize("shape", [(0, 28, 28), (2, 0, 5), (2, 5, 0)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_nothing_stays_nothing(name, shape, dtype):
    warped = WARPS[name](np.zeros(shape, dtype))
    assert (warped.shape, warped.dtype) == (shape, dtype)


def test_rotate_keeps_dtype_and_range(images):
    pixels = np.rint(255 * images / images.max()).astype(np.uint8)
    turned = rotate(pixels, 33)
    assert turned.dtype == np.uint8
    np.testing.assert_array_equal(turned, np.rint(rotate(pixels.astype(np.float32), 33)))
    assert rotate(images.astype(np.float64), 33).dtype == np.float64
    assert 0 <= rotate(images, 33).min() <= rotate(images, 33).max() <= images.max()


def test_rotate_takes_many_and_none(images):
    many = np.concatenate([images] * 100)  # crosses the size at which the work is cut
    np.testing.assert_array_equal(rotate(many, 17)[-6:], rotate(images, 17))
    assert rotate(images[:0], 17).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("degrees", "error", "message"),
    [
        ("45", TypeError, "must be an array of numbers; it is str, text"),
        (None, TypeError, "it is None"),
        (True, TypeError, "must be numbers; it is bool"),
        (1j, TypeError, "complex"),
        ([None] * 6, TypeError, "objects"),
        (np.ma.masked_array(np.zeros(6), mask=True), TypeError, "must not be a masked array"),
        (np.zeros((6, 1)), ValueError, r"has shape \(6, 1\)"),
        ([[1, 2], [3]], ValueError, "rows of one length"),
        ([0, 0, 0, np.inf, 0, 0], ValueError, r"the value at position \(3,\) is inf"),
        (np.nan, ValueError, "must be finite numbers; it is nan"),
    ],
)
def test_rotate_refuses_what_are_no_angles(images, degrees, error, message):
    with pytest.raises(error, match=rf"degrees .*{message}.*\(rotate\)"):
        rotate(images, degrees)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.float32, np.longdouble])
def test_angles_may_be_of_any_type(images, dtype):
    np.testing.assert_array_equal(rotate(images, np.full(6, 20, dtype)), rotate(images, 20))
    np.testing.assert_array_equal(rotate(images, [20] * 6), rotate(images, 20))


@pytest.mark.parametrize("turns", [1, -3, 10**9, 2**40])
def test_whole_turns_are_none_however_many(images, turns):
    np.testing.assert_array_equal(rotate(images, 360 * turns + 33), rotate(images, 33 if turns > 0 else 33 - 360))
    np.testing.assert_allclose(rotate(images, 360 * turns + 33), rotate(images, 33), atol=1e-5)
    assert np.isfinite(rotate(images, 1e308)).all()


def test_rotate_refuses_bad_arguments(images):
    with pytest.raises(ValueError, match=r"degrees must be one number or have shape \(6,\).*shape \(5,\)"):
        rotate(images, np.zeros(5))
    with pytest.raises(ValueError, match="degrees must be finite"):
        rotate(images, np.nan)
    with pytest.raises(ValueError, match="images must be finite"):
        rotate(images * np.inf, 3)
    with pytest.raises(ValueError, match=r"images must have shape"):
        rotate(images[0], 3)


def test_bilinear_reads_between_pixels_and_zero_outside():
    image = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    y, x = np.array([[0.5, 0.0, 1.0, 1.5, -5.0, 50.0]]), np.array([[0.5, 1.0, 0.25, 1.0, 0.0, 50.0]])
    np.testing.assert_allclose(bilinear(image, y, x), [[1.5, 1.0, 2.25, 1.5, 0.0, 0.0]])


def test_bilinear_keeps_its_place_among_more_pixels_than_float32_can_count():
    images = np.zeros((400, 210, 210), dtype=np.float32)  # 400 * 213 * 213 is above 2**24
    images[-1, 100, 101] = 1
    y, x = np.full((400, 3), 100, dtype=np.float32), np.tile(np.float32([100, 101, 102]), (400, 1))
    np.testing.assert_array_equal(bilinear(images, y, x)[-1], [0, 1, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_warp_writes_into_the_array_that_it_returns(images, dtype):
    turned = rotate(images.astype(dtype), 30)
    assert turned.dtype == dtype
    np.testing.assert_allclose(turned, rotate(images, 30), atol=2e-3)


def test_random_rotation_draws_between_its_limits(images):
    class Recorder(np.random.Generator):
        def uniform(self, low, high, n):
            self.call = (low, high, n)
            return np.linspace(low, high, n)

    recorder = Recorder(np.random.PCG64())
    turned = RandomRotation(-10, 30)(images, recorder)
    assert recorder.call == (-10, 30, 6)
    np.testing.assert_array_equal(turned, rotate(images, np.linspace(-10, 30, 6)))
    assert turned.dtype == np.float32


def test_random_rotation_repeats_with_its_generator(images):
    first, again, other = (RandomRotation(0, 90)(images, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("limits", "error", "message"),
    [
        ((5, -5), ValueError, "low must not be above high; they are 5 and -5"),
        ((0, np.inf), ValueError, "high must be a finite number, .*; it is inf"),
        ((np.nan, 3), ValueError, "low must be a finite number, .*; it is nan"),
        ((-1e308, 1e308), ValueError, "low must be a finite number, -1e.06 or more"),
        (("0", 90), TypeError, "low must be a finite number, .*; it is '0'"),
        ((0, True), TypeError, "high must be a finite number, .*; it is True"),
        ((None, 3), TypeError, "low must be a finite number, .*; it is None"),
        (([0, 1], 3), TypeError, "low must be a finite number"),
    ],
)
def test_random_rotation_refuses_bad_limits(limits, error, message):
    with pytest.raises(error, match=rf"{message}.*\(RandomRotation\)"):
        RandomRotation(*limits)


# What every warp is given


@each_warp
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (None, TypeError, "must be an array of numbers; it is None"),
        ("images", TypeError, "text"),
        ([["a"]], TypeError, "text"),
        (np.zeros((2, 5, 5), object), TypeError, "objects"),
        (np.zeros((2, 5, 5), complex), TypeError, "complex"),
        (np.ma.zeros((2, 5, 5)), TypeError, "masked"),
        (sparse.csr_array(np.eye(5)), TypeError, r"dense array.*\.toarray"),
        (np.ones((2, 5, 5), bool), TypeError, r"are bool .*255 \* np.asarray\(images, dtype=np.uint8\)"),
        (np.full((2, 5, 5), 7), TypeError, r"are int64 .*np.asarray\(images\)\.astype\(np.uint8\)"),
        ([[[0, 255]]], TypeError, r"are int64 .*np.asarray\(images\)\.astype\(np.uint8\)"),
        (np.zeros(784, np.uint8), ValueError, r"images\.reshape\(-1, 28, 28\)"),
        (np.zeros((9, 784), np.uint8), ValueError, r"images\.reshape\(-1, 28, 28\)"),
        (np.zeros((0, 784), np.uint8), ValueError, r"images\.reshape\(0, 28, 28\)"),
        (np.zeros((28, 28)), ValueError, r"For a single image, write image\[np\.newaxis\]"),
        (np.zeros((5, 28, 28, 1)), ValueError, r"images\[\.\.\., 0\]"),
        (np.zeros((5, 1, 28, 28)), ValueError, r"images\[:, 0\]"),
        (np.zeros((5, 28, 28, 3)), ValueError, r"colour.*images\[\.\.\., :3\]\.mean\(axis=-1\)\.$"),
        (np.zeros((5, 4, 28, 28)), ValueError, r"colour.*images\[:, :3\]\.mean\(axis=1\)\.$"),
        (np.zeros((28, 28, 4), np.uint8), ValueError, r"one picture in colour.*:3\]\.mean\(axis=-1\)\.astype\(np"),
        (np.zeros((2, 2, 2, 2, 2)), ValueError, r"shape \(2, 2, 2, 2, 2\)"),
        (np.float64(3), ValueError, r"they have shape \(\)"),
        (np.full((2, 5, 5), np.nan), ValueError, r"finite numbers; the value at position \(0, 0, 0\) is nan"),
        (np.full((2, 5, 5), -np.inf, np.float16), ValueError, "finite numbers"),
    ],
)
def test_every_warp_refuses_what_are_no_pictures(name, bad, error, message):
    with pytest.raises(error, match=rf"(?s)images must .*\({name}\)") as caught:
        WARPS[name](bad)
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize(
    "pictures",
    [
        np.random.default_rng(0).integers(0, 256, (4, 784), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, 784, dtype=np.uint8),
        np.zeros((0, 784), np.uint8),
        np.random.default_rng(0).integers(0, 256, (4, 28, 28)),
        np.random.default_rng(0).integers(0, 256, (4, 28, 28)).tolist(),
        np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8).view(np.int8),
        np.random.default_rng(0).integers(0, 60000, (4, 28, 28), dtype=np.uint16),
        np.random.default_rng(0).integers(0, 2, (4, 28, 28)) > 0,
        np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, (4, 28, 28, 3), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, (4, 3, 28, 28), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 256, (28, 28, 4), dtype=np.uint8),
        np.random.default_rng(0).random((28, 28, 3)),
        np.random.default_rng(0).random((28, 28)),
    ],
    ids=lambda pictures: f"{getattr(pictures, 'dtype', 'list')} {np.shape(pictures)}",
)
@pytest.mark.parametrize("function", [deskew, preprocess])
def test_the_advice_in_a_message_is_a_way_out(function, pictures):
    """Do what each message says until it is content: two messages at most, then the right number of pictures."""
    n = 1 if np.shape(pictures)[0] in (28, 784) else len(pictures)
    for _ in range(3):
        try:
            assert len(function(pictures)) == n
        except (TypeError, ValueError) as error:
            (advice,) = re.findall(r"(?:write|Write|first,|:|not,) ((?:255|np\.|images?[.\[]).*?)\.?$", str(error))
            pictures = eval(advice, {"np": np, "images": pictures, "image": pictures})
        else:
            return
    raise AssertionError("the messages lead nowhere")


@pytest.mark.parametrize("name", ["deskew", "center", "shift"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_where_ink_is_moved_none_may_be_negative(mnist, name, dtype):
    digits = to_float(mnist.train.images[:20]).astype(dtype)
    WARPS[name](digits)
    with pytest.raises(ValueError, match=rf"smallest pixel is -0.42.*\({name}\)\. Do this before standardize"):
        WARPS[name](standardize(digits))
    digits[-1, -1, -1] = -1e-3
    with pytest.raises(ValueError, match=rf"smallest pixel is -0.001.*\({name}\)"):
        WARPS[name](digits)


@pytest.mark.parametrize("name", ["rotate", "RandomRotation", "RandomDeformation"])
def test_a_background_that_is_negative_has_been_standardized(mnist, name):
    """Other pictures may have negative pixels: noise, slopes, or what a transposed warp is tried on."""
    digits = to_float(mnist.train.images[:20])
    with pytest.raises(ValueError, match=rf"have -0.42\d+ in every corner \({name}\)\. Do this before standardize"):
        WARPS[name](standardize(digits))
    for change in (0, 1):
        for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
            one_is_other = standardize(digits)
            one_is_other[(change, *corner)] = -0.4
            assert WARPS[name](one_is_other).shape == digits.shape
    noise = np.random.default_rng(0).standard_normal((3, 9, 9))
    assert WARPS[name](noise).min() < 0


@pytest.mark.parametrize("name", ["RandomRotation", "RandomDeformation"])
@pytest.mark.parametrize("rng", [None, 3, np.random.RandomState(0), np.random, "0"])
def test_an_augmentation_refuses_what_is_no_generator(images, name, rng):
    warp = {"RandomRotation": RandomRotation(0, 9), "RandomDeformation": RandomDeformation()}[name]
    with pytest.raises(TypeError, match=rf"rng must be a numpy.random.Generator; .*\({name}\)\. .*default_rng"):
        warp(images, rng)


@each_warp
def test_the_largest_numbers_give_numbers_or_an_error(name):
    """Twice the largest float is infinite, and infinity less infinity is nothing."""
    for dtype in (np.float16, np.float32):
        images = np.zeros((2, 9, 9), dtype)
        images[:, 3:6, 3:6] = np.finfo(dtype).max
        warped = WARPS[name](images)
        assert np.isfinite(warped).all()
        assert warped.max() > 0.5 * np.finfo(dtype).max
    for dtype in (np.float32, np.float64):
        images = np.zeros((2, 9, 9), dtype)
        images[:, 4] = np.finfo(dtype).max * np.tile([1, -1, 1], 3)
        with pytest.raises(ValueError, match="images must hold"):
            WARPS[name](images)
    with (
        pytest.raises(ValueError, match="images must hold") if name in ("deskew", "center", "shift") else nullcontext()
    ):
        WARPS[name](np.full((2, 9, 9), 1e300))


@pytest.mark.parametrize(
    ("shape", "at_once"),
    [
        ((300, 28, 28), 128),
        ((2000, 10, 10), 1003),
        ((3, 500, 600), 1),
        ((5, 300, 300), 1),
        ((5, 224, 224), 2),
        ((4, 0, 5), CHUNK),
    ],
)
def test_work_is_cut_by_pixels(shape, at_once):
    starts = [part.start for part in _parts(shape)]
    assert starts == list(range(0, shape[0], at_once))
    assert [part.stop for part in _parts(shape)] == [start + at_once for start in starts]


@pytest.mark.parametrize("name", ["rotate", "deskew", "RandomRotation", "RandomDeformation"])
def test_large_pictures_take_little_memory(name):
    """Besides what is returned, a few times one picture, not a few times all of them."""
    pictures = np.zeros((24, 400, 400), np.uint8)
    pictures[:, 100:300, 150:250] = 200
    WARPS[name](pictures[:1])  # whatever is kept for later
    tracemalloc.start()
    try:
        WARPS[name](pictures)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < pictures.nbytes + 100 * pictures[0].nbytes  # each is 25 pictures in float32, of one byte a pixel


# deskew, shift, center


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, size=(5, 28, 28), dtype=np.uint8)


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
    many = np.concatenate([both] * 101)  # crosses the size at which the work is cut
    assert len(many) > CHUNK // 784
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


def slid(image, slope, middle):
    """Each line of an image slid by hand, in float64: between two pixels lies a straight line, and outside is zero."""
    x = np.arange(image.shape[1])
    known = np.pad(image.astype(np.float64), ((0, 0), (1, 1)))
    lines = [np.interp(x + slope * (y - middle), np.arange(-1, len(x) + 1), line) for y, line in enumerate(known)]
    return np.array(lines)


def slid_straight(image):
    return slid(image, slope_of(image), ndimage.center_of_mass(image)[0])


def test_a_thousand_digits_are_slid_as_by_hand_and_rounded_in_the_same_way(mnist):
    """Of 784,000 pixels, five are so near to a half that float32 rounds them the other way."""
    digits = mnist.train.images[:1000]
    by_hand = np.array([slid_straight(digit) for digit in digits])
    gaps = np.abs(deskew(digits).astype(int) - np.rint(by_hand).astype(int))
    assert gaps.max() <= 1
    assert np.count_nonzero(gaps) <= 20
    floats = digits / np.float32(255)
    np.testing.assert_allclose(deskew(floats), by_hand / 255, atol=1e-5)


def test_ink_at_the_frame_is_not_drawn_out_when_its_line_slides_away():
    """Lines were once read from places left of the frame as if ink were there: seen in 7 of MNIST's 60,000 digits."""
    for flip in (slice(None), slice(None, None, -1)):
        stroke = np.zeros((1, 28, 28))
        stroke[0, np.arange(28), np.arange(28)[flip]] = 1  # from corner to corner
        stroke[0, 3:25, 0] = stroke[0, 3:25, -1] = 0.5
        np.testing.assert_allclose(deskew(stroke)[0], slid_straight(stroke[0]), atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "darkness"), [*[(t, d) for t in "fd" for d in (1e-30, 1e-14, 1e-6, 1e30)], ("d", 1e-270), ("d", 1e270)]
)
def test_a_faint_digit_is_straightened_as_a_dark_one_is(dtype, darkness):
    bars = slanted_bar(0.5)
    np.testing.assert_allclose(deskew((bars * darkness).astype(dtype)) / darkness, deskew(bars), atol=1e-5)
    moved = shift(bars, 4, -5)
    np.testing.assert_allclose(center((moved * darkness).astype(dtype)) / darkness, center(moved), atol=1e-6)


@pytest.mark.parametrize(("faint", "slides"), [(1e-8, False), (0.7e-6, False), (1.4e-6, True), (1e-4, True)])
def test_ink_on_a_second_line_counts_from_a_thousandth_of_a_pixel_on(faint, slides):
    """The ink's deviation up and down is the root of its share on the second line, if that is small."""
    image = np.zeros((1, 9, 21))
    image[0, 4, 10] = 1
    image[0, 5, 13] = faint  # 3 to the right: the line below slides there
    straight = deskew(image)
    assert straight[0, 4, 10] == pytest.approx(1, abs=1e-3)
    assert straight[0, 5, 10 if slides else 13] == pytest.approx(faint, rel=1e-2)


def test_distances_may_be_of_any_integer_type_and_as_large_as_it_allows(pixels):
    for dtype in (np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64):
        np.testing.assert_array_equal(shift(pixels, np.full(5, 3, dtype), dtype(2)), shift(pixels, 3, 2))
        for far in (np.iinfo(dtype).max, np.iinfo(dtype).min or 28):
            assert not shift(pixels, dtype(far), 0).any()
            assert not shift(pixels, 0, np.full(5, far, dtype)).any()
    np.testing.assert_array_equal(shift(pixels[:0], [], []), pixels[:0])
    np.testing.assert_array_equal(shift(pixels, [1, 2, 3, 4, 5], 0)[4], shift(pixels[4:], 5, 0)[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, 0), (0, -5), (-2, 7), (27, 27), (28, 0), (0, -99)])
def test_shift_agrees_with_scipy(pixels, dtype, down, right):
    images = pixels[:, :, :20].astype(dtype)  # not square
    theirs = [ndimage.shift(image, (down, right), order=0, cval=0) for image in images]
    ours = shift(images, down, right)
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, theirs)


def test_shift_moves_down_and_right_each_image_its_own_way(pixels):
    image = np.zeros((2, 5, 5), dtype=np.uint8)
    image[:, 2, 2] = 9
    moved = shift(image, np.array([1, -1]), np.array([2, 0]))
    np.testing.assert_array_equal(np.argwhere(moved), [[0, 3, 4], [1, 1, 2]])
    down, right = np.random.default_rng(1).integers(-4, 5, (2, 5))
    alone = [shift(pixels[k : k + 1], down[k], right[k])[0] for k in range(5)]
    np.testing.assert_array_equal(shift(pixels, down, right), alone)
    assert shift(pixels[:0], 1, 1).shape == (0, 28, 28)


def test_shift_leaves_its_argument_alone(pixels):
    before = pixels.copy()
    shift(pixels, 3, 3)[:] = 7
    shift(pixels, 0, 0)[:] = 7
    np.testing.assert_array_equal(pixels, before)


def test_shift_refuses_bad_distances(pixels):
    with pytest.raises(TypeError, match=r"down must be whole pixels; it is float64 \(shift\)"):
        shift(pixels, 1.5, 0)
    with pytest.raises(ValueError, match=r"right must be one number or have shape \(5,\).*shape \(4,\)"):
        shift(pixels, 0, np.zeros(4, dtype=int))
    advice = np.rint(np.full(5, 1.5)).astype(int)
    np.testing.assert_array_equal(shift(pixels, advice, 0), shift(pixels, 2, 0))
    for bad in ("1", None, True, 1j, [None] * 5, np.ma.zeros(5, int), 10**30):
        for name, distances in (("down", (bad, 0)), ("right", (0, bad))):
            with pytest.raises(TypeError, match=rf"{name} must .*\(shift\)"):
                shift(pixels, *distances)
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\).*shift"):
        shift(pixels[0], 0, 0)


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


def test_center_refuses_bad_images(pixels):
    with pytest.raises(ValueError, match=r"images must have shape \(n, height, width\).*center"):
        center(pixels[0])
    with pytest.raises(TypeError, match=r"images must be uint8 or floats.*center"):
        center(pixels.astype(int))


def test_mnists_makers_centred_their_digits_so(mnist):
    """By the ink's centre of mass, to a whole pixel: hardly an image has to move by more than one."""
    pictures = mnist.train.images[:2000]
    offsets = np.array([ndimage.center_of_mass(picture) for picture in pictures]) - 13.5
    assert np.abs(offsets).max() < 1.5


# RandomDeformation

NOTHING = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "alpha": 0}
ALL = {"rotation": 25, "scale": 0.2, "shear": 0.3, "shift": 2.5, "alpha": 36, "sigma": 5}


class Given(np.random.Generator):
    """A generator whose numbers the test has chosen."""

    def __init__(self, even, normal=None):
        super().__init__(np.random.PCG64())
        self.even, self.normal = np.asarray(even, dtype=np.float64), normal

    def uniform(self, low, high, size):
        assert (low, high, size) == (-1, 1, self.even.shape)
        return self.even

    def standard_normal(self, size, dtype):
        assert (size, dtype) == (self.normal.shape, np.float32)
        return self.normal

    def choice(self, widths):
        self.widths = widths
        return self.width


def chosen(n, shape=(28, 28), sigma=5.0, seed=0):
    """Random numbers for n images: (6, n) for turn, height, width, slant, down, right, and the fields' strengths."""
    rng = np.random.default_rng(seed)
    return Given(
        rng.uniform(-1, 1, (6, n)),
        rng.standard_normal((2, n, len(bend_basis(*shape, sigma))), dtype=np.float32),
    )


def only(**parts):
    """Numbers for one image: 0 but for those named."""
    names = ("turn", "tall", "wide", "slant", "down", "right")
    return Given([[parts.get(name, 0)] for name in names])


def warped_by_scipy(images, limits, given):
    """The same warp, written for one image at a time in float64: a product of three matrices, and a field."""
    shape = images.shape[1:]
    centre = (np.array(shape, dtype=np.float64) - 1)[:, np.newaxis, np.newaxis] / 2
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")) - centre  # (2, height, width): y, x
    warped = []
    for k, image in enumerate(images):
        turn, tall, wide, slant, down, right = given.even[:, k]
        angle = np.pi / 180 * limits["rotation"] * turn
        rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        shear = np.array([[1, 0], [limits["shear"] * slant, 1]])
        scale = np.diag([1 / (1 + limits["scale"] * tall), 1 / (1 + limits["scale"] * wide)])
        source = np.tensordot(rotation @ shear @ scale, places, axes=1) + centre
        source += limits["shift"] * np.array([down, right])[:, np.newaxis, np.newaxis]
        if limits["alpha"]:
            basis = bend_basis(*shape, limits["sigma"]).astype(np.float64)
            # numbers drawn evenly from -1 to 1 have the variance 1/3
            source += limits["alpha"] * 3**-0.5 * (given.normal[:, k] @ basis).reshape(2, *shape)
        warped.append(ndimage.map_coordinates(image, source, order=1, mode="grid-constant"))
    return np.array(warped)


@pytest.mark.parametrize("part", ["rotation", "scale", "shear", "shift", "alpha", "all"])
def test_a_deformation_agrees_with_scipy(images, part):
    limits = ALL if part == "all" else {**NOTHING, "sigma": 5, part: ALL[part]}
    given = chosen(6)
    ours = RandomDeformation(**limits)(images, given)
    assert not np.allclose(ours, images, atol=1e-2)
    np.testing.assert_allclose(ours, warped_by_scipy(images, limits, given), atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 31), (5, 4), (1, 1)])
def test_a_deformation_agrees_with_scipy_on_other_shapes(shape):
    images = np.random.default_rng(2).random((5, *shape))
    given = chosen(5, shape)
    np.testing.assert_allclose(RandomDeformation(**ALL)(images, given), warped_by_scipy(images, ALL, given), atol=1e-5)


@pytest.mark.parametrize("width", [3.0, 5.0, 7.0, 9.0])
def test_with_several_widths_each_call_draws_one_and_moves_pixels_as_far(images, width):
    given = chosen(6, sigma=width)
    given.width = width
    ours = RandomDeformation(**{**ALL, "sigma": 3, "alpha": 20}, sigma_max=9)(images, given)
    np.testing.assert_array_equal(given.widths, [3, 5, 7, 9])
    # the deviation of a displacement goes as alpha / sigma
    theirs = warped_by_scipy(images, {**ALL, "sigma": width, "alpha": 20 * width / 3}, given)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_deformation_without_limits_changes_nothing(images):
    np.testing.assert_array_equal(RandomDeformation(**NOTHING)(images, np.random.default_rng(0)), images)


@pytest.fixture
def blob():
    """A smooth picture, lopsided, with room around it."""
    picture = np.zeros((1, 28, 28), dtype=np.float32)
    picture[0, 9:18, 10:16] = 1
    picture[0, 9:13, 16:19] = 0.5
    return ndimage.gaussian_filter(picture, (0, 2, 2))


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ({"turn": 1}, {"turn": -1}),
        ({"slant": 1}, {"slant": -1}),
        ({"tall": 1, "wide": -0.5}, {"tall": (1 / 1.2 - 1) / 0.2, "wide": (1 / 0.9 - 1) / 0.2}),
        ({"down": 1, "right": -0.7}, {"down": -1, "right": 0.7}),
    ],
)
def test_each_part_is_undone_by_its_inverse(blob, there, back):
    warp = RandomDeformation(**{**ALL, "alpha": 0})
    warped = warp(blob, only(**there))
    assert np.abs(warped - blob).max() > 0.1
    np.testing.assert_allclose(warp(warped, only(**back)), blob, atol=0.05)  # each interpolation blurs a little


def test_all_parts_together_are_undone_one_after_another(blob):
    """What is read last is undone first: the scale, the shear, the turn, and then the shift."""
    warp = RandomDeformation(**{**ALL, "alpha": 0})
    picture = warp(blob, only(turn=0.8, tall=1, wide=-0.5, slant=0.7, down=0.5, right=-0.6))
    for back in (
        {"tall": (1 / 1.2 - 1) / 0.2, "wide": (1 / 0.9 - 1) / 0.2},
        {"slant": -0.7},
        {"turn": -0.8},
        {"down": -0.5, "right": 0.6},
    ):
        picture = warp(picture, only(**back))
    np.testing.assert_allclose(picture, blob, atol=0.08)


def test_the_limits_are_what_they_say():
    """At the end of each limit, a mark lands where the words of the docstring have it."""

    def ink(picture, **parts):
        return ndimage.center_of_mass(RandomDeformation(**{**ALL, "alpha": 0})(picture, only(**parts))[0])

    picture = np.zeros((1, 29, 29), dtype=np.float32)  # its centre is pixel (14, 14)
    picture[0, 3:6, 13:16] = 1  # a square, 10 lines above the centre
    assert ink(picture) == pytest.approx((4, 14))
    assert ink(picture, down=1, right=-1) == pytest.approx((4 - 2.5, 14 + 2.5), abs=0.01)
    assert ink(picture, tall=1) == pytest.approx((14 - 12, 14), abs=0.05)
    assert ink(picture, tall=-1) == pytest.approx((14 - 8, 14), abs=0.05)
    assert ink(picture, slant=1) == pytest.approx((4, 14 + 3), abs=0.05)  # a line 10 above slides by 10 * 0.3
    radians = np.deg2rad(25)
    turned = (14 - 10 * np.cos(radians), 14 - 10 * np.sin(radians))  # counter-clockwise: to the left
    assert ink(picture, turn=1) == pytest.approx(turned, abs=0.05)


@pytest.mark.parametrize(
    ("parts", "factor"),
    [
        ({"turn": 1}, 1),
        ({"slant": -1}, 1),
        ({"down": 0.37, "right": -0.9}, 1),
        ({"tall": 1}, 1.2),
        ({"wide": -1}, 0.8),
        ({"turn": 0.5, "slant": 1, "down": 1, "tall": 0.5, "wide": 0.5}, 1.1**2),
    ],
)
def test_ink_is_neither_made_nor_lost_but_by_the_scale(blob, parts, factor):
    warped = RandomDeformation(**{**ALL, "alpha": 0})(blob, only(**parts))
    assert warped.sum() == pytest.approx(factor * blob.sum(), rel=5e-3)


def test_a_deformation_stays_in_range_and_keeps_the_dtype(images):
    images = 0.2 + images
    warped = RandomDeformation(**ALL)(images, chosen(6))
    assert warped.dtype == np.float32
    assert -1e-6 <= warped.min() <= warped.max() <= images.max() + 1e-6
    assert RandomDeformation(**ALL)(images.astype(np.float64), chosen(6)).dtype == np.float64
    pixels = np.rint(200 * images).astype(np.uint8)
    rounded = RandomDeformation(**ALL)(pixels, chosen(6))
    assert rounded.dtype == np.uint8
    np.testing.assert_array_equal(rounded, np.rint(RandomDeformation(**ALL)(pixels.astype(np.float32), chosen(6))))


def test_each_image_has_a_warp_of_its_own_also_where_the_work_is_cut(images):
    at_once = CHUNK // 784
    n = 2 * at_once + 7
    many = np.concatenate([images] * (n // 6 + 1))[:n]
    given = chosen(n)
    warp = RandomDeformation(**ALL)
    together = warp(many, given)
    for k in (0, 1, at_once - 1, at_once, 2 * at_once - 1, 2 * at_once, n - 1):
        alone = warp(many[k : k + 1], Given(given.even[:, k : k + 1], given.normal[:, k : k + 1]))
        np.testing.assert_allclose(together[k], alone[0], atol=1e-5)
    same = warp(np.repeat(images[:1], 6, axis=0), chosen(6))
    differences = np.abs(same[:, np.newaxis] - same).max(axis=(2, 3))
    assert differences[~np.eye(6, dtype=bool)].min() > 0.01
    assert warp(images[:0], np.random.default_rng(0)).shape == (0, 28, 28)


def test_a_deformation_repeats_with_its_generator_and_leaves_the_images_alone(images):
    before = images.copy()
    first, again, other = (RandomDeformation()(images, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(images, before)


def test_a_deformation_says_what_it_is():
    warp = RandomDeformation(12, 0.12, 0, 1.5, alpha=30)
    text = "RandomDeformation(rotation=12, scale=0.12, shear=0, shift=1.5, alpha=30, sigma=5)"
    assert repr(warp) == text
    assert repr(eval(text)) == text
    text = text[:-1] + ", sigma_max=8)"
    assert repr(eval(text)) == text


LIMITS = ["rotation", "scale", "shear", "shift", "alpha", "sigma", "sigma_max"]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("limit", [-0.1, np.nan, np.inf, 1e7])
def test_a_deformation_refuses_limits_that_are_out_of_range(name, limit):
    with pytest.raises(ValueError, match=rf"{name} must be a finite number, 0 or more and at most .*RandomDeformation"):
        RandomDeformation(**{name: limit})


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        (name, limit)
        for name in LIMITS
        for limit in ("5", True, None, [1.0], 1j)
        if (name, limit) != ("sigma_max", None)
    ],
)
def test_a_deformation_refuses_limits_that_are_no_numbers(name, limit):
    with pytest.raises(TypeError, match=rf"{name} must be a finite number.*RandomDeformation"):
        RandomDeformation(**{name: limit})


@pytest.mark.parametrize("limits", [dict.fromkeys(LIMITS[:1] + LIMITS[2:5], 1e6), {"sigma": 1e6}, {"sigma": 1e-200},
                                    {"alpha": 1e6, "sigma": 1e-3, "sigma_max": 1e3}])  # fmt: skip
def test_the_largest_and_smallest_limits_give_pictures(images, limits):
    """A sigma of a million pixels took half a minute, one of 1e-200 a division by zero."""
    warped = RandomDeformation(**limits)(images, np.random.default_rng(0))
    assert (warped >= 0).all()
    assert (warped <= images.max()).all()


def test_a_deformation_refuses_what_cannot_work(images):
    with pytest.raises(ValueError, match="scale must be below 1, or an image may vanish; it is 1"):
        RandomDeformation(scale=1)
    with pytest.raises(ValueError, match=r"sigma must be above 0.*set alpha to 0"):
        RandomDeformation(sigma=0)
    with pytest.raises(ValueError, match=r"sigma_max must not be below sigma, .*; they are 4 and 5"):
        RandomDeformation(sigma_max=4)
    with pytest.raises(ValueError, match=r"nor a million times as large; they are 5 and 1e-06"):
        RandomDeformation(sigma=1e-6, sigma_max=5)
    assert RandomDeformation(sigma=5, sigma_max=5).sigma_max == 5
    with pytest.raises(ValueError, match=r"images must have shape .*RandomDeformation"):
        RandomDeformation()(images[0], np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"images must be finite.*RandomDeformation"):
        RandomDeformation()(images * np.nan, np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"images must be uint8 or floats.*RandomDeformation"):
        RandomDeformation()(images.astype(np.int64), np.random.default_rng(0))


@pytest.mark.parametrize(("shape", "sigma"), [((28, 28), 5.0), ((28, 28), 2.0), ((12, 17), 3.0), ((28, 28), 50.0)])
def test_the_bending_fields_vary_together_as_smoothed_noise_does(shape, sigma):
    """Exactly, without drawing: the covariance of z @ basis against that of Gaussian-filtered white noise."""
    size = shape[0] * shape[1]
    impulses = np.eye(size).reshape(size, *shape)
    smoothed = ndimage.gaussian_filter(impulses, (0, sigma, sigma), mode="constant").reshape(size, size)
    wanted = smoothed.T @ smoothed
    basis = bend_basis(*shape, sigma).astype(np.float64)
    assert np.abs(basis.T @ basis - wanted).max() < 1e-3 * wanted.max()


@pytest.mark.parametrize(("shape", "sigma"), [((28, 28), 5.0), ((12, 17), 3.0), ((1, 1), 2.0), ((20, 31), None)])
def test_a_coordinate_is_the_sum_of_fields_that_are_never_written_out(shape, sigma):
    y, x = np.mgrid[: shape[0], : shape[1]].reshape(2, -1) - (np.array(shape)[:, np.newaxis] - 1) / 2
    basis = [y, x, np.ones(y.size), *([] if sigma is None else bend_basis(*shape, sigma))]
    weights = np.random.default_rng(0).standard_normal((2, 5, len(basis)), dtype=np.float32)
    ours = _coordinates(weights, _fields(*shape, sigma))
    assert ours.shape == (2, 5, *shape)
    np.testing.assert_allclose(ours.reshape(2, 5, -1), weights @ np.array(basis), atol=1e-4)


def test_few_numbers_make_a_field():
    assert bend_basis(28, 28, 5.0).shape[0] <= 64
    assert bend_basis(28, 28, 5.0).shape[1] == 784


def test_simards_fields_move_the_centre_by_a_little_more_than_a_pixel():
    """Read off a ramp, whose grey is the place it was read from: alpha 36, sigma 5 have the deviation 1.17 pixels."""
    n = 4000
    y, x = np.mgrid[:28, :28] - np.float32(13.5)
    middle = (slice(None), 14, 14)
    for ramp in (y, x):
        warp = RandomDeformation(**{**NOTHING, "alpha": 36})
        moved = warp(np.repeat(ramp[np.newaxis], n, axis=0), np.random.default_rng(7))[middle] - ramp[14, 14]
        expected = 36 / np.sqrt(3) / (2 * 5 * np.sqrt(np.pi))  # a Gaussian's square sums to 1 / (4 pi sigma^2)
        assert expected == pytest.approx(1.17, abs=0.01)
        assert moved.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * n))  # four deviations of the deviation
        assert abs(moved.mean()) < 4 * expected / np.sqrt(n)


@pytest.mark.parametrize("sigma", [0.05, 0.126, 0.5, 1.0, 13 / 3, 5.0, 8.0, 50.0])
@pytest.mark.parametrize("length", [1, 2, 17, 28])
def test_a_line_is_smoothed_as_scipy_does(length, sigma):
    """To the last bit: what was recorded was bent so."""
    smooth = ndimage.gaussian_filter1d(np.eye(length), sigma, axis=0, mode="constant")
    modes, strengths, _ = np.linalg.svd(smooth)
    np.testing.assert_array_equal(_smoothing_modes(length, sigma), modes * strengths)


@pytest.mark.parametrize("bad", [(0, 28, 5), (28, -1, 5), (28.0, 28, 5), ("28", 28, 5), (True, 28, 5), (28, None, 5),
                                 (28, 28, 0), (28, 28, -1), (28, 28, np.nan), (28, 28, "5"), (28, 28, None),
                                 (28, 28, 1e7), (28, 28, True)])  # fmt: skip
def test_bend_basis_refuses_bad_arguments(bad):
    with pytest.raises((TypeError, ValueError), match=r"(height|width|sigma) must be .*\(bend_basis\)"):
        bend_basis(*bad)


def test_a_basis_for_a_large_picture_is_made_field_by_field():
    """Of all products of two functions only those that are kept: a tenth."""
    tracemalloc.start()
    try:
        basis = bend_basis(150, 150, 5.0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * basis.nbytes  # float64 and float32, and the einsum's own


def test_down_and_across_are_bent_independently():
    y, x = np.mgrid[:28, :28] - np.float32(13.5)
    warp = RandomDeformation(**{**NOTHING, "alpha": 36})
    down, across = (
        warp(np.repeat(ramp[np.newaxis], 4000, axis=0), np.random.default_rng(7))[:, 14, 14] for ramp in (y, x)
    )
    assert abs(np.corrcoef(down, across)[0, 1]) < 4 / np.sqrt(4000)


def test_what_is_kept_for_later_cannot_be_spoilt():
    for kept in (*_fields(28, 28), *_fields(28, 28, 5.0)):
        with pytest.raises(ValueError, match="read-only"):
            kept[0, 0] = 1


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries handle memory in their own way")
def test_warping_batch_after_batch_uses_the_same_memory_again():
    """In a process that has done nothing else: fetching memory from the system took twice as long as the warp."""
    code = (
        "import resource, numpy as np\nfrom mnist_scratch.augmentation import RandomDeformation\n"
        "def faults():\n    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "images, rng = np.zeros((128, 28, 28), np.float32), np.random.default_rng(0)\n"
        "for k in range(6):\n    before = faults()\n    RandomDeformation()(images, rng)\nprint(faults() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100  # pages of 4 KB; about a thousand without that piece of memory
