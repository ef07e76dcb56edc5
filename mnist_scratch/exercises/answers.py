"""Running a stranger's answer: whatever goes wrong in it, the student meets one AssertionError in plain words.

A check is a function under ``@exercise`` that takes the student's answer. Inside it, ``call`` runs the answer,
``comparing.expect`` compares an array with the expected one, and ``comparing.number`` compares what a student has
written down. The error says what is wrong first, then gives a hint where the mistake is a known one.
"""

import contextlib
import copy
import functools
import inspect
import linecache
import numbers
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec

import numpy as np

from mnist_scratch.exercises.words import (
    UNSOLVED,
    Hints,
    WrongAnswer,
    describe_kind,
    error_text,
    error_with_type,
    is_unsolved,
    matching_hint,
)

__all__ = ["TIME_LIMIT", "Hints", "WrongAnswer", "call", "exercise", "unpack"]

TIME_LIMIT = 2.0
"""Seconds that a check may take; the environment variable MNIST_SCRATCH_CHECK_SECONDS gives another limit."""

P = ParamSpec("P")


class _TimeUp(BaseException):
    """The check has taken too long. Not an Exception, so that an answer's ``except Exception`` does not stop it."""


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
                if any(is_unsolved(answer) for answer in (*args, *kwargs.values())):
                    raise WrongAnswer(UNSOLVED)
                check(*args, **kwargs)
        except _TimeUp:
            message = f"your answer was stopped after {_seconds():g} s. Hint: does a loop ever end?"
        except RecursionError:
            message = "your function calls itself without end. Hint: which call is the last one, and what ends it?"
        except NotImplementedError:
            message = UNSOLVED
        except AssertionError as problem:
            message = str(problem) or "that is not right."
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # whatever an answer can do, the student gets one kind of error
            message = f"the check cannot use your answer: {error_with_type(problem)}."
        if message:
            raise WrongAnswer(message if message.startswith(f"{name}: ") else f"{name}: {message}")
        print(f"{name}: right.")

    return checked


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
        raise WrongAnswer(f"{name}: a function is expected; it is {describe_kind(answer)}.")
    if changes_allowed:
        given_args, given_kwargs = args, kwargs
    else:
        given_args, given_kwargs = tuple(map(_copy, args)), {key: _copy(value) for key, value in kwargs.items()}
    try:
        result = answer(*given_args, **given_kwargs)
    except (_TimeUp, KeyboardInterrupt, NotImplementedError, RecursionError):
        raise
    except SystemExit:
        raise WrongAnswer(
            f"{name}: your function ends the program (exit). Hint: a function hands back with return."
        ) from None
    except BaseException as problem:
        message = _describe_error(problem, answer, len(args), list(kwargs))
        hint = "" if message == UNSOLVED else matching_hint(problem, hints)
        raise WrongAnswer(f"{name}: {message}{hint}") from None
    if not changes_allowed:
        _check_unchanged(answer, args, given_args, kwargs, given_kwargs, name)
    if result is ...:
        raise WrongAnswer(f"{name}: {UNSOLVED}")
    if result is None and not none_allowed:
        raise WrongAnswer(f"{name}: your function returns None. Hint: is the return missing?")
    return result


def _describe_error(problem: BaseException, answer: object, n_arguments: int, names: Sequence[str]) -> str:
    """Say what an answer's error means, of one that was called with some arguments in order and others by name."""
    if isinstance(problem, TypeError) and "llipsis" in str(problem):
        return UNSOLVED
    if isinstance(problem, TypeError) and problem.__traceback__ is not None and not problem.__traceback__.tb_next:
        count = f"{n_arguments} argument{'s' if n_arguments != 1 else ''}"
        by_name = f", and with {', '.join(names)}" if names else ""
        return f"your function cannot be called with {count}{by_name}: {error_text(problem)}."
    return f"your function raised {error_with_type(problem)}{_line_of_the_answer(problem, answer)}."


def _copy(value: object) -> object:
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
        if not _is_unchanged(before, after):
            raise WrongAnswer(
                f"{name}: your function changes {which}, which belongs to the caller. "
                "Hint: `a -= b` and `a[i] = b` write into the array that came in; make a new one, or a copy first."
            )


def _is_unchanged(before: object, after: object) -> bool:
    """Whether arrays, also inside lists, tuples and dictionaries, are as they were, bit by bit."""
    if isinstance(before, np.ndarray):
        return (
            isinstance(after, np.ndarray)
            and before.shape == after.shape
            and before.dtype == after.dtype
            and before.tobytes() == after.tobytes()
        )
    if isinstance(before, list | tuple):
        return isinstance(after, list | tuple) and len(before) == len(after) and all(map(_is_unchanged, before, after))
    if isinstance(before, dict):
        return (
            isinstance(after, dict)
            and before.keys() == after.keys()
            and all(_is_unchanged(before[k], after[k]) for k in before)
        )
    return not isinstance(before, numbers.Number | str) or before == after or before != before


def _line_of_the_answer(problem: BaseException, answer: object) -> str:
    """Say where in the student's own code it was raised: the last line there that the traceback passes through."""
    inner = getattr(answer, "__code__", None)
    frames: list[tuple[str, int]] = []
    step = problem.__traceback__
    while step is not None:
        frames.append((step.tb_frame.f_code.co_filename, step.tb_lineno))
        step = step.tb_next
    in_the_answer = [frame for frame in frames[1:] if inner is None or frame[0] == inner.co_filename]
    if not in_the_answer:
        return ""
    filename, line = in_the_answer[-1]
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
        raise WrongAnswer(f"{name}: {len(names)} results are expected ({listed}); it is {describe_kind(result)}.")
    if len(result) != len(names):
        raise WrongAnswer(f"{name}: {len(names)} results are expected ({listed}); there are {len(result)}.")
    return list(result)
