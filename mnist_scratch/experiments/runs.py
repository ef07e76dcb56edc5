"""A run: a recipe and a seed, from the first weights to the record of what was measured.

The same run gives the same record in serial, in parallel and on a cluster: it uses one thread for its matrix products,
so that sums are added up in one order, and draws all its chance from its seed. Another kind of processor rounds
otherwise; where a recipe's steps are large, that grows to a difference as between two seeds.
"""

import os
import platform
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.checks import check_whole
from mnist_scratch.experiments import inputs
from mnist_scratch.experiments.inputs import Images
from mnist_scratch.experiments.measures import check_measures, measure, six_digits
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.network import Network
from mnist_scratch.training import Augmentation, Schedule, cosine, train

PROBE = 2000
"""Images that a run's probe trains on, once: a slice short enough for a test to repeat."""

SETTLE_RATE = 0.4
"""Of the first learning rate: where settle and again epochs begin."""


@dataclass(frozen=True)
class Run:
    """What one run leaves."""

    record: dict[str, Any]
    """For JSON: recipe, seed, versions, cores, data, result; and seconds, in which alone two equal runs may differ."""
    weights: bytes
    """The network, as ``Network.save`` writes it."""


def run_recipe(recipe: Recipe, seed: int, measures: Sequence[str] = ("test",), kept: Run | None = None) -> Run:
    """Build, train and measure one network.

    Parameters
    ----------
    recipe : Recipe
    seed : int
        Of the first weights, the order of the images and their warps; 0 or more.
    measures : sequence of str
        What is measured on the trained network, of ``MEASURES``.
    kept : Run, optional
        What the same recipe and seed left before. Nothing is trained then: its network is asked what is still to be
        measured. Versions and seconds stay those of the training.

    Returns
    -------
    Run

    Raises
    ------
    DivergenceError
        If training diverges.
    TypeError, ValueError
        If an argument does not fit, the data are fewer than the recipe wants, or the kept run is another one's.
    """
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe; it is {recipe!r} (run_recipe).")
    seed = check_whole(seed, "seed", "run_recipe", 0)
    measures = check_measures(measures, recipe, "run_recipe")
    with _one_thread():
        if kept is not None:
            return _measure_kept(recipe, seed, measures, kept)
        started = time.perf_counter()
        result: dict[str, Any] = {"probe_cost": six_digits(probe(recipe, seed), "the probe's cost")}
        network, costs = _trained(recipe, seed)
        result["train_cost"] = [six_digits(cost, "the training cost") for cost in costs]
        result |= measure(network, recipe, measures, _training_set(recipe)[0])
    record = {
        "recipe": recipe.as_dict(),
        "seed": seed,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "cores": os.cpu_count(),
        "data": inputs.mnist().source,
        "result": result,
        "seconds": round(time.perf_counter() - started, 1),
    }
    return Run(record, _as_bytes(network))


def probe(recipe: Recipe, seed: int) -> float:
    """Repeat a slice of a run: the mean cost of one epoch on the first 2,000 images, which the run's record holds too.

    Parameters
    ----------
    recipe : Recipe
    seed : int

    Returns
    -------
    float
    """
    with _one_thread():
        return _trained(recipe, seed, only_probe=True)[1][0]


def _one_thread() -> AbstractContextManager[Any]:
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(limits=1)
    return limits


def _training_set(recipe: Recipe) -> tuple[Images, NDArray[np.uint8]]:
    """Return the images that are trained on, prepared, and their labels."""
    images, labels = inputs.training_pictures(recipe.pictures), inputs.mnist().train.labels
    there = len(labels) - (inputs.n_held_out() if recipe.validate else 0)
    n = there if recipe.n_train is None else recipe.n_train
    if n > there:
        raise ValueError(f"n_train must be at most {there:,}, the training images there are; it is {n:,} (Recipe).")
    return images[:n], labels[:n]


def _trained(recipe: Recipe, seed: int, only_probe: bool = False) -> tuple[Network, list[float]]:
    """Return the trained network and the cost of each epoch; for a probe, after one epoch on the first images."""
    network = Network.from_sizes(recipe.sizes, recipe.activation, recipe.output, recipe.cost, seed=seed)
    seen, labels = _training_set(recipe)
    n = min(PROBE, len(labels)) if only_probe else len(labels)
    train_inputs = seen[:n] if recipe.augmentation else inputs.rows(seen[:n], recipe.scale, seen)

    def go_on(
        epochs: int, seed: int, learning_rate: float, schedule: Schedule | None, warp: Augmentation | None
    ) -> list[float]:
        return train(
            network,
            train_inputs,
            labels[:n],
            epochs=epochs,
            batch_size=recipe.batch_size,
            learning_rate=learning_rate,
            momentum=recipe.momentum,
            schedule=schedule,
            weight_decay=recipe.weight_decay,
            augment=warp,
            seed=seed,
            progress=False,
            threads=1,  # a study's runs share the cores already, one each
        ).cost

    epochs = 1 if only_probe else recipe.epochs
    costs = go_on(epochs, seed, recipe.learning_rate, recipe.schedule, recipe.augmentation)
    if only_probe:
        return network, costs
    settling = (recipe.settle_epochs, recipe.settling_augmentation)
    stages = [settling, (recipe.again_epochs, recipe.augmentation), settling] if recipe.again_epochs else [settling]
    for k, (epochs, warp) in enumerate(stages, start=2):
        if epochs:  # each stage has a seed of its own: other warps, in another order
            costs += go_on(epochs, seed + k * 1_000_000, SETTLE_RATE * recipe.learning_rate, cosine, warp)
    return network, costs


def _measure_kept(recipe: Recipe, seed: int, measures: Sequence[str], kept: Run) -> Run:
    """Return a finished run with what was still to be measured."""
    if (kept.record["recipe"], kept.record["seed"]) != (recipe.as_dict(), seed):
        raise ValueError(f"kept must be a run of this recipe with seed {seed}; it is another one (run_recipe).")
    if kept.record["data"] != inputs.mnist().source:
        raise ValueError(
            f"kept must be a run on the {inputs.mnist().source} data, which are those at hand; it was made on the "
            f"{kept.record['data']} data (run_recipe)."
        )
    result = kept.record["result"]
    lacking = [name for name in measures if f"{name}_confusion" not in result]
    more = measure(_from_bytes(kept.weights), recipe, lacking, _training_set(recipe)[0])
    return Run({**kept.record, "result": {**result, **more}}, kept.weights)


def _as_bytes(network: Network) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.npz"
        network.save(file)
        return file.read_bytes()


def _from_bytes(weights: bytes) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.npz"
        file.write_bytes(weights)
        return Network.load(file)
