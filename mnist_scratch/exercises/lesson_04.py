"""Checks of the exercises for lesson 04: the chain rule, and backward passes in unfamiliar clothes.

Slopes are judged by measurement, as in the lesson: by central differences on the forward pass. The formulas below are
those of the known mistakes, by which a hint is chosen.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import call, exercise, unpack
from mnist_scratch.exercises.comparing import expect, number
from mnist_scratch.gradient_check import numerical_gradient

__all__ = ["clipped_backward", "column_backward", "paths", "repeated_layer", "softmax_slopes"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]
SLOPES = ("dcost_dweights", "dcost_dbiases", "dcost_dinputs")
MEAN = "nothing is to be divided by n here: the cost's 1/n, if it has one, is in dcost_dout already."


@exercise
def paths(answer: object) -> None:
    """Exercise 4.1: the slopes along three paths, and their sum.

    Parameters
    ----------
    answer : tuple of four numbers
        By u, by v, by w, and altogether.
    """
    by_u, by_v, by_w, total = unpack(answer, ("by u", "by v", "by w", "altogether"), name="paths")
    both = "A path has two slopes, one for each link: multiply them."
    hints_by_u: Hints = [
        (3, f"that is du/dx alone. {both}"),
        (2, f"that is ∂y/∂u alone. {both}"),
        (27, "in u · v the slope with respect to u is the other factor, v. You seem to have taken u."),
    ]
    hints_by_v: Hints = [
        (9, "v = 5 - x falls when x rises, so dv/dx is negative."),
        (-1, f"that is dv/dx alone. {both}"),
        (-2, "in u · v the slope with respect to v is the other factor, u. You seem to have taken v."),
    ]
    hints_by_w: Hints = [
        (6, f"that is dw/dx alone. {both}"),
        (2, f"that is ∂y/∂w alone. {both}"),
        (18, "that is a value, 2w, and not a slope. The slope of w = x² is 2x."),
    ]
    hints_total: Hints = [
        (6 * -9 * 12, "along a path slopes are multiplied, but over the paths they are added."),
        (27, "one of the three paths pulls the other way: keep its sign when you add."),
        (36, "that is y itself, not its slope."),
        (-3, "the path by w is missing from the sum."),
    ]
    number(by_u, 6, name="paths", what="the slope by u", hints=hints_by_u)
    number(by_v, -9, name="paths", what="the slope by v", hints=hints_by_v)
    number(by_w, 12, name="paths", what="the slope by w", hints=hints_by_w)
    number(total, 9, name="paths", what="the slope altogether", hints=hints_total)


def _softmax(net: Floats) -> Floats:
    powers: Floats = np.exp(net - net.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _weighted_cost(net: Floats, labels: NDArray[Any], importance: Floats) -> float:
    rights = _softmax(net)[np.arange(len(net)), labels]
    return float(-(importance * np.log(rights)).sum() / importance.sum())


def _softmax_mistakes(net: Floats, labels: NDArray[Any], importance: Floats) -> Hints:
    n, n_classes = net.shape
    out, targets = _softmax(net), np.eye(n_classes)[labels]
    error, share = out - targets, (importance / importance.sum())[:, np.newaxis]
    down = _softmax(net.T).T
    mistakes = [
        (-error * share, "every sign is turned round. A right class has a negative slope: more net, less cost."),
        (out * share, "the targets are missing: the label of a row must lower one of its slopes by the row's share."),
        (
            error * importance[:, np.newaxis],
            "the cost is divided by the sum of the importances; its slopes are not yet.",
        ),
        (error * importance[:, np.newaxis] / n, "divide by the sum of the importances, not by the number of rows."),
        (error / n, "every row counts alike in your answer. Where does the importance come in?"),
        (error, "every row counts alike in your answer. Where does the importance come in?"),
        ((down - targets) * share, "your softmax runs down the columns. It is each row's outputs that add up to 1."),
        (error * out * (1 - out) * share, "Out (1 - Out) has no place here: with this cost and softmax it cancels."),
    ]
    if n == n_classes:
        across = error * importance / importance.sum()
        text = "your importances went to the columns. A shape (n,) is aligned at the right; they need a second axis."
        mistakes.append((across, text))
    return mistakes


@exercise
def softmax_slopes(answer: Callable[..., Any]) -> None:
    """Exercise 4.2: ∂C/∂Net of softmax and cross-entropy, from labels, with a weight for each row.

    Parameters
    ----------
    answer : callable
        ``(net, labels, importance) -> dcost_dnet``; (n, k), (n,), (n,) -> (n, k).
    """
    rng = np.random.default_rng(4)
    by_hand = np.array([[0.0, 0.0], [np.log(3.0), 0.0]]), np.array([0, 1]), np.array([1.0, 3.0])
    cases: list[tuple[Any, ...]] = [(*by_hand, "net = [[0, 0], [ln 3, 0]], labels = [0, 1], importance = [1, 3]")]
    for n, k in ((3, 3), (5, 4), (1, 10)):
        random = rng.normal(size=(n, k)), rng.integers(0, k, n), rng.uniform(0.5, 3, n)
        cases.append((*random, f"random nets of shape ({n}, {k})"))
    for net, labels, importance, given in cases:
        measured = numerical_gradient(lambda: _weighted_cost(net, labels, importance), net)  # noqa: B023
        hints = _softmax_mistakes(net, labels, importance)
        for dtype, rtol, atol in ((np.float64, 1e-6, 1e-8), (np.float32, 1e-3, 1e-5)):
            result = call(answer, net.astype(dtype), labels, importance.astype(dtype), name="softmax_slopes")
            _expect_softmax(result, measured, f"{given}, {dtype.__name__}", hints, rtol, atol)
    net, labels, importance = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, -3.0]]), np.array([1, 0]), np.ones(2)
    measured = numerical_gradient(lambda: _weighted_cost(net, labels, importance), net)
    far = net + np.array([[998.0], [-2000.0]])  # which changes no output
    text = (
        "e to the power of 1000 is no float any more. Take each row's own largest net off the row first: "
        "that leaves the outputs as they are."
    )
    result = call(answer, far, labels, importance, name="softmax_slopes")
    hints = [(lambda slopes: not np.isfinite(np.asarray(slopes, dtype=float)).all(), text)]
    given = "net = [[1000, 999, 998], [-2000, -1999, -2003]], labels = [1, 0], importance = [1, 1]"
    _expect_softmax(result, measured, given, hints, 1e-6, 1e-8)


def _expect_softmax(result: Any, measured: Floats, given: str, hints: Hints, rtol: float, atol: float) -> None:  # noqa: ANN401
    axes = ("rows", "classes")
    expect(result, measured, name="softmax_slopes", given=given, axes=axes, rtol=rtol, atol=atol, hints=hints)


def _expect_slopes(
    result: Any,  # noqa: ANN401
    expected: tuple[Floats, ...],
    mistakes: tuple[Hints, ...],
    *,
    name: str,
    given: str,
    axes: tuple[tuple[str, ...], ...],
    dtype: type,
    names: tuple[str, ...] = SLOPES,
) -> None:
    """Compare several slopes, each with its own hints, more loosely in float32."""
    rtol, atol = (1e-6, 1e-7) if dtype is np.float64 else (2e-3, 1e-4)
    given = f"{given}, {dtype.__name__}"
    for slopes, right, hints, what, where in zip(
        unpack(result, names, name=name), expected, mistakes, names, axes, strict=True
    ):
        expect(slopes, right, name=name, given=given, what=what, axes=where, rtol=rtol, atol=atol, hints=hints)


def _softsign(net: Floats) -> Floats:
    out: Floats = net / (1 + np.abs(net))
    return out


def _column_mistakes(dcost_dout: Floats, inputs: Floats, weights: Floats, out: Floats) -> tuple[Hints, Hints, Hints]:
    for_weights: Hints = []
    for_biases: Hints = []
    for_inputs: Hints = []
    n = inputs.shape[1]
    for slope, text in (
        (np.ones_like(out), "∂C/∂Out is not ∂C/∂Net yet: the activation's slope is missing."),
        (out * (1 - out), "Out (1 - Out) is the slope of the sigmoid. This layer's activation is another."),
        (1 - out * out, "1 - Out² is not this activation's slope. Mind where the square stands."),
        (1 - np.abs(out), "the slope of the activation lacks its square."),
    ):
        dcost_dnet = dcost_dout * slope
        for_weights.append((dcost_dnet @ inputs.T, text))
        for_biases.append((dcost_dnet.sum(axis=1, keepdims=True), text))
        for_inputs.append((weights.T @ dcost_dnet, text))
    dcost_dnet = dcost_dout * (1 - np.abs(out)) ** 2
    turned = "that is the transpose of it."
    for_weights += [
        (inputs @ dcost_dnet.T, f"{turned} A slope has the shape of what it is the slope for, here (n_out, n_in)."),
        (dcost_dnet @ inputs.T / n, MEAN),
    ]
    down = dcost_dnet.sum(axis=0)
    wrong_axis = "you added over the units. In this layout the units are along axis 0 and the examples along axis 1."
    for_biases += [
        (dcost_dnet, "every example uses the same biases, so the slope for a bias is a sum over the examples."),
        (dcost_dnet.sum(axis=1), "the numbers are right, but the biases are a column, (n_out, 1): keep the axis."),
        (dcost_dnet.sum(axis=1)[np.newaxis], "the numbers are right, but the biases are a column, (n_out, 1)."),
        *((wrong, wrong_axis) for wrong in (down, down[np.newaxis], down[:, np.newaxis])),
        (dcost_dnet.mean(axis=1, keepdims=True), MEAN),
    ]
    if weights.shape[0] == weights.shape[1]:
        for_inputs.append((weights @ dcost_dnet, "the sum must run over the units, so the weights must be transposed."))
    for_inputs.append(((weights.T @ dcost_dnet).T, f"{turned} In this layout an example is a column."))
    return for_weights, for_biases, for_inputs


@exercise
def column_backward(answer: Callable[..., Any]) -> None:
    """Exercise 4.3: the backward pass of a softsign layer whose examples are columns.

    Parameters
    ----------
    answer : callable
        ``(dcost_dout, inputs, weights, out) -> (dcost_dweights, dcost_dbiases, dcost_dinputs)``;
        (n_out, n), (n_in, n), (n_out, n_in), (n_out, n) -> (n_out, n_in), (n_out, 1), (n_in, n).
    """
    rng = np.random.default_rng(43)
    by_hand = np.array([[1.0, 9.0]]), np.array([[1.0, 2.0]]), np.array([[1.0]]), np.array([[0.0]])
    cases: list[tuple[Any, ...]] = [
        (*by_hand, "inputs = [[1, 2]], weights = [[1]], biases = [[0]], dcost_dout = [[1, 9]]")
    ]
    for n_in, n_out, n in ((4, 2, 3), (3, 3, 5), (2, 5, 1)):
        random = [rng.normal(size=shape) for shape in ((n_out, n), (n_in, n), (n_out, n_in), (n_out, 1))]
        cases.append((*random, f"random numbers, {n_in} inputs, {n_out} units, {n} examples"))
    axes = (("units", "inputs"), ("units", "always 1"), ("inputs", "examples"))
    for dcost_dout, inputs, weights, biases, given in cases:

        def cost() -> float:  # one whose slopes in the outputs are dcost_dout
            return float((dcost_dout * _softsign(weights @ inputs + biases)).sum())  # noqa: B023

        expected = tuple(numerical_gradient(cost, array) for array in (weights, biases, inputs))
        out = _softsign(weights @ inputs + biases)
        mistakes = _column_mistakes(dcost_dout, inputs, weights, out)
        for dtype in (np.float64, np.float32):
            arguments = [array.astype(dtype) for array in (dcost_dout, inputs, weights, out)]
            result = call(answer, *arguments, name="column_backward")
            _expect_slopes(result, expected, mistakes, name="column_backward", given=given, axes=axes, dtype=dtype)


def _clipped_mistakes(dcost_dout: Floats, inputs: Floats, weights: Floats, net: Floats) -> tuple[Hints, Hints, Hints]:
    for_weights: Hints = []
    for_biases: Hints = []
    for_inputs: Hints = []
    out = np.clip(net, 0, 6)
    for mask, text in (
        (
            np.ones_like(net),
            "your mask never masks. No output of this layer is below 0 or above 6: what are the outputs of the units "
            "that must not pass a slope?",
        ),
        (out > 0, "a unit that is stuck at 6 still passes a slope: its output does not move when its net does."),
        (out < 6, "a unit that is stuck at 0 still passes a slope: its output does not move when its net does."),
        ((net <= 0) | (net >= 6), "your mask is the wrong way round: it lets through what it should stop."),
        (dcost_dout > 0, "the mask depends on the net (or the output) of a unit, not on the slope that comes back."),
        (out, "you multiplied by the output itself. The slope of a unit that is not stuck is 1."),
        ((net > 0) & (net < 1), "the upper end of the activation is 6, not 1."),
    ):
        dcost_dnet = dcost_dout * mask
        for_weights.append((inputs.T @ dcost_dnet, text))
        for_biases.append((dcost_dnet.sum(axis=0), text))
        for_inputs.append((dcost_dnet @ weights.T, text))
    return for_weights, for_biases, for_inputs


@exercise
def clipped_backward(answer: Callable[..., Any]) -> None:
    """Exercise 4.4: the repaired backward pass of a layer whose outputs are cut off at 0 and at 6.

    Parameters
    ----------
    answer : callable
        ``(dcost_dout, inputs, weights, biases) -> (dcost_dweights, dcost_dbiases, dcost_dinputs)``;
        (n, n_out), (n, n_in), (n_in, n_out), (n_out,) -> (n_in, n_out), (n_out,), (n, n_in).
    """
    rng = np.random.default_rng(44)
    by_hand = np.array([[-1.0, -10.0, 100.0]]), np.array([[2.0]]), np.array([[-1.0, 1.0, 4.0]]), np.zeros(3)
    cases: list[tuple[Any, ...]] = [
        (*by_hand, "inputs = [[2]], weights = [[-1, 1, 4]], biases = [0, 0, 0], dcost_dout = [[-1, -10, 100]]")
    ]
    for n_in, n_out, n in ((3, 4, 6), (5, 2, 9)):
        random = [rng.normal(size=shape) for shape in ((n, n_out), (n, n_in))]
        random += [4 * rng.normal(size=(n_in, n_out)), rng.normal(size=n_out) + 3]
        cases.append((*random, f"random numbers, {n_in} inputs, {n_out} units, {n} examples"))
    axes = (("inputs", "units"), ("units",), ("examples", "inputs"))
    for dcost_dout, inputs, weights, biases, given in cases:

        def cost() -> float:
            return float((dcost_dout * np.clip(inputs @ weights + biases, 0, 6)).sum())  # noqa: B023

        expected = tuple(numerical_gradient(cost, array) for array in (weights, biases, inputs))
        mistakes = _clipped_mistakes(dcost_dout, inputs, weights, inputs @ weights + biases)
        for dtype in (np.float64, np.float32):
            arguments = [array.astype(dtype) for array in (dcost_dout, inputs, weights, biases)]
            result = call(answer, *arguments, name="clipped_backward")
            _expect_slopes(result, expected, mistakes, name="clipped_backward", given=given, axes=axes, dtype=dtype)


def _states(inputs: Floats, weights: Floats, biases: Floats, n_times: int) -> list[Floats]:
    states = [inputs]
    for _ in range(n_times):
        states.append(1 / (1 + np.exp(-(states[-1] @ weights + biases))))
    return states


def _repeated_cost(inputs: Floats, targets: Floats, weights: Floats, biases: Floats, n_times: int) -> float:
    states = _states(inputs, weights, biases, n_times)[1:]
    return float(sum(0.5 * ((state - targets) ** 2).sum() for state in states) / len(inputs))


def _repeated_mistakes(
    inputs: Floats, targets: Floats, weights: Floats, biases: Floats, n_times: int
) -> tuple[Hints, Hints, Hints]:
    """Collect what known mistakes give for the cost, the weights and the biases."""
    states, n = _states(inputs, weights, biases, n_times), len(inputs)
    costs = [0.5 * ((state - targets) ** 2).sum() / n for state in states[1:]]
    for_cost: Hints = [
        (costs[-1], "that is the cost of the last state alone. Every state after the inputs has its cost."),
        (sum(costs) * n, "the mean over the n rows is missing."),
        (sum(costs) / n_times, "the cost is a sum over the times, and a mean over the rows only."),
        (2 * sum(costs), "the ½ is missing."),
    ]
    errors = [(state - targets) / n for state in states]
    for_weights: Hints = []
    for_biases: Hints = []
    for text, direct, through in (
        (
            "each state has two paths to the cost: its own cost, and all that comes after it. The first is missing.",
            0,
            1,
        ),
        (
            "each state has two paths to the cost: its own cost, and all that comes after it. The second is missing.",
            1,
            0,
        ),
        ("", 1, 1),
    ):
        weight_terms, bias_terms, after_terms = [], [], []
        back = np.zeros_like(targets)
        for k in range(n_times, 0, -1):
            arriving = (errors[k] if direct or k == n_times else 0) + through * back
            dcost_dnet = arriving * states[k] * (1 - states[k])
            weight_terms.append(states[k - 1].T @ dcost_dnet)
            after_terms.append(states[k].T @ dcost_dnet)
            bias_terms.append(dcost_dnet.sum(axis=0))
            back = dcost_dnet @ weights.T
        if text:
            for_weights.append((sum(weight_terms), text))
            for_biases.append((sum(bias_terms), text))
            continue
        one_use = "that is the slope of one use only. "
        one_use += "A weight reaches the cost through each of its uses: add over them."
        for which in (0, -1):
            for_weights.append((weight_terms[which], one_use))
            for_biases.append((bias_terms[which], one_use))
        undivided, divided = "the cost's 1/n is missing.", "nothing is to be divided by the times."
        for factor, text in ((n, undivided), (1 / n_times, divided)):
            for_weights.append((sum(weight_terms) * factor, text))
            for_biases.append((sum(bias_terms) * factor, text))
        text = "you multiplied by the state that a use makes. The slope of a weight has the state that goes into it."
        for_weights.append((sum(after_terms), text))
    return for_cost, for_weights, for_biases


@exercise
def repeated_layer(answer: Callable[..., Any]) -> None:
    """Exercise 4.5: cost and slopes of one sigmoid layer that is used many times in a row.

    Parameters
    ----------
    answer : callable
        ``(inputs, targets, weights, biases, n_times) -> (cost, dcost_dweights, dcost_dbiases)``;
        (n, m), (n, m), (m, m), (m,), int -> a number, (m, m), (m,).
    """
    rng, name = np.random.default_rng(45), "repeated_layer"
    names = "cost", "dcost_dweights", "dcost_dbiases"
    axes = ((), ("from", "to"), ("units",))
    by_hand = np.array([[2.0]]), np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1), 1
    cases: list[tuple[Any, ...]] = [
        (*by_hand, "inputs = [[2]], targets = [[1]], weights = [[0]], biases = [0], n_times = 1")
    ]
    for n, m, n_times in ((4, 3, 1), (5, 4, 3), (2, 6, 8)):
        random = rng.random((n, m)), rng.random((n, m)), 3 * rng.normal(size=(m, m)), rng.normal(size=m)
        cases.append((*random, n_times, f"random numbers, {n} rows, {m} units, n_times = {n_times}"))
    for inputs, targets, weights, biases, n_times, given in cases:

        def cost() -> float:
            return _repeated_cost(inputs, targets, weights, biases, n_times)  # noqa: B023

        expected = np.array(cost()), numerical_gradient(cost, weights), numerical_gradient(cost, biases)
        mistakes = _repeated_mistakes(inputs, targets, weights, biases, n_times)
        result = call(answer, inputs, targets, weights, biases, n_times, name=name)
        _expect_slopes(result, expected, mistakes, name=name, given=given, axes=axes, dtype=np.float64, names=names)
    n, m, n_times = 16, 80, 100  # 1,296,000 layers to measure it all, 200 to send the slopes back
    inputs, targets = rng.random((n, m)), rng.random((n, m))
    weights, biases = rng.normal(size=(m, m)) / 3, rng.normal(size=m)
    result = unpack(call(answer, inputs, targets, weights, biases, n_times, name=name), names, name=name)
    h = 1e-5
    for k in (1, 2):
        directions = rng.normal(size=(m, m)) * (k == 1), rng.normal(size=m) * (k == 2)
        ends = [
            _repeated_cost(inputs, targets, weights + s * h * directions[0], biases + s * h * directions[1], n_times)
            for s in (1, -1)
        ]
        measured = np.array((ends[0] - ends[1]) / (2 * h))
        found = np.array((np.asarray(result[k], dtype=float) * directions[k - 1]).sum())
        given = f"random numbers, {n} rows, {m} units, n_times = {n_times}, the slope in a random direction"
        expect(found, measured, name=name, given=given, what=names[k], rtol=1e-5, atol=1e-7)
