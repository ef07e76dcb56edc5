"""The stored lessons are clean: a list of rules, each of which is shown to catch a notebook that breaks it."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from mnist_scratch.course.address import first_cells
from mnist_scratch.course.catalogue import CHECK_CALL, KINDS, read_exercises
from mnist_scratch.course.checkout import ROOT, CourseError
from mnist_scratch.course.running import headline
from mnist_scratch.course.storing import readme_picture

EXPECTED = {
    "00_start_here",
    "01_preprocessing",
    "02_one_hot",
    "03_forward_pass",
    "04_backpropagation",
    "05_broadcasting",
    "06_training",
    "07_error_analysis",
    "08_rotation",
    "09_past_the_paper",
}
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = sorted((ROOT / "notebooks" / "exercises").glob("*.ipynb"))

SECTIONS = (
    "What you'll do",
    "What you'll learn",
    "What you'll need",
    "Check yourself",
    "In practice",
    "Further reading",
)
TAGS = {"headline", "nbval-check-output", "full-data", "readme"}
MAX_LINES = 20
MAX_BYTES = 2_000_000
PATH_OR_ADDRESS = re.compile(
    r"(?<![\w.:/])/(?:home|root|tmp|work|Users|usr|var|opt|mnt|private|content)/|\b[A-Za-z]:\\|file://|\b0x[0-9a-fA-F]{6,}"
)
LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)|(?:src|href)=[\"']([^\"']+)[\"']")


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook: NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def where(cell: NotebookNode) -> str:
    return f"cell {cell.get('id')} ({cell.source.strip().partition(chr(10))[0][:60]})"


def texts(output: NotebookNode) -> Iterator[str]:
    """What an output says, pictures left out."""
    yield output.get("text", "")
    for kind, data in output.get("data", {}).items():
        if not kind.startswith("image/"):
            yield data if isinstance(data, str) else json.dumps(data)


def format_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"format is {notebook.nbformat}.{notebook.nbformat_minor}, not 4.5"
    ids = [cell.get("id") for cell in notebook.cells]
    if None in ids or len(set(ids)) < len(ids):
        yield "cells' ids are missing or not unique"
        return
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"not valid: {str(error).splitlines()[0]}"
    if notebook.metadata.get("language_info", {}).get("version") != "3" or set(notebook.metadata) != {
        "kernelspec",
        "language_info",
    }:
        yield "metadata are not as `make notebooks` leaves them"
    if path.read_text(encoding="utf-8") != nbformat.writes(notebook).rstrip("\n") + "\n":
        yield "the file's text is not as `make notebooks` writes it"


def execution_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are not 1 to {len(counts)}: not stored from one clean run"
    for cell in notebook.cells:
        if {"execution", "ExecuteTime", "papermill"} & set(cell.metadata):
            yield f"{where(cell)} has timing metadata"


def source_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    for cell in code(notebook):
        lines = cell.source.splitlines()
        if not cell.source.strip():
            yield f"{where(cell)} is empty"
        if len(lines) > MAX_LINES:
            yield f"{where(cell)} has {len(lines)} lines"
        for banned in ("sys.path", "%matplotlib", "NBVAL_"):
            if banned in cell.source:
                yield f"{where(cell)} has {banned}"


def import_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    importing = 0
    for cell in code(notebook)[1:]:  # the first installs the package
        try:
            tree = ast.parse(re.sub(r"(?m)^(\s*)[%!].*", r"\1pass", cell.source))
        except SyntaxError:
            yield f"{where(cell)} is not Python"
            continue
        modules = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        modules += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        importing += bool(modules)
        if importing > 1 and any(module.partition(".")[0] != "mnist_scratch" for module in modules):
            yield f"{where(cell)} imports {', '.join(modules)}: that belongs into the import cell"


def output_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    size = sum(len(json.dumps(cell.outputs)) for cell in code(notebook))
    if size > MAX_BYTES:
        yield f"outputs of {size / 1e6:.1f} MB"
    for cell in code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            if output.output_type == "error":
                yield f"{where(cell)} has a stored error"
            if output.get("name") == "stderr":
                yield f"{where(cell)} has stored stderr"
            for said in texts(output):
                if found := PATH_OR_ADDRESS.search(said):
                    yield f"{where(cell)} prints a path or an address: {found[0]}"
                if "\r" in said:
                    yield f"{where(cell)} prints a progress bar"
            if any("widget" in kind for kind in data):
                yield f"{where(cell)} has a stored widget"
            if any(kind.startswith("image/") and kind != "image/png" for kind in data):
                yield f"{where(cell)} has a picture that is not PNG"
            if "image/png" in data and not output.metadata.get("image/png", {}).get("alt", "").strip():
                yield f"{where(cell)} has a picture without alternative text"


def tag_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    if sum("headline" in tags(cell) for cell in code(notebook)) != 1 or not headline(notebook):
        yield "not exactly one code cell tagged headline that prints something"
    checked = [cell for cell in code(notebook) if "nbval-check-output" in tags(cell)]
    if len(checked) < 3:
        yield f"{len(checked)} checked cells; at least 3 are wanted"
    for cell in checked:
        said = "".join(part for output in cell.outputs for part in texts(output))
        pictures = [kind for output in cell.outputs for kind in output.get("data", {}) if kind.startswith("image/")]
        if pictures or "<Figure" in said:
            yield f"{where(cell)} is checked and contains a figure"
        elif not said.strip():
            yield f"{where(cell)} is checked and prints nothing"
    for cell in notebook.cells:
        if unknown := set(tags(cell)) - TAGS:
            yield f"{where(cell)} has unknown tags: {', '.join(sorted(unknown))}"
        if "full-data" in tags(cell) and "nbval-check-output" not in tags(cell):
            yield f"{where(cell)} is tagged full-data and is not checked"


def opening_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    wanted = list(zip(("markdown", "code"), first_cells(path.name), strict=True))
    if [(cell.cell_type, cell.source) for cell in notebook.cells[:2]] != wanted:
        yield "first cells are not the badge and the installing code: run `make address`"


def section_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    prose = text(notebook).replace("’", "'")
    parts = re.split(r"(?m)^(?:#+\s+|\*\*)(?=\S)", prose)
    for title in SECTIONS:
        if not any(part.startswith(title) for part in parts):
            yield f"no section {title}"
    for part in parts:
        if part.startswith("Check yourself"):
            questions = re.findall(r"(?s)<details>.*?<summary>.*?</summary>.*?</details>", part)
            if not 3 <= len(questions) <= 5 or part.count("<details") != len(questions):
                yield f"{len(questions)} questions with a folded answer; 3 to 5 are wanted"


def link_problems(path: Path, notebook: NotebookNode) -> Iterator[str]:
    for found in LINK.finditer(text(notebook)):
        target = (found[1] or found[2]).partition("#")[0]
        if target and not re.match(r"https?://|mailto:", target) and not (path.parent / target).exists():
            yield f"link to {target}, which is not there"


RULES: tuple[Callable[[Path, NotebookNode], Iterator[str]], ...] = (
    format_problems,
    execution_problems,
    source_problems,
    import_problems,
    output_problems,
    tag_problems,
    opening_problems,
    section_problems,
    link_problems,
)


def problems(path: Path) -> list[str]:
    notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))  # nbformat.read would mend some of it
    return [problem for rule in RULES for problem in rule(path, notebook)]


def test_the_readmes_picture_is_the_one_stored_in_the_lesson():
    pictures = [readme_picture(nbformat.read(path, as_version=4)) for path in LESSONS]
    assert [picture for picture in pictures if picture] == [(ROOT / "notebooks" / "readme.png").read_bytes()]
    assert "](notebooks/readme.png)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_lessons_are_there():
    assert {path.stem for path in LESSONS} >= EXPECTED


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_lesson_is_clean(path):
    assert problems(path) == []


# The exercises

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


@pytest.mark.parametrize("path", EXERCISES, ids=[f"exercises-{path.stem}" for path in EXERCISES])
def test_exercises_are_clean(path):
    assert problems_of_exercises(path) == []


def test_there_are_exercises_of_each_kind_for_each_lesson():
    assert {path.stem for path in EXERCISES} == EXPECTED - {"00_start_here"}
    exercises = [one for path in EXERCISES for one in read_exercises(nbformat.read(path, as_version=4))]
    assert len(exercises) >= 36
    assert {one.kind for one in exercises} == set(KINDS)


def spoil_mark(place: str, **change: object) -> Callable[[NotebookNode], None]:
    return lambda notebook: cell_of(notebook, place).metadata.nbgrader.update(change)


def spoil_text(place: str, old: str, new: str) -> Callable[[NotebookNode], None]:
    def spoil(notebook: NotebookNode) -> None:
        cell = cell_of(notebook, place)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return spoil


def cell_of(notebook: NotebookNode, place: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == place)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda notebook: None, None),
        (spoil_mark("ex-4-1", grade_id="ex-4-2"), "grade ids are not unique"),
        (spoil_mark("ex-4-1", locked=True), "other nbgrader metadata"),
        (spoil_mark("ex-4-1-check", schema_version=2), "other nbgrader metadata"),
        (spoil_mark("ex-4-1-check", points=9), "its text says"),
        (spoil_mark("ex-4-1", points=1), "points where it should not"),
        (spoil_text("ex-4-1-check", "check.", "print"), "does not begin with the import"),
        (spoil_text("ex-4-1", "### END SOLUTION", ""), "has 1 solutions"),
        (spoil_text("ex-4-1-text", "### Exercise 4.1", "### Exercise 4.7"), "exercise 4.7: number"),
        (spoil_text("ex-4-1-text", "**Goal.**", "Goal:"), "must begin as here"),
        (spoil_text("ex-4-1-text", 'section "', 'section "No '), "no section 'No "),
        (spoil_text("ex-4-5-text", "Kind: challenge", "Kind: write"), "the last a challenge"),
        (lambda notebook: code(notebook)[0].update(source="pass"), "not the installing one"),
        (lambda notebook: notebook.cells.remove(cell_of(notebook, "ex-4-2-check")), "exercise 4.2: its cells are"),
    ],
)
def test_each_rule_catches_exercises_that_break_it(tmp_path, spoil, problem):
    name = "04_backpropagation.ipynb"
    notebook = nbformat.read(ROOT / "notebooks" / "exercises" / name, as_version=4)
    spoil(notebook)
    (tmp_path / "exercises").mkdir()
    for path in LESSONS:
        (tmp_path / path.name).write_bytes(path.read_bytes() if path.name == name else b"")
    for path in EXERCISES:
        (tmp_path / "exercises" / path.name).write_text("", encoding="utf-8")
    path = tmp_path / "exercises" / name
    path.write_text(nbformat.v4.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    found = problems_of_exercises(path)
    assert found == [] if problem is None else any(problem in line for line in found), found


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
