"""Running a study: recipes x seeds, side by side, with nothing finished ever lost.

A run is known by its recipe and seed, whatever study asks for it. Each finished one is two files, its record and its
network, each written whole or not at all; a study that was stopped, killed even, goes on from the files that are there.
Where a study asks for a measure that a finished run lacks, its network is measured once more and nothing is trained.
On one machine the runs are spread over processes by joblib, on several by Dask.
"""

import gc
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from mnist_scratch.checks import check_flag, check_whole
from mnist_scratch.experiments.measures import check_measures
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.experiments.records import Record, check_record, measured
from mnist_scratch.experiments.runs import Run, run_recipe
from mnist_scratch.files import write_whole
from mnist_scratch.network import Network


class StudyError(Exception):
    """A study cannot go on; the message says which run and why, and what was kept."""


@dataclass(frozen=True)
class Study:
    """A question, and the runs that answer it.

    Raises
    ------
    TypeError, ValueError
        If a field is not what it must be; the message names it.
    """

    name: str
    """Letters, digits, "-" and "_": its results are a file of that name."""
    question: str
    recipes: dict[str, Recipe]
    """By a name that readers see. Two names may mean the same recipe: it is run once."""
    seeds: int
    """Each recipe is run with the seeds 0, 1, ... below this."""
    measures: tuple[str, ...] = ("test",)
    """What is measured on each network, of ``measures.MEASURES``; "test" among them."""
    ships_best: bool = False
    """When recorded, the network of the first recipe with seed 0 becomes the package's ``best_network``."""

    def __post_init__(self) -> None:
        for field, text in (("name", self.name), ("question", self.question)):
            if not isinstance(text, str):
                raise TypeError(f"{field} must be text; it is {text!r} (Study).")
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"name must be letters, digits, '-' and '_'; it is {self.name!r} (Study).")
        if not isinstance(self.recipes, dict):
            raise TypeError(f"recipes must be a dict of Recipes by name; it is {self.recipes!r} (Study).")
        if not self.recipes:
            raise ValueError("recipes must hold at least one; it is empty (Study).")
        check_whole(self.seeds, "seeds", "Study")
        check_flag(self.ships_best, "ships_best", "Study")
        for name, recipe in self.recipes.items():
            if not isinstance(name, str) or not isinstance(recipe, Recipe):
                raise TypeError(f"recipes must be Recipes by name; one is {name!r}: {recipe!r} (Study).")
            check_measures(self.measures, recipe, "Study")
        if "test" not in self.measures:
            raise ValueError(f"measures must have 'test' among them; they are {self.measures} (Study).")


@dataclass(frozen=True)
class Task:
    """One run that a study wants."""

    name: str
    """The study's for the recipe."""
    recipe: Recipe
    seed: int
    measures: tuple[str, ...]

    def file(self, folder: Path, suffix: str = ".json") -> Path:
        """Return where the run's record goes or, with ``.npz``, its network."""
        return folder / f"{self.recipe.digest}-seed{self.seed}{suffix}"

    def read(self, folder: Path) -> Record | None:
        """Return the run's record, if it is there, whole, and of this recipe and seed."""
        try:
            record = check_record(json.loads(self.file(folder).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        same = record.get("recipe") == self.recipe.as_dict() and record["seed"] == self.seed
        return record if same else None

    def read_run(self, folder: Path) -> Run | None:
        """Return the run's record and network, if both are there and whole."""
        record, file = self.read(folder), self.file(folder, ".npz")
        if record is None:
            return None
        try:
            Network.load(file)
            return Run(record, file.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def answers(self, record: Record | None) -> bool:
        """Whether a record holds all that the study wants to know."""
        return record is not None and set(self.measures) <= set(measured(record))

    def answer(self, record: Record) -> Record:
        """Return what the study wants of a record: the recipe's name in it, and no measures that others asked for."""
        costs = {name: record["result"][name] for name in ("probe_cost", "train_cost")}
        parts = [f"{name}_{part}" for name in self.measures for part in ("confusion", "cost")]
        result = costs | {part: record["result"][part] for part in parts if part in record["result"]}
        return {"name": self.name, **record, "result": result}


def run_study(
    study: Study,
    folder: str | os.PathLike[str],
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
    folder : path
        Of finished runs, two files each. Several studies may share it, so that a run that two of them want is made
        once. The networks of all the package's studies take about half a gigabyte.
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
        If runs fail, or the cluster is not to be had. A run that fails does not stop the others: what can be finished
        is finished and kept, and the error names those that failed. The same call goes on from there.
    TypeError, ValueError
        If an argument does not fit; nothing has been run or written then.
    """
    from tqdm.auto import tqdm

    folder, seeds = _checked_arguments(study, folder, seeds, workers, dask, progress)
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [
        Task(name, recipe, seed, study.measures) for name, recipe in study.recipes.items() for seed in range(seeds)
    ]
    records = {task.file(folder): task.read(folder) for task in tasks}
    todo = {task.file(folder): task for task in tasks if not task.answers(records[task.file(folder)])}
    jobs = ((task, task.read_run(folder)) for task in todo.values())
    failures: list[str] = []
    bar = tqdm(total=len(records), initial=len(records) - len(todo), desc=study.name, unit="run", disable=not progress)
    try:
        with bar:
            for task, run in _on_cluster(jobs, dask) if dask is not None else _on_this_machine(jobs, workers):
                if isinstance(run, str):
                    failures.append(f"the run {task.name!r} with seed {task.seed} failed: {run}")
                    bar.set_postfix_str(f"{len(failures)} failed")
                else:
                    write_whole(task.file(folder, ".npz"), run.weights)  # first, so that no record is without one
                    write_whole(task.file(folder), json.dumps(run.record))
                    records[task.file(folder)] = run.record
                bar.update()
    except StudyError as error:
        if not failures:
            raise
        raise _error([*failures, str(error)]) from error
    if failures:
        raise _error(failures)
    return _answers(tasks, records, folder)


def _checked_arguments(
    study: Study, folder: str | os.PathLike[str], seeds: int | None, workers: int, dask: str | None, progress: bool
) -> tuple[Path, int]:
    """Return the folder as a Path and the number of seeds, or say which argument of ``run_study`` is wrong."""
    if not isinstance(study, Study):
        raise TypeError(f"study must be a Study; it is {study!r} (run_study). The package's are in studies.STUDIES.")
    if not isinstance(folder, str | os.PathLike) or not os.fspath(folder):
        raise TypeError(f"folder must be the path of a folder; it is {folder!r} (run_study).")
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise ValueError(f"folder must be a folder, or a path where one can be made; {path} is a file (run_study).")
    check_whole(workers, "workers", "run_study")
    check_flag(progress, "progress", "run_study")
    if dask is not None and (not isinstance(dask, str) or not dask):
        raise (ValueError if dask == "" else TypeError)(
            f"dask must be the address of a scheduler, as 'tcp://10.0.0.5:8786'; it is {dask!r} (run_study)."
        )
    return path, check_whole(study.seeds if seeds is None else seeds, "seeds", "run_study")


def _answers(tasks: Sequence[Task], records: dict[Path, Record | None], folder: Path) -> list[Record]:
    """Return each task's record; refuse runs on different data, which must not be compared."""
    answers = [task.answer(record) for task in tasks if (record := records[task.file(folder)]) is not None]
    data = {record["data"]: f"{record['name']!r} with seed {record['seed']}" for record in answers}
    if len(data) > 1:
        raise StudyError(
            f"runs on the full data and on the offline sample lie in one folder, {folder}: {data['full']} was made on "
            f"the full data, {data['sample']} on the sample. Keep a folder for each, and see that every worker has the "
            "full data."
        )
    return answers


def _error(failures: Sequence[str]) -> StudyError:
    shown = list(failures[:5]) + ([f"... and {len(failures) - 5} more"] if len(failures) > 5 else [])
    return StudyError("\n".join(shown) + "\nWhat had finished is kept. Mend the cause and give the same command again.")


Job = tuple[Task, Run | None]
"""What is wanted, and what a run has left before: then it is only to be measured."""


def _attempt(task: Task, kept: Run | None) -> tuple[Task, Run | str]:
    """Make a run; if it fails, return the reason as text, which crosses between processes whatever the error was."""
    try:
        run = run_recipe(task.recipe, task.seed, task.measures, kept)
        check_record(run.record)
        return task, run
    except Exception as error:
        return task, f"{type(error).__name__}: {error}"


def _on_this_machine(jobs: Iterator[Job], workers: int) -> Iterator[tuple[Task, Run | str]]:
    if workers == 1:
        yield from (_attempt(*job) for job in jobs)
        return
    from joblib import Parallel, delayed

    # One task at a time: of a batch, those that are done would wait for the last one before they are written.
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1)
    finished = parallel(delayed(_attempt)(*job) for job in jobs)
    try:
        yield from finished
    except BrokenProcessPool as error:
        raise StudyError(
            f"a worker process died, for want of memory perhaps: {error}\n"
            "What had finished is kept. Give the same command again, with fewer --workers if need be."
        ) from error
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib's, that runs are cancelled: the error says enough
            finished.close()


def _on_cluster(jobs: Iterator[Job], address: str) -> Iterator[tuple[Task, Run | str]]:
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError as error:
        raise StudyError('Dask is not installed here. Get it with: pip install "mnist_scratch[cluster]"') from error
    reason = ""
    try:
        client = Client(address, timeout=10)
    except Exception as error:  # Dask raises errors of many kinds here
        reason = f"no Dask scheduler answers at {address!r}: {type(error).__name__}: {error}"
    if reason:
        # The half-made client takes a lock when it goes. It goes now, and not while another one is being made, which
        # holds that lock.
        gc.collect()
        raise StudyError(reason)
    with client:
        # A task whose worker dies is given to another; Dask gives up when four have died under it.
        futures = {client.submit(_attempt, *job, pure=False): job[0] for job in jobs}
        for future in as_completed(futures):
            if future.status == "finished":
                yield future.result()
            else:
                reason = future.exception() if future.status == "error" else f"it is {future.status}"
                yield futures[future], f"the cluster lost it: {reason}"
