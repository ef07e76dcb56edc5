"""Checks for the exercises of lesson 08: turned places, turned weights, turned epochs, and an angle found again."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise, unpack
from mnist_scratch.exercises.comparing import expect, number

__all__ = ["augmented_epochs", "find_angle", "fold_turn", "places_about", "where_it_goes"]

Floats = NDArray[np.floating[Any]]
Hints = list[tuple[Any, str]]


def _first(*pair: float) -> Callable[[Any], bool]:
    """Return a predicate: whether the first two numbers are these."""
    return lambda answer: bool(np.allclose(np.asarray(answer, dtype=float)[:2], pair, atol=0.02))


def _last(*pair: float) -> Callable[[Any], bool]:
    """Return a predicate: whether the last two numbers are these."""
    return lambda answer: bool(np.allclose(np.asarray(answer, dtype=float)[2:], pair, atol=0.02))


@exercise
def where_it_goes(answer: object) -> None:
    """Check exercise 8.1: where ink goes, and where a new pixel comes from.

    Parameters
    ----------
    answer : tuple of four numbers
    """
    number(
        answer,
        (4, 5, 4, 4 + 4 * np.cos(np.pi / 6)),
        name="answer",
        tol=0.01,
        hints=[
            (_first(0, 3), "a turn by -90° is clockwise, and what is at the upper right then goes to the lower right."),
            (_first(5, 4), "row first, then column."),
            (_first(2, 1), "those are y and x, measured from the centre; add the centre's row and column."),
            (
                _first(3, 6),
                "the centre of 5 rows and 9 columns is not in column 3 nor in row 3; it is row 2, column 4.",
            ),
            (
                _first(1, 2),
                "is the picture turned about its centre, row 2 and column 4, and not about its first pixel?",
            ),
            (
                _last(0, 4 + 4 * np.cos(np.pi / 6)),
                "that is where ink from there would go. The new pixel asks where its own was: turn its place back.",
            ),
            (
                _last(2, 4 * np.cos(np.pi / 6)),
                "those are y and x, measured from the centre; add the centre's row and column.",
            ),
            (_last(4 + 4 * np.cos(np.pi / 6), 4), "row first, then column."),
            (
                _last(2 + 4 * np.cos(np.pi / 6), 6),
                "sine and cosine are exchanged: a small turn moves a place at the right mostly down or up.",
            ),
        ],
    )


@exercise
def places_about(answer: object) -> None:
    """Check exercise 8.2: where every new pixel comes from, when a picture is turned about any pivot.

    Parameters
    ----------
    answer : function (height, width, degrees, pivot) -> (height, width, 2)
    """
    rng = np.random.default_rng(82)
    cases: list[tuple[int, int, float, tuple[float, float]]] = [
        (2, 3, 90, (0, 0)),
        (5, 5, 30, (2, 2)),
        (4, 6, 0, (1, 1)),
    ]
    cases += [
        (int(h), int(w), float(rng.uniform(-180, 180)), (float(rng.uniform(-2, h)), float(rng.uniform(0, w + 2))))
        for h, w in rng.integers(3, 9, (6, 2))
    ]
    for height, width, degrees, pivot in cases:
        result = call(answer, height, width, degrees, pivot, name="places_about")
        grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1).astype(float)
        centre = np.array([(height - 1) / 2, (width - 1) / 2])
        places = _turned(grid, -degrees, pivot)
        expect(
            result,
            places,
            name="places_about",
            given=f"height {height}, width {width}, {degrees:.4g}°, pivot ({pivot[0]:.3g}, {pivot[1]:.3g})",
            axes=("rows of the picture", "columns of the picture", "row and column of the place"),
            hints=[
                (
                    _turned(grid, degrees, pivot),
                    "that is where each pixel's ink would go. The new pixel asks where it comes from, so its place "
                    "is turned back, by minus the angle.",
                ),
                (_turned(grid, -degrees, centre), "turned about the picture's centre; use the pivot."),
                (
                    _turned(grid, degrees, centre),
                    "turned about the picture's centre, and forwards; use the pivot, and turn the places back.",
                ),
                (
                    _turned(grid, -degrees, (0, 0)),
                    "turned about row 0, column 0: measure each place from the pivot first.",
                ),
                (places - pivot, "the places are still measured from the pivot; add it again after the turn."),
                (
                    _turned(grid, -degrees, pivot) - np.asarray(pivot) + centre,
                    "measure from the pivot, and add the same pivot afterwards, not the centre.",
                ),
                (_turned(grid, -np.degrees(degrees), pivot), "np.cos and np.sin take radians."),
                (places[..., ::-1], "row first, then column, in the last axis."),
                (np.moveaxis(places, -1, 0), "row and column of the place stand in the last axis."),
                (places.reshape(-1, 2), "the places should keep the picture's rows and columns: (height, width, 2)."),
                (
                    places.transpose(1, 0, 2),
                    "rows of the picture come first: (height, width, 2). np.meshgrid's usual order is the other one.",
                ),
                (np.rint(places), "do not round: a place may lie between pixels."),
            ],
        )


def _turned(places: NDArray[Any], degrees: float, pivot: ArrayLike) -> NDArray[np.float64]:
    """Turn places (..., 2), row and column, counter-clockwise as displayed."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    y, x = np.moveaxis(places - np.asarray(pivot, dtype=float), -1, 0)
    return np.asarray(np.stack([y * cos - x * sin, y * sin + x * cos], axis=-1) + np.asarray(pivot, dtype=float))


def _folded_weights_mistakes(weights: Floats, turn: Floats, mean: float, std: float) -> Hints:
    """Collect what known mistakes give for the new weights."""
    return [
        (
            turn.T @ weights / std,
            "turn[j, k] is the share of old pixel j in new pixel k, and rows @ turn come first: move the "
            "brackets of (rows @ turn) @ weights. Nothing is transposed.",
        ),
        (weights / std, "the turn is missing."),
        (turn @ weights, "the standardised pixels are divided by std; where does that go?"),
        (turn @ weights * std, "the pixels are divided by std, so the weights are too."),
        (
            (turn @ weights - mean) / std,
            "subtracting the mean adds a fixed number to each net: that changes the biases, not the weights.",
        ),
        (np.linalg.pinv(turn) @ weights / std, "no inverse is needed: the turned rows are rows @ turn."),
    ]


def _folded_biases_mistakes(weights: Floats, biases: Floats, turn: Floats, mean: float, std: float) -> Hints:
    """Collect what known mistakes give for the new biases."""
    return [
        (
            biases,
            "the biases change too: mean / std is taken off every turned pixel, and each pixel has a weight.",
        ),
        (
            biases - mean / std * (turn @ weights).sum(axis=0),
            "that is right if the image is standardised before it is turned. Here it is turned first.",
        ),
        (biases - mean * weights.sum(axis=0), "the mean is divided by std as well."),
        (biases + mean / std * weights.sum(axis=0), "the mean is subtracted: check the sign."),
        (
            biases / std - mean / std * weights.sum(axis=0),
            "the biases themselves are added after the standardising; do not divide them.",
        ),
        (
            (biases - mean * weights.sum(axis=0)) / std,
            "the biases themselves are added after the standardising; do not divide them.",
        ),
        (
            biases - mean / std,
            "each pixel's mean / std comes in with that pixel's weight: sum over the pixels.",
        ),
        (biases - mean / std * weights.mean(axis=0), "a net is a sum over the pixels, not a mean."),
        (
            lambda r: np.shape(r) == weights.shape[:1],
            "sum over the pixels, axis 0: a bias belongs to an output.",
        ),
    ]


@exercise
def fold_turn(answer: object) -> None:
    """Check exercise 8.3: a turn and a standardisation, folded into a layer's weights and biases.

    Parameters
    ----------
    answer : function (weights, biases, turn, mean, std) -> (new weights, new biases)
    """
    rng = np.random.default_rng(83)
    shift_one = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=float)
    cases: list[tuple[Any, ...]] = [
        (np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([10.0, 20]), shift_one, 0.5, 2.0, "the example of the text")
    ]
    for dtype in (np.float64, np.float32):
        weights, biases = rng.normal(size=(12, 4)).astype(dtype), rng.normal(size=4).astype(dtype)
        shares = (rng.uniform(0, 1, (12, 12)) * (rng.random((12, 12)) < 0.4)).astype(dtype)
        cases.append((weights, biases, shares, 0.13, 0.31, f"random {dtype.__name__} weights (12, 4)"))
    for weights, biases, turn, mean, std, given in cases:
        result = call(answer, weights, biases, turn, mean, std, name="fold_turn")
        names = ("new weights", "new biases")
        expected = turn @ weights / std, biases - mean / std * weights.sum(axis=0)
        rtol, atol = (2e-4, 2e-4) if weights.dtype == np.float32 else (1e-7, 1e-9)
        for part, right, what, axes, hints in zip(
            unpack(result, names, name="fold_turn"),
            expected,
            names,
            (("pixels", "outputs"), ("outputs",)),
            (
                _folded_weights_mistakes(weights, turn, mean, std),
                _folded_biases_mistakes(weights, biases, turn, mean, std),
            ),
            strict=True,
        ):
            expect(part, right, name="fold_turn", what=what, given=given, rtol=rtol, atol=atol, axes=axes, hints=hints)


@exercise
def augmented_epochs(answer: object) -> None:
    """Check exercise 8.4: images turned afresh in each epoch.

    Parameters
    ----------
    answer : function (images (n, side, side), quarters (epochs, n)) -> (epochs, n, side, side)
    """
    rng = np.random.default_rng(84)
    for n, side, epochs, dtype in ((1, 2, 2, np.float64), (3, 4, 5, np.float32), (6, 3, 4, np.float64)):
        images = rng.integers(1, 200, (n, side, side)).astype(dtype)
        quarters = rng.integers(0, 4, (epochs, n))
        quarters[:2] = [[1]] * 2 if n == 1 else quarters[:2]
        result = call(answer, images, quarters, name="augmented_epochs")
        expected = _quarter_turns(images, quarters)
        again = _quarter_turns(images, quarters.cumsum(axis=0))
        expect(
            result,
            expected,
            name="augmented_epochs",
            given=f"{n} images of {side} by {side}, {epochs} epochs, quarters = {quarters.tolist()}",
            axes=("epochs", "images", "rows", "columns"),
            hints=[
                (again, "from the second epoch on you turn what was turned before. Each epoch turns the originals."),
                (
                    np.stack([again[-1]] * epochs),
                    "every epoch shows the pictures of the last one, and these were turned again and again. "
                    "There is one array; each epoch needs its own, made from the originals.",
                ),
                (
                    np.stack([expected[-1]] * epochs),
                    "every epoch shows the pictures of the last one: all of them are one and the same array. "
                    "Make a new one for each epoch.",
                ),
                (
                    _quarter_turns(images, np.repeat(quarters[:, :1], n, axis=1)),
                    "each image has an angle of its own; you turned all by the first one's.",
                ),
                (
                    _quarter_turns(images, -quarters),
                    "the turn is counter-clockwise; np.rot90 turns that way when its count is positive.",
                ),
                (np.stack([images] * epochs), "these are the images unturned."),
                (
                    _quarter_turns(images, np.repeat(quarters[:1], epochs, axis=0)),
                    "every epoch has the turns of the first one.",
                ),
            ],
        )


def _quarter_turns(images: NDArray[Any], quarters: NDArray[Any]) -> NDArray[Any]:
    return np.array([[np.rot90(image, int(q)) for image, q in zip(images, row, strict=True)] for row in quarters])


_PAIRS, _MEAN_ERROR, _LARGEST_ERROR = 12, 0.5, 1.5


@exercise
def find_angle(answer: object) -> None:
    """Check exercise 8.5: the angle between a picture and its noisy turned copy.

    Parameters
    ----------
    answer : function (image, turned) -> degrees
    """
    from mnist_scratch.augmentation import rotate

    rng = np.random.default_rng(85)
    errors = np.zeros(_PAIRS)
    for k in range(_PAIRS):
        image = _strokes(rng)
        degrees = float(rng.uniform(-180, 180))
        turned = rotate(image[np.newaxis], degrees)[0] + rng.normal(0, 20, image.shape).astype(np.float32)
        result = call(answer, image, turned, name="find_angle")
        found = _one_angle(result)
        errors[k] = abs((found - degrees + 180) % 360 - 180)  # 359° and 1° are 2° apart
        if errors[k] > _LARGEST_ERROR:
            raise WrongAnswer(
                f"find_angle: in pair {k} the picture was turned by {degrees:.1f}°, you found {found:.1f}°: off by "
                f"{errors[k]:.1f}° (target: at most {_LARGEST_ERROR}°). Hint: {_why_off(found, degrees)}"
            )
    if errors.mean() > _MEAN_ERROR:
        raise WrongAnswer(
            f"find_angle: all {_PAIRS} angles are within {_LARGEST_ERROR}°, but the mean error is {errors.mean():.2f}° "
            f"(target: at most {_MEAN_ERROR}°). Hint: try again with finer steps around the best angle."
        )


def _why_off(found: float, degrees: float) -> str:
    """Say what may have gone wrong with an angle that is too far off."""
    off = abs((found - degrees + 180) % 360 - 180)
    if abs((-found - degrees + 180) % 360 - 180) < 2 * _LARGEST_ERROR:
        return "your angle has the wrong sign: counter-clockwise is above 0."
    if abs(np.degrees(found) - degrees) < 2 * _LARGEST_ERROR:
        return "that looks like radians; give degrees."
    if off > 10:
        return (
            "it can be any angle, and there may be a second one at which the two pictures are somewhat alike. Try all "
            "the way round."
        )
    if abs(found - 90 * round(found / 90)) < 1e-6:
        return (
            "a turn by 0°, 90° or 180° blurs nothing, any other does. If you multiply the pictures, the sharp one "
            "comes out largest: take squared differences instead, or divide by each picture's length."
        )
    return "near, but not near enough. Try again with finer steps around the best angle."


def _one_angle(result: object) -> float:
    try:
        found = np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.size != 1:
        raise WrongAnswer(f"find_angle: expected one number, the angle in degrees; got {type(result).__name__}.")
    if not np.isfinite(found).all():
        raise WrongAnswer("find_angle: the angle is not a finite number.")
    return float(found.reshape(()))


def _strokes(rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw a bent stroke with a hook, 0 to 255, such that no turn brings it onto itself."""
    corners = np.cumsum(rng.uniform(1, 2, (5, 1)) * _directions(rng), axis=0)
    corners -= (corners.min(axis=0) + corners.max(axis=0)) / 2
    corners = 13.5 + corners * 10 / np.hypot(*corners.T).max()  # none is farther from the centre than 10 pixels
    along = np.linspace(0, 4, 60)
    path = np.stack([np.interp(along, range(5), corners[:, axis]) for axis in (0, 1)], axis=1)  # (60, 2)
    places = np.argwhere(np.ones((28, 28)))
    distance = ((places[:, np.newaxis] - path) ** 2).sum(axis=2).min(axis=1)
    return np.asarray(255 * np.exp(-distance / 5), dtype=np.float32).reshape(28, 28)


def _directions(rng: np.random.Generator) -> NDArray[np.float64]:
    bends = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.uniform(0.2, 1.3, 5))
    return np.stack([np.sin(bends), np.cos(bends)], axis=1)
