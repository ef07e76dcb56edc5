"""Which contests there are, and what each should show."""

import functools
import itertools
from dataclasses import replace

from tests.benchmarks.turns import Contest, Peer, Work

NETWORKS = ((784, 30, 10), (784, 100, 10), (784, 800, 10), (784, 1024, 512, 10))
BATCHES = (1, 32, 128, 512)
LARGEST = (784, 1024, 512, 10)
BUSY = (((784, 100, 10), 32), ((784, 800, 10), 128))
MORE_CORES = (((784, 800, 10), 128), (LARGEST, 512))
"""What is timed on numbers of cores between one and all, on machines that have some."""

PYTORCH, TUNED, JAX, WHOLE_EPOCHS = "PyTorch", "PyTorch, tuned", "JAX", "JAX, an epoch a call"
ALONE, LEAST, WITHOUT = "its products alone, by", "its products, fetching and update alone", "without"
WITHOUT_WARPS = "the same without augmentation"


def named(sizes):
    return "-".join(map(str, sizes))


def amounts(sizes, batch_size, most, scale):
    """Return (images, epochs): whole batches, two or more, and four epochs or more where that leaves so many.

    Together they take some tenths of a second at scale 1. With few images and several epochs, little of it is spent on
    what ``train`` checks before the first step.
    """
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    wanted = scale * min(4e9 / weights * min(1, batch_size / 24), 2_000 * batch_size)
    n = min(max(int(wanted / 4) // batch_size, 2) * batch_size, most // batch_size * batch_size or most)
    return n, max(1, round(wanted / n))


def own(name, cores, **arguments):
    """Return work of ours: with one thread where there is one core, by default with what it picks for itself."""
    return Work("ours", name, arguments | {"threads": 1 if cores == 1 else None})


def train_work(module, sizes, batch_size, n, epochs, **options):
    return Work(module, "train", {"sizes": sizes, "batch_size": batch_size, "n": n, "epochs": epochs, **options})


def training(sizes, batch_size, most, cores, scale=1.0, whole_table=False, images=None):
    """Return the contest of one network and batch size, against PyTorch and JAX; in the whole table also tuned ones.

    ``images``: one epoch of so many, in place of some tenths of a second.
    """
    n, epochs = (images, 1) if images else amounts(sizes, batch_size, most, scale)
    work = functools.partial(train_work, sizes=sizes, batch_size=batch_size, n=n, epochs=epochs)
    small = max(sizes[1:]) <= 100
    peers = [
        Peer(PYTORCH, work("peers.pytorch"), 2.0 if small and batch_size <= 128 and cores > 1 else 1.0),
        Peer(JAX, work("peers.jax_cpu"), 1.0),
    ]
    if whole_table and small:
        peers += [
            Peer(TUNED, work("peers.pytorch", tuned=True)),
            Peer(WHOLE_EPOCHS, work("peers.jax_cpu", whole_epochs=True)),
        ]
    ours = own("train", cores, sizes=sizes, batch_size=batch_size, n=n, epochs=epochs)
    return Contest(f"training {named(sizes)}, batch {batch_size}", ours, tuple(peers), n * epochs)


def products(sizes, batch_size, most, cores, scale=1.0, wanted=0.0):
    """Return a training contest against its matrix products alone, as each library makes them."""
    contest = training(sizes, batch_size, most, cores, scale)
    steps = {"sizes": sizes, "batch_size": batch_size, "steps": contest.amount // batch_size}
    peers = [
        Peer(f"{ALONE} {name}", Work(module, "products", steps), wanted if module == "ours" else 0.0)
        for name, module in (("NumPy", "ours"), (PYTORCH, "peers.pytorch"), (JAX, "peers.jax_cpu"))
    ]
    return Contest(contest.name, contest.ours, tuple(peers), contest.amount)


def least(hidden, batch_size, most, cores, scale=1.0):
    """Return a training contest against what no step can do without."""
    contest = training((784, hidden, 10), batch_size, most, cores, scale)
    n, epochs = contest.ours.arguments["n"], contest.ours.arguments["epochs"]
    work = own("least", cores, hidden=hidden, batch_size=batch_size, n=n, epochs=epochs)
    return Contest(contest.name, contest.ours, (Peer(LEAST, work),), contest.amount)


def sklearn_epoch(hidden, batch_size, n, cores):
    wanted = {100: 2.0, 800: 1.3}[hidden]
    ours = own("train", cores, sizes=(784, hidden, 10), batch_size=batch_size, n=n)
    theirs = Work("peers.scikit_learn", "train", {"hidden": hidden, "batch_size": batch_size, "n": n})
    name = f"one epoch, 784-{hidden}-10, batch {batch_size}"
    return Contest(name, ours, (Peer("scikit-learn", theirs, wanted),), n)


def prediction(n_test, cores):
    sizes = {"sizes": (784, 800, 10)}
    peers = (
        Peer(PYTORCH, Work("peers.pytorch", "predict", sizes), 1.0),
        Peer(JAX, Work("peers.jax_cpu", "predict", sizes)),
    )
    return Contest("prediction, 784-800-10", own("predict", cores, **sizes), peers, n_test)


def warping(n, whole_table):
    pictures = {"n": n}
    peers = [
        Peer("torch affine_grid, grid_sample", Work("peers.pytorch", "warp", pictures), 1.0),
        Peer("cv2.remap in a loop", Work("peers.pictures", "opencv", pictures), 2.0),
        Peer("map_coordinates in a loop", Work("peers.pictures", "scipy", pictures), 5.0),
    ]
    if whole_table:
        ours = pictures | {"our_way": True}
        peers += [
            Peer("torch grid_sample, places made our way", Work("peers.pytorch", "warp", ours)),
            Peer("cv2.remap in a loop, places made our way", Work("peers.pictures", "opencv", ours)),
        ]
    return Contest("affine + elastic warp", Work("ours", "warp", pictures), tuple(peers), n)


def augmented(n, cores):
    options = {"sizes": (784, 800, 10), "batch_size": 128, "n": n}
    plain = Peer(WITHOUT_WARPS, own("train", cores, **options), 0.75)
    ours = own("train", cores, **options, augment=True)
    return Contest("augmented training, 784-800-10, batch 128", ours, (plain,), n)


def contests(n_train, n_test, cores, quick):
    """Yield every contest; for each of the quick ones in under two minutes, less work and fewer peers."""
    scale = 0.25 if quick else 1.0
    for sizes, batch_size in itertools.product(NETWORKS, BATCHES):
        yield training(sizes, batch_size, n_train, cores, scale, whole_table=not quick)
    yield products(LARGEST, 512, n_train, cores, scale, wanted=0.85)
    if not quick:
        yield products((784, 800, 10), 512, n_train, cores)
        for batch_size in (32, 128):
            yield least(100, batch_size, n_train, cores)
    for hidden, images in ((100, 30_000), (800, 10_000)):
        for batch_size in (128,) if quick else (32, 128):
            yield sklearn_epoch(hidden, batch_size, min(int(scale * images), n_train), cores)
    yield prediction(n_test, cores)
    yield warping(512 if quick else min(4096, n_train), not quick)
    yield augmented(min(int(scale * 15_000), n_train), cores)


def contests_on_more_cores(n_train, cores):
    for sizes, batch_size in MORE_CORES:
        yield training(sizes, batch_size, n_train, cores)


def contests_when_busy(n_train, cores, quick=False):
    """Yield short ones: on a busy machine some sides nearly stop. One of them is quick."""
    for sizes, batch_size in BUSY[:1] if quick else BUSY:
        contest = training(sizes, batch_size, n_train, cores, scale=0.1 if quick else 0.25)
        peers = tuple(replace(peer, wanted=1.0) for peer in contest.peers)
        yield replace(contest, name=f"busy machine: {contest.name}", peers=peers)


def rungs(n_train, cores):
    """Yield the ladder: our own work with a step, against itself without it. What one thread shows, one core times."""

    def rung(step, sizes, batch_size, n=None, **options):
        n, epochs = (n, 1) if n else amounts(sizes, batch_size, n_train, 1.0)
        arguments = {"sizes": sizes, "batch_size": batch_size, "n": n, "epochs": epochs, **options}
        without = Peer(WITHOUT, own("train", cores, **arguments, without=step), 1.0)
        name = f"{step}: {'augmented ' if options else ''}{named(sizes)}, batch {batch_size}"
        return Contest(name, own("train", cores, **arguments), (without,), n * epochs)

    if cores > 1:
        yield rung("threads of our own", (784, 800, 10), 128)
        yield rung("threads of our own", LARGEST, 512)
        yield rung("batches ahead", (784, 800, 10), 128, n=min(10_000, n_train), augment=True)
        return
    yield rung("one array", (784, 30, 10), 32)
    yield rung("one array", LARGEST, 128)
    yield rung("slabs", (784, 800, 10), 32)
    yield rung("slabs", LARGEST, 128)
    yield rung("outer products", (784, 100, 10), 1)
    yield rung("outer products", LARGEST, 1)
    n = min(4096, n_train)
    for step in ("fields of two factors", "few passes"):
        without = Peer(WITHOUT, Work("ours", "warp", {"n": n, "without": step}), 1.0)
        yield Contest(step, Work("ours", "warp", {"n": n}), (without,), n)


def rung_when_busy(n_train, cores):
    """Return the rung that only a busy machine shows: who waits without spinning loses little there."""
    n, epochs = amounts((784, 800, 10), 128, n_train, 0.05)
    arguments = {"sizes": (784, 800, 10), "batch_size": 128, "n": n, "epochs": epochs}
    without = Peer(WITHOUT, own("train", cores, **arguments, without="threads of our own"), 1.0)
    name = "threads of our own, on a busy machine: 784-800-10, batch 128"
    return Contest(name, own("train", cores, **arguments), (without,), n * epochs)
