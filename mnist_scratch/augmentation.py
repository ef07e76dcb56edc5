"""Warps: the same digit, turned, stretched, shifted, bent (the paper's section 3.2 and figure 9).

A warp asks of each pixel of the new image: where in the old image do I come from? That place mostly lies between four
pixels; the new value is their average, weighted by nearness (bilinear interpolation). Outside the image all is zero.

An augmentation, such as ``RandomRotation``, is called with float32 images (n, 28, 28) and a random generator, and
returns new ones; ``train`` calls it afresh for each batch. ``RandomDeformation`` goes beyond the paper: it is the one
that lesson 09 gets past 99.1 % with.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import check_finite, check_pictures

CHUNK = 128
"""Images warped at a time: few enough for the working arrays to stay in the processor's cache."""

# Linux's C library takes freed memory back to the system at once, until it has seen a large piece freed. To ask for the
# working arrays anew for each batch would take twice as long as the warp.
np.empty(2**23, np.uint8)


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
    cos, sin = np.cos(radians), np.sin(radians)
    # Rows count downwards, so a turn that looks counter-clockwise carries this sign.
    return _warp(images, _affine_weights((cos, sin, 0), (-sin, cos, 0)), _fields(*images.shape[1:]))


def _affine_weights(for_y: tuple[ArrayLike, ...], for_x: tuple[ArrayLike, ...]) -> NDArray[np.float32]:
    """Return (2, n, 3): with ``for_y = (a, b, c)`` an image is read in row a * y + b * x + c, and so on for x."""
    return np.stack(np.broadcast_arrays(*for_y, *for_x), axis=1).reshape(-1, 2, 3).swapaxes(0, 1).astype(np.float32)


class Fields(NamedTuple):
    """Fields over an image's pixels, whose weighted sums say where pixels come from: y, x, 1, and smooth bends.

    Each is the product of a function of y and one of x. So a sum of many is two small matrix products an image,
    ``down @ weights[cells] @ across``, and no field is ever written out.
    """

    down: NDArray[np.float32]
    """(height, n_down). A column a function of y: y itself (from the centre, downwards), 1, those of the bends."""
    across: NDArray[np.float32]
    """(n_across, width). A row a function of x, in the same order."""
    cells: NDArray[np.intp]
    """(n_down, n_across). Which weight belongs to this product of two functions; n_fields if none does."""

    @property
    def n_fields(self) -> int:
        """How many there are."""
        return int(self.cells.max())


@functools.lru_cache(maxsize=8)
def _fields(height: int, width: int, sigma: float | None = None) -> Fields:
    """Return the fields of affine warps, and with a sigma those of ``bend_basis`` after them. Not to be written to."""
    down, across = (np.stack([np.arange(n) - (n - 1) / 2, np.ones(n)], axis=1) for n in (height, width))
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
    """Warp each image. Weighted sums of the fields say where its pixels come from, seen from the centre.

    The weights, (2, n, n_fields), are those of the y and of the x that each image is read at.
    """
    n, height, width = images.shape
    weights, warped = weights.copy(), np.empty(images.shape, images.dtype)
    weights[0, :, 2] += (height - 1) / 2  # from now on seen from the corner: the third field is 1
    weights[1, :, 2] += (width - 1) / 2
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        y, x = _coordinates(weights[:, part], fields)
        if images.dtype == np.uint8:
            warped[part] = np.rint(sample(images[part], y, x))
        else:
            sample(images[part], y, x, out=warped[part])
    return warped


def _coordinates(weights: NDArray[np.float32], fields: Fields) -> NDArray[np.float32]:
    """Return the weighted sums of the fields, (2, n, height, width), for weights (2, n, n_fields)."""
    with_none = np.dstack([weights, np.zeros(weights.shape[:2], np.float32)])  # the last weight: of no field
    squares = with_none.take(fields.cells, axis=2)  # (2, n, n_down, n_across)
    sums = np.dot(squares.reshape(-1, squares.shape[3]), fields.across).reshape(*squares.shape[:3], -1)
    coordinates: NDArray[np.float32] = np.matmul(fields.down, sums)
    return coordinates


def sample(
    images: NDArray[Any], y: NDArray[np.floating[Any]], x: NDArray[np.floating[Any]], out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Read each image at places between its pixels, by bilinear interpolation, with zeros outside.

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
        Strength of the bending: what the smoothed field is multiplied by. The random displacements have the deviation
        of numbers drawn evenly from -1 to 1, as in Simard's recipe.
    sigma : float
        The Gaussian's deviation in pixels, above 0: small makes creases, large only shifts.
    sigma_max : float, optional
        With it the bends have several widths: each call draws its deviation from four even steps from sigma to
        sigma_max, and alpha, which belongs to sigma, grows in proportion, so that pixels move as far.

    Raises
    ------
    ValueError
        If a limit is negative, not a number, or too large.

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
        limits = {"rotation": rotation, "scale": scale, "shear": shear, "shift": shift, "alpha": alpha, "sigma": sigma}
        if sigma_max is not None:
            limits["sigma_max"] = sigma_max
        for name, limit in limits.items():
            if not 0 <= limit <= 1e6:  # far larger ones would make places that are no numbers
                raise ValueError(f"{name} must be a number from 0 to 1,000,000; it is {limit} (RandomDeformation).")
        if scale >= 1:
            raise ValueError(f"scale must be below 1, or an image may vanish; it is {scale} (RandomDeformation).")
        if sigma == 0:
            raise ValueError("sigma must be above 0 (RandomDeformation). For no bending, set alpha to 0.")
        if sigma_max is not None and sigma_max < sigma:
            raise ValueError(
                f"sigma_max must not be below sigma; they are {sigma_max} and {sigma} (RandomDeformation)."
            )
        self.rotation, self.scale, self.shear, self.shift = float(rotation), float(scale), float(shear), float(shift)
        self.alpha, self.sigma = float(alpha), float(sigma)
        self.sigma_max = None if sigma_max is None else float(sigma_max)

    def __repr__(self) -> str:
        return (
            f"RandomDeformation(rotation={self.rotation:g}, scale={self.scale:g}, shear={self.shear:g}, "
            f"shift={self.shift:g}, alpha={self.alpha:g}, sigma={self.sigma:g}"
            + ("" if self.sigma_max is None else f", sigma_max={self.sigma_max:g}")
            + ")"
        )

    def __call__(self, images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the images, each warped in its own way.

        Parameters
        ----------
        images : float32 array, (n, height, width)
        rng : numpy.random.Generator

        Returns
        -------
        float32 array of the same shape

        Raises
        ------
        TypeError, ValueError
            As ``rotate``.
        """
        images = np.asarray(images)
        check_pictures(images, "RandomDeformation")
        n, height, width = images.shape
        turn, tall, wide, slant, shift_y, shift_x = rng.uniform(-1, 1, (6, n))
        cos, sin = np.cos(np.deg2rad(self.rotation * turn)), np.sin(np.deg2rad(self.rotation * turn))
        tall, wide, slant = 1 + self.scale * tall, 1 + self.scale * wide, self.shear * slant
        # From the new image to the old one: undo the scale, slide the lines, turn.
        weights = _affine_weights(
            ((cos + sin * slant) / tall, sin / wide, self.shift * shift_y),
            ((cos * slant - sin) / tall, cos / wide, self.shift * shift_x),
        )
        if not self.alpha:
            return _warp(images, weights, _fields(height, width))
        sigma = self.sigma if self.sigma_max is None else rng.choice(np.linspace(self.sigma, self.sigma_max, 4))
        fields = _fields(height, width, float(sigma))
        alpha = self.alpha * sigma / self.sigma
        strength = np.float32(alpha / np.sqrt(3))  # 1 / sqrt(3): the deviation of numbers from -1 to 1
        noise = strength * rng.standard_normal((2, n, fields.n_fields - weights.shape[2]), dtype=np.float32)
        return _warp(images, np.concatenate([weights, noise], axis=2), fields)


def bend_basis(height: int, width: int, sigma: float) -> NDArray[np.float32]:
    """Return the smooth fields that any smoothed field of noise is a sum of, each with its strength.

    Parameters
    ----------
    height, width : int
    sigma : float
        The Gaussian's deviation in pixels.

    Returns
    -------
    float32 array, (n_fields, height * width)
        With ``z`` independent standard normal numbers, ``z @ bend_basis(...)`` is distributed as independent standard
        normal noise (height, width) smoothed by ``scipy.ndimage.gaussian_filter`` with zeros outside.
    """
    down, across, kept = _bends(height, width, sigma)
    basis: NDArray[np.float32] = np.einsum("yi,xj->ijyx", down, across)[kept].reshape(-1, height * width)
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
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(np.eye(length), sigma, axis=0, mode="constant")
    modes, strengths, _ = np.linalg.svd(smooth)
    scaled: NDArray[np.float64] = modes * strengths
    return scaled
