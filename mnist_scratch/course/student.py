"""The student version of the exercises: the solved notebooks without their solutions, hidden tests and outputs.

The solved notebooks are the single source; nbgrader's preprocessors take out what students must not see.
"""

import copy
import re
import zipfile
from pathlib import Path
from typing import Any

from mnist_scratch.course.address import address
from mnist_scratch.course.checkout import ROOT, CourseError, find_exercises, write_notebook
from mnist_scratch.course.nbgrader_setup import RELEASE_STEPS, configuration, quiet_nbgrader
from mnist_scratch.files import whole_file


def solved_notebooks(source: Path | None = None, root: Path = ROOT) -> list[Path]:
    """Return the solved notebooks of a folder, or the checkout's; CourseError if there are none."""
    found = find_exercises(root=root) if source is None else sorted(source.glob("*.ipynb"))
    if not found:
        raise CourseError(f"No solved notebooks in {source}.")
    return found


def student_version(notebook: Any) -> Any:  # noqa: ANN401
    """Return the student version of a solved notebook: solutions, hidden tests and outputs out, stubs in."""
    from nbgrader import preprocessors

    with quiet_nbgrader():
        notebook = copy.deepcopy(notebook)
        resources: dict[str, Any] = {}
        for name in RELEASE_STEPS:
            if name != "SaveCells":  # that one writes to the gradebook
                step = getattr(preprocessors, name)(config=configuration())
                notebook, resources = step.preprocess(notebook, resources)
    return notebook


def write_student_version(build: Path, root: Path = ROOT, source: Path | None = None) -> list[Path]:
    """Write the student versions into a folder, and beside them ``exercises.zip`` with all of them.

    Links to the lessons are made to lead to the repository, since the lessons are not in the zip.

    Parameters
    ----------
    build : Path
        The folder; notebooks that are there already are replaced.
    root : Path
        The checkout.
    source : Path, optional
        The folder of the solved notebooks, where it is not the checkout's.

    Returns
    -------
    list of Path
        The notebooks, then the zip.

    Raises
    ------
    CourseError
        If there are no notebooks.
    """
    import nbformat

    build.mkdir(parents=True, exist_ok=True)
    home = f"{address(root)}/blob/main/notebooks/"
    written = []
    for path in solved_notebooks(source, root):
        notebook = student_version(nbformat.read(path, as_version=4))
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"(\]\()\.\./(?=[\w.-]+\.ipynb)", lambda found: found[1] + home, cell.source)
        write_notebook(notebook, build / path.name)
        written.append(build / path.name)
    archive = build / "exercises.zip"
    with whole_file(archive) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in written:  # without times, so that the same notebooks make the same zip
            zipped.writestr(zipfile.ZipInfo(f"exercises/{path.name}"), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [*written, archive]
