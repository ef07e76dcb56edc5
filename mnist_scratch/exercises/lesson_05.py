"""Checks of the exercises for lesson 05: shapes, sums without loops, and what a stretched array's slope is.

Whether an answer loops over the rows is not guessed from its text or from a clock: its steps of Python are counted, for
few and for many rows. Compiled loops take no such steps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import call, exercise, unpack
from mnist_scratch.exercises.comparing import expect, number
from mnist_scratch.exercises.measure import peak_bytes, python_steps
from mnist_scratch.gradient_check import numerical_gradient

__all__ = ["centred_backward", "class_means", "squared_distances", "stacked_step", "stretched_shapes"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]


@exercise
def stretched_shapes(answer: object) -> None:
    """Exercise 5.1: five shapes, or "error".

    Parameters
    ----------
    answer : list of five
        Each a tuple of int, or the text "error".
    """
    lines = [f"line {k}" for k in (1, 2, 3, 4, 5)]
    first, second, third, fourth, fifth = unpack(answer, lines, name="stretched_shapes")
    left = "shapes are aligned at the right, and what is missing at the left counts as 1."
    number(
        first,
        (6, 4, 3),
        name="stretched_shapes",
        what="line 1",
        hints=[("error", left), ((6, 4, 1), "a 1 meets a 3, and it is the 1 that stretches."), ((4, 3), left)],
    )
    gone = "the mean over axis 2 is an array of shape (500, 28). "
    number(
        second,
        "error",
        name="stretched_shapes",
        what="line 2",
        hints=[
            ((500, 28, 28), gone + "Align it at the right: which numbers meet?"),
            ((500, 28), gone + "What becomes of the subtraction?"),
        ],
    )
    number(
        third,
        (28, 28, 28),
        name="stretched_shapes",
        what="line 3",
        hints=[
            ("error", "the result is wrong, but NumPy has no means to know: at each place 28 meets 28."),
            ((28, 28), "the mean has shape (28, 28). It is subtracted from something with three axes."),
        ],
    )
    one = "the sum over axis 1 has shape (32,), and it meets (32, 1): trap 1."
    number(
        fourth,
        (32, 32),
        name="stretched_shapes",
        what="line 4",
        hints=[
            ((32, 1), one),
            ((32,), one),
            ("error", one),
            ((32, 10), "the axis you name is the one that goes away."),
        ],
    )
    both = "np.newaxis makes (7, 1, 3) of (7, 3). Align (5, 3) with it at the right."
    number(
        fifth,
        (7, 5, 3),
        name="stretched_shapes",
        what="line 5",
        hints=[("error", both), ((7, 3, 5), both), ((7, 5), both), ((7, 1, 3), both)],
    )


def _class_means(rows: Floats, labels: NDArray[Any], n_classes: int) -> Floats:
    """Compute the means by sorting: not a way that the exercise asks for."""
    means = np.zeros((n_classes, rows.shape[1]))
    for k in np.unique(labels):
        means[k] = rows[labels == k].mean(axis=0, dtype=float)
    return means


def _no_loop(answer: Callable[..., Any], start: str, what: str, few: tuple[Any, ...], many: tuple[Any, ...]) -> None:
    python_steps(answer, *few)  # once for nothing: a first call may import
    short, long = python_steps(answer, *few), python_steps(answer, *many)
    if long > 2 * short + 50:
        raise AssertionError(
            f"{start} gives the right numbers, but with ten times as many {what} it takes {long / short:.1f} times as "
            f"many steps of Python. Hint: there is still a loop over the {what} (for, while, a comprehension, map, "
            "np.vectorize or np.apply_along_axis)."
        )


@exercise
def class_means(answer: Callable[..., Any]) -> None:
    """Exercise 5.2: the mean row of each class, without a loop over the rows.

    Parameters
    ----------
    answer : callable
        ``(rows, labels, n_classes) -> means``; (n, d), (n,), int -> (n_classes, d).
    """
    rng, name, axes = np.random.default_rng(52), "class_means", ("classes", "columns")
    by_hand = np.array([[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]]), np.array([0, 1, 0]), 3
    cases: list[tuple[Any, ...]] = [(*by_hand, "rows = [[1, 2], [5, 6], [3, 4]], labels = [0, 1, 0], n_classes = 3")]
    cases.append((rng.normal(size=(4, 4)), np.array([3, 0, 2, 1]), 4, "4 random rows, one for each of 4 classes"))
    for n, d, n_classes in ((40, 3, 5), (60, 7, 10)):
        labels = rng.integers(0, n_classes - 1, n)
        given = f"{n} random rows of {d}, {n_classes} classes, the last one empty"
        cases.append((rng.normal(size=(n, d)) + 1, labels, n_classes, given))
    for rows, labels, n_classes, given in cases:
        expected = _class_means(rows, labels, n_classes)
        counts = np.bincount(labels, minlength=n_classes)[:, np.newaxis]
        used = np.unique(labels)
        empty = "a class without rows has a mean of 0 / 0. The exercise asks for a row of zeros there."
        mean_of_all = np.tile(rows.mean(axis=0), (n_classes, 1))
        hints: Hints = [
            (expected * counts, "those are the sums of the classes. Divide each by the number of its own rows."),
            (expected * counts / len(rows), "you divided by the number of all rows, not by that of the class's rows."),
            (expected.T, "that is the transpose: a row for each class is wanted."),
            (mean_of_all, "every class got the mean of all rows. Where do the labels come in?"),
        ]
        divisors, once = np.maximum(counts, 1), np.zeros_like(expected)
        once[labels] = rows
        last = "a label that comes twice is written once by sums[labels] += rows, not added twice."
        hints += [(once / divisors, last)]
        if len(rows) == n_classes:
            belongs = labels[:, np.newaxis] == np.arange(n_classes)  # (n, n_classes)
            turned = "a product sums over its inner axis: that must be the rows, and here it is the classes. Transpose?"
            hints += [(belongs @ rows / divisors, turned), (belongs @ rows, turned)]
        if len(used) < n_classes:
            hints += [
                (lambda means: not np.isfinite(np.asarray(means, dtype=float)).all(), empty),
                (expected[used], "there must be a row for each of the n_classes, also for one that no row belongs to."),
            ]
        for dtype, rtol, atol in ((np.float64, 1e-9, 1e-12), (np.float32, 1e-4, 1e-5)):
            for label_dtype in (np.int64, np.uint8):
                result = call(answer, rows.astype(dtype), labels.astype(label_dtype), n_classes, name=name)
                where = f"{given}, {dtype.__name__}"
                expect(result, expected, name=name, given=where, axes=axes, rtol=rtol, atol=atol, hints=hints)
    few, many = ((rng.normal(size=(n, 3)), rng.integers(0, 4, n), 4) for n in (40, 400))
    _no_loop(answer, f"{name}: your answer", "rows", few, many)


def _stacked_step(
    inputs: Floats, dcost_dnet: Floats, weights: Floats, biases: Floats, rate: float
) -> tuple[Floats, Floats]:
    dcost_dweights = np.tensordot(inputs, dcost_dnet, axes=((0, 1), (0, 1)))
    dcost_dbiases = np.ones(inputs.shape[:2]).ravel() @ dcost_dnet.reshape(-1, len(biases))
    return weights - rate * dcost_dweights, biases - rate * dcost_dbiases


def _stacked_mistakes(
    inputs: Floats, dcost_dnet: Floats, weights: Floats, biases: Floats, rate: float
) -> tuple[Hints, Hints]:
    """Collect what known mistakes give for the weights and for the biases."""
    stepped_weights, stepped_biases = _stacked_step(inputs, dcost_dnet, weights, biases, rate)
    for_weights: Hints = [
        (weights, "the weights have not moved."),
        (2 * weights - stepped_weights, "a step goes against the slope."),
    ]
    total = dcost_dnet.sum(axis=(0, 1))
    n_all = inputs.shape[0] * inputs.shape[1]
    grown = "the biases have grown. One bias is used by every digit of every code, so its slope is a sum over both."
    half = "you added over one of the two axes along which the biases were stretched. The other is still there."
    for_biases: Hints = [
        (biases - rate * dcost_dnet, grown),
        (biases - rate * dcost_dnet.sum(axis=0), half),
        (biases - rate * dcost_dnet.sum(axis=1), half),
        (biases - rate * dcost_dnet.sum(axis=0)[0], "you took the first digit's only. Add over all the digits."),
        (biases - rate * dcost_dnet[0].sum(axis=0), "you took the first code's only. Add over all the codes."),
        (biases - rate * dcost_dnet[0, 0], "you took the slope of one digit. Add over all of them."),
        (
            biases - rate * total / n_all,
            "that is a mean. What was stretched is summed; a 1/n, if the cost has one, is already in dcost_dnet.",
        ),
        (biases - rate * dcost_dnet.sum(), "you added over the units too. Each unit has a bias of its own."),
        (stepped_biases[np.newaxis, np.newaxis], "the biases have the shape (n_out,); drop keepdims."),
        (biases + rate * total, "a step goes against the slope."),
        (biases, "the biases have not moved."),
    ]
    if inputs.shape[1] == len(biases):
        text = "you added over the units. Their axis, the last, is the one that must stay."
        for_biases.append((biases - rate * dcost_dnet.sum(axis=2), text))
    return for_weights, for_biases


@exercise
def stacked_step(answer: Callable[..., Any]) -> None:
    """Exercise 5.3: the repaired step of a layer that reads stacks of digits.

    Parameters
    ----------
    answer : callable
        ``(inputs, dcost_dnet, weights, biases, rate) -> (weights, biases)``, stepped;
        (c, d, n_in), (c, d, n_out), (n_in, n_out), (n_out,), float -> (n_in, n_out), (n_out,).
    """
    rng, name = np.random.default_rng(53), "stacked_step"
    by_hand = np.ones((2, 2, 1)), np.array([[[1.0], [2.0]], [[3.0], [4.0]]]), np.array([[5.0]]), np.array([7.0]), 0.1
    cases: list[tuple[Any, ...]] = [
        (*by_hand, "inputs all 1, dcost_dnet = [[[1], [2]], [[3], [4]]], weights = [[5]], biases = [7], rate = 0.1")
    ]
    for c, d, n_in, n_out in ((3, 4, 2, 5), (5, 5, 6, 5), (1, 6, 3, 2)):
        random = [rng.normal(size=shape) for shape in ((c, d, n_in), (c, d, n_out), (n_in, n_out), (n_out,))]
        cases.append((*random, 0.5, f"random numbers, {c} codes of {d} digits, {n_in} inputs, {n_out} units"))
    for inputs, dcost_dnet, weights, biases, rate, given in cases:
        for_weights, for_biases = _stacked_mistakes(inputs, dcost_dnet, weights, biases, rate)
        expected = _stacked_step(inputs, dcost_dnet, weights, biases, rate)
        axes = (("inputs", "units"), ("units",))
        for dtype, rtol, atol in ((np.float64, 1e-9, 1e-10), (np.float32, 1e-4, 1e-4)):
            arrays = [array.astype(dtype) for array in (inputs, dcost_dnet, weights, biases)]
            result = unpack(call(answer, *arrays, rate, name=name), ("weights", "biases"), name=name)
            names = ("the array of new weights", "the array of new biases")
            for array, right, what, along, hints in zip(
                result, expected, names, axes, (for_weights, for_biases), strict=True
            ):
                where = f"{given}, {dtype.__name__}"
                expect(array, right, name=name, what=what, given=where, axes=along, hints=hints, rtol=rtol, atol=atol)


def _centred(rows: Floats, gain: Floats) -> Floats:
    out: Floats = gain * (rows - rows.mean(axis=1, keepdims=True))
    return out


def _centred_mistakes(dcost_dout: Floats, rows: Floats, gain: Floats) -> tuple[Hints, Hints]:
    """Collect what known mistakes give for the rows and for the gain."""
    n, d = rows.shape
    through, centred = dcost_dout * gain, _centred(rows, np.ones(d))
    for_rows: Hints = [
        (through, "each number of a row has two paths to the cost: directly, and through the row's mean."),
        (dcost_dout, "both the gain and the path through the mean are missing."),
        (dcost_dout - dcost_dout.mean(axis=1, keepdims=True), "the gain is missing: multiply by it first."),
        (
            gain * (dcost_dout - dcost_dout.mean(axis=1, keepdims=True)),
            "the gain comes first on the way back: the slope of the mean collects what has passed the gain.",
        ),
        (through - through.sum(axis=1, keepdims=True), "the mean is a sum divided by d, and the d is missing."),
        (through + through.mean(axis=1, keepdims=True), "the mean is taken off, so its path has a minus."),
        (-through.mean(axis=1, keepdims=True) + 0 * through, "the direct path is missing."),
        (
            through - through.mean(axis=0),
            "you took the mean down the columns. Forward, each row lost its own mean.",
        ),
        (through - through.mean(), "you took one mean of everything. Forward, each row lost its own."),
    ]
    if n == d:
        text = "your row means were aligned with the columns: trap 2. Keep the axis of the mean."
        for_rows.append((through - through.mean(axis=1), text))
    for_gain: Hints = [
        ((dcost_dout * rows).sum(axis=0), "the gain multiplies the rows less their own means, not the rows."),
        (dcost_dout * centred, "one gain was used by all the rows, so its slope is a sum over the rows."),
        ((dcost_dout * centred).mean(axis=0), "what was stretched is summed; that is a mean."),
        ((dcost_dout * centred).sum(axis=1), "you added over the columns. Each column has a gain of its own."),
        ((dcost_dout * centred).sum(axis=0, keepdims=True), "the gain has the shape (d,); drop keepdims."),
        ((dcost_dout * centred * gain).sum(axis=0), "the gain itself has no place in its own slope."),
        (dcost_dout.sum(axis=0), "that would be the slope of something that is added. The gain is multiplied."),
    ]
    return for_rows, for_gain


@exercise
def centred_backward(answer: Callable[..., Any]) -> None:
    """Exercise 5.4: the way back through taking off each row's own mean and multiplying by a gain for each column.

    Parameters
    ----------
    answer : callable
        ``(dcost_dout, rows, gain) -> (dcost_drows, dcost_dgain)``; (n, d), (n, d), (d,) -> (n, d), (d,).
    """
    rng, name = np.random.default_rng(54), "centred_backward"
    names, axes = ("dcost_drows", "dcost_dgain"), (("rows", "columns"), ("columns",))
    cases: list[tuple[Any, ...]] = [
        (
            np.array([[1.0, 0.0]]),
            np.array([[2.0, 6.0]]),
            np.array([1.0, 1.0]),
            "dcost_dout = [[1, 0]], rows = [[2, 6]], gain = [1, 1]",
        )
    ]
    for n, d in ((4, 3), (3, 3), (1, 5)):
        random = [rng.normal(size=shape) for shape in ((n, d), (n, d), (d,))]
        cases.append((*random, f"random numbers, {n} rows of {d}"))
    for dcost_dout, rows, gain, given in cases:

        def cost() -> float:
            return float((dcost_dout * _centred(rows, gain)).sum())  # noqa: B023

        expected = numerical_gradient(cost, rows), numerical_gradient(cost, gain)
        mistakes = _centred_mistakes(dcost_dout, rows, gain)
        for dtype, rtol, atol in ((np.float64, 1e-7, 1e-8), (np.float32, 1e-3, 1e-4)):
            arrays = [array.astype(dtype) for array in (dcost_dout, rows, gain)]
            result = unpack(call(answer, *arrays, name=name), names, name=name)
            for slopes, right, hints, what, along in zip(result, expected, mistakes, names, axes, strict=True):
                where = f"{given}, {dtype.__name__}"
                expect(slopes, right, name=name, what=what, given=where, axes=along, rtol=rtol, atol=atol, hints=hints)


@exercise
def squared_distances(answer: Callable[..., Any]) -> None:
    """Exercise 5.5: all squared distances between two sets of rows, in little memory, without a loop, and exact.

    Parameters
    ----------
    answer : callable
        ``(first, second) -> distances``; (n, d), (m, d) -> (n, m).
    """
    rng, name, axes = np.random.default_rng(55), "squared_distances", ("rows of first", "rows of second")
    by_hand = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[3.0, 0.0]])
    cases: list[tuple[Any, ...]] = [(*by_hand, "first = [[0, 0], [3, 4]], second = [[3, 0]]")]
    for n, m, d in ((4, 4, 4), (3, 5, 2), (1, 7, 20)):
        random = rng.normal(size=(n, d)), rng.normal(size=(m, d))
        cases.append((*random, f"random rows, shapes ({n}, {d}) and ({m}, {d})"))
    for first, second, given in cases:
        expected = np.array([[sum((a - b) ** 2) for b in second] for a in first])
        product = first @ second.T
        ones, others = (first**2).sum(axis=1)[:, np.newaxis], (second**2).sum(axis=1)
        hints: Hints = [
            (np.sqrt(expected), "those are the distances. Their squares are wanted."),
            (ones + others - product, "(a - b)² is a² - 2ab + b². The 2 is missing."),
            (ones + others + 2 * product, "(a - b)² is a² - 2ab + b². The minus is missing."),
            (ones + others, "(a - b)² is a² - 2ab + b². The term in the middle is missing."),
            (-2 * product, "(a - b)² is a² - 2ab + b². Two of the three terms are missing."),
            (product, "that is the product of each pair of rows, not their distance."),
            (expected.T, "that is the transpose: a row for each row of first is wanted."),
            (expected / first.shape[1], "that is a mean over the columns; the distance is a sum."),
        ]
        if len(first) == len(second):
            text = "the squares of first went to the columns: they belong to the rows. Keep their axis."
            hints += [
                ((first**2).sum(axis=1) + others - 2 * product, text),
                (((first - second) ** 2).sum(axis=1), "each row of first is to meet every row of second."),
            ]
        for dtype, rtol, atol in ((np.float64, 1e-9, 1e-9), (np.float32, 1e-4, 1e-4)):
            result = call(answer, first.astype(dtype), second.astype(dtype), name=name)
            where = f"{given}, {dtype.__name__}"
            expect(result, expected, name=name, given=where, axes=axes, rtol=rtol, atol=atol, hints=hints)
    _targets_of_distances(answer, rng, name)


def _targets_of_distances(answer: Callable[..., Any], rng: np.random.Generator, name: str) -> None:
    n = 60  # small enough for BLAS to stay on one core, also on a busy machine
    first, second = (rng.normal(size=(n, n)).astype(np.float32) for _ in range(2))
    bytes_used, limit = peak_bytes(answer, first, second), 400_000
    if bytes_used > limit:
        raise AssertionError(
            f"{name}: target 1 is missed. For two arrays of shape ({n}, {n}) your answer held "
            f"{bytes_used / 1e6:.1f} MB at once; the limit is {limit / 1e6:.1f} MB. The numbers were right. "
            "Hint: an array of shape (n, m, d) is too large. Multiply out (a - b)²: which term is a matrix product?"
        )
    _no_loop(
        answer,
        f"{name}: target 2 is missed. Your answer",
        "rows",
        (first[:6], second[:6]),
        (first, second),
    )
    _no_loop(
        answer,
        f"{name}: target 2 is missed. Your answer",
        "columns",
        (first[:, :6], second[:, :6]),
        (first, second),
    )
    first[:20] = second[:20]
    far = first + np.float32(500), second + np.float32(500)
    result = np.asarray(call(answer, *far, name=name), dtype=float)
    exact = ((far[0][:, np.newaxis].astype(float) - far[1]) ** 2).sum(axis=2)
    worst = np.abs(result - exact).max()
    if not worst < 0.01:  # the distances are about 120
        raise AssertionError(
            f"{name}: target 3 is missed. With 500 added to every number of both arrays (float32) no distance changes, "
            f"but the worst of yours is off by {worst:.3g}; the limit is 0.01. "
            "Hint: large squares that nearly cancel leave only their rounding. Take the same row off all rows first: "
            "which one brings them near 0?"
        )
    if result.min() < 0:
        raise AssertionError(
            f"{name}: target 3 is missed. A squared distance came out as {result.min():.3g}. "
            "Hint: rounding takes a distance of 0 to either side. Let nothing be below 0."
        )
