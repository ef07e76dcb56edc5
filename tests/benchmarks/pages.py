"""What is written of the recorded runs: README's short table, and the tables of the page on speed.

A run is {"machine": text, "rows", "ladder", "growth"}, each of these three a list of dictionaries.
"""

import statistics
from pathlib import Path

from mnist_scratch.marks import write_between
from tests.benchmarks import busy
from tests.benchmarks.contests import ALONE, BATCHES, JAX, LEAST, NETWORKS, PYTORCH, named
from tests.benchmarks.growth import draw_growth

ROOT, PAGE = Path(__file__).resolve().parents[2], Path(__file__).with_name("README.md")

NONE_YET = "No run is recorded yet: `python -m tests.benchmarks.bench --record` adds one.\n"

FOR_NEWCOMERS = (
    ("train a network of 100 hidden units, one image at a time", "training 784-100-10, batch 1", PYTORCH),
    ("the same, 32 images at a time", "training 784-100-10, batch 32", PYTORCH),
    ("the same", "training 784-100-10, batch 32", JAX),
    ("the same, while another program keeps each core busy", "busy machine: training 784-100-10, batch 32", PYTORCH),
    ("the same", "busy machine: training 784-100-10, batch 32", JAX),
    ("train a network of 800 hidden units, 128 images at a time", "training 784-800-10, batch 128", PYTORCH),
    ("train one of 1,024 and 512 hidden units, 512 at a time", "training 784-1024-512-10, batch 512", PYTORCH),
    ("the same", "training 784-1024-512-10, batch 512", JAX),
    ("train 800 hidden units to read 99.1 % of the test images", "784-800-10 to 99.1 % test",
     "PyTorch, the same recipe"),
    ("bend and turn images at random", "affine + elastic warp", "cv2.remap in a loop"),
)  # fmt: skip
"""README's rows: what it says, and the name and the peer of the row that it says it of."""

IN_SHORT = {"PyTorch, the same recipe": PYTORCH, "cv2.remap in a loop": "OpenCV"}


def grouped(runs, kind="rows"):
    """Return {(name, peer's name): {threads: that row of each run}}."""
    groups = {}
    for run in runs:
        for row in run[kind]:
            groups.setdefault((row["name"], row["peer_name"]), {}).setdefault(row["threads"], []).append(row)
    return groups


def median(rows, field="ratio"):
    return statistics.median(row[field] for row in rows)


def times(ratio):
    """Write a ratio so that a reader sees on which side of 1 it is, and no more digits than it deserves."""
    return f"{ratio:.1f}" if ratio >= 2 else f"{ratio:.2f}"


def table(heads, lines):
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines)) + "\n"


def long_table(runs, kind="rows"):
    """Return every row: medians over the runs, and in how many of them the wanted ratio was met."""
    lines = []
    for (name, peer), by_threads in grouped(runs, kind).items():
        for threads, rows in by_threads.items():
            wanted = rows[0]["wanted"]
            met = f"{sum(row['ratio'] >= wanted for row in rows)} of {len(rows)}" if wanted else ""
            numbers = f"{median(rows, 'ours'):,.4g}", f"{median(rows, 'peer'):,.4g}", f"{median(rows):.2f}"
            lines.append([name, peer, str(threads), rows[0]["unit"], *numbers, f"{wanted or ''}", met])
    return table(["work", "against", "cores", "unit", "ours", "theirs", "ratio", "wanted", "met"], lines)


def cells(runs, peer, which):
    """Return {(network, batch size): our ratio to this peer}, on one core (``which`` min) or on all (max)."""
    groups = grouped(runs)
    found = {}
    for sizes in NETWORKS:
        for batch_size in BATCHES:
            by_threads = groups.get((f"training {named(sizes)}, batch {batch_size}", peer), {})
            if by_threads:
                found[named(sizes), batch_size] = median(by_threads[which(by_threads)])
    return found


def cells_table(runs):
    """Return the ratios of all networks and batch sizes; those below 1 in bold."""
    columns = [cells(runs, peer, which) for which in (max, min) for peer in (PYTORCH, JAX)]
    lines = []
    for network, batch_size in columns[0]:
        ratios = [column[network, batch_size] for column in columns]
        lines.append([network, str(batch_size), *(f"{r:.2f}" if r >= 1 else f"**{r:.2f}**" for r in ratios)])
    lines.append(["1 or more", "", *(f"{sum(r >= 1 for r in c.values())} of {len(c)}" for c in columns)])
    lines.append(["the least", "", *(f"{min(column.values()):.2f}" for column in columns)])
    heads = [f"{peer}, {cores}" for cores in ("all cores", "one core") for peer in (PYTORCH, JAX)]
    return table(["network", "batch", *heads], lines)


def busy_table(runs):
    """Return images a second of each side, quiet and busy, and the share."""
    groups, lines = grouped(runs), []
    for (name, peer), by_threads in groups.items():
        work = name.removesuffix(busy.SHARE)
        if work == name:
            continue
        threads, shares = next(iter(by_threads.items()))
        against = groups[work, peer][threads]
        sides = [(peer, median(against, "peer"), median(shares, "peer"))]
        if not lines or lines[-1][0] != work:
            sides.insert(0, ("mnist_scratch", median(against, "ours"), median(shares, "ours")))
        lines += [[work, side, f"{speed / s:,.4g}", f"{speed:,.4g}", f"{s:.2f}"] for side, speed, s in sides]
    return table(["work", "who", "quiet, images/s", "busy, images/s", "share"], lines)


def limits_table(runs):
    """Return how near each library's training comes to what it cannot do without."""
    groups, lines = grouped(runs), []
    for (name, peer), by_threads in groups.items():
        if not peer.startswith((ALONE, LEAST)):
            continue
        for threads, rows in by_threads.items():
            share = median(rows)
            others = [share / median(groups[name, other][threads]) for other in (PYTORCH, JAX)]
            shares = [f"{value:.2f}" for value in (share, *others)]
            lines.append([name, peer, str(threads), f"{median(rows, 'peer'):,.4g}", *shares])
    heads = ["work", "what is timed alone", "cores", "its images/s", "our training", "PyTorch's", "JAX's"]
    return table(heads, lines)


def short_table(runs):
    """Return README's table: one sentence of how often we are ahead, and rows that need no legend."""
    groups, lines = grouped(runs), []
    for what, name, peer in FOR_NEWCOMERS:
        by_threads = groups.get((name, peer))
        if by_threads:
            lines.append([what, IN_SHORT.get(peer, peer), times(median(by_threads[max(by_threads)]))])
    ahead = {peer: cells(runs, peer, max) for peer in (PYTORCH, JAX)}
    counts = {peer: f"{sum(r >= 1 for r in found.values())} of {len(found)}" for peer, found in ahead.items()}
    return (
        f"With nothing but NumPy it trains at least as fast as PyTorch in {counts[PYTORCH]} pairs of network and batch "
        f"size, and at least as fast as JAX in {counts[JAX]}, each with its own defaults on all cores.\n\n"
        + table(["what", "compared with", "how many times as fast"], lines)
    )


def told(runs):
    """Say which runs these are."""
    text = f"Medians of {len(runs)} run{'s' * (len(runs) > 1)} on {runs[0]['machine']}.\n"
    raced = [row["accuracies"] for run in runs for row in run["rows"] if row["peer_name"] == "PyTorch, the same recipe"]
    if raced:
        ours, theirs = (statistics.fmean(pair[side] for pair in raced) for side in (0, 1))
        text += (
            f"Races to 99.1 %: {len(raced)}; test accuracy {ours:.2%}, PyTorch's {theirs:.2%}, means of three seeds.\n"
        )
    return text


def pages(runs):
    """Return {path: {marks: text}}: what the two READMEs say of these runs."""
    if not runs:
        names = ("cells", "busy", "limits", "ladder", "growth", "rows")
        return {ROOT / "README.md": {"benchmark": NONE_YET}, PAGE: dict.fromkeys(names, NONE_YET)}
    picture = (
        "![Charts of training speed, mnist_scratch beside PyTorch and JAX: over the batch size, over the number of "
        "hidden units, and seconds an epoch over the number of training images.](growth.png)\n"
    )
    return {
        ROOT / "README.md": {"benchmark": f"{short_table(runs)}\n{told(runs)}"},
        PAGE: {
            "cells": f"{cells_table(runs)}\n{told(runs)}",
            "busy": busy_table(runs),
            "limits": limits_table(runs),
            "ladder": long_table(runs, "ladder"),
            "growth": picture,
            "rows": long_table(runs),
        },
    }


def write_pages(runs):
    """Write what the recorded runs say into the two READMEs, and the figure."""
    for path, texts in pages(runs).items():
        write_between(path, texts)
    draw_growth(runs).savefig(PAGE.with_name("growth.png"), bbox_inches="tight")
