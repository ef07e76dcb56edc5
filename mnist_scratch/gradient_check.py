"""Is backward right? Nudge each number, watch the cost, and compare (central differences).

A gradient that is wrong often still trains, only worse, so nobody notices. This check notices. It costs four forward
passes a number, so it is for small networks and a few numbers of large ones; and it wants float64, because it subtracts
two costs that are nearly equal.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_finite, check_real, check_whole
from mnist_scratch.network import Network

LARGEST_STEP = 1e300
"""Four times as much is still a number."""


def numerical_gradient(
    function: Callable[[], float],
    parameters: NDArray[np.float64],
    step: float = 1e-3,
    positions: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Estimate the slope of a function in each of an array's numbers, by central differences.

    With f(h) the function's value when one number is moved by h, the slope is about (f(h) - f(-h)) / 2h, off by a term
    in h². The same at 2h is off by four times that; (4 · first - second) / 3 cancels it, and the error left is in h⁴.

    Parameters
    ----------
    function : callable
        Takes nothing; returns a finite number that depends on ``parameters``. float64, or the differences drown in
        rounding.
    parameters : float64 array of any shape
        Finite. Moved in place, one number at a time, and put back; so it is an array that the function reads, or a view
        of one, and not a copy.
    step : float
        h, above 0, and large enough to move each number.
    positions : integer array, (k,), optional
        Positions in ``parameters.ravel()``; all of them if left out.

    Returns
    -------
    float64 array
        Of the parameters' shape; or of the positions' if they are given.

    Raises
    ------
    TypeError
        If the function cannot be called or returns no number, if the parameters are no array, or not float64: in
        float32 the differences drown in rounding. If step is no number, or the positions are no whole ones.
    ValueError
        If a number is NaN or infinite, the parameters are read-only, step is not above 0 or is lost in rounding, or a
        position is none of theirs. Where the function raises, its error is passed on, and the parameters are as before.
    """
    if not callable(function):
        raise TypeError(f"function must be a function without arguments; it is {function!r} (numerical_gradient).")
    _check_parameters(parameters)
    step = check_real(step, "step", "numerical_gradient", 0, LARGEST_STEP, open_ends="low")
    places = np.arange(parameters.size) if positions is None else _as_positions(positions, parameters.size)
    slopes = np.empty(len(places))
    for k, position in enumerate(places):
        place = np.unravel_index(position, parameters.shape)
        _check_step(float(parameters[place]), step)
        near = (_moved(function, parameters, place, step) - _moved(function, parameters, place, -step)) / (2 * step)
        far = _moved(function, parameters, place, 2 * step) - _moved(function, parameters, place, -2 * step)
        slopes[k] = (4 * near - far / (4 * step)) / 3
    return slopes.reshape(parameters.shape) if positions is None else slopes


def _check_parameters(parameters: NDArray[np.float64]) -> None:
    as_array(parameters, "parameters", "numerical_gradient")
    if not isinstance(parameters, np.ndarray):
        raise TypeError(
            f"parameters must be a NumPy array, which is moved in place; it is a {type(parameters).__name__} "
            "(numerical_gradient)."
        )
    if parameters.dtype != np.float64:
        raise TypeError(f"parameters must be float64; they are {parameters.dtype} (numerical_gradient).")
    if not parameters.flags.writeable:
        raise ValueError(
            "parameters must not be read-only: they are moved in place (numerical_gradient). A copy of them would not "
            "do, if the function goes on reading these."
        )
    check_finite(parameters, "parameters", "numerical_gradient")


def _as_positions(positions: ArrayLike, size: int) -> NDArray[np.intp]:
    array = as_array(positions, "positions", "numerical_gradient")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"positions must be whole numbers; they are {array.dtype} (numerical_gradient)."
            + (" Of a mask, take np.flatnonzero(mask)." if array.dtype == bool else "")
        )
    if array.ndim != 1:
        raise ValueError(f"positions must have shape (k,); they have shape {array.shape} (numerical_gradient).")
    wrong = array[(array < 0) | (array >= size)]
    if wrong.size:
        raise ValueError(f"positions must be from 0 to {size - 1}; one is {wrong[0]} (numerical_gradient).")
    return array.astype(np.intp)


def _check_step(number: float, step: float) -> None:
    """Refuse a step that moves a number by nothing, or not by as much as it says."""
    if abs((number + step - number) - step) > 1e-3 * step:
        raise ValueError(
            f"step must be large enough to move a parameter of {number:g}; {step:g} is lost in its rounding "
            "(numerical_gradient)."
        )


def _moved(
    function: Callable[[], float], parameters: NDArray[np.float64], place: tuple[np.intp, ...], h: float
) -> float:
    """Return the function's value with one number moved by h; the number is put back whatever happens."""
    kept = parameters[place]
    parameters[place] = kept + h
    try:
        value = function()
    finally:
        parameters[place] = kept
    dtype = getattr(value, "dtype", np.dtype(np.float64))
    if dtype.kind == "f" and dtype.itemsize < 8:
        raise TypeError(f"function must return float64, not {dtype} (numerical_gradient): compute it in float64.")
    return check_real(value, "what function returns", "numerical_gradient")


def gradient_check(
    network: Network, inputs: ArrayLike, targets: ArrayLike, n_checked: int = 50, step: float = 1e-3, seed: int = 0
) -> float:
    """Return the largest relative difference between ``backward``'s gradients and central differences.

    Parameters
    ----------
    network : Network
        In float64. Its weights are the same afterwards, bit for bit.
    inputs : array, (n, n_in)
    targets : array, (n, n_out)
    n_checked : int
        How many numbers to try in each array of weights or biases, 1 or more, drawn at random; all where there are no
        more.
    step : float
        How far to move each, above 0. A ReLU whose net is within two steps' reach of 0 shows a difference that is no
        mistake.
    seed : int
        Of the draw, 0 or more.

    Returns
    -------
    float
        Over all arrays, the largest of max |backward - numerical| / max |either|. Below 1e-7, backward is right. Where
        an array's slopes are all under 1e-5 of the cost, that much is the divisor: the cost's own rounding, about
        1e-16 of it over a step of 1e-3, leaves no seventh digit in a slope as small. Infinite, if a slope that
        ``backward`` found is NaN or infinite.

    Raises
    ------
    TypeError
        If the network is none, or not float64, or another argument is of the wrong kind.
    ValueError
        As ``network.gradients``; if a weight is not finite, a number is out of range, or ``backward`` filled a gradient
        of another shape than its weights.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network; it is {type(network).__name__} (gradient_check).")
    if network.dtype != np.float64:
        raise TypeError(
            f"network must be float64; it is {network.dtype} (gradient_check). Build it with dtype=np.float64."
        )
    n_checked = check_whole(n_checked, "n_checked", "gradient_check")
    step = check_real(step, "step", "gradient_check", 0, LARGEST_STEP, open_ends="low")
    rng = np.random.default_rng(check_whole(seed, "seed", "gradient_check", low=0))
    for k, layer in enumerate(network.layers):
        for name in ("weights", "biases"):
            check_finite(getattr(layer, name), f"{name} of layer {k}", "gradient_check")
    cost = network.gradients(inputs, targets)
    if not np.isfinite(cost):
        raise ValueError(f"inputs and targets must give a finite cost; it is {cost} (gradient_check).")
    smallest = max(1e-5 * abs(cost), np.finfo(np.float64).tiny)
    worst = 0.0
    for parameters, found in _pairs(network):
        some = rng.choice(parameters.size, size=min(n_checked, parameters.size), replace=False)
        numerical = numerical_gradient(lambda: network.mean_cost(inputs, targets), parameters, step, some)
        slopes = found.ravel()[some]
        if not np.isfinite(found).all():
            return float("inf")
        scale = max(np.abs(slopes).max(), np.abs(numerical).max(), smallest)
        worst = max(worst, float(np.abs(slopes - numerical).max() / scale))
    return worst


def _pairs(network: Network) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return each array of weights or biases, and a copy of the gradient that ``backward`` has filled for it."""
    pairs = []
    for k, layer in enumerate(network.layers):
        for name in ("weights", "biases"):
            parameters: Any = getattr(layer, name)
            found: Any = getattr(layer, f"dcost_d{name}", None)
            if np.shape(found) != np.shape(parameters):
                raise ValueError(
                    f"backward of layer {k} must fill dcost_d{name}, of shape {np.shape(parameters)}; it is "
                    f"{'missing' if found is None else f'of shape {np.shape(found)}'} (gradient_check)."
                )
            pairs.append((parameters, np.array(found)))
    return pairs
