"""From images to what a network can take in: rows of floats for pictures, one-hot rows for labels.

The paper's section 2.1 names three steps, in this order: to tensor (``to_float``), normalise (``standardize``) and
flatten (``flatten``); section 2.2 adds one-hot encoding (``one_hot``). ``preprocess`` is the three steps together.
Other ways to prepare images, such as straightening them, are in ``augmentation``.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_scratch.checks import as_array, check_finite, check_labels, check_pixels, check_stack, check_whole

TRAIN_MEAN = 0.13066
"""Mean pixel of the 60,000 training images, on the scale [0, 1]."""

TRAIN_STD = 0.30811
"""Standard deviation of the same pixels."""

MOST_ONE_HOT = 2**31
"""Numbers in the rows of ``one_hot``: 8 GiB."""


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
    ValueError
        If they look like 0 and 1, not 0 to 255.
    """
    images = check_pixels(images, "to_float")
    return images.astype(np.float32) * np.float32(1 / 255)


def standardize(
    images: NDArray[np.floating[Any]], mean: ArrayLike = TRAIN_MEAN, std: ArrayLike = TRAIN_STD
) -> NDArray[np.floating[Any]]:
    """Move the pixels' mean to 0 and scale their standard deviation to 1: ``(x - mean) / std``.

    Parameters
    ----------
    images : float array, (n, 28, 28)
        What ``to_float`` returns. Float arrays of other shapes are taken too.
    mean, std : float, or array of the shape of one image
        The training set's by default: one number for all pixels. For a mean and a deviation of each pixel's own, pass
        arrays of shape (28, 28); the deviations must be above zero.

    Returns
    -------
    float array of the same shape and dtype

    Raises
    ------
    TypeError
        If the images are whole numbers, or mean or std are not numbers.
    ValueError
        If a pixel is NaN or infinite, if a deviation is zero, negative or not finite, if the mean or std does not fit
        the images' shape, or if the result is too large for the images' dtype.
    """
    images = as_array(images, "images", "standardize")
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"images must be floats; these are {images.dtype} (standardize). Run to_float(images) first.")
    check_finite(images, "images", "standardize")
    means, stds = _for_each_pixel(mean, "mean", images.dtype), _for_each_pixel(std, "std", images.dtype)
    if not (np.isfinite(means).all() and np.isfinite(stds).all() and (stds > 0).all()):
        raise ValueError(
            f"mean must be finite and std must be finite and above zero, as {images.dtype} (standardize). "
            "A pixel that never changes has std 0: leave it out, or give it std 1."
        )
    for name, value in (("mean", means), ("std", stds)):
        if value.shape not in ((), images.shape[1:], images.shape):
            raise ValueError(
                f"{name} must be one number or have the shape of one image, {images.shape[1:]}; "
                f"it has shape {value.shape} (standardize). Standardise before you flatten."
            )
    try:
        with np.errstate(over="raise"):
            standardized: NDArray[np.floating[Any]] = images - means
            standardized /= stds
    except FloatingPointError:
        raise ValueError(
            f"images must be small enough for (images - mean) / std to fit {images.dtype} (standardize). "
            "Are they from 0 to 1, as to_float makes them?"
        ) from None
    return standardized


def _for_each_pixel(values: ArrayLike, name: str, dtype: DTypeLike) -> NDArray[np.floating[Any]]:
    """Return the mean or the deviation with the images' dtype; what is too large for it becomes infinite."""
    array = as_array(values, name, "standardize")
    if array.dtype == bool:
        raise TypeError(f"{name} must be a number, or one for each pixel; it is bool (standardize).")
    with np.errstate(over="ignore"):
        return array.astype(dtype)


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
    TypeError
        If the images are not an array of numbers.
    ValueError
        If they are not a stack of pictures.
    """
    images = as_array(images, "images", "flatten")
    check_stack(images, "flatten")
    return images.reshape(len(images), images.shape[1] * images.shape[2])


def one_hot(labels: ArrayLike, n_classes: int = 10) -> NDArray[np.float32]:
    """Write each label as a row with a single 1 at the label's place (the paper's section 2.2 and figure 3).

    Parameters
    ----------
    labels : integer array, (n,)
        Whole numbers from 0 to ``n_classes - 1``.
    n_classes : int
        How many classes there are, 1 to 1,000,000.

    Returns
    -------
    float32 array, (n, n_classes)

    Raises
    ------
    TypeError
        If the labels, or ``n_classes``, are not integers.
    ValueError
        If the labels are not one-dimensional, if one lies outside 0 to ``n_classes - 1``, if ``n_classes`` is out of
        its range, or if the rows together would have more than 2^31 numbers.
    """
    n_classes = check_whole(n_classes, "n_classes", "one_hot", high=1_000_000)
    labels = check_labels(labels, n_classes, "one_hot")
    if len(labels) * n_classes > MOST_ONE_HOT:
        raise ValueError(
            f"labels times n_classes must be at most {MOST_ONE_HOT:,} numbers; there are {len(labels):,} labels of "
            f"{n_classes:,} classes (one_hot). Encode a batch at a time."
        )
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
    TypeError
        If the images are not uint8.
    ValueError
        If they are not a stack of grey pictures, or look like 0 and 1, not 0 to 255.
    """
    images = check_pixels(images, "preprocess")
    check_stack(images, "preprocess")
    return flatten(standardize(to_float(images)))


# Three functions that now live in ``augmentation`` were once here, and programs still import them from here. But
# ``augmentation`` is a floor above this module, and imports go down only. So each is looked up when it is asked for.
MOVED = ("center", "deskew", "shift")
__all__ = [
    "TRAIN_MEAN", "TRAIN_STD", "center", "deskew", "flatten", "one_hot", "preprocess", "shift", "standardize",
    "to_float",
]  # fmt: skip

if TYPE_CHECKING:  # for type checkers, which do not look things up

    def center(images: NDArray[Any]) -> NDArray[Any]:
        """See ``augmentation.center``."""

    def deskew(images: NDArray[Any]) -> NDArray[Any]:
        """See ``augmentation.deskew``."""

    def shift(images: NDArray[Any], down: ArrayLike, right: ArrayLike) -> NDArray[Any]:
        """See ``augmentation.shift``."""

else:

    def __getattr__(name: str) -> Callable[..., Any]:
        """Return a function that now lives in ``augmentation``."""
        if name in MOVED:
            return getattr(importlib.import_module("mnist_scratch.augmentation"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return all names, those of the moved functions too."""
    return sorted([*globals(), *MOVED])
