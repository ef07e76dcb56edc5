"""What is generated: the instructors' guide, the badges and first cells, the table of verdicts.

In ``notebooks/exercises/INSTRUCTORS.md`` the table of exercises comes from the notebooks' texts, the usual mistakes
from the hints that the banks' wrong answers get, and the answers to "Check yourself" from the lessons.
"""

import contextlib
import inspect
import io
import re
from collections.abc import Mapping
from pathlib import Path

from mnist_scratch.course.address import write_address
from mnist_scratch.course.banks import load_banks
from mnist_scratch.course.catalogue import Exercise, read_exercises
from mnist_scratch.course.checkout import ROOT, find_exercises, find_lessons
from mnist_scratch.exercises import check
from mnist_scratch.experiments import claims
from mnist_scratch.marks import write_between


def instructors_guide(root: Path = ROOT) -> Path:
    """Return the place of the guide."""
    return root / "notebooks" / "exercises" / "INSTRUCTORS.md"


def write_generated(root: Path = ROOT) -> list[Path]:
    """Write all that is generated in the checkout, and return the files that changed.

    Raises
    ------
    CourseError
        If a notebook is not as what is generated from it needs it.
    ValueError
        If a page does not mark the place of its generated parts.
    """
    changed = write_address(root)
    if claims.write_table(root / "README.md") and root / "README.md" not in changed:
        changed.append(root / "README.md")
    if write_between(instructors_guide(root), guide_parts(root)):
        changed.append(instructors_guide(root))
    return changed


def guide_parts(root: Path = ROOT) -> dict[str, str]:
    """Return the generated parts of the instructors' guide by the names of their marks."""
    return {"exercises": exercises_part(root), "answers": answers_part(root)}


def exercises_part(root: Path = ROOT) -> str:
    """Return what exercises there are, lesson by lesson, with what the checks know of mistakes."""
    import nbformat

    parts: list[str] = []
    everything: list[Exercise] = []
    for path in find_exercises(root=root):
        exercises = read_exercises(nbformat.read(path, as_version=4))
        everything += exercises
        points = sum(exercise.points for exercise in exercises)
        lines = [
            f"### Lesson {path.stem[:2]}: {points} points ([notebook]({path.name}))\n",
            *_exercises_table(exercises),
            "\nUsual mistakes, in the words of the hints:\n",
            *_mistakes_list(exercises, hints(path.stem[:2], root)),
        ]
        parts.append("\n".join(lines))
    points = sum(exercise.points for exercise in everything)
    hours = sum(exercise.minutes for exercise in everything) / 60
    head = f"{len(everything)} exercises, {points} points, about {hours:.0f} hours.\n"
    return "\n\n".join([head, *parts]) + "\n"


def _exercises_table(exercises: list[Exercise]) -> list[str]:
    return [
        "| exercise | kind | points | minutes | what it tests | lesson's section |",
        "|---|---|---|---|---|---|",
        *(
            f"| {exercise.number} {_cell(exercise.title)} | {exercise.kind} | {exercise.points} | {exercise.minutes} "
            f"| {_cell(exercise.goal)} | {_cell('; '.join(exercise.sections))} |"
            for exercise in exercises
        ),
    ]


def _mistakes_list(exercises: list[Exercise], known: Mapping[str, list[str]]) -> list[str]:
    lines = []
    for exercise in exercises:
        texts = [_cell(hint) for name in exercise.checks for hint in known.get(name, [])]
        by_hand = "graded by hand: see the rubric in its text."
        lines.append(f"- **{exercise.number}**: {' / '.join(texts) or by_hand}")
    return lines


def _cell(text: str) -> str:
    """Return a text that may stand in a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def hints(lesson: str, root: Path = ROOT) -> dict[str, list[str]]:
    """Return the hints that the wrong answers of a lesson's bank get, by the check's name.

    Parameters
    ----------
    lesson : str
        Its number, such as "04".
    root : Path
        The checkout.
    """
    found: dict[str, list[str]] = {}
    for name, bank in load_banks(lesson, root).items():
        function = getattr(check, name)
        several = len(inspect.signature(function).parameters) > 1
        for answer, _ in bank.wrong:
            arguments = answer if several and isinstance(answer, tuple) else (answer,)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    function(*arguments)
            except AssertionError as problem:
                hint = str(problem).partition("Hint: ")[2]
                if hint and hint not in found.setdefault(name, []):
                    found[name].append(hint)
    return found


def answers_part(root: Path = ROOT) -> str:
    """Return the lessons' questions with their answers."""
    import nbformat

    parts = []
    for path in find_lessons(root=root):
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        section = re.split(r"(?m)^## ", text.partition("Check yourself")[2])[0]
        pairs = re.findall(r"(?s)(\d\. .*?)<details>\s*<summary>.*?</summary>(.*?)</details>", section)
        lines = [f"### Lesson {path.stem[:2]}\n"]
        lines += [f"{' '.join(question.split())} **Answer:** {' '.join(answer.split())}" for question, answer in pairs]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
