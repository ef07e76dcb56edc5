"""How good, digit by digit (the paper's section 3.1 and table 1)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import check_finite, check_labels


def accuracy(labels: ArrayLike, predictions: ArrayLike, n_classes: int = 10) -> float:
    """Return the share of predictions that are right.

    Parameters
    ----------
    labels, predictions : integer arrays, (n,)
        0 to ``n_classes - 1``.
    n_classes : int

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    TypeError, ValueError
        If they are not integers of one length, n above 0, in that range.
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

    Returns
    -------
    int64 array, (n_classes, n_classes)
        Row: what it was. Column: what the network said. The diagonal is right.

    Raises
    ------
    TypeError, ValueError
        If they are not integers of one length, n above 0, in that range.
    """
    labels, predictions = _checked_pair(labels, predictions, n_classes, "confusion_matrix")
    counts = np.bincount(labels.astype(np.int64) * n_classes + predictions, minlength=n_classes**2)
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
        0 <= right <= count.
    z : float
        1.96 for 95 %.

    Returns
    -------
    (low, high) : floats
        0 to 1; (0, 1) where nothing was counted.

    Raises
    ------
    ValueError
        If right is below 0 or above count.
    """
    if not 0 <= right <= count:
        raise ValueError(f"right must be from 0 to count; right is {right} and count is {count} (wilson_interval).")
    if count == 0:
        return 0.0, 1.0
    p = right / count
    middle = p + z * z / (2 * count)
    reach = z * np.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, float((middle - reach) / scale)), min(1.0, float((middle + reach) / scale))


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean over runs, and Student's interval for it: where the mean over ever more runs may lie.

    mean ± t s / √n, with s the deviation between the runs (divisor n - 1) and t from Student's distribution with n - 1
    degrees of freedom (Student 1908).

    Parameters
    ----------
    values : float array, (n,)
        One number for each run, such as its accuracy; n at least 2.
    confidence : float
        Above 0 and below 1.

    Returns
    -------
    (mean, low, high) : floats

    Raises
    ------
    ValueError
        If there are fewer than two values, one is not finite, or the confidence is out of range.
    """
    from scipy.special import stdtrit

    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"values must be at least two numbers in a row; their shape is {values.shape} (mean_interval)."
        )
    check_finite(values, "values", "mean_interval")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be above 0 and below 1; it is {confidence!r} (mean_interval).")
    n, mean = len(values), float(values.mean())
    reach = float(stdtrit(n - 1, (1 + confidence) / 2) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - reach, mean + reach


def _checked_pair(
    labels: ArrayLike, predictions: ArrayLike, n_classes: int, caller: str
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    labels = check_labels(labels, n_classes, caller)
    predictions = check_labels(predictions, n_classes, caller, name="predictions")
    if labels.shape != predictions.shape:
        raise ValueError(
            f"labels and predictions must have one length; they have {len(labels)} and {len(predictions)} ({caller})."
        )
    if labels.size == 0:
        raise ValueError(f"labels must hold at least one label ({caller}).")
    return labels, predictions
