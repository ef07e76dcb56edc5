"""Banks of answers: for each check of the exercises, answers that are right and typical mistakes.

They are in ``tests/exercises/bank_NN.py`` of the checkout. The tests try every check on them, and the instructors'
guide lists the hints that the mistakes get.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mnist_scratch.course.checkout import ROOT, CourseError


class Bank(NamedTuple):
    """Right and wrong answers to one exercise. For a check of several parameters each answer is a tuple of as many."""

    right: Sequence[object]
    """At least two written differently, beside the notebook's."""

    wrong: Sequence[tuple[object, str]]
    """At least four typical mistakes, each with a regular expression for the hint that names it."""


def find_banks(root: Path = ROOT) -> dict[str, Path]:
    """Return the files of the banks by the lesson's number, such as "04"."""
    return {path.stem[-2:]: path for path in sorted((root / "tests" / "exercises").glob("bank_[0-9][0-9].py"))}


def load_banks(lesson: str, root: Path = ROOT) -> Mapping[str, Bank]:
    """Return the banks of a lesson by their checks' names.

    Parameters
    ----------
    lesson : str
        Its number, such as "04".
    root : Path
        The checkout.

    Raises
    ------
    CourseError
        If there are none for this lesson.
    """
    path = find_banks(root).get(lesson)
    if path is None:
        raise CourseError(
            f"There is no bank of answers tests/exercises/bank_{lesson}.py for the exercises of lesson {lesson}."
        )
    # Not imported by name: what the package imports never depends on the tests, which are files of the checkout here.
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CourseError(f"{path} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    banks: Mapping[str, Bank] = module.BANK
    return banks
