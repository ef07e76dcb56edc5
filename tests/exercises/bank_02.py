"""Right and wrong answers to the exercises of lesson 02."""

import numpy as np

from mnist_scratch.course.banks import Bank


def ones_but(place, value):
    answer = [3, 6, 2, 8, (5, 2, 10)]
    answer[place - 1] = value
    return tuple(answer)


def hot_by_index(labels, classes):
    order = classes.tolist()
    columns = np.zeros((len(order), len(labels)), dtype=np.float32)
    for place, label in enumerate(labels.tolist()):
        columns[order.index(label), place] = 1  # index raises the ValueError
    return columns


def hot_by_table(labels, classes):
    sorter = np.argsort(classes)
    found = np.minimum(np.searchsorted(classes, labels, sorter=sorter), len(classes) - 1)
    places = sorter[found]
    if (classes[places] != labels).any():
        raise ValueError("a label is not among the classes")
    return np.eye(len(classes), dtype=np.float32)[places].T


def hot_by_equality(labels, classes):
    same = np.equal.outer(classes, labels)
    if not same.any(axis=0).all():
        raise ValueError("unknown label")
    return np.where(same, np.float32(1), np.float32(0))


def hot_changed(change):
    return lambda labels, classes: change(hot_by_index(labels, classes))


def hot_without_check(labels, classes):
    return (classes[:, None] == labels).astype(np.float32)


def hot_by_argmax(labels, classes):
    places = (labels[:, None] == classes).argmax(axis=1)  # 0 where there is none
    return np.eye(len(classes), dtype=np.float32)[:, places]


def hot_with_key_error(labels, classes):
    places = {name: place for place, name in enumerate(classes.tolist())}
    return np.eye(len(classes), dtype=np.float32)[:, [places[label] for label in labels.tolist()]]


def hot_by_unique(labels, classes):
    names, places = np.unique(labels, return_inverse=True)
    return np.eye(len(names), dtype=np.float32)[places].T


def distances_of(out, code):
    return ((out[:, None, :] - code[None, :, :]) ** 2).sum(axis=-1)


def decode_by_loops(out, code, margin):
    digits = []
    for row in out.tolist():
        ranked = sorted(
            (sum((a - b) ** 2 for a, b in zip(row, word, strict=True)), k) for k, word in enumerate(code.tolist())
        )
        digits.append(ranked[0][1] if ranked[1][0] - ranked[0][0] >= margin else -1)
    return np.array(digits)


def decode_by_products(out, code, margin):
    out, code = out.astype(np.float64), code.astype(np.float64)
    distances = (out**2).sum(axis=1)[:, None] - 2 * np.einsum("nk,dk->nd", out, code) + (code**2).sum(axis=1)
    two = np.partition(distances, 1, axis=1)
    digits = distances.argmin(axis=1)
    digits[two[:, 1] - two[:, 0] < margin] = -1
    return digits


def decode_by_rows_of_the_code(out, code, margin):
    distances = np.array([((out - word) ** 2).sum(axis=1) for word in code])
    order = np.argsort(distances, axis=0)
    each = np.arange(len(out))
    gap = distances[order[1], each] - distances[order[0], each]
    return order[0].astype(np.int8) * (gap >= margin) - (gap < margin)


def decode_with(answer):
    """Wrong: answer is (distances, the two smallest of each row, margin) -> digits."""

    def decode(out, code, margin):
        distances = distances_of(out, code)
        return answer(distances, np.sort(distances, axis=1), margin)

    return decode


def refuse(distances, margin):
    two = np.sort(distances, axis=1)
    return np.where(two[:, 1] - two[:, 0] < margin, -1, distances.argmin(axis=1))


def decode_by_argmax(out, code, margin):
    lead = np.sort(out, axis=1)[:, -1] - (np.sort(out, axis=1)[:, -2] if out.shape[1] > 1 else 0)
    return np.where(lead < margin, -1, out.argmax(axis=1))


def far(seed):
    """Rows drawn at random, each kept if it is far from those before."""
    rng = np.random.default_rng(seed)
    while True:
        kept = []
        for _ in range(3000):
            word = rng.integers(0, 2, 12)
            if all((word != other).sum() >= 6 for other in kept):
                kept.append(word)
            if len(kept) == 10:
                return np.array(kept)


def far_by_doubling():
    """Sylvester's square of order 4, then Paley's of order 12: rows differ in exactly six places."""
    squares = {(k * k) % 11 for k in range(1, 11)}
    code = np.ones((12, 12), dtype=int)
    for row in range(11):
        for column in range(11):
            code[row + 1, column + 1] = int((column - row) % 11 in squares)
    return code[1:11]


def far_but(row, words):
    code = far(0)
    code[row] = words(code)
    return code


BANK = {
    "count_ones": Bank(
        right=[(3, 6, 2, 8, (5, 2, 10)), [3.0, 6.0, 2.0, 8, [5, 2, 10]], (np.int64(3), 6, 2, 8, np.array([5, 2, 10]))],
        wrong=[
            (ones_but(1, 9), r"paired up"),
            (ones_but(1, 2), r"paired up"),
            (ones_but(2, 9), r"still one 1"),
            (ones_but(2, 3), r"every row"),
            (ones_but(3, 1), r"how many of the picked rows"),
            (ones_but(4, 2), r"counts from the end"),
            (ones_but(4, 9), r"counts from the end"),
            (ones_but(5, (10, 10)), r"How many labels"),
            (ones_but(5, (5, 2)), r"the last axis"),
        ],
    ),
    "one_hot": Bank(
        right=[hot_by_index, hot_by_table, hot_by_equality],
        wrong=[
            (hot_changed(lambda columns: columns.T), r"other way round"),
            (hot_changed(lambda columns: columns.astype(bool)), r"True and False"),
            (hot_changed(lambda columns: columns.astype(float)), r"make them a float32"),
            (hot_changed(lambda columns: columns.astype(int)), r"make them a float32"),
            (lambda labels, classes: hot_by_index(labels, np.sort(classes)), r"need not be sorted"),
            (hot_by_unique, r"may not be all"),
            (lambda labels, classes: np.eye(len(classes), dtype=np.float32)[labels], r"a name here, not a place"),
            (hot_without_check, r"must be noticed"),
            (hot_by_argmax, r"must be noticed"),
            (hot_with_key_error, r"before its place is used"),
        ],
    ),
    "decode": Bank(
        right=[decode_by_loops, decode_by_products, decode_by_rows_of_the_code],
        wrong=[
            (decode_with(lambda distances, two, margin: distances.argmin(axis=1)), r"nothing has been refused"),
            (decode_with(lambda distances, two, margin: distances.argmax(axis=1)), r"farthest from the outputs"),
            (
                decode_with(
                    lambda distances, two, margin: np.where(
                        two[:, 1] - two[:, 0] > margin, -1, distances.argmin(axis=1)
                    )
                ),
                r"refuse the clear cases",
            ),
            (
                decode_with(lambda distances, two, margin: np.where(two[:, 0] > margin, -1, distances.argmin(axis=1))),
                r"distance alone",
            ),
            (decode_with(lambda distances, two, margin: refuse(np.sqrt(distances), margin)), r"you took the root"),
            (
                lambda out, code, margin: refuse(np.abs(out[:, None] - code).sum(axis=2), margin),
                r"square the differences",
            ),
            (
                decode_with(
                    lambda distances, two, margin: np.where(
                        two[:, -1] - two[:, 0] < margin, -1, distances.argmin(axis=1)
                    )
                ),
                r"farthest|nothing has been refused",
            ),
            (decode_with(lambda distances, two, margin: np.maximum(refuse(distances, margin), 0)), r"0 is a digit"),
            (decode_with(lambda distances, two, margin: refuse(distances, margin).astype(float)), r"a whole number"),
            (decode_with(lambda distances, two, margin: refuse(distances.T, margin)), r"one for each row of the code"),
            (decode_by_argmax, r"for one-hot rows only"),
            (lambda out, code, margin: out.argmax(axis=1), r"for one-hot rows only"),
        ],
    ),
    "far_apart": Bank(
        right=[far(0), far(1).astype(bool), far_by_doubling().astype(float), far(2).tolist()],
        wrong=[
            (np.eye(10, 12), r"one-hot with empty columns"),
            (np.array([[digit // 2**bit % 2 for bit in range(12)] for digit in range(10)]), r"a single wrong bit"),
            (np.zeros((10, 12)), r"the same row"),
            (2 * far(0) - 1, r"bits are 0 or 1"),
            (far(0) / 2, r"bits are 0 or 1"),
            (
                far_but(3, lambda code: np.where(np.arange(12) < 2, 1 - code[4], code[4])),
                r"of the 45 pairs are too close",
            ),
            (np.random.default_rng(0).integers(0, 2, (10, 12)), r"one row at a time"),
        ],
    ),
}
