"""The instructors' guide says what the notebooks, the banks and the lessons say."""

import re
import shutil

import pytest

from mnist_scratch.__main__ import main
from mnist_scratch.course import checkout
from mnist_scratch.course.checkout import ROOT, find_lessons
from mnist_scratch.course.guide import answers_part, guide_parts, instructors_guide
from mnist_scratch.marks import read_between, write_between

GUIDE = instructors_guide(ROOT)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "20")


def test_the_generated_parts_are_as_they_would_be_generated():
    text = GUIDE.read_text(encoding="utf-8")
    for name, content in guide_parts(ROOT).items():
        assert read_between(text, name) == content, "run: make guide"


def test_each_lessons_questions_are_answered():
    text = answers_part()
    for path in find_lessons():
        part = text.partition(f"### Lesson {path.stem[:2]}\n")[2].partition("###")[0]
        assert len(re.findall(r"(?m)^\d\. .+ \*\*Answer:\*\* \S", part)) >= 3, path.stem


@pytest.fixture
def copied_checkout(tmp_path, monkeypatch):
    """A copy of all that is generated and of all that it is generated from."""
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    (tmp_path / "tests" / "exercises").mkdir(parents=True)
    for path in (ROOT / "tests" / "exercises").glob("bank_*.py"):
        shutil.copy(path, tmp_path / "tests" / "exercises")
    return tmp_path


def test_all_that_is_generated_is_written_by_one_command(copied_checkout, capsys):
    readme, guide = copied_checkout / "README.md", instructors_guide(copied_checkout)
    lesson = copied_checkout / "notebooks" / "04_backpropagation.ipynb"
    before = {path: path.read_bytes() for path in (readme, guide, lesson)}
    write_between(readme, {"badges": "old\n", "verdicts": "old\n"})
    write_between(guide, {"exercises": "old\n", "answers": ""})
    lesson.write_text(lesson.read_text(encoding="utf-8").replace("%pip install -q", "%pip install"), encoding="utf-8")
    assert main(["guide"]) == 0
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(f"Changed {path}" for path in before)
    assert {path: path.read_bytes() for path in before} == before
    assert main(["guide"]) == 0
    assert capsys.readouterr().out == "All that is generated is there already.\n"


def test_a_lesson_whose_exercises_have_no_bank_of_answers_is_named(copied_checkout, capsys):
    (copied_checkout / "tests" / "exercises" / "bank_04.py").unlink()
    assert main(["guide"]) == 1
    assert "There is no bank of answers tests/exercises/bank_04.py" in capsys.readouterr().err
