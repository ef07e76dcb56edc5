"""Comparing a student's answer with what is right: arrays, and what was written down as numbers or words."""

import contextlib
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from mnist_scratch.exercises.words import (
    UNSOLVED,
    Hints,
    WrongAnswer,
    describe_kind,
    is_unsolved,
    matching_hint,
    shortened,
)

__all__ = ["expect", "number"]


def expect(
    result: object,
    expected: object,
    *,
    name: str,
    given: str = "",
    what: str = "your result",
    rtol: float = 1e-5,
    atol: float = 1e-7,
    hints: Hints = (),
    axes: Sequence[str] = (),
    dtype: DTypeLike | None = None,
    kinds: str = "",
) -> None:
    """Compare an array or a number with the expected one; the first that is wrong is said, and no more.

    Parameters
    ----------
    result : object
        What the student's function returned.
    expected : array_like
        What is right. Its shape is expected, and its kind: floats (whole numbers pass as well), integers or booleans.
    name : str
        The check's name.
    given : str
        The inputs in a few words, such as ``"labels = [3, 0]"``.
    what : str
        What is compared: ``"dcost_dbiases"``, where an answer has several parts.
    rtol, atol : float
        As in ``np.allclose``.
    hints : sequence of pairs
        A known wrong result (compared with its shape), or a predicate on the result; and the text that names the
        mistake. The first that fits is added to the message.
    axes : sequence of str
        What runs along each axis: ``("rows", "outputs")``.
    dtype : dtype, optional
        Demand exactly this one.
    kinds : str
        NumPy's letters of the kinds that pass, such as ``"fiub"``, instead of those that follow from ``expected``.

    Raises
    ------
    AssertionError
        If it differs.
    """
    opening = f"{name}: for {given}, {what}" if given else f"{name}: {what}"
    wanted = np.asarray(expected)
    if result is ...:
        raise WrongAnswer(f"{name}: {UNSOLVED}")
    if not isinstance(result, np.ndarray | np.generic | numbers.Number):
        raise WrongAnswer(f"{opening} is {_not_an_array(result, wanted, hints)}")
    found = np.asarray(result)
    problem = (
        _kind_problem(found, wanted, dtype, kinds)
        or _shape_problem(found, wanted, axes)
        or _value_problem(found, wanted, rtol, atol)
        or _dtype_problem(found, dtype)
    )
    if problem:
        raise WrongAnswer(f"{opening} {problem}{matching_hint(found, hints)}")


AnyArray = np.ndarray[Any, Any]


def _not_an_array(result: object, wanted: AnyArray, hints: Hints) -> str:
    """Say what a result is that is neither an array nor a number."""
    if result is None:
        return "None. Hint: is the return missing, or a part of it?"
    needed = "a NumPy array" if wanted.ndim else "a number"
    hint = " Hint: np.array makes an array of a list." if isinstance(result, list | tuple) else ""
    return f"{describe_kind(result)}; {needed} is expected.{matching_hint(result, hints) or hint}"


def _kind_problem(found: AnyArray, wanted: AnyArray, dtype: DTypeLike | None, kinds: str) -> str:
    """Say that an array holds the wrong kind of things; nothing if it does not."""
    words = {"f": "floats", "i": "whole numbers", "u": "whole numbers", "b": "True and False", "c": "complex numbers"}
    kind = wanted.dtype.kind if dtype is None else np.dtype(dtype).kind
    accepted = kinds or {"f": "fiu", "i": "iu", "u": "iu"}.get(kind, kind)
    if found.dtype.kind in accepted:
        return ""
    held = words.get(found.dtype.kind, "things that are not numbers")
    return f"holds {held} (dtype {found.dtype}); {words.get(accepted[0], 'something else')} are expected."


def _shape_problem(found: AnyArray, wanted: AnyArray, axes: Sequence[str]) -> str:
    """Say that an array has the wrong shape, and along which axis; nothing if it has the right one."""
    if found.shape == wanted.shape:
        return ""
    if not wanted.ndim:
        return f"has shape {found.shape}; a single number is expected."
    if found.ndim != wanted.ndim:
        meaning = f" ({', '.join(axes)})" if axes else ""
        what = (
            f"has shape {found.shape}, which is {found.ndim} {_axes(found.ndim)}"
            if found.ndim
            else "is a single number"
        )
        return f"{what}; {wanted.shape}{meaning} is expected, {wanted.ndim} {_axes(wanted.ndim)}."
    axis = next(axis for axis in range(wanted.ndim) if found.shape[axis] != wanted.shape[axis])
    meaning = f" ({axes[axis]})" if axis < len(axes) else ""
    return (
        f"has shape {found.shape}; {wanted.shape} is expected: "
        f"axis {axis}{meaning} is {found.shape[axis]} long and should be {wanted.shape[axis]}."
    )


def _value_problem(found: AnyArray, wanted: AnyArray, rtol: float, atol: float) -> str:
    """Say which value is the first that is wrong, and how many are; nothing if all are right."""
    if found.dtype.kind == "f" and np.isfinite(wanted).all() and not np.isfinite(found).all():
        place = _first_place(~np.isfinite(found))
        return f"holds {found[place]}{_at_place(place)}."
    if found.dtype.kind in "fiub" and wanted.dtype.kind in "fiub":
        differs = ~np.isclose(found, wanted, rtol=rtol, atol=atol, equal_nan=True)
    else:
        differs = np.asarray(found != wanted)
    if not differs.any():
        return ""
    place = _first_place(differs)
    many = f" {int(differs.sum())} of {differs.size} values differ." if differs.size > 1 else ""
    return f"is {_shown(found[place])}{_at_place(place)}; {_shown(wanted[place])} is expected.{many}"


def _dtype_problem(found: AnyArray, dtype: DTypeLike | None) -> str:
    if dtype is None or found.dtype == np.dtype(dtype):
        return ""
    return f"has dtype {found.dtype}; {np.dtype(dtype)} is expected."


def _axes(count: int) -> str:
    return "axis" if count == 1 else "axes"


def _first_place(mask: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(mask)[0])


def _at_place(place: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, place))}]" if place else ""


def _shown(value: Any) -> str:  # noqa: ANN401
    return f"{float(value):.6g}" if isinstance(value, np.floating | float) else str(value)[:60]


def number(
    answer: object, expected: object, *, name: str, tol: float = 1e-6, hints: Hints = (), what: str = "your answer"
) -> None:
    """Compare a number, a word, True or False, or a tuple of them with the expected; what is right is not told.

    Parameters
    ----------
    answer : object
        What the student wrote down. A list or an array passes for a tuple.
    expected : number, str, bool or tuple
        What is right.
    name : str
        The check's name.
    tol : float
        How far a number may be off.
    hints : sequence of pairs
        A known wrong answer, or a predicate on the answer; and the text that names the mistake.
    what : str
        What is compared, where an exercise asks for several things.

    Raises
    ------
    AssertionError
        If it differs.
    """
    if is_unsolved(answer):
        raise WrongAnswer(f"{name}: {UNSOLVED}")
    written, wanted = _plain(answer), _plain(expected)
    opening = f"{name}: {what}"
    hint = _matching_hint_of_answer(written, answer, hints)
    if isinstance(wanted, tuple):
        if not isinstance(written, tuple):
            raise WrongAnswer(
                f"{opening} is {describe_kind(answer)}; {len(wanted)} values in parentheses are expected.{hint}"
            )
        if len(written) != len(wanted):
            raise WrongAnswer(f"{opening} has {len(written)} values; {len(wanted)} are expected.{hint}")
        wrong = [place for place, pair in enumerate(zip(written, wanted, strict=True)) if not _equal(*pair, tol)]
        if wrong:
            raise WrongAnswer(
                f"{opening}, {shortened(written)}, is not right: look at value {wrong[0] + 1} of {len(wanted)}.{hint}"
            )
        return
    if describe_kind(written) != describe_kind(wanted) and not (_is_number(written) and _is_number(wanted)):
        raise WrongAnswer(f"{opening} is {describe_kind(answer)}; {describe_kind(wanted)} is expected.{hint}")
    if not _equal(written, wanted, tol):
        raise WrongAnswer(f"{opening}, {shortened(written)}, is not right.{hint}")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(written: object, wanted: object, tol: float) -> bool:
    if isinstance(wanted, tuple):
        return (
            isinstance(written, tuple)
            and len(written) == len(wanted)
            and all(_equal(*pair, tol) for pair in zip(written, wanted, strict=True))
        )
    if isinstance(wanted, str):
        return isinstance(written, str) and " ".join(written.casefold().split()) == " ".join(wanted.casefold().split())
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return isinstance(written, int | float) and not isinstance(written, bool) and abs(written - wanted) <= tol
    return type(written) is type(wanted) and written == wanted


def _matching_hint_of_answer(written: object, answer: object, hints: Hints) -> str:
    for mistake, text in hints:
        with contextlib.suppress(Exception):
            if bool(mistake(answer)) if callable(mistake) else _equal(written, _plain(mistake), 1e-6):
                return f" Hint: {text}"
    return ""
