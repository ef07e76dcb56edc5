"""What all checks share: to run a stranger's answer, to compare what comes, and to say in plain words what is wrong.

A check is a function under ``@exercise`` that takes the student's answer. Inside it, ``call`` runs the answer,
``expect`` compares an array with the expected one, and ``number`` compares what a student has written down. Whatever
goes wrong, the student meets one AssertionError: what is wrong first, then a hint where the mistake is a known one.
"""

import contextlib
import copy
import dis
import functools
import inspect
import linecache
import numbers
import os
import random
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["TIME_LIMIT", "Hints", "WrongAnswer", "call", "exercise", "expect", "number", "unpack"]

TIME_LIMIT = 2.0
"""Seconds that a check may take; the environment variable MNIST_SCRATCH_CHECK_SECONDS gives another limit."""

Hints = Sequence[tuple[object, str]]
"""Pairs of a known wrong result (or a predicate on the result) and the text that names the mistake."""

P = ParamSpec("P")

_UNSOLVED = "not solved yet. Write your answer in the cell above, run that cell, then run this one again."
_QUIET = frozenset({"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP", "COPY_FREE_VARS"})


class WrongAnswer(AssertionError):
    """An answer is not right, or not there yet; the message says what is wrong and, where it is known, why."""

    def _render_traceback_(self) -> list[str]:
        """Show a notebook the message alone: the lines inside the check would tell a student nothing."""
        return [str(self)]


class _TimeUp(BaseException):
    """The check has taken too long. Not an Exception, so that an answer's ``except Exception`` does not stop it."""


# Running a check


def exercise(check: Callable[P, None]) -> Callable[P, None]:
    """Make a check out of a function: any failure inside becomes an AssertionError in the student's terms.

    On success it prints ``name: right.`` An answer that is missing, a stub or ``...`` is "not solved yet". A check that
    takes longer than ``TIME_LIMIT`` is stopped (on the main thread of systems that have SIGALRM). NumPy's error state,
    the random states, the recursion limit and the warning filters are left as they were.

    Parameters
    ----------
    check : callable
        It takes the student's answer, or several, and uses ``call``, ``expect``, ``number`` or plain ``assert``.
    """
    name = check.__name__

    @functools.wraps(check)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        __tracebackhide__ = True
        message = ""
        try:
            with _kept_state(), _time_limit():
                if any(_is_unsolved(answer) for answer in (*args, *kwargs.values())):
                    raise WrongAnswer(_UNSOLVED)
                check(*args, **kwargs)
        except _TimeUp:
            message = f"your answer was stopped after {_seconds():g} s. Hint: does a loop ever end?"
        except RecursionError:
            message = "your function calls itself without end. Hint: which call is the last one, and what ends it?"
        except NotImplementedError:
            message = _UNSOLVED
        except AssertionError as problem:
            message = str(problem) or "that is not right."
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # whatever an answer can do, the student gets one kind of error
            message = f"the check cannot use your answer: {_told(problem)}."
        if message:
            raise WrongAnswer(message if message.startswith(f"{name}: ") else f"{name}: {message}")
        print(f"{name}: right.")

    return checked


def _is_unsolved(answer: object) -> bool:
    """Whether this is the student version's stub: None, ``...``, or a function that does nothing at all."""
    if answer is None or answer is ...:
        return True
    if isinstance(answer, tuple | list):
        return len(answer) > 0 and any(part is ... for part in answer)
    if isinstance(answer, types.FunctionType):
        steps = list(dis.get_instructions(answer))
        constants = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
        return {step.opname for step in steps} <= _QUIET and all(value in (None, ...) for value in constants)
    return False


def _seconds() -> float:
    try:
        return float(os.environ.get("MNIST_SCRATCH_CHECK_SECONDS", "")) or TIME_LIMIT
    except ValueError:
        return TIME_LIMIT


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    """Raise _TimeUp inside the block when the time is up; again and again, should the answer swallow it."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, _seconds(), 0.2)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _kept_state() -> Iterator[None]:
    """Leave behind no change of NumPy's error state, random states, recursion limit or warning filters."""
    limit, state, legacy = sys.getrecursionlimit(), random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.setrecursionlimit(limit)
        random.setstate(state)
        np.random.set_state(legacy)  # noqa: NPY002


# Calling the answer


def call(
    answer: object,
    *args: object,
    name: str,
    changes_allowed: bool = False,
    none_allowed: bool = False,
    hints: Hints = (),
    **kwargs: object,
) -> Any:  # noqa: ANN401
    """Call the student's function on copies of the arguments, and return what it returns.

    Parameters
    ----------
    answer : object
        What the student handed in.
    *args, **kwargs : object
        The arguments. Arrays among them, also inside lists, tuples and dictionaries, must come back unchanged.
    name : str
        The check's name.
    changes_allowed : bool
        The function is meant to change its arguments: it gets them themselves instead of copies.
    none_allowed : bool
        The function is meant to return nothing.
    hints : sequence of pairs
        An exception type, or a predicate on the exception; and the text to add when the answer raises such a one.

    Raises
    ------
    AssertionError
        If it is not a function, raises, exits, recurses without end, returns None or ``...``, or changes an argument.
    """
    if not callable(answer):
        raise WrongAnswer(f"{name}: a function is expected; it is {_kind(answer)}.")
    if changes_allowed:
        given_args, given_kwargs = args, kwargs
    else:
        given_args, given_kwargs = tuple(map(_copied, args)), {key: _copied(value) for key, value in kwargs.items()}
    try:
        result = answer(*given_args, **given_kwargs)
    except (_TimeUp, KeyboardInterrupt, NotImplementedError, RecursionError):
        raise
    except SystemExit:
        raise WrongAnswer(
            f"{name}: your function ends the program (exit). Hint: a function hands back with return."
        ) from None
    except BaseException as problem:
        if isinstance(problem, TypeError) and "llipsis" in str(problem):
            raise WrongAnswer(f"{name}: {_UNSOLVED}") from None
        hint = _matching_hint(problem, hints)
        if isinstance(problem, TypeError) and problem.__traceback__ is not None and not problem.__traceback__.tb_next:
            count = f"{len(args)} argument{'s' if len(args) != 1 else ''}"
            named = f", and with {', '.join(kwargs)}" if kwargs else ""
            message = f"your function cannot be called with {count}{named}: {_text(problem)}"
            raise WrongAnswer(f"{name}: {message}.{hint}") from None
        raise WrongAnswer(f"{name}: your function raised {_told(problem)}{_line(problem, answer)}.{hint}") from None
    if not changes_allowed:
        _check_unchanged(answer, args, given_args, kwargs, given_kwargs, name)
    if result is ...:
        raise WrongAnswer(f"{name}: {_UNSOLVED}")
    if result is None and not none_allowed:
        raise WrongAnswer(f"{name}: your function returns None. Hint: is the return missing?")
    return result


def _copied(value: object) -> object:
    try:
        return copy.deepcopy(value)
    except Exception:  # an open file, a generator: nothing that the answer could spoil for a check
        return value


def _check_unchanged(
    answer: object,
    args: Sequence[object],
    given_args: Sequence[object],
    kwargs: dict[str, object],
    given_kwargs: dict[str, object],
    name: str,
) -> None:
    try:
        names = [f"`{parameter}`" for parameter in inspect.signature(answer).parameters]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        names = []
    names = [*names, *(f"argument {position + 1}" for position in range(len(names), len(args)))]
    pairs = [*zip(names, args, given_args, strict=False)]
    pairs += [(f"`{key}`", value, given_kwargs[key]) for key, value in kwargs.items()]
    for which, before, after in pairs:
        if not _same(before, after):
            raise WrongAnswer(
                f"{name}: your function changes {which}, which belongs to the caller. "
                "Hint: `a -= b` and `a[i] = b` write into the array that came in; make a new one, or a copy first."
            )


def _same(before: object, after: object) -> bool:
    """Whether arrays, also inside lists, tuples and dictionaries, are as they were, bit by bit."""
    if isinstance(before, np.ndarray):
        return (
            isinstance(after, np.ndarray)
            and before.shape == after.shape
            and before.dtype == after.dtype
            and before.tobytes() == after.tobytes()
        )
    if isinstance(before, list | tuple):
        return isinstance(after, list | tuple) and len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, dict):
        return (
            isinstance(after, dict)
            and before.keys() == after.keys()
            and all(_same(before[k], after[k]) for k in before)
        )
    return not isinstance(before, numbers.Number | str) or before == after or before != before


def _line(problem: BaseException, answer: object) -> str:
    """Say where in the student's own code it was raised: the last line there that the traceback passes through."""
    inner = getattr(answer, "__code__", None)
    frames: list[tuple[str, int]] = []
    step = problem.__traceback__
    while step is not None:
        frames.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    own = [frame for frame in frames[1:] if inner is None or frame[0] == inner.co_filename]
    if not own:
        return ""
    filename, line = own[-1]
    text = linecache.getline(filename, line).strip()
    return f", in line {line} of your cell" + (f": {text[:100]}" if text else "")


def unpack(result: object, names: Sequence[str], *, name: str) -> list[Any]:
    """Return the parts of a result that must be a tuple of as many parts as there are names.

    Raises
    ------
    AssertionError
        If it is no tuple or list, or has another number of parts.
    """
    listed = ", ".join(names)
    if not isinstance(result, tuple | list):
        raise WrongAnswer(f"{name}: {len(names)} results are expected ({listed}); it is {_kind(result)}.")
    if len(result) != len(names):
        raise WrongAnswer(f"{name}: {len(names)} results are expected ({listed}); there are {len(result)}.")
    return list(result)


# Comparing arrays


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
    right = np.asarray(expected)
    start = f"{name}: for {given}, {what}" if given else f"{name}: {what}"
    if result is ...:
        raise WrongAnswer(f"{name}: {_UNSOLVED}")
    if result is None:
        raise WrongAnswer(f"{start} is None. Hint: is the return missing, or a part of it?")
    if not isinstance(result, np.ndarray | np.generic | numbers.Number):
        hint = " Hint: np.array makes an array of a list." if isinstance(result, list | tuple) else ""
        wanted = "a NumPy array" if right.ndim else "a number"
        raise WrongAnswer(f"{start} is {_kind(result)}; {wanted} is expected.{_matching_hint(result, hints) or hint}")
    came = np.asarray(result)
    _expect_kind(came, right, start, hints, dtype, kinds)
    _expect_shape(came, right, start, hints, axes)
    if came.dtype.kind == "f" and np.isfinite(right).all() and not np.isfinite(came).all():
        place = _first(~np.isfinite(came))
        raise WrongAnswer(f"{start} holds {came[place]}{_at(place)}.{_matching_hint(result, hints)}")
    if came.dtype.kind in "fiub" and right.dtype.kind in "fiub":
        differs = ~np.isclose(came, right, rtol=rtol, atol=atol, equal_nan=True)
    else:
        differs = np.asarray(came != right)
    if differs.any():
        place = _first(differs)
        many = f" {int(differs.sum())} of {differs.size} values differ." if differs.size > 1 else ""
        values = f"is {_shown(came[place])}{_at(place)}; {_shown(right[place])} is expected."
        raise WrongAnswer(f"{start} {values}{many}{_matching_hint(result, hints)}")
    if dtype is not None and came.dtype != np.dtype(dtype):
        raise WrongAnswer(
            f"{start} has dtype {came.dtype}; {np.dtype(dtype)} is expected.{_matching_hint(result, hints)}"
        )


def _expect_kind(
    came: np.ndarray[Any, Any],
    right: np.ndarray[Any, Any],
    start: str,
    hints: Hints,
    dtype: DTypeLike | None,
    kinds: str,
) -> None:
    words = {"f": "floats", "i": "whole numbers", "u": "whole numbers", "b": "True and False", "c": "complex numbers"}
    kind = right.dtype.kind if dtype is None else np.dtype(dtype).kind
    accepted = kinds or {"f": "fiu", "i": "iu", "u": "iu"}.get(kind, kind)
    if came.dtype.kind not in accepted:
        got = words.get(came.dtype.kind, "things that are not numbers")
        hint = _matching_hint(came, hints)
        raise WrongAnswer(
            f"{start} holds {got} (dtype {came.dtype}); {words.get(accepted[0], 'something else')} are expected.{hint}"
        )


def _expect_shape(
    came: np.ndarray[Any, Any], right: np.ndarray[Any, Any], start: str, hints: Hints, axes: Sequence[str]
) -> None:
    if came.shape == right.shape:
        return
    if not right.ndim:
        message = f"has shape {came.shape}; a single number is expected"
    elif came.ndim != right.ndim:
        meaning = f" ({', '.join(axes)})" if axes else ""
        what = (
            "is a single number"
            if not came.ndim
            else f"has shape {came.shape}, which is {came.ndim} {_axes(came.ndim)}"
        )
        message = f"{what}; {right.shape}{meaning} is expected, {right.ndim} {_axes(right.ndim)}"
    else:
        axis = next(axis for axis in range(right.ndim) if came.shape[axis] != right.shape[axis])
        meaning = f" ({axes[axis]})" if axis < len(axes) else ""
        message = (
            f"has shape {came.shape}; {right.shape} is expected: "
            f"axis {axis}{meaning} is {came.shape[axis]} long and should be {right.shape[axis]}"
        )
    raise WrongAnswer(f"{start} {message}.{_matching_hint(came, hints)}")


def _axes(count: int) -> str:
    return "axis" if count == 1 else "axes"


def _first(mask: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(mask)[0])


def _at(place: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, place))}]" if place else ""


def _shown(value: Any) -> str:  # noqa: ANN401
    return f"{float(value):.6g}" if isinstance(value, np.floating | float) else str(value)[:60]


# Comparing what a student wrote down


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
    if _is_unsolved(answer):
        raise WrongAnswer(f"{name}: {_UNSOLVED}")
    came, right = _plain(answer), _plain(expected)
    start = f"{name}: {what}"
    hint = _matching_answer(came, answer, hints)
    if isinstance(right, tuple):
        if not isinstance(came, tuple):
            raise WrongAnswer(f"{start} is {_kind(answer)}; {len(right)} values in parentheses are expected.{hint}")
        if len(came) != len(right):
            raise WrongAnswer(f"{start} has {len(came)} values; {len(right)} are expected.{hint}")
        wrong = [place for place, pair in enumerate(zip(came, right, strict=True)) if not _equal(*pair, tol)]
        if wrong:
            raise WrongAnswer(
                f"{start}, {_short(came)}, is not right: look at value {wrong[0] + 1} of {len(right)}.{hint}"
            )
        return
    if _kind(came) != _kind(right) and not (_is_number(came) and _is_number(right)):
        raise WrongAnswer(f"{start} is {_kind(answer)}; {_kind(right)} is expected.{hint}")
    if not _equal(came, right, tol):
        raise WrongAnswer(f"{start}, {_short(came)}, is not right.{hint}")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(came: object, right: object, tol: float) -> bool:
    if isinstance(right, tuple):
        return (
            isinstance(came, tuple)
            and len(came) == len(right)
            and all(_equal(*pair, tol) for pair in zip(came, right, strict=True))
        )
    if isinstance(right, str):
        return isinstance(came, str) and " ".join(came.casefold().split()) == " ".join(right.casefold().split())
    if isinstance(right, int | float) and not isinstance(right, bool):
        return isinstance(came, int | float) and not isinstance(came, bool) and abs(came - right) <= tol
    return type(came) is type(right) and came == right


def _matching_answer(came: object, answer: object, hints: Hints) -> str:
    for mistake, text in hints:
        with contextlib.suppress(Exception):
            if bool(mistake(answer)) if callable(mistake) else _equal(came, _plain(mistake), 1e-6):
                return f" Hint: {text}"
    return ""


# Words


def _matching_hint(result: object, hints: Hints) -> str:
    """Return the first hint that fits: what a known mistake would have given, a predicate, or an exception's type."""
    for mistake, text in hints:
        with contextlib.suppress(Exception):
            if isinstance(mistake, type) and issubclass(mistake, BaseException):
                fits = isinstance(result, mistake)
            elif callable(mistake):
                fits = bool(mistake(result))
            else:
                known, came = np.asarray(mistake), np.asarray(result)
                fits = known.shape == came.shape and bool(
                    np.allclose(came, known, rtol=1e-5, atol=1e-7, equal_nan=True)
                )
            if fits:
                return f" Hint: {text}"
    return ""


def _kind(value: object) -> str:
    """Say what a value is, in a beginner's words."""
    if value is None:
        return "None"
    known: tuple[tuple[Any, str], ...] = (
        (bool | np.bool_, "True or False"),
        (numbers.Number, "a number"),
        (str, "a text"),
        (np.ndarray, "an array"),
        (Generator, "a generator"),
        (list, "a list"),
        (tuple, "a tuple"),
        (dict, "a dictionary"),
        (type, "a class"),
        (types.FunctionType | types.BuiltinFunctionType | types.MethodType, "a function"),
    )
    return next(
        (words for kind, words in known if isinstance(value, kind)), f"an object of type {type(value).__name__}"
    )


def _text(problem: BaseException) -> str:
    try:
        return " ".join(str(problem).split())[:200].rstrip(".")
    except Exception:
        return "its message cannot be read"


def _told(problem: BaseException) -> str:
    text = _text(problem)
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
