"""The paper's claims, each held against the recorded results: one table, in the README and at the end of lesson 09.

Nothing in the table is typed: numbers and verdicts are computed from the records each time it is made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_scratch.experiments.results import FOLDER, Mean, Results, load_results
from mnist_scratch.marks import write_between

HOLDS, FAILS, PARTLY = "holds", "does not hold", "holds in part"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, and what the records say to it."""

    claim: str
    section: str
    """Of the paper."""
    test: str
    """What was done to test it."""
    seeds: int
    """How many runs the numbers come from."""
    measured: str
    """The numbers, in words."""
    verdict: str
    """``HOLDS``, ``PARTLY`` or ``FAILS``."""


def _named(runs: Results, part: str) -> list[str]:
    """Return the recipes that have a part in their names; KeyError if none has."""
    names = [name for name in runs.recipes if part in name]
    if not names:
        raise KeyError(f"study {runs.name!r} has no recipe with {part!r} in its name; it has {', '.join(runs.recipes)}")
    return names


def _best(runs: Results, names: Sequence[str], on: str = "test") -> tuple[str, Mean]:
    """Return the recipe with the highest mean, and that mean."""
    if not names:
        raise KeyError(f"study {runs.name!r} lacks the recipes to compare; it has {', '.join(runs.recipes)}")
    return max(((name, runs.mean(name, on)) for name in names), key=lambda named: named[1].mean)


def _best_rate(runs: Results, scale: str) -> str:
    """Return the recipe of a scale whose learning rate does best on the validation images."""
    return max(_named(runs, f"{scale}, rate"), key=lambda name: float(runs.accuracies(name, "validation").mean()))


def _overall(folder: Path) -> Claim:
    runs = load_results("paper", folder)
    accuracies, mean = runs.accuracies("paper"), runs.mean("paper")
    low, high = np.quantile(accuracies, (0.025, 0.975))
    return Claim(
        "92.64 % of the test digits are recognised",
        "3.1, table 1",
        "a sigmoid network of 100 hidden units, one epoch of single images",
        mean.seeds,
        f"mean {mean.mean:.2%}; 95 % of the runs between {low:.2%} and {high:.2%}",
        HOLDS if low <= 0.9264 <= high else FAILS,
    )


def _two_digits(folder: Path) -> Claim:
    runs = load_results("paper", folder)
    digits = runs.digit_accuracies("paper")
    three, eight = (np.quantile(digits[:, digit], (0.025, 0.975)) for digit in (3, 8))
    both = int(((digits[:, 3] <= 0.8693) & (digits[:, 8] <= 0.8717)).sum())
    within = three[0] <= 0.8693 <= three[1], eight[0] <= 0.8717 <= eight[1]
    return Claim(
        "3 is recognised at 86.93 %, 8 at 87.17 %",
        "3.1, table 1",
        "the same runs, digit by digit",
        len(digits),
        f"3: {digits[:, 3].mean():.2%} (95 % of the runs {three[0]:.2%} to {three[1]:.2%}); "
        f"8: {digits[:, 8].mean():.2%} ({eight[0]:.2%} to {eight[1]:.2%}); both as low in one run: {both} times",
        HOLDS if all(within) and both else PARTLY if any(within) else FAILS,
    )


def _two_worst(folder: Path) -> Claim:
    digits = load_results("paper", folder).digit_accuracies("paper")
    worst = np.argsort(digits, axis=1)[:, :2]
    both = int((np.sort(worst, axis=1) == [3, 8]).all(axis=1).sum())
    worst_digit = np.bincount(np.argmin(digits, axis=1)).argmax()
    share = both / len(digits)
    return Claim(
        "3 and 8 are much lower than the other digits",
        "3.1",
        "the same runs: which two digits are the worst",
        len(digits),
        f"3 and 8 are the two worst in {both} of {len(digits)} runs; most often the worst: {worst_digit}",
        HOLDS if share > 0.9 else PARTLY if share > 0.5 else FAILS,
    )


def _three_as_five(folder: Path) -> Claim:
    errors = load_results("paper", folder).confusions("paper")[:, 3]
    errors[:, 3] = 0
    errors = errors[errors.any(axis=1)]  # a run that reads every 3 rightly says nothing about this
    share = errors[:, 5] / errors.sum(axis=1)
    most = int((errors.argmax(axis=1) == 5).sum())
    mean = Mean.of(share)
    return Claim(
        "3 is always recognised as 5",
        "3.1, figure 8",
        "the same runs: what misread 3s are taken for",
        len(share),
        f"{mean.mean:.0%} of the misread 3s ({mean.low:.0%} to {mean.high:.0%}); the most frequent in {most} runs",
        HOLDS if mean.low > 0.9 else PARTLY if most > len(share) / 2 else FAILS,
    )


def _shifted(folder: Path) -> Claim:
    runs = load_results("shifted", folder)
    threes = [runs.confusions("paper", on)[:, 3] for on in ("test", "shifted_left", "shifted_right")]
    as_five = [counts[:, 5] / counts.sum(axis=1) for counts in threes]
    plain, left, right = map(Mean.of, as_five)
    return Claim(
        "a 3 that is shifted to the left is very likely to be recognised as 5",
        "3.1",
        "all 3s of the test images moved by 3 pixels",
        plain.seeds,
        f"read as 5: {left.mean:.0%} moved left, {right.mean:.0%} moved right, {plain.mean:.0%} as they are",
        HOLDS if left.low > 0.5 else PARTLY if left.low > max(plain.high, right.high) else FAILS,
    )


def _rotation(folder: Path) -> Claim:
    runs = load_results("rotation", folder)
    (_, upright), (_, turned) = (_best(runs, _named(runs, "0 to 90"), on) for on in ("test", "rotated_test"))
    _, without = _best(runs, _named(runs, "upright"))
    return Claim(
        "trained on digits turned by 0 to 90 degrees, it recognises 99.1 %",
        "3.2",
        "two network sizes, upright and turned test images; the better size",
        upright.seeds,
        f"upright {upright.mean:.2%}, turned {turned.mean:.2%}; without turning, upright {without.mean:.2%}",
        HOLDS if upright.high >= 0.991 or turned.high >= 0.991 else FAILS,
    )


def _no_error(folder: Path) -> Claim:
    runs = load_results("rotation", folder)
    digits = np.concatenate([runs.digit_accuracies(name) for name in _named(runs, "0 to 90")])
    perfect = int((digits == 1).any(axis=1).sum())
    return Claim(
        "after that, no digit stands out as read wrongly",
        "3.2",
        "the same runs: the worst digit of each",
        len(digits),
        f"the worst digit of a run is read at {digits.min(axis=1).mean():.2%} on average; "
        f"a digit without any error in {perfect} of {len(digits)} runs",
        HOLDS if digits.min(axis=1).mean() >= 0.991 else FAILS,
    )


def _small_angles(folder: Path) -> Claim:
    runs = load_results("angles", folder)
    none, quarter = runs.mean("0"), runs.mean("0 to 90")
    name, best = _best(runs, list(runs.recipes))
    return Claim(
        "processing the raw data (turning it) improves the accuracy",
        "3.2",
        "ten ranges of angles, upright test",
        none.seeds,
        f"none {none.mean:.2%}; best, {name} degrees: {best.mean:.2%}; 0 to 90 degrees: {quarter.mean:.2%}",
        FAILS if best.low <= none.high else PARTLY if quarter.high < none.low else HOLDS,
    )


def _normalised(folder: Path) -> Claim:
    runs = load_results("preprocessing", folder)
    raw, unit, standard = (runs.mean(_best_rate(runs, scale)) for scale in ("raw", "unit", "standardized"))
    return Claim(
        "normalised inputs help to get a more accurate network",
        "2.1",
        "0 to 255, 0 to 1, standardised; each at the best of three rates on validation images",
        standard.seeds,
        f"{raw.mean:.2%}, {unit.mean:.2%}, {standard.mean:.2%}",
        HOLDS if standard.low > unit.high else PARTLY if standard.low > raw.high else FAILS,
    )


def _as_much_as_possible(folder: Path) -> Claim:
    runs = load_results("deformations", folder)
    none, everything = runs.mean("none"), runs.mean("all")
    name, best = _best(runs, [name for name in runs.recipes if name not in ("none", "all", "deskewed")])
    return Claim(
        "preprocess the graphics as much as possible to improve the accuracy",
        "4",
        "small random deformations of the training images, ReLU network of 300, 8 epochs",
        none.seeds,
        f"none {none.mean:.2%}; all kinds together {everything.mean:.2%}; the best kind alone, {name}: {best.mean:.2%}",
        FAILS if everything.low <= none.high else HOLDS if everything.mean >= best.mean else PARTLY,
    )


def _beyond(folder: Path) -> Claim:
    runs = load_results("best", folder)
    name = next(iter(runs.recipes))
    mean = runs.mean(name)
    return Claim(
        "99.1 % is within reach of such a network",
        "3.2",
        "lesson 09's best network: deformations, ReLU, two hidden layers, NumPy alone",
        mean.seeds,
        f"{mean.mean:.2%} ({mean.low:.2%} to {mean.high:.2%})",
        HOLDS if mean.low >= 0.991 else PARTLY if mean.mean >= 0.991 else FAILS,
    )


CLAIMS: tuple[Callable[[Path], Claim], ...] = (
    _normalised,
    _overall,
    _two_digits,
    _two_worst,
    _three_as_five,
    _shifted,
    _rotation,
    _no_error,
    _small_angles,
    _as_much_as_possible,
    _beyond,
)


def claims(folder: Path = FOLDER) -> list[Claim]:
    """Return each claim with its verdict, from recorded results.

    Parameters
    ----------
    folder : Path
        Where the records are; the package's own, if left out.

    Returns
    -------
    list of Claim
        In the paper's order.

    Raises
    ------
    FileNotFoundError
        If a study that a claim rests on has no record.
    KeyError, ValueError
        If a record is damaged, or lacks a recipe or a measure that the claim needs.
    """
    return [judge(folder) for judge in CLAIMS]


def verdict_table(folder: Path = FOLDER) -> str:
    """Return the claims as a Markdown table. The folder is that of ``claims``."""
    lines = ["| the paper's claim | tested by | seeds | what came | verdict |", "|---|---|---|---|---|"]
    for row in claims(folder):
        lines.append(f"| {row.claim} ({row.section}) | {row.test} | {row.seeds} | {row.measured} | **{row.verdict}** |")
    return "\n".join(lines) + "\n"


def write_table(readme: Path, folder: Path = FOLDER) -> bool:
    """Put the table between the README's marks, and return whether that changed anything.

    Raises
    ------
    ValueError
        If the README has no marks ``<!-- verdicts -->`` and ``<!-- /verdicts -->``.
    """
    return write_between(readme, {"verdicts": verdict_table(folder)})
