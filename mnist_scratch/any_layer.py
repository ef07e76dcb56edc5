"""What a network asks of a layer, so that a reader's own may stand beside ``Layer`` or in its place.

``forward`` and ``backward``, ``weights`` and ``biases`` are enough. What ``Layer`` can do besides, a network uses where
it finds it: to go back from a cost's ∂C/∂Net, and to leave out the slopes of the images.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.layers import Layer

Array = NDArray[np.floating[Any]]


class AnyLayer(Protocol):
    """What a network asks of a layer. ``Layer`` is one; a reader's own may have no more than this."""

    weights: Array
    """(n_in, n_out)"""
    biases: Array
    """(n_out,)"""
    dcost_dweights: Array
    dcost_dbiases: Array
    """Filled by ``backward``."""

    def forward(self, inputs: Array, /) -> Array:
        """Return the outputs, (n, n_out), for inputs (n, n_in)."""
        ...

    def backward(self, dcost_dout: Array, /) -> Array | None:
        """Fill the gradients, and return ∂C/∂inputs, (n, n_in)."""
        ...


def checked_layers(layers: Sequence[AnyLayer]) -> list[Any]:
    """Return the layers as a list, or say why they are no network."""
    found = list(layers) if isinstance(layers, Sequence) else []
    if not found:
        raise ValueError(f"layers must hold at least one Layer; it is {layers!r} (Network).")
    for k, layer in enumerate(found):
        if isinstance(layer, int | np.integer):
            raise TypeError(f"layers must be Layers; they are numbers (Network). Write Network.from_sizes({layers!r}).")
        lacking = [name for name in ("forward", "backward", "weights", "biases") if not hasattr(layer, name)]
        if lacking or isinstance(layer, type):
            what = f"{layer.__name__}, a class" if isinstance(layer, type) else f"{type(layer).__name__} without "
            raise TypeError(f"layer {k} must be a Layer; it is {what}{', '.join(lacking)} (Network).")
        weights, biases = layer.weights, layer.biases
        if np.ndim(weights) != 2 or np.shape(biases) != np.shape(weights)[1:]:
            raise ValueError(
                f"layer {k} must have weights (n_in, n_out) and biases (n_out,); "
                f"they have shapes {np.shape(weights)} and {np.shape(biases)} (Network)."
            )
    for k, (first, second) in enumerate(itertools.pairwise(found)):
        n_out, n_in = first.weights.shape[1], second.weights.shape[0]
        if n_out != n_in:
            raise ValueError(
                f"layers must fit: layer {k} has {n_out} outputs, but layer {k + 1} takes {n_in} inputs (Network)."
            )
    dtypes = [np.asarray(array).dtype for layer in found for array in (layer.weights, layer.biases)]
    if len(set(dtypes)) > 1 or dtypes[0] not in (np.float32, np.float64):
        names = ", ".join(dtype.name for dtype in dtypes[::2])
        raise ValueError(f"layers must have one dtype, float32 or float64; these have {names} (Network).")
    if len({id(layer) for layer in found}) < len(found):
        raise ValueError("layers must be different objects: one stands in two places (Network).")
    return found


def are_windows(arrays: Sequence[Array], joined: Array) -> bool:
    """Tell whether the arrays lie side by side in this one, and fill it."""
    if joined.ndim != 1 or joined.size != sum(array.size for array in arrays):
        return False
    place = joined.ctypes.data
    for array in arrays:
        if array.base is not joined or array.ctypes.data != place or not array.flags.c_contiguous:
            return False
        place += array.nbytes
    return True


def is_plain(layer: Any) -> bool:  # noqa: ANN401
    """Whether a layer goes forward as ``Layer`` does, and can go back from ∂C/∂Net."""
    forward = getattr(layer.forward, "__func__", None)
    return forward is Layer.forward and takes(layer, "dcost_dnet")


def takes(layer: Any, name: str) -> bool:  # noqa: ANN401
    """Whether a layer's own ``backward`` has this argument."""
    return name in _arguments(getattr(layer.backward, "__func__", layer.backward))


@functools.lru_cache(maxsize=100)
def _arguments(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)
