"""What a bank of answers is made of."""

from collections.abc import Sequence
from typing import NamedTuple


class Bank(NamedTuple):
    """Right and wrong answers to one exercise. For a check of several parameters each answer is a tuple of as many."""

    right: Sequence[object]
    """At least two written differently, beside the notebook's."""

    wrong: Sequence[tuple[object, str]]
    """At least four typical mistakes, each with a regular expression for the hint that names it."""
