"""Checks of the exercises for lesson 02: encode, decode with a refusal, and a code whose rows lie far apart."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise
from mnist_scratch.exercises.comparing import expect, number

__all__ = ["count_ones", "decode", "far_apart", "one_hot"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]
N_BITS, LEAST_APART = 12, 6


def _at(place: int, *values: Any) -> Callable[[Any], bool]:  # noqa: ANN401
    """Return a predicate: whether the entry at this place is one of the values."""
    return lambda answer: any(np.array_equal(answer[place], value) for value in values)


@exercise
def count_ones(answer: object) -> None:
    """Exercise 2.1: what five lines with indices give.

    Parameters
    ----------
    answer : tuple of four whole numbers and a shape
    """
    number(
        answer,
        (3, 6, 2, 8, (5, 2, 10)),
        name="count_ones",
        hints=[
            (
                _at(0, 2, 2.0),
                "two lists of places are paired up: (0, 4), (1, 4), (2, 9). Those are three different places.",
            ),
            (_at(0, 9), "two lists of places are paired up; not every row meets every column."),
            (_at(1, 9), "column 4 is named twice, but a 1 that is set twice is still one 1."),
            (_at(1, 3, 2), "the colon stands for every row: the columns are set in all three."),
            (
                _at(2, 1, 3),
                "the sum over axis 0 counts, for each place, how many of the picked rows have their 1 there.",
            ),
            (_at(3, 2), "a negative index counts from the end: -1 is the last row."),
            (_at(3, 7, 9, -2), "a negative index counts from the end: -1 is the last row, that of 9."),
            (
                _at(4, (5, 10), (2, 10), (10,), (10, 10)),
                "each of the labels becomes a row of ten. How many labels are there?",
            ),
            (
                _at(4, (5, 2), (10, 5, 2)),
                "each label, a single number, becomes a row; the rows lie along the last axis.",
            ),
        ],
    )


@exercise
def one_hot(answer: object) -> None:
    """Exercise 2.2: a column for each label, a row for each class, in the order of the classes.

    Parameters
    ----------
    answer : callable
        ``(labels, classes) -> columns``; (n,), (n_classes,) -> float32 (n_classes, n). Raises ValueError for a label
        that is not among the classes.
    """
    rng = np.random.default_rng(22)
    names = np.array(["wood", "ash", "elm", "oak", "fir"])
    cases: list[tuple[NDArray[Any], NDArray[Any], str]] = [
        (
            np.array(["cat", "owl", "cat", "cat"]),
            np.array(["owl", "dog", "cat"]),
            'labels = ["cat", "owl", "cat", "cat"], classes = ["owl", "dog", "cat"]',
        ),
        (np.array([30, 7, 30, 2, 9]), np.array([9, 2, 30, 7]), "labels = [30, 7, 30, 2, 9], classes = [9, 2, 30, 7]"),
        (np.array([1, 0]), np.array([2, 0, 1]), "labels = [1, 0], classes = [2, 0, 1]"),
        (rng.choice(names, 20), names, "20 random names of 5 trees"),
        (rng.integers(-4, 0, 9), np.array([-1, -2, -3, -4]), "9 random labels among the classes -1, -2, -3, -4"),
    ]
    for labels, classes, given in cases:
        hints: Hints = [
            (
                IndexError,
                "a label is a name here, not a place: its place is where it stands among the classes. "
                "Or are row and column swapped? The class is the first index.",
            ),
            (ValueError, "every label is among the classes here, so nothing is to be raised."),
        ]
        result = call(answer, labels, classes, name="one_hot", hints=hints)
        expect(
            result,
            _columns(labels, classes),
            name="one_hot",
            given=given,
            axes=("classes", "labels"),
            dtype=np.float32,
            kinds="fiub",
            hints=_one_hot_mistakes(labels, classes),
        )
    for labels, classes, given in (
        (np.array(["cat", "cow"]), np.array(["dog", "cat"]), 'labels = ["cat", "cow"], classes = ["dog", "cat"]'),
        (np.array([3, -1]), np.array([3, 4, 5]), "labels = [3, -1], classes = [3, 4, 5]"),
        (np.array([3, 6, 4]), np.array([5, 4, 3]), "labels = [3, 6, 4], classes = [5, 4, 3]"),
    ):
        _expect_refusal(answer, labels, classes, given)


def _columns(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(classes[:, np.newaxis] == labels, dtype=np.float32)


def _one_hot_mistakes(labels: NDArray[Any], classes: NDArray[Any]) -> Hints:
    n_classes, n = len(classes), len(labels)
    present = np.unique(labels)
    hints: Hints = [
        (
            lambda result: np.asarray(result).dtype.kind == "b",
            "True and False are right, but a network computes with float32.",
        ),
        (
            _columns(labels, classes),
            "the values are right; make them a float32 array, the type that the networks compute in.",
        ),
        (
            _columns(labels, classes).T,
            "each label is a column here, and each class a row. Yours lie the other way round.",
        ),
        (
            _columns(labels, np.sort(classes)),
            "the order of the outputs is that of `classes`, which need not be sorted.",
        ),
        (_columns(labels, np.sort(classes)).T, "each label is a column here; and the order is that of `classes`."),
        (_columns(labels, present), "the classes that occur among the labels may not be all, and not in this order."),
        (_columns(labels, present).T, "the classes that occur among the labels may not be all, and not in this order."),
        (1 - _columns(labels, classes), "0 and 1 have changed places."),
        (np.ones((n_classes, n)), "two lists of places are to be paired up: a colon sets every place of a row."),
        (_columns(labels, classes)[::-1], "the classes are in the opposite order."),
    ]
    if labels.dtype.kind == "i":
        text = "a label is a name here, not a place. Its place is where it stands among the classes."
        by_place = np.zeros((n_classes, n))
        inside = (labels >= -n_classes) & (labels < n_classes)
        by_place[labels[inside], np.arange(n)[inside]] = 1
        hints += [(by_place, text), (by_place.T, text)]
    return hints


def _expect_refusal(answer: Any, labels: NDArray[Any], classes: NDArray[Any], given: str) -> None:  # noqa: ANN401
    try:
        answer(labels.copy(), classes.copy())
    except ValueError:
        return
    except (RecursionError, NotImplementedError):
        raise
    except Exception as problem:
        raise WrongAnswer(
            f"one_hot: for {given}, your function raised {type(problem).__name__}; a ValueError is expected. "
            "Hint: look whether each label is among the classes, before its place is used."
        ) from None
    raise WrongAnswer(
        f"one_hot: for {given}, your function returned something; a ValueError is expected. Hint: one label is not "
        "among the classes, and no column is right for it. Such a label must be noticed."
    )


@exercise
def decode(answer: object) -> None:
    """Exercise 2.3: the digit of the nearest row, or -1 where the second nearest is hardly farther.

    Parameters
    ----------
    answer : callable
        ``(out, code, margin) -> digits``; (n, k), (n_digits, k), a number -> whole numbers (n,).
    """
    rng = np.random.default_rng(23)
    example = np.array([[0.1, 0.9], [0.4, 0.9], [-1.0, 0.0], [0.9, 0.7]])
    cases: list[tuple[Any, ...]] = [
        (
            example,
            np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
            0.5,
            "the example's four outputs, code = [[0, 0], [0, 1], [1, 1]], margin 0.5",
        )
    ]
    bits = np.array([[digit // bit % 2 for bit in (8, 4, 2, 1)] for digit in range(10)], dtype=float)
    tables = (
        (bits, 0.4, "the four bits"),
        (np.eye(6), 0.3, "six one-hot rows"),
        (rng.uniform(-1, 2, (7, 3)), 0.8, "a random table of 7 rows"),
        (np.arange(10.0).reshape(10, 1) / 9, 0.005, "one number"),
    )
    for code, margin, which in tables:
        out = rng.random((60, code.shape[1]))
        apart = np.sort(_distances(out, code), axis=1)
        gap = apart[:, 1] - apart[:, 0]
        out = out[np.abs(gap - margin) > 1e-4]
        cases.append((out, code, margin, f"{len(out)} random outputs, {which}, margin {margin}"))
    for out, code, margin, given in cases:
        for dtype in (np.float64, np.float32):
            result = call(answer, out.astype(dtype), code.astype(dtype), margin, name="decode")
            expect(
                result,
                _nearest(_distances(out, code), margin),
                name="decode",
                given=f"{given} ({np.dtype(dtype)})",
                axes=("outputs",),
                kinds="iu",
                hints=_decode_mistakes(out, code, margin),
            )


def _distances(out: Floats, code: Floats) -> Floats:
    return np.asarray(((out[:, np.newaxis] - code) ** 2).sum(axis=2))


def _nearest(distances: Floats, margin: float) -> NDArray[np.int64]:
    apart = np.sort(distances, axis=1)
    return np.where(apart[:, 1] - apart[:, 0] < margin, -1, distances.argmin(axis=1))


def _decode_mistakes(out: Floats, code: Floats, margin: float) -> Hints:
    distances = _distances(out, code)
    apart = np.sort(distances, axis=1)
    nearest, gap = distances.argmin(axis=1), apart[:, 1] - apart[:, 0]
    right = _nearest(distances, margin)
    ranked = np.sort(out, axis=1)
    hints: Hints = [
        (
            lambda result: np.asarray(result).dtype.kind == "f" and np.array_equal(result, right),
            "a digit is a whole number.",
        ),
        (nearest, "nothing has been refused: look at the second nearest row, too (not the farthest)."),
        (distances.argmax(axis=1), "that is the row that lies farthest from the outputs."),
        (np.where(gap >= margin, -1, nearest), "you refuse the clear cases and answer the doubtful ones."),
        (
            np.where(apart[:, 0] >= margin, -1, nearest),
            "the nearest row's distance alone does not tell whether another is as near.",
        ),
        (
            np.where(apart[:, 0] < margin, -1, nearest),
            "the nearest row's distance alone does not tell whether another is as near.",
        ),
        (_nearest(np.sqrt(distances), margin), "the margin is one of squared distances; you took the root."),
        (
            _nearest(np.abs(out[:, np.newaxis] - code).sum(axis=2), margin),
            "square the differences before you add them up.",
        ),
        (
            np.where(gap < margin, np.argsort(distances, axis=1)[:, 1], nearest),
            "a doubtful case gets -1, not the second nearest.",
        ),
        (
            np.where(apart[:, -1] - apart[:, 0] < margin, -1, nearest),
            "hold the nearest against the second nearest, not against the farthest.",
        ),
        (np.where(gap < margin, 0, nearest), "a doubtful case gets -1; 0 is a digit."),
    ]
    largest = out.argmax(axis=1)
    text = "argmax finds the nearest row for one-hot rows only. This code has other rows."
    hints += [(largest, text)]
    if out.shape[1] > 1:
        lead = ranked[:, -1] - ranked[:, -2]
        hints += [
            (np.where(lead < margin, -1, largest), text + " The margin, too, is one of distances."),
            (np.where(lead < margin, -1, nearest), "the margin is one of squared distances to rows, not of outputs."),
        ]
    if len(out) != len(code):
        hints.append(
            (
                lambda result: np.asarray(result).shape == (len(code),),
                "there must be one answer for each row of out; you have one for each row of the code.",
            )
        )
    return hints


@exercise
def far_apart(answer: object) -> None:
    """Exercise 2.5: ten rows of twelve bits, each two of which differ in six places at least.

    Parameters
    ----------
    answer : array_like of 0 and 1, (10, 12)
    """
    code = np.array(answer) if isinstance(answer, list | tuple) else answer
    shape = (10, N_BITS)
    if not isinstance(code, np.ndarray) or code.dtype.kind not in "biuf" or code.shape != shape:
        expect(code, np.full(shape, 2), name="far_apart", what="your code", kinds="iubf", axes=("digits", "bits"))
    assert isinstance(code, np.ndarray)  # expect has raised otherwise
    other = np.argwhere((code != 0) & (code != 1))
    if len(other):
        row, column = (int(place) for place in other[0])
        raise WrongAnswer(
            f"far_apart: your code holds {code[row, column]} at [{row}, {column}]; only 0 and 1 are allowed. "
            "Hint: bits are 0 or 1, nothing between and nothing beyond."
        )
    bits = code.astype(int)
    differ = (bits[:, np.newaxis] != bits).sum(axis=2)
    least, first, second = min((int(differ[a, b]), a, b) for b in range(10) for a in range(b))
    if least < LEAST_APART:
        raise WrongAnswer(
            f"far_apart: the rows of {first} and {second} differ in {least} bits; the target is {LEAST_APART} for "
            f"every two rows. Hint: {_code_hint(differ, least)}"
        )


def _code_hint(differ: NDArray[Any], least: int) -> str:
    close = sum(int(differ[a, b] < LEAST_APART) for b in range(10) for a in range(b))
    if least == 0:
        return "two digits with the same row cannot be told apart at all."
    if least == 1:
        return "a single wrong bit turns one of these digits into the other, as with the lesson's four bits."
    if (differ[~np.eye(10, dtype=bool)] == 2).all():
        return "that is one-hot with empty columns: every two rows differ in two places only. Let rows have more ones."
    if close <= 3:
        return f"only {close} of the 45 pairs are too close. Replace one row of such a pair and try again."
    return (
        f"{close} of the 45 pairs are too close. Rows drawn at random seldom reach the target all at once; add one row "
        "at a time, and keep it only if it is far from all that you have."
    )
