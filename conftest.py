"""What the tests share: the data, how the lessons' stored outputs are compared, and how tests run side by side."""

import functools
import os

import pytest

from mnist_scratch.datasets import MNIST, DataNotFoundError, load_mnist

NOT_COMPARED = "not compared"

BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""How many threads a matrix product may take: OpenBLAS's, OpenMP's, Intel's and Apple's own names for it."""


@functools.cache
def _mnist_or_reason() -> tuple[MNIST, str]:
    """Return the full data and an empty reason, or the sample and the reason; the network is asked only once."""
    try:
        return load_mnist("full"), ""
    except DataNotFoundError:
        os.environ["MNIST_SCRATCH_MIRRORS"] = ""  # so that no kernel and no other process of the tests asks again
        return load_mnist("sample"), "the full MNIST was not found: `python -m mnist_scratch fetch` says why"


@pytest.fixture(scope="session")
def mnist() -> MNIST:
    """Return the full data, or the sample where that is all there is. Not to be written to."""
    return _mnist_or_reason()[0]


@pytest.fixture(scope="session")
def full_mnist() -> MNIST:
    """Return the full data; a test that asks for them is skipped where there are none."""
    data, reason = _mnist_or_reason()
    if reason:
        pytest.skip(reason)
    return data


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Before the tests' processes are started, which get this one's environment: find the data, and share the cores.

    A thread of OpenBLAS that waits for work keeps its core busy. Two processes with two threads each, on two cores,
    would run at a hundredth of their speed; so each product stays on one thread. Without ``-n`` none of this happens.
    """
    _mnist_or_reason()
    for name in BLAS_THREADS:
        os.environ.setdefault(name, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the lessons, which take longest; where their data are missing, run cells that are not compared."""
    from nbval.plugin import IPyNbCell

    cells = [item for item in items if isinstance(item, IPyNbCell)]
    if not cells:
        return
    items.sort(key=lambda item: not isinstance(item, IPyNbCell))  # stable: otherwise as they were found
    # For the kernels: no progress bars in outputs. This process keeps its own: tqdm reads the variable when imported.
    import tqdm  # noqa: F401

    os.environ["TQDM_DISABLE"] = "1"
    if _mnist_or_reason()[1]:
        for cell in cells:
            if "full-data" in cell.cell.metadata.get("tags", []):
                cell.options["check"] = False
                cell.user_properties.append((NOT_COMPARED, True))  # travels with the report to whoever sums up


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what was not compared."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    number = sum(
        report.when == "call" and (NOT_COMPARED, True) in map(tuple, report.user_properties)
        for report in reports
        if isinstance(report, pytest.TestReport)
    )
    if number:
        terminalreporter.write_line(
            f"{number} cells of the lessons were run, but not compared with their stored outputs: "
            + _mnist_or_reason()[1]
        )
