"""What exercises there are: read from the texts of the solved notebooks, whose first lines have a fixed form."""

import re
from dataclasses import dataclass
from typing import Any

from mnist_scratch.course.checkout import CourseError

KINDS = ("predict", "fill in", "write", "repair", "explain", "challenge")

HEAD = re.compile(
    r"### Exercise (?P<number>\d+\.\d+): (?P<title>.+)\n\n"
    r"\*Kind: (?P<kind>[a-z ]+) · (?P<points>\d+) points? · about (?P<minutes>\d+) minutes · "
    r"lesson (?P<lesson>\d\d), sections? \"(?P<sections>.+)\"\*\n\n"
    r"\*\*Goal\.\*\* (?P<goal>.+)"
)
"""How the text of an exercise begins."""

EXAMPLE = (
    "### Exercise 4.1: A title\n\n"
    '*Kind: write · 3 points · about 12 minutes · lesson 04, section "A heading of the lesson"*\n\n'
    "**Goal.** What is practised."
)
"""A text that begins so, for messages."""

CHECK_CALL = re.compile(r"\bcheck\.(\w+)\(")
"""The call of a check in a graded cell."""


@dataclass(frozen=True)
class Exercise:
    """What the text of an exercise says about it, and the checks that it calls."""

    number: str
    title: str
    kind: str
    points: int
    minutes: int
    lesson: str
    sections: tuple[str, ...]
    goal: str
    checks: tuple[str, ...]


def read_exercises(notebook: Any) -> list[Exercise]:  # noqa: ANN401
    """Return the exercises of a solved notebook, in order.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Raises
    ------
    CourseError
        If a text does not begin as ``HEAD`` wants it.
    """
    starts = [
        place
        for place, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown" and cell.source.startswith("### Exercise")
    ]
    ends = [*starts[1:], len(notebook.cells)]
    return [_read_exercise(notebook.cells[start:end]) for start, end in zip(starts, ends, strict=True)]


def _read_exercise(cells: list[Any]) -> Exercise:
    """Read one exercise: its text, and the cells up to the next."""
    head = HEAD.match(cells[0].source)
    if not head:
        raise CourseError(
            f"The text of an exercise must begin as here:\n\n{EXAMPLE}\n\nThis one begins:\n\n{cells[0].source[:300]}"
        )
    graded = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
    return Exercise(
        number=head["number"],
        title=head["title"],
        kind=head["kind"],
        points=int(head["points"]),
        minutes=int(head["minutes"]),
        lesson=head["lesson"],
        sections=tuple(head["sections"].split('" and "')),
        goal=head["goal"],
        checks=tuple(dict.fromkeys(name for cell in graded for name in CHECK_CALL.findall(cell.source))),
    )
