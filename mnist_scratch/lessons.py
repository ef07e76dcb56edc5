"""Running the lessons, and writing the repository's address into them.

A lesson is a notebook ``notebooks/NN_name.ipynb``. ``run`` executes one from a fresh kernel of this interpreter and
writes a copy; ``store`` does so in place, in a form that a second run repeats byte for byte. The repository's address
stands in ``pyproject.toml`` alone: ``first_cells`` and ``readme_badges`` derive from it what the notebooks and the
README show, and ``write_address`` puts it there.
"""

import base64
import os
import re
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""The checkout: where ``pyproject.toml``, ``notebooks`` and ``README.md`` are."""

CELL_TIMEOUT = 600
"""Seconds that a cell may take."""

README_BADGES = re.compile(r"(?<=<!-- badges -->\n).*?(?=<!-- /badges -->)", re.DOTALL)
BADGE_START = "[![Open In Colab]("
INSTALL_MARK = 'importlib.util.find_spec("mnist_scratch")'


class LessonError(Exception):
    """A lesson cannot be found, run or stored; the message says which, why and what to do."""


@dataclass(frozen=True)
class Outcome:
    """How one lesson went."""

    lesson: str
    seconds: float
    headline: str = ""
    """What the cell tagged ``headline`` printed."""
    error: str = ""
    """Empty where the lesson ran to its end."""


def find_lessons(chosen: Sequence[str] = (), root: Path = ROOT) -> list[Path]:
    """Return the lessons in reading order.

    Parameters
    ----------
    chosen : sequence of str
        The beginnings of their names, such as ``"03"``; all lessons where it is empty.
    root : Path
        The checkout.

    Raises
    ------
    LessonError
        If there are no lessons here, or none begins as asked.
    """
    lessons = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not lessons:
        raise LessonError(
            f'No lessons in {root / "notebooks"}. Clone the repository, and there: pip install -e ".[all]"'
        )
    for start in chosen:
        if not any(lesson.stem.startswith(start) for lesson in lessons):
            names = ", ".join(lesson.stem for lesson in lessons)
            raise LessonError(f"No lesson begins with {start!r}. There are: {names}")
    return [lesson for lesson in lessons if not chosen or lesson.stem.startswith(tuple(chosen))]


def kernel_environment(source: str, empty: Path) -> dict[str, str]:
    """Return the environment variables for kernels that run unattended.

    Parameters
    ----------
    source : str
        Where the data of this run come from. With "sample" the kernels are kept from looking for the full data again.
    empty : Path
        A folder without data, for the kernels' cache in that case.
    """
    # tqdm's and debugpy's own switches: no progress bars in the outputs, no warning of frozen modules on the terminal.
    environment = os.environ | {"TQDM_DISABLE": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    if source == "sample":
        environment.pop("MNIST_SCRATCH_DATA", None)
        environment |= {"MNIST_SCRATCH_MIRRORS": "", "MNIST_SCRATCH_CACHE": str(empty)}
    return environment


def execute(notebook: Any, name: str, folder: Path, environment: Mapping[str, str]) -> Outcome:  # noqa: ANN401
    """Run all cells in a fresh kernel of this interpreter, with one progress line; the outputs go into the notebook.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its old outputs are removed first, so that after an error only what has run is there.
    name : str
        The lesson's name.
    folder : Path
        The kernel's working directory.
    environment : mapping
        The kernel's environment variables.

    Returns
    -------
    Outcome
        An error in a cell is told there, not raised.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, CellExecutionError
    from tqdm import tqdm

    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for _, cell in cells:
        cell.outputs, cell.execution_count = [], None
    # Without folders to search, "python3" is this interpreter, whatever kernels are installed for the user.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(
        notebook,
        manager,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",  # after Ctrl-C a graceful end would print the kernel's traceback
        extra_arguments=["--log-level=ERROR"],  # kernels talk over TCP on this machine alone, and warn about it
        resources={"metadata": {"path": str(folder)}},
    )
    started, place, error = time.perf_counter(), "before the first cell", ""
    pace = 0.1 if sys.stderr.isatty() else 60  # a log gets each line's beginning and end
    with tqdm(total=len(cells), desc=name, unit="cell", dynamic_ncols=True, mininterval=pace) as bar:
        try:
            # Cell by cell, since client.execute() would catch Ctrl-C and carry on without a kernel.
            with client.setup_kernel(cleanup_kc=True, env=dict(environment)):
                for number, (index, cell) in enumerate(cells, start=1):
                    place = f"in cell [{number}] ({cell.source.strip().partition(chr(10))[0]})"
                    client.execute_cell(cell, index, execution_count=number)
                    bar.update()
        except CellExecutionError as problem:
            error = f"{place}: {problem.ename}: {problem.evalue}"
        except (CellControlSignal, RuntimeError) as problem:  # a timeout; a kernel that died or did not start
            error = f"{place}: {type(problem).__name__}: {str(problem).partition(chr(10))[0]}"
    return Outcome(name, time.perf_counter() - started, headline(notebook), error)


def headline(notebook: Any) -> str:  # noqa: ANN401
    """Return in one line what the cell tagged ``headline`` printed; empty if there is none, or it has not run."""
    texts = [
        output.text if output.output_type == "stream" else output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if "headline" in cell.metadata.get("tags", []) and cell.cell_type == "code"
        for output in cell.outputs
        if output.get("name") != "stderr"
    ]
    return " ".join(" ".join(texts).split())


def run(path: Path, build: Path, environment: Mapping[str, str]) -> Outcome:
    """Execute a lesson and write the executed copy into ``build``, also when it fails or is interrupted."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    try:
        return execute(notebook, path.stem, path.parent, environment)
    finally:
        _write(notebook, build / path.name)


def store(path: Path, environment: Mapping[str, str]) -> Outcome:
    """Execute a lesson in place. It is left as it was when a cell fails or writes to stderr.

    What differs between machines is normalised, so that two runs of a lesson with the same outputs give the same file.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    outcome = execute(notebook, path.stem, path.parent, environment)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and not outcome.error:
                text = output.text.strip()
                outcome = Outcome(path.stem, outcome.seconds, error=f"in cell [{cell.execution_count}], stderr: {text}")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "version": "3"},
        }
    )
    if not outcome.error:
        _write(notebook, path)
        if picture := readme_picture(notebook):
            path.with_name("readme.png").write_bytes(picture)
    return outcome


def readme_picture(notebook: Any) -> bytes:  # noqa: ANN401
    """Return the PNG that the cell tagged ``readme`` shows: the README's picture. Empty where no cell is so tagged."""
    for cell in notebook.cells:
        if "readme" in cell.metadata.get("tags", []):
            return base64.b64decode(cell.outputs[0].data["image/png"])
    return b""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table of a run: lesson, seconds, headline result or error."""
    width = max([len("lesson"), *(len(outcome.lesson) for outcome in outcomes)])
    lines = [f"{'lesson':{width}}  seconds  result"]
    for outcome in outcomes:
        result = f"FAILED {outcome.error}" if outcome.error else outcome.headline
        lines.append(f"{outcome.lesson:{width}}  {outcome.seconds:7.1f}  {result}")
    return "\n".join(lines)


def address(root: Path = ROOT) -> str:
    """Return the repository's address, from the one place where it stands.

    Raises
    ------
    LessonError
        If it is not one on GitHub, which is where Colab and Binder look.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text).get("project", {}).get("urls", {}).get("Repository", "")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", found):
        raise LessonError(
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


def write_address(root: Path = ROOT) -> list[Path]:
    """Bring the badges and first cells in line with the address, and return the files that changed.

    Raises
    ------
    LessonError
        If a notebook does not begin with the two cells, or the README does not mark the place of its badges.
    """
    import nbformat

    changed = []
    for path in find_lessons(root=root):
        notebook = nbformat.read(path, as_version=4)
        sources = [cell.source for cell in notebook.cells[:2]]
        if len(sources) < 2 or not sources[0].startswith(BADGE_START) or INSTALL_MARK not in sources[1]:
            raise LessonError(f"{path} must begin with the badge and the installing cell: see lessons.first_cells")
        notebook.cells[0].source, notebook.cells[1].source = first_cells(path.name, root)
        if sources != [cell.source for cell in notebook.cells[:2]]:
            _write(notebook, path)
            changed.append(path)
    for path in sorted((root / "notebooks" / "exercises").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        install = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
        if install is None or INSTALL_MARK not in install.source:
            raise LessonError(f"the first code cell of {path} must be the installing cell: see lessons.first_cells")
        if install.source != first_cells(path.name, root)[1]:
            install.source = first_cells(path.name, root)[1]
            _write(notebook, path)
            changed.append(path)
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    if not README_BADGES.search(text):
        raise LessonError(f"{readme} must have the lines <!-- badges --> and <!-- /badges -->, for what goes between")
    badges = readme_badges(root)
    new = README_BADGES.sub(lambda _: badges, text, count=1)
    if new != text:
        _replace(readme, new)
        changed.append(readme)
    return changed


def _colab_badge(stem: str, root: Path) -> str:
    where = address(root).replace("https://github.com/", "https://colab.research.google.com/github/")
    return f"{BADGE_START}https://colab.research.google.com/assets/colab-badge.svg)]({where}/blob/main/notebooks/{stem}.ipynb)"


def _write(notebook: Any, path: Path) -> None:  # noqa: ANN401
    import nbformat

    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, with the same bytes on every system."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
