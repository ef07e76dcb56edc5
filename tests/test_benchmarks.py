"""The benchmark: that it counts rightly. How fast anything is, no test asks."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from mnist_scratch import augmentation
from tests.benchmarks import bench


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to."""
    now = [0.0]
    monkeypatch.setattr(bench.time, "perf_counter", lambda: now[0])
    return now


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


def test_rows_are_written_with_the_fields_that_others_read():
    row = bench.Row("reading", 2.0, 4.0, "a friend", "images/s", 0.5, 1)
    assert set(json.loads(json.dumps(asdict(row)))) == {"name", "ours", "peer", "peer_name", "unit", "ratio", "threads"}
    assert "| reading | images/s | 2 | a friend | 4 | 0.50 (not met) | 1 | 1 |" in bench.table([(row, 1.0)])
    assert "not met" not in bench.table([(row, 0.5)])


def test_a_missing_peer_is_a_plain_message(monkeypatch, capsys):
    def missing():
        raise ModuleNotFoundError("No module named 'cv2'", name="cv2")

    monkeypatch.setattr(bench, "peers", missing)
    assert bench.main(["--quick"]) == 1
    assert "cv2 is not installed" in capsys.readouterr().err


@pytest.fixture
def peers():
    for name in ("torch", "sklearn", "cv2"):
        pytest.importorskip(name, reason=f"the benchmark's peers are not installed ({name})")
    return bench.peers()


def test_the_peers_do_the_same_work(peers, mnist):
    bench.check_equal(mnist.train.images[:20], mnist.train.labels[:20])


def test_the_fast_reading_of_pictures_equals_the_readable_one(peers):
    rng = np.random.default_rng(1)
    images = rng.random((5, 9, 11), dtype=np.float32)
    y, x = rng.uniform(-3, 13, (2, 5, 40)).astype(np.float32)
    y[0, :4], x[0, :4] = [0, 8, -1, 9], [0, 10, -1, 11]
    np.testing.assert_allclose(augmentation.sample(images, y, x), peers.readable_sample(images, y, x), atol=1e-5)


def test_one_training_of_each_side(peers, mnist):
    rows, labels = bench.preprocess(mnist.train.images[:200]), mnist.train.labels[:200]
    row = bench.training_contest((784, 5, 10), 20, rows, labels, scale=0.01).run(1, threads=1)
    assert row.ours > 0
    assert row.peer > 0
    assert row.name == "training 784-5-10, batch 20"
