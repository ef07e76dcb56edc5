"""Checks for the exercises of lesson 09: two maps in a row, smooth fields, maps from places, a bad scanner."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise
from mnist_scratch.exercises.comparing import expect, number

__all__ = ["affine_from_points", "read_trembling", "smooth_fields", "two_orders"]


def _is(*values: float) -> Callable[[Any], bool]:
    """Return a predicate: whether the answer is this pair."""
    return lambda answer: bool(np.allclose(np.asarray(answer, dtype=float), values, atol=0.01))


@exercise
def two_orders(answer: object) -> None:
    """Check exercise 9.1: one dot, two maps, two orders.

    Parameters
    ----------
    answer : tuple of two numbers
    """
    number(
        answer,
        (7, 10),
        name="answer",
        tol=0.01,
        hints=[
            (
                _is(10, 7),
                "the two are exchanged. In A B the new pixel's place meets B first, so the picture is stretched first.",
            ),
            (
                _is(-0.5, -2),
                "you put the dot's old place into the map. The map takes the new place to the old one.",
            ),
            (
                _is(-2, -0.5),
                "you put the dot's old place into the map. The map takes the new place to the old one.",
            ),
            (
                _is(2.5, 4),
                "A halves the place at which a new pixel looks. Does that make the picture wider or narrower?",
            ),
            (
                _is(4, 2.5),
                "A halves the place at which a new pixel looks. Does that make the picture wider or narrower?",
            ),
            (
                _is(1, -2),
                "B takes 3 off the new pixel's x, so it looks further left. To which side does the picture move?",
            ),
            (_is(7, 7), "the order matters: the shift is stretched in one of the two, and not in the other."),
            (_is(10, 10), "the order matters: the shift is stretched in one of the two, and not in the other."),
        ],
    )


@exercise
def smooth_fields(answer: object) -> None:
    """Check exercise 9.2: each field of displacements smoothed by itself.

    Parameters
    ----------
    answer : function (noise (n, 2, height, width), sigma, alpha) -> the same shape
    """
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(92)
    for shape, sigma, alpha in (((3, 2, 9, 9), 2.0, 3.0), ((4, 2, 12, 8), 1.5, 10.0), ((6, 2, 20, 20), 4.0, 34.0)):
        noise = rng.uniform(-1, 1, shape)
        result = call(answer, noise, sigma, alpha, name="smooth_fields")

        def smoothed(*widths: float, mode: str = "constant", noise: NDArray[Any] = noise) -> NDArray[Any]:
            return np.asarray(gaussian_filter(noise, widths, mode=mode))

        expected = alpha * smoothed(0, 0, sigma, sigma)
        everywhere = (
            "you smooth along all four axes, so the fields of neighbouring images run into one another, and so do the "
            "down and the across part of each. Only the two axes of the picture are to be smoothed."
        )
        across_parts = "the down and the across part of each image are smoothed into one another (axis 1)."
        border = "outside the picture the noise counts as zero; SciPy's filter mirrors it unless told otherwise."
        expect(
            result,
            expected,
            name="smooth_fields",
            given=f"noise of shape {shape}, sigma {sigma:g}, alpha {alpha:g}",
            axes=("images", "down and across", "rows", "columns"),
            hints=[
                (alpha * smoothed(sigma, sigma, sigma, sigma, mode="reflect"), everywhere + " (And: " + border + ")"),
                (alpha * smoothed(sigma, sigma, sigma, sigma), everywhere),
                (alpha * smoothed(0, sigma, sigma, sigma), across_parts),
                (alpha * smoothed(0, sigma, sigma, sigma, mode="reflect"), across_parts),
                (
                    alpha * smoothed(sigma, 0, sigma, sigma),
                    "the fields of neighbouring images are smoothed into one another (axis 0).",
                ),
                (
                    alpha * smoothed(sigma, 0, sigma, sigma, mode="reflect"),
                    "the fields of neighbouring images are smoothed into one another (axis 0).",
                ),
                (alpha * smoothed(0, 0, sigma, sigma, mode="reflect"), border),
                (
                    alpha * smoothed(0, 0, sigma, sigma, mode="nearest"),
                    "outside the picture the noise counts as zero, not as its last value.",
                ),
                (
                    alpha * smoothed(0, 0, sigma, sigma, mode="wrap"),
                    "outside the picture the noise counts as zero; it does not begin again.",
                ),
                (smoothed(0, 0, sigma, sigma), "alpha is missing."),
                (alpha * smoothed(0, 0, sigma, 0), "smoothed along one axis of the picture only."),
                (alpha * smoothed(0, 0, 0, sigma), "smoothed along one axis of the picture only."),
                (alpha * noise, "these are not smoothed."),
            ],
        )


@exercise
def affine_from_points(answer: object) -> None:
    """Check exercise 9.3: the map that takes given new places to given old ones.

    Parameters
    ----------
    answer : function (new (n, 2), old (n, 2)) -> (3, 3)
    """
    rng = np.random.default_rng(93)
    corner = np.array([[0, 0], [0, 1], [1, 0]], dtype=float)
    cases: list[tuple[NDArray[Any], NDArray[Any], str]] = [
        (corner, np.array([[0, -1], [0, 0], [1.0, -1]]), "the example of the text")
    ]
    for n, noise, dtype in ((3, 0.0, np.float64), (5, 0.0, np.float32), (30, 0.5, np.float64)):
        new = rng.uniform(-10, 10, (n, 2))
        matrix = np.vstack([np.eye(2, 3) + rng.uniform(-0.6, 0.6, (2, 3)) * [1, 1, 5], [0, 0, 1]])
        old = (np.column_stack([new, np.ones(n)]) @ matrix.T)[:, :2] + noise * rng.normal(size=(n, 2))
        given = f"{n} pairs of places" + (", measured with errors" if noise else "")
        cases.append((new.astype(dtype), old.astype(dtype), given))
    for new, old, given in cases:
        result = call(answer, new, old, name="affine_from_points")
        expected = _fit(new, old)
        flipped = _fit(new[:, ::-1], old[:, ::-1])
        few = _fit(new[:3], old[:3])
        linear = np.eye(3)
        linear[:2, :2] = np.linalg.lstsq(new, old, rcond=None)[0].T
        expect(
            result,
            expected,
            name="affine_from_points",
            given=given,
            rtol=1e-3 if new.dtype == np.float32 else 1e-6,
            atol=1e-3 if new.dtype == np.float32 else 1e-6,
            axes=("y, x and 1 of the old place", "y, x and 1 of the new place"),
            hints=[
                (
                    _fit(old, new),
                    "that map takes old places to new ones. A warp asks the other way: from the new place to the old.",
                ),
                (
                    expected.T,
                    "transposed: the matrix stands at the left of a column (y, x, 1), so its last row is 0, 0, 1.",
                ),
                (expected[:2], "the last row, 0, 0, 1, is missing; with it such maps can be multiplied."),
                (
                    expected[:2].T,
                    "that is the transposed of the first two rows; the last row, 0, 0, 1, is missing too.",
                ),
                (linear, "a map without a shift: each place needs a 1 beside y and x."),
                (flipped, "y first, then x, as the places have them."),
                (
                    few,
                    "you used three pairs only. With more than three take the best fit to all, by least squares.",
                ),
                (_fit(new, old, last=(0, 0, 0)), "the last row is 0, 0, 1."),
            ],
        )


def _fit(new: NDArray[Any], old: NDArray[Any], last: tuple[int, int, int] = (0, 0, 1)) -> NDArray[np.float64]:
    rows = np.column_stack([new, np.ones(len(new))]).astype(np.float64)
    return np.vstack([np.linalg.lstsq(rows, old.astype(np.float64), rcond=None)[0].T, last])


_TARGET, _COPIES = 0.68, 8


@functools.cache
def _digits() -> tuple[NDArray[np.float32], NDArray[Any], NDArray[np.float32], NDArray[Any]]:
    """Return 200 images with labels, and 400 that have been through the trembling scanner, with theirs."""
    from mnist_scratch.datasets import load_mnist

    sample = load_mnist("sample")
    piles = []
    for split, each in ((sample.train, 20), (sample.test, 40)):
        chosen = np.concatenate([np.flatnonzero(split.labels == digit)[:each] for digit in range(10)])
        piles += [split.images[chosen].astype(np.float32) / np.float32(255), split.labels[chosen]]
    few, few_labels, seen, seen_labels = piles
    return few, few_labels, _scan(seen, np.random.default_rng(9)), seen_labels


def _scan(images: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Move each line of each image sideways: by 3 sin(2 pi row / 14 + a phase of the image's own) pixels."""
    n, height, width = images.shape
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    old = np.arange(width) + 3 * np.sin(2 * np.pi * np.arange(height)[:, np.newaxis] / 14 + phase)
    left = np.floor(old).astype(int)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2)))
    one, other = (np.take_along_axis(padded, np.clip(left + k, -1, width) + 1, axis=2) for k in (0, 1))
    return np.asarray((left + 1 - old) * one + (old - left) * other, dtype=np.float32)


def _read(known: NDArray[Any], labels: NDArray[Any], images: NDArray[Any]) -> NDArray[Any]:
    """Return for each image the label of the known one that is nearest to it, pixel by pixel."""
    rows, asked = known.reshape(len(known), -1), images.reshape(len(images), -1)
    return np.asarray(labels[((rows**2).sum(axis=1) - 2 * asked @ rows.T).argmin(axis=1)])


def _with_digits(check: Callable[[object], None]) -> Callable[[object], None]:
    """Read the digits before the check's clock starts."""

    @functools.wraps(check)
    def ready(answer: object) -> None:
        _digits()
        check(answer)

    return ready


@_with_digits
@exercise
def read_trembling(answer: object) -> None:
    """Check exercise 9.5: whether the deformed copies teach a reader to read a bad scanner's pictures.

    Parameters
    ----------
    answer : function (images (n, 28, 28), rng) -> deformed copies (n, 28, 28)
    """
    few, few_labels, seen, seen_labels = _digits()
    known = [few]
    for k in range(_COPIES):
        copies = call(answer, few, np.random.default_rng(950 + k), name="read_trembling")
        known.append(_copies(copies, few))
    if np.array_equal(known[1], known[2]) and not np.allclose(known[1], few):
        raise WrongAnswer(
            "read_trembling: two calls with different generators give the same copies. Hint: draw the phases from "
            "rng, not from a generator that your function makes afresh."
        )
    right = float((_read(np.concatenate(known), np.tile(few_labels, _COPIES + 1), seen) == seen_labels).mean())
    if right < _TARGET:
        alone = float((_read(few, few_labels, seen) == seen_labels).mean())
        raise WrongAnswer(
            f"read_trembling: with your copies the reader reads {right:.1%} of the scanner's pictures "
            f"(target: {_TARGET:.0%}; with the {len(few)} images alone {alone:.1%}). "
            f"Hint: {_why(few, np.stack(known[1:]))}"
        )


def _copies(copies: object, images: NDArray[np.float32]) -> NDArray[Any]:
    """Return the copies, if that is what they are."""
    if isinstance(copies, np.ndarray):
        expect(copies, copies, name="read_trembling", what="the copies", kinds="f")
    if not isinstance(copies, np.ndarray) or copies.shape != images.shape:
        shown = f"an array of shape {copies.shape}" if isinstance(copies, np.ndarray) else f"{type(copies).__name__}"
        raise WrongAnswer(
            f"read_trembling: a copy of each image is expected, an array of shape {images.shape}; it is {shown}. "
            "Hint: every image has its copy, at the same place in the array."
        )
    if not np.isfinite(copies).all():
        raise WrongAnswer("read_trembling: the copies hold NaN or infinity.")
    if copies.min() < -0.5 or copies.max() > 1.5:
        raise WrongAnswer(
            f"read_trembling: the copies' values go from {copies.min():.3g} to {copies.max():.3g}; the images go "
            "from 0 to 1. Hint: move the ink, do not scale it."
        )
    return copies


def _why(images: NDArray[np.float32], copies: NDArray[Any]) -> str:
    """Say what the copies, (calls, n, 28, 28), have in common with a known mistake."""
    if np.abs(copies - images).max() < 1e-3:
        return "your copies are the images themselves."
    inked = images.sum(axis=(1, 2)) > 0
    by_line = np.abs(copies.sum(axis=3) - images.sum(axis=2))[:, inked].mean()
    by_column = np.abs(copies.sum(axis=2) - images.sum(axis=1))[:, inked].mean()
    if by_column < 0.05 < by_line:
        return "your copies move columns up and down. The scanner moves lines sideways."
    if by_line > 0.3:
        return (
            "in your copies the lines hold other ink than in the images. The scanner only moves each line sideways; "
            "deform as it does, and no more."
        )
    moved = _moved(images, copies)  # (calls, n, lines)
    if np.nanmax(np.abs(moved)) < 1:
        return "lines move by less than a pixel in your copies; the scanner moves them by up to 3."
    if np.nanstd(moved, axis=2).mean() < 0.5:
        return "all lines of a picture move alike in your copies. The scanner moves each line by another distance."
    return "compare a copy with the formula: a wave of 3 pixels to either side, 14 lines long."


def _moved(images: NDArray[np.float32], copies: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far each line's ink has moved sideways, from its centre of mass; NaN where there is none."""
    place = np.arange(images.shape[-1])
    before, after = images.sum(axis=-1), copies.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gone = (copies @ place) / after - (images @ place) / before
    return np.where((before > 0.5) & (np.abs(after - before) < 0.05 * before), gone, np.nan)
