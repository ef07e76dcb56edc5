"""What the benchmark writes of its runs: tables, pages, the figure."""

from dataclasses import asdict

import matplotlib.pyplot as plt
import numpy as np

from mnist_scratch.marks import read_between
from tests.benchmarks import bench, busy, contests, growth, pages
from tests.made_up_runs import FakeSides, all_contests, contest, row, run


def test_the_long_table_has_medians_and_counts_the_runs_that_met_what_was_wanted():
    runs = [run(row(ratio=ratio)) for ratio in (0.5, 3.0, 1.5)]
    assert "| reading, batch 1 | a friend | 1 | images/s | 1.5 | 1 | 1.50 | 1.0 | 2 of 3 |\n" in pages.long_table(runs)
    assert "| 2.00 |  |  |\n" in pages.long_table([run(row(wanted=0))])


CELL = "training 784-30-10, batch"


def test_the_table_of_networks_counts_where_we_are_ahead_and_marks_where_not():
    runs = [
        run(
            row(f"{CELL} 1", 1.5, 1, peer="PyTorch"), row(f"{CELL} 1", 3 * k, 4, peer="PyTorch"),
            row(f"{CELL} 1", 0.9, 1, peer="JAX"), row(f"{CELL} 1", 1.0, 4, peer="JAX"),
            row(f"{CELL} 32", 1.25, 1, peer="PyTorch"), row(f"{CELL} 32", 0.5, 4, peer="PyTorch"),
            row(f"{CELL} 32", 1.1, 1, peer="JAX"), row(f"{CELL} 32", 2.0, 4, peer="JAX"),
        )
        for k in (1, 2, 9)
    ]  # fmt: skip
    assert pages.cells_table(runs).splitlines()[2:] == [
        "| 784-30-10 | 1 | 6.00 | 1.00 | 1.50 | **0.90** |",
        "| 784-30-10 | 32 | **0.50** | 2.00 | 1.25 | 1.10 |",
        "| 1 or more |  | 1 of 2 | 2 of 2 | 2 of 2 | 1 of 2 |",
        "| the least |  | 0.50 | 1.00 | 1.25 | 0.90 |",
    ]


def test_the_busy_table_gives_each_side_once_with_its_share(monkeypatch):
    monkeypatch.setattr(busy, "counting", plt.ioff)  # any context
    found = iter([[100.0, 80.0, 10.0], [40.0, 20.0, 8.0]])
    monkeypatch.setattr(busy, "speeds", lambda *args: next(found))
    rows = [asdict(one) for one in busy.rows_when_busy(contest("busy machine: reading"), FakeSides(), 2)]
    assert pages.busy_table([run(*rows)]).splitlines()[2:] == [
        "| busy machine: reading | mnist_scratch | 100 | 40 | 0.40 |",
        "| busy machine: reading | a friend | 80 | 20 | 0.25 |",
        "| busy machine: reading | ourselves, slowly | 10 | 8 | 0.80 |",
    ]


def test_the_limits_table_has_each_library_as_a_share_of_what_is_timed_alone():
    name = "training 784-2-10, batch 8"
    rows = [
        row(name, ratio=1.5, peer="PyTorch"),
        row(name, ratio=0.5, peer="JAX"),
        row(name, ratio=0.75, wanted=0, peer=f"{contests.ALONE} NumPy", theirs=400.0),
        row(name, ratio=0.9, wanted=0, peer=contests.LEAST, theirs=300.0),
    ]
    assert pages.limits_table([run(*rows)]).splitlines()[2:] == [
        f"| {name} | {contests.ALONE} NumPy | 1 | 400 | 0.75 | 0.50 | 1.50 |",
        f"| {name} | {contests.LEAST} | 1 | 300 | 0.90 | 0.60 | 1.80 |",
    ]


def test_readmes_table_is_of_rows_that_are_measured_and_has_ten_at_most():
    measured = {(one.name, peer.name) for one in all_contests() for peer in one.peers}
    measured.add(("784-800-10 to 99.1 % test", "PyTorch, the same recipe"))
    assert {(name, peer) for _, name, peer in pages.FOR_NEWCOMERS} <= measured
    assert len(pages.FOR_NEWCOMERS) <= 10


def test_readmes_table_takes_the_medians_on_all_cores():
    name = "training 784-100-10, batch 1"
    rows = [row(name, 1.25, 1, peer="PyTorch"), row(name, 5.75, 2, peer="PyTorch"), row(name, 0.5, 2, peer="JAX")]
    text = pages.short_table([run(*rows)])
    assert "as fast as PyTorch in 1 of 1 pairs of network and batch size, and at least as fast as JAX in 0 of 1" in text
    assert text.splitlines()[-1] == ("| train a network of 100 hidden units, one image at a time | PyTorch | 5.8 |")
    assert pages.times(0.994) == "0.99"


def test_the_accuracies_of_all_races_are_told():
    raced = row("784-800-10 to 99.1 % test", peer="PyTorch, the same recipe")
    runs = [run(raced | {"accuracies": accuracies}) for accuracies in ([0.992, 0.991], [0.994, 0.991])]
    text = pages.told(runs)
    assert text.startswith("Medians of 2 runs on an abacus.\n")
    assert "Races to 99.1 %: 2; test accuracy 99.30%, PyTorch's 99.10%" in text
    assert pages.told(runs[:1]).startswith("Medians of 1 run on")


def test_the_pages_say_what_the_recorded_runs_say():
    runs = bench.recorded()
    assert len(runs) == 0 or len(runs) >= 3
    for path, texts in pages.pages(runs).items():
        text = path.read_text(encoding="utf-8")
        for name, content in texts.items():
            assert read_between(text, name) == content, name
    assert pages.PAGE.with_name("growth.png").exists() == bool(runs)


# The figure


def growth_points(k=1.0):
    return [
        {"by": by, "x": x, "ours": 2.0 * x * k, "peer": x / n, "ratio": 2.0 * k * n, "peer_name": peer}
        for by in ("batch size", "hidden units", "training images") for x in (1, 10, 4096)
        for n, peer in enumerate(("PyTorch", "JAX"), start=1)
    ]  # fmt: skip


def test_the_figure_draws_medians_and_names_them():
    figure = growth.draw_growth([run() | {"growth": growth_points(k)} for k in (1, 2, 9)])
    assert figure.get_suptitle() == (
        "mnist_scratch is 4.0 times as fast as PyTorch and 8.0 times as fast as JAX with single images, and "
        "4.0 times as fast as PyTorch and 8.0 times as fast as JAX with batches of 4,096"
    )
    assert len(figure.axes) == 3
    ours, theirs, jax = figure.axes[0].lines
    np.testing.assert_allclose(ours.get_ydata(), [4, 40, 4 * 4096])
    np.testing.assert_allclose(theirs.get_ydata(), [1, 10, 4096])
    np.testing.assert_allclose(jax.get_ydata(), [0.5, 5, 2048])
    np.testing.assert_allclose(figure.axes[2].lines[0].get_ydata(), [0.25] * 3)  # seconds for that many images
    plt.close(figure)


def test_the_cores_are_drawn_where_there_are_more_than_two():
    name = "training 784-800-10, batch 128"
    rows = [row(name, 2.0 * k, k, peer=peer) for k in (1, 2, 4) for peer in ("PyTorch", "JAX")]
    assert growth.points_by_cores(rows[:4]) == []
    figure = growth.draw_growth([run(*rows) | {"growth": growth_points()}])
    assert len(figure.axes) == 4
    np.testing.assert_allclose(figure.axes[3].lines[0].get_ydata(), [2, 4, 8])
    assert list(figure.axes[3].get_xticks()) == [1, 2, 4]
    plt.close(figure)
