"""Checks of the exercises for lesson 01: bytes and floats there and back, and bowls that are round or not."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise, unpack
from mnist_scratch.exercises.comparing import expect, number

__all__ = ["mean_and_deviation", "prepare", "round_bowl", "rules_of_descent", "to_pictures"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]
MOST = 1.01
"""The largest condition number, with a bias, that the challenge accepts."""


@exercise
def to_pictures(answer: object) -> None:
    """Exercise 1.1: from standardised rows back to bytes.

    Parameters
    ----------
    answer : callable
        ``(rows, mean, std, height, width) -> pictures``; floats (n, height * width) -> uint8 (n, height, width).
    """
    rng = np.random.default_rng(11)
    example = np.array([[-0.4, 0.0, 0.4, 0.8, 1.2, 2.0]])
    cases: list[tuple[Any, ...]] = [
        (example, 0.4, 0.5, 2, 3, "rows = [[-0.4, 0, 0.4, 0.8, 1.2, 2]], mean 0.4, std 0.5")
    ]
    for n, height, width, mean, std in ((4, 5, 3, 0.1307, 0.3081), (2, 28, 28, 0.5, 0.25)):
        wanted = rng.integers(0, 256, (n, height * width)) + rng.uniform(-0.4, 0.4, (n, height * width))
        wanted[:, ::5] = rng.uniform(-300, 0, wanted[:, ::5].shape)
        wanted[:, 1::5] = rng.uniform(256, 600, wanted[:, 1::5].shape)
        cases.append(((wanted / 255 - mean) / std, mean, std, height, width, f"{n} random rows of {height * width}"))
    for dtype in (np.float64, np.float32):
        for rows, mean, std, height, width, given in cases:
            result = call(answer, rows.astype(dtype), mean, std, height, width, name="to_pictures")
            shape = (len(rows), height, width)
            expect(
                result,
                np.clip(np.rint((rows * std + mean) * 255), 0, 255).astype(np.uint8).reshape(shape),
                name="to_pictures",
                given=f"{given}, height {height}, width {width} ({np.dtype(dtype)})",
                axes=("pictures", "lines", "columns"),
                dtype=np.uint8,
                hints=_picture_mistakes(rows, mean, std, shape),
            )


def _picture_mistakes(rows: Floats, mean: float, std: float, shape: tuple[int, int, int]) -> Hints:
    pixels = (rows * std + mean) * 255

    def made(values: Floats) -> NDArray[np.int64]:
        return np.clip(np.rint(values), 0, 255).astype(np.int64).reshape(shape)

    n, height, width = shape
    inside = (pixels > -0.5) & (pixels < 255.5)
    right = made(pixels)
    by_columns = right.reshape(n, width, height)
    turned = "a row holds the picture line after line. Your pictures are filled column after column."

    def wraps(result: Any) -> bool:  # noqa: ANN401
        kept = inside.reshape(shape)
        return bool((result[kept] == right[kept]).all()) and not kept.all()

    def cut_off(result: Any) -> bool:  # noqa: ANN401
        return np.array_equal(np.asarray(result, dtype=np.int64), np.clip(np.trunc(pixels), 0, 255).reshape(shape))

    return [
        (
            lambda result: np.asarray(result).dtype.kind == "f" and np.allclose(result, right),
            "a pixel is a byte: uint8.",
        ),
        (
            lambda result: np.asarray(result).dtype.kind in "iu" and np.array_equal(result, right),
            "a pixel is a byte: uint8.",
        ),
        (
            lambda result: np.allclose(result, pixels.reshape(shape)) or np.allclose(result, pixels),
            "these are the right grey values as floats: they still have to be rounded, cut off and made uint8.",
        ),
        (
            lambda result: np.allclose(result, (pixels / 255).reshape(shape)) or np.allclose(result, pixels / 255),
            "these lie between 0 (paper) and 1 (ink); bytes go up to 255.",
        ),
        (cut_off, "astype cuts off what stands behind the point: 152.99 becomes 152. Round first."),
        (made(rows * std + mean), "these lie between 0 (paper) and 1 (ink); bytes go up to 255."),
        (made((rows - mean) / std * 255), "you standardised a second time. Here the step is to be undone."),
        (made((rows + mean) * std * 255), "undo the last thing first: standardising subtracts, then divides."),
        (made(rows * 255), "mean and std are missing: the values are still standardised."),
        (made((rows * mean + std) * 255), "mean and std have changed places."),
        (by_columns.transpose(0, 2, 1), turned),
        (
            lambda result: np.asarray(result).shape == (n, width, height) != shape,
            "the lines come first, then the columns.",
        ),
        (lambda result: np.asarray(result).shape == rows.shape, "rows are not pictures yet: undo the flattening, too."),
        (wraps, "below 0 and above 255 a byte starts again at the other end. Cut such values off before you convert."),
    ]


@exercise
def mean_and_deviation(answer: object) -> None:
    """Exercise 1.2: mean and standard deviation of all pixels in piles that come one at a time.

    Parameters
    ----------
    answer : callable
        ``(piles) -> (mean, std)``; an iterator over uint8 arrays (n_k, rows, columns) -> two numbers.
    """
    rng = np.random.default_rng(12)
    cases: list[tuple[list[NDArray[np.uint8]], str]] = [
        ([np.array([[[0, 51]]], dtype=np.uint8), np.full((2, 1, 2), 255, dtype=np.uint8)], "the example's two piles")
    ]
    for sizes in ((3, 1, 20), (7,), (1, 2, 3, 4)):
        piles = [
            rng.integers(low, 256, (n, 4, 5)).astype(np.uint8) for n, low in zip(sizes, (0, 200, 90, 20), strict=False)
        ]
        cases.append((piles, f"random piles of {', '.join(map(str, sizes))} images"))
    for piles, given in cases:
        result = call(
            answer, _once(piles), name="mean_and_deviation", hints=[(ZeroDivisionError, _ONCE), (ValueError, _ONCE)]
        )
        mean, std = unpack(result, ("the mean", "the deviation"), name="mean_and_deviation")
        everything = np.concatenate([pile.ravel() for pile in piles]) / 255
        means, stds = _pile_mistakes(piles)
        expect(mean, everything.mean(), name="mean_and_deviation", given=given, what="the mean", hints=means)
        expect(std, everything.std(), name="mean_and_deviation", given=given, what="the deviation", hints=stds)


_ONCE = "the piles can be gone through only once; a second loop finds nothing. Collect all that you need in the first."


def _once(piles: list[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    for pile in piles:
        yield pile.copy()


def _pile_mistakes(piles: list[NDArray[np.uint8]]) -> tuple[Hints, Hints]:
    floats = [pile / 255 for pile in piles]
    everything = np.concatenate([pile.ravel() for pile in floats])
    mean = everything.mean()
    middle = np.mean([pile.mean() for pile in floats])
    n_images = sum(map(len, piles))
    wrapped = np.mean(np.concatenate([(pile * pile).ravel() for pile in piles]) / 255**2)
    square_of_wrapped = np.mean(np.concatenate([(pile * pile).ravel() for pile in piles]).astype(float))
    per_pile = np.array([pile.var() for pile in floats])
    weights = np.array([pile.size for pile in floats]) / everything.size
    scale = "divide the bytes by 255: mean and deviation are wanted for floats from 0 to 1."
    alike = (
        "this counts every pile alike, but piles have different sizes. A pixel in a large pile counts as much as any."
    )
    between = "the piles' own deviations leave out how far the piles lie from one another."
    means: Hints = [
        (mean * 255, scale),
        (middle, alike),
        (middle * 255, alike),
        (everything.sum() / n_images, "this is divided by the number of images. Divide by the number of pixels."),
        (everything.sum() * 255 / n_images, "this is divided by the number of images. Divide by the number of pixels."),
        (everything.sum(), "this is the sum. Divide by the number of pixels."),
        (floats[-1].mean(), "this is the last pile alone."),
        (floats[0].mean(), "this is the first pile alone."),
        (lambda result: result == 0 or np.isnan(result), _ONCE),
    ]
    overflow = "a byte times a byte starts again at 0 after 255. Convert to floats before you square."
    with np.errstate(invalid="ignore"):
        spoiled = [np.sqrt(wrapped - mean**2), np.sqrt(square_of_wrapped - (255 * mean) ** 2) / 255]
    stds: Hints = [
        (lambda result: np.isnan(result) and np.isnan(spoiled).any(), overflow),
        (lambda result: result == 0 or np.isnan(result), _ONCE),
        (everything.std() * 255, scale),
        (everything.var(), "this is the square of the deviation; the root is missing."),
        (np.mean([pile.std() for pile in floats]), between + " The mean of deviations is no deviation."),
        (np.sqrt(per_pile.mean()), between),
        (np.sqrt((weights * per_pile).sum()), between),
        ((weights * np.sqrt(per_pile)).sum(), between),
        (np.sqrt(np.mean((everything - middle) ** 2)), alike),
        (np.sqrt(np.mean(everything**2)), "the mean has not been taken off: this is the root of the mean square."),
        (everything.std(ddof=1), "the lesson divides by the number of pixels, not by one less."),
        (floats[-1].std(), "this is the last pile alone."),
        *((value, overflow) for value in spoiled),
    ]
    return means, stds


@exercise
def prepare(answer: object) -> None:
    """Exercise 1.3: the repaired preparation of training and test inputs.

    Parameters
    ----------
    answer : callable
        ``(train, test, least) -> (train, test)``; (n, d), (m, d), a number -> (n, d), (m, d).
    """
    rng = np.random.default_rng(13)
    cases: list[tuple[Any, ...]] = [
        (np.array([[0.0, 5.0], [2.0, 5.0]]), np.array([[4.0, 6.0]]), 0.5, "the example's train and test"),
    ]
    for n, m, d, least in ((6, 4, 3, 0.4), (5, 5, 5, 0.1), (200, 3, 4, 0.05)):
        spread = rng.uniform(0.5, 3, d)
        spread[:2] = 0, least / 5
        train = rng.normal(size=(n, d)) * spread + rng.uniform(-5, 5, d)
        test = rng.normal(size=(m, d)) * (spread + 1) + rng.uniform(-5, 5, d)
        cases.append(
            (train, test, least, f"train {train.shape} with a constant column, test {test.shape}, least {least}")
        )
    for train, test, least, given in cases:
        result = call(answer, train, test, least, name="prepare")
        new_train, new_test = unpack(result, ("train", "test"), name="prepare")
        mean, std = train.mean(axis=0), np.maximum(train.std(axis=0), least)
        train_hints, test_hints = _prepare_mistakes(train, test, least)
        for part, right, hints, what in (
            (new_train, (train - mean) / std, train_hints, "train"),
            (new_test, (test - mean) / std, test_hints, "test"),
        ):
            axes = ("examples", "inputs")
            expect(part, right, name="prepare", given=given, what=what, axes=axes, atol=1e-9, hints=hints)


def _prepare_mistakes(train: Floats, test: Floats, least: float) -> tuple[Hints, Hints]:
    mean, std = train.mean(axis=0), train.std(axis=0)
    raised = np.maximum(std, least)
    test_mean, test_std = test.mean(axis=0), test.std(axis=0)
    both = np.concatenate([train, test])
    done = (train - mean) / raised
    with np.errstate(all="ignore"):
        unmended = (train - mean) / std
    leak = (
        "the test inputs were prepared with their own mean and deviation. The same grey then becomes two numbers, one "
        "in training and one in the test: both need the training inputs' two."
    )
    zero = "an input that never changes in training has the deviation 0, and by 0 nothing can be divided."
    wrong_floor = (
        "a deviation above least is used as it is; one below it is replaced by least, not by 1 and not by more."
    )
    pooled = "training and test inputs have been put together for the mean. The test then tells the training something."
    again = "the name train holds the prepared inputs by then: their mean is 0 and their deviation 1. Take both before."
    whole = "one mean and one deviation for all inputs together. Each input (column) needs its own two."
    rest: list[tuple[Any, Any, str]] = [
        (mean, np.where(std > 0, std, 1), wrong_floor),
        (mean, np.where(std > least, std, 1), wrong_floor),
        (mean, std + least, wrong_floor),
        (mean, np.minimum(std, least), "you took the smaller of the two: now no deviation is above least."),
        (both.mean(axis=0), np.maximum(both.std(axis=0), least), pooled),
        (train.mean(), max(float(train.std()), least), whole),
        (0, raised, "the mean has not been taken off."),
    ]
    nan = (lambda part: not np.isfinite(np.asarray(part, dtype=float)).all(), zero)
    for_train: Hints = [*(((train - middle) / wide, text) for middle, wide, text in rest), nan]
    for_test: Hints = [
        ((test - test_mean) / np.maximum(test_std, least), leak),
        ((test - mean) / np.maximum(test_std, least), leak),
        ((test - test_mean) / raised, leak),
        ((test - done.mean(axis=0)) / np.maximum(done.std(axis=0), least), again),
        ((test - unmended.mean(axis=0)) / unmended.std(axis=0), again),
        *(((test - middle) / wide, text) for middle, wide, text in rest),
        (lambda part: np.array_equal(part, test), "the test inputs have not been changed at all."),
        nan,
    ]
    return for_train, for_test


def _at(place: int, *values: float) -> Callable[[Any], bool]:
    """Return a predicate: whether the entry at this place is near one of the values."""
    return lambda answer: any(abs(answer[place] - value) < 1e-3 * max(1e-2, abs(value)) for value in values)


@exercise
def rules_of_descent(answer: object) -> None:
    """Exercise 1.4: condition number, limit, best rate, factor, and the limit for inputs ten times as large.

    Parameters
    ----------
    answer : tuple of five numbers
    """
    signs = "the larger eigenvalue is above: 1 + ρ and 1 - ρ with ρ = -0.6 are 0.4 and 1.6."
    squares = (
        "each entry of H is a mean of products of two inputs; so what happens to it when both are ten times as large?"
    )
    number(
        answer,
        (4, 1.25, 1, 0.6, 0.0125),
        name="rules_of_descent",
        tol=1e-4,
        hints=[
            (_at(0, 0.25, -4), signs),
            (_at(0, 2), "the condition number is the ratio itself. Its root tells how long the ellipse is."),
            (_at(0, 1.6, 0.4), "that is an eigenvalue; the condition number is the ratio of the two."),
            (_at(1, 5), "the steep direction sets the limit, and that is the one with the larger eigenvalue."),
            (_at(1, 0.625), "that is 1/λ, where the jump lands at the bottom. The explosion begins at a factor of -1."),
            (_at(1, 0.5), "the limit has to do with an eigenvalue, not with their ratio."),
            (_at(2, 1.25), "at the limit the steep direction keeps all of its distance. The best rate is below."),
            (_at(2, 0.625), "with that rate the steep direction is done at once, and the flat one keeps 0.75."),
            (_at(2, 2), "the numerator is 2, and the denominator is the sum of the two eigenvalues."),
            (_at(3, 0.5), "that is 1 - 2/κ, the flat direction's factor at the limit. Take the best rate."),
            (_at(3, 0.75), "that is 1 - 1/κ. Put the best rate and an eigenvalue into 1 - ηλ."),
            (_at(3, -0.6), "the size of the factor is asked for, without its sign."),
            (_at(3, 0.4), "that is what a step takes away. What is left?"),
            (_at(4, 1.25, 0.125, 12.5, 125), squares),
        ],
    )


@exercise
def round_bowl(answer: object) -> None:
    """Exercise 1.5: a mean and a matrix that make any bowl round.

    Parameters
    ----------
    answer : callable
        ``(rows) -> (mean, matrix)``; (n, d) -> (d,), (d, d).
    """
    for rows, given in _bowls():
        d = rows.shape[1]
        mean, matrix = unpack(call(answer, rows, name="round_bowl"), ("mean", "matrix"), name="round_bowl")
        diagonal = "d numbers can only stretch each input by itself. The table mixes them."
        shapes = (
            (mean, (d,), ("inputs",), "the mean", "each input has its own mean."),
            (matrix, (d, d), ("old inputs", "new inputs"), "the matrix", diagonal),
        )
        for part, shape, axes, what, text in shapes:
            if (
                isinstance(part, np.ndarray)
                and part.shape == shape
                and part.dtype.kind in "fiu"
                and np.isfinite(part).all()
            ):
                continue
            # It differs for certain, so that this says in which way.
            expect(
                part,
                np.full(shape, 0.5),
                name="round_bowl",
                given=given,
                what=what,
                axes=axes,
                hints=[(_differs(shape), text)],
            )
        reached = _kappa((rows - mean) @ matrix)
        if not reached <= MOST:
            raise WrongAnswer(
                f"round_bowl: for {given}, the condition number with a bias is {reached:,.4g}; the target is {MOST} or "
                f"less. Hint: {_bowl_hint(rows, mean, matrix)}"
            )


def _bowls() -> Iterator[tuple[Floats, str]]:
    rng = np.random.default_rng(15)
    ink = rng.normal(size=400)
    width = 0.7 * ink + 0.71 * rng.normal(size=400)
    yield np.column_stack([24 + 8 * ink, 20 + 0.7 * width]), "two inputs like ink and width"
    for d in (1, 3, 6):
        mixed = rng.normal(size=(500, d)) @ (np.eye(d) + 0.5 * rng.normal(size=(d, d)))
        yield mixed * 10.0 ** rng.uniform(-1.5, 1.5, d) + rng.uniform(-50, 50, d), f"500 random rows with d = {d}"


def _kappa(rows: Floats) -> float:
    extended = np.column_stack([rows, np.ones(len(rows))])
    values = np.linalg.eigvalsh(extended.T @ extended / len(extended))
    return float(values[-1] / values[0]) if values[0] > 1e-12 * values[-1] else float("inf")


def _differs(shape: tuple[int, ...]) -> Callable[[Any], bool]:
    return lambda part: bool(np.asarray(part).size != np.prod(shape))


def _bowl_hint(rows: Floats, mean: Floats, matrix: Floats) -> str:
    new = (rows - mean) @ matrix
    covariance = np.cov(new.T, ddof=0).reshape(matrix.shape)
    variances = np.diag(covariance)
    mixed = np.abs(covariance - np.diag(variances)).max() > 1e-3 * max(float(variances.max()), 1e-300)
    if np.linalg.matrix_rank(matrix) < len(matrix):
        return (
            "your matrix squeezes the inputs flat: its eigenvalue 0 means that something was lost. All d must survive."
        )
    if not np.allclose(mean, rows.mean(axis=0), rtol=1e-3, atol=1e-3 * rows.std()):
        return "the new inputs are not centred, so the bias mixes with them. What must the mean be?"
    if _kappa((rows - mean) @ matrix.T) <= MOST:
        return "transposed. The new inputs are `(rows - mean) @ matrix`, so a column of it makes one new input."
    with np.errstate(all="ignore"):
        if _kappa((rows - mean) @ np.linalg.inv(matrix)) <= MOST:
            return "that matrix leads back, from round to long. Its inverse is what is wanted."
    if mixed and np.allclose(matrix, np.diag(np.diag(matrix))):
        return "your matrix stretches each input by itself. That leaves correlations, and an ellipse, as they were."
    if mixed:
        return "the new inputs are still correlated with one another."
    if variances.max() <= 1.001 * variances.min():
        return "the inputs' bowl is round, but the bias has the eigenvalue 1, and theirs is another. Which deviation?"
    return (
        "the new inputs are not correlated any more: you found the directions. But they still have different "
        "deviations (the eigenvalues of the covariance are their squares)."
    )
