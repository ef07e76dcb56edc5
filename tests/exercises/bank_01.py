"""Right and wrong answers to the exercises of lesson 01."""

import numpy as np

from mnist_scratch.course.banks import Bank


def pictures_by_loops(rows, mean, std, height, width):
    pictures = np.zeros((len(rows), height, width), dtype=np.uint8)
    for n, row in enumerate(rows):
        for place, value in enumerate(row):
            grey = round(255 * float(value * std + mean))
            pictures[n, place // width, place % width] = min(max(grey, 0), 255)
    return pictures


def pictures_cut_first(rows, mean, std, height, width):
    floats = (rows.astype(np.float64) + mean / std) * std
    return (np.clip(floats, 0, 1) * 255 + 0.5).astype("uint8").reshape(-1, height, width)


def pictures_with(change):
    """The right way, with one step changed; change is (grey floats, height, width) -> pictures."""

    def answer(rows, mean, std, height, width):
        return change((rows * std + mean) * 255, height, width)

    return answer


def whole(grey):
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def pictures_of(floats):
    """floats is (rows, mean, std) -> what is taken for floats from 0 to 1."""
    return lambda rows, mean, std, height, width: whole(255 * floats(rows, mean, std)).reshape(-1, height, width)


def pictures_in_place(rows, mean, std, height, width):
    rows *= std
    rows += mean
    return whole(255 * rows).reshape(-1, height, width)


def spread_in_one_loop(piles):
    total, squares, count = 0.0, 0.0, 0
    for pile in piles:
        floats = pile / 255
        total, squares, count = total + floats.sum(), squares + (floats**2).sum(), count + floats.size
    return total / count, np.sqrt(squares / count - (total / count) ** 2)


def spread_by_counts(piles):
    counts = sum(np.bincount(pile.ravel(), minlength=256) for pile in piles)
    values = np.arange(256) / 255
    mean = (counts * values).sum() / counts.sum()
    return [mean, (counts @ (values - mean) ** 2 / counts.sum()) ** 0.5]


def spread_by_merging(piles):
    """Each pile is merged into what there is: mean, and sum of squared distances from it."""
    count, mean, squares = 0, 0.0, 0.0
    for pile in piles:
        values = pile.astype(np.float64).ravel() / 255
        away = values.mean() - mean
        both = count + values.size
        squares += ((values - values.mean()) ** 2).sum() + away**2 * count * values.size / both
        mean += away * values.size / both
        count = both
    return np.float64(mean), np.float64((squares / count) ** 0.5)


def spread_of_piles(of_mean, of_std):
    """Wrong: something of each pile, then the mean of it."""

    def answer(piles):
        kept = [pile / 255 for pile in piles]
        return np.mean([of_mean(pile) for pile in kept]), np.mean([of_std(pile) for pile in kept])

    return answer


def spread_with(change_mean=lambda mean: mean, change_std=lambda std: std):
    def answer(piles):
        mean, std = spread_in_one_loop(piles)
        return change_mean(mean), change_std(std)

    return answer


def spread_of_bytes(piles):
    total, squares, count = 0, 0, 0
    for pile in piles:
        total, squares, count = total + pile.sum() / 255, squares + (pile**2).sum() / 255**2, count + pile.size
    return total / count, np.sqrt(squares / count - (total / count) ** 2)


def spread_in_two_loops(piles):
    total = count = 0
    for pile in piles:
        total, count = total + pile.sum() / 255, count + pile.size
    mean = total / count
    return mean, np.sqrt(sum(((pile / 255 - mean) ** 2).sum() for pile in piles) / count)


def spread_concatenated_twice(piles):
    mean = np.concatenate([pile.ravel() for pile in piles]).mean() / 255
    return mean, np.concatenate([pile.ravel() for pile in piles]).std() / 255


def spread_by_images(piles):
    total = squares = count = 0
    for pile in piles:
        floats = pile / 255
        total, squares, count = total + floats.sum(), squares + (floats**2).sum(), count + len(floats)
    return total / count, np.sqrt(squares / count)


def spread_of_pile_variances(piles):
    kept = [pile / 255 for pile in piles]
    sizes = [pile.size for pile in kept]
    return (
        np.average([pile.mean() for pile in kept], weights=sizes),
        np.sqrt(np.average([pile.var() for pile in kept], weights=sizes)),
    )


def prepare_in_a_function(train, test, least):
    mean, deviation = np.mean(train, axis=0), np.std(train, axis=0)
    deviation[deviation < least] = least
    return [(rows - mean) / deviation for rows in (train, test)]


def prepare_by_columns(train, test, least):
    new_train, new_test = np.empty(train.shape), np.empty(test.shape)
    for k in range(train.shape[1]):
        column = train[:, k].tolist()
        mean = sum(column) / len(column)
        deviation = (sum((value - mean) ** 2 for value in column) / len(column)) ** 0.5
        new_train[:, k] = (train[:, k] - mean) / max(deviation, least)
        new_test[:, k] = (test[:, k] - mean) / max(deviation, least)
    return new_train, new_test


def prepare_broken(train, test, least):
    train = (train - train.mean(axis=0)) / train.std(axis=0)
    test = (test - test.mean(axis=0)) / test.std(axis=0)
    return train, test


def prepare_with_own(train, test, least):
    return tuple((rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), least) for rows in (train, test))


def prepare_again(train, test, least):
    train = (train - train.mean(axis=0)) / np.maximum(train.std(axis=0), least)
    test = (test - train.mean(axis=0)) / np.maximum(train.std(axis=0), least)
    return train, test


def prepare_with(deviation_of, mean_of=lambda train: train.mean(axis=0)):
    def answer(train, test, least):
        mean, deviation = mean_of(train), deviation_of(train, least)
        return (train - mean) / deviation, (test - mean) / deviation

    return answer


def prepare_pooled(train, test, least):
    both = np.concatenate([train, test])
    mean, deviation = both.mean(axis=0), np.maximum(both.std(axis=0), least)
    return (train - mean) / deviation, (test - mean) / deviation


def prepare_in_place(train, test, least):
    mean, deviation = train.mean(axis=0), np.maximum(train.std(axis=0), least)
    train -= mean
    train /= deviation
    return train, (test - mean) / deviation


def round_with(matrix_of, mean_of=lambda rows: rows.mean(axis=0)):
    def answer(rows):
        return mean_of(rows), matrix_of(np.atleast_2d(np.cov(rows.T, ddof=0)))

    return answer


def by_eigenvectors(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(values)


def by_the_root(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def by_cholesky(covariance):
    return np.linalg.inv(np.linalg.cholesky(covariance)).T


def round_by_one_input_after_another(rows):
    """Gram and Schmidt: take from each input what the earlier ones say about it."""
    mean = rows.mean(axis=0)
    centred, matrix = rows - mean, np.eye(rows.shape[1])
    for k in range(len(matrix)):
        for j in range(k):
            matrix[:, k] -= np.mean((centred @ matrix[:, j]) * (centred @ matrix[:, k])) * matrix[:, j]
        matrix[:, k] /= np.sqrt(np.mean((centred @ matrix[:, k]) ** 2))
    return mean, matrix


def without_the_first(covariance):
    matrix = by_eigenvectors(covariance)
    matrix[:, 0] = 0
    return matrix


def descent_but(place, value):
    answer = [4, 1.25, 1, 0.6, 0.0125]
    answer[place - 1] = value
    return tuple(answer)


BANK = {
    "to_pictures": Bank(
        right=[pictures_by_loops, pictures_cut_first],
        wrong=[
            (pictures_with(lambda grey, h, w: grey.reshape(-1, h, w)), r"have to be rounded"),
            (pictures_with(lambda grey, h, w: np.rint(grey.clip(0, 255)).reshape(-1, h, w)), r"a byte: uint8"),
            (pictures_with(lambda grey, h, w: whole(grey).astype(int).reshape(-1, h, w)), r"a byte: uint8"),
            (
                pictures_with(lambda grey, h, w: grey.clip(0, 255).astype(np.uint8).reshape(-1, h, w)),
                r"Round first",
            ),
            (
                pictures_with(lambda grey, h, w: (np.rint(grey).astype(int) % 256).astype(np.uint8).reshape(-1, h, w)),
                r"starts again at the other end",
            ),
            (pictures_with(lambda grey, h, w: whole(grey / 255).reshape(-1, h, w)), r"bytes go up to 255"),
            (pictures_with(lambda grey, h, w: whole(grey)), r"rows are not pictures yet"),
            (pictures_with(lambda grey, h, w: whole(grey).reshape(-1, w, h)), r"the lines come first"),
            (pictures_with(lambda grey, h, w: whole(grey).reshape(-1, w, h).transpose(0, 2, 1)), r"line after line"),
            (pictures_of(lambda rows, mean, std: (rows - mean) / std), r"standardised a second time"),
            (pictures_of(lambda rows, mean, std: (rows + mean) * std), r"undo the last thing first"),
            (pictures_of(lambda rows, mean, std: rows), r"mean and std are missing"),
            (pictures_of(lambda rows, mean, std: rows * mean + std), r"changed places"),
            (pictures_in_place, r"write into the array"),
        ],
    ),
    "mean_and_deviation": Bank(
        right=[spread_in_one_loop, spread_by_counts, spread_by_merging],
        wrong=[
            (spread_of_piles(np.mean, np.std), r"counts every pile alike"),
            (spread_with(change_mean=lambda mean: 255 * mean), r"divide the bytes by 255"),
            (spread_with(change_std=lambda std: 255 * std), r"divide the bytes by 255"),
            (spread_with(change_std=lambda std: std**2), r"the root is missing"),
            (spread_of_pile_variances, r"how far the piles lie from one another"),
            (spread_of_bytes, r"before you square"),
            (spread_in_two_loops, r"only once"),
            (spread_concatenated_twice, r"only once"),
            (spread_by_images, r"the number of images"),
            (lambda piles: [(pile.mean() / 255, pile.std() / 255) for pile in piles][-1], r"the last pile alone"),
        ],
    ),
    "prepare": Bank(
        right=[prepare_in_a_function, prepare_by_columns],
        wrong=[
            (prepare_broken, r"by 0 nothing can be divided"),
            (prepare_with_own, r"their own mean and deviation"),
            (prepare_again, r"the name train holds the prepared inputs"),
            (prepare_with(lambda train, least: train.std(axis=0)), r"by 0 nothing can be divided"),
            (prepare_with(lambda train, least: train.std(axis=0) + least), r"replaced by least"),
            (
                prepare_with(lambda train, least: np.where(train.std(axis=0) > 0, train.std(axis=0), 1)),
                r"replaced by least",
            ),
            (prepare_with(lambda train, least: np.minimum(train.std(axis=0), least)), r"the smaller of the two"),
            (prepare_with(lambda train, least: max(train.std(), least), np.mean), r"all inputs together"),
            (prepare_pooled, r"put together"),
            (lambda train, test, least: (prepare_by_columns(train, test, least)[0], test), r"not been changed at all"),
            (prepare_in_place, r"write into the array"),
        ],
    ),
    "rules_of_descent": Bank(
        right=[
            (4, 1.25, 1, 0.6, 0.0125),
            [1.6 / 0.4, 2 / 1.6, 2 / (1.6 + 0.4), 3 / 5, 2 / 160],
            np.array(descent_but(3, 1)),
        ],
        wrong=[
            (descent_but(1, 0.25), r"the larger eigenvalue is above"),
            (descent_but(1, 2), r"the ratio itself"),
            (descent_but(2, 5), r"the steep direction sets the limit"),
            (descent_but(2, 0.625), r"begins at a factor of -1"),
            (descent_but(3, 1.25), r"The best rate is below"),
            (descent_but(4, 0.5), r"at the limit"),
            (descent_but(4, -0.6), r"without its sign"),
            (descent_but(5, 0.125), r"products of two inputs"),
            (descent_but(5, 1.25), r"products of two inputs"),
        ],
    ),
    "round_bowl": Bank(
        right=[
            round_with(by_eigenvectors),
            round_with(by_the_root),
            round_with(by_cholesky),
            round_by_one_input_after_another,
        ],
        wrong=[
            (round_with(lambda covariance: np.sqrt(np.diag(covariance)) ** -1), r"d numbers can only stretch"),
            (round_with(lambda covariance: np.diag(np.diag(covariance) ** -0.5)), r"leaves correlations"),
            (round_with(lambda covariance: np.linalg.eigh(covariance)[1]), r"still have different deviations"),
            (round_with(lambda covariance: by_eigenvectors(covariance).T), r"transposed"),
            (round_with(lambda covariance: np.linalg.inv(by_the_root(covariance))), r"leads back"),
            (round_with(np.linalg.inv), r"correlated with one another|different deviations"),
            (round_with(lambda covariance: 3 * by_the_root(covariance)), r"the bias has the eigenvalue 1"),
            (round_with(by_the_root, mean_of=lambda rows: 0 * rows[0]), r"not centred"),
            (round_with(without_the_first), r"squeezes the inputs flat"),
        ],
    ),
}
