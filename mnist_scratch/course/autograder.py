"""The steps of nbgrader's autograder, with the running of a notebook made to survive what it runs.

Each check is imported anew, and counts only if it ran to its end and said that the answer is right.
"""

import functools
from typing import Any

from mnist_scratch.course.catalogue import CHECK_CALL

MAX_TIMEOUTS = 3
"""So many cells of one submission may run out of time; the rest of it is then not run."""

FRESH_CHECKS = (
    "import sys as _sys; "
    "[_sys.modules.pop(name) for name in list(_sys.modules) if name.startswith('mnist_scratch.exercises')]\n"
)
"""Run before each check: whatever a submission did to the checks' modules, they are read again from their files."""

FOLLOWING_STEPS = ("IgnorePattern", "LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata")
"""nbgrader's own steps after a submission was run and its checks' outputs were looked at."""


@functools.cache
def autograde_steps() -> list[Any]:
    """Return the classes of the steps: running, looking at what the checks said, then nbgrader's own."""
    from nbgrader import preprocessors

    return [_run_step(), _proof_step(), *(getattr(preprocessors, name) for name in FOLLOWING_STEPS)]


def _is_check(cell: Any) -> bool:  # noqa: ANN401
    from nbgrader import utils

    return cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell)


def _mark_as_failed(cell: Any, text: str) -> None:  # noqa: ANN401
    from nbformat.v4 import new_output

    cell.outputs.append(new_output("error", ename="NotGraded", evalue=text, traceback=[f"NotGraded: {text}"]))


class _TooManyTimeouts(Exception):
    pass


def _run_step() -> Any:  # noqa: ANN401
    # Classes inside functions, since nbgrader is imported only when something is graded.
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from nbgrader import preprocessors

    class Run(preprocessors.Execute):  # type: ignore[misc]
        """Run a submission. Where its kernel dies or does not come back, what had run before counts."""

        def create_kernel_manager(self) -> Any:  # noqa: ANN401
            # Without folders to search, "python3" is this interpreter, whatever kernels are installed for the user.
            self.km = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
            return self.km

        def preprocess(self, notebook: Any, resources: Any, km: Any = None) -> Any:  # noqa: ANN401
            self.running_cell, self.timeouts = None, 0
            try:
                return super().preprocess(notebook, resources, km)
            except (DeadKernelError, CellControlSignal, _TooManyTimeouts) as problem:
                if self.running_cell is None:
                    raise
                ended = "its kernel ended" if isinstance(problem, DeadKernelError) else "it ran out of time"
                _mark_as_failed(self.running_cell, f"{ended} here; what comes after this cell was not run")
                return notebook, resources

        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:  # noqa: ANN401
            if cell.cell_type != "code":
                return super().preprocess_cell(cell, resources, index)
            self.running_cell, source = cell, cell.source
            if _is_check(cell):
                cell.source = FRESH_CHECKS + source
            try:
                done = super().preprocess_cell(cell, resources, index)
            finally:
                cell.source = source
            self.timeouts += any(output.get("ename") == "CellTimeoutError" for output in cell.outputs)
            if self.timeouts >= MAX_TIMEOUTS:
                raise _TooManyTimeouts
            return done

    return Run


def _proof_step() -> Any:  # noqa: ANN401
    from nbgrader import preprocessors

    class Proof(preprocessors.NbGraderPreprocessor):  # type: ignore[misc]
        """A check counts only if it ran to its end and said that the answer is right."""

        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:  # noqa: ANN401
            if _is_check(cell):
                printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout").splitlines()
                if cell.execution_count is None:
                    _mark_as_failed(cell, "this check was not run, since the notebook had ended before")
                elif any(f"{name}: right." not in printed for name in CHECK_CALL.findall(cell.source)):
                    _mark_as_failed(cell, "this check did not say that the answer is right")
            return cell, resources

    return Proof
