"""Who is timed when: each library works in a process of its own, and the processes take turns.

Threads of one library would wait on the cores while another one works, if both were in one process: each library has
its own way of keeping its threads awake. What sides share is the machine, one after the other.
"""

import contextlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from unittest import mock

from tests.benchmarks.worker import serve

IMAGES = "images/s"

REST = 0.05
"""Seconds before each turn: some libraries keep their threads awake for a while, which would hold up the next side."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""In place of one core, where a process cannot be held to it (macOS, Windows)."""


@dataclass(frozen=True)
class Row:
    """What was measured: medians, and the ratio, above 1 where we are ahead. ``threads``: cores of each side."""

    name: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    ratio: float
    threads: int
    wanted: float = 0.0


@dataclass(frozen=True)
class Work:
    """What one side does at a turn: a function of a module in this folder makes it, from these arguments."""

    module: str
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """Whom we are compared with, and how many times as fast we want to be; 0 if nothing is wanted."""

    name: str
    work: Work
    wanted: float = 0.0


@dataclass(frozen=True)
class Contest:
    """One piece of work for all sides, who do ``amount`` of it at a turn."""

    name: str
    ours: Work
    peers: tuple[Peer, ...]
    amount: int
    unit: str = IMAGES


class Side:
    """A process in which one library works, held to so many cores.

    Parameters
    ----------
    module : str
        In this folder; imported by the process when it is first asked to prepare something.
    cores : int
    """

    def __init__(self, module, cores):
        self.module = module
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, f"tests.benchmarks.{module}"), name=f"bench-{module}", daemon=True
        )
        with _held_to(cores):
            self._process.start()
        theirs.close()

    def prepare(self, work):
        """Return the number by which the process knows this work."""
        return self._ask("prepare", work.name, dict(work.arguments))

    def turn(self, number):
        """Return how many seconds the work took."""
        time.sleep(REST)
        return self._ask("turn", number)

    def result(self):
        """Return what the last turn gave; where that is a function, what it returns. Neither is part of the time."""
        return self._ask("result")

    def forget(self):
        """Give back the memory of all prepared works."""
        self._ask("forget")

    def close(self):
        self._connection.close()
        self._process.join(10)
        if self._process.is_alive():  # it is in the middle of a turn
            self._process.kill()
            self._process.join()

    def _ask(self, *request):
        try:
            self._connection.send(request)
            done, answer = self._connection.recv()
        except (EOFError, OSError):
            raise RuntimeError(f"the process of {self.module} has ended while it was asked: {request}") from None
        if not done:
            raise RuntimeError(f"{self.module} failed at {request}:\n{answer}")
        return answer


class Sides:
    """The processes of all sides, each started when it is first asked for. A context: they end with it."""

    def __init__(self, cores):
        self.cores, self._sides = cores, {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for side in self._sides.values():
            side.close()

    def __getitem__(self, module):
        if module not in self._sides:
            self._sides[module] = Side(module, self.cores)
        return self._sides[module]

    def forget(self):
        for side in self._sides.values():
            side.forget()


@contextlib.contextmanager
def _held_to(cores):
    """Hold processes that are started within to so many cores; this one is as it was afterwards."""
    if hasattr(os, "sched_setaffinity"):
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, set(sorted(mine)[-cores:]))
        try:
            yield
        finally:
            os.sched_setaffinity(0, mine)
    else:
        with mock.patch.dict(os.environ, ONE_THREAD if cores == 1 else {}):
            yield


def speeds(contest, sides, rounds):
    """Return how much each side does in a second, ours first: medians over the rounds, after one that warms up.

    The turns change places from round to round: ours, theirs; theirs, ours.
    """
    works = [contest.ours, *(peer.work for peer in contest.peers)]
    prepared = [(sides[work.module], sides[work.module].prepare(work)) for work in works]
    seconds = [[] for _ in works]
    for number in range(rounds + 1):
        turns = list(enumerate(prepared))
        for k, (side, work) in turns if number % 2 else reversed(turns):
            took = side.turn(work)
            if number:
                seconds[k].append(took)
    sides.forget()
    return [contest.amount / statistics.median(times) for times in seconds]


def rows_of(contest, found, cores):
    """Return a row for each peer, from what ``speeds`` found."""
    ours, *theirs = found
    return [
        Row(contest.name, ours, speed, peer.name, contest.unit, ours / speed, cores, peer.wanted)
        for peer, speed in zip(contest.peers, theirs, strict=True)
    ]


def timed(contest, sides, rounds):
    """Return the contest's rows."""
    return rows_of(contest, speeds(contest, sides, rounds), sides.cores)
