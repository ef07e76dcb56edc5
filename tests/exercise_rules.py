"""What a stored notebook of solved exercises must be: rules as for the lessons, and those of nbgrader's marks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from notebook_rules import code, execution_problems, format_problems, link_problems, output_problems, text, where

from mnist_scratch.course.address import first_cells
from mnist_scratch.course.catalogue import CHECK_CALL, KINDS, read_exercises
from mnist_scratch.course.checkout import CourseError

MARKS = {
    "given": {"grade": False, "locked": True, "solution": False},
    "answer": {"grade": False, "locked": False, "solution": True},
    "check": {"grade": True, "locked": True, "solution": False},
    "explain": {"grade": True, "locked": False, "solution": True},
}
CHECK_START = "from mnist_scratch.exercises import check\n\n"


def role(cell: NotebookNode) -> str:
    """What a cell is for nbgrader, or nothing."""
    mark = {key: value for key, value in cell.metadata.get("nbgrader", {}).items() if key in MARKS["given"]}
    return next((name for name, wanted in MARKS.items() if mark == wanted), "unknown" if mark else "")


def mark_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    ids = [cell.metadata.nbgrader.get("grade_id") for cell in marked]
    if len(set(ids)) < len(ids):
        yield "grade ids are not unique"
    for cell in marked:
        mark = cell.metadata.nbgrader
        if role(cell) == "unknown" or mark.get("schema_version") != 3 or mark.get("task") is not False:
            yield f"{where(cell)} has other nbgrader metadata than the exercises have"
        if ("points" in mark) != (role(cell) in ("check", "explain")):
            yield f"{where(cell)} has points where it should not, or none where it should"
        if role(cell) == "check" and not (cell.source.startswith(CHECK_START) and CHECK_CALL.search(cell.source)):
            yield f"{where(cell)} does not begin with the import of check and call one"
        begun, ended = cell.source.count("### BEGIN SOLUTION"), cell.source.count("### END SOLUTION")
        if (begun, ended) != ((1, 1) if role(cell) == "answer" else (0, 0)):
            yield f"{where(cell)} has {begun} solutions"


def exercise_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    try:
        exercises = read_exercises(notebook)
    except CourseError as error:
        yield str(error)
        return
    if not 3 <= len(exercises) <= 6 or exercises[-1].kind != "challenge":
        yield "3 to 6 exercises are wanted, the last a challenge"
    lesson = nbformat.read(path.parent.parent / path.name, as_version=4)
    headings = [line.lstrip("# ") for line in text(lesson).splitlines() if line.startswith("#")]
    for number, one in enumerate(exercises, start=1):
        place = f"ex-{int(path.stem[:2])}-{number}"
        graded = [cell for cell in notebook.cells if cell.id in (place, f"{place}-check")]
        roles = ["explain"] if one.kind == "explain" else ["answer", "check"]
        if one.number != f"{int(path.stem[:2])}.{number}" or one.lesson != path.stem[:2] or one.kind not in KINDS:
            yield f"exercise {one.number}: number, lesson or kind"
        if [role(cell) for cell in graded] != roles:
            yield f"exercise {one.number}: its cells are {[role(cell) for cell in graded]}, not {roles}"
        elif [cell.metadata.nbgrader.grade_id for cell in graded] != [cell.id for cell in graded]:
            yield f"exercise {one.number}: ids and grade ids differ"
        elif graded[-1].metadata.nbgrader.points != one.points:
            yield f"exercise {one.number}: its text says {one.points} points, its check has others"
        for section in set(one.sections) - set(headings):
            yield f"exercise {one.number}: its lesson has no section {section!r}"


def install_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    if code(notebook)[0].source != first_cells(path.name)[1]:
        yield "the first code cell is not the installing one: run `make address`"


EXERCISE_RULES: tuple[Callable[[Path, NotebookNode], Iterator[str]], ...] = (
    format_problems,
    execution_problems,
    output_problems,
    link_problems,
    install_problems,
    mark_problems,
    exercise_problems,
)


def problems_of_exercises(path: Path) -> list[str]:
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
    return [problem for rule in EXERCISE_RULES for problem in rule(path, notebook)]
