"""Recipes, their runs and the recorded results. The engine that makes many runs has test_experiments_engine.py."""

import json
import re
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from mnist_scratch.__main__ import main
from mnist_scratch.augmentation import RandomDeformation, RandomRotation, center, deskew, rotate, shift
from mnist_scratch.costs import CrossEntropy, SquaredError
from mnist_scratch.course import checkout
from mnist_scratch.datasets import load_mnist
from mnist_scratch.experiments import Mean, averaged_outputs, best_network, load_results, recipes, results
from mnist_scratch.experiments.engine import Study, StudyError
from mnist_scratch.experiments.recipes import PICTURES, PROBE, SCALES, Recipe, probe, run
from mnist_scratch.experiments.studies import STUDIES
from mnist_scratch.metrics import accuracy, confusion_matrix, mean_interval
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import flatten, one_hot, preprocess, standardize, to_float
from mnist_scratch.training import cosine

TINY = Recipe(sizes=(784, 8, 10), batch_size=50, n_train=300)


@pytest.fixture(scope="module")
def sample():
    return load_mnist("sample")


def use(data, monkeypatch):
    """Have recipes run on these data."""
    recipes._pictures.cache_clear()
    monkeypatch.setattr(recipes, "_data", lambda: data)


@pytest.fixture
def on_sample(sample, monkeypatch):
    """Run on the offline sample: quick, and the same everywhere."""
    use(sample, monkeypatch)
    yield sample
    recipes._pictures.cache_clear()


# Recipes


EVERY_RECIPE = [(study.name, name, recipe) for study in STUDIES.values() for name, recipe in study.recipes.items()]


@pytest.mark.parametrize("recipe", [pytest.param(r, id=f"{study}: {name}") for study, name, r in EVERY_RECIPE])
def test_a_recipe_survives_the_way_through_json(recipe):
    as_dict = recipe.as_dict()
    assert json.loads(json.dumps(as_dict)) == as_dict  # or no finished run would be recognised
    assert Recipe.from_dict(json.loads(json.dumps(as_dict))) == recipe


def test_as_dict_holds_what_differs_from_the_paper():
    assert Recipe().as_dict() == {}
    given = {"sizes": [784, 5, 10], "rotation": [-3.0, 4.0], "epochs": 2, "falling": True}
    assert Recipe((784, 5, 10), rotation=(-3.0, 4.0), epochs=2, falling=True).as_dict() == given


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"pictures": "skewed"}, ValueError, "pictures must be one of as they are, deskewed, .*; they are 'skewed'"),
        ({"scale": "log"}, ValueError, "scale one of raw, unit, standardized, each pixel; .*'log'"),
        ({"rotation": (0.0, 9.0), "deformation": {"shift": 1.0}}, ValueError, "a rotation or a deformation, not both"),
        ({"rotation": (0.0, 9.0), "scale": "unit"}, ValueError, "must be 'standardized' where images are augmented"),
        ({"rotation": (9.0, 0.0)}, ValueError, "low <= high"),
        ({"deformation": {"shift": -1.0}}, ValueError, "shift must be a number from 0 to 1,000,000"),
        ({"deformation": {"stretch": 1.0}}, TypeError, "stretch"),
        ({"averaged": True, "scale": "unit"}, ValueError, "scale must be 'standardized' where outputs are averaged"),
        ({"warm_up": 1.0}, ValueError, "warm_up must be from 0 to below 1; it is 1.0"),
        ({"warm_up": -0.1}, ValueError, "warm_up must be from 0 to below 1; it is -0.1"),
        ({"n_train": 0}, ValueError, "n_train must be 1 or more; it is 0"),
        ({"n_train": -5}, ValueError, "n_train must be 1 or more; it is -5"),
        ({"hidden": 3}, TypeError, "hidden"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        Recipe.from_dict(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activation": "step"}, "activation must be one of .*'step'"),
        ({"cost": "hinge"}, "cost must be one of .*'hinge'"),
        ({"sizes": (784,)}, "sizes must name inputs and outputs"),
        ({"sizes": (100, 10)}, "rows of 100 numbers"),
        ({"epochs": 0}, "epochs must be a whole number above 0"),
        ({"batch_size": 0}, "batch_size must be a whole number above 0"),
        ({"learning_rate": -1.0}, "learning_rate must be finite and above 0"),
        ({"momentum": 1.5}, "momentum must be from 0 to below 1"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more"),
    ],
)
def test_a_run_that_cannot_be_is_refused(on_sample, given, message):
    with pytest.raises(ValueError, match=message):
        run(replace(TINY, **given), 0)


# What each field does

CHECKS = {}


def changes(field, value, base=TINY):
    """Register a check of what a run with this value does."""

    def register(check):
        CHECKS.setdefault(field, []).append((replace(base, **{field: value}), check))
        return check

    return register


def watched_run(recipe, monkeypatch):
    """Run a recipe, and return what was trained on, how, and what came."""
    calls = []

    def spy(network, images, labels, **options):
        calls.append(SimpleNamespace(network=network, images=images, labels=labels, options=options))
        return train(network, images, labels, **options)

    train = recipes.train
    monkeypatch.setattr(recipes, "train", spy)
    record = run(recipe, 4).record
    monkeypatch.setattr(recipes, "train", train)
    probed, trained = calls
    assert [call.options["seed"] for call in calls] == [4, 4]
    assert (probed.options["epochs"], len(probed.images)) == (1, min(PROBE, len(trained.images)))
    return trained, record["result"]


def was_measured_on(call, result, rows, labels, name="test"):
    """Whether the network was measured on just these rows."""
    expected = confusion_matrix(labels, call.network.predict(rows)).tolist()
    cost = call.network.mean_cost(rows, one_hot(labels))
    return result[f"{name}_confusion"] == expected and result[f"{name}_cost"] == pytest.approx(cost, rel=1e-5)


@changes("sizes", (784, 6, 5, 10))
def _(call, result, data):
    assert [layer.weights.shape for layer in call.network.layers] == [(784, 6), (6, 5), (5, 10)]


@changes("activation", "relu")
def _(call, result, data):
    assert [layer.activation for layer in call.network.layers] == ["relu", "sigmoid"]


@changes("output", "softmax")
def _(call, result, data):
    assert [layer.activation for layer in call.network.layers] == ["sigmoid", "softmax"]
    assert isinstance(call.network.cost, SquaredError)


def stages(recipe, monkeypatch):
    """Return what each call of train was given, the probe's left out."""
    calls = []

    def spy(network, images, labels, **options):
        calls.append(options)
        return train(network, images, labels, **options)

    train = recipes.train
    monkeypatch.setattr(recipes, "train", spy)
    result = run(recipe, 4).record["result"]
    return calls[1:], result


def test_settling_follows_the_epochs_with_half_the_deformation(on_sample, monkeypatch):
    first = {"rotation": 8.0, "alpha": 20.0, "sigma": 4.0, "sigma_max": 6.0}
    recipe = replace(TINY, deformation=first, epochs=2, settle_epochs=3)
    (main_part, settling), result = stages(recipe, monkeypatch)
    assert (main_part["epochs"], settling["epochs"]) == (2, 3)
    assert (main_part["schedule"], settling["schedule"]) == (None, recipes.cosine)
    assert settling["learning_rate"] == pytest.approx(0.4 * main_part["learning_rate"])
    assert settling["seed"] != main_part["seed"]  # other warps, in another order
    assert len(result["train_cost"]) == 5
    half = {"rotation": 4, "alpha": 10, "sigma": 4, "sigma_max": 6}
    assert repr(main_part["augment"]) == repr(recipe.augmentation)
    assert repr(settling["augment"]) == repr(replace(recipe, deformation=half).augmentation)


def test_again_repeats_full_deformations_and_the_settling(on_sample, monkeypatch):
    recipe = replace(TINY, deformation={"rotation": 8.0}, epochs=2, settle_epochs=3, again_epochs=4)
    calls, result = stages(recipe, monkeypatch)
    assert [call["epochs"] for call in calls] == [2, 3, 4, 3]
    assert [call["augment"].rotation for call in calls] == [8, 4, 8, 4]
    assert [call["learning_rate"] / recipe.learning_rate for call in calls] == pytest.approx([1, 0.4, 0.4, 0.4])
    assert len({call["seed"] for call in calls}) == 4
    assert len(result["train_cost"]) == 12


@changes("cost", "cross_entropy")
def _(call, result, data):
    assert isinstance(call.network.cost, CrossEntropy)


@changes("pictures", "as they are")
def _(call, result, data):
    np.testing.assert_array_equal(call.images, preprocess(data.train.images[:300]))
    np.testing.assert_array_equal(call.labels, data.train.labels[:300])
    assert was_measured_on(call, result, preprocess(data.test.images), data.test.labels)


@changes("pictures", "deskewed")
def _(call, result, data):
    np.testing.assert_array_equal(call.images, preprocess(deskew(data.train.images[:300])))
    assert was_measured_on(call, result, preprocess(deskew(data.test.images)), data.test.labels)


@changes("pictures", "moved")
def _(call, result, data):
    moved = call.images.reshape(-1, 28, 28)
    ways = [(down, right) for down in range(-4, 5) for right in range(-4, 5)]
    used = set()
    for k in range(300):
        shifted = [preprocess(shift(data.train.images[k : k + 1], *way)).reshape(28, 28) for way in ways]
        (way, *_) = [way for way, image in zip(ways, shifted, strict=True) if np.array_equal(image, moved[k])]
        used.add(way)
    assert len(used) > 60  # of 81 ways


@changes("pictures", "moved back")
def _(call, result, data):
    centred = preprocess(center(data.train.images[:300])).reshape(-1, 28, 28)
    back = call.images.reshape(-1, 28, 28)
    same = (back == centred).all(axis=(1, 2))
    ink = [pictures[:300].sum(axis=(1, 2)) for pictures in (data.train.images, PICTURES["moved"](data.train.images))]
    kept = ink[0] == ink[1]  # the others lost some over the edge, and with it their centre
    assert kept.mean() > 0.5
    assert same[kept].all()
    assert not np.array_equal(back, preprocess(data.train.images[:300]).reshape(-1, 28, 28))


@changes("scale", "raw", replace(TINY, learning_rate=0.001))
def _(call, result, data):
    np.testing.assert_array_equal(call.images, data.train.images[:300].reshape(300, 784))
    assert was_measured_on(call, result, data.test.images.reshape(-1, 784), data.test.labels)


@changes("scale", "unit")
def _(call, result, data):
    np.testing.assert_array_equal(call.images, flatten(to_float(data.train.images[:300])))
    assert was_measured_on(call, result, flatten(to_float(data.test.images)), data.test.labels)


@changes("scale", "each pixel")
def _(call, result, data):
    floats = to_float(data.train.images[:300]).astype(np.float64)
    mean, std = floats.mean(axis=0), floats.std(axis=0)
    std[std == 0] = 1
    np.testing.assert_allclose(call.images, ((floats - mean) / std).reshape(300, 784), atol=1e-3)
    tests = standardize(to_float(data.test.images).astype(np.float64), mean, std)  # by the training images' own
    predictions = call.network.predict(flatten(tests))
    differing = np.abs(confusion_matrix(data.test.labels, predictions) - result["test_confusion"]).sum()
    assert differing <= 4  # rounding may tip an image whose two best outputs are equal


@changes("rotation", (-20.0, 30.0))
def _(call, result, data):
    assert isinstance(call.options["augment"], RandomRotation)
    assert (call.options["augment"].low, call.options["augment"].high) == (-20, 30)
    np.testing.assert_array_equal(call.images, data.train.images[:300])
    assert was_measured_on(call, result, preprocess(data.test.images), data.test.labels)


@changes("deformation", {"shear": 0.2, "alpha": 9.0})
def _(call, result, data):
    assert repr(call.options["augment"]) == repr(RandomDeformation(0, 0, 0.2, 0, 9, 5))
    assert was_measured_on(call, result, preprocess(data.test.images), data.test.labels)


@changes("epochs", 3)
def _(call, result, data):
    assert call.options["epochs"] == 3
    assert len(result["train_cost"]) == 3


@changes("batch_size", 7)
def _(call, result, data):
    assert call.options["batch_size"] == 7


@changes("learning_rate", 0.125)
def _(call, result, data):
    assert call.options["learning_rate"] == 0.125


@changes("momentum", 0.5)
def _(call, result, data):
    assert call.options["momentum"] == 0.5


@changes("falling", True)
def _(call, result, data):
    assert call.options["schedule"] is cosine


@changes("warm_up", 0.5)
def _(call, result, data):
    schedule = call.options["schedule"]
    assert [schedule(progress) for progress in (0, 0.25, 0.5, 0.75, 1)] == [0, 0.5, 1, 1, 1]


@changes("warm_up", 0.5, replace(TINY, falling=True))
def _(call, result, data):
    schedule = call.options["schedule"]
    assert schedule(0.25) == 0.5 * cosine(0.25)
    assert schedule(0.75) == cosine(0.75)


@changes("weight_decay", 0.01)
def _(call, result, data):
    assert call.options["weight_decay"] == 0.01


@changes("validate", True, replace(TINY, n_train=None))
def _(call, result, data):
    held_out = len(data.train.labels) // 12
    assert len(call.images) == len(call.labels) == len(data.train.labels) - held_out
    last = data.train.images[-held_out:], data.train.labels[-held_out:]
    assert was_measured_on(call, result, preprocess(last[0]), last[1], "validation")
    assert was_measured_on(call, result, preprocess(data.test.images), data.test.labels)


@changes("validate", True, replace(TINY, n_train=None, pictures="deskewed"))
def _(call, result, data):
    held_out = len(data.train.labels) // 12
    rows = preprocess(deskew(data.train.images[-held_out:]))
    assert was_measured_on(call, result, rows, data.train.labels[-held_out:], "validation")


@changes("rotated_test", True)
def _(call, result, data):
    angles = np.random.default_rng(90).uniform(0, 90, len(data.test.labels))
    rows = preprocess(rotate(data.test.images, angles))
    assert was_measured_on(call, result, rows, data.test.labels, "rotated_test")
    assert was_measured_on(call, result, preprocess(data.test.images), data.test.labels)


@changes("shifted_test", True)
def _(call, result, data):
    for name, columns in (("left", slice(3, 28)), ("right", slice(0, 25))):  # what is still to be seen
        moved = np.zeros_like(data.test.images)
        moved[:, :, slice(0, 25) if name == "left" else slice(3, 28)] = data.test.images[:, :, columns]
        assert was_measured_on(call, result, preprocess(moved), data.test.labels, f"shifted_{name}")
    assert was_measured_on(call, result, preprocess(data.test.images), data.test.labels)


@changes("averaged", True)
def _(call, result, data):
    predictions = averaged_outputs(call.network, data.test.images).argmax(axis=1)
    assert result["test_averaged_confusion"] == confusion_matrix(data.test.labels, predictions).tolist()
    assert result["test_averaged_confusion"] != result["test_confusion"]


@changes("n_train", 123)
def _(call, result, data):
    np.testing.assert_array_equal(call.images, preprocess(data.train.images[:123]))


@pytest.mark.parametrize(
    ("recipe", "check"),
    [pytest.param(*case, id=f"{field} {k}") for field, cases in CHECKS.items() for k, case in enumerate(cases)],
)
def test_each_field_does_what_it_says(on_sample, monkeypatch, recipe, check):
    check(*watched_run(recipe, monkeypatch), on_sample)


def test_every_field_and_every_way_of_preparing_has_such_a_test():
    assert set(CHECKS) | {"settle_epochs", "again_epochs"} == {field.name for field in fields(Recipe)}
    assert {recipe.pictures for recipe, _ in CHECKS["pictures"]} == set(PICTURES)
    assert {recipe.scale for recipe, _ in CHECKS["scale"]} == set(SCALES) - {"standardized"}


def test_what_a_recipe_does_not_ask_for_is_not_done(on_sample, monkeypatch):
    call, result = watched_run(TINY, monkeypatch)
    assert call.options == {
        "epochs": 1,
        "batch_size": 50,
        "learning_rate": 0.5,
        "momentum": 0.0,
        "schedule": None,
        "weight_decay": 0.0,
        "augment": None,
        "seed": 4,
        "progress": False,
        "ahead": False,
    }
    assert list(result) == ["probe_cost", "train_cost", "test_confusion", "test_cost"]


# Runs

FULL_OF_CHANCE = replace(TINY, deformation={"rotation": 5.0, "alpha": 9.0}, epochs=2, averaged=True, validate=True)


@pytest.mark.parametrize("recipe", [TINY, FULL_OF_CHANCE, replace(TINY, pictures="moved", rotated_test=True)])
def test_a_run_gives_the_same_record_each_time(on_sample, recipe):
    first, again, other = (run(recipe, seed) for seed in (3, 3, 5))
    for outcome in (first, again, other):
        seconds = outcome.record.pop("seconds")
        assert 0 <= seconds < 60
    assert first == again
    assert first.record["result"] != other.record["result"]


def test_a_record_says_what_was_run_and_on_what(on_sample):
    record = run(TINY, 3).record
    assert json.loads(json.dumps(record)) == record
    assert list(record) == ["recipe", "seed", "versions", "cores", "data", "result", "seconds"]
    assert Recipe.from_dict(record["recipe"]) == TINY
    assert record["seed"] == 3
    assert record["versions"]["numpy"] == np.__version__
    assert record["data"] == "sample"
    assert np.sum(record["result"]["test_confusion"]) == len(on_sample.test.labels)


def test_a_run_gives_its_network(on_sample, tmp_path):
    outcome = run(TINY, 0)
    (tmp_path / "weights.npz").write_bytes(outcome.weights)
    network = Network.load(tmp_path / "weights.npz")
    predictions = network.predict(preprocess(on_sample.test.images))
    assert outcome.record["result"]["test_confusion"] == confusion_matrix(on_sample.test.labels, predictions).tolist()


@pytest.mark.parametrize("recipe", [TINY, FULL_OF_CHANCE, replace(FULL_OF_CHANCE, n_train=None)])
def test_a_probe_repeats_the_slice_that_the_record_holds(on_sample, recipe):
    assert run(recipe, 2).record["result"]["probe_cost"] == pytest.approx(probe(recipe, 2), rel=1e-5)
    assert probe(recipe, 2) != probe(recipe, 3)


def test_a_probe_is_one_epoch_on_the_first_2000(on_sample):
    """With as many images and epochs as that, the run is its own probe."""
    result = run(replace(TINY, n_train=2000), 1).record["result"]
    assert result["train_cost"] == [result["probe_cost"]]
    assert run(replace(TINY, n_train=None, epochs=2), 1).record["result"]["probe_cost"] == result["probe_cost"]


@pytest.mark.parametrize("make", [run, probe])
def test_a_run_and_a_probe_use_one_thread(on_sample, monkeypatch, make):
    from threadpoolctl import threadpool_info, threadpool_limits

    seen = []

    def spy(*arguments, **options):
        seen.append([pool["num_threads"] for pool in threadpool_info()])
        return train(*arguments, **options)

    train = recipes.train
    monkeypatch.setattr(recipes, "train", spy)
    with threadpool_limits(limits=2):
        make(TINY, 0)
        threads = len(threadpool_info())
    assert seen == [[1] * threads] * (2 if make is run else 1)


# Averaged outputs


@pytest.fixture
def softmax_network(sample):
    network = Network.from_sizes((784, 20, 10), "relu", "softmax", "cross_entropy", seed=1)
    recipes.train(network, sample.train.images, sample.train.labels, learning_rate=0.1, progress=False)
    return network


def test_averaged_outputs_of_softmax_sum_to_1_and_are_the_same_each_time(softmax_network, sample):
    images = sample.test.images[:100]
    first, again = (averaged_outputs(softmax_network, images) for _ in range(2))
    assert first.shape == (100, 10)
    assert first.dtype == np.float32
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, averaged_outputs(softmax_network, images, seed=1))


def test_averaged_outputs_without_views_are_the_networks_own(softmax_network, sample):
    own = softmax_network.forward(preprocess(sample.test.images))
    np.testing.assert_allclose(averaged_outputs(softmax_network, sample.test.images, views=0), own, atol=1e-6)


def test_averaged_outputs_are_the_mean_over_the_image_and_its_warps(softmax_network, sample, monkeypatch):
    """With warps that the test knows: all are shifts, by one pixel more each time."""
    images = sample.test.images[:1003]  # more than one thousand at a time
    calls = []

    class Shifts:
        def __init__(self, **limits):
            assert max(limits["rotation"], 100 * limits["scale"], limits["alpha"] / 3) <= 9  # small ones

        def __call__(self, pictures, rng):
            calls.append(rng)
            return shift(pictures, 0, len(calls))

    monkeypatch.setattr(recipes, "RandomDeformation", Shifts)
    averaged = averaged_outputs(softmax_network, images, views=3)
    each = [softmax_network.forward(preprocess(shift(images, 0, k))) for k in range(4)]
    np.testing.assert_allclose(averaged, np.mean(each, axis=0), atol=1e-5)
    assert len(calls) == 3


# Results


def made_up(seeds=3, **more):
    """A study of two recipes and its records, with confusion matrices drawn at random."""
    study = Study("made-up", "Is it so?", {"plain": TINY, "wide, 2": replace(TINY, sizes=(784, 9, 10))}, seeds)
    rng = np.random.default_rng(0)
    records = [
        {
            "name": name,
            "recipe": recipe.as_dict(),
            "seed": seed,
            "versions": {"numpy": "2.0"},
            "cores": 2,
            "data": "full",
            "result": {
                f"{on}_confusion": (rng.integers(0, 9, (10, 10)) + 90 * np.eye(10, dtype=int)).tolist()
                for on in ("test", "validation")
            },
            "seconds": float(rng.integers(1, 99)),
        }
        for name, recipe in study.recipes.items()
        for seed in range(seeds)
    ]
    return study, records


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
    with pytest.raises(ValueError, match="at least two numbers"):
        loaded.mean("plain")
    study, records = made_up(seeds=2)
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    assert loaded.summary("plain") == str(loaded.mean("plain"))


def test_what_is_not_in_the_results_is_named(tmp_path):
    study, records = made_up()
    loaded = load_results("made-up", results.save_results(study, records, tmp_path).parent)
    with pytest.raises(KeyError, match=r"study 'made-up' has no recipe 'deep'; it has plain, wide, 2"):
        loaded.of("deep")
    with pytest.raises(KeyError, match="rotated_test"):
        loaded.confusions("plain", "rotated_test")
    with pytest.raises(FileNotFoundError, match=r"no recorded results of a study 'other' in .*; there are: made-up"):
        load_results("other", tmp_path)
    with pytest.raises(FileNotFoundError, match="there are: none"):
        load_results("other", tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"study": "made-up"}', '{"runs": []}'])
def test_a_damaged_file_of_results_is_named(tmp_path, text):
    (tmp_path / "made-up.json").write_text(text)
    with pytest.raises(ValueError, match=r"made-up\.json is not a study's record, or it is damaged"):
        load_results("made-up", tmp_path)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An empty folder in the place of the package's recorded results."""
    folder = tmp_path / "package"
    monkeypatch.setattr(results, "FOLDER", folder)
    monkeypatch.setattr(results, "BEST", folder / "best.npz")
    monkeypatch.setattr(results.load_results, "__defaults__", (folder,))
    folder.mkdir()
    return folder


def test_recording_takes_seed_0s_weights_where_they_are_kept(package, tmp_path):
    study, records = made_up()
    study = replace(study, keeps_weights=True)
    networks = [Network.from_sizes(TINY.sizes, seed=seed) for seed in range(2)]
    for seed, network in enumerate(networks):
        network.save(tmp_path / f"plain-seed{seed}.npz")
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


# The commands


def test_study_without_a_name_lists_them(capsys):
    assert main(["study"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(STUDIES)
    assert re.search(r"(?m)^paper +1 recipes x 100 seeds +How much", "\n".join(lines))


def test_an_unknown_study_is_named(capsys):
    assert main(["study", "papers"]) == 1
    err = capsys.readouterr().err
    assert "mnist_scratch study: there is no study 'papers'; there are paper, regime," in err
    with pytest.raises(StudyError):
        main(["--traceback", "study", "papers"])


@pytest.fixture
def tiny_studies(on_sample, package, tmp_path, monkeypatch):
    """Two tiny studies in a made-up checkout."""
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    studies = {
        "tiny": Study("tiny", "How tiny?", {"plain": TINY, "slow": replace(TINY, learning_rate=0.01)}, 2),
        "one": Study("one", "Is one enough?", {"one": TINY}, 1),
    }
    for name in list(STUDIES):
        monkeypatch.delitem(STUDIES, name)
    for name, study in studies.items():
        monkeypatch.setitem(STUDIES, name, study)
    full = replace(on_sample, source="full")
    use(full, monkeypatch)
    monkeypatch.setattr("mnist_scratch.__main__.load_mnist", lambda: full)
    return tmp_path / "build" / "studies"


def test_study_makes_its_runs_and_compares_them_with_the_record(tiny_studies, package, capsys):
    assert main(["study", "tiny", "--seeds", "1", "--workers", "1"]) == 0
    out, err = capsys.readouterr()
    assert sorted(path.name for path in (tiny_studies / "tiny").iterdir()) == ["plain-seed0.json", "slow-seed0.json"]
    came = load_results("tiny", tiny_studies)
    assert out.splitlines() == [
        "Data: the full MNIST, 4,000 training and 1,000 test images",  # the sample, posing as such
        "",
        "How tiny?",
        f"  {'plain':40} {came.summary('plain')}; recorded: nothing",
        f"  {'slow':40} {came.summary('slow')}; recorded: nothing",
    ]
    assert came.summary("plain").endswith("(1 seed)")
    assert "tiny: 100%" in err  # the progress bar
    assert not list(package.iterdir())

    finished = {path: path.stat().st_mtime_ns for path in (tiny_studies / "tiny").iterdir()}
    assert main(["study", "tiny", "--workers", "1", "--record"]) == 0
    assert f"Recorded in {package}" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    recorded = load_results("tiny")
    assert len(recorded.runs) == 4

    assert main(["study", "tiny", "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"  {'plain':40} {recorded.mean('plain')}; recorded: {recorded.mean('plain')}" in lines


def test_runs_on_the_sample_are_kept_apart_and_not_recorded(tiny_studies, package, on_sample, monkeypatch, capsys):
    use(on_sample, monkeypatch)
    monkeypatch.setattr("mnist_scratch.__main__.load_mnist", lambda: on_sample)
    assert main(["study", "tiny", "--workers", "1", "--record"]) == 1
    assert "only the whole study on the full data can be recorded" in capsys.readouterr().err
    assert not tiny_studies.exists()
    assert not list(package.iterdir())


def test_fewer_seeds_than_the_study_has_are_not_recorded(package, tmp_path):
    study, records = made_up()
    with pytest.raises(ValueError, match="made-up has 6 runs; these are 5"):
        results.record(study, records[1:], tmp_path)
    assert not list(package.iterdir())


def test_study_compares_with_a_record_of_other_recipes(tiny_studies, package, capsys):
    study, records = made_up()
    results.save_results(replace(study, name="tiny"), records, package)  # has "plain", but not "slow"
    assert main(["study", "tiny", "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert f"recorded: {load_results('tiny').mean('plain')}\n" in out
    assert re.search(r"slow .*; recorded: nothing\n", out)


def test_reproduce_makes_all_the_studies(tiny_studies, capsys):
    assert main(["reproduce", "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert out.index("How tiny?") < out.index("Is one enough?")
    assert sorted(path.name for path in tiny_studies.iterdir()) == ["one", "one.json", "tiny", "tiny.json"]


@pytest.mark.parametrize("bad", [["--seeds", "0"], ["--workers", "0"]])
def test_study_refuses_less_than_one(tiny_studies, capsys, bad):
    assert main(["study", "tiny", *bad]) == 1
    assert re.search(r"--(seeds|workers) must be a whole number from 1 to [\d,]+; it is 0", capsys.readouterr().err)


def test_evaluate_without_weights_takes_the_best_network(on_sample, package, monkeypatch, capsys):
    """With another network in its place: what is printed is that one's."""
    monkeypatch.setattr("mnist_scratch.__main__.load_mnist", lambda: on_sample)
    assert main(["evaluate"]) == 1
    assert "best.npz: No such file or directory" in capsys.readouterr().err
    network = Network.from_sizes((784, 20, 10), "relu", "softmax", "cross_entropy", seed=1)
    recipes.train(network, on_sample.train.images, on_sample.train.labels, learning_rate=0.1, progress=False)
    network.save(package / "best.npz")
    assert main(["evaluate"]) == 0
    out = capsys.readouterr().out
    labels, images = on_sample.test.labels, on_sample.test.images
    assert f"Test accuracy {accuracy(labels, network.predict(preprocess(images))):.2%}\n" in out
    averaged = accuracy(labels, averaged_outputs(network, images).argmax(axis=1))
    assert f"Outputs averaged over small warps of each image: {averaged:.2%}\n" in out


# The recorded results: they are these recipes', whole, and a slice of each comes out again

RECORDED = sorted(path.stem for path in results.FOLDER.glob("*.json"))


def test_every_study_is_recorded_and_nothing_else():
    assert set(RECORDED) == set(STUDIES)


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_of_todays_recipes_and_whole(name):
    study, recorded = STUDIES[name], load_results(name)
    assert (recorded.name, recorded.question) == (study.name, study.question)
    assert {recipe: Recipe.from_dict(given) for recipe, given in recorded.recipes.items()} == study.recipes
    expected = [(recipe, seed) for recipe in study.recipes for seed in range(study.seeds)]
    assert [(run["name"], run["seed"]) for run in recorded.runs] == expected
    assert {run["data"] for run in recorded.runs} == {"full"}
    for record in recorded.runs:
        recipe = study.recipes[record["name"]]
        on = {"test", *(["validation"] if recipe.validate else []), *(["rotated_test"] if recipe.rotated_test else [])}
        on |= {"shifted_left", "shifted_right"} if recipe.shifted_test else set()
        on |= {f"{part}_averaged" for part in on} if recipe.averaged else set()
        assert {key for key in record["result"] if key.endswith("confusion")} == {f"{part}_confusion" for part in on}
        assert len(record["result"]["train_cost"]) == (
            recipe.epochs + recipe.again_epochs + recipe.settle_epochs * (2 if recipe.again_epochs else 1)
        )
        counted = {part: int(np.sum(record["result"][f"{part}_confusion"])) for part in on}
        assert counted == {part: 5_000 if part.startswith("validation") else 10_000 for part in on}
        assert {"python", "numpy"} <= set(record["versions"])
        assert record["cores"] >= 1
        assert record["seconds"] > 0


def is_calm(recipe):
    """Whether rounding stays rounding.

    Another processor adds up in another order. In most recipes this changes the cost in its last digits and leaves it
    there. Where single images are learnt at a high rate, or from raw pixels, it grows with each step, until the run is
    no nearer to its record than a run with another seed. Measured once, with seed 0 and the first weights changed by
    3e-7 of themselves: such probes moved by 3e-4 to 8e-2 of their cost, all others by less than 5e-5.
    """
    return recipe.scale != "raw" and (recipe.batch_size > 1 or recipe.falling or recipe.learning_rate < 0.5)


@pytest.fixture
def on_full(full_mnist, monkeypatch):
    use(full_mnist, monkeypatch)
    yield full_mnist
    recipes._pictures.cache_clear()


@pytest.mark.parametrize("name", RECORDED)
def test_the_probe_of_every_recipe_comes_out_again(on_full, name):
    recorded = load_results(name)
    for recipe_name, given in recorded.recipes.items():
        recipe = Recipe.from_dict(given)
        costs = np.array([run["result"]["probe_cost"] for run in recorded.of(recipe_name)])
        # A calm probe may differ by rounding alone. Of the others, one may be as far off as another seed's.
        # Four deviations of the difference of two seeds; of the others' spread, which a wrong seed 0 cannot widen.
        tolerance = 2e-3 * costs[0] if is_calm(recipe) else 4 * np.sqrt(2) * costs[1:].std(ddof=1)
        assert probe(recipe, 0) == pytest.approx(costs[0], abs=tolerance), recipe_name


def quickest(name):
    """The recipe of a study that is run again: the quickest, a calm one before others; None if all take 20 s or more.

    By the least that a seed took when it was recorded: other work may have held up the others.
    """
    recorded = load_results(name)
    seconds = {recipe: min(run["seconds"] for run in recorded.of(recipe)) for recipe in recorded.recipes}
    restless = {recipe: not is_calm(Recipe.from_dict(given)) for recipe, given in recorded.recipes.items()}
    quick = [recipe for recipe in seconds if seconds[recipe] < 20]
    return min(quick, key=lambda recipe: (restless[recipe], seconds[recipe]), default=None)


@pytest.mark.parametrize("name", [name for name in RECORDED if quickest(name)])
def test_a_whole_run_comes_out_again(on_full, name):
    recorded, recipe = load_results(name), quickest(name)
    accuracies = recorded.accuracies(recipe)
    again = run(Recipe.from_dict(recorded.recipes[recipe]), 0).record["result"]["test_confusion"]
    # Where the rate falls to 0, rounding changed three such runs by 0 to 7 of 10,000 images. Elsewhere it may change
    # one as much as another seed does: four deviations of the difference of two seeds, by the spread of those but 0.
    falling = recorded.recipes[recipe].get("falling", False)
    tolerance = 0.005 if falling else 4 * np.sqrt(2) * accuracies[1:].std(ddof=1)
    assert np.trace(again) / np.sum(again) == pytest.approx(accuracies[0], abs=tolerance), recipe


# The best network, as it ships. Needs results/best.npz and results/best.json: `study best --record` writes both


def test_the_shipped_weights_measure_what_the_record_says(full_mnist):
    recorded = load_results("best")
    (name,) = recorded.recipes
    recipe = Recipe.from_dict(recorded.recipes[name])
    labels, images = full_mnist.test.labels, PICTURES[recipe.pictures](full_mnist.test.images)
    network = best_network()
    measured = accuracy(labels, network.predict(preprocess(images)))
    # 3 images of 10,000: the weights ship with half as many digits, and another processor rounds in another way.
    assert measured == pytest.approx(recorded.accuracies(name)[0], abs=3e-4)
    assert recipe.averaged
    averaged = accuracy(labels, averaged_outputs(network, images).argmax(axis=1))
    assert averaged == pytest.approx(recorded.accuracies(name, "test_averaged")[0], abs=3e-4)


def test_evaluate_shows_the_best_networks_accuracy(full_mnist, capsys):
    """The command, as a reader gives it."""
    recorded = load_results("best")
    (name,) = recorded.recipes
    assert main(["evaluate"]) == 0
    (shown,) = re.findall(r"(?m)^Test accuracy ([\d.]+)%$", capsys.readouterr().out)
    assert float(shown) / 100 == pytest.approx(recorded.accuracies(name)[0], abs=3.5e-4)  # shown to two places


def test_the_shipped_weights_are_a_few_megabytes_and_of_the_records_recipe():
    recipe = Recipe.from_dict(*load_results("best").recipes.values())
    network = best_network()
    assert [layer.n_in for layer in network.layers] == list(recipe.sizes[:-1])
    assert [layer.activation for layer in network.layers] == [recipe.activation] * (len(recipe.sizes) - 2) + [
        recipe.output
    ]
    assert results.BEST.stat().st_size < 10e6
