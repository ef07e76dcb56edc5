"""How fast is it, beside PyTorch, scikit-learn, OpenCV and SciPy? ``make bench``; ``make bench-quick`` in two minutes.

First PyTorch's gradients and all warped pictures are held equal to ours. Then each work is timed in turns: ours,
theirs, theirs, ours, over several rounds after one to warm up. The medians count. Ours is ``train`` or ``predict`` with
all that it checks and records, and for warps the function within; theirs does no more than the work needs, but for
scikit-learn's ``partial_fit``. First with one thread a side for the products, then with as many as there are cores.
"""

import argparse
import contextlib
import importlib.util
import itertools
import json
import math
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

from mnist_scratch import augmentation, descent, plotting, training
from mnist_scratch.augmentation import RandomDeformation
from mnist_scratch.datasets import load_mnist
from mnist_scratch.metrics import accuracy
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot, preprocess, to_float
from mnist_scratch.training import cosine, train

ROOT = Path(__file__).resolve().parents[2]
BUILD, PAGE, RUNS = ROOT / "build", Path(__file__).with_name("README.md"), Path(__file__).with_name("runs.json")

DEFORMATION = {"rotation": 10.0, "scale": 0.12, "shear": 0.1, "shift": 1.0, "alpha": 36.0, "sigma": 5.0}
RECIPE = {"epochs": 12, "batch_size": 32, "learning_rate": 0.02}
"""To 99.1 %: 784-800-10 with momentum 0.9, a cosine and DEFORMATION. On the last 5,000 training images it reaches
99.24 %, mean of three seeds. Of ten recipes this was the one that needs least time here for 99.2 % or more."""

IMAGES, ALONE, LEAST = "images/s", "its matrix products alone", "its products, fetching and update alone"

REST = 0.05
"""Seconds before each turn: OpenBLAS keeps its threads awake for 0.03 s, which would hold up the other side."""


@dataclass(frozen=True)
class Row:
    """What was measured: medians, and the ratio, above 1 where we are ahead."""

    name: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    ratio: float
    threads: int


@dataclass(frozen=True)
class Contest:
    """One piece of work for both sides: functions that do ``amount`` of it at a call."""

    name: str
    ours: Callable[[], object]
    peer: Callable[[], object]
    peer_name: str
    amount: int
    wanted: float
    unit: str = IMAGES

    def run(self, rounds, threads):
        """Return the row. Both sides take turns, and the turns change places."""
        sides, seconds = (self.ours, self.peer), ([], [])
        for number in range(rounds + 1):
            for side in (0, 1) if number % 2 else (1, 0):
                time.sleep(REST)
                started = time.perf_counter()
                sides[side]()
                if number:  # the first round warms up
                    seconds[side].append(time.perf_counter() - started)
        ours, peer = (self.amount / statistics.median(times) for times in seconds)
        return Row(self.name, ours, peer, self.peer_name, self.unit, ours / peer, threads)


@contextlib.contextmanager
def limited(threads):
    """Give both sides so many threads for their products."""
    import cv2
    import scipy.linalg.blas  # noqa: F401 - loaded now, so that it is limited too
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    with threadpool_limits(limits=threads):
        yield


def network_of(*sizes, seed=0):
    return Network.from_sizes(sizes, "relu", "softmax", "cross_entropy", seed=seed)


def learn(network, images, labels, batch_size, **options):
    return train(network, images, labels, batch_size=batch_size, learning_rate=peers().RATE, momentum=peers().MOMENTUM,
                 progress=False, **options)  # fmt: skip


def peers():
    from tests.benchmarks import peers

    return peers


def check_equal(images, labels):
    """Hold the peers' gradients and warped pictures equal to ours; OpenCV rounds places to 1/32 of a pixel."""
    import torch

    rows = preprocess(images)
    network = network_of(784, 100, 10)
    theirs = peers().Torch(network).gradients(torch.tensor(rows), torch.tensor(labels.astype(np.int64)))
    for pieces in (0, math.inf):
        with contextlib.closing(descent.Descent(network, 0.0, len(rows), pieces)):
            network._gradients(rows, one_hot(labels))
        for layer, (weights, biases) in zip(network.layers, theirs, strict=True):
            for mine, other in ((layer.dcost_dweights, weights), (layer.dcost_dbiases, biases)):
                np.testing.assert_allclose(mine, other, rtol=0, atol=2e-5 * np.abs(other).max())
    warp = peers().Warp(to_float(images))
    ours = warp_ours(warp)
    for other in (warp.torch(), warp.torch_our_way(), warp.scipy()):
        np.testing.assert_allclose(ours, other, atol=5e-5)
    for other in (warp.cv2(), warp.cv2_our_way()):
        np.testing.assert_allclose(ours, other, atol=0.04)


def warp_ours(warp):
    return augmentation._warp(warp.images, warp.weights, warp.fields)


def amounts(sizes, batch_size, most, scale, images=None):
    """Return (images, epochs) that take some tenths of a second, unless ``images`` says how many in all.

    At least four epochs of all images: steps are to be timed, and ``train`` looks through the images before the first.
    """
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    wanted = scale * min(1e10 / weights * min(1, batch_size / 24), 5_000 * batch_size) if images is None else images
    n = min(max(int(min(wanted, most)) // batch_size, 2) * batch_size, most)
    return n, max(4 if images is None and n > most - batch_size else 1, round(wanted / n))


def training_contest(sizes, batch_size, rows, labels, wanted=0.0, scale=1.0, images=None, tuned=False):
    """Return one training contest: as many images as take some tenths of a second, in whole batches and epochs."""
    import torch

    n, epochs = amounts(sizes, batch_size, len(rows), scale, images)
    network = network_of(*sizes)
    theirs = peers().Torch(network, tuned=tuned)
    mine, targets = rows[:n], labels[:n]
    their_rows, their_labels = torch.tensor(mine), torch.tensor(targets.astype(np.int64))
    return Contest(
        f"training {'-'.join(map(str, sizes))}, batch {batch_size}",
        lambda: learn(network, mine, targets, batch_size, epochs=epochs),
        lambda: theirs.train(their_rows, their_labels, batch_size, epochs),
        "PyTorch, tuned" if tuned else "PyTorch", n * epochs, wanted,
    )  # fmt: skip


def products_contest(sizes, batch_size, rows, labels, wanted=0.0, scale=1.0):
    """Return a training contest against its matrix products alone, each one whole: ``np.matmul(..., out=)``."""
    n, epochs = amounts(sizes, batch_size, len(rows), scale)
    network, rng = network_of(*sizes), np.random.default_rng(0)
    outs = [rng.standard_normal((batch_size, size), dtype=np.float32) for size in sizes]
    slopes = [rng.standard_normal((batch_size, size), dtype=np.float32) for size in sizes]
    weights = [rng.standard_normal(pair, dtype=np.float32) for pair in itertools.pairwise(sizes)]
    gradients = [np.empty_like(w) for w in weights]
    net = [np.empty_like(out) for out in outs]

    def products():
        for _ in range(n * epochs // batch_size):
            for k, w in enumerate(weights):
                np.matmul(outs[k], w, out=net[k + 1])
            for k in reversed(range(len(weights))):
                np.matmul(outs[k].T, slopes[k + 1], out=gradients[k])
                if k:
                    np.matmul(slopes[k + 1], weights[k].T, out=net[k])

    return Contest(
        f"training {'-'.join(map(str, sizes))}, batch {batch_size}",
        lambda: learn(network, rows[:n], labels[:n], batch_size, epochs=epochs), products, ALONE, n * epochs, wanted,
    )  # fmt: skip


def least_contest(hidden, batch_size, rows, labels, scale=1.0):
    """Return a training contest against what no step can do without, each done in our own fastest way.

    That is: fetch the images, make the products, add gradients to velocities and velocities to weights. Left out are
    biases, activations, slopes, cost and accuracy.
    """
    contest = products_contest((784, hidden, 10), batch_size, rows, labels, scale=scale)
    network, rng = network_of(784, hidden, 10), np.random.default_rng(0)
    slopes = [rng.standard_normal((batch_size, layer.n_out), dtype=np.float32) for layer in network.layers]
    n = amounts((784, hidden, 10), batch_size, len(rows), scale)[0]

    def least():
        first, second = network.layers
        with (
            descent.threads(training._cores()) as pieces,
            contextlib.closing(descent.Descent(network, 0.9, batch_size, pieces)) as steps,
        ):
            gradients = [weights for weights, _ in steps.views]
            for _ in range(contest.amount // n):
                order = rng.permutation(n)
                for start in range(0, n, batch_size):
                    batch = rows.take(order[start : start + batch_size], axis=0)
                    if steps.units:
                        net = descent.forward_in_pieces(batch, first.weights, steps.units)
                    else:
                        net = np.dot(batch, first.weights)
                    np.dot(second.weights.T, net.T)
                    np.dot(net.T, slopes[1], out=gradients[1])
                    np.dot(slopes[1], second.weights.T)
                    if steps.units:
                        descent.gradient_in_pieces(batch, slopes[0], gradients[0])
                    else:
                        np.dot(batch.T, slopes[0], out=gradients[0])
                    steps.add(steps.gradients, steps.velocities)
                    steps.add(steps.velocities, steps.parameters, a=-1e-9)

    return replace(contest, peer=least, peer_name=LEAST)


def contests(mnist, quick):
    """Yield every contest, with what it should show."""
    import torch

    scale = 0.1 if quick else 1.0
    rows, labels = preprocess(mnist.train.images), mnist.train.labels
    for sizes in ((784, 30, 10), (784, 100, 10), (784, 800, 10), (784, 1024, 512, 10)):
        for batch_size in (1, 32, 128, 512):
            wanted = 1.0 if max(sizes[1:]) >= 800 else 1.5 if batch_size == 512 else 2.0
            yield training_contest(sizes, batch_size, rows, labels, wanted, scale)
            if not quick:
                yield training_contest(sizes, batch_size, rows, labels, scale=scale, tuned=True)
    for hidden, wanted in ((100, 2.0), (800, 1.3)):
        n = min(int(scale * (60_000 if hidden == 100 else 15_000)), len(rows))
        for batch_size in (32, 128):
            network, theirs = network_of(784, hidden, 10), peers().sklearn_mlp(hidden, batch_size)
            yield Contest(
                f"one epoch, 784-{hidden}-10, batch {batch_size}",
                lambda network=network, batch_size=batch_size, n=n: learn(network, rows[:n], labels[:n], batch_size),
                lambda theirs=theirs, n=n: theirs.partial_fit(rows[:n], labels[:n], classes=range(10)),
                "scikit-learn", n, wanted,
            )  # fmt: skip
    yield products_contest((784, 1024, 512, 10), 512, rows, labels, 0.85, scale)
    for batch_size in () if quick else (32, 128, 512):
        if batch_size > 32:
            yield products_contest((784, 100, 10), batch_size, rows, labels, scale=scale)
        yield least_contest(100, batch_size, rows, labels, scale)
    network = network_of(784, 800, 10)
    theirs, test = peers().Torch(network), preprocess(mnist.test.images)
    their_test = torch.tensor(test)
    yield Contest("prediction, 784-800-10", lambda: network.predict(test), lambda: theirs.predict(their_test),
                  "PyTorch", len(test), 1.0)  # fmt: skip
    warp = peers().Warp(to_float(mnist.train.images[: 512 if quick else 4096]))
    for name, peer, wanted in (
        ("torch affine_grid, grid_sample", warp.torch, 1.0),
        ("torch grid_sample, places made our way", warp.torch_our_way, 0.0),
        ("cv2.remap in a loop", warp.cv2, 2.0),
        ("cv2.remap in a loop, places made our way", warp.cv2_our_way, 0.0),
        ("map_coordinates in a loop", warp.scipy, 5.0),
    ):
        if wanted or not quick:
            yield Contest("affine + elastic warp", lambda: warp_ours(warp), peer, name, len(warp.images), wanted)
    n = int(scale * min(20_000, len(rows)))
    deform, learner = RandomDeformation(**DEFORMATION), network_of(784, 800, 10)
    pictures = mnist.train.images[:n]
    yield Contest(
        "augmented training, 784-800-10, batch 128",
        lambda: learn(learner, pictures, labels[:n], 128, augment=deform),
        lambda: learn(learner, rows[:n], labels[:n], 128),
        "the same without augmentation", n, 0.75,
    )  # fmt: skip


def limits():
    """Return rows for what has a limit and no peer."""
    timed = "import time, numpy; s = time.perf_counter(); {}; print(time.perf_counter() - s)"
    load = "from mnist_scratch.datasets import load_mnist; load_mnist(); s = time.perf_counter(); load_mnist()"
    memory = (
        "import resource; from mnist_scratch.datasets import load_mnist; from mnist_scratch.training import train; "
        "from mnist_scratch.network import Network; m = load_mnist().train; "
        "train(Network.from_sizes([784, 100, 10]), m.images, m.labels, batch_size=128, progress=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    rows = []
    for name, code, limit, unit in (
        ("load_mnist() warm", timed.format(load), 0.3, "s"),
        ("import mnist_scratch, over NumPy", timed.format("import mnist_scratch"), 0.15, "s"),
        ("peak memory of full training", memory, 600.0, "MB"),
    ):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        value = float(done.stdout)
        rows.append(Row(name, value, limit, "limit", unit, limit / value, 1))
    return rows


def to_991(mnist, seeds, threads):
    """Return the row of the recipe, with the test accuracies of both sides. They take turns, seed by seed."""
    import torch

    images, labels, epochs = mnist.train.images, mnist.train.labels, RECIPE["epochs"]
    test, seconds, right = preprocess(mnist.test.images), ([], []), ([], [])
    their_images, their_labels = torch.tensor(to_float(images)), torch.tensor(labels.astype(np.int64))
    for seed in range(seeds):
        network = network_of(784, 800, 10, seed=seed)
        theirs = peers().Torch(network, RECIPE["learning_rate"])
        time.sleep(REST)
        started = time.perf_counter()
        train(network, images, labels, momentum=0.9, schedule=cosine, seed=seed, progress=False,
              augment=RandomDeformation(**DEFORMATION), **RECIPE)  # fmt: skip
        seconds[0].append(time.perf_counter() - started)
        torch.manual_seed(seed)
        time.sleep(REST)
        started = time.perf_counter()
        theirs.train(their_images, their_labels, RECIPE["batch_size"], epochs,
                     peers().torch_deformation(DEFORMATION), cosine)  # fmt: skip
        seconds[1].append(time.perf_counter() - started)
        right[0].append(accuracy(mnist.test.labels, network.predict(test)))
        right[1].append(accuracy(mnist.test.labels, theirs.predict(torch.tensor(test)).numpy()))
    ours, peer = map(statistics.median, seconds)
    accuracies = [float(np.mean(each)) for each in right]
    ratio = peer / ours if accuracies[0] >= 0.991 else 0.0  # who does not arrive has not won
    row = Row("784-800-10 to 99.1 % test", ours, peer, "PyTorch, the same recipe", "s", ratio, threads)
    return asdict(row) | {"wanted": 1.3, "accuracies": accuracies}


def growth(mnist, quick, rounds, threads):
    """Return rows of how the cost grows, by what it grows with."""
    rows, labels = preprocess(mnist.train.images), mnist.train.labels
    scale = 0.1 if quick else 0.3
    batches = (1, 16, 256, 4096) if quick else tuple(4**k for k in range(7))
    widths = (10, 100, 1000) if quick else (10, 30, 100, 300, 1000, 2000, 4096)
    counts = [n for n in ((500, 2_000) if quick else (1_000, 5_000, 20_000, 60_000)) if n <= len(rows)]
    found = {"batch size": {}, "hidden units": {}, "threads": {}, "training images": {}}
    with limited(threads):
        for b in batches:
            found["batch size"][b] = training_contest((784, 100, 10), b, rows, labels, scale=scale).run(rounds, threads)
        for width in widths:
            contest = training_contest((784, width, 10), 128, rows, labels, scale=scale)
            found["hidden units"][width] = contest.run(rounds, threads)
        for n in counts:
            row = training_contest((784, 100, 10), 32, rows[:n], labels[:n], images=n).run(rounds, threads)
            ours, peer = n / row.ours, n / row.peer
            found["training images"][n] = Row(
                f"one epoch of {n} images", ours, peer, "PyTorch", "s", peer / ours, threads
            )
    for count in (1, 2):
        with limited(count):
            contest = training_contest((784, 800, 10), 128, rows, labels, scale=scale)
            found["threads"][count] = contest.run(rounds, count)
    return found


PANELS = {
    "batch size": "784-100-10",
    "hidden units": "one hidden layer, batch 128",
    "threads": "784-800-10, batch 128",
    "training images": "784-100-10, batch 32",
}


def draw_growth(runs):
    """Return the figure of how the cost grows: medians over the runs."""
    found = {}
    for point in itertools.chain.from_iterable(run["growth"] for run in runs):
        found.setdefault(point["by"], {}).setdefault(point["x"], []).append(point)
    figure, axes = plotting.new_figure(2, 2, size=(10, 7.5), layout="constrained")
    for ax, (by, network) in zip(axes.flat, PANELS.items(), strict=True):
        x = list(found[by])
        ax.plot(x, [median(found[by][k], "ours") for k in x], "o-", label="mnist_scratch")
        ax.plot(x, [median(found[by][k], "peer") for k in x], "s--", label="PyTorch")
        if by == "threads":
            ax.set_ylim(0, None)
        else:
            ax.set(xscale="log", yscale="log")
        ax.minorticks_off()
        labelled = [k for k, following in itertools.pairwise([*x, math.inf]) if following > 2.2 * k or by == "threads"]
        ax.set_xticks(labelled, [f"{k:,}" for k in labelled])
        ax.set(title=network, xlabel=by, ylabel="seconds for an epoch" if by == "training images" else IMAGES)
    axes[0, 0].legend()
    first, *_, last = (f"{median(points, 'ratio'):.1f} times" for points in found["batch size"].values())
    figure.suptitle(
        f"mnist_scratch is {first} as fast as PyTorch with single images, {last} with batches of "
        f"{max(found['batch size']):,}", x=0, ha="left",
    )  # fmt: skip
    return figure


def ladder(mnist, quick, threads):
    """Return what each step bought: the fast form against the readable one, everything else the same."""
    scale, n = (0.1 if quick else 1.0), 512 if quick else 4096
    rows, labels, images = preprocess(mnist.train.images), mnist.train.labels, mnist.train.images
    warp = peers().Warp(to_float(images[:n]))
    written_out = augmentation._coordinates(np.eye(warp.fields.n_fields, dtype=np.float32)[None], warp.fields)[0]
    deform, network, n = RandomDeformation(**DEFORMATION), network_of(784, 800, 10), int(scale * 10_000)
    n = min(n, len(images))

    def without(name, work, amount, module, **forms):
        def readable():
            with mock.patch.multiple(module, **forms):
                work()

        return Contest(name, work, readable, "without", amount, 1.0)

    def step(name, sizes, batch_size, module, **forms):
        contest = training_contest(sizes, batch_size, rows, labels, scale=scale)
        return without(f"{name}: {contest.name[9:]}", contest.ours, contest.amount, module, **forms)

    def augmented():
        learn(network, images[:n], labels[:n], 128, augment=deform)

    if threads > 1:
        return [
            step("threads that do not wait for each other", (784, 800, 10), 1, training,
                 threads=lambda at_most: contextlib.nullcontext(0)),
        ]  # fmt: skip
    large = (784, 1024, 512, 10)
    return [
        step("one array, two calls", (784, 30, 10), 32, training, Descent=peers().ReadableDescent),
        step("one array, two calls", large, 128, training, Descent=peers().ReadableDescent),
        step("no gradient of one image", (784, 100, 10), 1, training, Descent=peers().MakesGradients),
        step("no gradient of one image", large, 1, training, Descent=peers().MakesGradients),
        # As it is, this network has no pieces; untransposed it would have.
        step("wide layers transposed", large, 32, descent, WIDE=math.inf, KERNELS=()),
        step("products in pieces", (784, 30, 10), 512, descent, KERNELS=()),
        step("products in pieces", (784, 100, 10), 128, descent, KERNELS=()),
        step("products in pieces", (784, 800, 10), 32, descent, KERNELS=()),
        without("fields never written out", lambda: warp_ours(warp), len(warp.images), augmentation,
                _coordinates=lambda weights, fields: np.tensordot(weights, written_out, axes=1)),
        without("a warp of few passes", lambda: warp_ours(warp), len(warp.images), augmentation,
                bilinear=peers().readable_bilinear),
        without("one batch ahead: augmented 784-800-10, batch 128", augmented, n, training, _cores=lambda: 1),
    ]  # fmt: skip


def machine():
    """Name the processor, and what is compared."""
    import cv2
    import scipy
    import sklearn
    import torch

    model = (
        re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
        if os.path.exists("/proc/cpuinfo")
        else None
    )
    return (
        f"{model[1] if model else platform.processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}, PyTorch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}, OpenCV {cv2.__version__}"
    )


# What is written of it: a run is {"machine": text, "rows", "ladder", "growth"}, each of these a list of dicts.


def grouped(runs, kind):
    """Return {(name, peer's name): {threads: that row of each run}}."""
    groups = {}
    for run in runs:
        for row in run[kind]:
            groups.setdefault((row["name"], row["peer_name"]), {}).setdefault(row["threads"], []).append(row)
    return groups


def median(rows, field):
    return statistics.median(row[field] for row in rows)


def long_table(runs, kind="rows"):
    """Return every row as a Markdown table: medians over the runs, and in how many of them the wanted ratio was met."""
    lines = [
        "| work | against | threads | unit | ours | theirs | ratio | wanted | met |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, peer), by_threads in grouped(runs, kind).items():
        for threads, rows in by_threads.items():
            wanted = rows[0]["wanted"]
            met = f"{sum(row['ratio'] >= wanted for row in rows)} of {len(rows)}" if wanted else ""
            lines.append(
                f"| {name} | {peer} | {threads} | {rows[0]['unit']} | {median(rows, 'ours'):,.4g} "
                f"| {median(rows, 'peer'):,.4g} | {median(rows, 'ratio'):.2f} | {wanted or ''} | {met} |"
            )
    return "\n".join(lines) + "\n"


def short_table(runs):
    """Return the ratios alone, with all batch sizes of one piece of work in one line."""
    lines = {}
    counts = sorted({row["threads"] for run in runs for row in run["rows"]})
    for (name, peer), by_threads in grouped(runs, "rows").items():
        wanted = by_threads[min(by_threads)][0]["wanted"]
        if not wanted:
            continue
        work, _, batch = name.partition(", batch ")
        line = lines.setdefault((work, peer), {"batch": [], "wanted": [], **{threads: [] for threads in counts}})
        line["batch"].append(batch)
        line["wanted"].append(f"{wanted:g}")
        for threads, rows in by_threads.items():
            met = sum(row["ratio"] >= wanted for row in rows) > len(rows) / 2
            line[threads].append(f"{median(rows, 'ratio'):.2f}" if met else f"*{median(rows, 'ratio'):.2f}*")
    heads = [f"{n} thread" + "s" * (n > 1) for n in counts]
    text = [f"| work | batch | against | wanted | {' | '.join(heads)} |", "|---" * (4 + len(heads)) + "|"]
    for (work, peer), line in lines.items():
        cells = [", ".join(line[key]) for key in ("batch", "wanted", *counts)]
        text.append(f"| {work} | {cells[0]} | {peer} | {' | '.join(cells[1:])} |")
    return "\n".join(text) + "\n"


def limits_table(runs):
    """Return how near training comes to what it cannot do without, and what that leaves to be won."""
    lines = [
        "| work | what is timed alone | threads | our share | we, to PyTorch | it, to PyTorch | it, to scikit-learn |",
        "|---|---|---|---|---|---|---|",
    ]
    groups = grouped(runs, "rows")
    for (name, peer), by_threads in groups.items():
        if peer not in (ALONE, LEAST):
            continue
        epoch = groups.get((name.replace("training", "one epoch,"), "scikit-learn"), {})
        for threads, rows in by_threads.items():
            share, ratio = median(rows, "ratio"), median(groups[name, "PyTorch"][threads], "ratio")
            sklearns = f"{median(epoch[threads], 'ratio') / share:.2f}" if threads in epoch else ""
            lines.append(
                f"| {name} | {peer} | {threads} | {share:.2f} | {ratio:.2f} | {ratio / share:.2f} | {sklearns} |"
            )
    return "\n".join(lines) + "\n"


def pages(runs):
    """Return {path: {marker: text}}: what the two READMEs say of these runs."""
    told = f"Medians of {len(runs)} runs on {runs[0]['machine']}.\n"
    raced = [row for run in runs for row in run["rows"] if "accuracies" in row and row["peer_name"] != "limit"]
    found = [row["accuracies"] for row in raced]
    if found:
        ours, theirs = (statistics.fmean(pair[side] for pair in found) for side in (0, 1))
        told += (
            f"Races to 99.1 %: {len(found)}; test accuracy {ours:.2%}, PyTorch's {theirs:.2%}, means of three seeds.\n"
        )
    return {
        ROOT / "README.md": {"benchmark": f"{short_table(runs)}\n{told}"},
        PAGE: {
            "ladder": f"{long_table(runs, 'ladder')}\n{told}",
            "limits": limits_table(runs),
            "rows": long_table(runs),
        },
    }


def with_pages(path, texts):
    """Return the file's text with each part between two markers replaced."""
    page = path.read_text(encoding="utf-8")
    for marker, text in texts.items():
        pattern = re.compile(rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)", re.DOTALL)
        page, number = pattern.subn(lambda _, text=text: text, page)
        if number != 1:
            raise ValueError(f"{path} must hold <!-- {marker} --> and its end once; it does so {number} times.")
    return page


def write_pages(runs):
    """Write what the recorded runs say into the two READMEs, and the figure."""
    for path, texts in pages(runs).items():
        path.write_text(with_pages(path, texts), encoding="utf-8")
    draw_growth(runs).savefig(PAGE.with_name("growth.png"), bbox_inches="tight")


def measure(quick, rounds, only, print_row):
    """Return a run."""
    # First of all: a new process begins with the peak memory of the one that it comes from.
    rows = [] if only else [asdict(row) | {"wanted": 1.0} for row in limits()]
    mnist, cores = load_mnist(), training._cores()
    check_equal(mnist.train.images[:300], mnist.train.labels[:300])
    print(f"{machine()}\nGradients and warps equal the peers'. {rounds} rounds.", flush=True)
    rungs = []
    for threads in sorted({1, cores}):
        with limited(threads):
            for kind, found in (
                ("rows", contests(mnist, quick)),
                ("ladder", [] if only else ladder(mnist, quick, threads)),
            ):
                for contest in found:
                    if only in contest.name:
                        row = asdict(contest.run(rounds, threads)) | {"wanted": contest.wanted}
                        (rows if kind == "rows" else rungs).append(row)
                        print_row(row)
    if not (quick or only) and mnist.source == "full":
        with limited(cores):
            rows.append(to_991(mnist, 3, cores))
        print_row(rows[-1])
        rows.append(rows[-1] | {"peer": 45.0, "peer_name": "limit", "ratio": 45 / rows[-1]["ours"], "wanted": 1.0})
    found = {} if only else growth(mnist, quick, min(rounds, 2), cores)
    grown = [{"by": by, "x": x, **asdict(row)} for by, points in found.items() for x, row in points.items()]
    return {"machine": machine(), "rows": rows, "ladder": rungs, "growth": grown}


def main(arguments=None):
    """Run all, print the tables, write ``build/bench.json`` and the figure; return 0, or 1 where a peer is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of each: under two minutes")
    parser.add_argument("--rounds", type=int, help="that are timed")
    parser.add_argument("--only", default="", help="contests whose name has this in it, and nothing else")
    parser.add_argument("--record", action="store_true", help="add the run to tests/benchmarks/runs.json and the pages")
    options = parser.parse_args(arguments)
    if options.record and (options.quick or options.only):
        parser.error("--record keeps whole runs: without --quick and --only.")
    if missing := [name for name in ("torch", "sklearn", "cv2") if importlib.util.find_spec(name) is None]:
        print(
            f'Not installed: {", ".join(missing)}. The benchmark compares with it: pip install -e ".[all,peers]"',
            file=sys.stderr,
        )
        return 1
    runs = json.loads(RUNS.read_text()) if options.record and RUNS.exists() else []
    if options.record and (load_mnist().source, machine()) != ("full", runs[0]["machine"] if runs else machine()):
        parser.error(f"--record needs the full MNIST and the machine and versions of {RUNS.name}; or remove that file.")
    run = measure(
        options.quick, options.rounds or (2 if options.quick else 3), options.only,
        lambda row: print(
            f"{row['name']}: {row['ours']:,.4g} {row['unit']}, {row['peer_name']} {row['peer']:,.4g}: "
            f"{row['ratio']:.2f}" + (f", wanted {row['wanted']:g}" if row["wanted"] else "")
            + f" (threads: {row['threads']})", flush=True,
        ),
    )  # fmt: skip
    if options.only:
        return 0
    print(f"\n{long_table([run])}\n{long_table([run], 'ladder')}")
    BUILD.mkdir(exist_ok=True)
    everything = [row for kind in ("rows", "ladder", "growth") for row in run[kind]]
    (BUILD / "bench.json").write_text(json.dumps(everything, indent=1) + "\n")
    draw_growth([run]).savefig(BUILD / "bench.png", bbox_inches="tight")
    print(f"Written: {BUILD / 'bench.json'} and {BUILD / 'bench.png'}")
    if options.record:
        if runs and set(grouped([run], "rows")) != set(grouped(runs, "rows")):
            parser.error(
                f"the run is not of the same work as those in {RUNS.name}, and was not added; remove that file."
            )
        RUNS.write_text(json.dumps([*runs, run], indent=1) + "\n")
        write_pages([*runs, run])
    return 0


if __name__ == "__main__":
    sys.exit(main())
