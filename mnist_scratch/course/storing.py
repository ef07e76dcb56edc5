"""Storing a lesson's outputs: it is executed in place, in a form that a second run repeats byte for byte."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_scratch.course.checkout import write_notebook
from mnist_scratch.course.running import LessonRun, execute
from mnist_scratch.files import write_whole

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "version": "3"},
}
"""Of every stored notebook, whichever Python ran it."""


def store_lesson(path: Path, environment: Mapping[str, str]) -> LessonRun:
    """Execute a lesson in place. It is left as it was when a cell fails or writes to stderr.

    What differs between machines is normalised, so that two runs of a lesson with the same outputs give the same file.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    run = execute(notebook, path.stem, path.parent, environment)
    if not run.error:
        run = replace(run, error=_stderr(notebook))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata = nbformat.from_dict(METADATA)
    if not run.error:
        write_notebook(notebook, path)
        if picture := readme_picture(notebook):
            write_whole(path.with_name("readme.png"), picture)
    return run


def _stderr(notebook: Any) -> str:  # noqa: ANN401
    """Return the first thing that a cell wrote to stderr, and which cell that was; empty if there is none."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                return f"in cell [{cell.execution_count}], stderr: {output.text.strip()}"
    return ""


def readme_picture(notebook: Any) -> bytes:  # noqa: ANN401
    """Return the PNG that the cell tagged ``readme`` shows: the README's picture. Empty where no cell is so tagged."""
    for cell in notebook.cells:
        if "readme" in cell.metadata.get("tags", []):
            return base64.b64decode(cell.outputs[0].data["image/png"])
    return b""
