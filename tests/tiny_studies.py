"""What the tests of the studies share: a recipe that takes a moment, runs on other data, and made-up records."""

import numpy as np

from mnist_scratch.experiments import inputs
from mnist_scratch.experiments.engine import Study
from mnist_scratch.experiments.recipes import Recipe

TINY = Recipe(sizes=(784, 8, 10), batch_size=50, n_train=300)


def use(data, monkeypatch):
    """Have recipes run on these data."""
    inputs.training_pictures.cache_clear()
    monkeypatch.setattr(inputs, "mnist", lambda: data)


def made_up(seeds=3):
    """A study of two recipes and its records, with confusion matrices drawn at random."""
    recipes = {"plain": TINY, "wide, 2": Recipe(sizes=(784, 9, 10), batch_size=50, n_train=300, validate=True)}
    study = Study("made-up", "Is it so?", recipes, seeds)
    rng = np.random.default_rng(0)
    records = [
        {
            "name": name,
            "recipe": recipe.as_dict(),
            "seed": seed,
            "versions": {"python": "3.13.0", "numpy": "2.0"},
            "cores": 2,
            "data": "full",
            "result": {
                "probe_cost": 0.5,
                "train_cost": [0.25],
                **{
                    f"{on}_confusion": (rng.integers(0, 9, (10, 10)) + 90 * np.eye(10, dtype=int)).tolist()
                    for on in ("test", "validation")
                },
            },
            "seconds": float(rng.integers(1, 99)),
        }
        for name, recipe in study.recipes.items()
        for seed in range(seeds)
    ]
    return study, records
