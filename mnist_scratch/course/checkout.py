"""Where the course is: the checkout, the notebooks of its lessons, and those of its exercises."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnist_scratch.files import write_whole

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: where ``pyproject.toml``, ``notebooks`` and ``README.md`` are."""


class CourseError(Exception):
    """Something of the course cannot be found, run, stored or graded; the message says which, why and what to do."""


def find_lessons(chosen: Sequence[str] = (), root: Path = ROOT) -> list[Path]:
    """Return the lessons, ``notebooks/NN_name.ipynb``, in reading order.

    Parameters
    ----------
    chosen : sequence of str
        The beginnings of their names, such as ``"03"``; all lessons where it is empty.
    root : Path
        The checkout.

    Raises
    ------
    CourseError
        If there are no lessons here, or none begins as asked.
    """
    return _find(root / "notebooks", chosen, "lesson")


def find_exercises(chosen: Sequence[str] = (), root: Path = ROOT) -> list[Path]:
    """Return the solved notebooks of the exercises in reading order, chosen like lessons.

    Raises
    ------
    CourseError
        If there are no exercises here, or none begin as asked.
    """
    return _find(root / "notebooks" / "exercises", chosen, "exercise")


def _find(folder: Path, chosen: Sequence[str], kind: str) -> list[Path]:
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise CourseError(f'No {kind}s in {folder}. Clone the repository, and there: pip install -e ".[all]"')
    for start in chosen:
        if not start or not any(path.stem.startswith(start) for path in found):
            names = ", ".join(path.stem for path in found)
            raise CourseError(f"No {kind} begins with {start!r}. There are: {names}")
    return [path for path in found if not chosen or path.stem.startswith(tuple(chosen))]


def write_notebook(notebook: Any, path: Path) -> None:  # noqa: ANN401
    """Write a notebook whole or not at all, with the same bytes on every system.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    path : Path
        Its folder is made, if it is not there.

    Raises
    ------
    OSError
        If it cannot be written; a file that was there before is then untouched.
    """
    import nbformat

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, nbformat.writes(notebook).rstrip("\n") + "\n")
