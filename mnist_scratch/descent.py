"""The step of gradient descent, in as few passes over the memory as it takes.

``training`` says what a step is, and nothing else happens here:

    velocity = momentum * velocity + gradient
    parameter = parameter - rate * velocity

But a small network's step is mostly the calling of functions, and a large one's update costs what it reads and writes.
So all parameters lie in one array, and so do gradients and velocities: four calls update them, however many layers
there are. And where a large network is shown one image at a time, the gradient of its weights is never made. It is the
outer product of two vectors (lesson 05), which BLAS adds to the velocity in place.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.layers import Layer
from mnist_scratch.network import Network

Array = NDArray[np.floating[Any]]

LARGE = 2**17
"""Parameters from which on a gradient is costly to write and read again; below, they stay in the cache."""

TINY = 1e-6
"""The scale at which velocities are multiplied out, long before their numbers could overflow."""


class Descent:
    """The steps of one training run, which borrows the layers until it is closed.

    Meanwhile the layers' weights, biases and their gradients are parts of the arrays here, and the layers fill in the
    gradients in place. A layer that finds its gradients in its own way may: ``step`` takes them over.

    Parameters
    ----------
    network : Network
    momentum : float
        0 to below 1.
    batch_size : int
        With 1, and LARGE or more parameters, gradients are not made, but added to the velocities.
    """

    def __init__(self, network: Network, momentum: float, batch_size: int) -> None:
        self.layers, self.momentum, self.scale = network.layers, momentum, 1.0
        self.lent = [(layer.weights, layer.biases) for layer in self.layers]
        self.parameters = np.concatenate([p.ravel() for pair in self.lent for p in pair])
        self.gradients = np.empty_like(self.parameters)
        self.room = np.empty_like(self.parameters)
        plain = all(type(layer).fill_gradients is Layer.fill_gradients for layer in self.layers)
        self.outer = batch_size == 1 and plain and self.parameters.size >= LARGE
        self.velocities = np.zeros_like(self.parameters) if momentum or self.outer else self.gradients
        if self.outer:
            from scipy.linalg.blas import get_blas_funcs

            self.add_outer, self.add_scaled = get_blas_funcs(("ger", "axpy"), dtype=network.dtype)
        start = 0
        self.views: list[tuple[Array, Array]] = []
        for layer in self.layers:
            middle, end = start + layer.weights.size, start + layer.weights.size + layer.n_out
            parts, start = (slice(start, middle), slice(middle, end)), end
            filled = self.velocities if self.outer else self.gradients
            shapes = layer.weights.shape, layer.biases.shape
            layer.weights, layer.biases = (self.parameters[p].reshape(s) for p, s in zip(parts, shapes, strict=True))
            weights, biases = (filled[p].reshape(s) for p, s in zip(parts, shapes, strict=True))
            self.views.append((weights, biases))
            if type(layer).fill_gradients is Layer.fill_gradients:
                fill = self._add_outer if self.outer else self._fill
                layer.fill_gradients = functools.partial(fill, layer, weights, biases)  # type: ignore[method-assign]

    def _fill(self, layer: Layer, weights: Array, biases: Array, dcost_dnet: Array) -> None:
        """As ``Layer.fill_gradients``, in place."""
        layer.dcost_dweights = np.dot(layer.inputs.T, dcost_dnet, out=weights)
        layer.dcost_dbiases = np.add.reduce(dcost_dnet, axis=0, out=biases)

    def _add_outer(self, layer: Layer, weights: Array, biases: Array, dcost_dnet: Array) -> None:
        """Add the gradients to the velocities, which are all to be multiplied by ``scale``: so they shrink for free."""
        self.add_outer(1 / self.scale, dcost_dnet[0], layer.inputs[0], a=weights.T, overwrite_a=True)
        biases += dcost_dnet[0] / self.scale

    def step(self, rate: float) -> None:
        """Update all parameters with the gradients that the layers have filled in.

        Parameters
        ----------
        rate : float
            The learning rate.
        """
        if self.outer:
            self.add_scaled(self.velocities, self.parameters, a=-rate * self.scale)
            self.scale *= self.momentum
            if self.scale < TINY:
                self.velocities *= self.scale
                self.scale = 1.0
            return
        for layer, (weights, biases) in zip(self.layers, self.views, strict=True):
            if layer.dcost_dweights is not weights or layer.dcost_dbiases is not biases:
                weights[:], biases[:] = layer.dcost_dweights, layer.dcost_dbiases
        if self.momentum:
            self.velocities *= self.momentum
            self.velocities += self.gradients
        self.parameters -= np.multiply(self.velocities, rate, out=self.room)

    def close(self) -> None:
        """Give the layers their own arrays back, with the new numbers in them."""
        for layer, (weights, biases) in zip(self.layers, self.lent, strict=True):
            weights[:], biases[:] = layer.weights, layer.biases
            layer.weights, layer.biases = weights, biases
            vars(layer).pop("fill_gradients", None)
