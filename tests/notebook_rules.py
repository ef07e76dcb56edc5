"""What a stored lesson must be: a list of rules, each of which yields the problems that it finds in a notebook."""

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from mnist_scratch.course.address import first_cells
from mnist_scratch.course.running import headline

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
            for printed in texts(output):
                if found := PATH_OR_ADDRESS.search(printed):
                    yield f"{where(cell)} prints a path or an address: {found[0]}"
                if "\r" in printed:
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
        printed = "".join(part for output in cell.outputs for part in texts(output))
        pictures = [kind for output in cell.outputs for kind in output.get("data", {}) if kind.startswith("image/")]
        if pictures or "<Figure" in printed:
            yield f"{where(cell)} is checked and contains a figure"
        elif not printed.strip():
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
