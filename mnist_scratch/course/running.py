"""Running a lesson: all its cells, from a fresh kernel of this interpreter, with a progress line and a result."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_scratch.course.checkout import write_notebook

CELL_TIMEOUT = 600
"""Seconds that a cell may take."""


@dataclass(frozen=True)
class LessonRun:
    """How the run of one lesson went."""

    lesson: str
    seconds: float
    headline: str = ""
    """What the cell tagged ``headline`` printed."""
    error: str = ""
    """Empty where the lesson ran to its end."""


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


def run_lesson(path: Path, build: Path, environment: Mapping[str, str]) -> LessonRun:
    """Execute a lesson and write the executed copy into ``build``, also when it fails or is interrupted."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    try:
        return execute(notebook, path.stem, path.parent, environment)
    finally:
        write_notebook(notebook, build / path.name)


def execute(notebook: Any, name: str, folder: Path, environment: Mapping[str, str]) -> LessonRun:  # noqa: ANN401
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
    LessonRun
        An error in a cell is told there, not raised.
    """
    from nbclient.exceptions import CellControlSignal, CellExecutionError
    from tqdm import tqdm

    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for _, cell in cells:
        cell.outputs, cell.execution_count = [], None
    client = _client(notebook, folder)
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
    return LessonRun(name, time.perf_counter() - started, headline(notebook), error)


def _client(notebook: Any, folder: Path) -> Any:  # noqa: ANN401
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    # Without folders to search, "python3" is this interpreter, whatever kernels are installed for the user.
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    return NotebookClient(
        notebook,
        manager,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",  # after Ctrl-C a graceful end would print the kernel's traceback
        extra_arguments=["--log-level=ERROR"],  # kernels talk over TCP on this machine alone, and warn about it
        resources={"metadata": {"path": str(folder)}},
    )


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


def runs_table(runs: Sequence[LessonRun]) -> str:
    """Return the table of some runs: lesson, seconds, headline result or error."""
    width = max([len("lesson"), *(len(run.lesson) for run in runs)])
    lines = [f"{'lesson':{width}}  seconds  result"]
    for run in runs:
        result = f"FAILED {run.error}" if run.error else run.headline
        lines.append(f"{run.lesson:{width}}  {run.seconds:7.1f}  {result}")
    return "\n".join(lines)
