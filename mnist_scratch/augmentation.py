"""Warps: the same digit, turned, stretched, shifted, straightened, bent (the paper's section 3.2 and figure 9).

A warp asks of each pixel of the new image: where in the old image do I come from? That place mostly lies between four
pixels; the new value is their average, weighted by nearness (bilinear interpolation). Outside the image all is zero, so
the background has to be 0: warp images before ``standardize``, not after it.

``deskew`` and ``center`` take differences between digits away, augmentations add some. An augmentation, such as
``RandomRotation``, is called with float32 images (n, 28, 28) and a random generator, and returns new ones; ``train``
calls it afresh for each batch. ``RandomDeformation`` goes beyond the paper: with it lesson 09 gets past 99.1 %.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import (
    check_finite,
    check_generator,
    check_one_or_each,
    check_pictures,
    check_real,
    check_whole,
)

CHUNK = 128 * 28 * 28
"""Pixels warped at a time, or one image if it has more: few enough for the processor's cache to hold all arrays."""

# Linux's C library gives freed memory back to the system at once, until it has seen a large piece freed. Without this
# line each batch would ask the system for its working arrays anew, which takes twice as long as the warp.
np.empty(2**23, np.uint8)


def rotate(images: NDArray[Any], degrees: ArrayLike) -> NDArray[Any]:
    """Turn each image about its centre, counter-clockwise as displayed.

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
        Background 0.
    degrees : float, or array (n,)
        One angle for all, or one for each.

    Returns
    -------
    array of the same shape and dtype
        uint8 images are rounded.

    Raises
    ------
    TypeError, ValueError
        If images or degrees are not such arrays, a number is NaN or infinite, or the background is negative.
    """
    images = check_pictures(images, "rotate", warped=True)
    angles = check_one_or_each(degrees, len(images), "degrees", "rotate")
    check_finite(angles, "degrees", "rotate")
    return _turned(images, angles)


def _turned(images: NDArray[Any], degrees: NDArray[Any]) -> NDArray[Any]:
    # Whole turns are taken away in degrees, where that is exact.
    radians = np.deg2rad(np.broadcast_to(np.fmod(degrees.astype(np.float64), 360), (len(images),)))
    cos, sin = np.cos(radians), np.sin(radians)
    # Rows count downwards, so a turn that looks counter-clockwise carries this sign.
    return _warp(images, _affine_weights((cos, sin, 0), (-sin, cos, 0)), _fields(*images.shape[1:]))


def deskew(images: NDArray[Any]) -> NDArray[Any]:
    """Straighten slanted digits: slide each line of pixels sideways until the ink's long axis is upright.

    How far an image leans is read from its second moments: with x, y the ink's coordinates about its centre, the slope
    of the axis is ``mean(x * y) / mean(y * y)``, the regression of x on y. Line y is then moved by minus that slope
    times y, in fractions of a pixel. The idea is that of LeCun, Bottou, Bengio and Haffner (1998).

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
        Ink, 0 or more, on a background of 0.

    Returns
    -------
    array of the same shape and dtype
        uint8 images are rounded. An image without ink, or with ink on one line only, stays as it is.

    Raises
    ------
    TypeError, ValueError
        If the images are not such an array, or a pixel is NaN, infinite or negative.
    """
    images = check_pictures(images, "deskew", ink=True)
    slope, middle = np.zeros((2, len(images)))
    for part in _parts(images.shape):
        slope[part], middle[part] = _slant(images[part])
    shear = _affine_weights((1, 0, 0), (slope, 1, -slope * middle))
    return _warp(images, shear, _fields(*images.shape[1:]))


def _slant(images: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return by how many columns a line each image leans, (n,), and the line of its ink's centre, (n,)."""
    middles, ink = _ink_centers(images), images.astype(np.float64)
    # (n, height) and (n, width): how far each line and column is from the ink's centre
    dy, dx = (_from_center(n) - middle[:, np.newaxis] for n, middle in zip(images.shape[1:], middles, strict=True))
    xy = np.einsum("nyx,ny,nx->n", ink, dy, dx, optimize=True)
    yy = np.einsum("nyx,ny->n", ink, dy**2, optimize=True)
    # Ink that reaches less than a thousandth of a pixel up and down is on one line, and has no slope.
    slope = np.divide(xy, yy, out=np.zeros_like(xy), where=yy > 1e-6 * ink.sum(axis=(1, 2)))
    return slope, middles[0]


def _from_center(length: int) -> NDArray[np.float64]:
    """Return the coordinates of a line of pixels, 0 in the middle."""
    return np.arange(length, dtype=np.float64) - (length - 1) / 2


def _ink_centers(images: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Return the line and the column of each image's centre of mass, (n,) each, from its middle; 0 without ink."""
    by_line, by_column = (images.sum(axis=axis, dtype=np.float64) for axis in (2, 1))
    mass = by_line.sum(axis=1)
    return [ink @ _from_center(ink.shape[1]) / np.where(mass > 0, mass, 1) for ink in (by_line, by_column)]


def shift(images: NDArray[Any], down: ArrayLike, right: ArrayLike) -> NDArray[Any]:
    """Move each image by whole pixels; what leaves the frame is lost, and zeros come in.

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
        Ink, 0 or more, on a background of 0.
    down, right : int, or integer array (n,)
        Pixels; negative is up, and left.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    TypeError, ValueError
        As ``deskew``; and if a distance is not whole, or there is not one for each image.
    """
    images = check_pictures(images, "shift", ink=True)
    n = len(images)
    down, right = (
        check_one_or_each(values, n, name, "shift", whole=True) for name, values in (("down", down), ("right", right))
    )
    return _moved(images, down, right)


def _moved(images: NDArray[Any], down: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    n, height, width = images.shape
    places, inside = [], []
    for distance, length in ((down, height), (right, width)):
        # Further than out of the picture makes no difference, and some integers cannot be subtracted from others.
        steps = np.clip(distance.astype(np.float64), -length, length).astype(np.intp)
        source = np.arange(length) - np.broadcast_to(steps, (n,))[:, np.newaxis]  # (n, length)
        inside.append((source >= 0) & (source < length))
        places.append(np.clip(source, 0, max(length - 1, 0)))
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
        Ink, 0 or more, on a background of 0. An image without ink stays as it is.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    TypeError, ValueError
        As ``deskew``.
    """
    images = check_pictures(images, "center", ink=True)
    return _moved(images, *(np.rint(-middle).astype(np.intp) for middle in _ink_centers(images)))


def _parts(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of a stack of images (n, height, width), each of at most ``CHUNK`` pixels or of one image."""
    n, height, width = shape
    step = max(CHUNK // max(height * width, 1), 1)
    return (slice(start, start + step) for start in range(0, n, step))


def _affine_weights(for_y: tuple[ArrayLike, ...], for_x: tuple[ArrayLike, ...]) -> NDArray[np.float32]:
    """Return (2, n, 3): with ``for_y = (a, b, c)`` an image is read in row a * y + b * x + c, and so on for x."""
    return np.stack(np.broadcast_arrays(*for_y, *for_x), axis=1).reshape(-1, 2, 3).swapaxes(0, 1).astype(np.float32)


class Fields(NamedTuple):
    """What a warp is made of. A field has a number for each pixel: its y, its x, 1, and those of the smooth bends.

    The row that a pixel is read from is a weighted sum of the fields, and the column another; each image has weights of
    its own. Every field is a function of y times a function of x. So a sum of all is two small matrix products an
    image, ``down @ weights[cells] @ across``, and no field is ever written out.
    """

    down: NDArray[np.float32]
    """(height, n_down). Functions of y as columns: y itself (from the centre, downwards), 1, those of the bends."""
    across: NDArray[np.float32]
    """(n_across, width). Functions of x as rows, in the same order."""
    cells: NDArray[np.intp]
    """(n_down, n_across). Which field is the product of these two functions; n_fields if none is."""

    @property
    def n_fields(self) -> int:
        """How many there are."""
        return int(self.cells.max())


@functools.lru_cache(maxsize=8)
def _fields(height: int, width: int, sigma: float | None = None) -> Fields:
    """Return the fields y, x and 1, and with a sigma those of ``bend_basis`` after them. Not to be written to."""
    down, across = (np.stack([_from_center(n), np.ones(n)], axis=1) for n in (height, width))
    products = [(0, 1), (1, 0), (1, 1)]
    if sigma is not None:
        bends_down, bends_across, kept = _bends(height, width, sigma)
        down, across = np.hstack([down, bends_down]), np.hstack([across, bends_across])
        products += [(2 + i, 2 + j) for i, j in np.argwhere(kept)]
    cells = np.full((down.shape[1], across.shape[1]), len(products))
    cells[tuple(np.transpose(products))] = np.arange(len(products))
    fields = Fields(down.astype(np.float32), np.ascontiguousarray(across.T, dtype=np.float32), cells)
    for array in fields:
        array.flags.writeable = False
    return fields


def _warp(images: NDArray[Any], weights: NDArray[np.float32], fields: Fields) -> NDArray[Any]:
    """Warp each image: read it where the fields, multiplied by the weights and added up, say.

    The weights, (2, n, n_fields), are those of y and those of x. Both are seen from the image's centre.
    """
    _, height, width = images.shape
    weights, warped = weights.copy(), np.empty(images.shape, images.dtype)
    weights[0, :, 2] += (height - 1) / 2  # from now on seen from the corner: the third field is 1
    weights[1, :, 2] += (width - 1) / 2
    try:
        with np.errstate(over="raise"):
            for part in _parts(images.shape):
                y, x = _coordinates(weights[:, part], fields)
                if images.dtype == np.uint8:
                    warped[part] = np.rint(bilinear(images[part], y, x))
                else:
                    bilinear(images[part], y, x, out=warped[part])
    except FloatingPointError:
        raise ValueError(
            f"images must hold smaller numbers: the difference of two neighbours is too large for {images.dtype}."
        ) from None
    return warped


def _coordinates(weights: NDArray[np.float32], fields: Fields) -> NDArray[np.float32]:
    """Return the weighted sums of the fields, (2, n, height, width), for weights (2, n, n_fields)."""
    with_none = np.dstack([weights, np.zeros(weights.shape[:2], np.float32)])  # the last weight: of no field
    squares = with_none.take(fields.cells, axis=2)  # (2, n, n_down, n_across)
    sums = np.dot(squares.reshape(-1, squares.shape[3]), fields.across).reshape(*squares.shape[:3], -1)
    coordinates: NDArray[np.float32] = np.matmul(fields.down, sums)
    return coordinates


def bilinear(
    images: NDArray[Any], y: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]], out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Read each image at places between its pixels, by bilinear interpolation, with zeros outside. Nothing is checked.

    Parameters
    ----------
    images : array, (n, height, width)
    y, x : float arrays, (n, ...)
        For each image, rows and columns to read at, finite; whole numbers fall on pixels.
    out : float array, (n, ...), optional
        Where to put the values.

    Returns
    -------
    float array, (n, ...)
    """
    n, height, width = images.shape
    stride, size = width + 3, (height + 3) * (width + 3)
    dtype = np.result_type(images, y, x, np.float32)
    padded = np.zeros((n, height + 3, stride), dtype)
    padded[:, 1 : height + 1, 1 : width + 1] = images  # a frame of zeros: the four neighbours always exist
    flat = padded.reshape(-1)
    rise = flat[1:] - flat[:-1]  # from each pixel to its right neighbour
    down, right, row, column, slope = work = np.empty((5, *y.shape), dtype)
    np.clip(y, -1, height, out=down)
    np.clip(x, -1, width, out=right)
    np.floor(work[:2], out=work[2:4])  # row and column of the upper left neighbour
    work[:2] -= work[2:4]  # how far towards the lower and the right neighbour: 0 to 1
    # float32 counts without a gap up to 2**24 only; and NumPy makes int32 of it faster than int64.
    float_type, int_type = (np.float32, np.int32) if n * size < 2**24 else (np.float64, np.intp)
    corner = row.astype(float_type, copy=False)
    corner *= stride
    corner += column
    firsts = np.arange(stride + 1, n * size, size, dtype=float_type)  # each image's first pixel, inside its frame
    corner += firsts.reshape((n,) + (1,) * (y.ndim - 1))
    # intp is the type that take wants: another would be converted at each take.
    place = corner.astype(int_type).astype(np.intp, copy=False)
    upper, lower = row, column  # whose memory is free now
    for first, value in ((0, upper), (stride, lower)):
        # Every place is inside; "wrap" is the mode of take that finds that out in the least time.
        flat[first:].take(place, mode="wrap", out=value)
        rise[first:].take(place, mode="wrap", out=slope)
        slope *= right
        value += slope
    lower -= upper
    lower *= down
    values: NDArray[Any] = np.add(upper, lower, out=np.empty_like(lower) if out is None else out)
    return values


class RandomRotation:
    """Turn each image by an angle of its own, drawn evenly between two limits.

    Parameters
    ----------
    low, high : float
        Degrees, counter-clockwise, -1,000,000 to 1,000,000; the paper's are 0 and 90.

    Raises
    ------
    TypeError, ValueError
        If a limit is not such a number, or low is above high.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = (
            check_real(limit, name, "RandomRotation", -1e6, 1e6) for name, limit in (("low", low), ("high", high))
        )
        if self.low > self.high:
            raise ValueError(f"low must not be above high; they are {low} and {high} (RandomRotation).")

    def __repr__(self) -> str:
        return f"RandomRotation({self.low:g}, {self.high:g})"

    def __call__(self, images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the images, turned.

        Parameters
        ----------
        images : float32 array, (n, height, width)
            Background 0. Other floats and uint8 are taken too.
        rng : numpy.random.Generator
            Draws one angle an image.

        Returns
        -------
        array of the same shape and dtype

        Raises
        ------
        TypeError, ValueError
            As ``rotate``; and if ``rng`` is no such generator.
        """
        images = check_pictures(images, "RandomRotation", warped=True)
        rng = check_generator(rng, "rng", "RandomRotation")
        return _turned(images, rng.uniform(self.low, self.high, len(images)))


class RandomDeformation:
    """Give each image a warp of its own: turned, scaled, sheared, shifted and bent, all at random.

    The affine part is drawn evenly within the limits. The bending is that of Simard, Steinkraus and Platt (2003): every
    pixel gets a random displacement, and the field of displacements is smoothed by a Gaussian until neighbours move
    together. With a limit at 0 that part is left out.

    Parameters
    ----------
    rotation : float
        Degrees to either side.
    scale : float
        Height and width, each by a factor of its own from 1 - scale to 1 + scale; below 1.
    shear : float
        How far a line slides for each line above it, to either side.
    shift : float
        Pixels, down and across, to either side.
    alpha : float
        Strength of the bending: what the smoothed field is multiplied by. The random displacements have the standard
        deviation of numbers drawn evenly from -1 to 1, as in Simard's recipe.
    sigma : float
        The Gaussian's standard deviation in pixels, above 0: small makes creases, large only shifts.
    sigma_max : float, optional
        With it each call draws the Gaussian's deviation from four evenly spaced ones, sigma to sigma_max. For a larger
        one alpha is multiplied by as much as it is larger than sigma, so that pixels move as far.

    Raises
    ------
    TypeError, ValueError
        If a limit is not a number from 0 to 1,000,000, or two do not go together.

    Notes
    -----
    Smoothing is linear, so it need not be done on each field. With G the matrix that smooths a line of pixels and
    G = U S V^T its singular values, the smoothed field is G N G^T = U S (V^T N V) S U^T. Independent normal noise N
    stays just that when it is turned, so V^T N V may be drawn in its place; and as S falls off fast, a corner of it is
    enough (``bend_basis``). With sigma 5 that is 52 random numbers a field, not 784, and no loss that can be seen.
    """

    def __init__(
        self,
        rotation: float = 10.0,
        scale: float = 0.1,
        shear: float = 0.1,
        shift: float = 1.5,
        alpha: float = 36.0,
        sigma: float = 5.0,
        sigma_max: float | None = None,
    ) -> None:
        def limit(value: float, name: str) -> float:
            # Far larger ones would make places that are no numbers.
            return check_real(value, name, "RandomDeformation", 0, 1e6)

        self.rotation, self.scale = limit(rotation, "rotation"), limit(scale, "scale")
        self.shear, self.shift = limit(shear, "shear"), limit(shift, "shift")
        self.alpha, self.sigma = limit(alpha, "alpha"), limit(sigma, "sigma")
        self.sigma_max = None if sigma_max is None else limit(sigma_max, "sigma_max")
        if self.scale >= 1:
            raise ValueError(f"scale must be below 1, or an image may vanish; it is {scale} (RandomDeformation).")
        if self.sigma == 0:
            raise ValueError("sigma must be above 0 (RandomDeformation). For no bending, set alpha to 0.")
        if self.sigma_max is not None and not self.sigma <= self.sigma_max <= 1e6 * self.sigma:
            raise ValueError(
                "sigma_max must not be below sigma, nor a million times as large; "
                f"they are {sigma_max} and {sigma} (RandomDeformation)."
            )

    def __repr__(self) -> str:
        given = (f"{name}={value:g}" for name, value in vars(self).items() if value is not None)
        return f"RandomDeformation({', '.join(given)})"

    def __call__(self, images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the images, each warped in its own way; arguments and errors are as for ``RandomRotation``."""
        images = check_pictures(images, "RandomDeformation", warped=True)
        rng = check_generator(rng, "rng", "RandomDeformation")
        n, height, width = images.shape
        turn, tall, wide, slant, shift_y, shift_x = rng.uniform(-1, 1, (6, n))
        cos, sin = np.cos(np.deg2rad(self.rotation * turn)), np.sin(np.deg2rad(self.rotation * turn))
        tall, wide, slant = 1 + self.scale * tall, 1 + self.scale * wide, self.shear * slant
        # From the new image to the old one: undo the scale, slide the lines, turn.
        weights = _affine_weights(
            ((cos + sin * slant) / tall, sin / wide, self.shift * shift_y),
            ((cos * slant - sin) / tall, cos / wide, self.shift * shift_x),
        )
        if not (self.alpha and images.size):
            return _warp(images, weights, _fields(height, width))
        sigma = self.sigma if self.sigma_max is None else rng.choice(np.linspace(self.sigma, self.sigma_max, 4))
        fields = _fields(height, width, float(sigma))
        alpha = self.alpha * sigma / self.sigma
        strength = np.float32(alpha / np.sqrt(3))  # 1 / sqrt(3): the deviation of numbers from -1 to 1
        noise = strength * rng.standard_normal((2, n, fields.n_fields - weights.shape[2]), dtype=np.float32)
        return _warp(images, np.concatenate([weights, noise], axis=2), fields)


def bend_basis(height: int, width: int, sigma: float) -> NDArray[np.float32]:
    """Return the smooth fields of which any smoothed field of noise is a sum, each with its strength.

    Parameters
    ----------
    height, width : int
        1 to 1,000.
    sigma : float
        The Gaussian's deviation in pixels, above 0 and at most 1,000,000.

    Returns
    -------
    float32 array, (n_fields, height * width)
        With ``z`` independent standard normal numbers, ``z @ bend_basis(...)`` is distributed as independent standard
        normal noise (height, width) smoothed by ``scipy.ndimage.gaussian_filter`` with zeros outside.

    Raises
    ------
    TypeError, ValueError
        If an argument is not such a number.
    """
    height, width = (
        check_whole(side, name, "bend_basis", high=1000) for side, name in ((height, "height"), (width, "width"))
    )
    down, across, kept = _bends(height, width, check_real(sigma, "sigma", "bend_basis", 0, 1e6, open_ends="low"))
    i, j = np.nonzero(kept)
    basis: NDArray[np.float64] = np.einsum("yk,xk->kyx", down[:, i], across[:, j]).reshape(-1, height * width)
    return basis.astype(np.float32)


def _bends(height: int, width: int, sigma: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return functions of y and of x as columns, and whose products are strong enough to be kept, (down, across)."""
    down, across = _smoothing_modes(height, sigma), _smoothing_modes(width, sigma)
    strength = np.outer(np.abs(down).max(axis=0), np.abs(across).max(axis=0))
    kept = strength > 1e-3 * strength.max()
    some_down, some_across = kept.any(axis=1), kept.any(axis=0)
    return down[:, some_down], across[:, some_across], kept[np.ix_(some_down, some_across)]


def _smoothing_modes(length: int, sigma: float) -> NDArray[np.float64]:
    """U S of the matrix that smooths a line of so many pixels: a column a mode, the strongest first."""
    reach = int(4 * sigma + 0.5)  # as far as scipy.ndimage.gaussian_filter looks
    steps = np.arange(-reach, reach + 1)
    bell = np.exp(-0.5 / (sigma * sigma) * steps**2) if reach else np.ones(1)
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    smooth = np.append(bell[reach:] / bell.sum(), 0)[np.minimum(distance, reach + 1)]
    modes, strengths, _ = np.linalg.svd(smooth)
    scaled: NDArray[np.float64] = modes * strengths
    return scaled
