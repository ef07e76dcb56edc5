"""From images to what a network can take in: rows of floats for pictures, one-hot rows for labels.

The paper's section 2.1 names three steps, in this order: to tensor (``to_float``), normalise (``standardize``) and
flatten (``flatten``); section 2.2 adds one-hot encoding (``one_hot``). ``preprocess`` is the three steps together.
``deskew`` is not in the paper: LeCun, Bottou, Bengio and Haffner (1998) straighten slanted digits before training, and
lesson 01 shows what that is worth.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import check_finite, check_labels, check_pictures  # noqa: F401

TRAIN_MEAN = 0.13066
"""Mean pixel of the 60,000 training images, on the scale [0, 1]."""

TRAIN_STD = 0.30811
"""Standard deviation of the same pixels."""


def to_float(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn pixels 0..255 into floats 0..1.

    Parameters
    ----------
    images : uint8 array of any shape
        Pixels, 0 (background) to 255 (ink).

    Returns
    -------
    float32 array of the same shape
        ``images / 255``.

    Raises
    ------
    TypeError
        If the images are not uint8: floats would be divided by 255 a second time.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(
            f"images must be uint8 pixels from 0 to 255; these are {images.dtype} (to_float). "
            "Were they converted already?"
        )
    return images.astype(np.float32) * np.float32(1 / 255)


def standardize(
    images: NDArray[np.floating[Any]], mean: ArrayLike = TRAIN_MEAN, std: ArrayLike = TRAIN_STD
) -> NDArray[np.floating[Any]]:
    """Move the pixels' mean to 0 and scale their standard deviation to 1: ``(x - mean) / std``.

    Parameters
    ----------
    images : float array, (n, 28, 28)
        What ``to_float`` returns. Any float array is taken.
    mean, std : float, or array that broadcasts against one image
        The training set's by default: one number for all pixels. For a mean and a deviation of each pixel's own, pass
        arrays of shape (28, 28); the deviations must be above zero.

    Returns
    -------
    float array of the same shape and dtype

    Raises
    ------
    TypeError
        If the images are whole numbers.
    ValueError
        If a deviation is zero, negative or not finite, or if the mean or std does not fit the images' shape.
    """
    images = np.asarray(images)
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"images must be floats; these are {images.dtype} (standardize). Run to_float(images) first.")
    mean, std = np.asarray(mean, dtype=images.dtype), np.asarray(std, dtype=images.dtype)
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ValueError(
            "mean must be finite and std must be finite and above zero (standardize). "
            "A pixel that never changes has std 0: leave it out, or give it std 1."
        )
    for name, value in (("mean", mean), ("std", std)):
        if value.ndim and value.shape != images.shape[images.ndim - value.ndim :]:
            raise ValueError(
                f"{name} must be one number or have the shape of one image, {images.shape[1:]}; "
                f"it has shape {value.shape} (standardize). Standardise before you flatten."
            )
    standardized: NDArray[np.floating[Any]] = images - mean
    standardized /= std
    return standardized


def flatten(images: NDArray[Any]) -> NDArray[Any]:
    """Lay each image out as one row, line after line: (n, 28, 28) -> (n, 784).

    Parameters
    ----------
    images : array, (n, height, width)

    Returns
    -------
    array, (n, height * width)
        A view of the same memory where NumPy can make one, else a copy.

    Raises
    ------
    ValueError
        If the images are not a stack of pictures.
    """
    images = np.asarray(images)
    if images.ndim != 3:
        raise ValueError(
            f"images must have shape (n, height, width); they have shape {images.shape} (flatten). "
            "For a single image, write image[np.newaxis]."
        )
    return images.reshape(len(images), images.shape[1] * images.shape[2])


def one_hot(labels: ArrayLike, n_classes: int = 10) -> NDArray[np.float32]:
    """Write each label as a row with a single 1 at the label's place (the paper's section 2.2 and figure 3).

    Parameters
    ----------
    labels : integer array, (n,)
        Whole numbers from 0 to ``n_classes - 1``.
    n_classes : int
        How many classes there are.

    Returns
    -------
    float32 array, (n, n_classes)

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If they are not one-dimensional, or one lies outside 0 to ``n_classes - 1``.
    """
    labels = check_labels(labels, n_classes, "one_hot")
    rows = np.zeros((len(labels), n_classes), dtype=np.float32)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def preprocess(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Do the paper's three steps in the paper's order: to float, standardise, flatten.

    Parameters
    ----------
    images : uint8 array, (n, 28, 28)

    Returns
    -------
    float32 array, (n, 784)

    Raises
    ------
    TypeError, ValueError
        As the three steps do.
    """
    return flatten(standardize(to_float(images)))


def deskew(images: NDArray[Any]) -> NDArray[Any]:
    """Straighten slanted digits: slide each line of pixels sideways until the ink's long axis is upright.

    How far an image leans is read from its second moments: with x, y the ink's coordinates about its centre, the slope
    of the axis is ``mean(x * y) / mean(y * y)``, the regression of x on y. Line y is then moved by minus that slope
    times y, in fractions of a pixel (linear interpolation, zero outside). The idea is that of LeCun et al. (1998).

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
        Background 0.

    Returns
    -------
    array of the same shape and dtype
        uint8 images are rounded. An image without ink, or with ink on one line only, stays as it is.

    Raises
    ------
    ValueError
        If the images are not a stack of pictures, or a pixel is NaN or infinite.
    """
    images = np.asarray(images)
    check_pictures(images, "deskew")
    n, height, width = images.shape
    y, x = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    straight = np.empty_like(images)
    for start in range(0, n, 1000):  # a thousand at a time: the working arrays stay small
        ink = images[start : start + 1000].astype(np.float32, copy=False)
        by_line, by_column = ink.sum(axis=2), ink.sum(axis=1)  # (n, height), (n, width)
        mass = np.maximum(by_line.sum(axis=1), np.float32(1e-12))
        dy = y - (by_line @ y / mass)[:, np.newaxis]  # (n, height): each line's distance from the centre
        dx = x - (by_column @ x / mass)[:, np.newaxis]  # (n, width)
        mean_yy = (by_line * dy**2).sum(axis=1) / mass
        mean_xy = np.einsum("nyx,ny,nx->n", ink, dy, dx, optimize=True) / mass
        slope = np.divide(mean_xy, mean_yy, out=np.zeros_like(mean_xy), where=mean_yy > 1e-6)
        source = x + (slope[:, np.newaxis] * dy)[:, :, np.newaxis]  # (n, height, width): where each pixel comes from
        left = np.floor(source)
        fraction = source - left
        padded = np.pad(ink, ((0, 0), (0, 0), (1, 2)))  # zeros outside, so that the two neighbours always exist
        column = np.clip(left, -1, width).astype(np.intp) + 1
        moved = np.take_along_axis(padded, column, axis=2) * (1 - fraction)
        moved += np.take_along_axis(padded, column + 1, axis=2) * fraction
        straight[start : start + 1000] = np.rint(moved) if images.dtype == np.uint8 else moved
    return straight


def shift(images: NDArray[Any], down: ArrayLike, right: ArrayLike) -> NDArray[Any]:
    """Move each image by whole pixels; what leaves the frame is lost, and zeros come in.

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
    down, right : int, or integer array (n,)
        Pixels; negative is up, and left.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    TypeError
        If a distance is not whole.
    ValueError
        If a shape does not fit.
    """
    images = np.asarray(images)
    check_pictures(images, "shift")
    n, height, width = images.shape
    places, inside = [], []
    for name, distance, length in (("down", down, height), ("right", right, width)):
        distance = np.asarray(distance)
        if not np.issubdtype(distance.dtype, np.integer):
            raise TypeError(f"{name} must be whole pixels; it is {distance.dtype} (shift).")
        if distance.ndim > 0 and distance.shape != (n,):
            raise ValueError(
                f"{name} must be one number or have shape ({n},), one for each image; it has shape {distance.shape} "
                "(shift)."
            )
        source = np.arange(length) - np.broadcast_to(distance, (n,))[:, np.newaxis]  # (n, length)
        inside.append((source >= 0) & (source < length))
        places.append(np.clip(source, 0, length - 1))
    moved: NDArray[Any] = images[
        np.arange(n)[:, np.newaxis, np.newaxis], places[0][:, :, np.newaxis], places[1][:, np.newaxis, :]
    ]
    moved[~(inside[0][:, :, np.newaxis] & inside[1][:, np.newaxis, :])] = 0
    return moved


def center(images: NDArray[Any]) -> NDArray[Any]:
    """Move each image by whole pixels until its ink's centre of mass is in the middle, as MNIST's makers did.

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
        Background 0. An image without ink stays as it is.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    TypeError, ValueError
        As ``shift``.
    """
    images = np.asarray(images)
    check_pictures(images, "center")
    by_line, by_column = (images.sum(axis=axis, dtype=np.float64) for axis in (2, 1))
    mass = by_line.sum(axis=1)
    safe = np.where(mass > 0, mass, 1)
    distances = []
    for ink in (by_line, by_column):
        middle = (ink.shape[1] - 1) / 2
        distances.append(np.where(mass > 0, np.rint(middle - ink @ np.arange(ink.shape[1]) / safe), 0).astype(np.int64))
    return shift(images, *distances)
