"""The studies that the lessons draw from: what was asked, and the recipes that answer it."""

from dataclasses import replace

from mnist_scratch.experiments.engine import Study
from mnist_scratch.experiments.recipes import Recipe

PAPER = Recipe()
"""One hidden layer of 100, sigmoid, squared error, one image at a time, one epoch at rate 0.5."""

SIGMOID = Recipe(batch_size=32, learning_rate=1.5, falling=True, epochs=10)
"""The paper's network and cost, trained as in lesson 06."""

RELU = Recipe(
    sizes=(784, 300, 10),
    activation="relu",
    output="softmax",
    cost="cross_entropy",
    batch_size=128,
    learning_rate=0.05,
    momentum=0.9,
    falling=True,
    epochs=8,
)
"""What one would take today."""

AFFINE = {"rotation": 12.0, "scale": 0.12, "shift": 1.5}
ELASTIC = {"alpha": 36.0, "sigma": 5.0}
BENDS = {"alpha": 28.0, "sigma": 3.5, "sigma_max": 8.0}


def _hidden(recipe: Recipe, *hidden: int) -> Recipe:
    return replace(recipe, sizes=(784, *hidden, 10))


def _regime() -> dict[str, Recipe]:
    recipes = {
        f"{hidden} hidden, rate {rate:g}": replace(_hidden(PAPER, hidden), learning_rate=rate)
        for hidden in (30, 100)
        for rate in (0.1, 0.5, 1.0)
    }
    return recipes | {
        f"100 hidden, pixels 0 to 1, rate {rate:g}": replace(PAPER, scale="unit", learning_rate=rate)
        for rate in (0.1, 0.5)
    }


def _longer() -> dict[str, Recipe]:
    return {
        "1 epoch, falling": replace(PAPER, falling=True),
        "5 epochs": replace(PAPER, epochs=5),
        "5 epochs, falling": replace(PAPER, epochs=5, falling=True),
    }


def _rotation() -> dict[str, Recipe]:
    recipes = {}
    for hidden in (100, 300):
        upright = _hidden(SIGMOID, hidden)
        recipes[f"{hidden} hidden, upright"] = upright
        recipes[f"{hidden} hidden, 0 to 90"] = replace(upright, rotation=(0.0, 90.0))
    return recipes


def _angles() -> dict[str, Recipe]:
    recipes = {"0": RELU}
    for angle in (5, 10, 15, 25, 45, 90):
        recipes[f"-{angle} to {angle}"] = replace(RELU, rotation=(-float(angle), float(angle)))
    for angle in (15, 45, 90):
        recipes[f"0 to {angle}"] = replace(RELU, rotation=(0.0, float(angle)))
    return recipes


def _capacity() -> dict[str, Recipe]:
    recipes = {}
    for hidden in (30, 800):
        for angle in (0, 15, 45):
            rotation = (-float(angle), float(angle)) if angle else None
            recipes[f"{hidden} hidden, {angle}"] = replace(_hidden(RELU, hidden), rotation=rotation)
    return recipes


def _preprocessing() -> dict[str, Recipe]:
    base = replace(SIGMOID, validate=True)
    recipes = {}
    for scale, rates in {
        "raw": (0.005, 0.05, 0.5),
        "unit": (0.5, 1.5, 4.5),
        "standardized": (0.5, 1.5, 4.5),
        "each pixel": (0.5, 1.5, 4.5),
    }.items():
        for rate in rates:
            recipes[f"{scale}, rate {rate:g}"] = replace(base, scale=scale, learning_rate=rate)
    for pictures in ("deskewed", "moved", "moved back"):
        recipes[pictures] = replace(base, pictures=pictures)
    return recipes


def _deformations() -> dict[str, Recipe]:
    base = replace(RELU, validate=True)
    parts = {
        "rotation": {"rotation": 12.0},
        "scale": {"scale": 0.12},
        "shear": {"shear": 0.12},
        "shift": {"shift": 1.5},
        "elastic": ELASTIC,
        "affine": AFFINE,
        "all": AFFINE | ELASTIC,
    }
    recipes = {"none": base, "deskewed": replace(base, pictures="deskewed")}
    return recipes | {name: replace(base, deformation=part) for name, part in parts.items()}


def _width() -> dict[str, Recipe]:
    recipes = {}
    for hidden in (30, 100, 800):
        base = replace(_hidden(RELU, hidden), validate=True)
        recipes[f"{hidden}, none"] = base
        recipes[f"{hidden}, all"] = replace(base, deformation=AFFINE | ELASTIC)
    return recipes


def _squared(*hidden: int) -> Recipe:
    """Sigmoid outputs and squared error. Without the warm-up an output may get stuck at 0 in the first steps."""
    return replace(
        _hidden(RELU, *hidden),
        output="sigmoid",
        cost="squared_error",
        batch_size=32,
        warm_up=0.1,
        epochs=16,
    )


def _published() -> dict[str, Recipe]:
    entropy = replace(RELU, epochs=15, weight_decay=0.01)
    linear = replace(_squared(300), sizes=(784, 10), epochs=10, learning_rate=0.01)
    recipes = {"linear": linear, "linear, deskewed": replace(linear, pictures="deskewed")}
    for hidden in ((300,), (1000,), (300, 100), (500, 150)):
        name = "+".join(map(str, hidden))
        recipes[f"{name}, squared error"] = _squared(*hidden)
        recipes[f"{name}, squared error, distortions"] = replace(_squared(*hidden), deformation=AFFINE)
    recipes["300, squared error, deskewed"] = replace(_squared(300), pictures="deskewed")
    recipes["500+300, cross-entropy, weight decay"] = _hidden(entropy, 500, 300)
    recipes["800, cross-entropy"] = replace(_hidden(entropy, 800), learning_rate=0.1)
    recipes["800, cross-entropy, affine"] = replace(_hidden(entropy, 800), deformation=AFFINE, weight_decay=0.0)
    recipes["800, squared error, elastic"] = replace(
        _squared(800), deformation=AFFINE | ELASTIC, epochs=30, settle_epochs=5
    )
    return recipes


def _choices() -> dict[str, Recipe]:
    base = replace(_hidden(RELU, 1024, 512), deformation=AFFINE | ELASTIC, epochs=20, validate=True)
    settled = replace(base, settle_epochs=4)
    return {
        "one width": base,
        "one width, settled": settled,
        "several widths, settled": replace(settled, deformation=AFFINE | BENDS),
    }


WIDE = replace(_hidden(RELU, 800), deformation=AFFINE | ELASTIC, epochs=25, settle_epochs=5)
"""The network of Simard, Steinkraus and Platt (2003), with their deformations and more."""

BEST = replace(_hidden(RELU, 1536, 768), deformation=AFFINE | BENDS, epochs=160, settle_epochs=20, again_epochs=60)
"""The best that this course trains; lesson 09 tells how it was chosen."""

DESKEWED = replace(
    _hidden(RELU, 1536, 768),
    pictures="deskewed",
    deformation={"rotation": 8.0, "scale": 0.12, "shear": 0.08, "shift": 1.5, "alpha": 36.0, "sigma": 5.0},
    weight_decay=0.00005,
    epochs=60,
)
"""The same on straightened digits: ahead after 20 epochs on the validation images, not in the long run."""


VALIDATED = ("validation", "test")

STUDIES = {
    study.name: study
    for study in (
        Study("paper", "How much of the paper's table 1 is one run's luck?", {"paper": PAPER}, 100),
        Study("regime", "Which recipe is the paper's? It does not say.", _regime(), 5),
        Study("longer", "What do more epochs and a falling learning rate change?", _longer(), 5),
        Study(
            "shifted",
            "Is a 3 that is moved to the left taken for a 5?",
            {"paper": PAPER},
            10,
            ("test", "shifted_left", "shifted_right"),
        ),
        Study(
            "rotation",
            "Does training on images turned by 0 to 90 degrees give 99.1 %?",
            _rotation(),
            10,
            ("test", "rotated_test"),
        ),
        Study("angles", "Which angles help, and which hurt?", _angles(), 10, ("test", "rotated_test")),
        Study("capacity", "Do larger networks bear larger angles?", _capacity(), 3),
        Study("preprocessing", "What is each way of preparing the pixels worth?", _preprocessing(), 5, VALIDATED),
        Study("deformations", "What is each deformation worth?", _deformations(), 5, VALIDATED),
        Study("width", "What does width buy, with and without deformations?", _width(), 3, VALIDATED),
        Study("published", "How do the published networks of this kind do when trained by this code?", _published(), 3),
        Study(
            "choices",
            "Which recipe for the best network? (Chosen on validation images.)",
            _choices(),
            3,
            ("validation", "validation_averaged", "test", "test_averaged"),
        ),
        Study("wide", "Does one wide layer with deformations pass 99.2 %?", {"800, cross-entropy, elastic": WIDE}, 5),
        Study("deskewed", "Does straightening help the best network too?", {"1536+768, deskewed": DESKEWED}, 1),
        Study(
            "best",
            "How far does a network of this kind go?",
            {"1536+768, affine + bends": BEST},
            3,
            ("test", "test_averaged"),
            ships_best=True,
        ),
    )
}
"""By name, in the order of the lessons."""
