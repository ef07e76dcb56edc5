"""The step of gradient descent, in as few passes over the memory as it takes.

``training`` says what a step is, and nothing else happens here:

    velocity = momentum * velocity + gradient
    parameter = parameter - rate * velocity

But a small network's step is mostly the calling of functions, and a large one's update costs what it reads and writes.
So all parameters lie in one array, and so do gradients and velocities, and BLAS adds one to the other: two calls update
them, however many layers there are. The velocities' shrinking is put off: one number is multiplied, not a million. The
gradient of a single image is never made. It is the outer product of two vectors (lesson 05), which BLAS adds in place.
"""

import contextlib
import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.layers import ACTIVATIONS, Layer
from mnist_scratch.network import Network

Array = NDArray[np.floating[Any]]

NARROW, WIDE = 16, 128
"""Outputs up to which, and from which on, BLAS is faster at a layer's products when all its matrices are transposed."""

TINY = 1e-6
"""The scale at which velocities are multiplied out, long before their numbers could overflow."""


class Descent:
    """The steps of one training run, which borrows the layers until it is closed.

    Meanwhile the layers' weights and biases are parts of an array here, and plain layers' products are made by the
    methods here: the same products without the checks, some transposed, gradients in place. A layer that finds its
    gradients in its own way may: ``step`` takes them over.

    Parameters
    ----------
    network : Network
    momentum : float
        0 to below 1.
    batch_size : int
        With 1, gradients are not made, but added where they are due.
    """

    def __init__(self, network: Network, momentum: float, batch_size: int) -> None:
        from scipy.linalg.blas import get_blas_funcs

        self.axpy, self.ger = get_blas_funcs(("axpy", "ger"), dtype=network.dtype)
        self.layers, self.momentum, self.scale = network.layers, momentum, 1.0
        self.lent = [(layer.weights, layer.biases) for layer in self.layers]
        self.parameters = np.empty(network.n_parameters, network.dtype)
        plain = [type(layer).fill_gradients is Layer.fill_gradients for layer in self.layers]
        self.wide = WIDE if batch_size > 1 else np.inf
        self.outer = batch_size == 1 and all(plain)
        self.velocities = np.zeros_like(self.parameters) if momentum else self.parameters
        self.gradients = self.velocities if self.outer else np.empty_like(self.parameters)
        self.views = self._views(self.gradients)
        for layer, (weights, biases) in zip(self.layers, self._views(self.parameters), strict=True):
            weights[:], biases[:] = layer.weights, layer.biases
            layer.weights, layer.biases = weights, biases
        for layer, gradients, is_plain in zip(self.layers, self.views, plain, strict=True):
            if type(layer).forward is Layer.forward:
                layer.forward = functools.partial(self._forward, layer)  # type: ignore[method-assign]
            if type(layer).dcost_dinputs is Layer.dcost_dinputs:
                layer.dcost_dinputs = functools.partial(self._dcost_dinputs, layer)  # type: ignore[method-assign]
            if is_plain:
                fill = functools.partial(self._keep, layer) if self.outer else functools.partial(self._fill, layer, *gradients)
                layer.fill_gradients = fill  # type: ignore[method-assign]

    def _views(self, flat: Array) -> list[tuple[Array, Array]]:
        """Return each layer's part of a flat array, as weights and biases."""
        views, start = [], 0
        for layer in self.layers:
            middle, end = start + layer.n_in * layer.n_out, start + (layer.n_in + 1) * layer.n_out
            order = "F" if layer.n_out >= self.wide else "C"
            views.append((flat[start:middle].reshape(layer.n_in, layer.n_out, order=order), flat[middle:end]))
            start = end
        return views

    def _forward(self, layer: Layer, inputs: Array) -> Array:
        """As ``Layer.forward``, for rows that need no check."""
        layer.inputs = inputs
        turned = not NARROW < layer.n_out < self.wide
        layer.net = np.dot(layer.weights.T, inputs.T).T if turned else np.dot(inputs, layer.weights)
        layer.net += layer.biases
        layer.out = ACTIVATIONS[layer.activation].function(layer.net)
        return layer.out

    def _fill(self, layer: Layer, weights: Array, biases: Array, dcost_dnet: Array) -> None:
        """As ``Layer.fill_gradients``, in place."""
        if layer.n_out >= self.wide:
            np.dot(dcost_dnet.T, layer.inputs, out=weights.T)
        else:
            np.dot(layer.inputs.T, dcost_dnet, out=weights)
        np.add.reduce(dcost_dnet, axis=0, out=biases)
        layer.dcost_dweights, layer.dcost_dbiases = weights, biases

    @staticmethod
    def _keep(layer: Layer, dcost_dnet: Array) -> None:
        """Make no gradients, and keep what they are the products of."""
        layer.dcost_dbiases = dcost_dnet[0]

    @staticmethod
    def _dcost_dinputs(layer: Layer, dcost_dnet: Array) -> Array:
        """As ``Layer.dcost_dinputs``, laid out in memory as the inputs are."""
        if layer.inputs.flags.c_contiguous:
            return np.dot(dcost_dnet, layer.weights.T)
        return np.dot(layer.weights, dcost_dnet.T).T

    def step(self, rate: float) -> None:
        """Update all parameters with the gradients that the layers have filled in.

        Parameters
        ----------
        rate : float
            The learning rate.
        """
        share = 1 / self.scale if self.momentum else -rate
        if self.outer:
            for layer, (weights, biases) in zip(self.layers, self.views, strict=True):
                if layer.n_out >= self.wide:
                    self.ger(share, layer.inputs[0], layer.dcost_dbiases, a=weights, overwrite_a=True)
                else:
                    self.ger(share, layer.dcost_dbiases, layer.inputs[0], a=weights.T, overwrite_a=True)
                biases += share * layer.dcost_dbiases
        else:
            for layer, (weights, biases) in zip(self.layers, self.views, strict=True):
                if layer.dcost_dweights is not weights or layer.dcost_dbiases is not biases:
                    weights[:], biases[:] = layer.dcost_dweights, layer.dcost_dbiases
            self.axpy(self.gradients, self.velocities, a=share)
        if self.momentum:
            self.axpy(self.velocities, self.parameters, a=-rate * self.scale)
            self.scale *= self.momentum
            if self.scale < TINY:
                self.velocities *= self.scale
                self.scale = 1.0

    def close(self) -> None:
        """Give the layers their own arrays back, with the new numbers in them."""
        for layer, (weights, biases) in zip(self.layers, self.lent, strict=True):
            weights[:], biases[:] = layer.weights, layer.biases
            layer.weights, layer.biases = weights, biases
            for name in ("forward", "fill_gradients", "dcost_dinputs"):
                vars(layer).pop(name, None)


def threads(at_most: int) -> contextlib.ExitStack:
    """Give the products at most so many threads, until the context is left.

    A BLAS that SciPy has brought along beside NumPy's gets a single one: its threads and NumPy's, which stay awake for
    a while after each product, would wait for each other's cores.

    Parameters
    ----------
    at_most : int

    Returns
    -------
    context manager
    """
    from threadpoolctl import ThreadpoolController

    pools = ThreadpoolController().select(user_api="blas")
    limits = contextlib.ExitStack()
    for pool in pools.info():
        scipys = any(part.startswith("scipy") for part in Path(pool["filepath"]).parts[-3:-1])
        number = 1 if scipys else min(at_most, pool["num_threads"])
        limits.enter_context(pools.select(filepath=[pool["filepath"]]).limit(limits=number))
    return limits
