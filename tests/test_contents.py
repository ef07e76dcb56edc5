"""What belongs together is there together: lessons, their two tables and their links; exercises, checks and banks.

Each message says what to do, since it meets whoever has just added a lesson or an exercise. CONTRIBUTING.md has the
steps in order.
"""

import itertools
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from mnist_scratch.__main__ import _parser
from mnist_scratch.course.banks import find_banks
from mnist_scratch.course.checkout import ROOT, find_exercises, find_lessons

ROW = re.compile(
    r"(?m)^\| \[(?P<number>\d\d) (?P<title>[^\]]+)\]\((?:notebooks/)?(?P<stem>\w+)\.ipynb\) \| .+ \| (?P<paper>.+) \|$"
)
"""A row of the table of lessons, in the README and in lesson 00."""

WORDS = dict(enumerate(("Nine", "Ten", "Eleven", "Twelve", "Thirteen", "Fourteen", "Fifteen"), start=9))


def prose(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def lesson_problems(root: Path) -> Iterator[str]:
    """How the lessons, the README's table and the map in lesson 00 differ."""
    lessons = find_lessons(root=root)
    first, *others = (path.stem for path in lessons)
    readme = (root / "README.md").read_text(encoding="utf-8")
    tables = {"README.md's table of lessons": readme, f"the map in {first}": prose(lessons[0])}
    rows = {place: list(ROW.finditer(text)) for place, text in tables.items()}
    for place, found in rows.items():
        listed = [row["stem"] for row in found if row["stem"] != first]
        for stem in others:
            if stem not in listed:
                link = f"notebooks/{stem}" if place.startswith("README") else stem
                row = f"| [{stem[:2]} Its title]({link}.ipynb) | what is built | section of the paper |"
                yield f"{stem} is missing in {place}: add a row there, {row}"
        for stem in listed:
            if stem not in others:
                yield f"{place} has a row for {stem}, and there is no such lesson: take the row out"
        if listed != sorted(listed):
            yield f"the rows of {place} are not in the order of the lessons"
        for row in found:
            if row["stem"][:2] != row["number"]:
                yield f"{place} calls {row['stem']} lesson {row['number']}"
    titles = [{row["stem"]: (row["title"], row["paper"]) for row in found} for found in rows.values()]
    for stem in sorted(titles[0].keys() & titles[1].keys()):
        if titles[0][stem] != titles[1][stem]:
            both = f"{titles[0][stem]}, {titles[1][stem]}"
            yield f"{stem} has another title or section in README.md than in {first}: {both}"
    if f"{WORDS[len(lessons)]} Jupyter notebooks" not in readme:
        yield f"there are {len(lessons)} lessons: README.md must say '{WORDS[len(lessons)]} Jupyter notebooks'"
    for number, path in enumerate(lessons):
        if int(path.stem[:2]) != number:
            yield f"{path.stem} should have the number {number:02}: lessons are numbered without gaps, each number once"
    for path, following in itertools.pairwise(lessons):
        if not re.search(rf"(?m)^Next\b.*\]\({following.stem}\.ipynb\)", prose(path)):
            yield f"{path.stem} does not end with a link to the next lesson: add 'Next: [its title]({following.name})'"


def exercise_problems(root: Path) -> Iterator[str]:
    """How the exercises, their lessons, checks and banks do not fit together."""
    lessons = {path.stem: path for path in find_lessons(root=root)[1:]}
    exercises = [path.stem for path in find_exercises(root=root)]
    checks = (root / "mnist_scratch" / "exercises" / "check.py").read_text(encoding="utf-8")
    for stem in sorted(lessons.keys() - set(exercises)):
        yield f"{stem} has no exercises: add notebooks/exercises/{stem}.ipynb, with 3 to 6 of them"
    for stem in exercises:
        number = stem[:2]
        if stem not in lessons:
            yield f"notebooks/exercises/{stem}.ipynb belongs to no lesson: it must be named like one"
        elif f"](exercises/{stem}.ipynb)" not in prose(lessons[stem]):
            yield f"{stem} has no link to its exercises: add 'Exercises: [for this lesson](exercises/{stem}.ipynb)'"
        if not (root / "mnist_scratch" / "exercises" / f"lesson_{number}.py").exists():
            yield f"the exercises of {stem} have no checks: add mnist_scratch/exercises/lesson_{number}.py"
        elif f"from mnist_scratch.exercises.lesson_{number} import *" not in checks:
            yield f"students do not get the checks of lesson_{number}.py: import them in exercises/check.py"
        if number not in find_banks(root):
            yield f"the checks of {stem} are not tested: add right and wrong answers, tests/exercises/bank_{number}.py"
    for path in sorted((root / "mnist_scratch" / "exercises").glob("lesson_*.py")):
        if path.stem[-2:] not in {stem[:2] for stem in exercises}:
            yield f"mnist_scratch/exercises/{path.name} has checks, and no notebook of exercises has its number"
    for number in find_banks(root):
        if number not in {stem[:2] for stem in exercises}:
            yield f"tests/exercises/bank_{number}.py has answers, and no notebook of exercises has its number"
    for name in ("README.md", "notebooks/exercises/INSTRUCTORS.md"):
        text = (root / name).read_text(encoding="utf-8")
        if re.findall(r"Each lesson from 01 to (\d\d)", text) != [exercises[-1][:2]]:
            yield f"{name} must say 'Each lesson from 01 to {exercises[-1][:2]}' has exercises"


def test_the_lessons_their_tables_and_links_agree():
    found = list(lesson_problems(ROOT))
    assert not found, "\n".join(["", *found])


def test_exercises_lessons_checks_and_banks_agree():
    found = list(exercise_problems(ROOT))
    assert not found, "\n".join(["", *found])


def page_problems(root: Path, page: str) -> Iterator[str]:
    """What a page names that is not there: commands, and files of this checkout."""
    text = (root / page).read_text(encoding="utf-8")
    targets = re.findall(r"(?m)^([a-z-]+):", (root / "Makefile").read_text(encoding="utf-8"))
    commands = re.findall(r"(?m)^    (\w+) ", _parser().format_help())
    for target in re.findall(r"(?m)(?:`|^ *)make ([a-z-]+)", text):
        if target not in targets:
            yield f"{page} names make {target}, which the Makefile does not have"
    for command in re.findall(r"python -m mnist_scratch ([a-z]+)", text):
        if command not in commands:
            yield f"{page} names python -m mnist_scratch {command}, which is no command"
    files = re.findall(r"`((?:mnist_scratch|notebooks|tests)/[\w./]*)`", text)
    files += re.findall(r"python -m pytest .*?((?:notebooks|tests)/[\w./]+)", text)
    for name in files:
        if not re.search(r"NN|NAME", name) and not (root / name).exists():
            yield f"{page} names {name}, which is not there"
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        ours = not target.startswith(("https://", "NN_"))
        if ours and not ((root / page).parent / target).exists():
            yield f"{page} has a link to {target}, which is not there"


PAGES = ("README.md", "CONTRIBUTING.md", "notebooks/exercises/INSTRUCTORS.md")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    found = list(page_problems(ROOT, page))
    assert not found, "\n".join(["", *found])


# From here on: that each of these is noticed


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("first `make nothing`", "names make nothing"),
        ("    make nothing   # at once", "names make nothing"),
        ("`python -m mnist_scratch dance`", "mnist_scratch dance, which is no command"),
        ("in `tests/exercises/guide.py`", "names tests/exercises/guide.py, which is not there"),
        ("in `mnist_scratch/lessons.py`", "names mnist_scratch/lessons.py, which is not there"),
        ("    python -m pytest tests/test_none.py", "names tests/test_none.py, which is not there"),
        ("see [here](nowhere.md#at-all)", "has a link to nowhere.md, which is not there"),
    ],
)
def test_a_page_that_names_what_is_not_there_is_noticed(tmp_path, line, problem):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "page.md").write_text(f"Text\n{line}\n", encoding="utf-8")
    (found,) = page_problems(tmp_path, "page.md")
    assert problem in found


@pytest.fixture
def copied(tmp_path):
    """A copy of what the two functions look at."""
    for name in ("README.md", "notebooks/exercises/INSTRUCTORS.md", "mnist_scratch/exercises/check.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests" / "exercises").mkdir(parents=True)
    for path in [*find_lessons(), *find_exercises(), *find_banks().values()]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    for path in (ROOT / "mnist_scratch" / "exercises").glob("lesson_*.py"):
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


def replace(name, old, new):
    def spoil(root):
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def copy(old, new):
    return lambda root: shutil.copy(root / old, root / new)


def delete(name):
    return lambda root: (root / name).unlink()


LESSON, MAP = "notebooks/09_past_the_paper.ipynb", "notebooks/00_start_here.ipynb"
NEXT_LESSON = f"notebooks/{len(find_lessons()):02}_copied.ipynb"
NEXT = NEXT_LESSON[10:12]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (
            copy(LESSON, NEXT_LESSON),
            rf"{NEXT}_copied is missing in README\.md's table of lessons: add a row there, \| \[",
        ),
        (copy(LESSON, NEXT_LESSON), rf"{NEXT}_copied is missing in the map in 00_start_here: add a row there, \| \["),
        (copy(LESSON, NEXT_LESSON), r"there are \d+ lessons: README\.md must say '\w+ Jupyter notebooks'"),
        (copy(LESSON, NEXT_LESSON), rf"does not end with a link to the next lesson: add .*\({NEXT}_copied\.ipynb\)"),
        (
            copy(LESSON, "notebooks/04_again.ipynb"),
            r"04_backpropagation should have the number 05: lessons are numbered without gaps",
        ),
        (delete(LESSON), r"README\.md's table of lessons has a row for 09_past_the_paper, and there is no such lesson"),
        (replace("README.md", "[08 Turn the digits]", "[07 Turn the digits]"), "calls 08_rotation lesson 07"),
        (
            replace("README.md", "[08 Turn the digits]", "[08 Spin them]"),
            "08_rotation has another title or section in READ",
        ),
        (
            replace(MAP, "2.2.1 |", "2.2.2 |"),
            "03_forward_pass has another title or section in README.md than in 00_start",
        ),
        (replace(MAP, "| [08 Turn", "[08 Turn"), "08_rotation is missing in the map in 00_start_here"),
    ],
)
def test_a_lesson_that_does_not_belong_is_noticed(copied, spoil, problem):
    before = set(lesson_problems(copied))
    spoil(copied)
    found = set(lesson_problems(copied)) - before
    assert any(re.search(problem, line) for line in found), found


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (copy(LESSON, NEXT_LESSON), f"{NEXT}_copied has no exercises: add notebooks/exercises/{NEXT}_copied.ipynb"),
        (
            copy("notebooks/exercises/04_backpropagation.ipynb", "notebooks/exercises/04_more.ipynb"),
            "belongs to no lesson",
        ),
        (delete("notebooks/exercises/04_backpropagation.ipynb"), "04_backpropagation has no exercises"),
        (
            delete("notebooks/exercises/04_backpropagation.ipynb"),
            "lesson_04.py has checks, and no notebook of exercises",
        ),
        (
            delete("notebooks/exercises/04_backpropagation.ipynb"),
            "bank_04.py has answers, and no notebook of exercises",
        ),
        (
            replace(LESSON, "](exercises/09_", "](exercises/08_"),
            "09_past_the_paper has no link to its exercises: add 'Ex",
        ),
        (
            delete("mnist_scratch/exercises/lesson_05.py"),
            "05_broadcasting have no checks: add mnist_scratch/exercises/less",
        ),
        (
            delete("tests/exercises/bank_05.py"),
            "checks of 05_broadcasting are not tested: add right and wrong answers, tes",
        ),
        (
            replace("mnist_scratch/exercises/check.py", "lesson_03 import", "lesson_02 import"),
            "do not get the checks of les",
        ),
        (
            replace("README.md", "Each lesson from 01 to", "Each from 01 to"),
            "README.md must say 'Each lesson",
        ),
    ],
)
def test_exercises_that_do_not_belong_are_noticed(copied, spoil, problem):
    before = set(exercise_problems(copied))
    spoil(copied)
    found = set(exercise_problems(copied)) - before
    assert any(problem in line for line in found), found
