"""Running a study: recipes x seeds, side by side, with nothing finished ever lost.

Each finished run is one file, written whole or not at all; a study that was stopped, killed even, goes on from the
files that are there. On one machine the runs are spread over processes by joblib, on several by Dask.
"""

import json
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_scratch.experiments.recipes import Outcome, Recipe, run

Record = dict[str, Any]


class StudyError(Exception):
    """A study cannot go on; the message says which run and why, and what was kept."""


@dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it."""

    name: str
    question: str
    recipes: dict[str, Recipe]
    seeds: int
    """Each recipe is run with the seeds 0, 1, ... below this."""
    keeps_weights: bool = False
    """The trained networks are kept beside the records."""


@dataclass(frozen=True)
class Task:
    """One run that is to be made."""

    name: str
    recipe: Recipe
    seed: int

    def file(self, folder: Path, suffix: str = ".json") -> Path:
        """Return where its record goes."""
        slug = re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-")
        return folder / f"{slug}-seed{self.seed}{suffix}"

    def finished(self, folder: Path) -> Record | None:
        """Return its record, if it is there and of this very recipe."""
        try:
            record: Record = json.loads(self.file(folder).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        same = isinstance(record, dict) and record.get("recipe") == self.recipe.as_dict()
        return record if same and record.get("seed") == self.seed else None


def run_study(
    study: Study,
    folder: Path,
    *,
    seeds: int | None = None,
    workers: int = 1,
    dask: str | None = None,
    progress: bool = True,
) -> list[Record]:
    """Make the runs of a study that are not in the folder yet, and return all its records.

    Parameters
    ----------
    study : Study
    folder : Path
        Of this study alone: a file a run.
    seeds : int, optional
        Fewer or more than the study's own.
    workers : int
        Processes on this machine; each uses one thread for its matrix products.
    dask : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``: the runs go there, and ``workers`` is not used.
    progress : bool
        Show a progress bar with the time left.

    Returns
    -------
    list of dict
        In the order of the recipes and seeds, whatever order they finished in.

    Raises
    ------
    StudyError
        If a run fails, or the cluster is not to be had. What had finished is kept; the same call goes on from there.
    ValueError
        If seeds or workers is below 1, or two recipes' names would give one file.
    """
    from tqdm.auto import tqdm

    seeds = study.seeds if seeds is None else seeds
    for name, number in (("seeds", seeds), ("workers", workers)):
        if number < 1:
            raise ValueError(f"{name} must be 1 or more; it is {number} (run_study).")
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [Task(name, recipe, seed) for name, recipe in study.recipes.items() for seed in range(seeds)]
    records = {task.file(folder): task.finished(folder) for task in tasks}
    if len(records) < len(tasks):
        raise ValueError(
            f"the recipes' names must differ in their letters and digits ({study.name}): files are named so."
        )
    todo = [task for task in tasks if records[task.file(folder)] is None]
    bar = tqdm(total=len(tasks), initial=len(tasks) - len(todo), desc=study.name, unit="run", disable=not progress)
    with bar:
        for task, outcome in _on_cluster(todo, dask) if dask else _on_this_machine(todo, workers):
            if study.keeps_weights:
                write_whole(task.file(folder, ".npz"), outcome.weights)
            record = {"name": task.name, **outcome.record}
            write_whole(task.file(folder), json.dumps(record).encode())
            records[task.file(folder)] = record
            bar.update()
    return [record for record in records.values() if record is not None]


def _attempt(task: Task) -> tuple[Task, Outcome | str]:
    try:
        return task, run(task.recipe, task.seed)
    except Exception as error:  # a message crosses between processes, and names the run
        return task, f"{type(error).__name__}: {error}"


def _checked(finished: tuple[Task, Outcome | str]) -> tuple[Task, Outcome]:
    task, outcome = finished
    if isinstance(outcome, str):
        raise StudyError(
            f"the run {task.name!r} with seed {task.seed} failed: {outcome}\n"
            "What had finished is kept. Mend the cause and give the same command again."
        )
    return task, outcome


def _on_this_machine(todo: Sequence[Task], workers: int) -> Iterator[tuple[Task, Outcome]]:
    if workers == 1:
        yield from (_checked(_attempt(task)) for task in todo)
        return
    from joblib import Parallel, delayed

    # One task at a time: of a batch, those that are done would wait for the last one before they are written.
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    finished = parallel(delayed(_attempt)(task) for task in todo)
    try:
        yield from map(_checked, finished)
    except BrokenProcessPool as error:
        raise StudyError(
            f"a worker process died, for want of memory perhaps: {error}\n"
            "What had finished is kept. Give the same command again, with fewer --workers if need be."
        ) from error
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib's, that runs are cancelled: the error says enough
            finished.close()


def _on_cluster(todo: Sequence[Task], address: str) -> Iterator[tuple[Task, Outcome]]:
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError as error:
        raise StudyError('Dask is not installed here. Get it with: pip install "mnist_scratch[cluster]"') from error
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise StudyError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        # A task whose worker dies is given to another; Dask gives up when four have died under it.
        futures = client.map(_attempt, todo, pure=False)
        for future in as_completed(futures):
            if future.status != "finished":
                raise StudyError(f"the cluster lost a run: {future.exception()}\nWhat had finished is kept; run again.")
            yield _checked(future.result())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: whoever reads it sees the old content or the new, never a part.

    Parameters
    ----------
    path : Path
    content : bytes
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
