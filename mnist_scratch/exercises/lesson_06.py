"""Checks of the exercises for lesson 06: a mean cost, a step, two curves, and a small network that reads digits."""

import contextlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import call, exercise, unpack
from mnist_scratch.exercises.comparing import expect
from mnist_scratch.exercises.measure import clock_stopped
from mnist_scratch.layers import Layer
from mnist_scratch.network import Network

__all__ = ["epoch_cost", "learning_curves", "momentum_steps", "small_network"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]
MOST_NUMBERS, LEAST_ACCURACY = 13_000, 0.91


@exercise
def epoch_cost(answer: Callable[..., Any]) -> None:
    """Exercise 6.1: the mean cost of an epoch whose last batch may be smaller.

    Parameters
    ----------
    answer : callable
        ``(costs, n_rows, batch_size) -> mean``; (n_batches,), int, int -> a number.
    """
    rng, name = np.random.default_rng(61), "epoch_cost"
    text_of_sizes = "every batch needs a size: as many sizes as costs, also for one batch alone."
    cases = [(np.array([1.0, 2.0, 6.0]), 10, 4), (np.array([3.0, 5.0]), 8, 4), (np.array([2.0]), 3, 32)]
    cases += [(rng.random(-(-n // size)), n, size) for n, size in ((100, 32), (96, 32), (101, 10), (7, 1))]
    for costs, n_rows, batch_size in cases:
        whole = n_rows // batch_size
        sizes = np.array([batch_size] * whole + [n_rows - whole * batch_size] * (n_rows % batch_size > 0))
        given = f"costs = {costs.round(3).tolist()}, n_rows = {n_rows}, batch_size = {batch_size}"
        if len(costs) > 4:
            given = f"{len(costs)} random costs, n_rows = {n_rows}, batch_size = {batch_size}"
        last, full = sizes[-1], (costs * batch_size).sum()
        hints: Hints = [
            (full / n_rows, "the last batch is smaller than the others: n_rows is not a multiple of batch_size here."),
            (costs[:-1].sum() * batch_size / n_rows, "the last batch counts nothing in your answer."),
            (costs.mean(), "that is the plain mean of the costs. A row of the small last batch then counts too much."),
            (costs.sum(), "that is the plain sum of the costs. Each is a mean over its batch; weight it by the size."),
            ((costs * sizes).sum(), "that is the sum over all rows. Divide by their number."),
            ((costs * sizes).sum() / batch_size, "divide by the number of rows, not by the batch size."),
            ((costs * sizes[::-1]).sum() / n_rows, "it is the last batch that is smaller, not the first."),
        ]
        if last == batch_size:
            text = "here n_rows is a multiple of batch_size: the last batch is full, and n_rows % batch_size is 0."
            hints.insert(0, ((full - costs[-1] * batch_size) / n_rows, text))
        right = np.array((costs * sizes).sum() / n_rows)
        for handed in (costs, costs.astype(np.float32)):
            result = call(answer, handed, n_rows, batch_size, name=name, hints=[(ValueError, text_of_sizes)])
            expect(result, right, name=name, given=given, rtol=1e-5, atol=1e-7, hints=hints)


def _walk(
    theta: Floats,
    slope_of: Callable[[Floats], Floats],
    rate: float,
    momentum: float,
    n_steps: int,
    share: float = 1.0,
    stale: bool = False,
) -> Floats:
    """Take the steps, forwards for a negative rate too; with a share or a stale slope, one of the mistakes."""
    start, carried = theta, np.zeros_like(theta)
    for _ in range(n_steps):
        carried = carried * momentum + share * slope_of(start if stale else theta)
        theta = theta - rate * carried
    return theta


def _momentum_mistakes(
    theta: Floats, slope_of: Callable[[Floats], Floats], rate: float, momentum: float, n_steps: int
) -> Hints:
    """Collect what known mistakes give, where that is not right by chance."""
    up = "that is a step uphill, and the cost rises. Two minus signs make a plus: how many are there here?"
    turning = "the first step goes down, but then the old velocity pulls the other way. Let the velocities add up."
    mistakes = [
        (_walk(theta, slope_of, -rate, momentum, n_steps), up),
        (theta, "theta has not moved."),
        (_walk(theta, slope_of, rate, -momentum, n_steps), turning),
        (_walk(theta, slope_of, rate, 0, n_steps), "the momentum has no effect: keep the velocity from step to step."),
        (
            _walk(theta, slope_of, rate, momentum, n_steps, stale=True),
            "ask for the slope anew at each step, where theta now is.",
        ),
        (
            _walk(theta, slope_of, rate**2, momentum, n_steps),
            "the rate is multiplied in twice: once in the velocity, once in the step.",
        ),
        (_walk(theta, slope_of, 1, momentum, n_steps), "the learning rate has no effect."),
        (
            _walk(theta, slope_of, rate, momentum, n_steps, share=1 - momentum),
            "your velocity is a running mean, with 1 - m. In the lesson the gradients add up undiminished.",
        ),
        (_walk(theta, slope_of, rate, momentum, n_steps + 1), "that is one step too many."),
        (_walk(theta, slope_of, rate, momentum, n_steps - 1), "that is one step too few."),
    ]
    right = _walk(theta, slope_of, rate, momentum, n_steps)
    return [(wrong, text) for wrong, text in mistakes if not np.allclose(wrong, right)]


@exercise
def momentum_steps(answer: Callable[..., Any]) -> None:
    """Exercise 6.2: the repaired descent with momentum.

    Parameters
    ----------
    answer : callable
        ``(theta, slope_of, rate, momentum, n_steps) -> theta``; (any shape), callable, float, float, int -> as theta.
    """
    rng, name = np.random.default_rng(62), "momentum_steps"

    def bowl(theta: Floats) -> Floats:
        return theta

    def valley(theta: Floats) -> Floats:
        return theta**3 + np.linspace(0.5, 2, theta.size).reshape(theta.shape) * theta

    cases = [
        (
            np.array([4.0, -2.0]),
            bowl,
            0.1,
            0.5,
            1,
            "theta = [4, -2], slope_of(theta) = theta, rate 0.1, momentum 0.5, 1 step",
        ),
        (
            np.array([4.0, -2.0]),
            bowl,
            0.1,
            0.5,
            2,
            "theta = [4, -2], slope_of(theta) = theta, rate 0.1, momentum 0.5, 2 steps",
        ),
        (
            rng.normal(size=(3, 2)),
            valley,
            0.05,
            0.9,
            6,
            "a random theta of shape (3, 2), rate 0.05, momentum 0.9, 6 steps",
        ),
        (rng.normal(size=5), valley, 0.1, 0.0, 4, "a random theta of shape (5,), rate 0.1, momentum 0, 4 steps"),
        (rng.normal(size=5), valley, 0.1, 0.8, 0, "a random theta of shape (5,), 0 steps"),
    ]
    for theta, slope_of, rate, momentum, n_steps, given in cases:
        hints = _momentum_mistakes(theta, slope_of, rate, momentum, n_steps) if n_steps else []
        right = _walk(theta, slope_of, rate, momentum, n_steps)
        for dtype, rtol, atol in ((np.float64, 1e-9, 1e-12), (np.float32, 1e-4, 1e-5)):
            result = call(answer, theta.astype(dtype), slope_of, rate, momentum, n_steps, name=name)
            where = f"{given}, {dtype.__name__}"
            expect(result, right, name=name, given=where, rtol=rtol, atol=atol, hints=hints)


def _by_heart() -> tuple[Callable[[Floats, NDArray[Any]], None], Callable[[Floats], NDArray[Any]]]:
    """Make a network that learns by heart, a quarter more of the rows each time, and answers 0 for all others."""
    known: dict[bytes, int] = {}
    times = 0

    def learn(rows: Floats, labels: NDArray[Any]) -> None:
        nonlocal times
        times += 1
        for row, label in list(zip(rows, labels, strict=True))[: len(rows) * times // 4]:
            known[np.asarray(row, dtype=float).tobytes()] = int(label)

    def predict(rows: Floats) -> NDArray[Any]:
        return np.array([known.get(np.asarray(row, dtype=float).tobytes(), 0) for row in rows])

    return learn, predict


Pile = tuple[Floats, NDArray[Any]]


def _errors(learned: Pile, measured: Pile, epochs: int, late: bool = True) -> Floats:
    learn, predict = _by_heart()
    errors = []
    for _ in range(epochs):
        if late:
            learn(*learned)
        errors.append(100.0 * float(np.mean(predict(measured[0]) != measured[1])))
        if not late:
            learn(*learned)
    return np.array(errors)


def _which_piles(
    found: list[NDArray[Any]], right: tuple[Floats, Floats], training: Pile, validation: Pile, epochs: int
) -> Hints:
    """Name the piles that both curves together have been measured on; a single curve does not tell."""
    learned = _errors(validation, training, epochs), _errors(validation, validation, epochs)
    for first, second, text in (
        (
            right[1],
            right[0],
            "are the two curves swapped? This network knows its training rows by heart in the end, so its training "
            "error must fall to 0. Print which name goes with which pile.",
        ),
        (right[0], right[0], "both curves are measured on the training rows."),
        (right[1], right[1], "both curves are measured on the validation rows."),
        (learned[0], learned[1], "your network learned from the validation rows."),
        (learned[1], learned[0], "your network learned from the validation rows."),
    ):
        with contextlib.suppress(TypeError, ValueError):
            if np.allclose(found[0], first) and np.allclose(found[1], second):
                return [(lambda errors: True, text)]
    return []


@exercise
def learning_curves(answer: Callable[..., Any]) -> None:
    """Exercise 6.3: the repaired record of the training and the validation error.

    Parameters
    ----------
    answer : callable
        ``(learn, predict, training, validation, epochs) -> (training_errors, validation_errors)``, in per cent.
    """
    rng, name = np.random.default_rng(63), "learning_curves"
    names = "training_errors", "validation_errors"
    for n, n_validation, epochs in ((8, 5, 4), (40, 10, 3), (12, 12, 1)):
        training = rng.random((n, 3)), rng.integers(0, 10, n)
        validation = rng.random((n_validation, 3)), rng.integers(0, 3, n_validation)
        result = unpack(call(answer, *_by_heart(), training, validation, epochs, name=name), names, name=name)
        right = _errors(training, training, epochs), _errors(training, validation, epochs)
        given = f"{n} training rows, {n_validation} validation rows, {epochs} epochs"
        found = [np.asarray(errors) for errors in result]
        hints = _which_piles(found, right, training, validation, epochs)
        for k, which in enumerate(names):
            before = _errors(training, (training, validation)[k], epochs, late=False)
            more: Hints = [
                (before, "measure after the epoch: your numbers are one epoch late."),
                (right[k] / 100, "that is a share; per cent are wanted."),
                (100 - right[k], "that is the accuracy; the error is wanted."),
                (1 - right[k] / 100, "that is the accuracy, as a share; the error in per cent is wanted."),
            ]

            expect(found[k], right[k], name=name, what=which, given=given, axes=("epochs",), hints=[*hints, *more])


@cache
def _sample_test() -> Pile:
    from mnist_scratch.datasets import DataError, load_mnist
    from mnist_scratch.preprocessing import preprocess

    try:
        test = load_mnist(source="sample").test
    except DataError as error:
        raise AssertionError(f"the check cannot read the offline sample: {error}") from None
    return preprocess(test.images), test.labels


@exercise
def small_network(answer: object) -> None:
    """Exercise 6.5: a trained network of at most 13,000 numbers that reads 91 % of the offline sample's test images.

    Parameters
    ----------
    answer : Network
    """
    if answer is None or answer is Ellipsis:
        raise AssertionError("not solved yet: hand in a trained Network.")
    if not isinstance(answer, Network):
        raise AssertionError(
            f"small_network should get a trained Network of the package; it got {type(answer).__name__}. "
            "Hint: hand in the network itself, not its history, its weights or a function."
        )
    first, last = answer.layers[0], answer.layers[-1]
    if (first.n_in, last.n_out) != (784, 10):
        raise AssertionError(
            f"the network should have 784 inputs and 10 outputs; it has {first.n_in} and {last.n_out}."
        )
    copies = [Layer(layer.n_in, layer.n_out, activation=layer.activation, dtype=np.float64) for layer in answer.layers]
    for copy, layer in zip(copies, answer.layers, strict=True):
        weights, biases = np.array(layer.weights, dtype=float), np.array(layer.biases, dtype=float)
        if weights.shape != copy.weights.shape or biases.shape != copy.biases.shape:
            raise AssertionError(
                f"a layer's weights and biases should have the shapes {copy.weights.shape} and {copy.biases.shape}; "
                f"they have {weights.shape} and {biases.shape}."
            )
        if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
            raise AssertionError("some weights are not finite numbers. Hint: training diverged. Try a smaller rate.")
        copy.weights, copy.biases = weights, biases
    network = Network(copies)
    if network.n_parameters > MOST_NUMBERS:
        raise AssertionError(
            f"the network has {network.n_parameters:,} weights and biases; at most {MOST_NUMBERS:,} are allowed. "
            "Hint: nearly all of them are the weights between the inputs and the first hidden layer. Use fewer units."
        )
    with clock_stopped():
        rows, labels = _sample_test()
        answers = network.predict(rows)
    accuracy = float((answers == labels).mean())
    if accuracy < LEAST_ACCURACY:
        raise AssertionError(
            f"the network reads {accuracy:.1%} of the 1,000 images; the target is {LEAST_ACCURACY:.0%}. "
            f"Hint: {_what_ails(network, np.bincount(answers, minlength=10), accuracy)}"
        )
    print(f"small_network: {accuracy:.1%} with {network.n_parameters:,} weights and biases.")


def _what_ails(network: Network, counts: NDArray[np.intp], accuracy: float) -> str:
    weights = network.layers[0].weights
    if len(network.layers) > 1 and np.ptp(weights, axis=1).max() < 0.01 * np.abs(weights).max():
        return "all hidden units have the same weights. They were equal at the start, and stayed so: start at random."
    if counts.max() > 900:
        return (
            f"it answers {counts.argmax()} nearly always. Either it was not trained, or the rate was so large that "
            "its outputs are stuck where the sigmoid is flat, or the images came sorted by digit."
        )
    if accuracy < 0.3:
        return "that is close to guessing. Was this network trained, on images and labels in the same order?"
    if network.layers[-1].activation == "sigmoid":
        return (
            "try the other cost, with a softmax, and a rate that falls; train for longer. Choose on validation images."
        )
    return "train for longer, let the rate fall, and choose the rate on validation images, by factors of two or three."
