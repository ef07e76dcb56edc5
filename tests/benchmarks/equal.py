"""That all sides do the same work: the same gradients, the same steps, the same warped pictures."""

import numpy as np

from tests.benchmarks.turns import Work

SIZES, N = (784, 100, 10), 300
LEARNERS = ("peers.pytorch", "peers.jax_cpu")
WARPERS = (
    ("peers.pytorch", "warp", False, 5e-5),
    ("peers.pytorch", "warp", True, 5e-5),
    ("peers.pictures", "scipy", False, 5e-5),
    ("peers.pictures", "opencv", False, 0.04),
    ("peers.pictures", "opencv", True, 0.04),
)
"""Module, function, whether places are made our way, and how far a pixel may be off: OpenCV rounds places to 1/32."""


def done(sides, module, name, **arguments):
    """Return what one turn of this work gives."""
    side = sides[module]
    side.turn(side.prepare(Work(module, name, arguments)))
    found = side.result()
    side.forget()
    return found


def check_learning(sides, module):
    """Hold the gradients of a batch, and the parameters after three steps with it, equal to ours."""
    batch = {"sizes": SIZES, "n": N}
    steps = {"batch_size": N, "epochs": 3, "rate": 0.05, "keep": True}  # one batch: the order of its rows is no matter
    for name, options, tolerance in (("gradients", {}, 2e-5), ("train", steps, 1e-5)):
        ours, theirs = (done(sides, side, name, **batch, **options) for side in ("ours", module))
        for k, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            for what, one, two in zip(("weights", "biases"), mine, other, strict=True):
                np.testing.assert_allclose(one, two, rtol=0, atol=tolerance * np.abs(one).max(),
                                           err_msg=f"{module}, {name}: {what} of layer {k}")  # fmt: skip


def check_warps(sides, module, name, our_way, tolerance):
    """Hold the warped pictures equal to ours."""
    options = {"our_way": True} if our_way else {}
    ours, theirs = done(sides, "ours", "warp", n=N), done(sides, module, name, n=N, **options)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance, err_msg=f"{module}, {name}")


def check_all(sides):
    for module in LEARNERS:
        check_learning(sides, module)
    for warper in WARPERS:
        check_warps(sides, *warper)
