"""A recipe and its run: everything that decides what a network becomes, and what is then measured.

A recipe with a seed is one run. The same run gives the same record in serial, in parallel and on a cluster: it uses one
thread for its matrix products, so that sums are added up in one order, and draws all its chance from its seed. Another
kind of processor rounds otherwise; where a recipe's steps are large, that grows to a difference as between two seeds.
"""

import functools
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.augmentation import RandomDeformation, RandomRotation, center, deskew, rotate, shift
from mnist_scratch.datasets import MNIST, load_mnist
from mnist_scratch.metrics import confusion_matrix
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import flatten, one_hot, preprocess, standardize, to_float
from mnist_scratch.training import Augmentation, Schedule, cosine, train

HELD_OUT = 12
"""One in so many training images, the last ones, are for validation: 5,000 of 60,000."""

PROBE = 2000
"""Images that a run's probe trains on, once: a slice short enough for a test to repeat."""


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained, but for the seed. The defaults are the paper's regime, as lesson 07 finds it.

    Raises
    ------
    ValueError
        If a field is not one of those named here, or two do not go together.
    """

    sizes: tuple[int, ...] = (784, 100, 10)
    activation: str = "sigmoid"
    output: str = "sigmoid"
    cost: str = "squared_error"
    pictures: str = "as they are"
    """Or "deskewed", "moved" (each by up to 4 pixels, its own way) or "moved back" (those, centred again)."""
    scale: str = "standardized"
    """Or "raw" (0 to 255), "unit" (0 to 1), "each pixel" (each its own mean and deviation)."""
    rotation: tuple[float, float] | None = None
    """Degrees for ``RandomRotation``."""
    deformation: dict[str, float] | None = None
    """Arguments for ``RandomDeformation``; those left out are 0 (sigma is 5)."""
    epochs: int = 1
    batch_size: int = 1
    learning_rate: float = 0.5
    momentum: float = 0.0
    falling: bool = False
    """The learning rate falls along a cosine to 0."""
    warm_up: float = 0.0
    """The share of the steps in which the learning rate rises evenly from 0, below 1."""
    weight_decay: float = 0.0
    settle_epochs: int = 0
    """Then so many epochs more, with deformations half as large, at a rate that falls from 0.4 of the first."""
    again_epochs: int = 0
    """Then so many epochs more at full strength from that lower rate, and the settling once again: a warm restart."""
    validate: bool = False
    """Hold back the last 5,000 training images, and measure on them."""
    rotated_test: bool = False
    """Measure also on the test images, each turned by an angle from 0 to 90 degrees (the same for every run)."""
    shifted_test: bool = False
    """Measure also on the test images moved by 3 pixels, to the left and to the right."""
    averaged: bool = False
    """Measure also with the outputs averaged over small warps of each image (``averaged_outputs``)."""
    n_train: int | None = None
    """Only the first so many of the training images."""

    def __post_init__(self) -> None:
        if self.pictures not in PICTURES or self.scale not in SCALES:
            raise ValueError(
                f"pictures must be one of {', '.join(PICTURES)} and scale one of {', '.join(SCALES)}; "
                f"they are {self.pictures!r} and {self.scale!r} (Recipe)."
            )
        if self.augmentation is not None and self.scale != "standardized":
            raise ValueError("scale must be 'standardized' where images are augmented: train sees to it (Recipe).")
        if self.averaged and self.scale != "standardized":
            raise ValueError("scale must be 'standardized' where outputs are averaged over warped images (Recipe).")
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be from 0 to below 1; it is {self.warm_up} (Recipe).")
        if self.n_train is not None and self.n_train < 1:
            raise ValueError(f"n_train must be 1 or more; it is {self.n_train} (Recipe).")

    @property
    def augmentation(self) -> Augmentation | None:
        """What ``train`` is given as ``augment``."""
        if self.rotation is not None and self.deformation is not None:
            raise ValueError("give a rotation or a deformation, not both (Recipe).")
        if self.rotation is not None:
            return RandomRotation(*self.rotation)
        if self.deformation is not None:
            nothing = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "alpha": 0.0}
            return RandomDeformation(**{**nothing, **self.deformation})
        return None

    @property
    def schedule(self) -> Schedule | None:
        """What ``train`` is given as ``schedule``."""
        fall = cosine if self.falling else None
        return _warmed_up(self.warm_up, fall) if self.warm_up else fall

    @property
    def halved(self) -> Augmentation | None:
        """The same, half as strong: what the last epochs of ``settle_epochs`` are given."""
        if self.deformation is None:
            return self.augmentation
        half = {name: value if name.startswith("sigma") else value / 2 for name, value in self.deformation.items()}
        return replace(self, deformation=half).augmentation

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults, as JSON would give them back."""
        given = {f.name: asdict(self)[f.name] for f in fields(self) if getattr(self, f.name) != f.default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Self:
        """Undo ``as_dict``."""
        thawed: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in given.items()}
        return cls(**thawed)


def _warmed_up(share: float, fall: Schedule | None) -> Schedule:
    def factor(progress: float) -> float:
        return min(progress / share, 1.0) * (1.0 if fall is None else fall(progress))

    return factor


def _moved(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return shift(images, *np.random.default_rng(len(images)).integers(-4, 5, (2, len(images))))


PICTURES: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "as they are": lambda images: images,
    "deskewed": deskew,
    "moved": _moved,
    "moved back": lambda images: center(_moved(images)),
}
"""uint8 images to uint8 images."""

SCALES = ("raw", "unit", "standardized", "each pixel")


def _rows(images: NDArray[np.uint8], train_images: NDArray[np.uint8], scale: str) -> NDArray[np.float32]:
    """Return what the network takes in: float32 (n, 784)."""
    if scale == "raw":
        return flatten(images.astype(np.float32))
    if scale == "unit":
        return flatten(to_float(images))
    if scale == "each pixel":
        seen = to_float(train_images)
        std = seen.std(axis=0)
        return flatten(standardize(to_float(images), seen.mean(axis=0), np.where(std > 0, std, 1)))
    return preprocess(images)


@dataclass(frozen=True)
class Outcome:
    """What one run leaves."""

    record: dict[str, Any]
    """For JSON: recipe, seed, versions, cores, data, result; and seconds, in which alone two equal runs may differ."""
    weights: bytes
    """The network, as ``Network.save`` writes it."""


def run(recipe: Recipe, seed: int) -> Outcome:
    """Build, train and measure one network.

    Parameters
    ----------
    recipe : Recipe
    seed : int
        Of the first weights, the order of the images and their warps.

    Returns
    -------
    Outcome

    Raises
    ------
    DivergenceError
        If training diverges.
    ValueError
        If the recipe does not fit.
    """
    from threadpoolctl import threadpool_limits

    started = time.perf_counter()
    with threadpool_limits(limits=1):
        result, network = _train_and_measure(recipe, seed)
    record = {
        "recipe": recipe.as_dict(),
        "seed": seed,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "cores": os.cpu_count(),
        "data": _data().source,
        "result": result,
        "seconds": round(time.perf_counter() - started, 1),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.npz"
        network.save(file)
        return Outcome(record, file.read_bytes())


@functools.cache
def _data() -> MNIST:
    return load_mnist()


@functools.lru_cache(maxsize=2)
def _pictures(name: str) -> NDArray[np.uint8]:
    return PICTURES[name](_data().train.images)


def _split(recipe: Recipe) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int]:
    """Return training images, their labels, and how many of the last ones are held back."""
    images, labels = _pictures(recipe.pictures), _data().train.labels
    held_out = len(labels) // HELD_OUT if recipe.validate else 0
    n = min(len(labels) - held_out, recipe.n_train or len(labels))
    return images[:n], labels[:n], held_out


def _fit(recipe: Recipe, seed: int, n: int | None = None) -> tuple[Network, list[float]]:
    """Return the trained network and its cost after each epoch; with ``n``, after one epoch on the first n images."""
    network = Network.from_sizes(recipe.sizes, recipe.activation, recipe.output, recipe.cost, seed=seed)
    images, labels, _ = _split(recipe)
    inputs = images[:n] if recipe.augmentation else _rows(images[:n], images, recipe.scale)

    def go_on(
        seed: int, epochs: int, learning_rate: float, schedule: Schedule | None, warp: Augmentation | None
    ) -> list[float]:
        return train(
            network,
            inputs,
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

    costs = go_on(seed, 1 if n else recipe.epochs, recipe.learning_rate, recipe.schedule, recipe.augmentation)
    later = [(recipe.settle_epochs, recipe.halved)]
    if recipe.again_epochs:
        later += [(recipe.again_epochs, recipe.augmentation), *later]
    for k, (epochs, warp) in enumerate(later, start=2):
        if epochs and not n:
            costs += go_on(seed + k * 1_000_000, epochs, 0.4 * recipe.learning_rate, cosine, warp)  # other warps
    return network, costs


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
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _fit(recipe, seed, PROBE)[1][0]


def _train_and_measure(recipe: Recipe, seed: int) -> tuple[dict[str, Any], Network]:
    result: dict[str, Any] = {"probe_cost": _rounded(probe(recipe, seed))}
    network, costs = _fit(recipe, seed)
    result["train_cost"] = [_rounded(cost) for cost in costs]
    train_images, _, held_out = _split(recipe)

    def measure(name: str, pictures: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
        rows = _rows(pictures, train_images, recipe.scale)
        result[f"{name}_confusion"] = confusion_matrix(labels, network.predict(rows)).tolist()
        result[f"{name}_cost"] = _rounded(network.mean_cost(rows, one_hot(labels)))
        if recipe.averaged:
            predictions = averaged_outputs(network, pictures).argmax(axis=1)
            result[f"{name}_averaged_confusion"] = confusion_matrix(labels, predictions).tolist()

    mnist = _data()
    if held_out:
        measure("validation", _pictures(recipe.pictures)[-held_out:], mnist.train.labels[-held_out:])
    measure("test", PICTURES[recipe.pictures](mnist.test.images), mnist.test.labels)
    if recipe.rotated_test:
        angles = np.random.default_rng(90).uniform(0, 90, len(mnist.test.labels))
        measure("rotated_test", PICTURES[recipe.pictures](rotate(mnist.test.images, angles)), mnist.test.labels)
    if recipe.shifted_test:
        for name, right in (("left", -3), ("right", 3)):
            measure(f"shifted_{name}", PICTURES[recipe.pictures](shift(mnist.test.images, 0, right)), mnist.test.labels)
    return result, network


def _rounded(cost: float) -> float:
    return float(f"{cost:.6g}")


def averaged_outputs(
    network: Network, images: NDArray[np.uint8], views: int = 48, seed: int = 0
) -> NDArray[np.floating[Any]]:
    """Return the network's outputs, averaged over small warps of each image (Ciresan et al. 2012 average networks).

    One image's outputs depend a little on where exactly the pen was. The mean over views of it that are all still the
    same digit depends less.

    Parameters
    ----------
    network : Network
        Takes rows made by ``preprocess``.
    images : uint8 array, (n, 28, 28)
    views : int
        Warps of each image, besides the image itself.
    seed : int
        Of the warps: the same for every call, so that the outputs are too.

    Returns
    -------
    array, (n, n_out)
    """
    rng = np.random.default_rng(seed)
    warp = RandomDeformation(rotation=6, scale=0.06, shear=0, shift=0.75, alpha=18, sigma=5)
    pictures = to_float(images)
    total = np.zeros((len(images), network.layers[-1].n_out), dtype=network.dtype)
    for view in range(views + 1):
        rows = flatten(standardize(warp(pictures, rng) if view else pictures))
        for start in range(0, len(rows), 1000):  # a thousand at a time, as Network.predict does
            total[start : start + 1000] += network.forward(rows[start : start + 1000])
    return total / (views + 1)
