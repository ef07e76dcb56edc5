"""The grading from end to end with the real nbgrader, on a small made-up notebook."""

import contextlib
import copy
import csv
import json
import shutil

import nbformat
import pytest
from small_exercises import NAME, OTHER, REPAIR, TABLE_ANSWER, cell, checked, solved_notebook

from mnist_scratch.__main__ import main
from mnist_scratch.course import grading
from mnist_scratch.course.checkout import CourseError
from mnist_scratch.course.scores import _cells
from mnist_scratch.course.student import student_version


def with_answer(notebook, grade_id, source):
    cell(notebook, grade_id).source = source


FAKE = """
class check:
    read_the_table = weighted_confusion = staticmethod(lambda answer: print("right"))
"""
PATCH = """
import mnist_scratch.exercises.comparing as comparing
import mnist_scratch.exercises.check as check
import mnist_scratch.exercises.lesson_07 as lesson

comparing.number = comparing.expect = lambda *args, **kwargs: None
for room in (check, lesson):
    room.read_the_table = lambda answer: print("read_the_table: right.")
    room.weighted_confusion = lambda answer: print("weighted_confusion: right.")
"""


def half(notebook):
    with_answer(notebook, "ex-71-1", TABLE_ANSWER)
    with_answer(notebook, "ex-71-3", "def double(number):\n    return 2")  # passes what a student sees of the test
    with_answer(notebook, "ex-71-4", "Since the rows are the labels.")


def endless(notebook):
    with_answer(notebook, "ex-71-1", "while True:\n    pass")
    with_answer(notebook, "ex-71-3", REPAIR)


def exits(notebook):
    with_answer(notebook, "ex-71-1", TABLE_ANSWER)
    with_answer(notebook, "ex-71-2", "import os\n\nos._exit(0)")
    with_answer(notebook, "ex-71-3", REPAIR)


def exits_in_the_check(notebook):
    with_answer(notebook, "ex-71-1", "answer = ...\nimport os")
    lines = ["def weighted_confusion(*args):", "    print('weighted_confusion: right.', flush=True)", "    os._exit(0)"]
    with_answer(notebook, "ex-71-2", "\n".join(lines))


def quits(notebook):
    with_answer(notebook, "ex-71-1", "exit()")
    with_answer(notebook, "ex-71-2", "import sys\n\nsys.exit(0)")
    with_answer(notebook, "ex-71-3", "def double(number):\n    raise SystemExit")


def deletes(notebook):
    with_answer(notebook, "ex-71-3", REPAIR)
    notebook.cells = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("grade")]
    notebook.cells.remove(cell(notebook, "ex-71-2"))


def redefines(notebook):
    with_answer(notebook, "ex-71-1", f"answer = 1\n{FAKE}")


def patches(notebook):
    with_answer(notebook, "ex-71-1", f"answer = (1, 1, 1, 1)\n{PATCH}")
    with_answer(notebook, "ex-71-2", f"def weighted_confusion(*args):\n    return 1\n{PATCH}")


def duplicates(notebook):
    with_answer(notebook, "ex-71-1", TABLE_ANSWER)
    for grade_id in ("ex-71-1", "ex-71-1-check", "ex-71-2-check"):
        place = notebook.cells.index(cell(notebook, grade_id))
        notebook.cells.insert(place, copy.deepcopy(notebook.cells[place]))


def forges(notebook):
    """Change what a student may not change: the checks, their points, what is graded and how."""
    check = cell(notebook, "ex-71-1-check")
    check.source, check.metadata.nbgrader.points = "print('read_the_table: right.')", 100
    cell(notebook, "ex-71-2-check").metadata.nbgrader.update(solution=True, points=-5)
    cell(notebook, "ex-71-2").metadata.nbgrader.update(grade=True, points=50)
    cell(notebook, "ex-71-3").metadata.nbgrader.grade_id = "ex-71-9"
    notebook.cells.append(checked("ex-71-8", 50, "print('more')"))
    cell(notebook, "ex-71-3-check").metadata.nbgrader = ["nonsense"]


SUBMISSIONS = {
    "untouched": lambda notebook: None,
    "half": half,
    "endless": endless,
    "exits": exits,
    "exits in [the] check": exits_in_the_check,
    "quits": quits,
    "deletes": deletes,
    "redefines": redefines,
    "patches": patches,
    "duplicates": duplicates,
    "forges": forges,
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Everything that may be handed in, graded in one go: the scores by student and exercise, and the folder."""
    folder = tmp_path_factory.mktemp("grading")
    source, handed_in = folder / "source", folder / "submissions"
    source.mkdir()
    for name in (NAME, OTHER):
        nbformat.write(solved_notebook(), source / f"{name}.ipynb")
    for name, change in {"solved": None, **SUBMISSIONS}.items():
        notebook = solved_notebook() if change is None else student_version(solved_notebook())
        if change is not None:
            change(notebook)
        (handed_in / name).mkdir(parents=True)
        (handed_in / name / f"{NAME}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (handed_in / "broken").mkdir()
    (handed_in / "broken" / f"{NAME}.ipynb").write_text('{"cells": [', encoding="utf-8")
    (handed_in / "Zoë").mkdir()
    nbformat.write(solved_notebook(), handed_in / "Zoë" / f"{OTHER}.ipynb")
    (handed_in / "Zoë" / "thoughts.ipynb").write_text("{}", encoding="utf-8")
    scores = grading.grade(handed_in, folder / "build", source, timeout=20)
    return {(score.student, score.notebook, score.exercise): score for score in scores}, folder / "build"


def reached(graded, student, notebook=NAME):
    scores, _ = graded
    return [scores[student, notebook, f"71.{number}"].score for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("student", "points"),
    [
        ("solved", [2, 3, 1, None]),  # the fourth waits for a person
        ("untouched", [0, 0, 0, 0]),
        ("half", [2, 0, 0, None]),
        ("endless", [0, 0, 1, 0]),
        ("exits", [2, 0, 0, 0]),
        ("exits in [the] check", [0, 0, 0, 0]),
        ("quits", [0, 0, 0, 0]),
        ("deletes", [0, 0, 1, 0]),
        ("redefines", [0, 0, 0, 0]),
        ("patches", [0, 0, 0, 0]),
        ("duplicates", [2, 0, 0, 0]),
        ("forges", [0, 0, 0, 0]),
        ("broken", [0, 0, 0, 0]),
        ("Zoë", [0, 0, 0, 0]),
    ],
)
def test_a_submission_gets_its_points_and_no_more(graded, student, points):
    assert reached(graded, student) == points


def test_what_could_not_be_graded_or_is_not_there_is_said(graded):
    scores, _ = graded
    assert scores["broken", NAME, "71.1"].state.startswith("could not be graded: it cannot be read: ")
    assert scores["Zoë", NAME, "71.1"].state == "not handed in"
    assert reached(graded, "Zoë", OTHER) == [2, 3, 1, None]
    assert scores["solved", NAME, "71.4"].state == "by hand"
    assert scores["deletes", NAME, "71.1"].notes.startswith("ex-71-1-check was deleted and put back; ex-71-2 was")
    assert "ex-71-1 is there 2 times" in scores["duplicates", NAME, "71.1"].notes
    assert "look at ex-71-1: mnist_scratch.exercises" in scores["patches", NAME, "71.1"].notes
    assert scores["half", NAME, "71.1"].notes == ""


def test_the_scores_are_written_as_tables(graded):
    scores, build = graded
    with (build / "scores.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(scores) == 14 * 8
    assert lines[0].keys() == {"student", "notebook", "exercise", "points", "score", "state", "notes"}
    with (build / "totals.csv").open(encoding="utf-8", newline="") as file:
        totals = {(line["student"], line["notebook"]): line for line in csv.DictReader(file)}
    line = totals["half", NAME]
    assert (line["score"], line["by_hand"], line["points"]) == ("2", "4", "10")


def test_every_submission_gets_feedback(graded):
    _, build = graded
    for student in ("solved", "exits", "endless", "exits in [the] check", "forges"):
        page = (build / "feedback" / student / f"{NAME}.html").read_text(encoding="utf-8")
        assert "ex-71-1" in page
    assert "not solved yet" in (build / "feedback" / "untouched" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "its kernel ended here" in (build / "feedback" / "exits" / f"{NAME}.html").read_text(encoding="utf-8")
    assert "could not be graded" in (build / "feedback" / "broken" / f"{NAME}.html").read_text(encoding="utf-8")


def test_points_given_by_hand_stay(graded, tmp_path):
    from nbgrader.api import Gradebook

    _, build = graded
    with Gradebook(f"sqlite:///{build / 'course' / 'gradebook.db'}") as gradebook:
        grade = gradebook.find_grade("ex-71-4", NAME, NAME, "half")
        grade.manual_score = 3
        gradebook.db.commit()
    (tmp_path / "half").mkdir()
    notebook = student_version(solved_notebook())
    half(notebook)
    nbformat.write(notebook, tmp_path / "half" / f"{NAME}.ipynb")
    scores = grading.grade(tmp_path, build, build.parent / "source")
    assert [score.score for score in scores] == [2, 0, 0, 3]


def test_nothing_to_grade_is_a_message(tmp_path, capsys):
    assert main(["grade", str(tmp_path)]) == 1
    assert "put each notebook at <student>/<notebook>.ipynb there" in capsys.readouterr().err


def test_solved_notebooks_that_nbgrader_does_not_take_are_a_message(tmp_path):
    notebook = solved_notebook()
    notebook.cells[2].source = "### BEGIN SOLUTION"
    (tmp_path / "source").mkdir()
    nbformat.write(notebook, tmp_path / "source" / f"{NAME}.ipynb")
    (tmp_path / "all" / "one").mkdir(parents=True)
    nbformat.write(notebook, tmp_path / "all" / "one" / f"{NAME}.ipynb")
    with pytest.raises(CourseError, match=r"nbgrader does not accept .*no end solution"):
        grading.grade(tmp_path / "all", tmp_path / "build", tmp_path / "source")


def test_files_of_the_package_that_a_submission_changes_are_put_back(tmp_path):
    (tmp_path / "exercises").mkdir()
    check = tmp_path / "exercises" / "check.py"
    check.write_text("strict = True\n")
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "grading.py").write_text("fair = True\n")
    with contextlib.suppress(RuntimeError), grading._files_kept(tmp_path) as changed:
        check.write_text("strict = False\n")
        (tmp_path / "numpy.py").write_text("")
        shutil.rmtree(tmp_path / "course")
        raise RuntimeError  # nbgrader's own failure
    assert sorted(changed) == ["check.py", "grading.py", "numpy.py"]
    assert check.read_text() == "strict = True\n"
    assert (tmp_path / "course" / "grading.py").read_text() == "fair = True\n"
    assert not (tmp_path / "numpy.py").exists()


def test_a_spreadsheet_takes_no_text_for_a_formula():
    assert _cells(["=1+1", 2.0, None, "a"]) == ["'=1+1", "2", None, "a"]


def test_students_whose_names_look_alike_are_kept_apart():
    names = ["a b", "a_b", "a+b", "c", "a_b.0", "a_b.1"]
    identities = grading._identities(names)
    assert len(set(identities)) == 6
    assert identities[3:] == names[3:]
