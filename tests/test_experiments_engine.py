"""The engine of the studies: the same records from one process, many, or a cluster, whoever is killed meanwhile."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from joblib.externals.loky import get_reusable_executor

from mnist_scratch.datasets import load_mnist
from mnist_scratch.experiments import engine, recipes
from mnist_scratch.experiments.engine import Study, StudyError, Task, run_study, write_whole
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.experiments.studies import STUDIES
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import preprocess

TINY = Recipe(sizes=(784, 8, 10), batch_size=10, n_train=300)
STUDY = Study(
    "tiny",
    "How tiny?",
    {"plain": TINY, "Bent, 9": replace(TINY, deformation={"rotation": 9.0, "alpha": 9.0}, validate=True)},
    seeds=3,
)
FILES = [f"{name}-seed{seed}.json" for name in ("plain", "bent-9") for seed in range(3)]
needs_sigkill = pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that Windows does not have")
FAILING = replace(TINY, output="identity", learning_rate=1e9)


@pytest.fixture
def on_sample(tmp_path_factory, monkeypatch):
    """Here and in every process that is started: no data in reach but the offline sample."""
    get_reusable_executor().shutdown(wait=True)  # its processes have the variables of the time when they began
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", "")
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(tmp_path_factory.mktemp("no-data")))
    data = load_mnist()
    assert data.source == "sample"
    recipes._pictures.cache_clear()
    monkeypatch.setattr(recipes, "_data", lambda: data)
    yield data
    recipes._pictures.cache_clear()
    get_reusable_executor().shutdown(wait=True)


def without_seconds(records):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


def times(folder):
    """When each finished run was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}


@pytest.fixture
def serial(on_sample, tmp_path):
    """What the tiny study gives, made one after another."""
    return without_seconds(run_study(STUDY, tmp_path / "serial", progress=False))


@pytest.fixture
def counted(monkeypatch):
    """The runs that this process makes, as they are made."""
    made = []

    def counting(recipe, seed):
        made.append((recipe, seed))
        return run(recipe, seed)

    run = engine.run
    monkeypatch.setattr(engine, "run", counting)
    return made


# In order, side by side


def test_records_come_in_the_order_of_recipes_and_seeds(serial, tmp_path):
    assert [(record["name"], record["seed"]) for record in serial] == [
        (name, seed) for name in STUDY.recipes for seed in range(3)
    ]
    assert [Recipe.from_dict(record["recipe"]) for record in serial] == [
        recipe for recipe in STUDY.recipes.values() for _ in range(3)
    ]
    assert sorted(times(tmp_path / "serial")) == sorted(FILES)
    written = [json.loads((tmp_path / "serial" / name).read_text()) for name in FILES]
    assert without_seconds(written) == serial
    for record in serial:
        outcome = recipes.run(Recipe.from_dict(record["recipe"]), record["seed"])
        assert without_seconds([{"name": record["name"], **outcome.record}]) == [record]


def test_two_processes_give_what_one_gives(serial, tmp_path):
    records = run_study(STUDY, tmp_path / "parallel", workers=2, progress=False)
    assert without_seconds(records) == serial
    assert sorted(times(tmp_path / "parallel")) == sorted(FILES)


def test_nothing_is_run_twice(on_sample, counted, tmp_path):
    run_study(STUDY, tmp_path, seeds=2, progress=False)
    assert counted == [(recipe, seed) for recipe in STUDY.recipes.values() for seed in range(2)]
    before = times(tmp_path)
    counted.clear()
    assert len(run_study(STUDY, tmp_path, seeds=2, progress=False)) == 4
    assert len(run_study(STUDY, tmp_path, seeds=1, progress=False)) == 2
    assert counted == []
    assert len(run_study(STUDY, tmp_path, seeds=3, progress=False)) == 6
    assert counted == [(recipe, 2) for recipe in STUDY.recipes.values()]
    assert {name: times(tmp_path)[name] for name in before} == before
    assert run_study(STUDY, tmp_path, workers=2, progress=False) == run_study(STUDY, tmp_path, progress=False)
    assert len(counted) == 2


def test_each_run_is_written_before_the_next_begins(on_sample, tmp_path, monkeypatch):
    seen = []
    run = engine.run
    monkeypatch.setattr(
        engine, "run", lambda recipe, seed: (seen.append(len(list(tmp_path.glob("*.json")))), run(recipe, seed))[1]
    )
    run_study(STUDY, tmp_path, progress=False)
    assert seen == [0, 1, 2, 3, 4, 5]


def test_weights_are_kept_where_the_study_asks(on_sample, tmp_path):
    study = replace(STUDY, recipes={"plain": TINY}, keeps_weights=True)
    for workers, folder in ((1, tmp_path / "one"), (2, tmp_path / "two")):
        for record in run_study(study, folder, workers=workers, progress=False):
            network = Network.load(folder / f"plain-seed{record['seed']}.npz")
            predictions = network.predict(preprocess(on_sample.test.images))
            right = np.count_nonzero(predictions == on_sample.test.labels)
            assert right == np.trace(record["result"]["test_confusion"])
    run_study(replace(study, keeps_weights=False), tmp_path / "none", progress=False)
    assert not list((tmp_path / "none").glob("*.npz"))


def test_the_progress_bar_counts_what_was_there_already(on_sample, tmp_path, capsys):
    run_study(STUDY, tmp_path, seeds=1, progress=False)
    assert capsys.readouterr().err == ""
    run_study(STUDY, tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert "tiny:  33%" in shown
    assert "2/6" in shown
    assert "6/6" in shown


@pytest.mark.parametrize("options", [{"seeds": 0}, {"seeds": -1}, {"workers": 0}])
def test_numbers_below_1_are_refused(tmp_path, options):
    with pytest.raises(ValueError, match=rf"{next(iter(options))} must be 1 or more; it is (0|-1) \(run_study\)"):
        run_study(STUDY, tmp_path, **options)


def test_two_names_for_one_file_are_refused(tmp_path):
    study = replace(STUDY, recipes={"-5 to 5": TINY, "5 to 5": FAILING})
    with pytest.raises(ValueError, match=r"names must differ in their letters and digits \(tiny\)"):
        run_study(study, tmp_path, progress=False)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_each_run_of_a_study_has_a_file_of_its_own(study):
    files = {Task(name, recipe, 0).file(Path("there")) for name, recipe in study.recipes.items()}
    assert len(files) == len(study.recipes)
    assert all(file.parent == Path("there") and file.name.isascii() and " " not in file.name for file in files)


# Files


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("{", "", 1),
        lambda text: b"\xff\xfe\x00garbled",
        lambda text: "[]",
        lambda text: "null",
        lambda text: json.dumps(json.loads(text) | {"seed": 1}),
        lambda text: json.dumps(json.loads(text) | {"recipe": replace(TINY, epochs=2).as_dict()}),
        lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "recipe"}),
    ],
    ids=["empty", "half", "no JSON", "no text", "a list", "null", "other seed", "other recipe", "no recipe"],
)
def test_a_record_that_cannot_be_used_is_made_again(serial, counted, tmp_path, spoil):
    folder = tmp_path / "serial"
    file = folder / FILES[0]
    spoilt = spoil(file.read_text())
    file.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    before = times(folder)
    counted.clear()
    assert without_seconds(run_study(STUDY, folder, progress=False)) == serial
    assert counted == [(TINY, 0)]
    assert [name for name in FILES if times(folder)[name] != before[name]] == [FILES[0]]
    assert without_seconds([json.loads(file.read_text())]) == serial[:1]


def test_a_recipe_that_has_changed_is_run_again(serial, counted, tmp_path):
    changed = replace(STUDY, recipes={**STUDY.recipes, "plain": replace(TINY, learning_rate=0.25)})
    records = run_study(changed, tmp_path / "serial", progress=False)
    assert [recipe.learning_rate for recipe, _ in counted[-3:]] == [0.25] * 3
    assert without_seconds(records[3:]) == serial[3:]
    assert all(new["result"] != old["result"] for new, old in zip(records[:3], serial[:3], strict=True))


def test_what_an_interrupted_writer_left_is_no_record(serial, tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / f"{FILES[0]}.99.part").write_text('{"recipe"')
    assert without_seconds(run_study(STUDY, folder, progress=False)) == serial


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_whole(file, b"old")
    monkeypatch.setattr(os, "fsync", lambda number: 1 / 0)  # as when the disk is full
    with pytest.raises(ZeroDivisionError):
        write_whole(file, b"new and longer")
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.undo()
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"


# Runs that fail


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_run_is_named_and_what_had_finished_is_kept(on_sample, counted, tmp_path, workers):
    good = replace(TINY, batch_size=5)
    study = Study("failing", "?", {"good": good, "Bad one": FAILING, "later": TINY}, seeds=4)
    message = (
        r"the run 'Bad one' with seed \d failed: DivergenceError: training diverged: .*\nWhat had finished is kept"
    )
    with pytest.raises(StudyError, match=message):
        run_study(study, tmp_path, workers=workers, progress=False)
    kept = times(tmp_path)
    assert sum(name.startswith("good") for name in kept) >= 5 - workers  # the other worker may be at one still
    assert not any(name.startswith("bad") for name in kept)
    if workers == 1:
        assert sorted(kept) == [f"good-seed{seed}.json" for seed in range(4)]
        assert len(counted) == 5
    mended = replace(study, recipes={"good": good, "Bad one": TINY, "later": TINY})
    counted.clear()
    records = run_study(mended, tmp_path, progress=False)
    assert len(records) == 12
    assert len(counted) == 12 - len(kept)
    assert {name: times(tmp_path)[name] for name in kept} == kept


# Killed


def killer(folder, n, pid):
    """A thread that kills a process once n runs are written."""

    def wait_and_kill():
        deadline = time.monotonic() + 60
        while len(times(folder)) < n and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(pid(), signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill)
    thread.start()
    return thread


LONG = replace(STUDY, recipes={"plain": replace(TINY, n_train=2000, batch_size=4)}, seeds=10)


@needs_sigkill
def test_a_worker_process_that_dies_is_a_plain_error_and_the_study_goes_on(on_sample, tmp_path):
    def a_worker():
        return next(
            child.pid for child in psutil.Process().children() if any("popen_loky" in part for part in child.cmdline())
        )

    thread = killer(tmp_path / "killed", 2, a_worker)
    with pytest.raises(StudyError, match=r"a worker process died(.|\n)*What had finished is kept"):
        run_study(LONG, tmp_path / "killed", workers=2, progress=False)
    thread.join()
    kept = times(tmp_path / "killed")
    assert 2 <= len(kept) < 10
    records = run_study(LONG, tmp_path / "killed", workers=2, progress=False)
    assert {name: times(tmp_path / "killed")[name] for name in kept} == kept
    assert without_seconds(records) == without_seconds(run_study(LONG, tmp_path / "whole", progress=False))


SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
from mnist_scratch.course import checkout
from mnist_scratch.__main__ import main
from mnist_scratch.experiments.engine import Study
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.experiments.studies import STUDIES

if __name__ == "__main__":
    checkout.ROOT = Path(sys.argv[1])
    recipe = Recipe(sizes=(784, 30, 10), batch_size=2, n_train=4000)
    STUDIES["killed"] = Study("killed", "?", {"a": recipe, "b": replace(recipe, rotation=(-9.0, 9.0))}, 8)
    sys.exit(main(["study", "killed", "--workers", sys.argv[2]]))
"""


@needs_sigkill
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_study_killed_at_random_moments_and_resumed_equals_one_never_killed(on_sample, tmp_path, workers):
    """``python -m mnist_scratch study``, but for the study: killed twice, then left to finish."""
    script = tmp_path / "study.py"
    script.write_text(SCRIPT)

    @contextmanager
    def started(root):
        process = subprocess.Popen(
            [sys.executable, script, root, workers],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield process
        finally:  # leave nothing behind: what the process started is of its session
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    killed, whole = (tmp_path / name / "build" / "studies-on-the-sample" / "killed" for name in ("killed", "whole"))
    moment = random.Random()  # not seeded: another moment each time
    written = {}
    for _ in range(2):
        with started(tmp_path / "killed") as process:
            deadline = time.monotonic() + 60
            while len(times(killed)) <= len(written) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(moment.uniform(0, 0.15))
            process.kill()
            assert process.wait() == -signal.SIGKILL
        now = times(killed)
        assert {name: now.get(name) for name in written} == written  # nothing finished was lost, or run twice
        assert len(written) < len(now) < 16
        written = now
    for root in ("killed", "whole"):
        with started(tmp_path / root) as process:
            assert process.wait(timeout=120) == 0
    now = times(killed)
    assert len(now) == 16
    assert {name: now[name] for name in written} == written
    records = [[json.loads((folder / name).read_text()) for name in sorted(now)] for folder in (killed, whole)]
    assert without_seconds(records[0]) == without_seconds(records[1])


# On a cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Dask scheduler and two workers, three processes that talk over 127.0.0.1: its address, and the workers."""
    folder = tmp_path_factory.mktemp("cluster")
    without_data = {"MNIST_SCRATCH_MIRRORS": "", "MNIST_SCRATCH_CACHE": str(folder / "no-data")}
    environment = {key: value for key, value in os.environ.items() if key != "MNIST_SCRATCH_DATA"} | without_data
    where = folder / "scheduler.json"
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(where)]
    worker = ["worker", "--scheduler-file", str(where), "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    worker += ["--host", "127.0.0.1", "--local-directory", str(folder)]
    with ExitStack() as stack:

        def start(arguments):
            command = [sys.executable, "-m", "dask", *arguments]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        start(scheduler)
        deadline = time.monotonic() + 60
        while not where.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        workers = [start(worker) for _ in range(2)]
        address = json.loads(where.read_text())["address"]
        from distributed import Client

        with Client(address, timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers


def test_a_cluster_gives_what_one_process_gives(serial, cluster, tmp_path):
    address, _ = cluster
    records = run_study(STUDY, tmp_path / "cluster", dask=address, progress=False)
    assert without_seconds(records) == serial
    before = times(tmp_path / "cluster")
    assert sorted(before) == sorted(FILES)
    assert run_study(STUDY, tmp_path / "cluster", dask=address, progress=False) == records
    assert times(tmp_path / "cluster") == before


def test_a_run_that_fails_on_a_cluster_is_named(cluster, tmp_path):
    address, _ = cluster
    study = Study("failing", "?", {"good": TINY, "Bad one": FAILING}, seeds=1)
    with pytest.raises(StudyError, match=r"the run 'Bad one' with seed 0 failed: DivergenceError"):
        run_study(study, tmp_path / "cluster", dask=address, progress=False)
    assert (
        len(run_study(replace(study, recipes={"good": TINY}), tmp_path / "cluster", dask=address, progress=False)) == 1
    )


@needs_sigkill
def test_a_cluster_that_loses_a_worker_halfway_gives_the_same(on_sample, cluster, tmp_path):
    address, workers = cluster  # from here on, with one worker
    assert [worker.poll() for worker in workers] == [None, None]
    thread = killer(tmp_path / "cluster", 4, lambda: workers[0].pid)
    records = run_study(LONG, tmp_path / "cluster", dask=address, progress=False)
    thread.join()
    assert workers[0].wait(timeout=10) == -signal.SIGKILL
    assert workers[1].poll() is None
    assert len(times(tmp_path / "cluster")) == 10
    assert without_seconds(records) == without_seconds(run_study(LONG, tmp_path / "serial", progress=False))


def test_a_missing_dask_is_a_plain_error(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(StudyError, match=r'Dask is not installed here\. Get it with: pip install "mnist_scratch\[clus'):
        run_study(STUDY, tmp_path, dask="tcp://127.0.0.1:1", progress=False)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "foo://127.0.0.1:9"])
def test_a_scheduler_that_does_not_answer_is_a_plain_error(monkeypatch, tmp_path, address):
    import distributed

    client = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: client(address, timeout=timeout / 20))
    with pytest.raises(StudyError, match=f"no Dask scheduler answers at {address}: "):
        run_study(STUDY, tmp_path, dask=address, progress=False)
