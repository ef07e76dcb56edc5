"""OpenCV's and SciPy's side: warps in a loop over the pictures."""

import cv2
import numpy as np
from scipy import ndimage

from mnist_scratch.preprocessing import to_float
from tests.benchmarks import shared, warps


def _places(warp):
    """Yield each picture with the rows and columns to read it at."""
    squares = warp.padded.swapaxes(0, 1).take(warp.fields.cells, axis=2)  # (n, 2, n_down, n_across)
    for image, square in zip(warp.images, squares, strict=True):
        yield image, *(warp.fields.down @ square @ warp.fields.across + warp.centre)


def _places_our_way(warp):
    """The same, made for many pictures at a time, as we do."""
    for part in warp.parts:
        y, x = warps.coordinates(warp.weights[:, part], warp.fields) + warp.centre
        yield from zip(warp.images[part], y, x, strict=True)


def _read(n, places, read):
    """Return the work: the pictures that ``read(picture, y, x, where to write it)`` has written."""
    warp = warps.Warp(to_float(shared.mnist().train.images[:n]))

    def work():
        warped = np.empty(warp.images.shape, np.float32)
        for (image, y, x), out in zip(places(warp), warped, strict=True):
            read(image, y, x, out)
        return warped

    return work


def opencv(n, our_way=False):
    return _read(
        n, _places_our_way if our_way else _places,
        lambda image, y, x, out: cv2.remap(image, x, y, cv2.INTER_LINEAR, dst=out),
    )  # fmt: skip


def scipy(n):
    return _read(
        n, _places,
        lambda image, y, x, out: ndimage.map_coordinates(image, (y, x), output=out, order=1, mode="grid-constant"),
    )  # fmt: skip
