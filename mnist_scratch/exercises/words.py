"""What the checks say: that an answer is wrong and why, in a beginner's words."""

import contextlib
import dis
import numbers
import types
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

Hints = Sequence[tuple[object, str]]
"""Pairs of a known wrong result (or a predicate on the result) and the text that names the mistake."""

UNSOLVED = "not solved yet. Write your answer in the cell above, run that cell, then run this one again."

DOES_NOTHING = frozenset({"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP", "COPY_FREE_VARS"})
"""The byte code's operations that a function without a body is made of."""


class WrongAnswer(AssertionError):
    """An answer is not right, or not there yet; the message says what is wrong and, where it is known, why."""

    def _render_traceback_(self) -> list[str]:
        """Show a notebook the message alone: the lines inside the check would tell a student nothing."""
        return [str(self)]


def is_unsolved(answer: object) -> bool:
    """Whether this is the student version's stub: None, ``...``, or a function that does nothing at all."""
    if answer is None or answer is ...:
        return True
    if isinstance(answer, tuple | list):
        return len(answer) > 0 and any(part is ... for part in answer)
    if isinstance(answer, types.FunctionType):
        steps = list(dis.get_instructions(answer))
        constants = [step.argval for step in steps if step.opname in ("LOAD_CONST", "RETURN_CONST")]
        return {step.opname for step in steps} <= DOES_NOTHING and all(value in (None, ...) for value in constants)
    return False


def matching_hint(result: object, hints: Hints) -> str:
    """Return the first hint that fits: what a known mistake would have given, a predicate, or an exception's type."""
    for mistake, text in hints:
        with contextlib.suppress(Exception):
            if isinstance(mistake, type) and issubclass(mistake, BaseException):
                fits = isinstance(result, mistake)
            elif callable(mistake):
                fits = bool(mistake(result))
            else:
                known, found = np.asarray(mistake), np.asarray(result)
                same_shape = known.shape == found.shape
                fits = same_shape and bool(np.allclose(found, known, rtol=1e-5, atol=1e-7, equal_nan=True))
            if fits:
                return f" Hint: {text}"
    return ""


def describe_kind(value: object) -> str:
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


def error_text(problem: BaseException) -> str:
    """Return an error's message in one line, also where an answer's own error type has a broken one."""
    try:
        return " ".join(str(problem).split())[:200].rstrip(".")
    except Exception:
        return "its message cannot be read"


def error_with_type(problem: BaseException) -> str:
    """Return an error as Python shows it in its last line."""
    text = error_text(problem)
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def shortened(value: object) -> str:
    """Return how a value is written in Python, cut off after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
