"""Warps, held against SciPy's and against what a warp must do."""

import platform
import subprocess
import sys

import numpy as np
import pytest
from scipy import ndimage

from mnist_scratch.augmentation import (
    CHUNK,
    RandomDeformation,
    RandomRotation,
    _coordinates,
    _fields,
    bend_basis,
    rotate,
    sample,
)


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


def test_a_sample_of_float64_pictures_has_their_precision():
    images = np.random.default_rng(3).random((2, 9, 11))
    y, x = np.random.default_rng(4).uniform(-2, 12, (2, 2, 30))
    theirs = [
        ndimage.map_coordinates(*each, order=1, mode="grid-constant")
        for each in zip(images, zip(y, x, strict=True), strict=True)
    ]
    np.testing.assert_allclose(sample(images, y, x), theirs, atol=1e-12)


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
    for warp in (
        lambda images: rotate(images, 20),
        lambda images: RandomDeformation()(images, np.random.default_rng(0)),
    ):
        np.testing.assert_array_equal(warp(given), warp(np.ascontiguousarray(given)))


@pytest.mark.parametrize("shape", [(0, 28, 28), (2, 0, 5), (2, 5, 0)])
def test_nothing_stays_nothing(shape):
    nothing = np.zeros(shape, dtype=np.float32)
    assert rotate(nothing, 20).shape == shape
    assert RandomDeformation(alpha=0)(nothing, np.random.default_rng(0)).shape == shape


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


def test_rotate_refuses_bad_arguments(images):
    with pytest.raises(ValueError, match=r"degrees must be one number or have shape \(6,\).*shape \(5,\)"):
        rotate(images, np.zeros(5))
    with pytest.raises(ValueError, match="degrees must be finite"):
        rotate(images, np.nan)
    with pytest.raises(ValueError, match="images must be finite"):
        rotate(images * np.inf, 3)
    with pytest.raises(ValueError, match=r"images must have shape"):
        rotate(images[0], 3)


def test_sample_reads_between_pixels_and_zero_outside():
    image = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    y, x = np.array([[0.5, 0.0, 1.0, 1.5, -5.0, 50.0]]), np.array([[0.5, 1.0, 0.25, 1.0, 0.0, 50.0]])
    np.testing.assert_allclose(sample(image, y, x), [[1.5, 1.0, 2.25, 1.5, 0.0, 0.0]])


def test_sample_keeps_its_place_among_more_pixels_than_float32_can_count():
    images = np.zeros((400, 210, 210), dtype=np.float32)  # 400 * 213 * 213 is above 2**24
    images[-1, 100, 101] = 1
    y, x = np.full((400, 3), 100, dtype=np.float32), np.tile(np.float32([100, 101, 102]), (400, 1))
    np.testing.assert_array_equal(sample(images, y, x)[-1], [0, 1, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_warp_writes_into_the_array_that_it_returns(images, dtype):
    turned = rotate(images.astype(dtype), 30)
    assert turned.dtype == dtype
    np.testing.assert_allclose(turned, rotate(images, 30), atol=2e-3)


def test_random_rotation_draws_between_its_limits(images):
    class Recorder:
        def uniform(self, low, high, n):
            self.call = (low, high, n)
            return np.linspace(low, high, n)

    recorder = Recorder()
    turned = RandomRotation(-10, 30)(images, recorder)
    assert recorder.call == (-10, 30, 6)
    np.testing.assert_array_equal(turned, rotate(images, np.linspace(-10, 30, 6)))
    assert turned.dtype == np.float32


def test_random_rotation_repeats_with_its_generator(images):
    first, again, other = (RandomRotation(0, 90)(images, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("limits", [(5, -5), (0, np.inf), (np.nan, 3)])
def test_random_rotation_refuses_bad_limits(limits):
    with pytest.raises(ValueError, match="low and high must be finite with low <= high"):
        RandomRotation(*limits)


# RandomDeformation

NOTHING = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "alpha": 0}
ALL = {"rotation": 25, "scale": 0.2, "shear": 0.3, "shift": 2.5, "alpha": 36, "sigma": 5}


class Given:
    """A generator whose numbers the test has chosen."""

    def __init__(self, even, normal=None):
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
    n = 2 * CHUNK + 7
    many = np.concatenate([images] * (n // 6 + 1))[:n]
    given = chosen(n)
    warp = RandomDeformation(**ALL)
    together = warp(many, given)
    for k in (0, 1, CHUNK - 1, CHUNK, 2 * CHUNK - 1, 2 * CHUNK, n - 1):
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


@pytest.mark.parametrize("name", ["rotation", "scale", "shear", "shift", "alpha", "sigma", "sigma_max"])
@pytest.mark.parametrize("limit", [-0.1, np.nan, np.inf, 1e7])
def test_a_deformation_refuses_limits_that_are_negative_or_no_numbers(name, limit):
    with pytest.raises(ValueError, match=rf"{name} must be a number from 0 to 1,000,000; it is .*RandomDeformation"):
        RandomDeformation(**{name: limit})


def test_a_deformation_refuses_what_cannot_work(images):
    with pytest.raises(ValueError, match="scale must be below 1, or an image may vanish; it is 1"):
        RandomDeformation(scale=1)
    with pytest.raises(ValueError, match=r"sigma must be above 0.*set alpha to 0"):
        RandomDeformation(sigma=0)
    with pytest.raises(ValueError, match="sigma_max must not be below sigma; they are 4 and 5"):
        RandomDeformation(sigma_max=4)
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
