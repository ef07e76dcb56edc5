"""Accuracy, confusion and the table of digits."""

import math

import numpy as np
import pytest
from scipy import stats

from mnist_scratch.metrics import accuracy, confusion_matrix, digit_table, mean_interval, wilson_interval

LABELS = np.array([0, 0, 1, 1, 1, 2], dtype=np.uint8)
PREDICTIONS = np.array([0, 1, 1, 1, 0, 2])


def test_accuracy():
    assert accuracy(LABELS, PREDICTIONS) == pytest.approx(4 / 6)


def test_confusion_matrix_has_the_truth_in_rows():
    np.testing.assert_array_equal(confusion_matrix(LABELS, PREDICTIONS, 3), [[1, 1, 0], [1, 2, 0], [0, 0, 1]])
    assert confusion_matrix([3], [5])[3, 5] == 1


def test_confusion_matrix_of_large_uint8_labels_does_not_wrap():
    labels = np.full(300, 9, dtype=np.uint8)
    assert confusion_matrix(labels, labels)[9, 9] == 300


def test_digit_table():
    rows = digit_table(LABELS, PREDICTIONS, 4)
    assert [(row.digit, row.count, row.wrong) for row in rows] == [(0, 2, 1), (1, 3, 1), (2, 1, 0), (3, 0, 0)]
    assert rows[1].accuracy == pytest.approx(2 / 3)
    assert rows[1].error_rate == pytest.approx(1 / 3)
    assert (rows[1].low, rows[1].high) == wilson_interval(2, 3)
    assert math.isnan(rows[3].accuracy)
    assert (rows[3].low, rows[3].high) == (0, 1)


def test_the_papers_table_adds_up():
    """Table 1: digit 3 has 132 of 1,010 wrong, 86.93 %; all together 736 of 10,000, 92.64 %."""
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    wrong = [48, 38, 54, 132, 76, 63, 50, 77, 125, 73]
    labels = np.repeat(np.arange(10), counts)
    predictions = labels.copy()
    for digit, n in enumerate(wrong):
        predictions[np.flatnonzero(labels == digit)[:n]] = (digit + 1) % 10
    rows = digit_table(labels, predictions)
    assert f"{100 * rows[3].accuracy:.2f}" == "86.93"
    assert f"{100 * rows[8].accuracy:.2f}" == "87.17"
    assert f"{100 * accuracy(labels, predictions):.2f}" == "92.64"


@pytest.mark.parametrize(("right", "count"), [(0, 7), (7, 7), (3, 10), (9264, 10_000)])
def test_wilson_interval_agrees_with_scipy(right, count):
    theirs = stats.binomtest(right, count).proportion_ci(method="wilson")
    assert wilson_interval(right, count, z=1.959963984540054) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_interval_of_nothing_is_everything():
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="right is 5 and count is 4"):
        wilson_interval(5, 4)


@pytest.mark.parametrize("metric", [accuracy, confusion_matrix, digit_table])
def test_bad_input_is_refused(metric):
    with pytest.raises(ValueError, match="one length; they have 2 and 3"):
        metric([1, 2], [1, 2, 3])
    with pytest.raises(TypeError, match="predictions must be integers"):
        metric([1, 2], [1.0, 2.0])
    with pytest.raises(ValueError, match="label 10 is at position 1"):
        metric([1, 10], [1, 2])
    with pytest.raises(ValueError, match="predictions must be integers from 0 to 9; label 11"):
        metric([1, 2], [11, 2])
    with pytest.raises(ValueError, match=r"predictions must have shape \(n,\)"):
        metric([1, 2], np.zeros((2, 10), dtype=int))
    with pytest.raises(ValueError, match="at least one"):
        metric([], [])


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 5, 100])
def test_mean_interval_agrees_with_scipy(n, confidence):
    values = np.random.default_rng(n).normal(0.93, 0.01, n)
    theirs = stats.t.interval(confidence, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values, confidence) == pytest.approx((values.mean(), *theirs), abs=1e-12)


def test_mean_interval_of_two_by_hand():
    """Deviation 1 between 0 and sqrt(2); Student's t for one degree of freedom is tan(0.475 pi) = 12.706."""
    mean, low, high = mean_interval([0, math.sqrt(2)])
    assert mean == pytest.approx(math.sqrt(0.5))
    assert high - mean == mean - low == pytest.approx(math.tan(0.475 * math.pi) / math.sqrt(2))
    assert mean_interval([0.5] * 4) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([0.9], {}, r"at least two numbers in a row; their shape is \(1,\)"),
        ([], {}, "at least two numbers"),
        ([[0.9, 0.8]], {}, r"their shape is \(1, 2\)"),
        ([0.9, math.nan], {}, r"values must be finite numbers; the value at position \(1,\) is nan"),
        ([0.9, 0.8], {"confidence": 95}, "confidence must be above 0 and below 1; it is 95"),
        ([0.9, 0.8], {"confidence": 0.0}, "confidence must be above 0"),
        ([0.9, 0.8], {"confidence": math.nan}, "confidence must be above 0"),
    ],
)
def test_mean_interval_refuses_bad_input(values, options, message):
    with pytest.raises(ValueError, match=message):
        mean_interval(values, **options)
