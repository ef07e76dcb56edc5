"""How fast is it, beside PyTorch, JAX, scikit-learn, OpenCV and SciPy? ``make bench``; ``make bench-quick``.

First the gradients, steps and warped pictures of all sides are held equal to ours. Then each work is timed in turns, on
one core and on all of them, on a quiet machine and on a busy one.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
from dataclasses import asdict
from pathlib import Path

from mnist_scratch.datasets import load_mnist
from mnist_scratch.threads import n_cores
from tests.benchmarks import busy, contests, growth, limits, pages
from tests.benchmarks.equal import check_all
from tests.benchmarks.turns import Sides, timed

ROOT = Path(__file__).resolve().parents[2]
BUILD, RUNS = ROOT / "build", Path(__file__).with_name("runs.json")

PEERS = {"torch": "PyTorch", "jax": "JAX", "sklearn": "scikit-learn", "cv2": "OpenCV"}
"""By the names of their modules."""


def machine():
    """Name the processor, and what is compared."""
    cpu = Path("/proc/cpuinfo")
    model = re.search(r"(?m)^model name\s*: (.*)$", cpu.read_text()) if cpu.exists() else None
    installed = importlib.metadata.packages_distributions()  # OpenCV comes by several names
    versions = ", ".join(
        f"{name} {importlib.metadata.version(installed[module][0])}"
        for module, name in ({"numpy": "NumPy", "scipy": "SciPy"} | PEERS).items()
    )
    return (
        f"{model[1] if model else platform.processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"{versions}"
    )


def counts_of_cores():
    """Return 1, 2, 4, ... and the number of cores that there are."""
    most, counts, count = n_cores(), [], 1
    while count < most:
        counts.append(count)
        count *= 2
    return [*counts, most]


class Measuring:
    """A run in the making.

    Parameters
    ----------
    options : Namespace
        ``quick``, ``rounds`` and ``only``, as ``read_options`` gives them.
    tell : callable
        Called with each row, a dictionary, as it comes.
    """

    def __init__(self, options, tell):
        self.options, self.tell, self.mnist = options, tell, load_mnist()
        self.n_train, self.n_test = len(self.mnist.train.images), len(self.mnist.test.images)
        self.run = {"machine": machine(), "rows": [], "ladder": [], "growth": []}

    def keep(self, rows, kind="rows"):
        for row in rows:
            self.run[kind].append(row if isinstance(row, dict) else asdict(row))
            self.tell(self.run[kind][-1])

    def hold(self, found, sides, kind="rows", timing=timed):
        """Hold the contests that were asked for."""
        for contest in found:
            if self.options.only in contest.name:
                self.keep(timing(contest, sides, self.options.rounds), kind)

    def table(self, sides):
        self.hold(contests.contests(self.n_train, self.n_test, sides.cores, self.options.quick), sides)
        if not self.options.quick:
            self.hold(contests.rungs(self.n_train, sides.cores), sides, "ladder")

    def between(self, sides):
        self.hold(contests.contests_on_more_cores(self.n_train, sides.cores), sides)

    def busy(self, sides):
        found = contests.contests_when_busy(self.n_train, sides.cores, self.options.quick)
        self.hold(found, sides, timing=busy.rows_when_busy)
        if not self.options.quick:
            with busy.counting():
                self.hold([contests.rung_when_busy(self.n_train, sides.cores)], sides, "ladder")

    def long_ones(self, sides):
        if self.mnist.source == "full":
            self.keep(limits.race_rows(sides, 3))
        self.run["growth"] = growth.growth(sides, self.n_train, min(self.options.rounds, 2))


def measure(options, tell):
    """Return a run, made as ``Measuring`` says."""
    # First of all: a new process begins with the peak memory of the one that it comes from.
    limit_rows = [] if options.only else limits.limit_rows(1 if options.quick else 3)
    measuring, counts = Measuring(options, tell), counts_of_cores()
    measuring.keep(limit_rows)
    for cores in counts:
        with Sides(cores) as sides:
            if cores == counts[0]:
                check_all(sides)
                print("Gradients, steps and warps equal the peers'.", flush=True)
            if cores in (counts[0], counts[-1]):
                measuring.table(sides)
            else:
                measuring.between(sides)
            if cores == counts[-1]:
                measuring.busy(sides)
            if cores == counts[-1] and not (options.quick or options.only):
                measuring.long_ones(sides)
    return measuring.run


def print_row(row):
    print(
        f"{row['name']}: {row['ours']:,.4g} {row['unit']}, {row['peer_name']} {row['peer']:,.4g}: {row['ratio']:.2f}"
        + (f", wanted {row['wanted']:g}" if row["wanted"] else "")
        + f" (cores: {row['threads']})",
        flush=True,
    )


def write_build(run):
    """Write the run's rows to ``build/bench.json``, and its figure beside it if it has one."""
    BUILD.mkdir(exist_ok=True)
    everything = [row for kind in ("rows", "ladder", "growth") for row in run[kind]]
    (BUILD / "bench.json").write_text(json.dumps(everything, indent=1) + "\n")
    print(f"Written: {BUILD / 'bench.json'}")
    if run["growth"]:
        growth.draw_growth([run]).savefig(BUILD / "bench.png", bbox_inches="tight")
        print(f"Written: {BUILD / 'bench.png'}")


def recorded():
    """Return the runs on record."""
    return json.loads(RUNS.read_text()) if RUNS.exists() else []


def read_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of each: under two minutes")
    parser.add_argument("--rounds", type=int, help="that are timed (3; 2 if quick)")
    parser.add_argument("--only", default="", help="contests whose name has this in it, and nothing else")
    parser.add_argument("--record", action="store_true", help="add the run to tests/benchmarks/runs.json and the pages")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 2 if options.quick else 3
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more.")
    if options.record and (options.quick or options.only):
        parser.error("--record keeps whole runs: without --quick and --only.")
    return parser, options


def main(arguments=None):
    """Run all, print the tables, write ``build/bench.json`` and the figure; return 0, or 1 where a peer is missing."""
    parser, options = read_options(arguments)
    if missing := [name for name in PEERS if importlib.util.find_spec(name) is None]:
        print(
            f"Not installed: {', '.join(PEERS[name] for name in missing)}. The benchmark compares with it: "
            'pip install -e ".[all,peers]"', file=sys.stderr,
        )  # fmt: skip
        return 1
    runs = recorded() if options.record else []
    if options.record and (load_mnist().source, machine()) != ("full", runs[0]["machine"] if runs else machine()):
        parser.error(f"--record needs the full MNIST and the machine and versions of {RUNS.name}; or remove that file.")
    print(machine(), flush=True)
    run = measure(options, print_row)
    if options.only:
        return 0
    print(f"\n{pages.cells_table([run])}\n{pages.long_table([run])}\n{pages.long_table([run], 'ladder')}")
    write_build(run)
    if options.record:
        if runs and set(pages.grouped([run])) != set(pages.grouped(runs)):
            parser.error(
                f"the run is not of the same work as those in {RUNS.name}, and was not added; remove that file."
            )
        RUNS.write_text(json.dumps([*runs, run], indent=1) + "\n")
        pages.write_pages([*runs, run])
    return 0


if __name__ == "__main__":
    sys.exit(main())
