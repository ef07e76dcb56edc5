"""The generated parts of ``notebooks/exercises/INSTRUCTORS.md``: ``python tests/exercises/guide.py`` writes them.

The table of exercises comes from the notebooks' texts, the usual mistakes from the hints that the banks' wrong answers
get, and the answers to "Check yourself" from the lessons. test_guide.py holds the file equal to all three.
"""

import contextlib
import importlib
import io
import re
import sys
from pathlib import Path

import nbformat

from mnist_scratch import lessons
from mnist_scratch.exercises import check, kit

GUIDE = lessons.ROOT / "notebooks" / "exercises" / "INSTRUCTORS.md"
MARKED = re.compile(r"(<!-- (exercises|answers) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
COMMAND = "python tests/exercises/guide.py"


def hints(number: str) -> dict[str, list[str]]:
    """The hints that the wrong answers of a lesson's bank get, by the check's name."""
    bank = importlib.import_module(f"bank_{number}").BANK
    found: dict[str, list[str]] = {}
    for name, (_, wrong) in bank.items():
        for answer, _ in wrong:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    getattr(check, name)(*(answer if isinstance(answer, tuple) and many(name) else (answer,)))
            except AssertionError as problem:
                hint = str(problem).partition("Hint: ")[2]
                if hint and hint not in found.setdefault(name, []):
                    found[name].append(hint)
    return found


def many(name: str) -> bool:
    """Whether a check takes several answers."""
    return getattr(check, name).__wrapped__.__code__.co_argcount > 1


def table() -> str:
    """What there is, lesson by lesson, with what the checks know of mistakes."""
    parts, total, count, minutes = [], 0, 0, 0
    for path in kit.find_exercises():
        exercises = kit.catalogue(nbformat.read(path, as_version=4))
        known = hints(path.stem[:2])
        points = sum(exercise.points for exercise in exercises)
        total, count = total + points, count + len(exercises)
        minutes += sum(exercise.minutes for exercise in exercises)
        lines = [
            f"### Lesson {path.stem[:2]}: {points} points ([notebook]({path.name}))\n",
            "| exercise | kind | points | minutes | what it tests | lesson's section |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {one.number} {cell(one.title)} | {one.kind} | {one.points} | {one.minutes} | {cell(one.goal)} "
            f"| {cell('; '.join(one.sections))} |"
            for one in exercises
        ]
        lines.append("\nUsual mistakes, in the words of the hints:\n")
        for one in exercises:
            said = [hint for name in one.checks for hint in known.get(name, [])]
            text = " / ".join(cell(hint) for hint in said) or "graded by hand: see the rubric in its text."
            lines.append(f"- **{one.number}**: {text}")
        parts.append("\n".join(lines))
    head = f"{count} exercises, {total} points, about {minutes / 60:.0f} hours.\n"
    return "\n\n".join([head, *parts]) + "\n"


def cell(text: str) -> str:
    """A text that may stand in a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def answers() -> str:
    """The lessons' questions with their answers."""
    parts = []
    for path in lessons.find_lessons():
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        part = re.split(r"(?m)^## ", text.partition("Check yourself")[2])[0]
        asked = re.findall(r"(?s)(\d\. .*?)<details>\s*<summary>.*?</summary>(.*?)</details>", part)
        lines = [f"### Lesson {path.stem[:2]}\n"]
        lines += [f"{' '.join(question.split())} **Answer:** {' '.join(answer.split())}" for question, answer in asked]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def filled(text: str) -> str:
    """The guide with its generated parts as they should be."""
    parts = {"exercises": table, "answers": answers}
    return MARKED.sub(lambda found: f"{found[1]}{parts[found[2]]()}{found[3]}", text)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    GUIDE.write_text(filled(GUIDE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    print(f"Wrote {GUIDE}")
