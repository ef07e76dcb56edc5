"""Warps: the same digit, turned (the paper's section 3.2 and figure 9).

A warp asks of each pixel of the new image: where in the old image do I come from? That place mostly lies between four
pixels; the new value is their average, weighted by nearness (bilinear interpolation). Outside the image all is zero.

An augmentation, such as ``RandomRotation``, is called with float32 images (n, 28, 28) and a random generator, and
returns new ones; ``train`` calls it afresh for each batch.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.preprocessing import check_finite, check_pictures


def rotate(images: NDArray[Any], degrees: ArrayLike) -> NDArray[Any]:
    """Turn each image about its centre, counter-clockwise as displayed.

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
    degrees : float, or array (n,)
        One angle for all, or one for each.

    Returns
    -------
    array of the same shape and dtype
        uint8 images are rounded.

    Raises
    ------
    TypeError
        If the pixels are neither uint8 nor floats.
    ValueError
        If a shape does not fit, or a pixel or an angle is NaN or infinite.
    """
    images = np.asarray(images)
    check_pictures(images, "rotate")
    angles = np.asarray(degrees, dtype=np.float64)
    if angles.ndim > 0 and angles.shape != (len(images),):
        raise ValueError(
            f"degrees must be one number or have shape ({len(images)},), one for each image; "
            f"it has shape {angles.shape} (rotate)."
        )
    check_finite(angles, "degrees", "rotate")
    radians = np.deg2rad(np.broadcast_to(angles, (len(images),)))
    cos, sin = (f(radians).astype(np.float32)[:, np.newaxis, np.newaxis] for f in (np.cos, np.sin))
    n, height, width = images.shape
    # Rows count downwards, so a turn that looks counter-clockwise carries this sign.
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] - np.float32((height - 1) / 2)
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    turned = np.empty_like(images)
    for start in range(0, n, 256):  # a few hundred at a time: the working arrays stay in the processor's cache
        part = slice(start, start + 256)
        source_y = cos[part] * y + sin[part] * x + np.float32((height - 1) / 2)  # (n, height, width)
        source_x = cos[part] * x - sin[part] * y + np.float32((width - 1) / 2)
        values = sample(images[part], source_y, source_x)
        turned[part] = np.rint(values) if images.dtype == np.uint8 else values
    return turned


def sample(images: NDArray[Any], y: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Read each image at places between its pixels, by bilinear interpolation, with zeros outside.

    Parameters
    ----------
    images : array, (n, height, width)
    y, x : float arrays, (n, ...)
        For each image, rows and columns to read at; whole numbers fall on pixels.

    Returns
    -------
    float array, (n, ...)
    """
    n, height, width = images.shape
    padded = np.zeros((n, height + 3, width + 3), dtype=np.result_type(images, np.float32))
    padded[:, 1 : height + 1, 1 : width + 1] = images  # a frame of zeros: the four neighbours always exist
    y, x = np.clip(y, -1, height), np.clip(x, -1, width)
    above, left = np.floor(y), np.floor(x)
    down, right = y - above, x - left  # how far towards the lower and the right neighbour: 0 to 1
    stride = width + 3
    first = np.arange(n).reshape((n,) + (1,) * (y.ndim - 1)) * ((height + 3) * stride)
    corner = first + (above.astype(np.intp) + 1) * stride + left.astype(np.intp) + 1
    flat = padded.reshape(-1)
    upper = (1 - right) * flat[corner] + right * flat[corner + 1]
    lower = (1 - right) * flat[corner + stride] + right * flat[corner + stride + 1]
    values: NDArray[Any] = (1 - down) * upper + down * lower
    return values


class RandomRotation:
    """Turn each image by an angle of its own, drawn evenly between two limits.

    Parameters
    ----------
    low, high : float
        Degrees, counter-clockwise; the paper's are 0 and 90.

    Raises
    ------
    ValueError
        If a limit is not finite, or low is above high.
    """

    def __init__(self, low: float, high: float) -> None:
        if not (np.isfinite(low) and np.isfinite(high) and low <= high):
            raise ValueError(f"low and high must be finite with low <= high; they are {low} and {high}.")
        self.low, self.high = float(low), float(high)

    def __repr__(self) -> str:
        return f"RandomRotation({self.low:g}, {self.high:g})"

    def __call__(self, images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the images, turned.

        Parameters
        ----------
        images : float32 array, (n, height, width)
        rng : numpy.random.Generator
            Draws one angle an image.

        Returns
        -------
        float32 array of the same shape
        """
        return rotate(images, rng.uniform(self.low, self.high, len(images)))
