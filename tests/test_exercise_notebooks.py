"""The stored exercises are clean, and each rule is shown to catch a notebook that breaks it."""

from collections.abc import Callable

import nbformat
import pytest
from exercise_rules import problems_of_exercises
from nbformat import NotebookNode
from notebook_rules import code

from mnist_scratch.course.catalogue import KINDS, read_exercises
from mnist_scratch.course.checkout import ROOT, find_exercises, find_lessons

LESSONS = find_lessons()
EXERCISES = find_exercises()


@pytest.mark.parametrize("path", EXERCISES, ids=[f"exercises-{path.stem}" for path in EXERCISES])
def test_exercises_are_clean(path):
    found = problems_of_exercises(path)
    assert not found, "\n".join(["", *found])


def test_there_are_exercises_of_each_kind():
    exercises = [one for path in EXERCISES for one in read_exercises(nbformat.read(path, as_version=4))]
    assert len(exercises) >= 36
    assert {one.kind for one in exercises} == set(KINDS)


def spoil_mark(place: str, **change: object) -> Callable[[NotebookNode], None]:
    return lambda notebook: cell_of(notebook, place).metadata.nbgrader.update(change)


def spoil_text(place: str, old: str, new: str) -> Callable[[NotebookNode], None]:
    def spoil(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, place)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return spoil


def cell_of(notebook: NotebookNode, place: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == place)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda notebook: None, None),
        (spoil_mark("ex-4-1", grade_id="ex-4-2"), "grade ids are not unique"),
        (spoil_mark("ex-4-1", locked=True), "other nbgrader metadata"),
        (spoil_mark("ex-4-1-check", schema_version=2), "other nbgrader metadata"),
        (spoil_mark("ex-4-1-check", points=9), "its text says"),
        (spoil_mark("ex-4-1", points=1), "points where it should not"),
        (spoil_text("ex-4-1-check", "check.", "print"), "does not begin with the import"),
        (spoil_text("ex-4-1", "### END SOLUTION", ""), "has 1 solutions"),
        (spoil_text("ex-4-1-text", "### Exercise 4.1", "### Exercise 4.7"), "exercise 4.7: number"),
        (spoil_text("ex-4-1-text", "**Goal.**", "Goal:"), "must begin as here"),
        (spoil_text("ex-4-1-text", 'section "', 'section "No '), "no section 'No "),
        (spoil_text("ex-4-5-text", "Kind: challenge", "Kind: write"), "the last a challenge"),
        (lambda notebook: code(notebook)[0].update(source="pass"), "not the installing one"),
        (lambda notebook: notebook.cells.remove(cell_of(notebook, "ex-4-2-check")), "exercise 4.2: its cells are"),
    ],
)
def test_each_rule_catches_exercises_that_break_it(tmp_path, spoil, problem):
    name = "04_backpropagation.ipynb"
    notebook = nbformat.read(ROOT / "notebooks" / "exercises" / name, as_version=4)
    spoil(notebook)
    (tmp_path / "exercises").mkdir()
    for path in LESSONS:
        (tmp_path / path.name).write_bytes(path.read_bytes() if path.name == name else b"")
    for path in EXERCISES:
        (tmp_path / "exercises" / path.name).write_text("", encoding="utf-8")
    path = tmp_path / "exercises" / name
    path.write_text(nbformat.v4.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    found = problems_of_exercises(path)
    assert found == [] if problem is None else any(problem in line for line in found), found
