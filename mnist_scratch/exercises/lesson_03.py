"""Checks of the exercises for lesson 03: what passes through a layer, and formulas that a computer stumbles over."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise
from mnist_scratch.exercises.comparing import expect, number

__all__ = ["forward", "log_sigmoid", "masked_softmax", "parity", "sizes_and_counts"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]
MOST_HIDDEN, NEAR = 4, 0.01


def _at(place: int, *values: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    """Return a predicate: whether the entry at this place is one of the values."""
    return lambda answer: any(np.array_equal(answer[place], value) for value in values)


@exercise
def sizes_and_counts(answer: object) -> None:
    """Exercise 3.1: parameters, a shape, multiplications, and what is left without a bend, for 20-7-7-3 and 50 rows.

    Parameters
    ----------
    answer : tuple of a number, a shape and two numbers
    """
    pairs = "three layers of weights lie between four sizes: 20 to 7, 7 to 7, 7 to 3."
    straight = "without a bend the three layers are one layer, from 20 inputs straight to 3 outputs."
    number(
        answer,
        (227, (50, 7), 10_500, 63),
        name="sizes_and_counts",
        hints=[
            (_at(0, 210), "each unit has a bias beside its weights."),
            (_at(0, 247, 37, 244), "the 20 inputs are no units: they have no biases, and each weight counts once."),
            (_at(0, 171, 164), pairs),
            (_at(0, 227 * 50), "all rows of a batch go through the same weights and biases."),
            (_at(1, (7, 50)), "rows are examples: the batch runs along the first axis."),
            (_at(1, (50, 3), (50, 20)), "that is the net of another layer. The second layer's units are the second 7."),
            (_at(1, (7, 7)), "that is the shape of the layer's weights. Its net has a row for each example."),
            (_at(1, (7,), (1, 7)), "every example of the batch has its own nets."),
            (_at(2, 210), "that is for one example."),
            (_at(2, 11_350), "adding a bias is no multiplication."),
            (_at(2, 50 * 20 * 7 * 7 * 3, 20 * 7 * 7 * 3), "one layer comes after the other: their counts add up."),
            (_at(2, 50 * 17, 850), "each number of the net is a sum of products, with as many as the unit has inputs."),
            (_at(3, 227, 210, 50 * 60, 2940), straight),
            (_at(3, 60), "the one layer has biases as well: aB + b in the lesson."),
        ],
    )


def _log_sigmoid(net: Floats) -> Floats:
    net = net.astype(np.float64)
    return np.asarray(np.minimum(net, 0) - np.log1p(np.exp(-np.abs(net))))


@exercise
def log_sigmoid(answer: object) -> None:
    """Exercise 3.2: the logarithm of the sigmoid, right to a millionth for any net, and silent.

    Parameters
    ----------
    answer : callable
        ``(net) -> logarithms``; floats of any shape -> the same shape and dtype.
    """
    rng = np.random.default_rng(32)
    text = (
        "NumPy warned. np.where works out both of its branches for all nets, also the one that is not taken; so no "
        "exponent may be above 0 in either."
    )
    for dtype, rtol in ((np.float64, 1e-6), (np.float32, 1e-5)):
        for net, given in (
            (np.array([0.0, -1.0, 2.5]), "net = [0, -1, 2.5]"),
            (np.array([[-1000.0, -100.0, -30.0], [1000.0, 40.0, 20.0]]), "net = [[-1000, -100, -30], [1000, 40, 20]]"),
            (rng.uniform(-30, 30, (7, 4)), "random nets of shape (7, 4)"),
            (rng.uniform(-1e4, 1e4, 50), "50 random nets up to 10,000"),
        ):
            net = net.astype(dtype)
            result = call(answer, net, name="log_sigmoid")
            _compare_logs(result, net, f"{given} ({np.dtype(dtype)})", rtol)
            with np.errstate(over="raise", divide="raise", invalid="raise"):
                call(answer, net, name="log_sigmoid", hints=[(FloatingPointError, text)])


def _compare_logs(result: Any, net: Floats, given: str, rtol: float) -> None:  # noqa: ANN401
    right = _log_sigmoid(net)
    large = net > 15
    steep = net < -80
    hints: Hints = [
        (
            lambda logs: np.isnan(logs).any(),
            "infinity divided by infinity, or less infinity, is nan. Which exponent is too large?",
        ),
        (
            lambda logs: (logs == -np.inf).any(),
            "a power grew too large, so the sigmoid was 0 before its logarithm. Use the form for negative nets.",
        ),
        (
            lambda logs: (logs == np.inf).any(),
            "an exponent above 0 grows too large for a float. Use e to the power of -|net|.",
        ),
        (-right, "every sign is turned round: the logarithm of a number between 0 and 1 is negative."),
        (np.exp(right), "that is the sigmoid itself. Its logarithm is asked for."),
        (right / np.log(10), "the natural logarithm is asked for, not that to the base of 10."),
        (right / np.log(2), "the natural logarithm is asked for, not that to the base of 2."),
        (_log_sigmoid(-net), "that is ln σ(-net), the logarithm of what is missing to 1."),
        (
            lambda logs: (
                steep.any() and (np.abs(logs[steep] - right[steep].max()) > 1).all() and (np.ptp(logs[steep]) < 1e-3)
            ),
            "a cap on the exponent makes all nets far to the left give the same, and here they must go on falling.",
        ),
        (
            lambda logs: large.any() and (logs[large] == 0).any() and np.allclose(logs, right, rtol=1e-4, atol=1e-6),
            "1 + e⁻⁴⁰ is rounded to 1, and the small number is lost. np.log1p(y) is ln(1 + y) without that sum.",
        ),
        (
            lambda logs: np.allclose(logs, right, rtol=1e-3, atol=1e-5),
            "close, but digits are lost where the answer is near 0. np.log1p(y) is ln(1 + y) without that sum.",
        ),
    ]
    expect(result, right, name="log_sigmoid", given=given, rtol=rtol, atol=1e-300, hints=hints)
    if np.asarray(result).dtype != net.dtype:
        expect(result, right, name="log_sigmoid", given=given, rtol=rtol, atol=1e-300, dtype=net.dtype)


def _run_tables(
    inputs: Floats,
    tables: Sequence[Floats],
    hidden: Callable[[Floats], Floats] = np.tanh,
    last: Callable[[Floats], Floats] = np.asarray,
    *,
    bias_first: bool = False,
    bias: bool = True,
    turned: bool = False,
) -> Floats:
    out = inputs
    for k, table in enumerate(tables):
        one = np.full((len(out), 1), 1.0 if bias else 0.0)
        extended = np.hstack([one, out] if bias_first else [out, one])
        net = extended @ (table if turned else table.T)
        out = np.asarray((last if k == len(tables) - 1 else hidden)(net))
    return out


@exercise
def forward(answer: object) -> None:
    """Exercise 3.3: a forward pass through tables that hold a row for each unit, its bias at the end.

    Parameters
    ----------
    answer : callable
        ``(inputs, tables) -> out``; (n, n_in), a list of arrays (n_units, n_inputs + 1) -> (n, n_out).
    """
    rng = np.random.default_rng(33)
    example = [np.array([[1.0, -1.0, 0.5]]), np.array([[2.0, 1.0]])]
    cases: list[tuple[Any, ...]] = [
        (np.array([[1.0, 1.5], [0.5, 0.0]]), example, "the example's inputs and tables"),
    ]
    for sizes, n in (((3, 4, 5), 6), ((5, 2, 7, 3), 4), ((4, 2), 3), ((2, 6, 6, 6, 1), 1)):
        tables = [rng.normal(size=(n_out, n_in + 1)) for n_in, n_out in itertools.pairwise(sizes)]
        named = "-".join(map(str, sizes))
        cases.append((rng.normal(size=(n, sizes[0])), tables, f"random tables of sizes {named} and {n} examples"))
    for inputs, tables, given in cases:
        wrong = (
            "matrix product: a table has a row for each unit here, and the inputs are rows as well. Which of the two "
            "must be transposed, and where does the 1 for the bias go?"
        )
        result = call(answer, inputs, tables, name="forward", hints=[(ValueError, wrong)])
        expect(
            result,
            _run_tables(inputs, tables),
            name="forward",
            given=given,
            axes=("examples", "outputs"),
            hints=_forward_mistakes(inputs, tables),
        )


def _forward_mistakes(inputs: Floats, tables: Sequence[Floats]) -> Hints:
    def sigmoid(net: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-net)))

    ends = "the last layer hands out its net as it is: tanh belongs to the layers before it."
    hints: Hints = [
        (_run_tables(inputs, tables, last=np.tanh), ends),
        (
            _run_tables(inputs, tables, np.asarray, np.asarray),
            "the hidden layers have lost their activation. Without a bend they are one layer.",
        ),
        (
            _run_tables(inputs, tables, sigmoid, sigmoid),
            "these layers use tanh, not the sigmoid, and the last layer nothing at all.",
        ),
        (_run_tables(inputs, tables, sigmoid), "these layers use tanh, not the sigmoid."),
        (
            _run_tables(inputs, tables, bias=False),
            "the biases are missing: they stand in the last column of each table.",
        ),
        (
            _run_tables(inputs, tables, bias_first=True),
            "the bias stands in the last column of a table, so the 1 belongs after the inputs.",
        ),
        (_run_tables(inputs, tables).T, "transposed: an example is a row, also at the end."),
        (
            lambda result: np.asarray(result).shape == (len(inputs),),
            "keep the axis of the outputs, even if there is one only.",
        ),
        *(
            (_run_tables(inputs, tables[:1], last=end), "that is the first layer alone.")
            for end in (np.asarray, np.tanh)
        ),
        (_run_tables(inputs, tables[:-1], last=np.tanh), "the last layer has been left out."),
    ]
    if all(table.shape[0] == table.shape[1] for table in tables):
        text = (
            "a table has a row for each unit. This one is square, so that both ways round work, but only one is right."
        )
        hints.append((_run_tables(inputs, tables, turned=True), text))
    return hints


def _shares(
    net: Floats, allowed: NDArray[np.bool_], *, axis: int | None = 0, top: str = "column", mask: str = "before"
) -> Floats:
    """Softmax of the columns, with a switch for each mistake."""
    tops = {"column": net.max(axis=0), "all": net.max(), "row": net.max(axis=1, keepdims=True), "none": 0.0}
    lower = np.where(allowed[:, np.newaxis], net, -np.inf)
    tops |= {"allowed": lower.max(axis=0), "all allowed": lower.max()}
    powers = np.exp(net - tops[top])
    if mask == "before":
        powers = np.exp(lower - tops[top])
    elif mask == "zeros":
        powers = np.exp(np.where(allowed[:, np.newaxis], net, 0) - tops[top])
    powers = np.asarray(powers / powers.sum(axis=axis, keepdims=True))
    return powers * allowed[:, np.newaxis] if mask == "after" else powers


@exercise
def masked_softmax(answer: object) -> None:
    """Exercise 3.4: the repaired softmax whose examples are columns and which knows classes that cannot be.

    Parameters
    ----------
    answer : callable
        ``(net, allowed) -> shares``; (n_classes, n), booleans (n_classes,) -> (n_classes, n).
    """
    rng = np.random.default_rng(34)
    every = np.ones(3, dtype=bool)
    some = np.array([True, False, True])
    first = np.array([[0.0, 1000.0], [1.0, 1001.0], [2.0, 1002.0]])
    third = np.array([[0.0, 1000.0], [9.0, 0.0], [np.log(3), 1000.0]])
    low = rng.normal(size=(6, 5)) * 50 - 900, rng.random(6) < 0.6
    cases: list[tuple[Floats, NDArray[np.bool_], str]] = [
        (rng.normal(size=(3, 4)), every, "random nets (3, 4), all classes allowed"),
        (rng.normal(size=(3, 3)), every, "random nets (3, 3), all classes allowed"),
        (first, every, "net = [[0, 1000], [1, 1001], [2, 1002]], all allowed"),
        (rng.normal(size=(3, 4)), some, "random nets (3, 4), allowed = [True, False, True]"),
        (third, some, "net = [[0, 1000], [9, 0], [ln 3, 1000]], allowed = [True, False, True]"),
        (np.array([[0.0], [2000.0], [1.0]]), some, "net = [[0], [2000], [1]], allowed = [True, False, True]"),
        (*low, "random nets (6, 5) about -900, some classes allowed"),
    ]
    for dtype in (np.float64, np.float32):
        for net, allowed, given in cases:
            result = call(answer, net.astype(dtype), allowed, name="masked_softmax")
            with np.errstate(all="ignore"):
                expect(
                    result,
                    _shares(net, allowed, top="allowed"),
                    name="masked_softmax",
                    given=f"{given} ({np.dtype(dtype)})",
                    axes=("classes", "examples"),
                    rtol=1e-3 if dtype is np.float32 else 1e-6,
                    hints=_softmax_mistakes(net, allowed),
                )


def _softmax_mistakes(net: Floats, allowed: NDArray[np.bool_]) -> Hints:
    across = (
        "your shares add up to 1 along a row, over examples that have nothing to do with each other. Here an example "
        "is a column."
    )
    one_top = (
        "one largest net was taken off everywhere. In a column that lies far below it all powers are 0, and 0 / 0 is "
        "nan. Each column needs its own."
    )
    late = (
        "the impossible classes have had their part in the sum, and were thrown away after it. What is left must add "
        "up to 1."
    )
    forbidden = (
        "the largest net of a column may belong to an impossible class. Off the others it is too much: all their "
        "powers become 0. Which nets may count for the maximum?"
    )

    def is_nan(result: Any) -> bool:  # noqa: ANN401
        return bool(np.isnan(result).any())

    hints: Hints = []
    tops = ("all", "row", "column", "none", "allowed", "all allowed")
    for top, mask in itertools.product(tops, ("after", "before", "none")):
        hints.append((_shares(net, allowed, axis=1, top=top, mask=mask), across))
    whole = "the shares of the whole table add up to 1. Each column must, by itself."
    hints += [(_shares(net, allowed, axis=None, mask=mask), whole) for mask in ("before", "after")]
    if not allowed.all():
        zeros = "a net of 0 is a net like any other, and e⁰ is 1. An impossible class must get the power 0."
        hints += [(_shares(net, allowed, top=top, mask="zeros"), zeros) for top in ("column", "allowed", "all", "none")]
        for top in ("column", "allowed", "none", "all"):
            hints.append((_shares(net, allowed, top=top, mask="after"), late))
            hints.append((_shares(net, allowed, top=top, mask="none"), "impossible classes must get the share 0."))
    # NaN comes of many mistakes; the predicates below tell which.
    hints = [(known, text) for known, text in hints if np.isfinite(known).all()]
    if (net.max(axis=0) < net.max() - 500).any():
        hints.append((is_nan, one_top))
    if not allowed.all() and (net.max(axis=0) > np.where(allowed[:, np.newaxis], net, -np.inf).max(axis=0) + 500).any():
        hints.append((is_nan, forbidden))
        hints.append((lambda result: bool((np.asarray(result).sum(axis=0) == 0).any()), forbidden))
    if (np.abs(net) > 700).any():
        far = "e to the power of 1000 is no float, and e to the power of -1000 is 0. Take a largest net off first."
        hints.append((is_nan, far))
    return hints


@exercise
def parity(weights_hidden: object, biases_hidden: object, weights_output: object, biases_output: object) -> None:
    """Exercise 3.5: sixteen points, four hidden units, and every output within 0.01 of its target.

    Parameters
    ----------
    weights_hidden, biases_hidden, weights_output, biases_output : array_like
        (4, n_hidden), (n_hidden,), (n_hidden, 1), (1,); n_hidden at most 4.
    """
    first = _table(weights_hidden, "weights_hidden", 2)
    n_hidden = first.shape[1]
    turned = "a row for each input, a column for each unit."
    if first.shape[0] != 4 or not n_hidden:
        raise WrongAnswer(f"parity: weights_hidden has shape {first.shape}; (4, n_hidden) is expected. Hint: {turned}")
    if n_hidden > MOST_HIDDEN:
        raise WrongAnswer(
            f"parity: there are {n_hidden} hidden units; at most {MOST_HIDDEN} are allowed. Hint: the order of the "
            "four inputs does not matter, only how many of them are 1. One unit can tell whether there are two or more."
        )
    parts = [first]
    for given, name, shape in (
        (biases_hidden, "biases_hidden", (n_hidden,)),
        (weights_output, "weights_output", (n_hidden, 1)),
        (biases_output, "biases_output", (1,)),
    ):
        part = _table(given, name, len(shape))
        if part.shape != shape:
            text = turned if len(shape) == 2 else "one bias for each unit."
            raise WrongAnswer(f"parity: {name} has shape {part.shape}; {shape} is expected. Hint: {text}")
        parts.append(part)
    points = np.array(list(itertools.product((0, 1), repeat=4)), dtype=float)
    targets = points.sum(axis=1) % 2
    with np.errstate(all="ignore"):
        hidden = 1 / (1 + np.exp(-(points @ parts[0] + parts[1])))
        out = (1 / (1 + np.exp(-(hidden @ parts[2] + parts[3]))))[:, 0]
    wrong = np.flatnonzero(~(np.abs(out - targets) <= NEAR))
    if not len(wrong):
        return
    first_wrong = wrong[0]
    raise WrongAnswer(
        f"parity: for the inputs {points[first_wrong].astype(int).tolist()} the output is {out[first_wrong]:.4f}; "
        f"{targets[first_wrong]:.0f} is wanted, within {NEAR}. {len(wrong)} of 16 points are off. "
        f"Hint: {_parity_hint(points, targets, hidden, out)}"
    )


def _table(given: object, name: str, ndim: int) -> Floats:
    array = np.array(given) if isinstance(given, list | tuple) else given
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        kind = f"an array of dtype {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(given).__name__}"
        raise WrongAnswer(f"parity: {name} is {kind}; an array of numbers with {ndim} axes is expected.")
    if array.ndim != ndim:
        raise WrongAnswer(
            f"parity: {name} has shape {array.shape}; {ndim} {'axes are' if ndim > 1 else 'axis is'} expected. "
            "Hint: weights are tables, (inputs, units); biases are rows, (units,)."
        )
    if not np.isfinite(array).all():
        raise WrongAnswer(f"parity: {name} holds NaN or infinity.")
    return np.asarray(array, dtype=float)


def _parity_hint(points: Floats, targets: Floats, hidden: Floats, out: Floats) -> str:
    sides = (out > 0.5) == (targets == 1)
    counts = points.sum(axis=1)
    if sides.all():
        return "every output is on its right side, but not far enough. What did doubling do to a unit's outputs?"
    if not sides.any():
        return "every output is on the wrong side: 1 is wanted where the number of ones is odd."
    if np.ptp(out) < 1e-3:
        return "the output is the same for all points. Do the hidden units ever change sides?"
    if any(np.ptp(out[counts == count]) > 0.5 for count in range(5)):
        return "points with the same number of ones get different outputs. Let a hidden unit treat all inputs alike."
    if np.ptp(hidden, axis=0).min() < 0.5:
        return "a hidden unit gives nearly the same for all points, so nothing hangs on it. Look at its bias."
    failing = ", ".join(str(int(count)) for count in np.unique(counts[~sides]))
    return f"the output is on the wrong side where the number of ones is {failing}. What are the hidden outputs there?"
