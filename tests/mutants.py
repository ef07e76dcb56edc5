"""Break the core on purpose, one small change at a time, and see whether a test turns red: ``make mutants``.

The changes are those of cosmic-ray (a number one more or one less, ``+`` for ``-``, ``<`` for ``<=``, ``not`` before a
condition, ...). A changed program is called a mutant; it is *killed* if one of its module's tests fails or does not
end, and has *survived* otherwise. A survivor tells of a missing test, or of a change that changes nothing.

``[tool.mutants]`` in pyproject.toml names the modules and their tests. Annotations, ``raise`` statements and f-strings,
which hold the messages, stay as they are. Everything happens in copies of the checkout in build/mutants; what has been
tried stands in build/mutants/results.jsonl, and a second call goes on from there.
"""

import argparse
import ast
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "mutants"
ORIGIN = BUILD / "origin"
"""The checkout as it was when this call began: whoever goes on working in it does not disturb the verdicts."""

RESULTS = BUILD / "results.jsonl"
PROCESSES = 2
PYTEST = ["-x", "-q", "-pno:nbval", "-pno:cacheprovider", "-oaddopts=", "-Wignore::pytest.PytestAssertRewriteWarning"]
LOADED_BEFORE = ["numpy", "pytest", "nbval.plugin", "hypothesis", "scipy.special", "scipy.ndimage", "mlxtend.data"]
"""What a process that runs tests finds imported already; never the package itself, which is to be read anew."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change in it.

    Attributes
    ----------
    module : str
        Its path below the package, without ``.py``.
    operator, occurrence : str, int
        Which change, and at which of the places, from 0, where it can be made.
    line : int
        Where, from 1.
    before, after : str
        The line as it is and as it becomes.
    source : str
        The changed module.
    """

    module: str
    operator: str
    occurrence: int
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line}  {self.before}  ->  {self.after}  ({self.operator})"


def untouched(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where nothing is changed: from and to (line, column) of annotations, ``raise`` statements and f-strings."""
    nodes: list[ast.AST | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise | ast.JoinedStr):
            nodes.append(node)
        elif isinstance(node, ast.arg | ast.AnnAssign):
            nodes.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            nodes.append(node.returns)
    return [((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)) for node in nodes if node]


def mutants_of(module: str, wanted: re.Pattern[str]) -> Iterator[Mutant]:
    """Yield a module's mutants by the operators whose names match."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = (ORIGIN / "mnist_scratch" / f"{module}.py").read_text(encoding="utf-8")
    kept = untouched(source)
    tree = get_ast(source)
    for name in operator_names():
        if not wanted.fullmatch(name.removeprefix("core/")):
            continue
        operator = get_operator(name)()
        places = (start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(places):
            if any(begin <= start < end for begin, end in kept):
                continue
            changed = mutate_code(source, operator, occurrence)
            lines = zip(source.splitlines(), changed.splitlines(), strict=False)
            line, (before, after) = next((i, pair) for i, pair in enumerate(lines, 1) if pair[0] != pair[1])
            yield Mutant(module, name.removeprefix("core/"), occurrence, line, before.strip(), after.strip(), changed)


def run_tests(tree: Path, arguments: list[str], log: Path) -> None:
    """Run pytest in a copy of the checkout, and end this process with its exit code."""
    os.setsid()  # so that whatever the tests start is ended with them
    os.chdir(tree)
    sys.path[:] = [str(tree), *(entry for entry in sys.path if Path(entry).resolve() not in (ROOT, ROOT / "tests"))]
    sys.dont_write_bytecode = True  # a mutant of the same second and size would be taken for the one before
    os.environ |= {
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MNIST_SCRATCH_CACHE": str(BUILD / "no-cache"),
        "MNIST_SCRATCH_MIRRORS": "",  # no network: the tests get the offline sample
        "OPENBLAS_NUM_THREADS": "1",
    }
    os.environ.pop("MNIST_SCRATCH_DATA", None)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    import pytest

    code = pytest.main([*PYTEST, "--rootdir", str(tree), *arguments])
    sys.stdout.flush()
    os._exit(code)


class Bench:
    """A few copies of the checkout, each of which holds one mutant at a time."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(LOADED_BEFORE)
        self.free: SimpleQueue[Path] = SimpleQueue()
        shutil.rmtree(ORIGIN, ignore_errors=True)
        for folder in ("mnist_scratch", "tests", "notebooks"):
            shutil.copytree(ROOT / folder, ORIGIN / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ROOT.iterdir():
            if path.is_file() and path.name != "weights.npz":
                shutil.copy(path, ORIGIN)
        for number in range(PROCESSES):
            tree = BUILD / f"tree-{number}"
            shutil.rmtree(tree, ignore_errors=True)
            shutil.copytree(ORIGIN, tree)
            self.free.put(tree)

    def verdict(self, module: str, source: str, arguments: list[str], seconds: float) -> str:
        """Return ``"survived"``, ``"killed"``, ``"timeout"``; ``"error"`` if no test was run or all was ended."""
        tree = self.free.get()
        path = tree / "mnist_scratch" / f"{module}.py"
        original = path.read_text(encoding="utf-8")
        path.write_text(source, encoding="utf-8")
        process = self.context.Process(target=run_tests, args=(tree, arguments, tree / "pytest.log"))
        try:
            process.start()
            process.join(seconds)
            late = process.is_alive()
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                process.kill()
            process.join()
        finally:
            path.write_text(original, encoding="utf-8")
            self.free.put(tree)
        if late:
            return "timeout"
        return {0: "survived", 1: "killed", 2: "killed", 3: "killed"}.get(process.exitcode, "error")


def digest(*texts: str) -> str:
    """Return what tells one version of some text from another."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def known_results() -> dict[tuple[str, ...], dict[str, Any]]:
    """Return what was tried in earlier calls, by module, its version, operator and occurrence."""
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    rows = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):  # an interrupt may have cut it short
            rows.append(json.loads(line))
    return {(row["module"], row["version"], row["operator"], str(row["occurrence"])): row for row in rows}


def try_module(bench: Bench, module: str, settings: dict[str, Any], deadline: float) -> list[tuple[Mutant, str]]:
    """Try a module's mutants that have no verdict yet, and return all that have one.

    A killed mutant stays killed as long as its module is the same; a survivor is tried again when the tests change.
    """
    chosen = list(mutants_of(module, re.compile("|".join(settings["operators"]))))
    random.Random(settings["seed"]).shuffle(chosen)
    chosen = chosen[: settings["at_most"]]
    source = (ORIGIN / "mnist_scratch" / f"{module}.py").read_text(encoding="utf-8")
    arguments = [*settings["modules"][module], *(f"--deselect={name}" for name in settings["slow"])]
    files = [ORIGIN / name.partition("::")[0] for name in settings["modules"][module]]
    tests = digest(*arguments, *(path.read_text(encoding="utf-8") for path in files))
    version, known = digest(source), known_results()

    def earlier(mutant: Mutant) -> str | None:
        row = known.get((module, version, mutant.operator, str(mutant.occurrence)))
        return row["verdict"] if row and (row["verdict"] in ("killed", "timeout") or row["tests"] == tests) else None

    verdicts = {mutant: earlier(mutant) for mutant in chosen}
    waiting = [mutant for mutant, verdict in verdicts.items() if verdict is None]
    if waiting and time.monotonic() < deadline:
        begun = time.monotonic()
        if bench.verdict(module, source, arguments, 600) != "survived":
            sys.exit(f"The tests of {module} fail without any change: see {BUILD}/tree-*/pytest.log.")
        seconds = 15 + 5 * (time.monotonic() - begun)

        def attempt(mutant: Mutant) -> None:
            if time.monotonic() > deadline:
                return
            verdict = verdicts[mutant] = bench.verdict(module, mutant.source, arguments, seconds)
            row = {"module": module, "version": version, "tests": tests, "verdict": verdict}
            row |= {"operator": mutant.operator, "occurrence": mutant.occurrence, "text": str(mutant)}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps(row))  # begins a line even where the one before was cut short

        with ThreadPoolExecutor(PROCESSES) as pool:
            list(pool.map(attempt, waiting))
    return [(mutant, verdict) for mutant, verdict in verdicts.items() if verdict is not None]


def main() -> None:
    """Try the mutants of the modules that are named, or of all, and print the scores and the survivors."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="such as costs or experiments/claims; all where none is named")
    parser.add_argument("--at-most", type=int, help="mutants a module, in place of pyproject.toml's number")
    parser.add_argument("--minutes", type=float, default=60, help="begin no mutant after so long (60)")
    options = parser.parse_args()
    if unknown := [name for name in options.modules if name not in settings["modules"]]:
        parser.error(f"{', '.join(unknown)}: not among {', '.join(settings['modules'])}")
    settings["at_most"] = options.at_most or settings["at_most"]
    deadline = time.monotonic() + 60 * options.minutes
    bench = Bench()
    killed = tried = 0
    survivors = []
    for module in options.modules or settings["modules"]:
        results = try_module(bench, module, settings, deadline)
        dead = sum(verdict in ("killed", "timeout") for _, verdict in results)
        late = sum(verdict == "timeout" for _, verdict in results)
        print(f"{module:20} {dead:4} of {len(results):4} killed, {late} of them by the time limit", flush=True)
        survivors += [mutant for mutant, verdict in results if verdict not in ("killed", "timeout")]
        killed, tried = killed + dead, tried + len(results)
    print("\nSurvivors:" if survivors else "\nNo survivors.")
    for mutant in sorted(survivors, key=lambda mutant: (mutant.module, mutant.line)):
        print(f"  {mutant}")
    if tried:
        print(f"\nScore: {killed} of {tried}, {killed / tried:.1%}")


if __name__ == "__main__":
    main()
