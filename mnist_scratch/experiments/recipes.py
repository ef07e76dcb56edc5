"""A recipe: everything that decides what a network becomes, but for the seed.

What is then measured is no part of it: a network stays the same whatever it is asked afterwards (``measures``).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from mnist_scratch.augmentation import RandomDeformation, RandomRotation
from mnist_scratch.checks import check_choice, check_flag, check_real, check_whole
from mnist_scratch.costs import COSTS
from mnist_scratch.experiments.inputs import PICTURES, SCALES
from mnist_scratch.layers import ACTIVATIONS
from mnist_scratch.training import Augmentation, Schedule, cosine

DEFORMATIONS = ("rotation", "scale", "shear", "shift", "alpha", "sigma", "sigma_max")
"""What ``RandomDeformation`` takes."""


@dataclass(frozen=True)
class Recipe:
    """How a network is built and trained. The defaults are the paper's regime, as lesson 07 finds it.

    Raises
    ------
    TypeError
        If a field is of the wrong kind, such as text in place of a number.
    ValueError
        If a field is out of its range, or two do not go together.
    """

    sizes: tuple[int, ...] = (784, 100, 10)
    """Pixels, units of each hidden layer, digits."""
    activation: str = "sigmoid"
    """Of the hidden layers."""
    output: str = "sigmoid"
    """The activation of the last layer."""
    cost: str = "squared_error"
    pictures: str = "as they are"
    """Or "deskewed", "moved" (each image by up to 4 pixels, its own way) or "moved back" (moved, then centred)."""
    scale: str = "standardized"
    """Or "raw" (0 to 255), "unit" (0 to 1), "each pixel" (each by its own mean and deviation)."""
    rotation: tuple[float, float] | None = None
    """The lowest and the highest angle for ``RandomRotation``, in degrees."""
    deformation: dict[str, float] | None = None
    """Arguments for ``RandomDeformation``. Those not named are 0; sigma is 5."""
    epochs: int = 1
    batch_size: int = 1
    learning_rate: float = 0.5
    momentum: float = 0.0
    falling: bool = False
    """The learning rate falls along a cosine to 0."""
    warm_up: float = 0.0
    """The share of the steps, below 1, in which the learning rate first rises evenly from 0."""
    weight_decay: float = 0.0
    settle_epochs: int = 0
    """Epochs added after the others: deformations are half as large, and the rate falls from 0.4 of the first to 0."""
    again_epochs: int = 0
    """Epochs added after those (a warm restart): deformations are back at full size, the rate falls from 0.4 of the
    first to 0. Then the settling is done a second time."""
    validate: bool = False
    """The last 5,000 training images are not trained on, so that they can be measured as "validation"."""
    n_train: int | None = None
    """How many of the training images are used, the first ones; all, if left out."""

    def __post_init__(self) -> None:
        for name, value in _checked_fields(self).items():
            object.__setattr__(self, name, value)  # the one way to set a field of a frozen dataclass
        self._check_pairs()

    def _check_pairs(self) -> None:
        """Refuse fields that do not go together, and warps that cannot be."""
        if self.rotation is not None and self.deformation is not None:
            raise ValueError("give a rotation or a deformation, not both (Recipe).")
        if self.augmentation is not None and self.scale != "standardized":
            raise ValueError(
                f"scale must be 'standardized' where images are augmented, as train does it; it is {self.scale!r} "
                "(Recipe)."
            )
        if self.cost == "cross_entropy" and self.output not in ("softmax", "sigmoid"):
            raise ValueError(
                f"output must be softmax or sigmoid where cost is cross_entropy; it is {self.output!r} (Recipe)."
            )
        if self.weight_decay * self.learning_rate >= 1:
            raise ValueError(
                "weight_decay times learning_rate must be below 1, or weights change sign; they are "
                f"{self.weight_decay} and {self.learning_rate} (Recipe)."
            )

    @property
    def augmentation(self) -> Augmentation | None:
        """What ``train`` is given as ``augment``."""
        if self.rotation is not None:
            return RandomRotation(*self.rotation)
        if self.deformation is not None:
            nothing = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "alpha": 0.0}
            return RandomDeformation(**{**nothing, **self.deformation})
        return None

    @property
    def settling_augmentation(self) -> Augmentation | None:
        """What ``train`` is given as ``augment`` in the settle epochs: half the deformation, or the rotation as it is.

        The deformation's sigma stays: it is the width of the bends, not their size.
        """
        if self.deformation is None:
            return self.augmentation
        half = {name: value if name.startswith("sigma") else value / 2 for name, value in self.deformation.items()}
        return replace(self, deformation=half).augmentation

    @property
    def schedule(self) -> Schedule | None:
        """What ``train`` is given as ``schedule`` in the first epochs."""
        fall = cosine if self.falling else None
        return _warmed_up(self.warm_up, fall) if self.warm_up else fall

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults, as JSON would give them back."""
        every = asdict(self)
        given = {field.name: every[field.name] for field in fields(self) if every[field.name] != field.default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make a recipe from what ``as_dict`` gave.

        Parameters
        ----------
        given : dict
            Values by field; a field left out has its default.

        Raises
        ------
        TypeError, ValueError
            If a recipe has no such field, or its value cannot be.
        """
        if not isinstance(given, Mapping):
            raise TypeError(f"given must be a dict of fields; it is {given!r} (Recipe.from_dict).")
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise TypeError(f"a recipe has no field {name!r}; it has {', '.join(known)} (Recipe.from_dict).")
        return cls(**given)

    @property
    def digest(self) -> str:
        """A short name that two different recipes do not share, for files."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:12]


def _checked_fields(recipe: Recipe) -> dict[str, Any]:
    """Return every field's value in one form, so that equal recipes are equal in JSON too; refuse what cannot be."""
    words: dict[str, Iterable[str]] = {
        "activation": ACTIVATIONS,
        "output": ACTIVATIONS,
        "cost": COSTS,
        "pictures": PICTURES,
        "scale": SCALES,
    }
    at_least = {"epochs": 1, "batch_size": 1, "settle_epochs": 0, "again_epochs": 0}
    below_one = {"low": 0.0, "high": 1.0, "open_ends": "high"}
    numbers: dict[str, dict[str, Any]] = {
        "learning_rate": {"low": 0.0, "open_ends": "low"},
        "momentum": below_one,
        "warm_up": below_one,
        "weight_decay": {"low": 0.0},
    }
    return {
        "sizes": _checked_sizes(recipe.sizes),
        "rotation": _checked_rotation(recipe.rotation),
        "deformation": _checked_deformation(recipe.deformation),
        "n_train": None if recipe.n_train is None else check_whole(recipe.n_train, "n_train", "Recipe"),
        **{name: check_choice(getattr(recipe, name), choices, name, "Recipe") for name, choices in words.items()},
        **{name: check_whole(getattr(recipe, name), name, "Recipe", low) for name, low in at_least.items()},
        **{name: check_real(getattr(recipe, name), name, "Recipe", **limits) for name, limits in numbers.items()},
        **{name: check_flag(getattr(recipe, name), name, "Recipe") for name in ("falling", "validate")},
    }


def _checked_sizes(sizes: Any) -> tuple[int, ...]:  # noqa: ANN401
    if not isinstance(sizes, tuple | list):
        raise TypeError(f"sizes must be a tuple of whole numbers, as (784, 100, 10); it is {sizes!r} (Recipe).")
    checked = tuple(check_whole(size, f"sizes[{k}]", "Recipe") for k, size in enumerate(sizes))
    if len(checked) < 2 or checked[0] != 784 or checked[-1] != 10:
        raise ValueError(
            f"sizes must begin with 784 pixels and end with 10 digits, as (784, 100, 10); they are {checked} (Recipe)."
        )
    return checked


def _checked_rotation(rotation: Any) -> tuple[float, float] | None:  # noqa: ANN401
    if rotation is None:
        return None
    if not isinstance(rotation, tuple | list) or len(rotation) != 2:
        raise TypeError(f"rotation must be two angles, as (-15.0, 15.0), or None; it is {rotation!r} (Recipe).")
    low, high = (check_real(angle, f"rotation[{k}]", "Recipe") for k, angle in enumerate(rotation))
    if low > high:
        raise ValueError(f"rotation must be a lower angle, then a higher one; it is {rotation!r} (Recipe).")
    return low, high


def _checked_deformation(deformation: Any) -> dict[str, float] | None:  # noqa: ANN401
    if deformation is None:
        return None
    if not isinstance(deformation, Mapping):
        raise TypeError(f"deformation must be a dict, as {{'shift': 1.5}}, or None; it is {deformation!r} (Recipe).")
    if not deformation:
        raise ValueError("deformation must name at least one; it is empty (Recipe). For no deformation, write None.")
    for name in deformation:
        check_choice(name, DEFORMATIONS, "each name in deformation", "Recipe")
    return {name: check_real(value, f"deformation[{name!r}]", "Recipe") for name, value in deformation.items()}


def _warmed_up(share: float, fall: Schedule | None) -> Schedule:
    """Return a schedule that rises evenly from 0 in the first share of the steps, and meanwhile follows ``fall``."""

    def factor(progress: float) -> float:
        return min(progress / share, 1.0) * (1.0 if fall is None else fall(progress))

    return factor
