"""What is measured on a trained network: on which images, and whether each is read once or averaged over small warps.

A measure is a name, the same in a study, in the records and in ``Results``. To measure one thing more, a network need
not be trained again.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.augmentation import RandomDeformation, rotate, shift
from mnist_scratch.checks import check_choice, check_pictures, check_whole
from mnist_scratch.experiments import inputs
from mnist_scratch.experiments.inputs import PICTURES, Images
from mnist_scratch.experiments.recipes import Recipe
from mnist_scratch.metrics import confusion_matrix
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import flatten, one_hot, standardize, to_float

Labels = NDArray[np.uint8]


def _validation(recipe: Recipe) -> tuple[Images, Labels]:
    held_out = inputs.n_held_out()
    return inputs.training_pictures(recipe.pictures)[-held_out:], inputs.mnist().train.labels[-held_out:]


def _test(recipe: Recipe) -> tuple[Images, Labels]:
    return PICTURES[recipe.pictures](inputs.mnist().test.images), inputs.mnist().test.labels


def _rotated_test(recipe: Recipe) -> tuple[Images, Labels]:
    test = inputs.mnist().test
    angles = np.random.default_rng(90).uniform(0, 90, len(test.labels))  # the same for every run
    return PICTURES[recipe.pictures](rotate(test.images, angles)), test.labels


def _shifted_test(recipe: Recipe, right: int) -> tuple[Images, Labels]:
    test = inputs.mnist().test
    return PICTURES[recipe.pictures](shift(test.images, 0, right)), test.labels


IMAGES: dict[str, Callable[[Recipe], tuple[Images, Labels]]] = {
    "validation": _validation,
    "test": _test,
    "rotated_test": _rotated_test,
    "shifted_left": lambda recipe: _shifted_test(recipe, -3),
    "shifted_right": lambda recipe: _shifted_test(recipe, 3),
}
"""The training images that a recipe holds back; the test images; those, each turned by an angle from 0 to 90 degrees;
those, moved by 3 pixels."""

AVERAGED = "_averaged"

MEASURES = tuple(name + ending for name in IMAGES for ending in ("", AVERAGED))
"""The names of all measures; with ``_averaged``, the network's outputs are those of ``averaged_outputs``."""


def check_measures(measures: Any, recipe: Recipe, caller: str) -> tuple[str, ...]:  # noqa: ANN401
    """Return the names of measures as a tuple, or say which of them cannot be made.

    Parameters
    ----------
    measures : sequence of str
        Of ``MEASURES``.
    recipe : Recipe
        What the network is trained by.
    caller : str
        The function that asks, for the message.

    Raises
    ------
    TypeError
        If it is not a tuple or list of text.
    ValueError
        If there is none, one is unknown or comes twice, or the recipe does not allow it.
    """
    if not isinstance(measures, tuple | list):
        raise TypeError(f"measures must be a tuple of names, as ('test',); it is {measures!r} ({caller}).")
    names = tuple(check_choice(name, MEASURES, "each of measures", caller) for name in measures)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"measures must be at least one name, and each once; they are {names} ({caller}).")
    if any(name.startswith("validation") for name in names) and not recipe.validate:
        raise ValueError(
            f"measures must not have 'validation' where the recipe trains on those images too ({caller}). "
            "Set the recipe's validate=True."
        )
    if any(name.endswith(AVERAGED) for name in names) and recipe.scale != "standardized":
        raise ValueError(
            "measures must not be averaged over warped images unless the recipe's scale is 'standardized'; it is "
            f"{recipe.scale!r} ({caller})."
        )
    return names


def measure(network: Network, recipe: Recipe, measures: Sequence[str], seen: Images) -> dict[str, Any]:
    """Measure a trained network.

    Parameters
    ----------
    network : Network
    recipe : Recipe
        What it was trained by.
    measures : sequence of str
        Of ``MEASURES``.
    seen : uint8 array, (n, 28, 28)
        The images it was trained on, prepared.

    Returns
    -------
    dict
        For JSON. For each measure ``{measure}_confusion``, the rows of a confusion matrix; and where the outputs are
        not averaged ``{measure}_cost``, to six digits.

    Raises
    ------
    ArithmeticError
        If a cost is not finite.
    """
    result: dict[str, Any] = {}
    for name in measures:
        images, labels = IMAGES[name.removesuffix(AVERAGED)](recipe)
        if name.endswith(AVERAGED):
            predictions = averaged_outputs(network, images).argmax(axis=1)
            result[f"{name}_confusion"] = confusion_matrix(labels, predictions).tolist()
            continue
        rows = inputs.rows(images, recipe.scale, seen)
        result[f"{name}_confusion"] = confusion_matrix(labels, network.predict(rows)).tolist()
        result[f"{name}_cost"] = six_digits(network.mean_cost(rows, one_hot(labels)), f"the cost on {name}")
    return result


def six_digits(cost: float, what: str) -> float:
    """Round a cost to six digits for a record; ArithmeticError, saying what it is, if it is not finite."""
    if not math.isfinite(cost):
        raise ArithmeticError(f"{what} is {cost}: no finite number to record.")
    return float(f"{cost:.6g}")


def averaged_outputs(network: Network, images: ArrayLike, views: int = 48, seed: int = 0) -> NDArray[np.floating[Any]]:
    """Return the network's outputs, averaged over small warps of each image.

    One image's outputs depend a little on where exactly the pen was. The mean over views of it that are all still the
    same digit depends less. (Ciresan et al. 2012 average over networks, each with its own preparation of the image.)

    Parameters
    ----------
    network : Network
        Its inputs are the rows that ``preprocess`` makes.
    images : uint8 array, (n, 28, 28)
    views : int
        Warps of each image, besides the image itself; 0 to 10,000.
    seed : int
        Of the warps, 0 or more: the same for every call, so that the outputs are too.

    Returns
    -------
    array, (n, n_out)

    Raises
    ------
    TypeError
        If an argument is of the wrong kind; floats for images among them.
    ValueError
        If the images are not pictures of the network's size, or a number is out of range.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network; it is {network!r} (averaged_outputs).")
    pictures = to_float(check_pictures(images, "averaged_outputs"))
    n_in = network.layers[0].n_in
    if pictures.shape[1] * pictures.shape[2] != n_in:
        raise ValueError(
            f"images must have as many pixels as the network has inputs, {n_in}; their shape is {pictures.shape} "
            "(averaged_outputs)."
        )
    views = check_whole(views, "views", "averaged_outputs", 0, 10_000)
    rng = np.random.default_rng(check_whole(seed, "seed", "averaged_outputs", 0))
    warp = RandomDeformation(rotation=6, scale=0.06, shear=0, shift=0.75, alpha=18, sigma=5)
    total = np.zeros((len(pictures), network.layers[-1].n_out), dtype=network.dtype)
    for view in range(views + 1):
        rows = flatten(standardize(warp(pictures, rng) if view else pictures))
        for start in range(0, len(rows), 1000):  # a thousand at a time, as Network.predict does
            total[start : start + 1000] += network.forward(rows[start : start + 1000])
    return total / (views + 1)
