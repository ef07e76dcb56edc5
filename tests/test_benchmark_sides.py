"""The benchmark's sides: that all do the same work, and that each step of the ladder is a step."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_scratch import augmentation, descent, threads, training
from mnist_scratch.metrics import accuracy
from mnist_scratch.preprocessing import TRAIN_MEAN, TRAIN_STD, preprocess, to_float
from tests.benchmarks import equal, ladder, ours, shared, warps
from tests.benchmarks.turns import Sides

LIBRARIES = {
    "peers.pytorch": "torch", "peers.jax_cpu": "jax", "peers.scikit_learn": "sklearn", "peers.pictures": "cv2",
}  # fmt: skip


def need(module):
    """Skip the test where a peer's library is not installed. It is not imported: JAX's threads stay out of here."""
    if importlib.util.find_spec(LIBRARIES[module]) is None:
        pytest.skip(f"the benchmark's peer {LIBRARIES[module]} is not installed: see the extra `peers`")


@pytest.fixture(scope="module")
def sides(mnist):  # which sees to it that the processes find the same data
    with Sides(1) as sides:
        yield sides


@pytest.fixture
def few(mnist, monkeypatch):
    """All that is prepared in this process is of 256 images."""
    train = SimpleNamespace(images=mnist.train.images[:256], labels=mnist.train.labels[:256])
    test = SimpleNamespace(images=mnist.test.images[:100], labels=mnist.test.labels[:100])
    monkeypatch.setattr(shared, "mnist", lambda: SimpleNamespace(train=train, test=test))
    monkeypatch.setattr(shared, "train_rows", lambda: preprocess(train.images))
    monkeypatch.setattr(shared, "test_rows", lambda: preprocess(test.images))


# The same work


@pytest.mark.parametrize("module", equal.LEARNERS)
def test_the_peers_find_our_gradients_and_take_our_steps(sides, module):
    need(module)
    equal.check_learning(sides, module)


@pytest.mark.parametrize(("module", "name", "our_way", "tolerance"), equal.WARPERS)
def test_the_peers_warp_as_we_do(sides, module, name, our_way, tolerance):
    need(module)
    equal.check_warps(sides, module, name, our_way, tolerance)


class Answering:
    """A side that gives, for each work, ready arrays."""

    def __init__(self, **answers):
        self.answers = answers

    def prepare(self, work):
        self.name = work.name

    def turn(self, number):
        return 1.0

    def result(self):
        return self.answers[self.name]

    def forget(self):
        pass


@pytest.mark.parametrize("wrong", ["gradients", "train"])
def test_other_gradients_or_steps_are_noticed(wrong):
    rng = np.random.default_rng(0)
    layers = [(rng.standard_normal((4, 3)), rng.standard_normal(3)), (rng.standard_normal((3, 2)), np.ones(2))]
    theirs = {"gradients": layers, "train": layers}
    equal.check_learning({"ours": Answering(gradients=layers, train=layers), "other": Answering(**theirs)}, "other")
    theirs[wrong] = [layers[0], (layers[1][0] + [[1e-3, 0]], layers[1][1])]
    sides = {"ours": Answering(gradients=layers, train=layers), "other": Answering(**theirs)}
    with pytest.raises(AssertionError, match=f"other, {wrong}: weights of layer 1"):
        equal.check_learning(sides, "other")


def test_other_pictures_are_noticed():
    pictures = np.zeros((2, 3, 3))
    sides = {"ours": Answering(warp=pictures), "other": Answering(warp=pictures + 0.01)}
    equal.check_warps(sides, "other", "warp", False, 0.02)
    with pytest.raises(AssertionError, match="other, warp"):
        equal.check_warps(sides, "other", "warp", False, 0.005)


@pytest.mark.parametrize("module", equal.LEARNERS)
def test_the_peers_predict_the_same_digits(sides, mnist, module):
    need(module)
    theirs, mine = (equal.done(sides, side, "predict", sizes=(784, 20, 10)) for side in (module, "ours"))
    assert theirs.shape == mine.shape == mnist.test.labels.shape
    assert np.mean(theirs == mine) > 0.999  # two outputs may be as large


def test_jax_learns_the_same_step_by_step_and_by_whole_epochs(sides):
    need("peers.jax_cpu")
    work = {"sizes": (784, 20, 10), "batch_size": 16, "n": 64, "epochs": 2, "rate": 0.05, "keep": True}
    whole = equal.done(sides, "peers.jax_cpu", "train", **work, whole_epochs=True)
    steps = equal.done(sides, "peers.jax_cpu", "train", **work)
    start = equal.done(sides, "peers.jax_cpu", "train", **work | {"rate": 0.0})
    for some, same, first in zip(whole, steps, start, strict=True):
        np.testing.assert_allclose(some[0], same[0], atol=1e-6)
        assert np.abs(same[0] - first[0]).max() > 1e-3


def test_pytorch_learns_the_same_tuned_or_not(few):
    torch = pytest.importorskip("torch", reason="the benchmark's peer PyTorch is not installed")
    from tests.benchmarks.peers import pytorch

    found = []
    for tuned in (False, True):
        torch.manual_seed(3)  # of the order of the images
        found.append(pytorch.train((784, 20, 10), 16, 64, epochs=2, tuned=tuned, rate=0.05, keep=True)())
    for (weights, biases), (others, other_biases) in zip(*found, strict=True):
        np.testing.assert_allclose(weights, others, atol=1e-6)
        np.testing.assert_allclose(biases, other_biases, atol=1e-6)


def test_a_turn_of_scikit_learn_is_one_epoch(few):
    pytest.importorskip("sklearn", reason="the benchmark's peer scikit-learn is not installed")
    from tests.benchmarks.peers import scikit_learn

    work = scikit_learn.train(5, 32, 200)
    assert [work(), work()] == [200, 400]


def test_pytorchs_side_of_the_race_warps_as_ours_does(mnist, monkeypatch):
    """Both are given the same random numbers."""
    torch = pytest.importorskip("torch", reason="the benchmark's peer PyTorch is not installed")
    from tests.benchmarks.peers import pytorch

    rng = np.random.default_rng(0)
    even = rng.uniform(-1, 1, (6, 20))
    normal = rng.standard_normal((2, 20, len(augmentation.bend_basis(28, 28, 5.0))), dtype=np.float32)

    class Given(np.random.Generator):
        def __init__(self):
            super().__init__(np.random.PCG64())

        def uniform(self, low, high, size):
            return even

        def standard_normal(self, size, dtype):
            return normal

    monkeypatch.setattr(torch, "rand", lambda *shape: torch.tensor((even + 1) / 2, dtype=torch.float32))
    monkeypatch.setattr(torch, "randn", lambda *shape: torch.tensor(normal[::-1].copy()))
    images = to_float(mnist.train.images[:20])
    mine = augmentation.RandomDeformation(**shared.DEFORMATION)(images, Given())
    theirs = pytorch.deformation(shared.DEFORMATION)(torch.tensor(images)).numpy()
    standardized = (mine.reshape(20, 784) - TRAIN_MEAN) / TRAIN_STD
    np.testing.assert_allclose(theirs, standardized, atol=2e-4)


@pytest.mark.parametrize("module", ["ours", "pytorch"])
def test_each_side_of_the_race_learns_by_the_recipe_and_says_how_well(few, monkeypatch, module):
    if module == "pytorch":
        need("peers.pytorch")
    side = ours if module == "ours" else importlib.import_module("tests.benchmarks.peers.pytorch")
    monkeypatch.setitem(shared.RECIPE, "epochs", 6)
    measure = side.race(seed=0)()
    untrained = shared.network_of(784, 800, 10, seed=0).predict(shared.test_rows())
    assert measure() > 0.5 > accuracy(shared.mnist().test.labels, untrained)


# What no step can do without


def test_what_a_step_cannot_do_without_is_less_than_the_step(few, monkeypatch):
    """It makes the same products of the same images, and the same updates: each is counted."""
    made, updates = [], []
    dot, step = np.dot, descent.Descent.step
    monkeypatch.setattr(np, "dot", lambda *args, **kw: (made.append(args[0].shape), dot(*args, **kw))[1])
    monkeypatch.setattr(descent.Descent, "step", lambda self, rate: (updates.append(rate), step(self, rate))[1])
    counts = []
    for work in (
        ours.train((784, 20, 10), 128, 256, epochs=3, threads=1),
        ours.least(20, 128, 256, epochs=3, threads=1),
    ):
        made.clear()
        updates.clear()
        work()
        counts.append((sorted(shape for shape in made if len(shape) == 2), len(updates)))
    assert counts[0] == counts[1]
    assert counts[0][1] == 6
    assert len(counts[0][0]) == 5 * 6


def test_the_products_alone_are_those_of_a_step(few, monkeypatch):
    made, dot, matmul = [], np.dot, np.matmul
    monkeypatch.setattr(np, "dot", lambda a, b, **kw: (made.append((*a.shape, b.shape[1])), dot(a, b, **kw))[1])
    monkeypatch.setattr(np, "matmul", lambda a, b, **kw: (made.append((*a.shape, b.shape[1])), matmul(a, b, **kw))[1])
    ours.train((784, 20, 15, 10), 128, 256, threads=1)()
    step = sorted(shape for shape in made if len(shape) == 3)
    made.clear()
    ours.products((784, 20, 15, 10), 128, 2)()
    assert sorted(made) == step
    assert len(step) == 2 * 8


# The ladder


class UsedError(Exception):
    pass


def used(*args, **options):
    raise UsedError


STEPS = {
    "one array": ((training, "Descent"), {"batch_size": 16, "threads": 1}),
    "outer products": ((descent.Descent, "_add_outer_products"), {"batch_size": 1, "threads": 1}),
    "threads of our own": ((training, "one_blas_thread"), {"batch_size": 16, "threads": 2}),
    "batches ahead": ((training, "_ahead"), {"batch_size": 16, "threads": 2, "augment": True}),
}
"""By the name of a step: a function of it, and work that calls that function."""


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_the_ladder_is_taken_with_it_and_not_without(few, monkeypatch, step):
    (where, name), options = STEPS[step]
    monkeypatch.setattr(where, name, used)
    with pytest.raises(UsedError):
        ours.train((784, 5, 10), n=40, **options)()
    ours.train((784, 5, 10), n=40, **options, without=step)()


@pytest.mark.parametrize("step", [*STEPS, "slabs"])
def test_a_network_learns_the_same_with_a_step_and_without(few, step):
    options = {"n": 40, "rate": 0.005, "keep": True, **STEPS.get(step, (None, {"batch_size": 16}))[1]}
    with_it, without = (ours.train((784, 50, 10), **options, without=name)() for name in ("", step))
    for (weights, biases), (others, other_biases) in zip(with_it, without, strict=True):
        np.testing.assert_allclose(weights, others, rtol=0, atol=1e-5)
        np.testing.assert_allclose(biases, other_biases, rtol=0, atol=1e-5)


def test_without_slabs_all_parameters_are_updated_at_once(few, monkeypatch):
    lengths, multiply = [], np.multiply
    monkeypatch.setattr(
        np, "multiply", lambda a, *args, **kw: (lengths.append(np.size(a)), multiply(a, *args, **kw))[1]
    )
    ours.train((784, 50, 10), 40, 40, threads=1)()
    assert max(lengths) == descent.SLAB
    ours.train((784, 50, 10), 40, 40, threads=1, without="slabs")()
    assert max(lengths) == 784 * 50 + 50 + 50 * 10 + 10


def test_without_threads_of_our_own_large_products_are_left_whole(few, monkeypatch):
    """BLAS then cuts them up by itself."""
    monkeypatch.setattr(threads, "HALVES", 1000)
    shapes, matmul = [], np.matmul
    monkeypatch.setattr(np, "matmul", lambda *args, **kw: (shapes.append(args[0].shape), matmul(*args, **kw))[1])
    ours.train((784, 130, 10), 128, 128, threads=1)()
    assert shapes
    shapes.clear()
    ours.train((784, 130, 10), 128, 128, threads=1, without="threads of our own")()
    assert not shapes


@pytest.mark.parametrize(("step", "name"), [("fields of two factors", "_coordinates"), ("few passes", warps.READER)])
def test_a_warp_is_the_same_with_a_step_and_without(few, monkeypatch, step, name):
    calls, function = [], getattr(augmentation, name)
    monkeypatch.setattr(augmentation, name, lambda *args, **kw: (calls.append(name), function(*args, **kw))[1])
    with_it = ours.warp(150)()
    assert len(calls) == 2  # the images are warped in two parts
    warp = warps.Warp(to_float(shared.mnist().train.images[:150]))
    with ladder.FORMS[step](warp):
        calls.clear()
        np.testing.assert_allclose(warp.ours(), with_it, rtol=0, atol=2e-4)
    assert not calls


def test_after_a_step_was_left_out_all_is_as_before():
    places = [(training, "Descent"), (training, "one_blas_thread"), (training, "_ahead"), (threads, "HALVES"),
              (descent, "SLAB"), (augmentation, "_coordinates"), (augmentation, warps.READER)]  # fmt: skip
    before = [getattr(*place) for place in places]
    small, warp, changed = shared.network_of(784, 5, 10), warps.Warp(np.zeros((2, 28, 28), np.float32)), set()
    for step, form in ladder.FORMS.items():
        with form(warp if step in ("fields of two factors", "few passes") else small):
            now = [getattr(*place) for place in places]
        different = {place[1] for place, old, new in zip(places, before, now, strict=True) if new is not old}
        assert bool(different) == bool(step)
        changed |= different
        assert [getattr(*place) for place in places] == before
    assert changed == {name for _, name in places}


def test_the_readable_reading_of_pictures_equals_the_fast_one():
    rng = np.random.default_rng(1)
    images = rng.random((5, 9, 11), dtype=np.float32)
    y, x = rng.uniform(-3, 13, (2, 5, 40)).astype(np.float32)
    y[0, :4], x[0, :4] = [0, 8, -1, 9], [0, 10, -1, 11]
    fast = getattr(augmentation, warps.READER)(images, y, x)
    np.testing.assert_allclose(fast, ladder.readable_bilinear(images, y, x), atol=1e-5)
