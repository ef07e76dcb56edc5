"""What a network is given: the images as they are prepared, and the rows made of them."""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.augmentation import center, deskew, shift
from mnist_scratch.datasets import MNIST, load_mnist
from mnist_scratch.preprocessing import flatten, preprocess, standardize, to_float

Images = NDArray[np.uint8]
"""(n, 28, 28)"""

HELD_OUT = 12
"""One of 12 training images, the last ones, may be held back for validation: 5,000 of 60,000."""


def _moved(images: Images) -> Images:
    """Move each image by up to 4 pixels down and across; the same number of images move in the same way each time."""
    return shift(images, *np.random.default_rng(len(images)).integers(-4, 5, (2, len(images))))


PICTURES: dict[str, Callable[[Images], Images]] = {
    "as they are": lambda images: images,
    "deskewed": deskew,
    "moved": _moved,
    "moved back": lambda images: center(_moved(images)),
}
"""The ways to prepare the images, training and test images alike, before they are scaled."""

SCALES = ("raw", "unit", "standardized", "each pixel")
"""Pixels from 0 to 255; from 0 to 1; of mean 0 and deviation 1, all together; the same, each pixel by itself."""


@functools.cache
def mnist() -> MNIST:
    """Return the data that runs train on: the full MNIST or, where it is not to be had, the offline sample."""
    return load_mnist()


@functools.lru_cache(maxsize=2)
def training_pictures(pictures: str) -> Images:
    """Return all the training images, prepared in one of the ways of ``PICTURES``."""
    return PICTURES[pictures](mnist().train.images)


def n_held_out() -> int:
    """Return how many training images are held back where a recipe validates."""
    return len(mnist().train.labels) // HELD_OUT


def rows(images: Images, scale: str, seen: Images) -> NDArray[np.float32]:
    """Return a row of floats for each image.

    Parameters
    ----------
    images : uint8 array, (n, 28, 28)
    scale : str
        One of ``SCALES``.
    seen : uint8 array, (m, 28, 28)
        The images that the network is trained on: for "each pixel", means and deviations are theirs.

    Returns
    -------
    float32 array, (n, 784)
    """
    if scale == "raw":
        return flatten(images.astype(np.float32))
    if scale == "unit":
        return flatten(to_float(images))
    if scale == "each pixel":
        floats = to_float(seen)
        std = floats.std(axis=0)
        return flatten(standardize(to_float(images), floats.mean(axis=0), np.where(std > 0, std, 1)))
    return preprocess(images)
