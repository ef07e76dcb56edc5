"""How the cost grows: with the batch size, the hidden units, the images, and with the cores where there are many."""

import itertools
import statistics
from dataclasses import asdict

from mnist_scratch import plotting
from tests.benchmarks.contests import JAX, MORE_CORES, PYTORCH, named, training
from tests.benchmarks.turns import IMAGES, timed

PANELS = {
    "batch size": "784-100-10",
    "hidden units": "one hidden layer, batch 128",
    "training images": "784-100-10, batch 32: one epoch",
    "cores": f"{named(MORE_CORES[0][0])}, batch {MORE_CORES[0][1]}",
}
BATCH_SIZES = tuple(4**k for k in range(7))
WIDTHS = (10, 30, 100, 300, 1000, 3000)
COUNTS = (1_000, 5_000, 20_000, 60_000)


def growth(sides, n_train, rounds, scale=0.3):
    """Return points as dictionaries: a row each, with what it grows ``by`` and how much of that there is, ``x``."""
    cores = sides.cores
    found = [("batch size", b, training((784, 100, 10), b, n_train, cores, scale)) for b in BATCH_SIZES if b <= n_train]
    found += [("hidden units", w, training((784, w, 10), 128, n_train, cores, scale)) for w in WIDTHS]
    found += [
        ("training images", n, training((784, 100, 10), 32, n_train, cores, images=n)) for n in COUNTS if n <= n_train
    ]
    return [{"by": by, "x": x, **asdict(row)} for by, x, contest in found for row in timed(contest, sides, rounds)]


def points_by_cores(rows):
    """Return such points for the cores, from a run's rows; none if there are no more than two numbers of them."""
    sizes, batch_size = MORE_CORES[0]
    name = f"training {named(sizes)}, batch {batch_size}"
    found = [{"by": "cores", "x": row["threads"], **row} for row in rows if row["name"] == name]
    return found if len({point["x"] for point in found}) > 2 else []


def draw_growth(runs):
    """Return the figure, of medians over the runs."""
    found = {}
    for point in itertools.chain.from_iterable(run["growth"] + points_by_cores(run["rows"]) for run in runs):
        found.setdefault(point["by"], {}).setdefault(point["peer_name"], {}).setdefault(point["x"], []).append(point)
    figure, axes = plotting.new_figure(1, len(found), size=(4.5 * len(found), 4.2), layout="constrained", squeeze=False)
    for ax, (by, title) in zip(axes.flat, ((by, title) for by, title in PANELS.items() if by in found), strict=True):
        _draw_panel(ax, found[by], by)
        ax.set_title(title)
    axes[0, 0].legend()
    first, last = (_ratios(found["batch size"], which) for which in (min, max))
    most = max(found["batch size"][PYTORCH])
    figure.suptitle(f"mnist_scratch is {first} with single images, and {last} with batches of {most:,}", x=0, ha="left")
    return figure


def _draw_panel(ax, by_peer, by):
    """Draw images a second, or seconds for an epoch: ours, PyTorch's and JAX's."""
    first = by_peer[PYTORCH]
    x = list(first)
    for name, points, field, style in (
        ("mnist_scratch", first, "ours", "o-"), (PYTORCH, first, "peer", "s--"), (JAX, by_peer[JAX], "peer", "^:"),
    ):  # fmt: skip
        speeds = [statistics.median(point[field] for point in points[k]) for k in x]
        ax.plot(x, [k / v for k, v in zip(x, speeds, strict=True)] if by == "training images" else speeds, style,
                label=name)  # fmt: skip
    if by == "cores":
        ax.set_ylim(0, None)
    else:
        ax.set(xscale="log", yscale="log")
    ax.minorticks_off()
    labelled = [k for k, following in itertools.pairwise([*x, float("inf")]) if following > 2.2 * k or by == "cores"]
    ax.set_xticks(labelled, [f"{k:,}" for k in labelled])
    ax.set(xlabel=by, ylabel="seconds for an epoch" if by == "training images" else IMAGES)


def _ratios(by_peer, which):
    """Say how many times as fast as each peer we are, at the smallest or largest of what it grows by."""
    parts = []
    for name in (PYTORCH, JAX):
        points = by_peer[name][which(by_peer[name])]
        parts.append(f"{statistics.median(point['ratio'] for point in points):.1f} times as fast as {name}")
    return " and ".join(parts)
