"""Recorded results: saved, loaded, read, and refused where they are damaged or another study's."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tiny_studies import TINY, made_up

from mnist_scratch.experiments import Mean, Results, best_network, load_results, results
from mnist_scratch.experiments.engine import Task
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.experiments.records import check_record
from mnist_scratch.metrics import mean_interval
from mnist_scratch.network import Network


def test_results_are_saved_and_loaded(tmp_path):
    study, records = made_up()
    file = results.save_results(study, records, tmp_path / "new")
    assert file == tmp_path / "new" / "made-up.json"
    loaded = load_results("made-up", file.parent)
    assert (loaded.name, loaded.question) == ("made-up", "Is it so?")
    assert loaded.command == "python -m mnist_scratch study made-up"
    assert {name: Recipe.from_dict(recipe) for name, recipe in loaded.recipes.items()} == study.recipes
    assert [run | {"recipe": loaded.recipes[run["name"]]} for run in loaded.runs] == records
    before = file.read_bytes()
    results.save_results(study, records, file.parent)
    assert file.read_bytes() == before
    assert len(before.splitlines()) == 1 + 3 + 4 + 2 + 6 + 1  # a run a line: a change of one is seen as one
    assert [path.name for path in file.parent.iterdir()] == ["made-up.json"]


def test_results_give_accuracies_and_means(tmp_path):
    study, records = made_up()
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    for on in ("test", "validation"):
        counts = np.array([record["result"][f"{on}_confusion"] for record in records[3:]])
        np.testing.assert_array_equal(loaded.confusions("wide, 2", on), counts)
        expected = [sum(matrix[d][d] for d in range(10)) / matrix.sum() for matrix in counts]
        np.testing.assert_allclose(loaded.accuracies("wide, 2", on), expected)
        digits = [[matrix[d][d] / matrix[d].sum() for d in range(10)] for matrix in counts]
        np.testing.assert_allclose(loaded.digit_accuracies("wide, 2", on), digits)
        mean = loaded.mean("wide, 2", on)
        assert (mean.mean, mean.low, mean.high) == mean_interval(expected)
        assert mean.seeds == 3
        assert loaded.summary("wide, 2", on) == str(mean)
    assert loaded.seconds("wide, 2") == max(record["seconds"] for record in records[3:])
    assert [run["seed"] for run in loaded.of("plain")] == [0, 1, 2]
    assert {run["name"] for run in loaded.of("plain")} == {"plain"}


def test_a_mean_and_a_single_run_in_words(tmp_path):
    assert str(Mean(0.93214, 0.9312, 0.93316, 100)) == "93.21% (93.12% to 93.32%, 100 seeds)"
    study, records = made_up(seeds=1)
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    assert loaded.summary("plain") == f"{loaded.accuracies('plain')[0]:.2%} (1 seed)"
    with pytest.raises(ValueError, match=r"recipe 'plain' has a single run; an interval needs at least two"):
        loaded.mean("plain")
    study, records = made_up(seeds=2)
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    assert loaded.summary("plain") == str(loaded.mean("plain"))


def test_what_is_not_in_the_results_is_named(tmp_path):
    study, records = made_up()
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    with pytest.raises(KeyError, match=r"study 'made-up' has no recipe 'deep'; it has plain, wide, 2"):
        loaded.of("deep")
    with pytest.raises(
        KeyError, match=r"did not measure 'rotated_test' of 'plain' with seed 0; it measured test, valid"
    ):
        loaded.confusions("plain", "rotated_test")
    with pytest.raises(FileNotFoundError, match=r"no recorded results of a study 'other' in .*; there are: made-up"):
        load_results("other", tmp_path)
    with pytest.raises(FileNotFoundError, match="there are: none"):
        load_results("other", tmp_path / "nowhere")


@pytest.mark.parametrize("read", ["of", "confusions", "accuracies", "digit_accuracies", "mean", "summary", "seconds"])
@pytest.mark.parametrize("recipe", [None, 0, ["plain"], np.array(["plain"])])
def test_what_is_no_name_is_refused(tmp_path, read, recipe):
    study, records = made_up()
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    with pytest.raises(TypeError, match="recipe must be the name of one"):
        getattr(loaded, read)(recipe)
    if read not in ("of", "seconds"):
        with pytest.raises(TypeError, match="on must be the name of a measure"):
            getattr(loaded, read)("plain", recipe)


@pytest.mark.parametrize("name", [None, 3, ["paper"]])
def test_a_study_is_named_by_text(tmp_path, name):
    with pytest.raises(TypeError, match="name must be the name of a study"):
        load_results(name)
    with pytest.raises(TypeError, match="folder must be the path of a folder"):
        load_results("paper", name)


def test_a_name_is_no_way_to_other_folders(tmp_path):
    study, records = made_up()
    results.save_results(study, records, tmp_path)
    (tmp_path / "inside").mkdir()
    for name in ("../made-up", "", ".", "*", "made-up.json"):
        with pytest.raises(FileNotFoundError, match="no recorded results of a study"):
            load_results(name, tmp_path / "inside")
    assert load_results("made-up", str(tmp_path)).name == "made-up"


def test_runs_come_by_seed_whatever_their_order(tmp_path):
    study, records = made_up()
    loaded = load_results("made-up", results.save_results(study, records[::-1], tmp_path).parent)
    assert [run["seed"] for run in loaded.of("plain")] == [0, 1, 2]
    assert loaded.seconds("plain") == max(record["seconds"] for record in records[:3])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"study": "made-up"}', '{"runs": []}', "[" * 100_000])
def test_a_damaged_file_of_results_is_named(tmp_path, text):
    (tmp_path / "made-up.json").write_text(text)
    with pytest.raises(ValueError, match=r"made-up\.json is not a study's record, or it is damaged"):
        load_results("made-up", tmp_path)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "made-up.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"made-up\.json is not a study's record, or it is damaged"):
        load_results("made-up", tmp_path)


RAGGED = [[1] * 10] * 9 + [[1] * 9]
DAMAGE_OF_A_RUN = {
    "no dict": (None, None, "must be a dict"),
    "no seed": ("seed", ..., "no 'seed'"),
    "no versions": ("versions", ..., "no 'versions'"),
    "no cores": ("cores", ..., "no 'cores'"),
    "no data": ("data", ..., "no 'data'"),
    "no result": ("result", ..., "no 'result'"),
    "no seconds": ("seconds", ..., "no 'seconds'"),
    "seed text": ("seed", "0", "seed must be a whole number"),
    "seed half": ("seed", 0.5, "seed must be a whole number"),
    "seed true": ("seed", True, "seed must be a whole number"),
    "seed negative": ("seed", -1, "seed must be a whole number"),
    "other data": ("data", "some", "data must be 'full' or 'sample'"),
    "versions text": ("versions", "2.0", "versions must be a dict"),
    "seconds text": ("seconds", "3", "seconds must be a finite number"),
    "seconds negative": ("seconds", -3, "seconds must be a finite number"),
    "seconds NaN": ("seconds", math.nan, "seconds must be a finite number"),
    "result list": ("result", [], "result must be a dict"),
    "no probe": ("probe_cost", ..., "no 'probe_cost'"),
    "no train cost": ("train_cost", ..., "no 'train_cost'"),
    "no test": ("test_confusion", ..., "no 'test_confusion'"),
    "probe NaN": ("probe_cost", math.nan, "probe_cost must be a finite number"),
    "probe true": ("probe_cost", True, "probe_cost must be a finite number"),
    "cost infinite": ("test_cost", math.inf, "test_cost must be a finite number"),
    "train cost empty": ("train_cost", [], "train_cost must be a list"),
    "train cost no list": ("train_cost", 0.5, "train_cost must be a list"),
    "train cost NaN": ("train_cost", [0.5, math.nan], "train_cost must be a finite number"),
    "matrix text": ("test_confusion", "many", "test_confusion must be 10 rows of 10 counts"),
    "matrix small": ("test_confusion", [[1, 2], [3, 4]], "test_confusion must be 10 rows of 10 counts"),
    "matrix ragged": ("test_confusion", RAGGED, "test_confusion must be 10 rows of 10 counts"),
    "matrix negative": ("test_confusion", [[-1] * 10] * 10, "test_confusion must be 10 rows of 10 counts"),
    "matrix floats": ("test_confusion", [[1.0] * 10] * 10, "test_confusion must be 10 rows of 10 counts"),
    "matrix true": ("test_confusion", [[True] * 10] * 10, "test_confusion must be 10 rows of 10 counts"),
    "no threes": ("validation_confusion", [[1] * 10] * 9 + [[0] * 10], "validation_confusion must be .* each digit"),
}


@pytest.mark.parametrize(("key", "value", "message"), DAMAGE_OF_A_RUN.values(), ids=DAMAGE_OF_A_RUN)
def test_a_damaged_run_is_named(tmp_path, key, value, message):
    study, records = made_up()
    file = results.save_results(study, records, tmp_path)
    content = json.loads(file.read_text())
    run = content["runs"][4]
    part = run if key in run or key is None else run["result"]
    if key is None:
        content["runs"][4] = "a run"
    elif value is ...:
        del part[key]
    else:
        part[key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"made-up\.json is not a study's record.*run 4.*{message}"):
        load_results("made-up", tmp_path)
    with pytest.raises(ValueError, match=message):
        check_record(content["runs"][4])


def test_the_smallest_record_is_whole():
    one_each = np.ones((10, 10), dtype=int).tolist()
    result = {"probe_cost": 0, "train_cost": [0.5], "test_confusion": one_each}
    whole = {"seed": 0, "versions": {}, "cores": None, "data": "sample", "result": result, "seconds": 0}
    assert check_record(whole) is whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "other"}, "it holds the study 'other'"),
        ({"question": 3}, "question must be text; it is 3"),
        ({"command": None}, "command must be text; it is None"),
        ({"recipes": ["plain", "wide, 2"]}, "recipes must be a dict of fields"),
        ({"recipes": {"plain": 1, "wide, 2": {}}}, "recipes must be a dict of fields"),
        ({"recipes": {}}, "there must be a recipe at least"),
        ({"recipes": {"plain": {}}}, "run 3 is of 'wide, 2', which is none of the recipes"),
        ({"recipes": {"plain": {}, "wide, 2": {}, "deep": {}}}, r"'plain' has the seeds \[0, 1, 2\], 'deep' has \[\]"),
        ({"runs": {}}, "and a list of runs"),
        ({"runs": []}, r"'plain' has the seeds \[\], 'plain' has \[\]"),
    ],
)
def test_a_file_of_results_that_does_not_fit_together_is_refused(tmp_path, change, message):
    study, records = made_up()
    file = results.save_results(study, records, tmp_path)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        load_results("made-up", tmp_path)


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda runs: runs[:5], r"'plain' has the seeds \[0, 1, 2\], 'wide, 2' has \[0, 1\]"),
        (lambda runs: [*runs, runs[0]], r"'plain' has the seeds \[0, 0, 1, 2\], 'plain' has \[0, 0, 1, 2\]"),
        (lambda runs: [*runs[:5], {**runs[5], "seed": 3}], r"'wide, 2' has \[0, 1, 3\]"),
        (lambda runs: [*runs[:5], {**runs[5], "name": None}], "run 5 is of None, which is none of the recipes"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(pick, message):
    """Gains are taken seed by seed: a recipe with other seeds would be paired wrongly, and in silence."""
    study, records = made_up()
    recipes = {name: recipe.as_dict() for name, recipe in study.recipes.items()}
    with pytest.raises(ValueError, match=message):
        Results("made-up", "?", "c", recipes, pick(records))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "deep"}, "records must be of the study 'made-up'; one is of 'deep'"),
        ({"recipe": {"epochs": 9}}, "one is of 'plain', with the recipe {'epochs': 9}"),
        ({"recipe": None}, "one is of 'plain', with the recipe None"),
        ({"seconds": math.nan}, "seconds must be a finite number"),
    ],
)
def test_records_of_another_study_are_not_saved(tmp_path, change, message):
    study, records = made_up()
    with pytest.raises(ValueError, match=message):
        results.save_results(study, [{**records[0], **change}, *records[1:]], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty folder in the place of the package's recorded results."""
    folder = tmp_path / "package"
    monkeypatch.setattr(results, "FOLDER", folder)
    monkeypatch.setattr(results, "BEST", folder / "best.npz")
    monkeypatch.setattr(results.load_results, "__defaults__", (folder,))
    folder.mkdir()
    return folder


def test_recording_takes_seed_0s_network_where_it_ships(package, tmp_path):
    study, records = made_up()
    study = replace(study, ships_best=True)
    networks = [Network.from_sizes(TINY.sizes, seed=seed) for seed in range(2)]
    for seed, network in enumerate(networks):
        network.save(Task("plain", TINY, seed, study.measures).file(tmp_path, ".npz"))
    results.record(study, records, tmp_path)
    assert load_results("made-up").runs == load_results("made-up", package).runs
    for shipped, trained in zip(best_network().layers, networks[0].layers, strict=True):
        np.testing.assert_array_equal(shipped.weights, trained.weights.astype(np.float16))  # of half the size
        assert not np.array_equal(shipped.weights, networks[1].layers[0].weights)


def test_recording_other_studies_leaves_the_best_network_alone(package, tmp_path):
    (package / "best.npz").write_bytes(b"as it was")
    results.record(*made_up(), tmp_path)
    assert (package / "best.npz").read_bytes() == b"as it was"
    assert (package / "made-up.json").is_file()


@pytest.mark.parametrize(
    ("pick", "message"),
    [
        (lambda records: records[1:], "made-up has 6 runs; these are 5"),
        (lambda records: [*records[:5], records[4]], "made-up has 6 runs; these are 6"),
        (lambda records: [*records[:5], {**records[5], "data": "sample"}], "on the data: full, sample"),
        (lambda records: [*records[:5], {**records[5], "data": None}], "on the data: None, full"),
        (lambda records: [], "these are 0, on the data: "),
    ],
)
def test_what_is_not_the_whole_study_on_the_full_data_is_not_recorded(package, tmp_path, pick, message):
    study, records = made_up()
    with pytest.raises(ValueError, match=message):
        results.record(study, pick(records), tmp_path)
    assert not list(package.iterdir())
