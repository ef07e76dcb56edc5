"""Small lessons for the tests, written into a made-up checkout."""

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def write_lesson(root, name, *sources, headline=None):
    cells = [new_markdown_cell("# A lesson"), *(new_code_cell(source) for source in sources)]
    if headline is not None:
        cells[headline].metadata["tags"] = ["headline"]
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return path


def printed(path):
    notebook = nbformat.read(path, as_version=4)
    return ["".join(o.get("text", "") for o in cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]
