"""nbgrader's configuration, the same for the student version and for the grading, and its log kept quiet."""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

CODE_STUB = "# your code here"
TEXT_STUB = "*Your answer here.*"

RELEASE_STEPS = (
    "LockCells",
    "ClearSolutions",
    "ClearOutput",
    "CheckCellMetadata",
    "ComputeChecksums",
    "SaveCells",
    "ClearHiddenTests",
    "ClearMarkScheme",
    "ComputeChecksums",
    "CheckCellMetadata",
)
"""nbgrader's preprocessors that make the student version of a solved notebook, in order."""


def configuration(autograde_steps: Sequence[Any] = ()) -> Any:  # noqa: ANN401
    """Return nbgrader's configuration.

    Parameters
    ----------
    autograde_steps : sequence of preprocessor classes
        What the autograder does, where it is used.
    """
    from nbgrader import preprocessors
    from traitlets.config import Config

    config = Config()
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    config.GenerateAssignment.preprocessors = [getattr(preprocessors, name) for name in RELEASE_STEPS]
    config.Autograde.autograde_preprocessors = list(autograde_steps)
    config.NotebookClient.shutdown_kernel = "immediate"
    config.Execute.extra_arguments = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]
    return config


@contextlib.contextmanager
def quiet_nbgrader() -> Iterator[None]:
    """Keep nbgrader's log, and the warnings of what it uses, off the terminal: what went wrong is in the scores."""
    logger = logging.getLogger("traitlets")
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)
