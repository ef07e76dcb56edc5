"""What an argument must be, and the error that says so.

Every public function asks here before it computes. A wrong kind of thing is a TypeError, a wrong value a ValueError;
the message names the argument and the function, says what was expected and what came, and where it can, what to do.
"""

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_array(values: ArrayLike | None, name: str, caller: str) -> NDArray[Any]:
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
    if type(values) is np.ndarray and values.dtype.kind in "biuf":
        return values
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
        If it is not a number.
    ValueError
        If it is not whole, or out of range.
    """
    wanted = "a whole number above 0" if low == 1 else f"a whole number, {low} or more"
    if high is not None:
        wanted = f"a whole number from {low} to {high:,}"
    if isinstance(value, float | np.floating | bool):
        raise ValueError(f"{name} must be {wanted}; it is {value!r} ({caller}).")
    if not isinstance(value, int | np.integer):
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
    wanted: str = "",
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
    wanted : str
        What the message says it must be; made from the range, if left out.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not finite, or out of range.
    """
    number = value.item() if type(value) is np.ndarray and value.ndim == 0 else value
    wanted = wanted or f"a finite number{_range(low, high, open_ends)}"
    if not isinstance(number, int | float | np.integer | np.floating) or isinstance(number, bool):
        raise TypeError(f"{name} must be {wanted}; it is {value!r} ({caller}).")
    below = number <= low if "low" in open_ends else number < low
    above = number >= high if "high" in open_ends else number > high
    if below or above or not _is_finite(number):
        raise ValueError(f"{name} must be {wanted}; it is {number!r} ({caller}).")
    return float(number)


def _is_finite(number: Any) -> bool:  # noqa: ANN401
    try:
        return math.isfinite(number)
    except OverflowError:  # of an integer that is too large for a float
        return False


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


def check_path(path: str | os.PathLike[str], name: str, caller: str, advice: str = "") -> Path:
    """Return a path, with a leading ``~`` made the user's home, or say why it is none.

    Parameters
    ----------
    path : text or os.PathLike
    name, caller : str
        The argument and the function that asks, for the message.
    advice : str
        The end of the message for what is no path.

    Raises
    ------
    TypeError
        If it is neither text nor a path.
    ValueError
        If it is empty, or holds a NUL character.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        came = "bytes: use os.fsdecode" if isinstance(text, bytes) else f"{type(path).__name__}"
        raise TypeError(f"{name} must be a path, as text or a pathlib.Path; it is {came} ({caller}). {advice}".rstrip())
    if not text.strip() or "\0" in text:
        what = "empty" if not text.strip() else repr(text)
        raise ValueError(f'{name} must be a path; it is {what} ({caller}). The current folder is ".".')
    return Path(os.path.expanduser(text))


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
    where = f"the value at position {position}" if position else "it"
    raise ValueError(f"{name} must be finite numbers; {where} is {values[position]} ({caller}).")


def check_one_or_each(values: ArrayLike, n: int, name: str, caller: str, whole: bool = False) -> NDArray[Any]:
    """Return one number for all images, or one for each, as an array of shape () or (n,).

    Parameters
    ----------
    values : number, or array (n,)
    n : int
        How many images there are.
    name, caller : str
        The argument and the function that asks, for the message.
    whole : bool
        Pixels are to be counted: they must be integers.

    Raises
    ------
    TypeError
        If they are not numbers, or with ``whole`` not integers.
    ValueError
        If they have another shape.
    """
    array = as_array(values, name, caller)
    if array.dtype == bool:
        raise TypeError(f"{name} must be numbers; it is bool ({caller}).")
    if whole and array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"{name} must be whole pixels; it is {array.dtype} ({caller}). Round it: np.rint({name}).astype(int)."
        )
    if array.shape not in ((), (n,)):
        raise ValueError(
            f"{name} must be one number or have shape ({n},), one for each image; it has shape {array.shape} "
            f"({caller})."
        )
    return array


def check_rows(rows: ArrayLike, n_in: int, dtype: np.dtype[Any], name: str, caller: str) -> NDArray[np.floating[Any]]:
    """Return rows of finite floats, in the dtype wanted, or say what is wrong with them.

    Whole numbers are refused: they are nearly always pixels that nobody has preprocessed, and a network would take
    them as they are.

    Parameters
    ----------
    rows : array, (n, n_in)
    n_in : int
    dtype : float32 or float64
    name, caller : str
        The argument and the function that asks, for the message.

    Raises
    ------
    TypeError
        If the numbers are not floats.
    ValueError
        If the shape is another, or a number is NaN or infinite (in this dtype).
    """
    rows = as_array(rows, name, caller)
    if rows.ndim != 2 or rows.shape[1] != n_in:
        way_out = " For images, write preprocess(images)."
        if rows.shape == (n_in,):
            way_out = " For a single row, write row[np.newaxis]."
        raise ValueError(
            f"{name} must have shape (n, {n_in}), rows of {n_in} numbers as the first layer takes; their shape is "
            f"{rows.shape} ({caller}).{way_out}"
        )
    if rows.dtype.kind != "f":
        side = math.isqrt(n_in)
        pixels = (
            f"Pixels from 0 to 255 are preprocessed first: preprocess({name.split()[-1]}.reshape(-1, {side}, {side})), "
            "of uint8. "
            if side > 2 and side * side == n_in
            else ""
        )
        raise TypeError(
            f"{name} must be floats; they are {rows.dtype} of shape {rows.shape} ({caller}). {pixels}"
            f"Whole numbers that are meant as they are: {name.split()[-1]}.astype(np.float32)."
        )
    return as_finite(rows, dtype, name, caller)


def as_finite(values: NDArray[Any], dtype: np.dtype[Any], name: str, caller: str) -> NDArray[np.floating[Any]]:
    """Return finite numbers in the dtype wanted, as ``check_finite`` understands it: in that dtype."""
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused as that
        values = values.astype(dtype, copy=False)
    check_finite(values, name, caller)
    return values


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
        advice = _labels_advice(labels, n_classes)
        raise TypeError(f"{name} must be integers; these are {labels.dtype} ({caller}).{advice}")
    if labels.ndim != 1:
        advice = _labels_advice(labels, n_classes)
        raise ValueError(f"{name} must have shape (n,); they have shape {labels.shape} ({caller}).{advice}")
    wrong = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if wrong.size:
        raise ValueError(
            f"{name} must be integers from 0 to {n_classes - 1}; label {labels[wrong[0]]} is at position {wrong[0]} "
            f"({caller}). Is n_classes right?"
        )
    return labels


def _labels_advice(labels: NDArray[Any], n_classes: int) -> str:
    """Return what to do with an array that holds no labels (n,), as the end of a message."""
    is_whole = np.array_equal(labels, np.rint(labels)) if labels.dtype.kind == "f" else True
    if labels.ndim == 2 and labels.shape[1] == n_classes > 1 and np.isin(labels, (0, 1)).all():
        return " For one-hot rows, use .argmax(axis=1)."
    if labels.ndim == 2 and labels.shape[1] > 1 and not is_whole:
        return " For a network's outputs, a row for each example, use .argmax(axis=1)."
    if labels.ndim == 2 and 1 in labels.shape and is_whole:
        return " Use .ravel()." if labels.dtype.kind in "iu" else " Use .ravel().astype(int)."
    return " Use .astype(int)." if labels.ndim == 1 and labels.dtype.kind == "f" and is_whole else ""


def check_pixels(images: ArrayLike, caller: str, name: str = "images") -> NDArray[np.uint8]:
    """Return pixels from 0 to 255 as a uint8 array, or say what came in their place.

    Parameters
    ----------
    images : array of any shape
    caller, name : str
        The function that asks and its argument, for the message.

    Raises
    ------
    TypeError
        If the pixels are not uint8; the message says how to make them so.
    ValueError
        If they look like 0 and 1, not 0 to 255: a hundred pixels or more, none above 1, and one in a hundred is 1. (An
        image without ink passes, and a few faint pixels do.)
    """
    images = as_array(images, name, caller)
    if images.dtype != np.uint8:
        raise TypeError(
            f"{name} must be uint8 pixels from 0 to 255; these are {images.dtype} ({caller}).{_to_pixels(images)}"
        )
    if images.size >= 100 and images.max() == 1 and 100 * np.count_nonzero(images) >= images.size:
        raise ValueError(
            f"{name} must be pixels from 0 to 255; these look like 0 for paper and 1 for ink, as none is above 1 "
            f"({caller}). Write 255 * images."
        )
    return images


def _to_pixels(images: NDArray[Any]) -> str:
    """Return how to make uint8 pixels of other numbers, as the end of a message. It works for lists too."""
    if images.size == 0:
        return " Write np.asarray(images, dtype=np.uint8)."
    low, high = images.min(), images.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        return " Some are NaN or infinite."
    if images.dtype == np.int8 and low < 0:
        return " Read with a sign by mistake? Write images.view(np.uint8)."
    if low < 0:
        return f" The smallest is {low:g}. Were they standardised already? Start from the uint8 pixels again."
    if high <= 1 and images.dtype.kind == "f":
        return " Were they converted already? If not, write np.rint(np.multiply(images, 255)).astype(np.uint8)."
    if high <= 1:
        return " Write 255 * np.asarray(images, dtype=np.uint8)."
    if high <= 255:
        return f" Write {'np.rint(images)' if images.dtype.kind == 'f' else 'np.asarray(images)'}.astype(np.uint8)."
    return f" The largest is {high:g}: write np.rint(np.multiply(images, 255 / {high:g})).astype(np.uint8)."


def check_pictures(
    images: ArrayLike, caller: str, name: str = "images", ink: bool = False, warped: bool = False
) -> NDArray[Any]:
    """Return a stack of finite pictures as an array, or say what is wrong with it.

    Parameters
    ----------
    images : array, (n, height, width)
    caller, name : str
        The function that asks and its argument, for the message.
    ink : bool
        Pixels are amounts of ink that will be added up: none may be negative, or so large that the sum overflows.
    warped : bool
        Zeros will come in from outside the picture, so the background may not be negative. That is: the four corners of
        all pictures may not have one negative number, as they have after ``standardize``.

    Raises
    ------
    TypeError
        If the pixels are neither uint8 nor floats.
    ValueError
        If the shape is not (n, height, width), a pixel is NaN or infinite, or it is not as ``ink`` or ``warped`` say.
    """
    images = as_array(images, name, caller)
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise TypeError(f"{name} must be uint8 or floats; these are {images.dtype} ({caller}).{_to_pixels(images)}")
    check_stack(images, caller, name)
    check_finite(images, name, caller)
    if images.dtype == np.uint8 or images.size == 0:
        return images
    if ink and images.min() < 0:
        raise ValueError(
            f"{name} must hold ink, 0 or more, on a background of 0; the smallest pixel is {images.min():g} ({caller})."
            " Do this before standardize."
        )
    if ink and float(images.max()) > 1e280:
        raise ValueError(f"{name} must hold ink of at most 1e280 a pixel; one has {images.max():g} ({caller}).")
    if warped and images[0, 0, 0] < 0:
        corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        if (corners == corners[0, 0]).all():
            raise ValueError(
                f"{name} must have a background of 0; these have {corners[0, 0]:g} in every corner ({caller}). "
                "Do this before standardize."
            )
    return images


def check_stack(images: NDArray[Any], caller: str, name: str = "images") -> None:
    """Refuse what has not the shape (n, height, width), and a single picture in colour, whose shape looks like it.

    Parameters
    ----------
    images : array
    caller, name : str
        The function that asks and its argument, for the message.

    Raises
    ------
    ValueError
        The message says how to make a stack of it.
    """
    one_in_colour = images.ndim == 3 and images.shape[2] in (3, 4) and min(images.shape[:2]) >= 8
    if images.ndim != 3 or one_in_colour:
        raise ValueError(
            f"{name} must have shape (n, height, width); they have shape {images.shape} ({caller}).{_way_out(images)}"
        )


def _way_out(images: NDArray[Any]) -> str:
    """Return what to do with an array that is no stack of grey pictures, as the end of a message."""
    shape, grey = images.shape, ".astype(np.uint8)" if images.dtype == np.uint8 else ""
    if images.ndim == 4 and shape[3] == 1:
        return " Take the channel away: images[..., 0]."
    if images.ndim == 4 and shape[1] == 1:
        return " Take the channel away: images[:, 0]."
    if images.ndim == 4 and shape[3] in (3, 4):
        return f" These are in colour: average red, green and blue first, images[..., :3].mean(axis=-1){grey}."
    if images.ndim == 4 and shape[1] in (3, 4):
        return f" These are in colour: average red, green and blue first, images[:, :3].mean(axis=1){grey}."
    if images.ndim == 3:
        return (
            " This looks like one picture in colour: average red, green and blue first, "
            f"images[np.newaxis, ..., :3].mean(axis=-1){grey}."
        )
    side = round(shape[-1] ** 0.5) if shape else 0
    if (images.ndim == 1 or (images.ndim == 2 and shape[0] != shape[1])) and side > 1 and side**2 == shape[-1]:
        n = "-1" if images.size else "0"
        return f" These look like rows of pixels: images.reshape({n}, {side}, {side})."
    return " For a single image, write image[np.newaxis]." if images.ndim == 2 else ""
