"""Recipes: what they may say, and that a run does just that."""

import json
import math
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_studies import TINY, use

from mnist_scratch.augmentation import RandomDeformation, RandomRotation
from mnist_scratch.costs import CrossEntropy, SquaredError
from mnist_scratch.datasets import load_mnist
from mnist_scratch.experiments import inputs, runs
from mnist_scratch.experiments.inputs import PICTURES, SCALES
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.experiments.runs import PROBE, Run, probe, run_recipe
from mnist_scratch.experiments.studies import STUDIES
from mnist_scratch.metrics import confusion_matrix
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import center, deskew, flatten, one_hot, preprocess, shift, standardize, to_float
from mnist_scratch.training import DivergenceError, cosine


@pytest.fixture(scope="module")
def sample():
    return load_mnist("sample")


@pytest.fixture
def on_sample(sample, monkeypatch):
    """Run on the offline sample: quick, and the same everywhere."""
    use(sample, monkeypatch)
    yield sample
    inputs.training_pictures.cache_clear()


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


WRONG = {
    "whole": [("3", TypeError), (3.0, TypeError), (True, TypeError), (None, TypeError), (-1, ValueError)],
    "real": [
        ("0.1", TypeError),
        (True, TypeError),
        (None, TypeError),
        ([0.1], TypeError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (-0.1, ValueError),
    ],
    "text": [(None, TypeError), (3, TypeError), ("step", ValueError), ("", ValueError), ("Sigmoid", ValueError)],
    "flag": [(1, TypeError), ("yes", TypeError), (None, TypeError)],
}
KINDS = {
    "activation": "text",
    "output": "text",
    "cost": "text",
    "pictures": "text",
    "scale": "text",
    "epochs": "whole",
    "batch_size": "whole",
    "learning_rate": "real",
    "momentum": "real",
    "falling": "flag",
    "warm_up": "real",
    "weight_decay": "real",
    "settle_epochs": "whole",
    "again_epochs": "whole",
    "validate": "flag",
}
BAD = [(field, *wrong) for field, kind in KINDS.items() for wrong in WRONG[kind]] + [
    ("epochs", 0, ValueError),
    ("batch_size", 0, ValueError),
    ("learning_rate", 0, ValueError),
    ("momentum", 1, ValueError),
    ("warm_up", 1.0, ValueError),
    ("n_train", 0, ValueError),
    ("n_train", -5, ValueError),
    ("n_train", 5.0, TypeError),
    ("n_train", True, TypeError),
    ("sizes", 784, TypeError),
    ("sizes", "784", TypeError),
    ("sizes", (784, 30.0, 10), TypeError),
    ("sizes", (784, "30", 10), TypeError),
    ("sizes", (784, 0, 10), ValueError),
    ("sizes", (784, -3, 10), ValueError),
    ("sizes", (784,), ValueError),
    ("sizes", (), ValueError),
    ("sizes", (100, 10), ValueError),
    ("sizes", (784, 30), ValueError),
    ("rotation", 9.0, TypeError),
    ("rotation", (9.0,), TypeError),
    ("rotation", ("0", "9"), TypeError),
    ("rotation", (0.0, math.nan), ValueError),
    ("rotation", (9.0, 0.0), ValueError),
    ("deformation", 3.0, TypeError),
    ("deformation", {}, ValueError),
    ("deformation", {"shift": "1"}, TypeError),
    ("deformation", {"shift": math.nan}, ValueError),
    ("deformation", {"shift": -1.0}, ValueError),
    ("deformation", {"stretch": 1.0}, ValueError),
]


@pytest.mark.parametrize(("field", "value", "error"), BAD)
def test_a_field_that_cannot_be_is_refused_by_name(field, value, error):
    for make in (lambda: Recipe(**{field: value}), lambda: Recipe.from_dict({field: value})):
        with pytest.raises((TypeError, ValueError)) as raised:
            make()
        assert (next(iter(value)) if field == "deformation" and value == {"shift": -1.0} else field) in str(
            raised.value
        )


def test_every_field_was_tried_with_what_it_cannot_be():
    missing = {field.name for field in fields(Recipe)} - {field for field, *_ in BAD}
    assert not missing, f"say in KINDS, or in BAD, what these new fields of Recipe refuse: {', '.join(sorted(missing))}"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"pictures": "skewed"}, ValueError, "pictures must be one of as they are, deskewed, .*; it is 'skewed'"),
        ({"scale": "log"}, ValueError, "scale must be one of raw, unit, standardized, each pixel; it is 'log'"),
        ({"rotation": (0.0, 9.0), "deformation": {"shift": 1.0}}, ValueError, "a rotation or a deformation, not both"),
        ({"rotation": (0.0, 9.0), "scale": "unit"}, ValueError, "must be 'standardized' where images are augmented"),
        ({"deformation": {"shift": 1.0}, "scale": "raw"}, ValueError, "must be 'standardized' where images are augm"),
        ({"output": "relu", "cost": "cross_entropy"}, ValueError, "output must be softmax or sigmoid where cost"),
        ({"weight_decay": 2.0}, ValueError, "weight_decay times learning_rate must be below 1"),
        ({"hidden": 3}, TypeError, "a recipe has no field 'hidden'; it has sizes, activation, .*n_train"),
        ({"rotated_test": True}, TypeError, "a recipe has no field 'rotated_test'"),
        ({3: 3}, TypeError, "a recipe has no field 3"),
        ([("epochs", 3)], TypeError, "given must be a dict of fields"),
        (None, TypeError, "given must be a dict of fields; it is None"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        Recipe.from_dict(given)


def test_the_largest_decay_that_shrinks_weights_is_allowed():
    assert Recipe(weight_decay=1.99).weight_decay == 1.99
    assert Recipe(cost="cross_entropy", output="sigmoid").output == "sigmoid"


def test_one_recipe_has_one_form_however_it_is_written():
    """Lists, whole numbers for floats and NumPy's numbers: or a finished run would not be recognised."""
    written = Recipe([784, np.int64(5), 10], learning_rate=1, rotation=[np.float32(-5), 5], falling=np.bool_(True))
    same = Recipe((784, 5, 10), learning_rate=1.0, rotation=(-5.0, 5.0), falling=True)
    assert written == same
    assert json.dumps(written.as_dict()) == json.dumps(same.as_dict())
    assert (
        Recipe(deformation={"shift": 1, "alpha": 2}).digest == Recipe(deformation={"alpha": 2.0, "shift": 1.0}).digest
    )


def test_a_recipe_keeps_its_deformation_when_the_callers_dict_changes():
    given = {"shift": 1.0}
    recipe = Recipe(deformation=given)
    given["shift"] = 2.0
    assert recipe.deformation == {"shift": 1.0}


def test_different_recipes_have_different_digests():
    recipes = {json.dumps(recipe.as_dict(), sort_keys=True): recipe for _, _, recipe in EVERY_RECIPE}
    digests = {recipe.digest for recipe in recipes.values()}
    assert len(digests) == len(recipes)
    assert all(len(digest) == 12 and digest.isalnum() for digest in digests)
    assert Recipe().digest == "44136fa355b3"  # the name of files that are there: a change would make all runs again


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"recipe": {"epochs": 1}}, TypeError, "recipe must be a Recipe"),
        ({"recipe": "paper"}, TypeError, "recipe must be a Recipe"),
        ({"seed": "0"}, TypeError, "seed must be a whole number, 0 or more; it is '0'"),
        ({"seed": 1.0}, TypeError, "seed must be a whole number"),
        ({"seed": True}, TypeError, "seed must be a whole number"),
        ({"seed": -1}, ValueError, "seed must be a whole number, 0 or more; it is -1"),
        ({"measures": "test"}, TypeError, r"measures must be a tuple of names, as \('test',\); it is 'test'"),
        ({"measures": None}, TypeError, "measures must be a tuple of names"),
        ({"measures": ()}, ValueError, "measures must be at least one name"),
        ({"measures": ("test", "test")}, ValueError, "measures must be at least one name, and each once"),
        ({"measures": ("test", "tset")}, ValueError, "each of measures must be one of validation, .*; it is 'tset'"),
        ({"measures": (3,)}, TypeError, "each of measures must be one of"),
        ({"measures": ("validation",)}, ValueError, "must not have 'validation' where the recipe trains on those"),
        ({"measures": ("validation_averaged",)}, ValueError, "must not have 'validation'"),
        (
            {"measures": ("test_averaged",), "recipe": replace(TINY, scale="unit")},
            ValueError,
            "must not be averaged over warped images unless the recipe's scale is 'standardized'; it is 'unit'",
        ),
        ({"recipe": replace(TINY, n_train=4001)}, ValueError, "n_train must be at most 4,000, .*; it is 4,001"),
        (
            {"recipe": replace(TINY, n_train=3668, validate=True)},
            ValueError,
            "n_train must be at most 3,667, the training images there are",
        ),
    ],
)
def test_a_run_that_cannot_be_is_refused(on_sample, monkeypatch, arguments, error, message):
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained before all arguments were known"))
    with pytest.raises((TypeError, ValueError), match=message):
        run_recipe(**{"recipe": TINY, "seed": 0} | arguments)


# What each field does

CHECKS = {}


def changes(field, value, base=TINY):
    """Register a check of what a run with this value does."""

    def register(check):
        CHECKS.setdefault(field, []).append((replace(base, **{field: value}), check))
        return check

    return register


def watched_run(recipe, monkeypatch):
    """Run a recipe, and return what was trained on, how, and what was measured."""
    calls = []

    def spy(network, images, labels, **options):
        calls.append(SimpleNamespace(network=network, images=images, labels=labels, options=options))
        return train(network, images, labels, **options)

    train = runs.train
    monkeypatch.setattr(runs, "train", spy)
    record = run_recipe(recipe, 4, ("validation", "test") if recipe.validate else ("test",)).record
    monkeypatch.setattr(runs, "train", train)
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

    train = runs.train
    monkeypatch.setattr(runs, "train", spy)
    result = run_recipe(recipe, 4).record["result"]
    return calls[1:], result


def test_settling_follows_the_epochs_with_half_the_deformation(on_sample, monkeypatch):
    first = {"rotation": 8.0, "alpha": 20.0, "sigma": 4.0, "sigma_max": 6.0}
    recipe = replace(TINY, deformation=first, epochs=2, settle_epochs=3)
    (main_part, settling), result = stages(recipe, monkeypatch)
    assert (main_part["epochs"], settling["epochs"]) == (2, 3)
    assert (main_part["schedule"], settling["schedule"]) == (None, cosine)
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
    assert was_measured_on(call, result, data.test.images.reshape(-1, 784).astype(np.float32), data.test.labels)


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
    names, tested = {field.name for field in fields(Recipe)}, {*CHECKS, "settle_epochs", "again_epochs"}
    assert not names - tested, f"write a check, with @changes, of what these fields of Recipe do: {names - tested}"
    assert not tested - names, f"Recipe has no such fields; take their checks away: {tested - names}"
    for field, ways in (("pictures", set(PICTURES)), ("scale", set(SCALES) - {"standardized"})):
        untested = ways - {getattr(recipe, field) for recipe, _ in CHECKS[field]}
        assert not untested, f'write a check, with @changes("{field}", ...), of what these do: {untested}'


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
        "threads": 1,
    }
    assert list(result) == ["probe_cost", "train_cost", "test_confusion", "test_cost"]


# Runs

FULL_OF_CHANCE = replace(TINY, deformation={"rotation": 5.0, "alpha": 9.0}, epochs=2, validate=True)


@pytest.mark.parametrize(
    ("recipe", "measures"),
    [
        (TINY, ("test",)),
        (FULL_OF_CHANCE, ("validation", "validation_averaged", "test", "test_averaged")),
        (replace(TINY, pictures="moved"), ("test", "rotated_test")),
    ],
)
def test_a_run_gives_the_same_record_each_time(on_sample, recipe, measures):
    first, again, other = (run_recipe(recipe, seed, measures) for seed in (3, 3, 5))
    for made in (first, again, other):
        seconds = made.record.pop("seconds")
        assert 0 <= seconds < 60
    assert first == again
    assert first.record["result"] != other.record["result"]


def test_a_record_says_what_was_run_and_on_what(on_sample):
    record = run_recipe(TINY, 3).record
    assert json.loads(json.dumps(record)) == record
    assert list(record) == ["recipe", "seed", "versions", "cores", "data", "result", "seconds"]
    assert Recipe.from_dict(record["recipe"]) == TINY
    assert record["seed"] == 3
    assert record["versions"]["numpy"] == np.__version__
    assert record["data"] == "sample"
    assert np.sum(record["result"]["test_confusion"]) == len(on_sample.test.labels)


def test_a_run_gives_its_network(on_sample, tmp_path):
    run = run_recipe(TINY, 0)
    (tmp_path / "weights.npz").write_bytes(run.weights)
    network = Network.load(tmp_path / "weights.npz")
    predictions = network.predict(preprocess(on_sample.test.images))
    assert run.record["result"]["test_confusion"] == confusion_matrix(on_sample.test.labels, predictions).tolist()


@pytest.mark.parametrize("recipe", [TINY, FULL_OF_CHANCE, replace(FULL_OF_CHANCE, n_train=None)])
def test_a_probe_repeats_the_slice_that_the_record_holds(on_sample, recipe):
    assert run_recipe(recipe, 2).record["result"]["probe_cost"] == pytest.approx(probe(recipe, 2), rel=1e-5)
    assert probe(recipe, 2) != probe(recipe, 3)


def test_a_probe_is_one_epoch_on_the_first_2000(on_sample):
    """With as many images and epochs as that, the run is its own probe."""
    result = run_recipe(replace(TINY, n_train=2000), 1).record["result"]
    assert result["train_cost"] == [result["probe_cost"]]
    assert run_recipe(replace(TINY, n_train=None, epochs=2), 1).record["result"]["probe_cost"] == result["probe_cost"]


@pytest.mark.parametrize("make", [run_recipe, probe])
def test_a_run_and_a_probe_use_one_thread(on_sample, monkeypatch, make):
    from threadpoolctl import threadpool_info, threadpool_limits

    seen = []

    def spy(*arguments, **options):
        seen.append([pool["num_threads"] for pool in threadpool_info()])
        return train(*arguments, **options)

    train = runs.train
    monkeypatch.setattr(runs, "train", spy)
    with threadpool_limits(limits=2):
        make(TINY, 0)
        threads = len(threadpool_info())
    assert seen == [[1] * threads] * (2 if make is run_recipe else 1)


# A kept run


KEPT = replace(FULL_OF_CHANCE, scale="standardized")
EVERYTHING = ("validation", "validation_averaged", "test", "test_averaged", "rotated_test", "shifted_left")


def test_a_kept_run_is_measured_and_not_trained(on_sample, monkeypatch):
    whole, first = run_recipe(KEPT, 3, EVERYTHING), run_recipe(KEPT, 3, ("test",))
    monkeypatch.setattr(runs, "train", lambda *_, **__: pytest.fail("trained again"))
    kept = Run(json.loads(json.dumps(first.record)), first.weights)
    later = run_recipe(KEPT, 3, EVERYTHING, kept)
    assert later.weights == first.weights
    assert later.record["result"] == whole.record["result"]  # bit for bit, as if it had been asked at once
    for key in ("recipe", "seed", "versions", "cores", "data", "seconds"):
        assert later.record[key] == first.record[key]
    assert kept.record == first.record  # the caller's is left as it was
    again = run_recipe(KEPT, 3, ("test",), later)
    assert again.record == later.record


def test_what_a_kept_run_holds_is_not_measured_twice(on_sample, monkeypatch):
    first = run_recipe(TINY, 3)
    asked = []
    monkeypatch.setattr(runs, "measure", lambda network, recipe, names, seen: asked.append(names) or {})
    run_recipe(TINY, 3, ("test", "shifted_right"), first)
    assert asked == [["shifted_right"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": {"epochs": 2}}, "kept must be a run of this recipe with seed 3; it is another one"),
        ({"seed": 4}, "kept must be a run of this recipe with seed 3; it is another one"),
        ({"data": "full"}, "kept must be a run on the sample data, .*; it was made on the full data"),
    ],
)
def test_a_kept_run_of_another_recipe_seed_or_data_is_refused(on_sample, change, message):
    first = run_recipe(TINY, 3)
    with pytest.raises(ValueError, match=message):
        run_recipe(TINY, 3, ("test",), Run({**first.record, **change}, first.weights))


def test_a_run_that_diverges_says_so(on_sample):
    with pytest.raises(DivergenceError, match="training diverged"):
        run_recipe(replace(TINY, output="identity", learning_rate=1e9), 0)
