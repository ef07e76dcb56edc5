"""The step of gradient descent, in as few passes over the memory as it takes.

``training`` says what a step is, and nothing else happens here:

    velocity = momentum * velocity + gradient
    parameter = parameter - rate * velocity

But a small network's step is mostly the calling of functions, and a large one's update costs what it reads and writes.
So all parameters lie in one array, all gradients in a second, all velocities in a third. BLAS adds a multiple of one
array to another in one pass: two calls update all layers, or one without momentum. The velocities' shrinking is put
off: one number is multiplied, not a million. Where each batch is a single image, a step makes no gradients. They are
outer products of two vectors (lesson 05), which BLAS adds in place, layer by layer. And the first layer's products are
made in pieces where that is faster.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.layers import ACTIVATIONS, Layer
from mnist_scratch.network import Network

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Array = NDArray[np.floating[Any]]

NARROW, WIDE = 16, 128
"""With at most NARROW outputs, or at least WIDE, BLAS is faster at ``(weights.T @ inputs.T).T`` than at
``inputs @ weights``. From WIDE on, weights and gradients also lie in memory transposed, if batch_size is above 1."""

SMALL, KERNELS = 1_000_000, ("SkylakeX", "Cooperlake", "SapphireRapids")
"""OpenBLAS copies the matrices of a product before it multiplies them. Its kernels for processors with AVX-512, named
here as OpenBLAS names them, do without up to SMALL multiplications (rows x inputs x outputs)."""

ROWS, UNITS, COLUMNS = 4, 300, 16
"""Of a piece: rows of the inputs, and units at most, going forward (those kernels take up to 1,200 = 4 x 300 results);
columns of the inputs going back (16 float32 numbers fill a register of AVX-512)."""

ALONE = 4_000_000
"""Multiplications up to which pieces on one core are as fast as the whole product on two, measured on two."""

METHODS = ("forward", "fill_gradients", "dcost_dinputs")

TINY = 1e-6
"""The scale at which velocities are multiplied out, long before their numbers could overflow."""


class Descent:
    """The steps of one training run, which borrows the layers until it is closed.

    Meanwhile the layers' weights and biases are parts of an array here, and the methods here make the layers' products:
    the same ones without the checks, some transposed, gradients in place. A layer that has its own form of one of these
    methods (METHODS) keeps it; ``step`` takes over the gradients that it fills in.

    Parameters
    ----------
    network : Network
    momentum : float
        0 to below 1.
    batch_size : int
        With 1, gradients are not made, but added where they are due, unless a layer has its own ``fill_gradients``.
    pieces : float
        With more multiplications than SMALL and at most so many, the first layer's products are made in pieces. It is
        what ``threads`` yields.
    """

    def __init__(self, network: Network, momentum: float, batch_size: int, pieces: float = 0) -> None:
        from scipy.linalg.blas import get_blas_funcs

        self.add, self.add_outer = get_blas_funcs(("axpy", "ger"), dtype=network.dtype)
        self.layers, self.momentum, self.scale = network.layers, momentum, 1.0
        self.own = [
            {name for name in METHODS if getattr(layer, name) != getattr(Layer, name).__get__(layer)}
            for layer in self.layers
        ]
        self.outer = batch_size == 1 and not any("fill_gradients" in names for names in self.own)
        self.transposed = [batch_size > 1 and layer.n_out >= WIDE for layer in self.layers]
        self.pieces, size = pieces, batch_size * self.layers[0].weights.size
        # A later layer that is wide is faster with inputs that lie transposed, as pieces do not make them.
        cut = batch_size > 1 and SMALL < size <= pieces and not any(self.transposed[1:])
        self.units = _units(self.layers[0]) if cut else 0  # of a piece; 0 without pieces
        self.ones = np.ones(batch_size, network.dtype)  # their product with rows is the rows' sum
        self.transposed[0] |= self.units > 0
        self.arrays = [(layer.weights, layer.biases) for layer in self.layers]
        self.parameters = np.empty(network.n_parameters, network.dtype)
        self.velocities = np.zeros_like(self.parameters) if momentum else self.parameters
        self.gradients = self.velocities if self.outer else np.empty_like(self.parameters)
        self.views = self._views(self.gradients)
        self.kept: dict[int, tuple[Array, Array]] = {}
        for k, (layer, parameters) in enumerate(zip(self.layers, self._views(self.parameters), strict=True)):
            for view, values in zip(parameters, self.arrays[k], strict=True):
                view[:] = values
            layer.weights, layer.biases = parameters
            lent: tuple[Callable[..., Any], ...] = (
                self._forward, self._keep if self.outer else self._fill, self._dcost_dinputs
            )  # fmt: skip
            for name, method in zip(METHODS, lent, strict=True):
                if name not in self.own[k]:
                    setattr(layer, name, functools.partial(method, k, layer))

    def _views(self, flat: Array) -> list[tuple[Array, Array]]:
        """Return each layer's part of a flat array, as weights and biases."""
        views, start = [], 0
        for layer, transposed in zip(self.layers, self.transposed, strict=True):
            middle, end = start + layer.n_in * layer.n_out, start + (layer.n_in + 1) * layer.n_out
            weights = flat[start:middle]
            if transposed:
                views.append((weights.reshape(layer.n_out, layer.n_in).T, flat[middle:end]))
            else:
                views.append((weights.reshape(layer.n_in, layer.n_out), flat[middle:end]))
            start = end
        return views

    def _forward(self, k: int, layer: Layer, inputs: Array) -> Array:
        """As ``Layer.forward``, for rows that need no check."""
        layer.inputs = inputs = np.asarray(inputs, layer.dtype)
        if k == 0 and self.units and len(inputs) * layer.weights.size <= self.pieces:
            layer.net = forward_in_pieces(inputs, layer.weights, self.units)
        elif self.transposed[k] or layer.n_out <= NARROW:
            layer.net = np.dot(layer.weights.T, inputs.T).T
        else:
            layer.net = np.dot(inputs, layer.weights)
        layer.net += layer.biases
        layer.out = ACTIVATIONS[layer.activation].function(layer.net)
        return layer.out

    def _fill(self, k: int, layer: Layer, dcost_dnet: Array) -> None:
        """As ``Layer.fill_gradients``, in place."""
        weights, biases = self.views[k]
        dcost_dnet = np.asarray(dcost_dnet, layer.dtype)
        if k == 0 and self.units and COLUMNS * dcost_dnet.size <= SMALL and layer.n_in % COLUMNS == 0:
            gradient_in_pieces(layer.inputs, dcost_dnet, weights)
        elif self.transposed[k]:
            np.dot(dcost_dnet.T, layer.inputs, out=weights.T)
        else:
            np.dot(layer.inputs.T, dcost_dnet, out=weights)
        if len(dcost_dnet) > len(self.ones):
            self.ones = np.ones(len(dcost_dnet), layer.dtype)
        np.dot(self.ones[: len(dcost_dnet)], dcost_dnet, out=biases)
        layer.dcost_dweights, layer.dcost_dbiases = weights, biases

    def _keep(self, k: int, layer: Layer, dcost_dnet: Array) -> None:
        """Keep the two vectors whose outer product is the gradient."""
        self.kept[k] = layer.inputs[0], dcost_dnet[0]

    def _dcost_dinputs(self, k: int, layer: Layer, dcost_dnet: Array) -> Array:
        """As ``Layer.dcost_dinputs``, laid out in memory as the inputs are."""
        dcost_dinputs: Array = (
            np.dot(dcost_dnet, layer.weights.T)
            if layer.inputs.flags.c_contiguous
            else np.dot(layer.weights, dcost_dnet.T).T
        )
        return dcost_dinputs

    def step(self, rate: float) -> None:
        """Update all parameters with the gradients that the layers have filled in.

        Parameters
        ----------
        rate : float
            The learning rate.
        """
        # Velocities are all to be multiplied by scale. Without momentum there are none: gradients move the parameters.
        share = 1 / self.scale if self.momentum else -rate
        for k, (layer, (weights, biases)) in enumerate(zip(self.layers, self.views, strict=True)):
            if self.outer:
                inputs, dcost_dnet = self.kept[k]
                self.add_outer(share, dcost_dnet, inputs, a=weights.T, overwrite_a=True)
                biases += share * dcost_dnet
            elif layer.dcost_dweights is not weights or layer.dcost_dbiases is not biases:
                weights[:], biases[:] = layer.dcost_dweights, layer.dcost_dbiases
        if not self.outer:
            self.add(self.gradients, self.velocities, a=share)
        if self.momentum:
            self.add(self.velocities, self.parameters, a=-rate * self.scale)
            self.scale *= self.momentum
            if self.scale < TINY:
                self.velocities *= self.scale
                self.scale = 1.0

    def close(self) -> None:
        """Give the layers their own arrays and methods back, with the new numbers in the arrays.

        The gradients that they are left with are the last ones that were found, as parts of one array.
        """
        for k, (layer, (weights, biases)) in enumerate(zip(self.layers, self.arrays, strict=True)):
            weights[:], biases[:] = layer.weights, layer.biases
            layer.weights, layer.biases = weights, biases
            for name in METHODS:
                if name not in self.own[k]:
                    delattr(layer, name)
            if k in self.kept:
                inputs, dcost_dnet = self.kept[k]
                layer.dcost_dweights, layer.dcost_dbiases = np.outer(inputs, dcost_dnet), dcost_dnet.copy()


def _units(layer: Layer) -> int:
    """Return how many units a piece of the product forward is for: the largest divisor that fits, if it is not tiny."""
    most = min(layer.n_out, UNITS, SMALL // (ROWS * layer.n_in))
    return max((units for units in range(COLUMNS, most + 1) if layer.n_out % units == 0), default=0)


def forward_in_pieces(inputs: Array, weights: Array, units: int) -> Array:
    """Return ``inputs @ weights``, made in pieces of ROWS rows and so many units.

    Parameters
    ----------
    inputs : array, (n, n_in)
    weights : array, (n_in, n_out)
        Fastest where it lies in memory transposed.
    units : int
        A divisor of n_out.

    Returns
    -------
    array, (n, n_out)
    """
    (n, n_in), n_out = inputs.shape, weights.shape[1]
    net, whole = np.empty((n, n_out), inputs.dtype), n - n % ROWS
    np.matmul(
        inputs[:whole].reshape(1, -1, ROWS, n_in),
        weights.reshape(n_in, -1, units).transpose(1, 0, 2)[:, None],
        out=net[:whole].reshape(-1, ROWS, n_out // units, units).transpose(2, 0, 1, 3),
    )
    if whole < n:
        np.dot(inputs[whole:], weights, out=net[whole:])
    return net


def gradient_in_pieces(inputs: Array, dcost_dnet: Array, dcost_dweights: Array) -> None:
    """Write ``inputs.T @ dcost_dnet``, made in pieces of COLUMNS inputs, to its place.

    Parameters
    ----------
    inputs : array, (n, n_in)
    dcost_dnet : array, (n, n_out)
    dcost_dweights : array, (n_in, n_out)
        Lies in memory transposed.
    """
    n, n_in = inputs.shape
    np.matmul(
        dcost_dnet.T,
        inputs.reshape(n, -1, COLUMNS).transpose(1, 0, 2),
        out=dcost_dweights.T.reshape(-1, n_in // COLUMNS, COLUMNS).transpose(1, 0, 2),
    )


@contextlib.contextmanager
def threads(at_most: int) -> Iterator[float]:
    """Give the products at most so many threads, in this process, until the context is left.

    Yields up to how many multiplications (rows x inputs x outputs) a product is faster in pieces: 0 where it never is.

    A BLAS that SciPy has brought along beside NumPy's gets a single one. Its threads and NumPy's stay awake for a while
    after each product, and would wait for each other's cores.

    Parameters
    ----------
    at_most : int
    """
    pools = _blas()
    others = [pool for pool in pools.info() if not _brought_by("scipy", pool)]
    numpys = [pool for pool in others if _brought_by("numpy", pool)] or others
    pieces = math.inf if all(min(at_most, pool["num_threads"]) == 1 for pool in numpys) else ALONE
    with contextlib.ExitStack() as limits:
        for pool in pools.info():
            number = min(at_most, pool["num_threads"]) if pool in others else 1
            limits.enter_context(pools.select(filepath=[pool["filepath"]]).limit(limits=number))
        yield pieces if numpys and all(pool.get("architecture") in KERNELS for pool in numpys) else 0.0


@functools.cache
def _blas() -> "ThreadpoolController":
    """Find this process's BLAS libraries, once: it takes milliseconds, and NumPy's and SciPy's are loaded by then."""
    import scipy.linalg.blas  # noqa: F401 - only a library that has been loaded is found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _brought_by(package: str, pool: dict[str, Any]) -> bool:
    """Tell whether a library came inside a package's wheel."""
    folders = Path(pool["filepath"]).parts[-3:-1]
    return folders[-1] == f"{package}.libs" or folders == (package, ".dylibs")
