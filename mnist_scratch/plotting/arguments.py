"""What the arguments of a drawing must be: texts, a place to draw on, a range, a function of points."""

import itertools
import reprlib
from collections.abc import Callable, Mapping, Set
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_finite, check_real


def check_axes(ax: Any, caller: str) -> None:  # noqa: ANN401
    """Refuse what cannot be drawn on, such as a figure or all the Axes of one; TypeError says what to take of it."""
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

    if isinstance(ax, Axes):
        return
    advice = "Make one: figure, ax = new_figure()."
    if isinstance(ax, FigureBase):
        advice = "Take one of the figure's: figure.axes[0]."
    elif isinstance(ax, np.ndarray):
        advice = f"Choose one of the {ax.size}."
    raise TypeError(f"ax must be a Matplotlib Axes; it is {type(ax).__name__} ({caller}). {advice}")


def check_text(text: Any, name: str, caller: str) -> str:  # noqa: ANN401
    """Return a text; TypeError if it is another thing."""
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a text; it is {reprlib.repr(text)} ({caller}).")
    return text


def check_callable(function: Any, name: str, caller: str) -> None:  # noqa: ANN401
    """Refuse what cannot be called, with a TypeError."""
    if not callable(function):
        raise TypeError(f"{name} must be a function; it is {reprlib.repr(function)} ({caller}).")


def check_texts(texts: Any, name: str, caller: str, most: int, least: int = 0) -> list[str]:  # noqa: ANN401
    """Return a sequence's elements as texts.

    Parameters
    ----------
    texts : sequence
        Texts, numbers, or whatever ``str`` makes a text of.
    name, caller : str
        The argument and the function that asks, for the message.
    most, least : int
        How many there may be.

    Raises
    ------
    TypeError
        If it is no sequence: a single text, a number, a dict.
    ValueError
        If there are too many or too few.
    """
    wanted = f"{most}" if least == most else f"{least} to {most}"
    try:
        if isinstance(texts, str | bytes | Mapping | Set | np.ma.MaskedArray):
            raise TypeError
        found = list(itertools.islice(texts, most + 1))  # no more: it may have no end
    except TypeError:
        came = reprlib.repr(texts)
        raise TypeError(f"{name} must be a sequence of {wanted} texts; it is {came} ({caller}).") from None
    if not least <= len(found) <= most:
        number = f"more than {most}" if len(found) > most else f"{len(found)}"
        raise ValueError(f"{name} must be {wanted} texts; there are {number} ({caller}).")
    if isinstance(texts, np.ndarray) and texts.ndim != 1:
        raise ValueError(f"{name} must be texts in one row; they have shape {texts.shape} ({caller}).")
    return [str(text) for text in found]


def check_range(limits: Any, name: str, caller: str) -> tuple[float, float]:  # noqa: ANN401
    """Return (low, high), finite and low below high; TypeError or ValueError if they are not."""
    if isinstance(limits, str) or not hasattr(limits, "__len__"):
        raise TypeError(f"{name} must be two numbers, (low, high); it is {reprlib.repr(limits)} ({caller}).")
    if len(limits) != 2:
        raise ValueError(f"{name} must be two numbers, (low, high); there are {len(limits)} ({caller}).")
    low, high = (check_real(end, f"{name}[{k}]", caller) for k, end in enumerate(limits))
    if not low < high or not np.isfinite(high - low):
        raise ValueError(f"{name} must be (low, high) with low below high; it is ({low:g}, {high:g}) ({caller}).")
    return low, high


def check_points(points: ArrayLike, name: str, caller: str) -> NDArray[np.float64]:
    """Return points in the plane, finite and at least one, as a float64 array (n, 2)."""
    array = as_array(points, name, caller)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) == 0:
        raise ValueError(
            f"{name} must have shape (n, 2), n above 0, a row for each point; they have shape {array.shape} ({caller})."
        )
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    check_finite(array, name, caller)
    return array


def call_checked(
    function: Callable[..., Any],
    arguments: tuple[NDArray[np.float64], ...],
    shape: tuple[int, ...],
    name: str,
    caller: str,
) -> NDArray[np.float64]:
    """Call the user's function and return what it gives, if that is finite numbers of the shape wanted.

    Parameters
    ----------
    function : callable
    arguments : tuple of arrays
    shape : tuple of int
        What must come; (n, 1) will do for (n,).
    name, caller : str
        The argument that the function is, and the function that asks, for the message.

    Raises
    ------
    TypeError
        If no numbers came.
    ValueError
        If they have another shape, or one of them is NaN or infinite.
    """
    returned = as_array(function(*arguments), f"what {name} returns", caller)
    if returned.shape not in (shape, (*shape, 1)):
        taken = " and ".join(str(argument.shape) for argument in arguments)
        raise ValueError(
            f"{name} must return an array of shape {shape} for {taken}; it returned shape {returned.shape} ({caller})."
        )
    check_finite(returned, f"what {name} returns", caller)
    return returned.reshape(shape).astype(np.float64)
