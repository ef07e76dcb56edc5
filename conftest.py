"""What the tests share: the data, and how the lessons' stored outputs are compared where the full data are missing."""

import functools
import os

import pytest

from mnist_scratch.datasets import MNIST, DataNotFoundError, load_mnist

UNCOMPARED = pytest.StashKey[int]()


@functools.cache
def _mnist_or_reason() -> tuple[MNIST, str]:
    """Return the full data and an empty reason, or the sample and the reason; the network is asked only once."""
    try:
        return load_mnist("full"), ""
    except DataNotFoundError:
        os.environ["MNIST_SCRATCH_MIRRORS"] = ""  # so that no lesson's kernel asks again
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the full data, run a lesson's cell tagged ``full-data`` but do not compare what it prints."""
    from nbval.plugin import IPyNbCell

    cells = [item for item in items if isinstance(item, IPyNbCell)]
    if not cells:
        return
    # For the kernels: no progress bars in outputs. This process keeps its own: tqdm reads the variable when imported.
    import tqdm  # noqa: F401

    os.environ["TQDM_DISABLE"] = "1"
    if _mnist_or_reason()[1]:
        for cell in cells:
            if "full-data" in cell.cell.metadata.get("tags", []):
                cell.options["check"] = False
                config.stash[UNCOMPARED] = config.stash.get(UNCOMPARED, 0) + 1


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    """Say what was not compared."""
    if number := config.stash.get(UNCOMPARED, 0):
        terminalreporter.write_line(
            f"{number} cells of the lessons were run, but not compared with their stored outputs: "
            + _mnist_or_reason()[1]
        )
