"""Recorded results: the runs of each study as JSON beside this file, and how lessons read them."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.experiments.engine import Study, Task
from mnist_scratch.experiments.records import Record, check_record, measured
from mnist_scratch.files import write_whole
from mnist_scratch.metrics import mean_interval
from mnist_scratch.network import Network

FOLDER = Path(__file__).parent / "results"
BEST = FOLDER / "best.npz"


@dataclass(frozen=True)
class Mean:
    """The mean of a share over seeds, with Student's 95 % interval, cut off at 0 and 1."""

    mean: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, shares: NDArray[np.float64]) -> Self:
        """Return the mean of two or more shares, each of another seed."""
        mean, low, high = mean_interval(shares)
        return cls(mean, max(low, 0.0), min(high, 1.0), seeds=len(shares))

    def __str__(self) -> str:
        return f"{self.mean:.2%} ({self.low:.2%} to {self.high:.2%}, {self.seeds} seeds)"


@dataclass(frozen=True)
class Results:
    """A study's recorded runs.

    Raises
    ------
    ValueError
        If it is not a study's results: a part is of the wrong kind, a recipe has no runs or other seeds than the rest,
        a run lacks something or holds a number that is not finite.
    """

    name: str
    question: str
    command: str
    """What made them."""
    recipes: dict[str, dict[str, Any]]
    """By name: the fields that differ from those of ``Recipe()``."""
    runs: list[Record]
    """A record for each recipe and seed, with the recipe's name."""

    def __post_init__(self) -> None:
        for field in ("name", "question", "command"):
            if not isinstance(getattr(self, field), str):
                raise ValueError(f"{field} must be text; it is {getattr(self, field)!r}")
        if not isinstance(self.recipes, dict) or not all(isinstance(fields, dict) for fields in self.recipes.values()):
            raise ValueError("recipes must be a dict of fields for each name")
        if not self.recipes or not isinstance(self.runs, list):
            raise ValueError("there must be a recipe at least, and a list of runs")
        seeds: dict[str, list[int]] = {name: [] for name in self.recipes}
        for number, run in enumerate(self.runs):
            try:
                name = check_record(run).get("name")
            except ValueError as error:
                raise ValueError(f"run {number}: {error}") from error
            if name not in seeds:
                raise ValueError(f"run {number} is of {name!r}, which is none of the recipes")
            seeds[name].append(run["seed"])
        first, *_ = seeds
        for name, numbers in seeds.items():
            if len(set(numbers)) < max(len(numbers), 1) or set(numbers) != set(seeds[first]):
                raise ValueError(
                    "every recipe must have one run for each seed, the same seeds for all; "
                    f"{first!r} has the seeds {sorted(seeds[first])}, {name!r} has {sorted(numbers)}"
                )

    def of(self, recipe: str) -> list[Record]:
        """Return one recipe's runs, by seed.

        Raises
        ------
        TypeError
            If the recipe is not named by text.
        KeyError
            If the study has no such recipe; the message lists those it has.
        """
        if not isinstance(recipe, str):
            raise TypeError(f"recipe must be the name of one; it is {recipe!r} (Results).")
        if recipe not in self.recipes:
            raise KeyError(f"study {self.name!r} has no recipe {recipe!r}; it has {', '.join(self.recipes)}")
        return sorted((run for run in self.runs if run["name"] == recipe), key=lambda run: int(run["seed"]))

    def confusions(self, recipe: str, on: str = "test") -> NDArray[np.int64]:
        """Return the confusion matrix of each run.

        Parameters
        ----------
        recipe : str
        on : str
            "test", or another of ``measures.MEASURES`` that the study made, such as "validation" or "test_averaged".

        Returns
        -------
        int64 array, (seeds, 10, 10)
            Row: what it was. Column: what the network said.

        Raises
        ------
        TypeError
            If an argument is not text.
        KeyError
            If the study has no such recipe, or did not measure that.
        """
        runs = self.of(recipe)
        if not isinstance(on, str):
            raise TypeError(f"on must be the name of a measure, such as 'test'; it is {on!r} (Results).")
        for run in runs:
            if on not in measured(run):
                raise KeyError(
                    f"study {self.name!r} did not measure {on!r} of {recipe!r} with seed {run['seed']}; it measured "
                    f"{', '.join(measured(run))}"
                )
        return np.array([run["result"][f"{on}_confusion"] for run in runs], dtype=np.int64)

    def accuracies(self, recipe: str, on: str = "test") -> NDArray[np.float64]:
        """Return the accuracy of each run, 0 to 1: float array (seeds,). Arguments: see ``confusions``."""
        counts = self.confusions(recipe, on)
        accuracies: NDArray[np.float64] = np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))
        return accuracies

    def digit_accuracies(self, recipe: str, on: str = "test") -> NDArray[np.float64]:
        """Return each run's accuracy on each digit: float array (seeds, 10). Arguments: see ``confusions``."""
        counts = self.confusions(recipe, on)
        accuracies: NDArray[np.float64] = np.diagonal(counts, axis1=1, axis2=2) / counts.sum(axis=2)
        return accuracies

    def mean(self, recipe: str, on: str = "test") -> Mean:
        """Return the mean accuracy over the seeds and its interval, cut off at 0 and 1. Arguments: see ``confusions``.

        Raises
        ------
        ValueError
            If there is one run alone: an interval needs at least two.
        """
        accuracies = self.accuracies(recipe, on)
        if len(accuracies) < 2:
            raise ValueError(
                f"recipe {recipe!r} has a single run; an interval needs at least two (Results.mean). "
                "For its accuracy, use summary."
            )
        return Mean.of(accuracies)

    def summary(self, recipe: str, on: str = "test") -> str:
        """Return the mean accuracy in words; for a single run, its accuracy. Arguments: see ``confusions``."""
        accuracies = self.accuracies(recipe, on)
        return str(self.mean(recipe, on)) if len(accuracies) > 1 else f"{accuracies.mean():.2%} (1 seed)"

    def seconds(self, recipe: str) -> float:
        """Return the longest of the recipe's runs, in seconds."""
        return float(max(run["seconds"] for run in self.of(recipe)))


def load_results(name: str, folder: str | os.PathLike[str] = FOLDER) -> Results:
    """Read the recorded results of a study.

    Parameters
    ----------
    name : str
        Of the study, such as ``"paper"``.
    folder : path
        The package's own records, if left out.

    Returns
    -------
    Results

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    FileNotFoundError
        If there are none; the message lists those there are.
    ValueError
        If the file is damaged, or holds another study's results.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be the name of a study, such as 'paper'; it is {name!r} (load_results).")
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be the path of a folder; it is {folder!r} (load_results).")
    there = {file.stem: file for file in sorted(Path(folder).glob("*.json"))}
    if name not in there:
        raise FileNotFoundError(
            f"no recorded results of a study {name!r} in {folder}; there are: {', '.join(there) or 'none'}"
        )
    try:
        content = json.loads(there[name].read_text(encoding="utf-8"))
        if content["study"] != name:
            raise ValueError(f"it holds the study {content['study']!r}")
        return Results(content["study"], content["question"], content["command"], content["recipes"], content["runs"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{there[name]} is not a study's record, or it is damaged: {error!r}") from error


def save_results(study: Study, records: Sequence[Record], folder: Path) -> Path:
    """Write a study's records as one file, a run a line, and return its path.

    Parameters
    ----------
    study : Study
    records : sequence of dict
        As ``run_study`` returns them.
    folder : Path
        Made, if it is not there.

    Raises
    ------
    ValueError
        If the records are not this study's, or not whole.
    """
    command = f"python -m mnist_scratch study {study.name}"
    head = {"study": study.name, "question": study.question, "command": command}
    recipes = {name: recipe.as_dict() for name, recipe in study.recipes.items()}
    for record in records:
        if record.get("recipe") != recipes.get(record.get("name", "")):
            raise ValueError(
                f"records must be of the study {study.name!r}; one is of {record.get('name')!r}, with the recipe "
                f"{record.get('recipe')} (save_results)."
            )
    runs = [{key: value for key, value in record.items() if key != "recipe"} for record in records]
    Results(study.name, study.question, command, recipes, runs)  # refuses what load_results would refuse
    text = (
        "{\n"
        + "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
        + '"recipes": {\n'
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(recipe)}" for name, recipe in recipes.items())
        + '\n},\n"runs": [\n'
        + ",\n".join(json.dumps(run) for run in runs)
        + "\n]\n}\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{study.name}.json"
    write_whole(file, text)
    return file


def record(study: Study, records: Sequence[Record], runs: Path) -> None:
    """Make these the package's recorded results and, of a study that ships one, its best network.

    Parameters
    ----------
    study : Study
    records : sequence of dict
        As ``run_study`` returns them.
    runs : Path
        The folder that ``run_study`` was given.

    Raises
    ------
    ValueError
        If runs are missing, or were made on the offline sample, or are another study's.
    """
    wanted = [(name, seed) for name in study.recipes for seed in range(study.seeds)]
    data = sorted({str(record.get("data")) for record in records})
    if [(record.get("name"), record.get("seed")) for record in records] != wanted or data != ["full"]:
        raise ValueError(
            f"only the whole study on the full data can be recorded: {study.name} has {len(wanted)} runs; these are "
            f"{len(records)}, on the data: {', '.join(data)} (record)."
        )
    if study.ships_best:
        name, recipe = next(iter(study.recipes.items()))
        # Half as many bytes to ship; a test measures that the accuracy is still the recorded one.
        Network.load(Task(name, recipe, 0, study.measures).file(runs, ".npz")).save(BEST, half=True)
    save_results(study, records, FOLDER)


def best_network() -> Network:
    """Return the best network of the series (lesson 09), trained.

    Returns
    -------
    Network
        Ten outputs; its inputs are the 784 that ``preprocess(images)`` makes.
    """
    return Network.load(BEST)
