"""Rows that are no contests in turns: what has a limit, and the race to 99.1 %."""

import statistics
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tests.benchmarks.turns import Row, Work

ROOT = Path(__file__).resolve().parents[2]

LOAD = "from mnist_scratch.datasets import load_mnist; load_mnist()"
IMPORT = "import mnist_scratch.training, mnist_scratch.network"
TIMED = "import time, numpy\n{}\ns = time.perf_counter()\n{}\nprint(time.perf_counter() - s)"
MEMORY = (
    "import resource; from mnist_scratch.datasets import load_mnist; from mnist_scratch.training import train; "
    "from mnist_scratch.network import Network; m = load_mnist().train; "
    "train(Network.from_sizes([784, 100, 10]), m.images, m.labels, batch_size=128, progress=False); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)
LIMITS = (
    ("load_mnist() warm", TIMED.format(LOAD, "load_mnist()"), 0.3, "s"),
    (f"{IMPORT}, over NumPy", TIMED.format("", IMPORT), 0.15, "s"),
    ("peak memory of full training", MEMORY, 600.0, "MB"),
)
"""Name, program that prints a number, limit, unit."""

TARGET, SECONDS = 0.991, 20.0
"""The race: the accuracy on the test images that counts as arrived, and how long it may take."""


def limit_rows(repeats=3):
    """Return a row for each limit: how many times over it is kept. The median of so many processes counts."""
    rows = []
    for name, program, limit, unit in LIMITS:
        value = statistics.median(_number(program) for _ in range(repeats))
        rows.append(Row(name, value, limit, "limit", unit, limit / value, 1, 1.0))
    return rows


def _number(program):
    """Return the number that a program prints last, after what it may say of the data."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    return float(done.stdout.split()[-1])


def race_rows(sides, seeds):
    """Return rows of the race, as dictionaries with both accuracies in them: against PyTorch, and against the limit.

    The two sides take turns, seed by seed. Who does not arrive has not won, however early.
    """
    seconds, reached = {}, {}
    for seed in range(seeds):
        for module in ("ours", "peers.pytorch"):
            side = sides[module]
            seconds.setdefault(module, []).append(side.turn(side.prepare(Work(module, "race", {"seed": seed}))))
            reached.setdefault(module, []).append(side.result())
            side.forget()
    ours, theirs = (statistics.median(seconds[module]) for module in ("ours", "peers.pytorch"))
    accuracies = [float(np.mean(reached[module])) for module in ("ours", "peers.pytorch")]
    arrived = accuracies[0] >= TARGET
    row = Row("784-800-10 to 99.1 % test", ours, theirs, "PyTorch, the same recipe", "s",
              theirs / ours * arrived, sides.cores, 1.3)  # fmt: skip
    limit = replace(row, peer=SECONDS, peer_name="limit", ratio=SECONDS / ours * arrived, wanted=1.0)
    return [asdict(row) | {"accuracies": accuracies}, asdict(limit) | {"accuracies": accuracies}]
