"""The repository's address, which stands in ``pyproject.toml`` alone, and what is derived from it.

These are the badges of the README and of each lesson, and the cell that installs the package where it is missing.
"""

import re
import tomllib
from pathlib import Path

from mnist_scratch.course.checkout import ROOT, CourseError, find_lessons, write_notebook
from mnist_scratch.marks import write_between

BADGE_START = "[![Open In Colab]("
INSTALL_MARK = 'importlib.util.find_spec("mnist_scratch")'


def address(root: Path = ROOT) -> str:
    """Return the repository's address, from the one place where it stands.

    Raises
    ------
    CourseError
        If it is not one on GitHub, which is where Colab and Binder look.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text).get("project", {}).get("urls", {}).get("Repository", "")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", found):
        raise CourseError(
            f"[project.urls] Repository in pyproject.toml must be https://github.com/<owner>/<name>; it is {found!r}"
        )
    return str(found).removesuffix(".git")


def first_cells(notebook_name: str, root: Path = ROOT) -> tuple[str, str]:
    """Return what a lesson's first two cells hold: the Open-in-Colab badge (markdown), and the installing code.

    Parameters
    ----------
    notebook_name : str
        Such as "03_forward_pass".
    root : Path
        The checkout.
    """
    code = f"""\
# On Colab, or wherever the package is missing, this installs it; elsewhere it does nothing.
import importlib.util

if {INSTALL_MARK} is None:
    %pip install -q "mnist_scratch[sample] @ git+{address(root)}\""""
    return _colab_badge(Path(notebook_name).stem, root), code


def readme_badges(root: Path = ROOT) -> str:
    """Return the README's badges: the tests, Colab and Binder, a line each."""
    home = address(root)
    owner_and_name = home.removeprefix("https://github.com/")
    binder = f"https://mybinder.org/v2/gh/{owner_and_name}/HEAD?labpath=notebooks%2F00_start_here.ipynb"
    tests = f"{home}/actions/workflows/ci.yml"
    return (
        f"[![Tests]({tests}/badge.svg)]({tests})\n"
        f"{_colab_badge('00_start_here', root)}\n"
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
    )


def _colab_badge(stem: str, root: Path) -> str:
    where = address(root).replace("https://github.com/", "https://colab.research.google.com/github/")
    return f"{BADGE_START}https://colab.research.google.com/assets/colab-badge.svg)]({where}/blob/main/notebooks/{stem}.ipynb)"


def write_address(root: Path = ROOT) -> list[Path]:
    """Bring the badges and first cells in line with the address, and return the files that changed.

    Raises
    ------
    CourseError
        If a notebook does not begin with the two cells.
    ValueError
        If the README does not mark the place of its badges.
    """
    lessons = find_lessons(root=root)
    exercises = sorted((root / "notebooks" / "exercises").glob("*.ipynb"))
    changed = [path for path in lessons if _write_lesson(path, root)]
    changed += [path for path in exercises if _write_exercises(path, root)]
    if write_between(root / "README.md", {"badges": readme_badges(root)}):
        changed.append(root / "README.md")
    return changed


def _write_lesson(path: Path, root: Path) -> bool:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    sources = tuple(cell.source for cell in notebook.cells[:2])
    if len(sources) < 2 or not sources[0].startswith(BADGE_START) or INSTALL_MARK not in sources[1]:
        raise CourseError(
            f"{path} must begin with the badge and the installing cell: copy the first two cells of another lesson."
        )
    wanted = first_cells(path.name, root)
    if sources == wanted:
        return False
    notebook.cells[0].source, notebook.cells[1].source = wanted
    write_notebook(notebook, path)
    return True


def _write_exercises(path: Path, root: Path) -> bool:
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    install = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if install is None or INSTALL_MARK not in install.source:
        raise CourseError(f"the first code cell of {path} must be the installing cell: copy it from other exercises.")
    wanted = first_cells(path.name, root)[1]
    if install.source == wanted:
        return False
    install.source = wanted
    write_notebook(notebook, path)
    return True
