"""Right and wrong answers to the exercises of lesson 05."""

import numpy as np

from mnist_scratch.course.banks import Bank

SHAPES = [(6, 4, 3), "error", (28, 28, 28), (32, 32), (7, 5, 3)]


def shapes_but(line, wrong):
    return [wrong if k == line - 1 else shape for k, shape in enumerate(SHAPES)]


def means_by_one_hot(rows, labels, n_classes):
    targets = np.eye(n_classes)[labels]
    return np.einsum("nk,nd->kd", targets, rows) / np.maximum(targets.sum(axis=0), 1)[:, None]


def means_by_add_at(rows, labels, n_classes):
    sums = np.zeros((n_classes, rows.shape[1]))
    np.add.at(sums, labels, rows)
    counts = np.bincount(labels, minlength=n_classes)
    counts[counts == 0] = 1
    return sums / counts.reshape(-1, 1)


def means_by_classes(rows, labels, n_classes):
    return np.array(
        [rows[labels == k].mean(axis=0) if (labels == k).any() else np.zeros(rows.shape[1]) for k in range(n_classes)]
    )


def means_in_a_loop(rows, labels, n_classes):
    sums, counts = np.zeros((n_classes, rows.shape[1])), np.zeros(n_classes)
    for row, label in zip(rows, labels, strict=True):
        sums[label] += row
        counts[label] += 1
    return sums / np.maximum(counts, 1)[:, None]


def means_by_comprehension(rows, labels, n_classes):
    picked = [[rows[n] for n in range(len(rows)) if labels[n] == k] for k in range(n_classes)]
    return np.array([np.mean(some, axis=0) if some else 0 * rows[0] for some in picked])


def means_by_vectorize(rows, labels, n_classes):
    sums, counts = np.zeros((n_classes, rows.shape[1])), np.zeros(n_classes)

    def add(n):
        sums[labels[n]] += rows[n]
        counts[labels[n]] += 1
        return 0

    np.vectorize(add, otypes=[int])(np.arange(len(rows)))
    return sums / np.maximum(counts, 1)[:, None]


def means_with(finish):
    def answer(rows, labels, n_classes):
        targets = np.eye(n_classes)[labels]
        with np.errstate(all="ignore"):
            return finish(targets.T @ rows, targets.sum(axis=0)[:, None], rows, labels)

    return answer


def step_with(sum_of):
    def answer(inputs, dcost_dnet, weights, biases, rate):
        dcost_dweights = np.einsum("cdi,cdo->io", inputs, dcost_dnet)
        return weights - rate * dcost_dweights, biases - rate * sum_of(dcost_dnet)

    return answer


def step_by_reshape(inputs, dcost_dnet, weights, biases, rate):
    inputs, dcost_dnet = inputs.reshape(-1, inputs.shape[2]), dcost_dnet.reshape(-1, dcost_dnet.shape[2])
    return [weights - rate * inputs.T @ dcost_dnet, biases - rate * dcost_dnet.sum(axis=0)]


def step_by_loops(inputs, dcost_dnet, weights, biases, rate):
    new_weights, new_biases = weights.astype(float), biases.astype(float)
    for some_inputs, some_slopes in zip(inputs, dcost_dnet, strict=True):
        for x, d in zip(some_inputs, some_slopes, strict=True):
            new_weights -= rate * np.outer(x, d)
            new_biases -= rate * d
    return new_weights, new_biases


def step_in_place(inputs, dcost_dnet, weights, biases, rate):
    weights -= rate * np.einsum("cdi,cdo->io", inputs, dcost_dnet)
    biases -= rate * dcost_dnet.sum(axis=(0, 1))
    return weights, biases


def step_uphill(inputs, dcost_dnet, weights, biases, rate):
    return step_by_reshape(inputs, -dcost_dnet, weights, biases, rate)


def centred_with(rows_slope, gain_slope):
    def answer(dcost_dout, rows, gain):
        return rows_slope(dcost_dout * gain, dcost_dout, gain), gain_slope(
            dcost_dout, rows - rows.mean(axis=1, keepdims=True), rows, gain
        )

    return answer


def rows_right(through, d, g):
    return through - through.mean(axis=1, keepdims=True)


def gain_right(d, c, x, g):
    return (d * c).sum(axis=0)


def centred_by_loops(dcost_dout, rows, gain):
    n, d = rows.shape
    for_rows, for_gain = np.zeros((n, d)), np.zeros(d)
    for r in range(n):
        mean = sum(rows[r]) / d
        for p in range(d):
            for_gain[p] += dcost_dout[r, p] * (rows[r, p] - mean)
            for_rows[r, p] += dcost_dout[r, p] * gain[p]
            for q in range(d):
                for_rows[r, q] -= dcost_dout[r, p] * gain[p] / d
    return for_rows, for_gain


def centred_by_matrix(dcost_dout, rows, gain):
    d = rows.shape[1]
    centre = np.eye(d) - np.full((d, d), 1 / d)
    return dcost_dout @ np.diag(gain) @ centre.T, np.einsum("np,np->p", dcost_dout, rows @ centre)


def distances_by_products(first, second):
    first, second = first.astype(np.float64), second.astype(np.float64)
    middle = first[0]
    a, b = first - middle, second - middle
    return np.clip((a**2).sum(axis=1, keepdims=True) + (b**2).sum(axis=1) - 2 * a @ b.T, 0, None)


def distances_in_one_product(first, second):
    """Both squares go into the product, as two more columns."""
    middle = (first.mean(axis=0) + second.mean(axis=0)) / 2
    a, b = first - middle, second - middle
    ones_a, ones_b = np.ones((len(a), 1), a.dtype), np.ones((len(b), 1), b.dtype)
    left = np.hstack([-2 * a, (a * a).sum(axis=1, keepdims=True), ones_a])
    right = np.hstack([b, ones_b, (b * b).sum(axis=1, keepdims=True)])
    return np.maximum(left @ right.T, 0)


def distances_plain(first, second):
    return (first**2).sum(axis=1)[:, None] - 2 * first @ second.T + (second**2).sum(axis=1)


def distances_broadcast(first, second):
    return ((first[:, None] - second) ** 2).sum(axis=2)


def distances_by_rows(first, second):
    return np.array([((row - second) ** 2).sum(axis=1) for row in first])


def distances_by_columns(first, second):
    total = np.zeros((len(first), len(second)), first.dtype)
    for i in range(first.shape[1]):
        total += (first[:, i, None] - second[:, i]) ** 2
    return total


def distances_below_0(first, second):
    middle = second.mean(axis=0)
    return distances_plain(first - middle, second - middle)


def distances_with(change):
    def answer(first, second):
        a, b = (first**2).sum(axis=1)[:, None], (second**2).sum(axis=1)
        return change(a, b, first @ second.T)

    return answer


def means_written_once(rows, labels, n_classes):
    sums = np.zeros((n_classes, rows.shape[1]))
    sums[labels] += rows
    return sums / np.maximum(np.bincount(labels, minlength=n_classes), 1)[:, np.newaxis]


def means_not_transposed(rows, labels, n_classes):
    belongs = np.eye(n_classes)[labels]
    return belongs @ rows / np.maximum(belongs.sum(axis=0), 1)[:, np.newaxis]


BANK = {
    "stretched_shapes": Bank(
        right=[SHAPES, tuple(SHAPES), [list(shape) if shape != "error" else shape for shape in SHAPES]],
        wrong=[
            (shapes_but(1, "error"), r"shapes are aligned at the right"),
            (shapes_but(1, (6, 4, 1)), r".*the 1 that stretches"),
            (shapes_but(2, (500, 28, 28)), r".*which numbers meet"),
            (shapes_but(3, "error"), r"the result is wrong, but NumPy"),
            (shapes_but(4, (32, 1)), r".*trap 1"),
            (shapes_but(4, (32,)), r".*trap 1"),
            (shapes_but(5, (7, 3, 5)), r"np.newaxis makes"),
        ],
    ),
    "class_means": Bank(
        right=[means_by_one_hot, means_by_add_at, means_by_classes],
        wrong=[
            (means_in_a_loop, r"there is still a loop"),
            (means_by_comprehension, r"there is still a loop"),
            (means_by_vectorize, r"there is still a loop"),
            (means_with(lambda sums, counts, rows, labels: sums / counts), r"a class without rows"),
            (means_with(lambda sums, counts, rows, labels: sums), r"those are the sums"),
            (means_with(lambda sums, counts, rows, labels: sums / len(rows)), r"you divided by the number of all"),
            (means_with(lambda sums, counts, rows, labels: (sums / counts)[np.unique(labels)]), r"there must be a row"),
            (means_with(lambda sums, counts, rows, labels: (sums / np.maximum(counts, 1)).T), r"that is the transpose"),
            (means_written_once, r"written once"),
            (means_not_transposed, r"must be the rows"),
        ],
    ),
    "stacked_step": Bank(
        right=[step_with(lambda d: np.einsum("cdo->o", d)), step_by_reshape, step_by_loops],
        wrong=[
            (step_with(lambda d: d), r"the biases have grown"),
            (step_with(lambda d: d.sum(axis=0)), r"you added over one of the two axes"),
            (step_with(lambda d: d.sum(axis=1)), r"you added over one of the two axes"),
            (step_with(lambda d: d.mean(axis=(0, 1))), r"that is a mean"),
            (step_with(lambda d: d.sum(axis=(0, 1), keepdims=True)), r"drop keepdims"),
            (step_with(lambda d: d[0].sum(axis=0)), r"you took the first code"),
            (step_with(lambda d: d.sum()), r"you added over the units too"),
            (step_uphill, r"a step goes"),
            (step_in_place, r"write into the array"),
        ],
    ),
    "centred_backward": Bank(
        right=[centred_with(rows_right, gain_right), centred_by_loops, centred_by_matrix],
        wrong=[
            (centred_with(lambda t, d, g: t, gain_right), r"each number of a row has two paths"),
            (centred_with(lambda t, d, g: rows_right(d, d, g), gain_right), r"the gain is missing"),
            (centred_with(lambda t, d, g: g * rows_right(d, d, g), gain_right), r"the gain comes first"),
            (centred_with(lambda t, d, g: t - t.sum(axis=1, keepdims=True), gain_right), r"the d is missing"),
            (centred_with(lambda t, d, g: t - t.mean(axis=0), gain_right), r"you took the mean down the columns"),
            (centred_with(lambda t, d, g: t + t.mean(axis=1, keepdims=True), gain_right), r"its path has a minus"),
            (centred_with(rows_right, lambda d, c, x, g: (d * x).sum(axis=0)), r"the gain multiplies the rows less"),
            (centred_with(rows_right, lambda d, c, x, g: d * c), r"one gain was used by all"),
            (centred_with(rows_right, lambda d, c, x, g: d.sum(axis=0)), r"something that is added"),
        ],
    ),
    "squared_distances": Bank(
        right=[distances_by_products, distances_in_one_product],
        wrong=[
            (distances_broadcast, r"an array of shape \(n, m, d\)"),
            (distances_by_rows, r"there is still a loop over the rows"),
            (distances_by_columns, r"there is still a loop over the columns"),
            (distances_plain, r"large squares"),
            (distances_below_0, r"rounding takes"),
            (distances_with(lambda a, b, product: a + b - product), r"The 2 is missing"),
            (distances_with(lambda a, b, product: a + b + 2 * product), r"The minus is missing"),
            (
                distances_with(lambda a, b, product: np.sqrt(np.maximum(a + b - 2 * product, 0))),
                r"those are the distances",
            ),
            (distances_with(lambda a, b, product: a + b), r"term in the middle"),
        ],
    ),
}
