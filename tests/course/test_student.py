"""The student version of the exercises: nothing given away, and each check says that it is not solved yet."""

import ast
import re
import zipfile

import nbformat
import pytest
from small_exercises import CONFUSION, REPAIR, cell, solved_notebook

from mnist_scratch.__main__ import main
from mnist_scratch.course.checkout import find_exercises
from mnist_scratch.course.nbgrader_setup import CODE_STUB
from mnist_scratch.course.student import student_version


def test_the_student_version_has_stubs_and_neither_solutions_nor_hidden_tests():
    released = student_version(solved_notebook())
    sources = [cell.source for cell in released.cells]
    assert sources[2] == "answer = ...\n# your code here"
    assert sources[4] == CONFUSION.partition("###")[0] + "# your code here"
    assert sources[6] == REPAIR.partition("###")[0] + "# your code here"
    assert sources[7] == "assert double(1) == 2"
    assert sources[8] == "*Your answer here.*"
    assert "SOLUTION" not in str(sources)
    assert cell(released, "ex-71-2-check").metadata.editable is False
    assert all(not cell.get("outputs") for cell in released.cells)


def run(notebook, folder):
    """Run every cell whatever fails before it, and return each cell's message: what a student sees."""
    from nbclient import NotebookClient

    client = NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return {
        cell.id: [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """The student versions of the real exercises, as `make student` writes them."""
    folder = tmp_path_factory.mktemp("student")
    assert main(["student", "--out", str(folder)]) == 0
    return folder


SOLVED = find_exercises()


def test_the_zip_holds_the_student_versions(students):
    with zipfile.ZipFile(students / "exercises.zip") as file:
        assert file.namelist() == [f"exercises/{path.name}" for path in SOLVED]
        assert file.read(f"exercises/{SOLVED[0].name}") == (students / SOLVED[0].name).read_bytes()


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_a_student_version_opens_with_nothing_given_away(path, students):
    solved, released = nbformat.read(path, as_version=4), nbformat.read(students / path.name, as_version=4)
    nbformat.validate(released)
    assert [cell.id for cell in released.cells] == [cell.id for cell in solved.cells]
    for before, after in zip(solved.cells, released.cells, strict=True):
        assert "SOLUTION" not in after.source
        assert "HIDDEN" not in after.source
        assert not after.get("outputs")
        if after.cell_type == "code":
            ast.parse(re.sub(r"(?m)^(\s*)%.*", r"\1pass", after.source))
            if before.metadata.get("nbgrader", {}).get("solution"):
                assert CODE_STUB in after.source
                assert after.source != before.source
        else:
            assert "](../" not in after.source


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_each_check_of_a_student_version_says_that_it_is_not_solved_yet(path, students, monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "20")
    notebook = nbformat.read(students / path.name, as_version=4)
    repairs = {cell.id for cell in notebook.cells if "*Kind: repair" in cell.source}
    for place, errors in run(notebook, students).items():
        if not place.endswith("-check"):
            assert errors == [], place
        elif place.replace("-check", "-text") in repairs:
            assert len(errors) == 1, place
            assert "Hint: " in errors[0], f"the broken program of {place} is not named: {errors}"
        else:
            assert len(errors) == 1, place
            assert "not solved yet" in errors[0], f"{place}: {errors}"
