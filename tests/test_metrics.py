"""Accuracy, confusion and the table of digits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hst
from scipy import sparse, stats

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
        ([0.9, 0.8], {"confidence": 95}, "confidence must be .* above 0 and below 1; it is 95"),
        ([0.9, 0.8], {"confidence": 0.0}, "confidence must be .* above 0"),
        ([0.9, 0.8], {"confidence": math.nan}, "confidence must be .* above 0"),
    ],
)
def test_mean_interval_refuses_bad_input(values, options, message):
    with pytest.raises(ValueError, match=message):
        mean_interval(values, **options)


# Counts of any kind


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int32, np.int64, np.uint64, np.intp, int])
def test_wilson_interval_does_not_overflow(kind):
    assert wilson_interval(kind(80), kind(100)) == wilson_interval(80, 100)
    assert wilson_interval(80, 100) == pytest.approx((0.7112, 0.8667), abs=1e-4)
    if np.dtype(kind).itemsize >= 2:
        assert wilson_interval(kind(9264), kind(10_000)) == wilson_interval(9264, 10_000)


def test_wilson_interval_of_very_many():
    for count in (10**15, 2**53):
        low, high = wilson_interval(count // 2, count)
        assert 0.4999999 < low < 0.5 < high < 0.5000001
    with pytest.raises(ValueError, match="count must be a whole number from 0 to 9,007,199,254,740,992"):
        wilson_interval(0, 2**53 + 1)


@given(hst.integers(0, 2**53), hst.integers(0, 2**53), hst.floats(0, 1000, exclude_min=True))
def test_wilson_interval_holds_the_share_within_0_and_1(one, other, z):
    right, count = sorted((one, other))
    low, high = wilson_interval(right, count, z)
    assert 0 <= low <= high <= 1
    if count:
        assert low <= right / count <= high


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ((0.9, 1), TypeError, r"right must be a whole number.*it is 0\.9.*round\(share \* count\)"),
        ((90.0, 100), TypeError, r"right must be a whole number.*it is 90\.0"),
        ((90, 100.0), TypeError, r"count must be a whole number.*it is 100\.0"),
        ((np.float32(90), 100), TypeError, "right must be a whole number"),
        ((math.nan, 100), TypeError, "right must be"),
        ((90, math.inf), TypeError, "count must be"),
        ((True, 1), ValueError, "right must be"),
        ((np.True_, 1), TypeError, "right must be"),
        (("90", 100), TypeError, "right must be"),
        ((None, 100), TypeError, "right must be"),
        ((90, None), TypeError, "count must be"),
        (([90], 100), TypeError, "right must be"),
        ((90, np.array([100, 100])), TypeError, "count must be"),
        ((np.ma.masked, 100), TypeError, "right must be"),
        ((-1, 100), ValueError, "right must be a whole number, 0 or more; it is -1"),
        ((0, -1), ValueError, "count must be a whole number from 0"),
        ((np.int8(-1), np.int8(5)), ValueError, "right must be"),
        ((101, 100), ValueError, "right is 101 and count is 100"),
        ((9, 10, 0), ValueError, "z must be a finite number, above 0"),
        ((9, 10, -1.96), ValueError, "z must be"),
        ((9, 10, math.nan), ValueError, "z must be"),
        ((9, 10, math.inf), ValueError, "z must be"),
        ((9, 10, 1e200), ValueError, "z must be .* at most 1000"),
        ((9, 10, "95 %"), TypeError, "z must be"),
        ((9, 10, None), TypeError, "z must be"),
        ((9, 10, True), TypeError, "z must be"),
    ],
    ids=repr,
)
def test_wilson_interval_refuses_what_is_no_count(values, error, message):
    with pytest.raises(error, match=message):
        wilson_interval(*values)


# Runs of any size


def test_mean_interval_of_very_large_and_very_small_numbers():
    mean, low, high = mean_interval([1.0, 2.0, 4.0])
    for scale in (2.0**1000, 2.0**-1000, -(2.0**1000)):
        ends = sorted((low * scale, high * scale))
        assert mean_interval(np.array([1.0, 2.0, 4.0]) * scale) == (mean * scale, *ends)
    with pytest.raises(ValueError, match=r"values must be small enough .* the largest is 1\.7e\+308"):
        mean_interval([-1.7e308, 1.7e308, 1e308])
    assert mean_interval([0.0, 0.0]) == (0, 0, 0)
    assert mean_interval([1e308, 1e308]) == (1e308, 1e308, 1e308)


def test_mean_interval_of_a_confidence_next_to_1():
    mean, low, high = mean_interval([1.0, 2.0], 1 - 2**-53)
    assert -1e17 < low < mean < high < 1e17
    assert mean_interval([0.5, 0.5], 1 - 2**-53) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("confidence", [None, "0.95", True, [0.95], 0.95j])
def test_mean_interval_wants_a_number_for_its_confidence(confidence):
    with pytest.raises(TypeError, match="confidence must be a finite number"):
        mean_interval([1, 2], confidence)


# Every metric with arrays of every kind

TRUTH = np.array([0, 1, 2, 3, 3, 9])
SAID = np.array([0, 1, 2, 3, 5, 9])
RUNS = np.array([0.91, 0.93, 0.92, 0.94, 0.9, 0.95])

DTYPES = {
    "uint8": lambda array: array.astype(np.uint8),
    "int8": lambda array: array.astype(np.int8),
    "uint64": lambda array: array.astype(np.uint64),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}

LAYOUTS = {
    "list": np.ndarray.tolist,
    "tuple": tuple,
    "negative strides": lambda array: array[::-1].copy()[::-1],
    "every second": lambda array: np.repeat(array, 2)[::2],
    "a column of a Fortran array": lambda array: np.asfortranarray(np.column_stack([array, array]))[:, 0],
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype),
    "subclass": lambda array: array.view(np.recarray),
}

BAD = {
    "None": (lambda array: None, TypeError, "{} must be .*None"),
    "text": (lambda array: array.astype(str), TypeError, "{} must be .*text"),
    "one text": (lambda array: "0123", TypeError, "{} must be .*text"),
    "object": (lambda array: array.astype(object), TypeError, "{} must be .*objects"),
    "complex": (lambda array: array.astype(complex), TypeError, "{} must be .*complex"),
    "masked": (lambda array: np.ma.masked_equal(array, array[0]), TypeError, "{} must not be a masked array"),
    "none masked": (np.ma.masked_array, TypeError, "{} must not be a masked array"),
    "sparse": (lambda array: sparse.csr_array(array[np.newaxis]), TypeError, "{} must be a dense array"),
    "nested": (lambda array: [[0], [1, 2]], ValueError, "{} must have rows of one length"),
    "column": (lambda array: array[:, np.newaxis], ValueError, "{} must"),
    "three axes": (lambda array: array.reshape(1, 2, 3), ValueError, "{} must"),
    "a number": (lambda array: array[0], ValueError, "{} must"),
    "empty": (lambda array: array[:0], ValueError, "must"),
}

BAD_LABELS = {
    "NaN": (lambda array: np.where(array == 9, np.nan, array), TypeError, "{} must be integers; these are float64"),
    "infinite": (lambda array: np.where(array == 9, np.inf, array), TypeError, "{} must be integers"),
    "whole floats": (lambda array: array.astype(np.float32), TypeError, r"{} must be integers.*\.astype\(int\)"),
    "shares": (lambda array: array + 0.5, TypeError, r"{} must be integers; these are float64 \(\w+\)\.$"),
    "bool": (lambda array: array > 2, TypeError, "{} must be integers; these are bool"),
    "outputs": (lambda array: np.eye(10)[array] * 0.9, TypeError, r"{} must be integers.*\.argmax\(axis=1\)"),
    "one row of outputs": (lambda array: np.eye(10)[:1] * 0.9, TypeError, r"{} must be .*\.argmax\(axis=1\)"),
    "one-hot floats": (lambda array: np.eye(10)[array], TypeError, r"{} must be integers.*\.argmax\(axis=1\)"),
    "one-hot": (lambda array: np.eye(10, dtype=int)[array], ValueError, r"{} must have shape.*\.argmax\(axis=1\)"),
    "one one-hot row": (lambda array: np.eye(10, dtype=int)[:1], ValueError, r"{} must have.*\.argmax\(axis=1\)"),
    "a column": (lambda array: array[:, np.newaxis], ValueError, r"{} must have shape.*Use \.ravel\(\)\.$"),
    "a float column": (lambda array: array[:, np.newaxis] * 1.0, TypeError, r"{} .*\.ravel\(\)\.astype\(int\)"),
    "negative": (lambda array: array - 1, ValueError, "{} must be integers from 0 to 9; label -1 is at position 0"),
    "huge": (lambda array: array + 2**62, ValueError, "{} must be integers from 0 to 9"),
    "huge unsigned": (lambda array: array.astype(np.uint64) + np.uint64(2**63), ValueError, "{} must be integers from"),
    "longer": (lambda array: np.append(array, 1), ValueError, "one length"),
}

BAD_RUNS = {
    "NaN": (lambda array: np.where(array > 0.94, np.nan, array), ValueError, r"{} must be finite.*position \(5,\)"),
    "infinite": (lambda array: np.where(array > 0.94, -np.inf, array), ValueError, "{} must be finite"),
    "one": (lambda array: array[:1], ValueError, "{} must be at least two"),
}


@pytest.mark.parametrize("change", (DTYPES | LAYOUTS).values(), ids=(DTYPES | LAYOUTS).keys())
def test_the_metrics_take_arrays_of_every_kind(change):
    for truth, said in ((change(TRUTH), SAID), (TRUTH, change(SAID)), (change(TRUTH), change(SAID))):
        assert accuracy(truth, said) == 5 / 6
        counts = confusion_matrix(truth, said)
        assert counts.dtype == np.int64
        np.testing.assert_array_equal(np.argwhere(counts), [[0, 0], [1, 1], [2, 2], [3, 3], [3, 5], [9, 9]])
        assert [row.wrong for row in digit_table(truth, said)] == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert mean_interval(change(TRUTH)) == mean_interval(TRUTH.astype(float))


@pytest.mark.parametrize("change", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_mean_interval_takes_arrays_of_every_kind(change):
    assert mean_interval(change(RUNS)) == mean_interval(RUNS)
    assert mean_interval(change(RUNS.astype(np.float32))) == pytest.approx(mean_interval(RUNS), abs=1e-7)


@pytest.mark.parametrize(("change", "error", "message"), (BAD | BAD_LABELS).values(), ids=(BAD | BAD_LABELS).keys())
@pytest.mark.parametrize("metric", [accuracy, confusion_matrix, digit_table])
def test_the_metrics_of_labels_refuse_what_is_none(metric, change, error, message):
    with pytest.raises(error, match=message.format("labels")):
        metric(change(TRUTH), SAID)
    with pytest.raises(error, match=message.format("predictions")):
        metric(TRUTH, change(SAID))


@pytest.mark.parametrize(("change", "error", "message"), (BAD | BAD_RUNS).values(), ids=(BAD | BAD_RUNS).keys())
def test_mean_interval_refuses_what_is_no_row_of_numbers(change, error, message):
    with pytest.raises(error, match=message.format("values")):
        mean_interval(change(RUNS))


@pytest.mark.parametrize("dtypes", [(np.uint64, np.int64), (np.uint8, np.int8), (np.int8, np.uint64)])
def test_integers_of_two_kinds_are_counted_as_they_are(dtypes):
    labels, predictions = (np.arange(100).astype(dtype) for dtype in dtypes)
    counts = confusion_matrix(labels, predictions, 100)
    np.testing.assert_array_equal(counts, np.eye(100))
    assert accuracy(labels, predictions, 100) == 1
    assert [row.count for row in digit_table(labels, predictions, 100)] == [1] * 100


@pytest.mark.parametrize("n_classes", [17, 26, 200, 256, 4096])
def test_labels_of_many_classes_do_not_overflow(n_classes):
    labels = np.array([n_classes - 1, 16, 16], dtype=np.uint8 if n_classes <= 256 else np.uint16)
    counts = confusion_matrix(labels, labels, n_classes)
    assert counts.sum() == 3
    assert counts[-1, -1] == (1 if n_classes > 17 else 3)
    assert counts[16, 16] == (2 if n_classes > 17 else 3)


@pytest.mark.parametrize("metric", [accuracy, confusion_matrix, digit_table])
@pytest.mark.parametrize(
    ("n_classes", "error"),
    [
        *((value, ValueError) for value in (0, -1, 10**6, 2**70)),
        *((value, TypeError) for value in ("10", None, [10])),
        *((value, ValueError) for value in (10.0, True, math.nan)),
    ],
)
def test_a_number_of_classes_that_is_none_is_refused(metric, n_classes, error):
    with pytest.raises(error, match=r"n_classes must be a whole number from 1 to 4,096; it is"):
        metric(TRUTH, SAID, n_classes)
