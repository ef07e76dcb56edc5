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
import math
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

    Meanwhile the layers' weights and biases are parts of an array here, and the methods here make the layers' products:
    the same ones without the checks, some transposed, gradients in place. A layer's class that has methods of its own
    keeps them; ``step`` takes over the gradients that they fill in.

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

        self.add, self.add_outer = get_blas_funcs(("axpy", "ger"), dtype=network.dtype)
        self.layers, self.momentum, self.scale = network.layers, momentum, 1.0
        self.stepped, self.lent = False, [(layer.weights, layer.biases) for layer in self.layers]
        self.wide = WIDE if batch_size > 1 else math.inf
        self.outer = batch_size == 1 and all(
            type(layer).fill_gradients is Layer.fill_gradients for layer in self.layers
        )
        self.parameters = np.empty(network.n_parameters, network.dtype)
        self.velocities = np.zeros_like(self.parameters) if momentum else self.parameters
        self.gradients = self.velocities if self.outer else np.empty_like(self.parameters)
        self.views = self._views(self.gradients)
        for layer, gradients, parameters in zip(self.layers, self.views, self._views(self.parameters), strict=True):
            for view, values in zip(parameters, (layer.weights, layer.biases), strict=True):
                view[:] = values
            layer.weights, layer.biases = parameters
            lent = {
                "forward": functools.partial(self._forward, layer),
                "fill_gradients": functools.partial(self._keep if self.outer else self._fill, layer, *gradients),
                "dcost_dinputs": functools.partial(self._dcost_dinputs, layer),
            }
            vars(layer).update(
                {name: f for name, f in lent.items() if getattr(type(layer), name) is getattr(Layer, name)}
            )

    def _views(self, flat: Array) -> list[tuple[Array, Array]]:
        """Return each layer's part of a flat array, as weights and biases."""
        views, start = [], 0
        for layer in self.layers:
            middle, end = start + layer.n_in * layer.n_out, start + (layer.n_in + 1) * layer.n_out
            weights = flat[start:middle]
            if layer.n_out >= self.wide:
                views.append((weights.reshape(layer.n_out, layer.n_in).T, flat[middle:end]))
            else:
                views.append((weights.reshape(layer.n_in, layer.n_out), flat[middle:end]))
            start = end
        return views

    def _forward(self, layer: Layer, inputs: Array) -> Array:
        """As ``Layer.forward``, for rows that need no check."""
        layer.inputs = inputs
        transposed = not NARROW < layer.n_out < self.wide
        layer.net = np.dot(layer.weights.T, inputs.T).T if transposed else np.dot(inputs, layer.weights)
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

    def _keep(self, layer: Layer, weights: Array, biases: Array, dcost_dnet: Array) -> None:
        """Keep the one row's slopes for ``step``, in place of gradients."""
        layer.dcost_dbiases = dcost_dnet[0]

    def _dcost_dinputs(self, layer: Layer, dcost_dnet: Array) -> Array:
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
        self.stepped = True
        for layer, (weights, biases) in zip(self.layers, self.views, strict=True):
            if self.outer:
                self.add_outer(share, layer.dcost_dbiases, layer.inputs[0], a=weights.T, overwrite_a=True)
                biases += share * layer.dcost_dbiases
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

        What they hold as their gradients is that of the last step.
        """
        for layer, (weights, biases) in zip(self.layers, self.lent, strict=True):
            weights[:], biases[:] = layer.weights, layer.biases
            layer.weights, layer.biases = weights, biases
            for name in ("forward", "fill_gradients", "dcost_dinputs"):
                vars(layer).pop(name, None)
            if self.outer and self.stepped:
                layer.dcost_dweights = np.outer(layer.inputs[0], layer.dcost_dbiases)


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
