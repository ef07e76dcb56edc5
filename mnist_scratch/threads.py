"""Threads of our own, over a BLAS that keeps to one.

NumPy's matrix products come from a BLAS library, which has threads of its own. They wait for one another by spinning:
on a machine that is busy with other things, each waits for a core that another one is wasting, and all of them nearly
stop. So BLAS is held to one thread while a network trains or predicts. A large product is cut into two halves, and the
few threads here work on the halves side by side. They sleep while they wait. NumPy lets go of Python's lock during a
product, so that two threads use two cores.
"""

import contextlib
import contextvars
import functools
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.checks import check_whole

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

HALVES = 32_000_000
"""Multiplications from which on a product is made in two halves: with fewer, waking a thread costs what it saves."""

TILE = 64
"""Halves are cut at a multiple of this. A BLAS computes tiles of so many numbers at most, and is slower at odd ends."""


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_threads(threads: int | None, caller: str) -> int:
    """Return how many threads to use: those asked for, or with None as many as there are cores.

    Raises
    ------
    TypeError, ValueError
        If it is not None or a whole number from 1 to 1,024.
    """
    return n_cores() if threads is None else check_whole(threads, "threads", caller, high=1024)


class Threads:
    """The caller's thread and some beside it, which sleep until there is work.

    Use it as a context: the threads end with the block.

    Parameters
    ----------
    number : int
        1 is the caller's alone.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._todo: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"mnist_scratch-{k}", daemon=True) for k in range(1, number)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._drop_the_rest()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def run(self, tasks: Sequence[Callable[[], Any]]) -> None:
        """Call all the tasks, each in whichever thread is free, and return when the last one has ended.

        An error in a task is raised here, when the others have ended.
        """
        if not self._threads or len(tasks) == 1:
            for task in tasks:
                task()
            return
        for task in tasks[1:]:  # in a copy of the caller's context, which holds np.errstate
            self._todo.put(functools.partial(contextvars.copy_context().run, task))
        errors, mine = [_error_of(tasks[0])], 1
        with contextlib.suppress(queue.Empty):
            while (other := self._todo.get_nowait()) is not None:
                errors.append(_error_of(other))
                mine += 1
        errors += [self._done.get() for _ in range(len(tasks) - mine)]
        for error in errors:
            if error is not None:
                raise error

    def _work(self) -> None:
        while (task := self._todo.get()) is not None:
            self._done.put(_error_of(task))

    def _drop_the_rest(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._todo.get_nowait()


def _error_of(task: Callable[[], Any]) -> BaseException | None:
    try:
        task()
    except BaseException as error:  # carried to the thread that waits for it
        return error
    return None


_SHARING: contextvars.ContextVar[Threads | None] = contextvars.ContextVar("sharing", default=None)


@contextlib.contextmanager
def sharing_products(pool: Threads | None) -> Iterator[None]:
    """Let these threads make the halves of large products, until the block ends; with None, the caller's alone."""
    token = _SHARING.set(pool)
    try:
        yield
    finally:
        _SHARING.reset(token)


def product(left: NDArray[Any], right: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return ``left @ right``, a large one made in two halves.

    The cut is the same whoever makes the halves, so that the sums are rounded the same on any number of cores.

    Parameters
    ----------
    left, right : arrays, (m, k), (k, n)
        Of one dtype.
    out : array, (m, n), optional
        Where to put the result; in rows of memory without gaps.

    Returns
    -------
    array, (m, n)
    """
    (m, k), n = left.shape, right.shape[1]
    if m * k * n < HALVES:
        # NumPy's @ is several times slower than dot for a batch of one row (see lesson 05).
        return np.dot(left, right, out=out)
    out = np.empty((m, n), left.dtype) if out is None else out
    middle = max(m, n) // (2 * TILE) * TILE
    tasks = []
    for half in (slice(0, middle), slice(middle, None)):
        if n >= m:
            tasks.append(functools.partial(np.matmul, left, right[:, half], out=out[:, half]))
        else:
            tasks.append(functools.partial(np.matmul, left[half], right, out=out[half]))
    pool = _SHARING.get()
    if pool is None:
        for task in tasks:
            task()
    else:
        pool.run(tasks)
    return out


class _OneThread:
    """BLAS at one thread for as long as somebody wants it so; then as it was."""

    def __init__(self) -> None:
        self.lock, self.wanted = threading.Lock(), 0
        self.before: list[int] = []

    def __enter__(self) -> None:
        with self.lock:
            libraries = _blas().lib_controllers
            if self.wanted == 0:
                self.before = [library.num_threads for library in libraries]
            self.wanted += 1
            _set_threads(libraries, [1] * len(libraries))

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.wanted -= 1
            if self.wanted == 0:
                _set_threads(_blas().lib_controllers, self.before)


def _set_threads(libraries: Sequence[Any], numbers: Sequence[int]) -> None:
    """Give each library its number of threads, from whichever thread this is called.

    From version 3.8 on threadpoolctl lets one thread alone set OpenBLAS's, and ignores the others in silence. Ours take
    turns, under a lock, so each is made that one while it sets, and then nobody is.
    """
    for library, number in zip(libraries, numbers, strict=True):
        anybody = getattr(library, "clear_controlling_thread", lambda force: None)
        anybody(force=True)
        library.set_num_threads(number)
        anybody(force=True)


_ONE_THREAD = _OneThread()


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold every BLAS library of this process to one thread until the block ends; then it is as it was before.

    Blocks may overlap, in several threads too: the first one holds, the last one lets go. Where a BLAS cannot be held
    (Apple's Accelerate, which does not spin), nothing happens.
    """
    with _ONE_THREAD:
        yield


def hold_blas_to_one_thread() -> None:
    """Hold every BLAS library of this process to one thread, from now on.

    For a lesson or a script that makes many products of its own with plain NumPy: BLAS's threads spin while they wait
    for one another, and on a busy machine all of them nearly stop (see above, at the head of this module). ``train``,
    ``predict`` and ``mean_cost`` need no such call.
    """
    _ONE_THREAD.__enter__()  # somebody wants it so, and never lets go


@functools.cache
def _blas() -> "ThreadpoolController":
    """Find this process's BLAS libraries, once, since it takes milliseconds: NumPy's, and the one that SciPy brings."""
    import scipy.linalg.blas  # noqa: F401 - only a library that has been loaded is found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
