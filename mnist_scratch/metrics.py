"""How good, digit by digit (the paper's section 3.1 and table 1)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_finite, check_labels, check_real, check_whole

MOST_CLASSES = 4096
"""Their confusion matrix takes 134 MB."""

MOST_COUNTED = 2**53
"""Whole numbers up to here are floats without rounding."""


def accuracy(labels: ArrayLike, predictions: ArrayLike, n_classes: int = 10) -> float:
    """Return the share of predictions that are right.

    Parameters
    ----------
    labels, predictions : integer arrays, (n,)
        0 to ``n_classes - 1``.
    n_classes : int
        1 to 4,096.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    TypeError, ValueError
        If they are not integers of one length, n above 0, in that range, or ``n_classes`` is not in its own.
    """
    labels, predictions = _checked_pair(labels, predictions, n_classes, "accuracy")
    return float((labels == predictions).mean())


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, n_classes: int = 10) -> NDArray[np.int64]:
    """Count which digit was read as which.

    Parameters
    ----------
    labels, predictions : integer arrays, (n,)
        0 to ``n_classes - 1``.
    n_classes : int
        1 to 4,096.

    Returns
    -------
    int64 array, (n_classes, n_classes)
        Row: what it was. Column: what the network said. The diagonal is right.

    Raises
    ------
    TypeError, ValueError
        If they are not integers of one length, n above 0, in that range, or ``n_classes`` is not in its own.
    """
    labels, predictions = _checked_pair(labels, predictions, n_classes, "confusion_matrix")
    counts = np.bincount(labels * n_classes + predictions, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes).astype(np.int64)


@dataclass(frozen=True)
class DigitRow:
    """One digit's line of the table."""

    digit: int
    count: int
    wrong: int
    error_rate: float
    """0 to 1."""
    accuracy: float
    """0 to 1."""
    low: float
    high: float
    """Wilson's 95 % interval of the accuracy."""


def digit_table(labels: ArrayLike, predictions: ArrayLike, n_classes: int = 10) -> list[DigitRow]:
    """Return the paper's table 1 for these predictions, with an interval for each digit.

    Parameters
    ----------
    labels, predictions : integer arrays, (n,)
        0 to ``n_classes - 1``.
    n_classes : int
        1 to 4,096.

    Returns
    -------
    list of DigitRow
        One for each class; where a digit does not occur its rates are NaN and its interval is 0 to 1.

    Raises
    ------
    TypeError, ValueError
        As ``confusion_matrix``.
    """
    counts = confusion_matrix(labels, predictions, n_classes)
    rows = []
    for digit in range(n_classes):
        count, right = int(counts[digit].sum()), int(counts[digit, digit])
        rate = right / count if count else float("nan")
        rows.append(DigitRow(digit, count, count - right, 1 - rate, rate, *wilson_interval(right, count)))
    return rows


def wilson_interval(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval for a proportion: where the true rate may lie, given ``right`` out of ``count``.

    With n = count and p = right / n it is (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) (Wilson 1927). Unlike
    p ± z √(p(1-p)/n) it stays within 0 and 1 and is not empty when everything is right.

    Parameters
    ----------
    right, count : int
        0 <= right <= count <= 2^53.
    z : float
        Above 0, at most 1,000; 1.96 for 95 %.

    Returns
    -------
    (low, high) : floats
        0 to 1, with right / count between them; (0, 1) where nothing was counted.

    Raises
    ------
    TypeError
        If right or count is no whole number, such as a share, or z is no number.
    ValueError
        If one of them is out of range.
    """
    for name, value in (("right", right), ("count", count)):
        if isinstance(value, float | np.floating):
            raise TypeError(
                f"{name} must be a whole number, how many there are; it is {value!r} (wilson_interval). "
                "Of a share, pass round(share * count); of a whole float, int(...)."
            )
    # Python's integers: those of NumPy overflow, uint8 at 256.
    right = check_whole(right, "right", "wilson_interval", low=0)
    count = check_whole(count, "count", "wilson_interval", low=0, high=MOST_COUNTED)
    z = check_real(z, "z", "wilson_interval", low=0, high=1000, open_ends="low")
    if right > count:
        raise ValueError(f"right must be from 0 to count; right is {right} and count is {count} (wilson_interval).")
    if count == 0:
        return 0.0, 1.0
    p = right / count
    middle = p + z * z / (2 * count)
    reach = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    # The interval holds p and stays within 0 and 1 whatever the rounding.
    return max(0.0, min(p, (middle - reach) / scale)), min(1.0, max(p, (middle + reach) / scale))


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean over runs, and Student's interval for it: where the mean over ever more runs may lie.

    mean ± t s / √n, with s the deviation between the runs (divisor n - 1) and t from Student's distribution with n - 1
    degrees of freedom (Student 1908).

    Parameters
    ----------
    values : array of numbers, (n,)
        One number for each run, such as its accuracy; n at least 2.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    (mean, low, high) : floats

    Raises
    ------
    TypeError
        If the values or the confidence are no numbers.
    ValueError
        If there are fewer than two values, one is not finite, the confidence is out of range, or the interval goes
        beyond the largest float.
    """
    from scipy.special import stdtrit

    with np.errstate(over="ignore"):  # of a long double, which check_finite then finds to be infinite
        values = as_array(values, "values", "mean_interval").astype(np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"values must be at least two numbers in a row; their shape is {values.shape} (mean_interval)."
        )
    check_finite(values, "values", "mean_interval")
    confidence = check_real(confidence, "confidence", "mean_interval", low=0, high=1, open_ends="low high")
    n = len(values)
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(values, -exponent)  # below 1, so that no square of them overflows; a power of two rounds nothing
    mean = float(scaled.mean())
    reach = -float(stdtrit(n - 1, (1 - confidence) / 2) * scaled.std(ddof=1) / np.sqrt(n))
    with np.errstate(over="ignore"):
        interval = np.ldexp([mean, mean - reach, mean + reach], exponent)
    if not np.isfinite(interval).all():
        raise ValueError(
            f"values must be small enough for an interval in floats; the largest is {np.abs(values).max():g} "
            "(mean_interval)."
        )
    return float(interval[0]), float(interval[1]), float(interval[2])


def _checked_pair(
    labels: ArrayLike, predictions: ArrayLike, n_classes: int, caller: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return both as int64: smaller integers overflow, and of uint64 with int64 NumPy makes floats."""
    n_classes = check_whole(n_classes, "n_classes", caller, high=MOST_CLASSES)
    labels = check_labels(labels, n_classes, caller)
    predictions = check_labels(predictions, n_classes, caller, name="predictions")
    if labels.shape != predictions.shape:
        raise ValueError(
            f"labels and predictions must have one length; they have {len(labels)} and {len(predictions)} ({caller})."
        )
    if labels.size == 0:
        raise ValueError(f"labels must hold at least one label ({caller}).")
    return labels.astype(np.int64), predictions.astype(np.int64)
