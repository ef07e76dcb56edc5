"""Training: mini-batches, stochastic gradient descent, and a record of how it went (the paper's sections 2.3 and 3.1).

One step takes a batch of examples, finds the gradient of their mean cost, and moves every weight a little way down it:
``weights -= learning_rate * dcost_dweights``. One epoch is one pass over all the examples, in an order drawn anew.
It leaves out all that newer optimisers add; momentum and a schedule for the rate are there.
"""

import collections
import contextlib
import contextvars
import json
import math
import os
import reprlib
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import (
    as_array,
    check_finite,
    check_flag,
    check_labels,
    check_path,
    check_pictures,
    check_real,
    check_rows,
    check_whole,
)
from mnist_scratch.descent import Descent
from mnist_scratch.files import write_whole
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import flatten, one_hot, preprocess, standardize, to_float
from mnist_scratch.threads import Threads, check_threads, one_blas_thread, sharing_products

Augmentation = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]
Schedule = Callable[[float], float]
Batch = tuple[NDArray[np.intp], NDArray[np.floating[Any]]]
"""Which images, and their rows."""

MOST_EPOCHS = 1_000_000
"""Of one training."""

AHEAD = 3
"""Batches that are augmented before their turn."""


class Labelled(Protocol):
    """Images and their labels, as ``mnist.test`` has them."""

    images: NDArray[Any]
    labels: NDArray[Any]


class DivergenceError(ArithmeticError):
    """The cost is no longer a number. ``history`` holds what was recorded until then."""

    def __init__(self, message: str, history: "History") -> None:
        super().__init__(message, history)  # both are its args, by which it is pickled on its way between processes
        self.history = history

    def __str__(self) -> str:
        return str(self.args[0])


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
        """Write the history as JSON, whole or not at all.

        Raises
        ------
        TypeError, ValueError
            If it is no path, or the history does not hold lists of numbers, one an epoch.
        OSError
            If the file cannot be written; one that was there before is then untouched.
        """
        path = check_path(path, "path", "History.save", "To write into an open file, save to a path and copy.")
        try:
            content = _as_lists({name: getattr(self, name) for name in self._names()})
        except (TypeError, ValueError) as error:
            raise type(error)(f"the history cannot be saved: {error} (History.save).") from error
        write_whole(path, json.dumps(content, indent=1) + "\n")

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what ``save`` wrote.

        Raises
        ------
        TypeError
            If it is no path, such as an open file.
        OSError
            If there is no such file, or it may not be read.
        ValueError
            If the file is not a saved history.
        """
        file = check_path(path, "path", "History.load")
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if not isinstance(content, dict) or set(content) != set(cls._names()):
                raise ValueError("it must hold lists of numbers by the names of History's fields")
            return cls(**_as_lists(content))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not a history saved by History.save: {error}") from error


def _as_lists(content: dict[str, Any]) -> dict[str, Any]:
    """Return a history's lists with Python's numbers, one an epoch or none; TypeError or ValueError if they are not."""
    lists: dict[str, Any] = {}
    for name, values in content.items():
        if not isinstance(values, list):
            raise TypeError(f"{name} must be a list of numbers; it is {type(values).__name__}")
        for number in values:
            if isinstance(number, bool) or not isinstance(number, int | float | np.integer | np.floating):
                raise TypeError(f"{name} must be a list of numbers; {number!r} is none")
        if len(values) not in (0, len(content["epoch"])):
            raise ValueError(f"{name} must have a number for each epoch, or none; it has {len(values)}")
        lists[name] = [int(number) if isinstance(number, int | np.integer) else float(number) for number in values]
    return lists


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

    Raises
    ------
    TypeError, ValueError
        If the progress is no number from 0 to 1.
    """
    return 0.5 * (1 + math.cos(math.pi * check_real(progress, "progress", "cosine", 0, 1)))


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
    validation: tuple[NDArray[Any], ArrayLike] | Labelled | None = None,
    seed: int = 0,
    progress: bool = True,
    threads: int | None = None,
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
        Passes over the images, 1 to 1,000,000.
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
    validation : (images, labels), or an object with both such as ``mnist.test``, optional
        Measured after each epoch, never trained on, never augmented.
    seed : int
        Of the order of the images and of the augmentation. The same seed and data give the same weights, bit for bit,
        on one kind of processor, whatever the number of threads.
    progress : bool
        Show a progress bar, which disappears at the end.
    threads : int, optional
        How many work on large products and updates; as many as there are cores, if left out. With more than one,
        batches are augmented in a further thread, some of them before their turn. 1 for several trainings side by side.

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
    Meanwhile the BLAS of the whole process keeps to one thread (``mnist_scratch.threads``).
    """
    if not isinstance(network, Network):
        raise TypeError(
            f"network must be a Network; it is {network!r} (train). Network.from_sizes([784, 100, 10]) makes one."
        )
    progress = check_flag(progress, "progress", "train")
    epochs = check_whole(epochs, "epochs", "train", high=MOST_EPOCHS)
    batch_size = check_whole(batch_size, "batch_size", "train")
    seed = check_whole(seed, "seed", "train", low=0)
    _check_rates(learning_rate, momentum, weight_decay, schedule, augment)
    threads = check_threads(threads, "train")
    rows, targets, classes = _prepare(network, images, labels, "images", augment)
    held_out = None if validation is None else _prepare(network, *_pair(validation), "validation images", None)

    n = len(rows)
    n_steps = epochs * -(-n // batch_size)
    step, history = 0, History()
    made = _batches(rows, epochs, batch_size, augment, seed, network.dtype)
    in_two = augment is not None and threads > 1
    with (
        _progress_bar(n_steps, progress) as bar,
        np.errstate(over="ignore", invalid="ignore"),
        one_blas_thread(),
        Threads(threads) as pool,
        sharing_products(pool),
        contextlib.closing(Descent(network, momentum, batch_size, pool)) as descent,
        contextlib.closing(_ahead(made) if in_two else made) as batches,
    ):
        learner = descent.network
        for epoch in range(1, epochs + 1):
            started = time.perf_counter()
            total_cost, n_right, rate = 0.0, 0, learning_rate
            for _ in range(0, n, batch_size):
                chosen, batch = next(batches)
                rate = learning_rate if schedule is None else learning_rate * _factor(schedule, step / n_steps)
                cost, out = learner._gradients(batch, targets.take(chosen, axis=0))
                step += 1
                if not math.isfinite(cost):
                    where = f"at step {step} of {n_steps} (epoch {epoch})"
                    raise _diverged(f"the cost is {cost} {where}", rate, momentum, history)
                total_cost += cost * len(chosen)
                if classes is not None:
                    n_right += int(np.count_nonzero(out.argmax(axis=1) == classes.take(chosen)))
                if weight_decay:
                    for layer in learner.layers:
                        layer.weights *= 1 - rate * weight_decay
                descent.step(rate)
                bar.update()
            if not np.isfinite(descent.parameters).all():
                where = f"after step {step} of {n_steps} (epoch {epoch})"
                raise _diverged(f"a weight is no longer finite {where}", rate, momentum, history)
            history.seconds.append(time.perf_counter() - started)
            history.epoch.append(epoch)
            history.cost.append(total_cost / n)
            history.learning_rate.append(rate)
            if classes is not None:
                history.accuracy.append(n_right / n)
            if held_out is not None:
                _measure(network, held_out, history, threads)
            bar.set_postfix_str(_summary(history))
    return history


def _batches(
    rows: NDArray[Any],
    epochs: int,
    batch_size: int,
    augment: Augmentation | None,
    seed: int,
    dtype: np.dtype[Any],
) -> Generator[Batch, None, None]:
    """Yield the batches of all epochs; in each the rows come in an order drawn anew."""
    order_rng, augment_rng = np.random.default_rng(seed).spawn(2)
    for _ in range(epochs):
        order = order_rng.permutation(len(rows))
        for start in range(0, len(rows), batch_size):
            chosen = order[start : start + batch_size]
            batch = rows.take(chosen, axis=0)
            yield chosen, batch if augment is None else _augmented(batch, augment, augment_rng, dtype)


def _diverged(what: str, rate: float, momentum: float, history: History) -> DivergenceError:
    advice = f"Try a smaller learning_rate (it was {rate:g})" + (" or less momentum." if momentum else ".")
    return DivergenceError(f"training diverged: {what}. {advice}", history)


def _check_rates(
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    schedule: Schedule | None,
    augment: Augmentation | None,
) -> None:
    check_real(learning_rate, "learning_rate", "train", low=0, open_ends="low", wanted="finite and above 0")
    check_real(momentum, "momentum", "train", low=0, high=1, open_ends="high", wanted="from 0 to below 1")
    wanted = "0 or more, and times learning_rate below 1, or weights change sign"
    check_real(weight_decay, "weight_decay", "train", 0, 1 / learning_rate, open_ends="high", wanted=wanted)
    for name, function, example in (("schedule", schedule, "cosine"), ("augment", augment, "RandomRotation(-15, 15)")):
        if function is not None and (not callable(function) or isinstance(function, type)):
            raise TypeError(f"{name} must be a function such as {example}; it is {function!r} (train).")


def _factor(schedule: Schedule, progress: float) -> float:
    """Return the schedule's factor; TypeError or ValueError if it is no finite number from 0 up."""
    return check_real(schedule(progress), f"what schedule({progress:g}) returns", "train", low=0)


def _pair(validation: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return images and labels, of a pair or of an object that has both."""
    if hasattr(validation, "images") and hasattr(validation, "labels"):
        return validation.images, validation.labels
    if isinstance(validation, tuple | list) and len(validation) == 2:
        return validation[0], validation[1]
    what = f"{len(validation)} things" if isinstance(validation, tuple | list) else reprlib.repr(validation)
    raise TypeError(
        f"validation must be (images, labels), or have both, as mnist.test does; it is {what} (train). To hold images "
        "back, cut them off yourself: images[:-5000] to train on, (images[-5000:], labels[-5000:]) to validate."
    )


def _prepare(
    network: Network, images: ArrayLike, labels: ArrayLike, name: str, augment: Augmentation | None
) -> tuple[NDArray[Any], NDArray[np.floating[Any]], NDArray[np.integer[Any]] | None]:
    """Return (rows, targets, classes): what the steps draw batches from. Classes are None where targets were given."""
    images, labels = as_array(images, name, "train"), as_array(labels, f"labels of the {name}", "train")
    if images.ndim == 0 or labels.ndim == 0 or len(images) == 0 or len(images) != len(labels):
        lengths = " and ".join(str(len(array)) if array.ndim else "a single number" for array in (images, labels))
        raise ValueError(f"{name} and their labels must have one length above 0; they have {lengths} (train).")
    if images.ndim > 2 or augment is not None:
        rows = _pictures(network, images, name, augment)
    else:
        rows = check_rows(images, network.n_in, network.dtype, name, "train")
    if labels.ndim == 2 and np.issubdtype(labels.dtype, np.floating):
        return rows, network.checked_targets(labels, len(rows), "train"), None
    classes = check_labels(labels, network.n_out, "train")
    return rows, one_hot(classes, network.n_out).astype(network.dtype, copy=False), classes


def _pictures(network: Network, images: NDArray[Any], name: str, augment: Augmentation | None) -> NDArray[Any]:
    """Return uint8 images as they are, where they will be augmented, or as rows."""
    if images.ndim == 2:
        raise ValueError(
            f"{name} must be uint8 of shape (n, height, width) where augment is given; they are {images.dtype} of "
            f"shape {images.shape} (train). Pass the images as they are: train preprocesses them after augmenting."
        )
    if images.dtype != np.uint8:
        raise TypeError(
            f"{name} of shape {images.shape} must be uint8; they are {images.dtype} (train). "
            "Pass the uint8 images, or rows made by preprocess."
        )
    check_pictures(images, "train", name)
    if math.prod(images.shape[1:]) != network.n_in:
        raise ValueError(
            f"{name} must give rows of {network.n_in} numbers, as the first layer takes; "
            f"their shape is {images.shape} (train)."
        )
    rows = preprocess(images if augment is None else images[:1])  # which checks the images
    return rows.astype(network.dtype, copy=False) if augment is None else images


def _augmented(
    images: NDArray[np.uint8], augment: Augmentation, rng: np.random.Generator, dtype: np.dtype[Any]
) -> NDArray[np.floating[Any]]:
    warped = as_array(augment(to_float(images), rng), "what augment returns", "train")
    if warped.shape != images.shape or warped.dtype.kind != "f":
        raise ValueError(
            f"augment must return float images of the shape it was given, {images.shape}; it returned {warped.dtype} "
            f"of shape {warped.shape} (train)."
        )
    check_finite(warped, "what augment returns", "train")
    return flatten(standardize(warped)).astype(dtype, copy=False)


def _ahead(batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
    """Yield the same batches, each made in a further thread some turns before its own. Errors come in their turn."""
    context = contextvars.copy_context()  # np.errstate is of a thread: the further one is to have the caller's

    def make() -> Batch | None:
        return context.run(lambda: next(batches, None))

    coming: collections.deque[Future[Batch | None]] = collections.deque()
    with contextlib.closing(batches), ThreadPoolExecutor(1, "mnist_scratch-augment") as thread:
        try:
            coming.extend(thread.submit(make) for _ in range(AHEAD))
            while (batch := coming.popleft().result()) is not None:
                coming.append(thread.submit(make))
                yield batch
        finally:
            for future in coming:
                future.cancel()


def _measure(
    network: Network,
    held_out: tuple[NDArray[Any], NDArray[np.floating[Any]], NDArray[np.integer[Any]] | None],
    history: History,
    threads: int,
) -> None:
    rows, targets, classes = held_out

    def measured(learnt: Network, part: slice) -> tuple[float, int]:
        out = learnt._forward(rows[part])
        n_right = 0 if classes is None else int(np.count_nonzero(out.argmax(axis=1) == classes[part]))
        return learnt._cost(out, targets[part]) * len(out), n_right

    costs, n_right = zip(*network._in_batches(measured, len(rows), 1000, threads, "train"), strict=True)
    history.validation_cost.append(sum(costs) / len(rows))
    if classes is not None:
        history.validation_accuracy.append(sum(n_right) / len(rows))


def _progress_bar(n_steps: int, progress: bool) -> Any:  # noqa: ANN401 - tqdm's class depends on where it runs
    from tqdm.auto import tqdm

    off = not progress or bool(os.environ.get("TQDM_DISABLE"))  # tqdm's own variable, which its notebook bar overlooks
    return tqdm(total=n_steps, unit=" steps", desc="training", leave=False, disable=off)


def _summary(history: History) -> str:
    shown = {"cost": history.cost, "accuracy": history.accuracy, "validation": history.validation_accuracy}
    return ", ".join(f"{name} {values[-1]:.4f}" for name, values in shown.items() if values)
