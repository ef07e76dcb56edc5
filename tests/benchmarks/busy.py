"""A machine that is busy with other things: on each core a process that only counts, and the same work beside it."""

import contextlib
import os
import subprocess
import sys
from dataclasses import replace

from mnist_scratch.threads import n_cores
from tests.benchmarks.turns import Row, rows_of, speeds

COUNT = """
import os
parent, n = os.getppid(), 0
while os.getppid() == parent:
    for _ in range(10_000_000):
        n += 1
"""
"""It ends by itself when the process that started it has."""

QUIET, SHARE, OF_QUIET = "our own quiet speed", ", share of the quiet speed", "of the quiet speed"


@contextlib.contextmanager
def counting():
    """Keep each core busy with a process that only counts, until the block ends."""
    processes = []
    try:
        for k in range(n_cores()):
            processes.append(subprocess.Popen([sys.executable, "-c", COUNT]))
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(processes[-1].pid, {sorted(os.sched_getaffinity(0))[k]})
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def rows_when_busy(contest, sides, rounds, wanted=0.4):
    """Return rows of a contest on a busy machine: against our own quiet speed, and against the peers there.

    And our share of the quiet speed against each peer's share of its own.
    """
    quiet = speeds(contest, sides, rounds)
    with counting():
        busy = speeds(contest, sides, rounds)
    cores = sides.cores
    rows = [Row(contest.name, busy[0], quiet[0], QUIET, contest.unit, busy[0] / quiet[0], cores, wanted)]
    rows += rows_of(contest, busy, cores)
    shares = [b / q for b, q in zip(busy, quiet, strict=True)]
    return rows + [
        replace(row, name=contest.name + SHARE, unit=OF_QUIET, wanted=0.0) for row in rows_of(contest, shares, cores)
    ]
