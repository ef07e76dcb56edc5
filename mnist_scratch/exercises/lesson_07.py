"""Checks for the exercises of lesson 07: tables of errors, Wilson's interval, and the two kinds of luck."""

import functools
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise, unpack
from mnist_scratch.exercises.comparing import expect, number

__all__ = ["read_the_table", "shares_of_errors", "two_lucks", "weighted_confusion", "wilson_of_part"]

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]


def _at(place: int, *values: float) -> Callable[[Any], bool]:
    """Return a predicate: whether the entry at this place is near one of the values."""

    def near(answer: Any) -> bool:  # noqa: ANN401
        return any(abs(float(answer[place]) - value) < 0.006 for value in values)

    return near


@exercise
def read_the_table(answer: object) -> None:
    """Check exercise 7.1: four shares read off a table of three digits.

    Parameters
    ----------
    answer : tuple of four numbers
    """
    number(
        answer,
        (0.6, 30 / 42, 0.25, 0.81),
        name="answer",
        tol=0.006,
        hints=[
            (lambda a: float(np.max(np.asarray(a, float))) > 1.5, "give shares from 0 to 1, not per cent."),
            (_at(0, 30 / 42), "the first asks about the images that were a 1. They fill a row."),
            (_at(0, 0.15), "the first asks for a share of the 1s alone: divide by the number of 1s."),
            (_at(1, 0.6), "the second asks about the answers '1', right and wrong. They fill a column."),
            (_at(1, 12 / 42), "that is the share of the answers '1' that are wrong."),
            (_at(2, 3 / 42), "the third is among the wrong answers only: leave the diagonal out before you divide."),
            (_at(2, 0.03), "you divided by the number of 2s. The third asks about the wrong answers '1', a column."),
            (_at(2, 0.75), "that is the share that was a 0."),
            (_at(2, 14 / 20, 6 / 20), "you read along a row. The wrong answers '1' stand in a column."),
            (_at(2, 3 / 7), "you read along the row of the 2s. The wrong answers '1' stand in a column."),
            (
                _at(3, 0.77),
                "you took the mean of the three digits' accuracies. There are twice as many 2s: "
                "count the right images of all.",
            ),
        ],
    )


def _confusion_mistakes(labels: Ints, answers: Ints, weights: Floats, n_classes: int) -> Hints:
    """Collect what known mistakes give."""
    full = _weigh(labels, answers, weights, n_classes)
    unweighted = _weigh(labels, answers, np.ones(len(labels)), n_classes)
    last_only = np.zeros_like(full)
    last_only[labels, answers] += weights
    folded = full[:, :-1].copy()
    folded[:, -1] += full[:, -1]
    swapped, nothing_kept = np.zeros_like(full), full.copy()
    np.add.at(swapped, (answers, labels), weights)
    nothing_kept[:, :-1] = full[:, :-1].T
    exchanged = "rows and columns are exchanged: a row is what it was, a column what the network said."
    return [
        (full, "the values are right; hand them back as a NumPy array of floats."),
        (swapped, exchanged),
        (nothing_kept, exchanged),
        (
            last_only,
            "table[labels, answers] += weights writes a pair that occurs twice only once; every image must be added.",
        ),
        (unweighted, "you count images; add each image's weight instead of 1."),
        (unweighted.astype(int), "you count images; add each image's weight instead of 1."),
        (
            _whole(labels, answers, weights, n_classes),
            "the table holds whole numbers, so weights lose their fractions; make it a table of floats.",
        ),
        (full.T, exchanged),
        (full[:, :-1], "the images without an answer are missing: they have a column of their own, the last."),
        (
            folded,
            "an answer of -1 counts as the last column. With one column too few that is the last digit's: "
            "is there a column for no answer?",
        ),
        (np.roll(full, 1, axis=1), "the column for no answer comes last, not first."),
        (full / full.sum(), "do not divide: the table holds sums of weights."),
        (
            lambda r: n_classes != 10 and np.shape(r) in ((10, 11), (10, 10)),
            "is the number of classes always 10? It is given as n_classes.",
        ),
        (
            lambda r: np.ndim(r) == 2 and len(r) < n_classes,
            "a class that does not occur among the labels keeps its row, of zeros.",
        ),
    ]


@exercise
def weighted_confusion(answer: object) -> None:
    """Check exercise 7.2: a confusion matrix of weights, with a column for no answer.

    Parameters
    ----------
    answer : function (labels, answers, weights, n_classes) -> (n_classes, n_classes + 1)
    """
    rng = np.random.default_rng(72)
    by_hand = (np.array([0, 2, 2, 1]), np.array([0, 2, -1, 0]), np.array([1, 0.5, 2, 1]), 3)
    cases: list[tuple[Ints, Ints, Floats, int, str]] = [(*by_hand, "the example of the text")]
    for n, n_classes, dtype in ((60, 4, np.float64), (300, 10, np.float32), (40, 12, np.float64)):
        labels, answers = rng.integers(0, n_classes - 1, n), rng.integers(-1, n_classes - 1, n)
        weights: Floats = rng.uniform(0.2, 3, n).astype(dtype)
        given = f"{n} random images of {n_classes} classes ({weights.dtype} weights)"
        cases.append((labels, answers, weights, n_classes, given))
    for labels, answers, weights, n_classes, given in cases:
        result = call(answer, labels, answers, weights, n_classes, name="weighted_confusion")
        expect(
            result,
            _weigh(labels, answers, weights, n_classes),
            name="weighted_confusion",
            given=given,
            axes=("classes", "classes and one for no answer"),
            hints=_confusion_mistakes(labels, answers, weights, n_classes),
        )


def _weigh(labels: Ints, answers: Ints, weights: Floats, n_classes: int) -> NDArray[np.float64]:
    table = np.zeros((n_classes, n_classes + 1))
    np.add.at(table, (labels, answers), weights)
    return table


def _whole(labels: Ints, answers: Ints, weights: Floats, n_classes: int) -> NDArray[np.int64]:
    table = np.zeros((n_classes, n_classes + 1), dtype=np.int64)
    for label, answer, weight in zip(labels, answers, weights, strict=True):
        table[label, answer] += weight
    return table


@exercise
def shares_of_errors(answer: object) -> None:
    """Check exercise 7.3: for many runs at once, each digit's errors as shares.

    Parameters
    ----------
    answer : function (seeds, classes, classes) -> the same shape
    """
    rng = np.random.default_rng(73)
    small = np.array([[[50, 6, 2], [1, 40, 3], [0, 0, 9]], [[48, 4, 6], [0, 41, 3], [1, 0, 8]]])
    cases = [(small, "2 runs of 3 digits"), (rng.integers(1, 60, (7, 5, 5)), "7 random runs of 5 digits")]
    cases.append((rng.integers(1, 60, (5, 5, 5)).astype(np.float64), "5 random runs of 5 digits"))
    clean = rng.integers(1, 60, (4, 6, 6))
    clean[2, 3], clean[1, 0] = np.eye(6)[3] * 17, 0
    cases.append((clean, "4 random runs of 6 digits, with one digit that has no errors and one that does not occur"))
    for confusions, given in cases:
        result = call(answer, confusions, name="shares_of_errors")
        errors = confusions * (1 - np.eye(confusions.shape[-1]))
        expected = _divide(errors, errors.sum(axis=2, keepdims=True))
        pooled = errors.sum(axis=0)
        expect(
            result,
            expected,
            name="shares_of_errors",
            given=given,
            axes=("runs", "what it was", "what was said"),
            hints=[
                (
                    _divide(errors, errors.sum(axis=1, keepdims=True)),
                    "these are shares of each column: you summed over what it was. A digit's errors fill a row, "
                    "so sum over what was said, the last axis.",
                ),
                (
                    _divide(errors, errors.sum(axis=(1, 2), keepdims=True)),
                    "these are shares of all the errors of a run; each row needs its own sum.",
                ),
                (
                    _divide(errors, errors.sum(axis=0, keepdims=True)),
                    "you summed over the runs (axis 0); each run has its own shares.",
                ),
                (
                    _divide(confusions, confusions.sum(axis=2, keepdims=True)),
                    "the right answers are still in: set the diagonal to zero before you divide.",
                ),
                (
                    _divide(errors, confusions.sum(axis=2, keepdims=True)),
                    "you divided by the number of images of the digit; divide by the number of its errors.",
                ),
                (100 * expected, "shares go from 0 to 1, not to 100."),
                (_divide(pooled, pooled.sum(axis=1, keepdims=True)), "you pooled the runs; keep each run apart."),
                (
                    lambda r: bool(np.isnan(np.asarray(r, float)).any()),
                    "0 / 0: a digit without errors has nothing to divide. Its row should be zeros.",
                ),
            ],
        )


def _divide(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(part / np.where(whole == 0, 1, whole), dtype=np.float64)


def _wilson_mistakes(right: int, n: int, total: int, z: float) -> Hints:
    """Collect what known mistakes give."""
    p, part = right / n, (total - n) / (total - 1)
    expected = _wilson(p, z * z * part / n)
    reach = z * np.sqrt(p * (1 - p) / n * part)
    with_root = _wilson(p, z * z * np.sqrt(part) / n)
    return [
        (
            lambda r: bool(np.isnan(np.asarray(r, float)).any()),
            "when all images were looked at, the number under the root is 0, and rounding "
            "can leave a tiny negative one: keep it at 0 or above.",
        ),
        (
            _wilson(p, z * z / n),
            "that is the interval for endlessly many images. Here only (total - n) are unseen: "
            "the variance has one more factor.",
        ),
        (
            [p - reach, p + reach],
            "you put the seen p where the unknown q belongs: that is the short formula. Solve for q.",
        ),
        (expected[::-1], "the lower end comes first."),
        (100 * expected, "give shares from 0 to 1, not per cent."),
        (
            _wilson(p, z * z * (total - n) / total / n),
            "the factor is (total - n) / (total - 1); you divided by total.",
        ),
        (
            _wilson(p, z * z * part**2 / n),
            "the factor belongs to the variance, so it comes into z² once, not squared.",
        ),
        (with_root, "the variance has the factor (total - n) / (total - 1) itself, not its root."),
        (_wilson(p, 1.96**2 * part / n), "z is an argument; do not write 1.96 into the formula."),
        (
            _wilson(p, z * z * n / total / n),
            "the factor is the share of images not looked at, (total - n) / (total - 1), not n / total.",
        ),
    ]


@exercise
def wilson_of_part(answer: object) -> None:
    """Check exercise 7.4: Wilson's interval when a part of a finite pile was looked at.

    Parameters
    ----------
    answer : function (right, n, total, z) -> (low, high)
    """
    rng = np.random.default_rng(74)
    cases = [(45, 50, 60, 1.96), (45, 50, 50, 1.96), (0, 20, 25, 1.96), (30, 30, 31, 1.96), (878, 1010, 10**9, 1.96)]
    cases += [(33, 49, 49, 1.96), (7, 40, 41, 2.576)]
    for _ in range(20):
        n = int(rng.integers(5, 400))
        total = n + int(rng.integers(1, 400))
        cases.append((int(rng.integers(0, n + 1)), n, total, float(rng.choice([1.0, 1.645, 1.96, 2.576]))))
    for right, n, total, z in cases:
        result = call(answer, right, n, total, z, name="wilson_of_part")
        expect(
            np.array(_pair(result, "wilson_of_part")),
            _wilson(right / n, z * z * (total - n) / (total - 1) / n),
            name="wilson_of_part",
            what="(low, high)",
            given=f"{right} right of {n}, drawn from {total:,}, z = {z}",
            axes=("low and high",),
            rtol=1e-6,
            atol=1e-6,  # where n is total the root is of a zero that rounding may miss
            hints=_wilson_mistakes(right, n, total, z),
        )


def _wilson(p: float, t: float) -> NDArray[np.float64]:
    """Solve (1 + t) q² - (2 p + t) q + p² = 0; t is z² / n, times a factor."""
    root = np.sqrt(t * t + 4 * t * p * (1 - p))
    return np.array([2 * p + t - root, 2 * p + t + root]) / (2 * (1 + t))


_KINDS = {  # runs, images, how unlike the images are, how unlike the runs are
    "five runs much alike, images unlike": (5, 400, 3.0, 0.2),
    "three runs, many images, runs unlike": (3, 2000, 1.0, 0.27),
    "ten runs, images unlike and runs unlike": (10, 400, 3.0, 0.4),
}
_HELD, _WIDTH, _STUDIES = 0.92, 0.11, 150


def _study(
    rng: np.random.Generator, runs: int, images: int, unlike_images: float, unlike_runs: float
) -> tuple[NDArray[np.bool_], float]:
    """Return which images each run read right, and the recipe's true accuracy."""
    level = rng.uniform(2, 3.5)
    ease = level + unlike_images * rng.standard_normal(images) + unlike_runs * rng.standard_normal((runs, 1))
    # The mean over ever more images and runs is a sum over the quantiles of the normal distribution, near enough.
    true = (1 / (1 + np.exp(-level - np.hypot(unlike_images, unlike_runs) * _quantiles()))).mean()
    return rng.random((runs, images)) < 1 / (1 + np.exp(-ease)), float(true)


@functools.cache
def _quantiles() -> Floats:
    return np.array([NormalDist().inv_cdf((k + 0.5) / 400) for k in range(400)])


@exercise
def two_lucks(answer: object) -> None:
    """Check exercise 7.5: an interval that allows for the images and for the runs.

    Parameters
    ----------
    answer : function (runs, images) of booleans -> (low, high)
    """
    for seed, (kind, sizes) in enumerate(_KINDS.items()):
        rng = np.random.default_rng(750 + seed)
        held, width, of_images, of_runs = np.zeros((4, _STUDIES))
        for k in range(_STUDIES):
            right, true = _study(rng, *sizes)
            low, high = _two_ends(call(answer, right, name="two_lucks"))
            held[k], width[k] = low <= true <= high, high - low
            of_images[k] = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / right.shape[1])
            of_runs[k] = right.mean(axis=1).std(ddof=1) / np.sqrt(len(right))
        found = (
            f"two_lucks: kind '{kind}': the interval holds the true accuracy in {held.mean():.0%} of {_STUDIES} "
            f"studies (target: at least {_HELD:.0%}) and is {100 * width.mean():.1f} points wide in the mean "
            f"(target: at most {100 * _WIDTH:.0f})."
        )
        if held.mean() < _HELD:
            raise WrongAnswer(f"{found} Hint: {_too_narrow(width / 2, of_images, of_runs)}")
        if width.mean() > _WIDTH:
            raise WrongAnswer(
                f"{found} Hint: too careful. A mean over runs scatters less than one run does (by the root of their "
                "number), and independent chances add by their squares."
            )


def _pair(result: object, name: str) -> list[float]:
    """Return the two numbers (low, high), each a float."""
    parts = unpack(
        tuple(result) if isinstance(result, np.ndarray) and result.ndim else result, ("low", "high"), name=name
    )
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        raise WrongAnswer(f"{name}: low and high must be numbers; they are {parts}."[:200]) from None


def _two_ends(result: object) -> tuple[float, float]:
    low, high = _pair(result, "two_lucks")
    if not (np.isfinite(low) and np.isfinite(high)):
        raise WrongAnswer(f"two_lucks: an end of the interval is not a finite number: ({low}, {high}).")
    if low > high:
        raise WrongAnswer(
            "two_lucks: the lower end comes first; yours lies above the other one. Hint: are the two exchanged?"
        )
    if max(abs(low), abs(high)) > 2:
        raise WrongAnswer(
            f"two_lucks: accuracies go from 0 to 1; an end of yours is {high:.4g}. Hint: give shares, not per cent."
        )
    return low, high


def _too_narrow(reach: Floats, of_images: Floats, of_runs: Floats) -> str:
    """Say which luck the answer seems to leave out: what are its reaches a fixed multiple of, study by study."""
    by_images, by_runs = reach / of_images, reach / np.maximum(of_runs, 1e-9)
    if by_images.std() < 0.15 * by_images.mean():
        if by_images.mean() < 0.8:
            return (
                "much too narrow. All runs answer the same images: five runs on 400 images are not 2,000 images. The "
                "luck of the images stays, however many runs there are."
            )
        return "too narrow where runs differ: the luck of the run is left out."
    if by_runs.std() < 0.15 * by_runs.mean() and np.median(of_images / np.maximum(of_runs, 1e-9)) > 1.5:
        return "too narrow where the images differ: the luck of the images is left out."
    return (
        "too narrow: are both lucks in it, the images' and the runs'? And the runs are few: their deviation is "
        "uncertain itself, so its factor is Student's, not 1.96."
    )
