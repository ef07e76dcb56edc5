"""Is backward right? Nudge each number, watch the cost, and compare (central differences).

A gradient that is wrong often still trains, only worse, so nobody notices. This check notices. It costs four forward
passes a number, so it is for small networks and a few numbers of large ones; and it wants float64, because it subtracts
two costs that are nearly equal.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.network import Network


def numerical_gradient(
    function: Callable[[], float],
    parameters: NDArray[np.float64],
    step: float = 1e-3,
    positions: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Estimate the slope of a function in each of an array's numbers, by central differences.

    With f(h) the function's value when one number is moved by h, the slope is about (f(h) - f(-h)) / 2h, off by a term
    in h². The same at 2h is off by four times that; (4 · first - second) / 3 cancels it, and the error left is in h⁴.

    Parameters
    ----------
    function : callable
        Takes nothing; returns a float that depends on ``parameters``.
    parameters : float64 array of any shape
        Moved in place, one number at a time, and put back.
    step : float
        h.
    positions : integer array, optional
        Positions in ``parameters.ravel()``; all of them if left out.

    Returns
    -------
    float64 array
        Of the parameters' shape; or of the positions' if they are given.

    Raises
    ------
    TypeError
        If the parameters are not float64: in float32 the differences drown in rounding.
    """
    if parameters.dtype != np.float64:
        raise TypeError(f"parameters must be float64; they are {parameters.dtype} (numerical_gradient).")

    def moved(place: tuple[np.intp, ...], h: float) -> float:
        kept = parameters[place]
        parameters[place] = kept + h
        try:
            return function()
        finally:
            parameters[place] = kept

    flat = np.arange(parameters.size) if positions is None else positions
    slopes = np.empty(len(flat))
    for k, position in enumerate(flat):
        place = np.unravel_index(position, parameters.shape)
        near = (moved(place, step) - moved(place, -step)) / (2 * step)
        far = (moved(place, 2 * step) - moved(place, -2 * step)) / (4 * step)
        slopes[k] = (4 * near - far) / 3
    return slopes.reshape(parameters.shape) if positions is None else slopes


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
        How many numbers to try in each array of weights or biases, drawn at random; all where there are no more.
    step : float
        How far to move each. A ReLU whose net is within two steps' reach of 0 shows a difference that is no mistake.
    seed : int
        Of the draw.

    Returns
    -------
    float
        Over all arrays, the largest of max |backward - numerical| / max |either|. Below 1e-7, backward is right. Where
        an array's slopes are all under 1e-5 of the cost, that much is the divisor: the cost's own rounding, about
        1e-16 of it over a step of 1e-3, leaves no seventh digit in a slope as small.

    Raises
    ------
    TypeError
        If the network is not float64.
    ValueError
        As ``network.gradients``.
    """
    if network.dtype != np.float64:
        raise TypeError(
            f"network must be float64; it is {network.dtype} (gradient_check). Build it with dtype=np.float64."
        )
    smallest = max(1e-5 * network.gradients(inputs, targets), np.finfo(np.float64).tiny)
    rng = np.random.default_rng(seed)
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = []
    for layer in network.layers:
        pairs += [(layer.weights, layer.dcost_dweights), (layer.biases, layer.dcost_dbiases)]
    worst = 0.0
    for parameters, found in pairs:
        some = rng.choice(parameters.size, size=min(n_checked, parameters.size), replace=False)
        numerical = numerical_gradient(lambda: network.mean_cost(inputs, targets), parameters, step, some)
        difference = np.abs(found.ravel()[some] - numerical).max()
        scale = max(np.abs(found.ravel()[some]).max(), np.abs(numerical).max(), smallest)
        worst = max(worst, float(difference / scale))
    return worst
