"""Recorded results: the runs of each study as JSON beside this file, and how lessons read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.experiments.engine import Record, Study, Task, write_whole
from mnist_scratch.metrics import mean_interval
from mnist_scratch.network import Network

FOLDER = Path(__file__).parent / "results"
BEST = FOLDER / "best.npz"


@dataclass(frozen=True)
class Mean:
    """A mean over seeds, with Student's 95 % interval. All from 0 to 1."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.2%} ({self.low:.2%} to {self.high:.2%}, {self.seeds} seeds)"


@dataclass(frozen=True)
class Results:
    """A study's recorded runs."""

    name: str
    question: str
    command: str
    """What made them."""
    recipes: dict[str, dict[str, Any]]
    """By name: what is not as in ``Recipe()``."""
    runs: list[Record]

    def of(self, recipe: str) -> list[Record]:
        """Return one recipe's runs, by seed.

        Raises
        ------
        KeyError
            If the study has no such recipe; the message lists those it has.
        """
        if recipe not in self.recipes:
            raise KeyError(f"study {self.name!r} has no recipe {recipe!r}; it has {', '.join(self.recipes)}")
        return [run for run in self.runs if run["name"] == recipe]

    def confusions(self, recipe: str, on: str = "test") -> NDArray[np.int64]:
        """Return the confusion matrix of each run.

        Parameters
        ----------
        recipe : str
        on : str
            "test"; where the study measured it, "validation", "rotated_test" or "test_averaged".

        Returns
        -------
        int64 array, (seeds, 10, 10)
            Row: what it was. Column: what the network said.

        Raises
        ------
        KeyError
            If the study has no such recipe, or did not measure that.
        """
        return np.array([run["result"][f"{on}_confusion"] for run in self.of(recipe)])

    def accuracies(self, recipe: str, on: str = "test") -> NDArray[np.float64]:
        """Return the accuracy of each run, 0 to 1: float array (seeds,). Arguments as ``confusions``."""
        counts = self.confusions(recipe, on)
        accuracies: NDArray[np.float64] = np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))
        return accuracies

    def digit_accuracies(self, recipe: str, on: str = "test") -> NDArray[np.float64]:
        """Return each run's accuracy on each digit: float array (seeds, 10). Arguments as ``confusions``."""
        counts = self.confusions(recipe, on)
        accuracies: NDArray[np.float64] = np.diagonal(counts, axis1=1, axis2=2) / counts.sum(axis=2)
        return accuracies

    def mean(self, recipe: str, on: str = "test") -> Mean:
        """Return the mean accuracy over the seeds, with its interval, cut at 0 and 1. Arguments as ``confusions``."""
        accuracies = self.accuracies(recipe, on)
        mean, low, high = mean_interval(accuracies)
        return Mean(mean, max(low, 0.0), min(high, 1.0), seeds=len(accuracies))

    def summary(self, recipe: str, on: str = "test") -> str:
        """Return the mean accuracy in words; for a single run, its accuracy. Arguments as ``confusions``."""
        accuracies = self.accuracies(recipe, on)
        return str(self.mean(recipe, on)) if len(accuracies) > 1 else f"{accuracies.mean():.2%} (1 seed)"

    def seconds(self, recipe: str) -> float:
        """Return the longest of the recipe's runs, in seconds."""
        return float(max(run["seconds"] for run in self.of(recipe)))


def load_results(name: str, folder: Path = FOLDER) -> Results:
    """Read the recorded results of a study.

    Parameters
    ----------
    name : str
        Of the study, such as ``"paper"``.
    folder : Path
        The package's own records, if left out.

    Returns
    -------
    Results

    Raises
    ------
    FileNotFoundError
        If there are none; the message lists those there are.
    ValueError
        If the file is damaged.
    """
    file = folder / f"{name}.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Results(content["study"], content["question"], content["command"], content["recipes"], content["runs"])
    except FileNotFoundError:
        there = ", ".join(sorted(path.stem for path in folder.glob("*.json"))) or "none"
        raise FileNotFoundError(f"no recorded results of a study {name!r} in {folder}; there are: {there}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not a study's record, or it is damaged: {error!r}") from error


def save_results(study: Study, records: Sequence[Record], folder: Path) -> Path:
    """Write a study's records as one file, a run a line, and return its path.

    Parameters
    ----------
    study : Study
    records : sequence of dict
        As ``run_study`` returns them.
    folder : Path
    """
    command = f"python -m mnist_scratch study {study.name}"
    recipes = {name: recipe.as_dict() for name, recipe in study.recipes.items()}
    head = {"study": study.name, "question": study.question, "command": command}
    lines = [json.dumps({key: value for key, value in record.items() if key != "recipe"}) for record in records]
    text = (
        "{\n"
        + "".join(f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
        + '"recipes": {\n'
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(recipe)}" for name, recipe in recipes.items())
        + '\n},\n"runs": [\n'
        + ",\n".join(lines)
        + "\n]\n}\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{study.name}.json"
    write_whole(file, text.encode())
    return file


def record(study: Study, records: Sequence[Record], runs: Path) -> None:
    """Make these the package's recorded results; of a study that keeps weights, seed 0's become the best network's.

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
        If runs are missing, or were made on the offline sample.
    """
    wanted = len(study.recipes) * study.seeds
    if len(records) != wanted or any(record["data"] != "full" for record in records):
        raise ValueError(
            f"only the whole study on the full data can be recorded: {study.name} has {wanted} runs; these are "
            f"{len(records)}, on the data: {', '.join(sorted({record['data'] for record in records}))} (record)."
        )
    if study.keeps_weights:
        name, recipe = next(iter(study.recipes.items()))
        # Half as many bytes to ship; a test measures that the accuracy is still the recorded one.
        Network.load(Task(name, recipe, 0).file(runs, ".npz")).save(BEST, half=True)
    save_results(study, records, FOLDER)


def best_network() -> Network:
    """Return the best network of the series (lesson 09), trained.

    Returns
    -------
    Network
        Ten outputs; its inputs are the 784 that ``preprocess(images)`` makes.
    """
    return Network.load(BEST)
