"""The engine of the studies: the same records from one process, many, or a cluster, whoever is killed meanwhile."""

import json
import os
import pickle
import random
import re
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
from mnist_scratch.experiments import engine, inputs, runs
from mnist_scratch.experiments.engine import Study, StudyError, Task, run_study
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.experiments.runs import run_recipe
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
FILES = [f"{recipe.digest}-seed{seed}.json" for recipe in STUDY.recipes.values() for seed in range(3)]
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
    inputs.training_pictures.cache_clear()
    monkeypatch.setattr(inputs, "mnist", lambda: data)
    yield data
    inputs.training_pictures.cache_clear()
    get_reusable_executor().shutdown(wait=True)


def without_seconds(records):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


def as_asked(record, name, measures=("test",)):
    """What a study that measures these is given of a run's record."""
    parts = ["probe_cost", "train_cost", *(f"{on}_{part}" for on in measures for part in ("confusion", "cost"))]
    return {"name": name, **record, "result": {part: record["result"][part] for part in parts}}


def times(folder):
    """When each finished run was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.json")}


@pytest.fixture
def serial(on_sample, tmp_path):
    """What the tiny study gives, made one after another."""
    return without_seconds(run_study(STUDY, tmp_path / "serial", progress=False))


@pytest.fixture
def counted(monkeypatch):
    """The networks that this process trains, as they are trained: recipe and seed."""
    made = []

    def counting(recipe, seed, measures, kept):
        if kept is None:
            made.append((recipe, seed))
        return run_recipe(recipe, seed, measures, kept)

    monkeypatch.setattr(engine, "run_recipe", counting)
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
    named = [as_asked(record, given["name"]) for record, given in zip(written, serial, strict=True)]
    assert without_seconds(named) == serial
    for record in serial:
        run = run_recipe(Recipe.from_dict(record["recipe"]), record["seed"])
        assert without_seconds([{"name": record["name"], **run.record}]) == [record]


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

    def watched(*arguments):
        seen.append(len(list(tmp_path.glob("*.json"))))
        return run_recipe(*arguments)

    monkeypatch.setattr(engine, "run_recipe", watched)
    run_study(STUDY, tmp_path, progress=False)
    assert seen == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_runs_network_is_kept(on_sample, tmp_path, workers):
    for record in run_study(STUDY, tmp_path, seeds=2, workers=workers, progress=False):
        task = Task(record["name"], STUDY.recipes[record["name"]], record["seed"], ("test",))
        network = Network.load(task.file(tmp_path, ".npz"))
        predictions = network.predict(preprocess(on_sample.test.images))
        right = np.count_nonzero(predictions == on_sample.test.labels)
        assert right == np.trace(record["result"]["test_confusion"])


def test_the_progress_bar_counts_what_was_there_already(on_sample, tmp_path, capsys):
    run_study(STUDY, tmp_path, seeds=1, progress=False)
    assert capsys.readouterr().err == ""
    run_study(STUDY, tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert "tiny:  33%" in shown
    assert "2/6" in shown
    assert "6/6" in shown


# What a study is, and what it is not


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": 3}, TypeError, "name must be text; it is 3"),
        ({"name": ""}, ValueError, "name must be letters, digits, '-' and '_'; it is ''"),
        ({"name": "../paper"}, ValueError, "name must be letters, digits"),
        ({"name": "a b"}, ValueError, "name must be letters, digits"),
        ({"question": None}, TypeError, "question must be text; it is None"),
        ({"recipes": TINY}, TypeError, "recipes must be a dict of Recipes by name"),
        ({"recipes": {}}, ValueError, "recipes must hold at least one"),
        ({"recipes": {"plain": {}}}, TypeError, "recipes must be Recipes by name; one is 'plain'"),
        ({"recipes": {3: TINY}}, TypeError, "recipes must be Recipes by name; one is 3"),
        ({"seeds": 0}, ValueError, "seeds must be a whole number above 0; it is 0"),
        ({"seeds": "3"}, TypeError, "seeds must be a whole number"),
        ({"seeds": True}, ValueError, "seeds must be a whole number"),
        ({"measures": "test"}, TypeError, "measures must be a tuple of names"),
        ({"measures": ("tests",)}, ValueError, "each of measures must be one of validation, .*; it is 'tests'"),
        ({"measures": ()}, ValueError, "measures must be at least one name"),
        ({"measures": ("rotated_test",)}, ValueError, "measures must have 'test' among them"),
        ({"measures": ("test", "validation")}, ValueError, "must not have 'validation' where the recipe trains on"),
        ({"ships_best": 1}, TypeError, "ships_best must be True or False"),
    ],
)
def test_a_study_that_cannot_be_is_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        replace(STUDY, **change)


def test_names_with_dashes_are_names():
    assert replace(STUDY, name="on-the_sample2").name == "on-the_sample2"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"study": "paper"}, TypeError, "study must be a Study; it is 'paper'"),
        ({"study": None}, TypeError, "study must be a Study; it is None"),
        ({"folder": None}, TypeError, "folder must be the path of a folder; it is None"),
        ({"folder": 3}, TypeError, "folder must be the path of a folder; it is 3"),
        ({"folder": ""}, TypeError, "folder must be the path of a folder; it is ''"),
        ({"seeds": 0}, ValueError, r"seeds must be a whole number above 0; it is 0 \(run_study\)"),
        ({"seeds": -1}, ValueError, "seeds must be a whole number above 0; it is -1"),
        ({"seeds": "3"}, TypeError, "seeds must be a whole number above 0; it is '3'"),
        ({"seeds": 2.0}, ValueError, "seeds must be"),
        ({"seeds": True}, ValueError, "seeds must be"),
        ({"workers": 0}, ValueError, "workers must be a whole number above 0; it is 0"),
        ({"workers": "2"}, TypeError, "workers must be"),
        ({"workers": None}, TypeError, "workers must be"),
        ({"dask": ""}, ValueError, "dask must be the address of a scheduler"),
        ({"dask": 8786}, TypeError, "dask must be the address of a scheduler, .*; it is 8786"),
        ({"dask": True}, TypeError, "dask must be the address of a scheduler"),
        ({"progress": "no"}, TypeError, "progress must be True or False; it is 'no'"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name_and_nothing_is_written(tmp_path, options, error, message):
    arguments = {"study": STUDY, "folder": tmp_path / "runs", "progress": False} | options
    with pytest.raises(error, match=message):
        run_study(arguments.pop("study"), arguments.pop("folder"), **arguments)
    assert not (tmp_path / "runs").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ValueError, match=r"folder must be a folder, or a path where one can be made; .*runs is a file"):
        run_study(STUDY, tmp_path / "runs", progress=False)


def test_a_folder_may_be_named_by_text(serial, counted, tmp_path):
    assert without_seconds(run_study(STUDY, str(tmp_path / "serial"), progress=False)) == serial
    assert counted == []


# A run is a recipe and a seed, whatever it is asked


def test_two_names_of_one_recipe_are_one_run(on_sample, counted, tmp_path):
    study = replace(STUDY, recipes={"one": TINY, "other": replace(TINY)}, seeds=2)
    records = run_study(study, tmp_path, progress=False)
    assert [(run["name"], run["seed"]) for run in records] == [("one", 0), ("one", 1), ("other", 0), ("other", 1)]
    assert counted == [(TINY, 0), (TINY, 1)]
    assert [record["result"] for record in records[:2]] == [record["result"] for record in records[2:]]


def test_two_studies_share_a_run(on_sample, counted, tmp_path):
    """The study that shifts the test images trains nothing where the paper's was made."""
    measures = ("test", "shifted_left")
    run_study(replace(STUDY, recipes={"paper": TINY}, seeds=2), tmp_path, progress=False)
    counted.clear()
    records = run_study(Study("moved", "?", {"P": TINY}, 3, measures), tmp_path, progress=False)
    assert counted == [(TINY, 2)]
    alone = [as_asked(run_recipe(TINY, seed, measures).record, "P", measures) for seed in range(3)]
    assert without_seconds(records) == without_seconds(alone)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_measure_more_trains_nothing(serial, counted, tmp_path, workers, monkeypatch):
    more = replace(STUDY, measures=("rotated_test", "test", "shifted_left"))
    networks = {path.name: path.read_bytes() for path in (tmp_path / "serial").glob("*.npz")}
    with monkeypatch.context() as patched:
        patched.setattr(runs, "train", lambda *_, **__: pytest.fail("trained again"))  # of this process
        records = run_study(more, tmp_path / "serial", workers=workers, progress=False)
    assert counted == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "serial").glob("*.npz")} == networks
    for record, before in zip(records, serial, strict=True):
        assert list(record["result"]) == [
            "probe_cost",
            "train_cost",
            "rotated_test_confusion",
            "rotated_test_cost",
            "test_confusion",
            "test_cost",
            "shifted_left_confusion",
            "shifted_left_cost",
        ]
        assert {key: record["result"][key] for key in before["result"]} == before["result"]
    # the study that asks for less is given what it was given before
    assert without_seconds(run_study(STUDY, tmp_path / "serial", progress=False)) == serial
    assert counted == []
    assert without_seconds(run_study(more, tmp_path / "fresh", progress=False)) == without_seconds(records)


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda file: file.write_bytes(b"PK"), lambda file: file.write_bytes(b"")]
)
def test_where_a_network_is_lost_a_measure_more_needs_a_new_run(serial, counted, tmp_path, spoil):
    folder = tmp_path / "serial"
    network = folder / FILES[1].replace(".json", ".npz")
    spoil(network)
    counted.clear()
    assert without_seconds(run_study(STUDY, folder, progress=False)) == serial  # nothing lacks: it is not missed
    assert counted == []
    more = replace(STUDY, measures=("test", "shifted_right"))
    records = run_study(more, folder, progress=False)
    assert counted == [(TINY, 1)]
    assert Network.load(network).n_parameters
    assert without_seconds(records) == without_seconds(run_study(more, tmp_path / "fresh", progress=False))


def test_runs_on_different_data_are_not_compared(on_sample, tmp_path):
    run_study(STUDY, tmp_path, seeds=2, progress=False)
    record = json.loads((tmp_path / FILES[1]).read_text())
    (tmp_path / FILES[1]).write_text(json.dumps(record | {"data": "full"}))
    message = r"in one folder, .*: 'plain' with seed 1 was made on the full data, 'Bent, 9' with seed 1 on the sample"
    with pytest.raises(StudyError, match=message):
        run_study(STUDY, tmp_path, seeds=2, progress=False)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_each_run_of_a_study_has_a_file_of_its_own(study):
    seeds = range(study.seeds)
    tasks = [Task(name, recipe, seed, ("test",)) for name, recipe in study.recipes.items() for seed in seeds]
    files = {task.file(Path("there")) for task in tasks}
    assert len(files) == len(tasks)
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
        lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "data"}),
        lambda text: json.dumps(json.loads(text) | {"result": {}}),
        lambda text: text.replace('"train_cost": [', '"train_cost": [NaN, '),
        lambda text: "[" * 100_000,
    ],
    ids=[
        "empty",
        "half",
        "no JSON",
        "no text",
        "a list",
        "null",
        "other seed",
        "other recipe",
        "no recipe",
        "no data",
        "no result",
        "NaN",
        "deep",
    ],
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
    assert without_seconds([as_asked(json.loads(file.read_text()), "plain")]) == serial[:1]


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


# Runs that fail


@pytest.mark.parametrize("workers", [1, 2])
def test_runs_that_fail_are_named_and_the_others_are_finished_and_kept(on_sample, counted, tmp_path, workers):
    good = replace(TINY, batch_size=5)
    study = Study("failing", "?", {"good": good, "Bad one": FAILING, "later": TINY}, seeds=2)
    with pytest.raises(StudyError) as raised:
        run_study(study, tmp_path, workers=workers, progress=False)
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert sorted(re.sub("(diverged).*", r"\1", line) for line in lines[:2]) == [
        f"the run 'Bad one' with seed {seed} failed: DivergenceError: training diverged" for seed in range(2)
    ]
    assert lines[2] == "What had finished is kept. Mend the cause and give the same command again."
    kept = times(tmp_path)
    assert sorted(kept) == sorted(f"{recipe.digest}-seed{seed}.json" for recipe in (good, TINY) for seed in range(2))
    mended = replace(study, recipes={"good": good, "Bad one": replace(TINY, batch_size=20), "later": TINY})
    counted.clear()
    records = run_study(mended, tmp_path, progress=False)
    assert len(records) == 6
    assert len(counted) == 2
    assert {name: times(tmp_path)[name] for name in kept} == kept


class CannotCross(Exception):
    """An error that cannot be unpickled: it takes more arguments than it keeps."""

    def __init__(self, message, history):
        super().__init__(f"{message}: {history}")


def test_an_error_that_cannot_be_unpickled_crosses_as_text(monkeypatch):
    def fails(recipe, seed, measures, kept):
        raise CannotCross("no luck", seed)

    monkeypatch.setattr(engine, "run_recipe", fails)
    task = Task("plain", TINY, 0, ("test",))
    assert pickle.loads(pickle.dumps(engine._attempt(task, None))) == (task, "CannotCross: no luck: 0")


def test_many_failures_are_counted(monkeypatch, tmp_path, capsys):
    def fails(recipe, seed, measures, kept):
        raise MemoryError("too little")

    monkeypatch.setattr(engine, "run_recipe", fails)
    for seeds, n_lines, last in ((5, 6, "seed 4 failed"), (7, 7, "... and 2 more")):
        with pytest.raises(StudyError) as raised:
            run_study(replace(STUDY, recipes={"plain": TINY}), tmp_path, seeds=seeds, progress=True)
        lines = str(raised.value).splitlines()
        assert len(lines) == n_lines
        assert lines[0] == "the run 'plain' with seed 0 failed: MemoryError: too little"
        assert last in lines[-2]
        shown = capsys.readouterr().err
        assert f"{seeds}/{seeds}" in shown
        assert f"{seeds} failed" in shown


def test_a_run_whose_record_is_not_whole_has_failed(on_sample, monkeypatch, tmp_path):
    def odd(recipe, seed, measures, kept):
        run = run_recipe(recipe, seed, measures, kept)
        return replace(run, record={**run.record, "result": {**run.record["result"], "probe_cost": float("nan")}})

    monkeypatch.setattr(engine, "run_recipe", odd)
    with pytest.raises(StudyError, match="the run 'plain' with seed 0 failed: ValueError: probe_cost must be a finite"):
        run_study(STUDY, tmp_path, seeds=1, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_no_record_without_its_network(on_sample, monkeypatch, tmp_path):
    written = []

    def full(path, content):
        written.append(path.suffix)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(engine, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        run_study(STUDY, tmp_path, seeds=1, progress=False)
    assert written == [".npz"]
    assert not list(tmp_path.iterdir())


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

    killed, whole = (tmp_path / name / "build" / "studies-on-the-sample" / "runs" for name in ("killed", "whole"))
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
    with pytest.raises(StudyError, match=f"no Dask scheduler answers at '{address}': "):
        run_study(STUDY, tmp_path, dask=address, progress=False)
