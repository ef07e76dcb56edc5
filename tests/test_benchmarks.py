"""The benchmark: that it counts rightly, and writes what it counted. How fast anything is, no test asks."""

import ast
import contextlib
import importlib.util
import itertools
import json
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_scratch.threads import n_cores
from tests.benchmarks import bench, busy, contests, ladder, limits, pages, turns, worker
from tests.benchmarks.turns import Row, Side, Sides, Work
from tests.made_up_runs import FakeSides, all_contests, contest, row, run

pinned = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes cannot be held to cores here")


@pytest.fixture(autouse=True)
def _as_many_cores_as_before():
    """Whatever sides were held to."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    yield
    if before is not None:
        assert os.sched_getaffinity(0) == before


# Turns


def test_all_sides_take_turns_the_first_round_warms_up_and_medians_count():
    sides = FakeSides(ours=[900, 100, 1, 50, 60, 2, 90, 3], friend=[300, 6, 4, 80])
    found = turns.timed(contest(), sides, rounds=3)
    there = ["ours read", "friend read", "ours spell"]
    assert sides.turns == (there[::-1] + there) * 2
    assert found == [
        Row("reading, batch 1", 5.0, 10 / 6, "a friend", "images/s", 3.0, 2, 1.0),
        Row("reading, batch 1", 5.0, 10 / 50, "ourselves, slowly", "images/s", 25.0, 2, 0.0),
    ]
    assert sides.forgotten == 1


class FakeConnection:
    def __init__(self, *requests):
        self.requests, self.answers = iter(requests), []

    def recv(self):
        try:
            return next(self.requests)
        except StopIteration:
            raise EOFError from None

    def send(self, answer):
        self.answers.append(answer)


def test_a_worker_prepares_times_and_answers(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(worker.time, "perf_counter", lambda: now[0])

    def sleep(seconds, then=None):
        calls.append(seconds)

        def work():
            now[0] += seconds
            return then

        return work

    monkeypatch.setitem(sys.modules, "sleepers", SimpleNamespace(sleep=sleep))
    connection = FakeConnection(
        ("prepare", "sleep", {"seconds": 3, "then": 5}), ("prepare", "sleep", {"seconds": 2, "then": lambda: 7}),
        ("turn", 0), ("result",), ("turn", 1), ("result",), ("forget",), ("turn", 0), ("dance",), ("result",),
    )  # fmt: skip
    worker.serve(connection, "sleepers")
    assert calls == [3, 2]
    done, answers = zip(*connection.answers, strict=True)
    assert done == (True,) * 7 + (False, False, True)
    assert answers[:7] == (0, 1, 3.0, 5, 2.0, 7, None)
    assert "IndexError" in answers[7]
    assert "no request: dance" in answers[8]
    assert answers[9] is None


def test_a_side_is_a_process_of_its_own_that_says_what_went_wrong_and_ends_with_its_context():
    with Sides(1) as sides:
        side = sides["ours"]
        assert sides["ours"] is side
        with pytest.raises(RuntimeError, match=r"(?s)ours failed at \('prepare', 'juggle'.*AttributeError"):
            side.prepare(Work("ours", "juggle"))
        number = side.prepare(Work("ours", "products", {"sizes": (3, 2), "batch_size": 4, "steps": 5}))
        assert side.turn(number) > 0
        assert side.result() is None
        assert side._process.pid != os.getpid()
        assert side._process.is_alive()
    assert not side._process.is_alive()


def test_a_process_that_has_ended_is_said_to_have():
    side = Side("ours", 1)
    side._process.kill()
    with pytest.raises(RuntimeError, match="the process of ours has ended"):
        side.turn(0)
    side.close()


@pinned
def test_a_side_is_held_to_its_cores_and_this_process_is_not():
    mine = os.sched_getaffinity(0)
    with Sides(1) as one, Sides(len(mine)) as all_cores:
        assert len(os.sched_getaffinity(one["ours"]._process.pid)) == 1
        assert os.sched_getaffinity(all_cores["ours"]._process.pid) == mine
    assert os.sched_getaffinity(0) == mine


def test_where_cores_cannot_be_chosen_the_libraries_are_asked_for_one_thread(monkeypatch):
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    before = dict(os.environ)
    with turns._held_to(1):
        assert all(os.environ[name] == value for name, value in turns.ONE_THREAD.items())
    with turns._held_to(4):
        assert os.environ == before
    assert os.environ == before


# A busy machine


@pinned
def test_on_a_busy_machine_each_core_has_a_process_that_counts(monkeypatch):
    started, popen = [], busy.subprocess.Popen
    monkeypatch.setattr(busy.subprocess, "Popen", lambda *args: started.append(popen(*args)) or started[-1])
    with busy.counting():
        assert all(process.poll() is None for process in started)
        cores = [os.sched_getaffinity(process.pid) for process in started]
        assert sorted(core for (core,) in cores) == sorted(os.sched_getaffinity(0))
    assert len(started) == n_cores()
    assert all(process.poll() is not None for process in started)


def test_who_only_counts_ends_when_the_process_that_started_it_has(monkeypatch):
    parents = iter([7, 7, 7, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    said = {}
    exec(busy.COUNT.replace("10_000_000", "5"), said)
    assert said["n"] == 10


def test_busy_rows_compare_with_the_quiet_speed_and_with_the_peers_there(monkeypatch):
    counting, found = [], []

    class Counting:
        def __enter__(self):
            counting.append(True)

        def __exit__(self, *error):
            counting.pop()

    def speeds(contest, sides, rounds):
        found.append(bool(counting))
        return [40.0, 20.0, 8.0] if counting else [100.0, 80.0, 10.0]

    monkeypatch.setattr(busy, "counting", Counting)
    monkeypatch.setattr(busy, "speeds", speeds)
    rows = busy.rows_when_busy(contest("busy machine: reading"), FakeSides(), 2)
    assert found == [False, True]
    assert [(row.peer_name, row.ours, row.peer, row.wanted) for row in rows[:3]] == [
        (busy.QUIET, 40, 100, 0.4), ("a friend", 40, 20, 1), ("ourselves, slowly", 40, 8, 0),
    ]  # fmt: skip
    assert [(row.name, row.ours, row.peer, row.wanted) for row in rows[3:]] == [
        ("busy machine: reading, share of the quiet speed", 0.4, 0.25, 0),
        ("busy machine: reading, share of the quiet speed", 0.4, 0.8, 0),
    ]
    np.testing.assert_allclose([row.ratio for row in rows], [0.4, 2, 5, 1.6, 0.5])


# Which contests


@pytest.mark.parametrize(
    ("sizes", "batch_size", "scale", "expected"),
    [
        ((784, 100, 10), 32, 1.0, (12_576, 4)),
        ((784, 100, 10), 512, 1.0, (12_288, 4)),
        ((784, 10, 10), 128, 1.0, (59_904, 4)),  # more are wanted than there are: all in whole batches
        ((784, 30, 10), 1, 1.0, (500, 4)),
        ((784, 1024, 512, 10), 512, 1.0, (1024, 3)),  # at least two batches
        ((784, 1024, 512, 10), 512, 0.1, (1024, 1)),
    ],
)
def test_contests_are_whole_batches_and_some_epochs(sizes, batch_size, scale, expected):
    assert contests.amounts(sizes, batch_size, 60_000, scale) == expected


def test_every_contest_is_of_a_function_that_takes_its_arguments():
    """The sources are read, not imported: so no library need be installed."""
    works = [work for one in all_contests() for work in (one.ours, *(peer.work for peer in one.peers))]
    for work in works:
        source = (pages.PAGE.parent / f"{work.module.replace('.', '/')}.py").read_text()
        functions = {node.name: node.args for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        taken = [argument.arg for argument in functions[work.name].args]
        needed = taken[: len(taken) - len(functions[work.name].defaults)]
        assert set(needed) <= set(work.arguments) <= set(taken), work


@pytest.mark.parametrize("n_train", [4_000, 60_000])
def test_no_contest_wants_more_images_than_there_are(n_train):
    for one in all_contests(n_train):
        assert one.ours.arguments.get("n", 0) <= n_train
        if "epochs" in one.ours.arguments:
            assert one.amount == one.ours.arguments["n"] * one.ours.arguments["epochs"]


@pytest.mark.parametrize(("cores", "threads", "least"), [(1, 1, [1.0, 1.0]), (2, None, [2.0, 1.0])])
@pytest.mark.parametrize("quick", [False, True])
def test_each_network_and_batch_size_meets_pytorch_and_jax_by_their_defaults(cores, threads, least, quick):
    cells = list(contests.contests(60_000, 10_000, cores, quick))[:16]
    assert [one.name for one in cells] == [
        f"training {network}, batch {batch_size}"
        for network in ("784-30-10", "784-100-10", "784-800-10", "784-1024-512-10") for batch_size in (1, 32, 128, 512)
    ]  # fmt: skip
    for one in cells:
        assert one.ours.arguments["threads"] == threads
        assert [peer.name for peer in one.peers[:2]] == ["PyTorch", "JAX"]
        assert all(not peer.wanted for peer in one.peers[2:])
    wanted = [[peer.wanted for peer in one.peers[:2]] for one in cells]
    assert wanted == [*[least] * 3, [1, 1], *[least] * 3, *[[1, 1]] * 9]


def test_on_a_busy_machine_we_want_to_be_no_slower_than_the_peers():
    found = list(contests.contests_when_busy(60_000, 2))
    assert [one.name.removeprefix("busy machine: ") for one in found] == [
        "training 784-100-10, batch 32", "training 784-800-10, batch 128",
    ]  # fmt: skip
    assert [(peer.name, peer.wanted) for one in found for peer in one.peers] == [("PyTorch", 1.0), ("JAX", 1.0)] * 2
    assert len(list(contests.contests_when_busy(60_000, 2, quick=True))) == 1


def test_each_rung_is_a_step_of_the_ladder():
    rungs = [*contests.rungs(60_000, 1), *contests.rungs(60_000, 2), contests.rung_when_busy(60_000, 2)]
    for rung in rungs:
        (without,) = rung.peers
        step = without.work.arguments["without"]
        assert rung.name.startswith(step)
        assert dict(rung.ours.arguments) | {"without": step} == dict(without.work.arguments)
    assert {rung.peers[0].work.arguments["without"] for rung in rungs} | {""} == set(ladder.FORMS)


def test_cores_are_doubled_up_to_all_of_them(monkeypatch):
    for most, counts in ((1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])):
        monkeypatch.setattr(bench, "n_cores", lambda most=most: most)
        assert bench.counts_of_cores() == counts


# Limits, and the race


def test_a_limit_is_divided_by_the_median_of_what_programs_print_last(monkeypatch):
    values = iter([4.0, 1.0, 2.0])
    run = limits.subprocess.run
    monkeypatch.setattr(
        limits.subprocess, "run",
        lambda command, **options: run([*command[:2], f"value = {next(values)}\n{command[2]}"], **options),
    )  # fmt: skip
    monkeypatch.setattr(limits, "LIMITS", [("lunch", "print('No salt 3'); print(value)", 6.0, "s")])
    assert limits.limit_rows() == [Row("lunch", 2.0, 6.0, "limit", "s", 3.0, 1, 1.0)]


def test_the_import_that_is_timed_is_not_over_already():
    (program,) = (program for name, program, *_ in limits.LIMITS if name.startswith("import"))
    check = "import sys; print(int('mnist_scratch.training' in sys.modules))"
    before, after = program.split(limits.IMPORT)
    assert limits._number(f"{before}{check}") == 0
    assert limits._number(f"{before}{limits.IMPORT}{after}; {check}") == 1


@pytest.mark.parametrize(("reached", "ratios"), [((0.992, 0.99), [1.5, 0.5]), ((0.99, 0.992), [0, 0])])
def test_who_does_not_arrive_at_99_has_not_won_the_race(reached, ratios):
    ours, theirs = reached
    sides = FakeSides(
        **{"ours": [40, 10, 50], "peers.pytorch": [60, 90, 20]},
        results={"ours": [ours] * 3, "peers.pytorch": [theirs] * 3},
    )
    rows = limits.race_rows(sides, 3)
    assert sides.turns == ["ours race", "peers.pytorch race"] * 3
    assert [(row["ours"], row["peer"]) for row in rows] == [(40, 60), (40, 20)]
    assert [row["ratio"] for row in rows] == ratios
    assert rows[0]["accuracies"] == pytest.approx(list(reached))


# The command


def test_rows_are_written_with_the_fields_that_others_read(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "BUILD", tmp_path / "build")
    bench.write_build(run(row(), ladder=[row("climbing")]))
    written = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert [one["name"] for one in written] == ["reading, batch 1", "climbing"]
    for one in written:
        assert {"name", "ours", "peer", "peer_name", "unit", "ratio", "threads"} <= set(one)


@pytest.fixture
def installed(monkeypatch):
    """As if all peers were installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True if name in bench.PEERS else find(name))
    monkeypatch.setattr(bench, "machine", lambda: "an abacus")


@pytest.fixture
def pretended(installed, monkeypatch):
    """No process is started and nothing measured: each turn of ours takes a second, and each of the others' two."""
    seconds = {"ours": itertools.repeat(1.0)} | {
        f"peers.{name}": itertools.repeat(2.0) for name in ("pytorch", "jax_cpu", "scikit_learn", "pictures")
    }
    results = {"ours": itertools.repeat(0.992), "peers.pytorch": itertools.repeat(0.991)}
    monkeypatch.setattr(bench, "Sides", lambda cores: FakeSides(cores, results, **seconds))
    monkeypatch.setattr(bench, "check_all", lambda sides: None)
    monkeypatch.setattr(limits, "LIMITS", [("lunch", "print(2)", 6.0, "s")])
    monkeypatch.setattr(busy, "counting", contextlib.nullcontext)
    monkeypatch.setattr(bench, "counts_of_cores", lambda: [1, 2, 4])
    data = SimpleNamespace(images=np.empty(60_000))
    monkeypatch.setattr(bench, "load_mnist", lambda: SimpleNamespace(train=data, test=data, source="full"))


def test_a_whole_run_has_a_row_for_all_that_was_to_be_measured(pretended):
    told = []
    measured = bench.measure(bench.read_options(["--rounds", "2"])[1], told.append)
    assert len(told) == len(measured["rows"] + measured["ladder"])
    cells = {(one["threads"], one["peer_name"]): one["ratio"] for one in measured["rows"]
             if one["name"] == "training 784-800-10, batch 128"}  # fmt: skip
    assert cells == {(cores, peer): 2.0 for cores in (1, 2, 4) for peer in ("PyTorch", "JAX")}
    small = {one["threads"] for one in measured["rows"] if one["name"] == "training 784-30-10, batch 1"}
    assert small == {1, 4}
    names = {one["name"] for one in measured["rows"]}
    assert {"lunch", "784-800-10 to 99.1 % test", "busy machine: training 784-100-10, batch 32"} <= names
    assert len({one["name"] for one in measured["ladder"]}) == len([*contests.rungs(60_000, 1),
                                                                     *contests.rungs(60_000, 2)]) + 1  # fmt: skip
    texts = pages.pages([measured])
    assert texts[pages.ROOT / "README.md"]["benchmark"].count("\n|") == 2 + len(pages.FOR_NEWCOMERS)
    assert "16 of 16 pairs" in texts[pages.ROOT / "README.md"]["benchmark"]
    assert texts[pages.PAGE]["busy"].count("\n|") == 1 + 2 * 3


def test_a_quick_run_has_every_cell_and_no_more_than_it_needs(pretended):
    measured = bench.measure(bench.read_options(["--quick"])[1], lambda row: None)
    cells = {(one["name"], one["threads"], one["peer_name"]) for one in measured["rows"]
             if one["name"].startswith("training") and not one["peer_name"].startswith("its")}  # fmt: skip
    assert len(cells) == 16 * 2 * 2 + 2 * 2  # and two on numbers of cores between one and all
    assert measured["ladder"] == measured["growth"] == []


def test_only_what_was_asked_for_is_measured(pretended):
    measured = bench.measure(bench.read_options(["--only", "warp"])[1], lambda row: None)
    assert {one["name"] for one in measured["rows"]} == {"affine + elastic warp"}
    assert measured["growth"] == []


def test_a_missing_peer_is_a_plain_message(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("cv2", "jax") else True)
    assert bench.main(["--quick"]) == 1
    assert "JAX, OpenCV. The benchmark compares with it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--record", "--quick"], "without --quick and --only"),
        (["--record", "--only", "warp"], "without --quick and --only"),
        (["--rounds", "0"], "must be 1 or more"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(options, message, capsys):
    with pytest.raises(SystemExit):
        bench.main(options)
    assert message in capsys.readouterr().err


def test_a_run_of_other_work_is_not_added_to_those_on_record(installed, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "RUNS", tmp_path / "runs.json")
    monkeypatch.setattr(bench, "BUILD", tmp_path / "build")
    monkeypatch.setattr(bench, "load_mnist", lambda: SimpleNamespace(source="full"))
    written = []
    monkeypatch.setattr(pages, "write_pages", lambda runs: written.append(len(runs)))
    name = "training 784-30-10, batch 1"
    rows = [row(name, peer="PyTorch"), row(name, peer="JAX")]
    for other, recorded in ((), 1), ((), 2), ([row("writing")], 2):
        monkeypatch.setattr(bench, "measure", lambda *args, other=other: run(*rows, *other))
        if other:
            with pytest.raises(SystemExit):
                bench.main(["--record"])
            assert "is not of the same work" in capsys.readouterr().err
        else:
            assert bench.main(["--record"]) == 0
        assert len(json.loads(bench.RUNS.read_text())) == recorded
    assert written == [1, 2]


def test_a_run_on_another_machine_is_not_begun(installed, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "RUNS", tmp_path / "runs.json")
    monkeypatch.setattr(bench, "load_mnist", lambda: SimpleNamespace(source="full"))
    bench.RUNS.write_text(json.dumps([run(row()) | {"machine": "another"}]))
    with pytest.raises(SystemExit):
        bench.main(["--record"])
    assert "needs the full MNIST and the machine and versions" in capsys.readouterr().err
