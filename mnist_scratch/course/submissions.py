"""A submission put right before it is graded: cells that were deleted, copied or marked otherwise change no score.

A submission is a program all the same: grade in a sandbox.
"""

import copy
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

SUSPECT = re.compile(
    r"mnist_scratch\.exercises|sys\.modules|_getframe|get_ipython|builtins|__\w+__|setattr|importlib|inspect|"
    r"subprocess|socket|urllib|requests|os\.\w+|shutil|open\(|exec\(|eval\("
)
"""Code that no exercise asks for. Someone should look at it; it costs no points."""


def mend(submitted: Any, released: Any) -> tuple[Any, list[str]]:  # noqa: ANN401
    """Return a submission with the cells that nbgrader needs, each once and marked as it was handed out.

    A cell that was deleted is put back as it was handed out. Of a cell that was copied, the last copy counts (of a
    text, the last that was changed); the others stay as ordinary cells. The student's other cells stay.

    Parameters
    ----------
    submitted, released : nbformat.NotebookNode
        What came back, and the student version.

    Returns
    -------
    notebook : nbformat.NotebookNode
        A new notebook.
    notes : list of str
        What was put right, and which cells hold code that no exercise asks for.
    """
    import nbformat

    notebook, notes = copy.deepcopy(submitted), []
    originals = {cell.metadata.nbgrader.grade_id: cell for cell in released.cells if "nbgrader" in cell.metadata}
    copies = _take_marks_off(notebook, originals)
    previous = None
    for grade_id, original in originals.items():
        if not copies[grade_id]:
            notes.append(f"{grade_id} was deleted and put back")
            cell = _insert_after(notebook, previous, copy.deepcopy(original))
        else:
            if len(copies[grade_id]) > 1:
                notes.append(f"{grade_id} is there {len(copies[grade_id])} times")
            cell = _with_type(notebook, _copy_that_counts(copies[grade_id], original), original.cell_type)
        cell.metadata.nbgrader = copy.deepcopy(original.metadata.nbgrader)
        previous = cell
    _make_ids_unique(notebook)
    notebook.metadata = copy.deepcopy(released.metadata)
    notebook.nbformat, notebook.nbformat_minor = released.nbformat, released.nbformat_minor
    nbformat.validate(notebook)
    return notebook, [*notes, *_suspect_cells(notebook, released)]


def _take_marks_off(notebook: Any, originals: Mapping[str, Any]) -> dict[str, list[Any]]:  # noqa: ANN401
    """Take nbgrader's marks off all cells; return the cells that had each of the original marks' ids."""
    copies: dict[str, list[Any]] = {grade_id: [] for grade_id in originals}
    for cell in notebook.cells:
        mark = cell.metadata.pop("nbgrader", None)
        grade_id = mark.get("grade_id") if isinstance(mark, dict) else None
        if isinstance(grade_id, str) and grade_id in originals:
            copies[grade_id].append(cell)
    return copies


def _copy_that_counts(copies: Sequence[Any], original: Any) -> Any:  # noqa: ANN401
    changed = [cell for cell in copies if cell.source != original.source]
    return (changed if changed and original.cell_type == "markdown" else copies)[-1]


def _insert_after(notebook: Any, previous: Any, cell: Any) -> Any:  # noqa: ANN401
    """Put a cell behind another one, or at the beginning where there is none before it."""
    place = next((index for index, other in enumerate(notebook.cells) if other is previous), -1)
    notebook.cells.insert(place + 1, cell)
    return cell


def _with_type(notebook: Any, cell: Any, cell_type: str) -> Any:  # noqa: ANN401
    """Return the cell, or one of the wanted type that has taken its place."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    if cell.cell_type == cell_type:
        return cell
    make: Any = new_code_cell if cell_type == "code" else new_markdown_cell
    new = make(cell.source, metadata=cell.metadata)
    place = next(index for index, other in enumerate(notebook.cells) if other is cell)
    notebook.cells[place] = new
    return new


def _make_ids_unique(notebook: Any) -> None:  # noqa: ANN401
    ids: set[str] = set()
    for cell in notebook.cells:
        if cell.get("id") in ids or "id" not in cell:
            cell.id = uuid.uuid4().hex[:8]
        ids.add(cell.id)


def _suspect_cells(notebook: Any, released: Any) -> list[str]:  # noqa: ANN401
    """Return a note on each answer or added cell that holds code which no exercise asks for."""
    given = {cell.source for cell in released.cells}
    notes = []
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader", {})
        theirs = cell.cell_type == "code" and cell.source not in given and (mark.get("solution") or not mark)
        found = sorted(set(SUSPECT.findall(cell.source))) if theirs else []
        if found:
            notes.append(f"look at {mark.get('grade_id', 'an added cell')}: {', '.join(found)}")
    return notes
