"""What students have reached: the scores, and the tables of them that are written."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from mnist_scratch.files import write_whole


@dataclass(frozen=True)
class Score:
    """What a student has for one exercise: a line of ``scores.csv``."""

    student: str
    notebook: str
    exercise: str
    points: float
    score: float | None
    """None where it is to be graded by hand."""
    state: str
    """"graded", "by hand", "not handed in", or why it could not be graded."""
    notes: str = ""
    """What someone should look at in this notebook: cells put back, and code that no exercise asks for."""


def write_scores(scores: Sequence[Score], folder: Path) -> None:
    """Write ``scores.csv``, a line for each student and exercise, and ``totals.csv``, one for student and notebook."""
    names = [field.name for field in fields(Score)]
    write_whole(folder / "scores.csv", _csv([names, *(astuple(score) for score in scores)]))
    lines: list[Sequence[object]] = [["student", "notebook", "score", "by_hand", "points", "notes"]]
    for key in dict.fromkeys((score.student, score.notebook) for score in scores):
        these = [score for score in scores if (score.student, score.notebook) == key]
        lines.append([*key, *_totals(these), these[0].notes])
    write_whole(folder / "totals.csv", _csv(lines))


def summary_line(scores: Sequence[Score]) -> str:
    """Return a line on one student's notebook: the points, what went wrong, and what to look at."""
    reached, by_hand, points = _totals(scores)
    first = scores[0]
    text = f"{first.student:20} {first.notebook:22} {reached:g} of {points:g}"
    text += f", {by_hand:g} by hand" if by_hand else ""
    text += f"; {first.state}" if first.state not in ("graded", "by hand") else ""
    return text + (f"; {first.notes}" if first.notes else "")


def _totals(scores: Sequence[Score]) -> tuple[float, float, float]:
    """Return the points reached, those still to be given by hand, and those that there are."""
    return (
        sum(score.score for score in scores if score.score is not None),
        sum(score.points for score in scores if score.score is None),
        sum(score.points for score in scores),
    )


def _csv(lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(_cells(line) for line in lines)
    return text.getvalue()


def _cells(values: Sequence[object]) -> list[object]:
    """Make a line of CSV: whole points without ".0", and no text that a spreadsheet would take for a formula."""
    line: list[object] = []
    for value in values:
        if isinstance(value, float):
            line.append(f"{value:g}")
        elif isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
            line.append(f"'{value}")
        else:
            line.append(value)
    return line
