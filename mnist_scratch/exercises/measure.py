"""What a check measures about an answer beside its values: steps of Python and bytes of memory. Its clock can stop."""

import contextlib
import signal
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def clock_stopped() -> Iterator[None]:
    """Stop the clock of a check while it does work of its own, such as reading the offline sample."""
    timed = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0) if timed else (0.0, 0.0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def python_steps(answer: Callable[..., Any], *arguments: Any) -> int:  # noqa: ANN401
    """Count the lines, calls and returns of Python that an answer goes through.

    Compiled loops, those of NumPy, count nothing: a count that grows with the rows tells of a loop over the rows.

    Parameters
    ----------
    answer : callable
    *arguments
        Handed to it.

    Returns
    -------
    int
    """
    count = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:  # noqa: ANN401
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        answer(*arguments)
    finally:
        sys.settrace(before)
    return count


def peak_bytes(answer: Callable[..., Any], *arguments: Any) -> int:  # noqa: ANN401
    """Measure the most memory that an answer holds at any time, beyond what there was before.

    Parameters
    ----------
    answer : callable
    *arguments
        Handed to it.

    Returns
    -------
    int
        Bytes.
    """
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        answer(*arguments)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not running:
            tracemalloc.stop()
