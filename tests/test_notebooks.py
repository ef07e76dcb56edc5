"""The stored lessons are clean, and each rule is shown to catch a notebook that breaks it."""

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_rules import code, problems

from mnist_scratch.course.address import first_cells
from mnist_scratch.course.checkout import ROOT, find_lessons
from mnist_scratch.course.storing import readme_picture

LESSONS = find_lessons()


def test_the_readmes_picture_is_the_one_stored_in_the_lesson():
    pictures = [readme_picture(nbformat.read(path, as_version=4)) for path in LESSONS]
    assert [picture for picture in pictures if picture] == [(ROOT / "notebooks" / "readme.png").read_bytes()]
    assert "](notebooks/readme.png)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_lesson_is_clean(path):
    found = problems(path)
    assert not found, "\n".join(["", *found])


# From here on: the rules themselves, on a small made-up lesson.

PNG = "iVBORw0KGgo="
QUESTIONS = "\n".join(["<details><summary>Why?</summary>Because.</details>"] * 3)


def printed(source: str, said: str, *its_tags: str) -> NotebookNode:
    cell = new_code_cell(source, outputs=[new_output("stream", name="stdout", text=said)])
    cell.metadata["tags"] = list(its_tags)
    return cell


def drawn(source: str, alt: str) -> NotebookNode:
    return new_code_cell(
        source, outputs=[new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": alt}})]
    )


def small_lesson() -> NotebookNode:
    badge, install = first_cells("00_start_here")
    notebook = new_notebook(
        cells=[
            new_markdown_cell(badge),
            new_code_cell(install),
            new_markdown_cell("# Add\n\n**What you'll do**: add.\n\n## What you’ll learn\n\n## What you'll need"),
            new_code_cell("import numpy as np"),
            printed("print(1 + 1)", "2\n", "nbval-check-output", "headline"),
            printed("print(1 + 2)", "3\n", "nbval-check-output"),
            printed("print(1 + 3)", "4\n", "nbval-check-output", "full-data"),
            new_code_cell("from mnist_scratch.preprocessing import one_hot"),
            drawn("plot()", "A rising line"),
            new_markdown_cell(f"## Check yourself\n\n{QUESTIONS}\n\n## In practice\n\n## Further reading"),
            new_markdown_cell("[this lesson](00_start_here.ipynb#Add), [the web](https://example.org/none.ipynb)"),
        ],
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": "3"},
        },
    )
    for count, cell in enumerate(code(notebook), start=1):
        cell.execution_count = count
    return notebook


def stored(notebook: NotebookNode, folder: Path) -> Path:
    path = folder / "00_start_here.ipynb"
    path.write_text(nbformat.v4.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    return path


def test_a_clean_lesson_has_no_problems(tmp_path):
    assert problems(stored(small_lesson(), tmp_path)) == []


def spoil_source(index: int, source: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[index].update(source=source)


def spoil_output(index: int, **change: object) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[index].outputs[0].update(change)


def spoil_cell(index: int, **change: object) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[index].update(change)


def spoil_tags(index: int, *its_tags: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[index].metadata.update(tags=list(its_tags))


ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
SVG = new_output("display_data", {"image/svg+xml": "<svg/>"})
WIDGET = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})
FIGURE = new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": "A line"}})


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda notebook: notebook.update(nbformat_minor=6), "format is 4.6"),
        (spoil_cell(3, id="same-id"), None),
        (lambda notebook: [cell.update(id="same-id") for cell in notebook.cells[2:4]], "ids"),
        (lambda notebook: notebook.cells[3].pop("id"), "ids"),
        (lambda notebook: notebook.cells[3].metadata.update(collapsed="yes"), "not valid"),
        (lambda notebook: notebook.metadata.language_info.update(version="3.11.7"), "metadata"),
        (lambda notebook: notebook.metadata.update(widgets={}), "metadata"),
        (spoil_cell(5, execution_count=9), "execution counts"),
        (spoil_cell(5, execution_count=None), "execution counts"),
        (spoil_cell(3, execution_count=None), "execution counts"),
        (lambda notebook: notebook.cells[3].metadata.update(execution={"shell.execute_reply": "now"}), "timing"),
        (spoil_source(5, "\n".join(["print(3)"] * 21)), "21 lines"),
        (spoil_source(5, "\n".join(["print(3)"] * 20)), None),
        (spoil_source(5, " "), "is empty"),
        (spoil_source(5, "sys.path.append('..')"), "sys.path"),
        (spoil_source(5, "%matplotlib inline"), "%matplotlib"),
        (spoil_source(5, "# NBVAL_SKIP\nprint(3)"), "NBVAL_"),
        (spoil_source(5, "print(3"), "not Python"),
        (spoil_source(5, "def later():\n    import scipy"), "imports scipy"),
        (spoil_source(5, "from numpy import pi"), "imports numpy"),
        (spoil_source(5, "!ls\n%time print(3)"), None),
        (lambda notebook: notebook.cells[3].outputs.append(ERROR), "stored error"),
        (spoil_output(4, name="stderr"), "stderr"),
        (spoil_output(5, text="/home/someone/x.npz"), "path or an address"),
        (spoil_output(5, text="saved '/tmp/x'"), "path or an address"),
        (spoil_output(5, text="C:\\data"), "path or an address"),
        (spoil_output(5, text="<object at 0x7f00deadbeef>"), "path or an address"),
        (spoil_output(5, text="a/b, 1/2, https://example.org/home/x, 0xFF"), None),
        (spoil_output(5, text=" 10%\r 20%"), "progress bar"),
        (spoil_output(5, text="x" * 2_000_001), "MB"),
        (lambda notebook: notebook.cells[3].outputs.append(WIDGET), "widget"),
        (lambda notebook: notebook.cells[3].outputs.append(SVG), "not PNG"),
        (spoil_output(8, metadata={}), "alternative text"),
        (spoil_output(8, metadata={"image/png": {"alt": " "}}), "alternative text"),
        (spoil_tags(4, "nbval-check-output"), "headline"),
        (spoil_tags(5, "nbval-check-output", "headline"), "headline"),
        (spoil_tags(5), "2 checked cells"),
        (spoil_tags(3, "nbval_check_output"), "unknown tags"),
        (spoil_tags(3, "full-data"), "full-data and is not checked"),
        (lambda notebook: notebook.cells[5].outputs.append(FIGURE), "contains a figure"),
        (spoil_output(5, text="<Figure size 640x480>"), "contains a figure"),
        (spoil_cell(5, outputs=[]), "prints nothing"),
        (spoil_source(0, "[badge](https://example.org)"), "first cells"),
        (spoil_source(1, "pass"), "first cells"),
        (lambda notebook: notebook.cells.pop(0), "first cells"),
        (spoil_source(2, "What you'll do, What you'll learn\n\n## What you'll need"), "no section What you'll do"),
        (spoil_source(9, "## In practice\n\n## Further reading"), "no section Check yourself"),
        (spoil_source(9, "## Check yourself\n\n## In practice\n\n## Further reading"), "0 questions"),
        (
            spoil_source(9, f"## Check yourself\n{QUESTIONS}{QUESTIONS}\n## In practice\n## Further reading"),
            "6 questions",
        ),
        (
            spoil_source(9, f"## Check yourself\n{QUESTIONS}<details>\n## In practice\n## Further reading"),
            "3 questions",
        ),
        (spoil_source(10, "[next](10_none.ipynb)"), "link to 10_none.ipynb"),
        (spoil_source(10, '<img src="figure.png" alt="A figure">'), "link to figure.png"),
    ],
)
def test_each_rule_catches_a_lesson_that_breaks_it(tmp_path, spoil, problem):
    notebook = small_lesson()
    spoil(notebook)
    found = problems(stored(notebook, tmp_path))
    assert found == [] if problem is None else any(problem in line for line in found), found


def test_a_file_that_another_tool_wrote_is_noticed(tmp_path):
    path = stored(small_lesson(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=2), encoding="utf-8")
    assert any("file's text" in problem for problem in problems(path))
