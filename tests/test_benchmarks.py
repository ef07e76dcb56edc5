"""The benchmark: that it counts rightly. How fast anything is, no test asks."""

import importlib.util
import json
from dataclasses import asdict
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mnist_scratch import augmentation, descent
from mnist_scratch.preprocessing import TRAIN_MEAN, TRAIN_STD
from tests.benchmarks import bench


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""
    now = [0.0]
    monkeypatch.setattr(bench.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def peers():
    for name in ("torch", "sklearn", "cv2"):
        pytest.importorskip(name, reason=f"the benchmark's peers are not installed ({name})")
    return bench.peers()


def test_both_sides_take_turns_the_first_round_warms_up_and_medians_count(clock):
    turns, ours, theirs = [], iter([100, 1, 2, 90]), iter([100, 6, 4, 80])

    def side(name, seconds):
        def work():
            turns.append(name)
            clock[0] += next(seconds)

        return work

    contest = bench.Contest("reading", side("ours", ours), side("peer", theirs), "a friend", 10, 1.0)
    row = contest.run(3, threads=2)
    assert turns == ["peer", "ours", "ours", "peer"] * 2
    assert row == bench.Row("reading", 10 / 2, 10 / 6, "a friend", "images/s", 3.0, 2)


def row(name="reading, batch 1", ratio=2.0, threads=1, wanted=1.0, peer="a friend"):
    return {"name": name, "ours": ratio, "peer": 1.0, "peer_name": peer, "unit": "images/s", "ratio": ratio,
            "threads": threads, "wanted": wanted}  # fmt: skip


def run(*rows, ladder=()):
    return {"machine": "an abacus", "rows": list(rows), "ladder": list(ladder), "growth": []}


def test_rows_are_written_with_the_fields_that_others_read():
    fields = asdict(bench.Row("reading", 2.0, 4.0, "a friend", "images/s", 0.5, 1))
    assert set(json.loads(json.dumps(fields))) == {"name", "ours", "peer", "peer_name", "unit", "ratio", "threads"}


def test_the_long_table_has_medians_and_counts_the_runs_that_met_what_was_wanted():
    runs = [run(row(ratio=ratio)) for ratio in (0.5, 3.0, 1.5)]
    assert "| reading, batch 1 | a friend | 1 | images/s | 1.5 | 1 | 1.50 | 1.0 | 2 of 3 |\n" in bench.long_table(runs)
    assert "| 2.00 |  |  |\n" in bench.long_table([run(row(wanted=0))])


def test_the_short_table_has_a_line_for_all_batches_and_marks_what_most_runs_did_not_meet():
    second = {"name": "reading, batch 8", "wanted": 2.0}
    runs = [
        run(row(), row(threads=2, ratio=4), row(**second, ratio=ratio), row(**second, threads=2), row("bare", wanted=0))
        for ratio in (1.0, 1.5, 2.5)
    ]
    assert bench.short_table(runs) == (
        "| work | batch | against | wanted | 1 thread | 2 threads |\n|---|---|---|---|---|---|\n"
        "| reading | 1, 8 | a friend | 1, 2 | 2.00, *1.50* | 4.00, 2.00 |\n"
    )


def test_the_limits_table_divides_what_is_reached_by_the_share_of_the_limit():
    name = "training 784-2-10, batch 8"
    rows = [
        row(name, ratio=1.5, peer="PyTorch"),
        row(name, ratio=0.75, wanted=0, peer=bench.ALONE),
        row(name, ratio=0.5, wanted=0, peer=bench.LEAST),
        row("one epoch, 784-2-10, batch 8", ratio=1.2, peer="scikit-learn"),
    ]
    text = bench.limits_table([run(*rows)])
    assert f"| {name} | {bench.ALONE} | 1 | 0.75 | 1.50 | 2.00 | 1.60 |\n" in text
    assert f"| {name} | {bench.LEAST} | 1 | 0.50 | 1.50 | 3.00 | 2.40 |\n" in text
    assert f"| {bench.ALONE} | 1 | 0.75 | 1.50 | 2.00 |  |\n" in bench.limits_table([run(*rows[:3])])


def test_what_a_step_cannot_do_without_is_less_than_the_step(peers, mnist, monkeypatch):
    """It makes the same products of the same images: each is counted."""
    rows, labels, products = bench.preprocess(mnist.train.images[:256]), mnist.train.labels[:256], []
    dot = np.dot
    monkeypatch.setattr(np, "dot", lambda *args, **kw: (products.append(args[0].shape), dot(*args, **kw))[1])
    monkeypatch.setattr(descent, "KERNELS", ())
    contest = bench.least_contest(20, 128, rows, labels, scale=0.01)
    counts = []
    for side in (contest.ours, contest.peer):
        products.clear()
        side()
        counts.append([shape for shape in products if len(shape) == 2])
    assert sorted(map(sorted, counts[0])) == sorted(map(sorted, counts[1]))
    assert len(counts[0]) == 5 * contest.amount // 128


@pytest.mark.parametrize(
    ("sizes", "batch_size", "images", "expected"),
    [
        ((784, 100, 10), 128, None, (59_904, 4)),  # 126,000 images wanted: two epochs, but at least four are made
        ((784, 10, 10), 128, None, (59_904, 11)),
        ((784, 800, 10), 128, None, (15_616, 1)),
        ((784, 800, 10), 1, None, (655, 1)),
        ((784, 100, 10), 32, 60_000, (60_000, 1)),  # one epoch is what was asked for
    ],
)
def test_contests_are_whole_batches_and_epochs(sizes, batch_size, images, expected):
    assert bench.amounts(sizes, batch_size, 60_000, 1.0, images) == expected


def test_the_figure_draws_medians_and_names_them():
    points = [
        [
            {"by": by, "x": x, "ours": 2.0 * x * k, "peer": 1.0 * x, "ratio": 2.0 * k}
            for by in bench.PANELS
            for x in ((1, 2) if by == "threads" else (1, 10, 4096))
        ]
        for k in (1, 2, 9)
    ]
    figure = bench.draw_growth([{"growth": run} for run in points])
    assert "4.0 times as fast as PyTorch with single images, 4.0 times with batches of 4,096" in figure.get_suptitle()
    ours, theirs = figure.axes[0].lines
    np.testing.assert_allclose(ours.get_ydata(), [4, 40, 4 * 4096])
    np.testing.assert_allclose(theirs.get_ydata(), [1, 10, 4096])
    plt.close(figure)


@pytest.mark.parametrize("threads", [1, 2])
def test_each_rung_of_the_ladder_runs_with_and_without(peers, mnist, threads):
    for contest in bench.ladder(mnist, True, threads):
        assert contest.run(1, threads).peer > 0


def test_text_goes_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- rows -->\nold\n<!-- /rows -->\nb\n<!-- ladder -->\n<!-- /ladder -->\n")
    assert bench.with_pages(page, {"rows": "new \\1\n", "ladder": "up\n"}) == (
        "a\n<!-- rows -->\nnew \\1\n<!-- /rows -->\nb\n<!-- ladder -->\nup\n<!-- /ladder -->\n"
    )
    with pytest.raises(ValueError, match=r"must hold <!-- limits --> and its end once; it does so 0 times"):
        bench.with_pages(page, {"limits": ""})


def test_the_pages_say_what_the_recorded_runs_say():
    runs = json.loads(bench.RUNS.read_text())
    assert len(runs) >= 3
    for path, texts in bench.pages(runs).items():
        text = path.read_text(encoding="utf-8")
        assert bench.with_pages(path, texts) == text
        assert all(f"<!-- {marker} -->" in text for marker in texts)


def test_a_missing_peer_is_a_plain_message(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cv2" else find(name))
    assert bench.main(["--quick"]) == 1
    assert "cv2. The benchmark compares with it" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--quick"], ["--only", "warp"]])
def test_only_whole_runs_are_recorded(options, capsys):
    with pytest.raises(SystemExit):
        bench.main(["--record", *options])
    assert "without --quick and --only" in capsys.readouterr().err


def test_the_peers_do_the_same_work(peers, mnist):
    bench.check_equal(mnist.train.images[:200], mnist.train.labels[:200])


def test_our_warp_is_the_same_at_each_turn(peers, mnist):
    warp = peers.Warp(bench.to_float(mnist.train.images[:20]))
    np.testing.assert_array_equal(bench.warp_ours(warp), bench.warp_ours(warp))


def test_pytorchs_side_of_the_race_warps_as_ours_does(peers, mnist, monkeypatch):
    """Both are given the same random numbers."""
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

    torch = peers.torch
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.tensor((even + 1) / 2, dtype=torch.float32))
    monkeypatch.setattr(torch, "randn", lambda *shape: torch.tensor(normal[::-1].copy()))
    images = bench.to_float(mnist.train.images[:20])
    ours = augmentation.RandomDeformation(**bench.DEFORMATION)(images, Given())
    theirs = peers.torch_deformation(bench.DEFORMATION)(torch.tensor(images)).numpy()
    standardized = (ours.reshape(20, 784) - TRAIN_MEAN) / TRAIN_STD
    np.testing.assert_allclose(theirs, standardized, atol=2e-4)


def test_the_fast_reading_of_pictures_equals_the_readable_one(peers):
    rng = np.random.default_rng(1)
    images = rng.random((5, 9, 11), dtype=np.float32)
    y, x = rng.uniform(-3, 13, (2, 5, 40)).astype(np.float32)
    y[0, :4], x[0, :4] = [0, 8, -1, 9], [0, 10, -1, 11]
    np.testing.assert_allclose(augmentation.bilinear(images, y, x), peers.readable_bilinear(images, y, x), atol=1e-5)


@pytest.mark.parametrize("tuned", [False, True])
def test_one_training_of_each_side(peers, mnist, tuned):
    rows, labels = bench.preprocess(mnist.train.images[:200]), mnist.train.labels[:200]
    row = bench.training_contest((784, 5, 10), 20, rows, labels, scale=0.01, tuned=tuned).run(1, threads=1)
    assert row.ours > 0
    assert row.peer > 0
    assert (row.name, row.peer_name) == ("training 784-5-10, batch 20", "PyTorch, tuned" if tuned else "PyTorch")


def test_pytorch_learns_the_same_tuned_or_not(peers, mnist):
    torch, network = peers.torch, bench.network_of(784, 20, 10)
    rows, labels = torch.tensor(bench.preprocess(mnist.train.images[:64])), torch.tensor(mnist.train.labels[:64]).long()
    plain, tuned = peers.Torch(network, rate=0.05), peers.Torch(network, rate=0.05, tuned=True)
    for side in (plain, tuned):
        torch.manual_seed(3)
        side.train(rows, labels, 16, epochs=2)
    for one, other in zip(plain.model.parameters(), tuned.model.parameters(), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), atol=1e-6)
    assert plain.predict(rows).shape == (64,)


def test_who_does_not_arrive_at_99_has_not_won_the_race(peers, mnist, monkeypatch):
    few = SimpleNamespace(
        train=SimpleNamespace(images=mnist.train.images[:64], labels=mnist.train.labels[:64]), test=mnist.test
    )
    monkeypatch.setitem(bench.RECIPE, "epochs", 1)
    row = bench.to_991(few, 1, 1)
    assert row["ratio"] == 0
    assert max(row["accuracies"]) < 0.991
    monkeypatch.setattr(bench, "accuracy", lambda labels, predicted: 0.992)
    row = bench.to_991(few, 1, 1)
    assert row["ratio"] == row["peer"] / row["ours"]


def test_a_run_of_other_work_is_not_added_to_those_on_record(peers, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "RUNS", tmp_path / "runs.json")
    monkeypatch.setattr(bench, "BUILD", tmp_path / "build")
    monkeypatch.setattr(bench, "load_mnist", lambda: SimpleNamespace(source="full"))
    monkeypatch.setattr(bench, "machine", lambda: "an abacus")
    monkeypatch.setattr(bench, "draw_growth", lambda runs: plt.figure())
    monkeypatch.setattr(bench, "write_pages", lambda runs: None)
    for name, recorded in (("reading", 1), ("reading", 2), ("writing", 2)):
        monkeypatch.setattr(bench, "measure", lambda *args, name=name: run(row(name)))
        if name == "writing":
            with pytest.raises(SystemExit):
                bench.main(["--record"])
            assert "is not of the same work" in capsys.readouterr().err
        else:
            assert bench.main(["--record"]) == 0
        assert len(json.loads(bench.RUNS.read_text())) == recorded
    plt.close("all")
