"""What an argument must be, and the error that says so.

Every public function asks here before it computes. A wrong kind of thing is a TypeError, a wrong value a ValueError;
the message names the argument and the function, says what was expected and what came, and where it can, what to do.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_array(values: ArrayLike, name: str, caller: str) -> NDArray[Any]:
    """Return the values as an array of numbers, or say why they are none.

    Parameters
    ----------
    values : array_like
    name, caller : str
        The argument and the function that asks, for the message.

    Returns
    -------
    array
        The same memory where the values are an array already.

    Raises
    ------
    TypeError
        If they are None, text, objects, complex, a masked array or a sparse one.
    ValueError
        If they are lists of different lengths.
    """
    if values is None:
        raise TypeError(f"{name} must be an array of numbers; it is None ({caller}).")
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must not be a masked array: what is masked would be used all the same ({caller}). "
            "Fill it with .filled(value), or leave the masked entries out."
        )
    if hasattr(values, "toarray") and not isinstance(values, np.ndarray):
        raise TypeError(f"{name} must be a dense array; it is {type(values).__name__} ({caller}). Use .toarray().")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one length ({caller}): {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be an array of numbers; it is {_kind(values, array)} ({caller})."
            + (" Read the numbers first, as with np.asarray(values, dtype=float)." if array.dtype.kind in "USO" else "")
        )
    return array


def _kind(values: object, array: NDArray[Any]) -> str:
    names = {"U": "text", "S": "bytes", "O": "objects", "c": "complex numbers", "M": "dates", "m": "times"}
    what = names.get(array.dtype.kind, str(array.dtype))
    return f"{type(values).__name__}, {what}" if array.ndim == 0 else f"{what} of shape {array.shape}"


def check_whole(value: Any, name: str, caller: str, low: int = 1, high: int | None = None) -> int:  # noqa: ANN401
    """Return a whole number, or say what came in its place.

    Parameters
    ----------
    value : int
        NumPy's integers too; True and False are none.
    name, caller : str
        The argument and the function that asks, for the message.
    low, high : int
        The range, both ends in it; without ``high`` there is no upper end.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is out of range.
    """
    wanted = f"a whole number from {low} to {high:,}" if high is not None else f"a whole number, {low} or more"
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} must be {wanted}; it is {value!r} ({caller}).")
    if value < low or (high is not None and value > high):
        raise ValueError(f"{name} must be {wanted}; it is {value!r} ({caller}).")
    return int(value)


def check_real(
    value: Any,  # noqa: ANN401
    name: str,
    caller: str,
    low: float = -math.inf,
    high: float = math.inf,
    open_ends: str = "",
) -> float:
    """Return a finite number, or say what came in its place.

    Parameters
    ----------
    value : float
        Integers and NumPy's numbers too; True and False are none.
    name, caller : str
        The argument and the function that asks, for the message.
    low, high : float
        The range.
    open_ends : str
        The ends that are not in the range: "low", "high", or "low high".

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not finite, or out of range.
    """
    number = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    wanted = f"a finite number{_range(low, high, open_ends)}"
    if not isinstance(number, int | float | np.integer | np.floating) or isinstance(number, bool):
        raise TypeError(f"{name} must be {wanted}; it is {value!r} ({caller}).")
    below = number <= low if "low" in open_ends else number < low
    above = number >= high if "high" in open_ends else number > high
    if not math.isfinite(number) or below or above:
        raise ValueError(f"{name} must be {wanted}; it is {number!r} ({caller}).")
    return float(number)


def _range(low: float, high: float, open_ends: str) -> str:
    ends = []
    if low > -math.inf:
        ends.append(f"above {low:g}" if "low" in open_ends else f"{low:g} or more")
    if high < math.inf:
        ends.append(f"below {high:g}" if "high" in open_ends else f"at most {high:g}")
    return ", " + " and ".join(ends) if ends else ""


def check_flag(value: Any, name: str, caller: str) -> bool:  # noqa: ANN401
    """Return True or False; TypeError if it is another thing, such as 1 or "yes"."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False; it is {value!r} ({caller}).")
    return bool(value)


def check_choice(value: Any, choices: Iterable[str], name: str, caller: str) -> str:  # noqa: ANN401
    """Return one of several words, or say what came in its place.

    Parameters
    ----------
    value : str
    choices : str, several
    name, caller : str
        The argument and the function that asks, for the message.

    Raises
    ------
    TypeError
        If it is no text.
    ValueError
        If it is none of the choices.
    """
    choices = list(choices)
    message = f"{name} must be one of {', '.join(choices)}; it is {value!r} ({caller})."
    if not isinstance(value, str):
        raise TypeError(message)
    if value not in choices:
        raise ValueError(message)
    return value


def check_generator(rng: Any, name: str, caller: str) -> np.random.Generator:  # noqa: ANN401
    """Return a random generator; TypeError if it is another thing, such as the older RandomState."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{name} must be a numpy.random.Generator; it is {type(rng).__name__} ({caller}). "
            "Make one with np.random.default_rng(seed)."
        )
    return rng


def check_finite(values: NDArray[Any], name: str, caller: str) -> None:
    """Refuse NaN and infinity: they would spread silently through every weight.

    Parameters
    ----------
    values : numeric array of any shape
    name, caller : str
        The argument and the function that asks, for the message.

    Raises
    ------
    ValueError
        If a value is NaN or infinite; the first one's position is named.
    """
    if not np.issubdtype(values.dtype, np.inexact):
        return
    # A sum is finite only if all its terms are: one pass, and no array as large as the images. But it may overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()) or np.isfinite(values).all():
            return
    position = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    raise ValueError(
        f"{name} must be finite numbers; the value at position {position} is {values[position]} ({caller})."
    )


def check_labels(labels: ArrayLike, n_classes: int, caller: str, name: str = "labels") -> NDArray[np.integer[Any]]:
    """Return the labels as an integer array (n,), or say what is wrong with them.

    Parameters
    ----------
    labels : array, (n,)
    n_classes : int
    caller, name : str
        The function that asks and its argument, for the message.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If they are not one-dimensional, or one lies outside 0 to ``n_classes - 1``.
    """
    labels = as_array(labels, name, caller)
    if labels.size == 0 and labels.dtype == np.float64:  # what np.asarray makes of an empty list
        labels = labels.astype(np.int64)
    if not np.issubdtype(labels.dtype, np.integer):
        advice = " Use .astype(int)." if labels.dtype.kind == "f" and np.array_equal(labels, np.rint(labels)) else ""
        raise TypeError(f"{name} must be integers; these are {labels.dtype} ({caller}).{advice}")
    if labels.ndim != 1:
        advice = " Use .ravel()." if labels.ndim == 2 and 1 in labels.shape else ""
        if labels.ndim == 2 and labels.shape[1] == n_classes and np.isin(labels, (0, 1)).all():
            advice = " For one-hot rows, use .argmax(axis=1)."
        raise ValueError(f"{name} must have shape (n,); they have shape {labels.shape} ({caller}).{advice}")
    wrong = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if wrong.size:
        raise ValueError(
            f"{name} must be integers from 0 to {n_classes - 1}; label {labels[wrong[0]]} is at position {wrong[0]} "
            f"({caller}). Is n_classes right?"
        )
    return labels


def check_pictures(images: ArrayLike, caller: str, name: str = "images", ink: bool = False) -> NDArray[Any]:
    """Return a stack of finite pictures as an array, or say what is wrong with it.

    Parameters
    ----------
    images : array, (n, height, width)
    caller, name : str
        The function that asks and its argument, for the message.
    ink : bool
        Pixels are amounts of ink, so that none may be negative.

    Raises
    ------
    TypeError
        If the pixels are neither uint8 nor floats.
    ValueError
        If the shape is not (n, height, width), or a pixel is NaN, infinite or, with ``ink``, negative.
    """
    images = as_array(images, name, caller)
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"{name} must be uint8 or floats; these are {images.dtype} ({caller}).")
    if images.ndim != 3:
        raise ValueError(
            f"{name} must have shape (n, height, width); they have shape {images.shape} ({caller}).{_way_out(images)}"
        )
    check_finite(images, name, caller)
    if ink and images.dtype != np.uint8 and images.size and images.min() < 0:
        raise ValueError(
            f"{name} must hold ink, 0 or more, on a background of 0; the smallest pixel is {images.min():g} ({caller})."
            " Do this before standardize."
        )
    return images


def _way_out(images: NDArray[Any]) -> str:
    """Return what to do with an array that is no stack of grey pictures, as the end of a message."""
    shape = images.shape
    if images.ndim == 4 and shape[3] == 1:
        return " Take the channel away: images[..., 0]."
    if images.ndim == 4 and shape[1] == 1:
        return " Take the channel away: images[:, 0]."
    if (images.ndim in (3, 4)) and shape[-1] in (3, 4):
        return " These are in colour: average red, green and blue first, images[..., :3].mean(axis=-1)."
    if images.ndim == 2 and len(set(shape)) > 1 and round(shape[1] ** 0.5) ** 2 == shape[1]:
        side = round(shape[1] ** 0.5)
        return f" These look like rows of pixels: images.reshape(-1, {side}, {side})."
    return " For a single image, write image[np.newaxis]." if images.ndim == 2 else ""
