"""Rotation, held against SciPy's and against what a rotation must do."""

import numpy as np
import pytest
from scipy import ndimage

from mnist_scratch.augmentation import RandomRotation, rotate, sample


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


def test_a_positive_angle_turns_counter_clockwise_as_displayed():
    image = np.zeros((1, 5, 5), dtype=np.float32)
    image[0, 2, 4] = 1  # three o'clock
    turned = rotate(image, 90)
    assert turned[0, 0, 2] == pytest.approx(1, abs=1e-6)  # twelve o'clock


def test_each_image_has_its_own_angle(images):
    angles = np.array([0, 10, -20, 30, 90, 5])
    np.testing.assert_allclose(
        rotate(images, angles), np.concatenate([rotate(images[k : k + 1], angles[k]) for k in range(6)]), atol=1e-6
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
