"""Training: mini-batches, stochastic gradient descent, and a record of how it went (the paper's sections 2.3 and 3.1).

One step takes a batch of examples, finds the gradient of their mean cost, and moves every weight a little way down it:
``weights -= learning_rate * dcost_dweights``. One epoch is one pass over all the examples, in an order drawn anew.
It leaves out all that newer optimisers add; momentum and a schedule for the rate are there.
"""

import contextlib
import contextvars
import json
import math
import os
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import check_finite, check_labels, check_pictures
from mnist_scratch.descent import Descent, threads
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import flatten, one_hot, preprocess, standardize, to_float

Augmentation = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
Schedule = Callable[[float], float]
Batch = tuple[NDArray[np.intp], NDArray[np.floating[Any]]]
"""Which images, and their rows."""


class DivergenceError(ArithmeticError):
    """The cost is no longer a number. ``history`` holds what was recorded until then."""

    def __init__(self, message: str, history: "History") -> None:
        super().__init__(message)
        self.history = history


@dataclass
class History:
    """What was measured after each epoch. All lists have one number an epoch, validation's are empty without it."""

    epoch: list[int] = field(default_factory=list)
    """1, 2, ..."""
    cost: list[float] = field(default_factory=list)
    """Mean over the epoch's batches, each measured before its step, on the images as augmented."""
    accuracy: list[float] = field(default_factory=list)
    """0 to 1, measured in the same way; empty where the targets are not labels."""
    validation_cost: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    """Measured after the epoch."""
    learning_rate: list[float] = field(default_factory=list)
    """At the epoch's last step."""
    seconds: list[float] = field(default_factory=list, compare=False)
    """Wall time of the epoch, without the validation. Not part of what makes two histories equal."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the history as JSON."""
        Path(path).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        ValueError
            If the file is not a saved history.
        """
        try:
            return cls(**json.loads(Path(path).read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a history saved by History.save: {error}") from error


def cosine(progress: float) -> float:
    """Return a schedule's factor that falls from 1 to 0 along half a cosine wave (Loshchilov and Hutter 2017).

    Parameters
    ----------
    progress : float
        0 at the first step, near 1 at the last.

    Returns
    -------
    float
        1 to 0.
    """
    return 0.5 * (1 + math.cos(math.pi * progress))


def train(
    network: Network,
    images: NDArray[Any],
    labels: ArrayLike,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
    schedule: Schedule | None = None,
    weight_decay: float = 0.0,
    augment: Augmentation | None = None,
    validation: tuple[NDArray[Any], ArrayLike] | None = None,
    seed: int = 0,
    progress: bool = True,
    ahead: bool = True,
) -> History:
    """Train a network in place by stochastic gradient descent.

    Parameters
    ----------
    network : Network
        Its weights are changed.
    images : array
        Either uint8 images (n, 28, 28), which go through ``preprocess``; or float rows (n, n_in), used as they are.
    labels : array
        Either integers (n,), made one-hot; or float targets (n, n_out), used as they are.
    epochs : int
        Passes over the images.
    batch_size : int
        Images a step; 1 is one image at a time. The last batch of an epoch may be smaller.
    learning_rate : float
        Length of a step, in units of the gradient.
    momentum : float
        0 to below 1: velocity = momentum * velocity + gradient; weights -= rate * velocity (Polyak 1964).
    schedule : callable, optional
        Takes the share of the steps already done, 0 to 1, and returns a factor for the learning rate, such as
        ``cosine``.
    weight_decay : float
        0 or more. Each step also shrinks the weights, not the biases, by this share times the learning rate: without
        momentum the gradient step of weight_decay / 2 * sum of squared weights (Krogh and Hertz 1992).
    augment : callable, optional
        Takes (float32 images (n, 28, 28) in [0, 1], generator) and returns new ones; called for each batch. Needs uint8
        images.
    validation : (images, labels), optional
        Measured after each epoch, never trained on, never augmented.
    seed : int
        Of the order of the images and of the augmentation. The same seed and data give the same weights, bit for bit,
        on the same machine.
    progress : bool
        Show a progress bar, which disappears at the end.
    ahead : bool
        Where there is a second core, augment each batch while the one before is being learnt, in a thread of its own.
        The batches are the same, bit for bit; the products get one thread less, which may round a sum differently.
        False for several trainings side by side, which have no core to spare.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; nothing has been changed then.
    DivergenceError
        If the cost is no longer a finite number; the error says at which step.

    Notes
    -----
    Meanwhile the matrix products of the whole process have no more threads than are of use (``descent.threads``).
    """
    _check_recipe(epochs, batch_size, learning_rate, momentum, weight_decay)
    rows, targets, classes = _prepare(network, images, labels, "images", augment)
    held_out = None if validation is None else _prepare(network, *validation, "validation images", None)

    order_rng, augment_rng = np.random.default_rng(seed).spawn(2)
    n = len(rows)
    n_steps = epochs * -(-n // batch_size)
    step, history = 0, History()

    def make() -> Generator[Batch, None, None]:
        for _ in range(epochs):
            order = order_rng.permutation(n)
            for start in range(0, n, batch_size):
                chosen = order[start : start + batch_size]
                batch = rows.take(chosen, axis=0)
                yield chosen, batch if augment is None else _augmented(batch, augment, augment_rng)

    made, in_two = make(), ahead and augment is not None and _cores() > 1
    with (
        _progress_bar(n_steps, progress) as bar,
        np.errstate(over="ignore", invalid="ignore"),
        threads(1 if batch_size == 1 else _cores() - in_two) as pieces,
        contextlib.closing(Descent(network, momentum, min(batch_size, n), pieces)) as descent,
        contextlib.closing(_ahead(made) if in_two else made) as batches,
    ):
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            total_cost, n_right, rate = 0.0, 0, learning_rate
            for _ in range(0, n, batch_size):
                chosen, batch = next(batches)
                rate = learning_rate * (1.0 if schedule is None else schedule(step / n_steps))
                cost = network._gradients(batch, targets.take(chosen, axis=0))
                step += 1
                if not math.isfinite(cost):
                    raise DivergenceError(
                        f"training diverged: the cost is {cost} at step {step} of {n_steps} (epoch {epoch}). "
                        f"Try a smaller learning_rate (it was {rate:g})" + (" or less momentum." if momentum else "."),
                        history,
                    )
                total_cost += cost * len(chosen)
                if classes is not None:
                    n_right += int(np.count_nonzero(network.layers[-1].out.argmax(axis=1) == classes.take(chosen)))
                if weight_decay:
                    for layer in network.layers:
                        layer.weights *= 1 - rate * weight_decay
                descent.step(rate)
                bar.update()
            if not np.isfinite(descent.parameters).all():
                raise DivergenceError(
                    f"training diverged: a weight is no longer finite after step {step} of {n_steps} (epoch {epoch}). "
                    f"Try a smaller learning_rate (it was {rate:g}).",
                    history,
                )
            history.seconds.append(time.perf_counter() - started)
            history.epoch.append(epoch)
            history.cost.append(total_cost / n)
            history.learning_rate.append(rate)
            if classes is not None:
                history.accuracy.append(n_right / n)
            if held_out is not None:
                _measure(network, held_out, history)
            bar.set_postfix_str(_summary(history))
    return history


def _check_recipe(epochs: int, batch_size: int, learning_rate: float, momentum: float, weight_decay: float) -> None:
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
            raise ValueError(f"{name} must be a whole number above 0; it is {number!r} (train).")
    if not (math.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be finite and above 0; it is {learning_rate!r} (train).")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be from 0 to below 1; it is {momentum!r} (train).")
    if not 0 <= weight_decay * learning_rate < 1:
        raise ValueError(
            "weight_decay must be 0 or more, and times learning_rate below 1, or weights change sign; "
            f"it is {weight_decay!r} (train)."
        )


def _prepare(
    network: Network, images: NDArray[Any], labels: ArrayLike, name: str, augment: Augmentation | None
) -> tuple[NDArray[Any], NDArray[np.floating[Any]], NDArray[np.integer[Any]] | None]:
    """Return (rows, targets, classes): what the steps draw batches from. Classes are None where targets were given."""
    n_in, n_out = network.layers[0].n_in, network.layers[-1].n_out
    images, labels = np.asarray(images), np.asarray(labels)
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(
            f"{name} and their labels must have one length above 0; they have {len(images)} and {len(labels)} (train)."
        )
    if images.ndim == 3:
        if images.dtype != np.uint8:
            raise TypeError(
                f"{name} of shape {images.shape} must be uint8; they are {images.dtype} (train). "
                "Pass the uint8 images, or rows made by flatten."
            )
        check_pictures(images, "train")
        rows = images if augment is not None else preprocess(images).astype(network.dtype, copy=False)
    elif augment is not None:
        raise ValueError(
            f"{name} must be uint8 of shape (n, height, width) where augment is given; they are {images.dtype} of "
            f"shape {images.shape} (train). Pass the images as they are: train preprocesses them after augmenting."
        )
    else:
        rows = np.asarray(images, dtype=network.dtype)
        check_finite(rows, name, "train")
    width = math.prod(rows.shape[1:])
    if rows.ndim < 2 or width != n_in:
        raise ValueError(
            f"{name} must give rows of {n_in} numbers, as the first layer takes; their shape is {images.shape} (train)."
        )
    if labels.ndim == 2 and np.issubdtype(labels.dtype, np.floating):
        if labels.shape[1] != n_out:
            raise ValueError(
                f"targets must have {n_out} columns, one for each output; they have shape {labels.shape} (train)."
            )
        check_finite(labels, "targets", "train")
        return rows, labels.astype(network.dtype, copy=False), None
    classes = check_labels(labels, n_out, "train")
    return rows, one_hot(classes, n_out).astype(network.dtype, copy=False), classes


def _augmented(images: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator) -> NDArray[np.floating[Any]]:
    warped = augment(to_float(images), rng)
    if warped.shape != images.shape:
        raise ValueError(
            f"augment must return images of the shape it was given, {images.shape}; it returned {warped.shape} (train)."
        )
    return flatten(standardize(warped))


def _ahead(batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
    """Yield the same batches, each made in a second thread while the one before is in use. Errors come in their turn.

    NumPy lets go of the interpreter's lock while it computes, so that the two threads share two cores.
    """
    context = contextvars.copy_context()  # np.errstate is of a thread: the second one is to have the caller's

    def make() -> Batch | None:
        return context.run(lambda: next(batches, None))

    with contextlib.closing(batches), ThreadPoolExecutor(1, "mnist_scratch-augment") as thread:
        coming = thread.submit(make)
        while (batch := coming.result()) is not None:
            coming = thread.submit(make)
            yield batch


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _measure(
    network: Network,
    held_out: tuple[NDArray[Any], NDArray[np.floating[Any]], NDArray[np.integer[Any]] | None],
    history: History,
) -> None:
    rows, targets, classes = held_out
    history.validation_cost.append(network.mean_cost(rows, targets))
    if classes is not None:
        history.validation_accuracy.append(float((network.predict(rows) == classes).mean()))


def _progress_bar(n_steps: int, progress: bool) -> Any:  # noqa: ANN401 - tqdm's class depends on where it runs
    from tqdm.auto import tqdm

    off = not progress or bool(os.environ.get("TQDM_DISABLE"))  # tqdm's own variable, which its notebook bar overlooks
    return tqdm(total=n_steps, unit=" steps", desc="training", leave=False, disable=off)


def _summary(history: History) -> str:
    shown = {"cost": history.cost, "accuracy": history.accuracy, "validation": history.validation_accuracy}
    return ", ".join(f"{name} {values[-1]:.4f}" for name, values in shown.items() if values)
