"""Right and wrong answers to the exercises of lesson 07."""

import numpy as np
from scipy.stats import t

from mnist_scratch.course.banks import Bank

# 7.1

TABLE = np.array([[39, 9, 2], [6, 30, 14], [4, 3, 93]])

# 7.2


def by_a_loop(labels, answers, weights, n_classes):
    table = [[0.0] * (n_classes + 1) for _ in range(n_classes)]
    for was, said, weight in zip(labels, answers, weights, strict=True):
        table[was][n_classes if said < 0 else said] += float(weight)
    return np.array(table)


def by_bincount(labels, answers, weights, n_classes):
    said = np.where(answers == -1, n_classes, answers)
    flat = np.bincount(labels * (n_classes + 1) + said, weights=weights, minlength=n_classes * (n_classes + 1))
    return flat.reshape(n_classes, n_classes + 1)


def by_einsum(labels, answers, weights, n_classes):
    was = (labels[:, np.newaxis] == np.arange(n_classes)).astype(np.float64)
    said = (answers[:, np.newaxis] == np.array([*range(n_classes), -1])).astype(np.float64)
    return np.einsum("i,ij,ik->jk", weights, was, said)


def add_once(labels, answers, weights, n_classes):
    table = np.zeros((n_classes, n_classes + 1))
    table[labels, answers] += weights
    return table


def images_counted(labels, answers, weights, n_classes):
    return by_a_loop(labels, answers, np.ones(len(labels)), n_classes)


def whole_numbers(labels, answers, weights, n_classes):
    table = np.zeros((n_classes, n_classes + 1), dtype=int)
    for was, said, weight in zip(labels, answers, weights, strict=True):
        table[was, said] += weight
    return table


def answers_in_rows(labels, answers, weights, n_classes):
    return by_a_loop(labels, answers, weights, n_classes).T


def no_column_for_nothing(labels, answers, weights, n_classes):
    known = answers >= 0
    return by_a_loop(labels[known], answers[known], weights[known], n_classes)[:, :-1]


def nothing_is_the_last_digit(labels, answers, weights, n_classes):
    table = np.zeros((n_classes, n_classes))
    np.add.at(table, (labels, answers), weights)
    return table


def nothing_first(labels, answers, weights, n_classes):
    table = np.zeros((n_classes, n_classes + 1))
    np.add.at(table, (labels, answers + 1), weights)
    return table


def always_ten(labels, answers, weights, n_classes):
    return by_a_loop(labels, answers, weights, 10)


def as_shares(labels, answers, weights, n_classes):
    table = by_a_loop(labels, answers, weights, n_classes)
    return table / table.sum()


def said_before_was(labels, answers, weights, n_classes):
    table = np.zeros((n_classes, n_classes + 1))
    np.add.at(table, (answers, labels), weights)
    return table


def classes_exchanged_only(labels, answers, weights, n_classes):
    table = by_a_loop(labels, answers, weights, n_classes)
    return np.column_stack([table[:, :-1].T, table[:, -1]])


def as_lists(labels, answers, weights, n_classes):
    return by_a_loop(labels, answers, weights, n_classes).tolist()


def only_classes_that_occur(labels, answers, weights, n_classes):
    return by_a_loop(labels, answers, weights, n_classes)[np.unique(labels)]


# 7.3


def run_by_run(confusions):
    shares = []
    for table in confusions:
        rows = []
        for digit, row in enumerate(table):
            errors = [0 if said == digit else number for said, number in enumerate(row)]
            rows.append([number / sum(errors) if sum(errors) else 0.0 for number in errors])
        shares.append(rows)
    return np.array(shares)


def by_a_mask(confusions):
    errors = np.where(np.eye(confusions.shape[-1], dtype=bool), 0, confusions).astype(np.float64)
    sums = np.einsum("rws->rw", errors)[..., np.newaxis]
    return np.divide(errors, sums, out=np.zeros_like(errors), where=sums > 0)


def as_given(confusions):
    errors = confusions
    for table in errors:
        np.fill_diagonal(table, 0)
    return errors / errors.sum(axis=1, keepdims=True)


def without_diagonal(confusions):
    return confusions * (1 - np.eye(confusions.shape[-1]))


def only_copied(confusions):
    errors = without_diagonal(confusions)
    return errors / np.maximum(errors.sum(axis=1, keepdims=True), 1)


def zero_over_zero(confusions):
    errors = without_diagonal(confusions)
    return errors / errors.sum(axis=2, keepdims=True)


def by_the_whole_run(confusions):
    errors = without_diagonal(confusions)
    return errors / errors.sum(axis=(1, 2), keepdims=True)


def right_ones_kept(confusions):
    return confusions / np.maximum(confusions.sum(axis=2, keepdims=True), 1)


def by_all_images(confusions):
    return without_diagonal(confusions) / np.maximum(confusions.sum(axis=2, keepdims=True), 1)


def per_cent(confusions):
    return 100 * by_a_mask(confusions)


def over_the_runs(confusions):
    errors = without_diagonal(confusions)
    return errors / np.maximum(errors.sum(axis=0, keepdims=True), 1)


def runs_pooled(confusions):
    return by_a_mask(confusions.sum(axis=0, keepdims=True))[0]


# 7.4


def solve(p, factor):
    a, b = 1 + factor, 2 * p + factor
    root = np.sqrt(max(b * b - 4 * a * p * p, 0))
    return (b - root) / (2 * a), (b + root) / (2 * a)


def by_the_middle(right, n, total, z=1.96):
    p, factor = right / n, z * z * (total - n) / ((total - 1) * n)
    middle, reach = (p + factor / 2) / (1 + factor), np.sqrt(factor * p * (1 - p) + factor**2 / 4) / (1 + factor)
    return np.array([middle - reach, middle + reach])


def by_halving(right, n, total, z=1.96):
    p, variance = right / n, (total - n) / (total - 1) / n

    def end(inside, outside):
        for _ in range(60):
            q = (inside + outside) / 2
            if abs(p - q) <= z * (q * (1 - q) * variance) ** 0.5:
                inside = q
            else:
                outside = q
        return inside

    return [end(p, 0.0), end(p, 1.0)]


def by_roots(right, n, total, z=1.96):
    p, factor = right / n, z**2 * (total - n) / (total - 1) / n
    return tuple(sorted(float(root.real) for root in np.roots([1 + factor, -(2 * p + factor), p * p])))


def endless(right, n, total, z=1.96):
    return solve(right / n, z * z / n)


def short_formula(right, n, total, z=1.96):
    p = right / n
    reach = z * np.sqrt(p * (1 - p) / n * (total - n) / (total - 1))
    return p - reach, p + reach


def root_taken(right, n, total, z=1.96):
    return solve(right / n, z * z * np.sqrt((total - n) / (total - 1)) / n)


def squared(right, n, total, z=1.96):
    return solve(right / n, z * z * ((total - n) / (total - 1)) ** 2 / n)


def over_total(right, n, total, z=1.96):
    return solve(right / n, z * z * (total - n) / total / n)


def the_part_seen(right, n, total, z=1.96):
    return solve(right / n, z * z * n / total / n)


def exchanged(right, n, total, z=1.96):
    return by_roots(right, n, total, z)[::-1]


def in_per_cent(right, n, total, z=1.96):
    return [100 * end for end in by_roots(right, n, total, z)]


def always_95(right, n, total, z=1.96):
    return by_halving(right, n, total)


def below_the_root(right, n, total, z=1.96):
    p, factor = right / n, z**2 * (total - n) / (total - 1) / n
    a, b = 1 + factor, 2 * p + factor
    root = np.sqrt(b * b - 4 * a * p * p - 1e-15)
    return (b - root) / (2 * a), (b + root) / (2 * a)


# 7.5

STUDENT = {3: 4.303, 5: 2.776, 10: 2.262}


def by_columns(right):
    runs, images = right.shape
    of_runs = t.ppf(0.975, runs - 1) * np.std([row.mean() for row in right], ddof=1) / runs**0.5
    of_images = 1.96 * right.mean(axis=0).std(ddof=1) / images**0.5
    reach = (of_runs**2 + of_images**2) ** 0.5
    return [right.mean() - reach, right.mean() + reach]


def by_wilson(right):
    low, high = solve(right.mean(), 1.96**2 / right.shape[1])
    middle = (low + high) / 2
    of_runs = STUDENT[len(right)] * right.mean(axis=1).std(ddof=1) / np.sqrt(len(right))
    reach = np.hypot((high - low) / 2, of_runs)
    return np.array([middle - reach, middle + reach])


def around(right, reach):
    return right.mean() - reach, right.mean() + reach


def images_alone(right):
    p = right.mean()
    return around(right, 1.96 * np.sqrt(p * (1 - p) / right.shape[1]))


def runs_alone(right):
    return around(right, STUDENT[len(right)] * right.mean(axis=1).std(ddof=1) / np.sqrt(len(right)))


def runs_as_images(right):
    p = right.mean()
    return around(right, 1.96 * np.sqrt(p * (1 - p) / right.size))


def normal_for_few_runs(right):
    p = right.mean()
    runs = right.mean(axis=1).std(ddof=1) / np.sqrt(len(right))
    return around(right, 1.96 * np.hypot(np.sqrt(p * (1 - p) / right.shape[1]), runs))


def a_single_run(right):
    p = right.mean()
    return around(right, 1.96 * np.hypot(np.sqrt(p * (1 - p) / right.shape[1]), right.mean(axis=1).std(ddof=1)))


def added(right):
    p = right.mean()
    runs = STUDENT[len(right)] * right.mean(axis=1).std(ddof=1) / np.sqrt(len(right))
    return around(right, 1.96 * np.sqrt(p * (1 - p) / right.shape[1]) + runs)


def all_there_is(right):
    return 0.0, 1.0


def high_first(right):
    return by_columns(right)[::-1]


def a_hundred(right):
    return [100 * end for end in by_columns(right)]


BANK = {
    "read_the_table": Bank(
        right=[
            [0.6, 0.714, 0.25, 0.81],
            (3 / 5, 5 / 7, 1 / 4, np.float64(0.81)),
            np.array([TABLE[1, 1] / 50, TABLE[1, 1] / TABLE[:, 1].sum(), 0.25, TABLE.trace() / TABLE.sum()]),
        ],
        wrong=[
            ((30 / 42, 0.6, 0.25, 0.81), "They fill a row"),
            ((0.15, 30 / 42, 0.25, 0.81), "divide by the number of 1s"),
            ((0.6, 0.6, 0.25, 0.81), "They fill a column"),
            ((0.6, 12 / 42, 0.25, 0.81), "that are wrong"),
            ((0.6, 30 / 42, 3 / 42, 0.81), "leave the diagonal out"),
            ((0.6, 30 / 42, 0.03, 0.81), "divided by the number of 2s"),
            ((0.6, 30 / 42, 0.75, 0.81), "was a 0"),
            ((0.6, 30 / 42, 0.7, 0.81), "along a row"),
            ((0.6, 30 / 42, 3 / 7, 0.81), "along the row of the 2s"),
            ((0.6, 30 / 42, 0.25, 0.77), "mean of the three"),
            ((60, 71.4, 25, 81), "not per cent"),
        ],
    ),
    "weighted_confusion": Bank(
        right=[by_a_loop, by_bincount, by_einsum],
        wrong=[
            (add_once, "every image must be added"),
            (images_counted, "instead of 1"),
            (whole_numbers, "whole numbers"),
            (answers_in_rows, "exchanged"),
            (no_column_for_nothing, "column of their own"),
            (nothing_is_the_last_digit, "one column too few"),
            (nothing_first, "last, not first"),
            (always_ten, "n_classes"),
            (as_shares, "do not divide"),
            (only_classes_that_occur, "keeps its row"),
            (said_before_was, "exchanged"),
            (classes_exchanged_only, "exchanged"),
            (as_lists, "values are right"),
        ],
    ),
    "shares_of_errors": Bank(
        right=[run_by_run, by_a_mask],
        wrong=[
            (as_given, "writes? into the array"),
            (only_copied, "the last axis"),
            (zero_over_zero, "0 / 0"),
            (by_the_whole_run, "each row needs its own sum"),
            (right_ones_kept, "set the diagonal to zero"),
            (by_all_images, "number of its errors"),
            (per_cent, "not to 100"),
            (over_the_runs, "over the runs"),
            (runs_pooled, "keep each run apart"),
        ],
    ),
    "wilson_of_part": Bank(
        right=[by_the_middle, by_halving, by_roots],
        wrong=[
            (endless, "one more factor"),
            (short_formula, "short formula"),
            (root_taken, "not its root"),
            (squared, "not squared"),
            (over_total, "divided by total"),
            (the_part_seen, "not looked at"),
            (exchanged, "lower end comes first"),
            (in_per_cent, "not per cent"),
            (always_95, "z is an argument"),
            (below_the_root, "under the root"),
        ],
    ),
    "two_lucks": Bank(
        right=[by_columns, by_wilson],
        wrong=[
            (images_alone, "luck of the run is left out"),
            (runs_alone, "luck of the images is left out"),
            (runs_as_images, "same images"),
            (normal_for_few_runs, "Student's, not 1.96"),
            (a_single_run, "too careful"),
            (added, "by their squares"),
            (all_there_is, "too careful"),
            (high_first, "exchanged"),
            (a_hundred, "not per cent"),
        ],
    ),
}
