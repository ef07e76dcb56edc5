"""The step of gradient descent: the gradient of a batch, and the update of all parameters with it.

    velocity = momentum * velocity + gradient
    parameter = parameter - rate * velocity

The parameters of all layers lie in one array, and so do gradients and velocities; the layers hold windows on them. So
an update is a few lines of array arithmetic, whatever the network. They go through the arrays slab by slab: a slab is
small enough to stay in the processor's cache until the last line has used it, and several threads can take turns.

Where each batch is a single image, a gradient is the outer product of two vectors (lesson 05). It is then never
written down, but added where it is due.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.layers import Layer
from mnist_scratch.network import Network
from mnist_scratch.threads import Threads

Array = NDArray[np.floating[Any]]

SLAB = 32_768
"""Numbers that are updated at a time: 128 kB of float32."""

SHARED = 300_000
"""Parameters from which on an update is shared among threads: with fewer, waking them costs what it saves."""


class Descent:
    """The steps of one training run.

    Parameters
    ----------
    network : Network
        Its parameters are changed by ``step``, in place.
    momentum : float
        0 to below 1.
    batch_size : int
        With 1, gradients are not written down, if the network has no layers but ``Layer``.
    pool : Threads
        Who shares large products and updates.

    Attributes
    ----------
    network : Network
        The one that learns: a double of the one given, or that one itself where a layer is of the reader's own.
    parameters, gradients, velocities : arrays, (n_parameters,)
    """

    def __init__(self, network: Network, momentum: float, batch_size: int, pool: Threads) -> None:
        self.momentum, self.pool, self.plain = momentum, pool, network.is_plain
        self.outer = self.plain and batch_size == 1
        self.parameters = network.join_parameters()
        self.gradients = np.zeros_like(self.parameters)
        self.velocities = np.zeros_like(self.parameters) if momentum else self.gradients
        self.given, self.network = network, network.double() if self.plain else network
        self.windows = network.windows(self.gradients)
        self.targets = network.windows(self.velocities if momentum else self.parameters)
        for layer, window in zip(self.network.layers, self.windows, strict=True):
            if self.outer:
                layer.fill_gradients = functools.partial(_keep_factors, layer)
            elif self.plain:
                layer.gradient_memory = window

    def step(self, rate: float) -> None:
        """Update all parameters with the gradient that the layers have found last.

        Parameters
        ----------
        rate : float
            The learning rate.
        """
        if self.outer:
            self._add_outer_products(rate)
            return
        if not self.plain:
            self._fetch()
        n = len(self.parameters)
        share = -(-n // self.pool.number) if n >= SHARED else n
        parts = [(start, min(start + share, n)) for start in range(0, n, share)]
        self.pool.run([functools.partial(self._update, *part, rate) for part in parts])

    def _update(self, start: int, end: int, rate: float) -> None:
        change = np.empty(SLAB, self.parameters.dtype)
        for first in range(start, end, SLAB):
            slab = slice(first, min(first + SLAB, end))
            velocity, parameters = self.velocities[slab], self.parameters[slab]
            if self.momentum:
                velocity *= self.momentum
                velocity += self.gradients[slab]
            parameters -= np.multiply(velocity, rate, out=change[: len(velocity)])

    def _add_outer_products(self, rate: float) -> None:
        """Update with the gradients of a single image, which are outer products: BLAS's ger adds one in place."""
        from scipy.linalg.blas import get_blas_funcs

        add, add_outer = get_blas_funcs(("axpy", "ger"), dtype=self.parameters.dtype)
        factor = 1.0 if self.momentum else -rate
        if self.momentum:
            self.velocities *= self.momentum
        for layer, (weights, biases) in zip(self.network.layers, self.targets, strict=True):
            inputs, dcost_dnet = layer.factors
            add_outer(factor, dcost_dnet, inputs, a=weights.T, overwrite_a=True)
            biases += factor * dcost_dnet
        if self.momentum:
            add(self.velocities, self.parameters, a=-rate)

    def close(self) -> None:
        """Leave the given network's layers with what the last step saw and found."""
        for layer, learnt in zip(self.given.layers, self.network.layers, strict=True):
            if layer is learnt or not hasattr(learnt, "out"):
                continue
            layer.inputs, layer.net, layer.out = learnt.inputs, learnt.net, learnt.out
            if hasattr(learnt, "factors"):
                learnt.dcost_dweights, learnt.dcost_dbiases = np.outer(*learnt.factors), learnt.factors[1]
            if hasattr(learnt, "dcost_dweights"):
                layer.dcost_dweights, layer.dcost_dbiases = learnt.dcost_dweights, learnt.dcost_dbiases

    def _fetch(self) -> None:
        """Take gradients, and parameters that a layer has exchanged for others, from layers of the reader's own."""
        for k, (layer, (weights, biases)) in enumerate(zip(self.network.layers, self.windows, strict=True)):
            for name, window in (("dcost_dweights", weights), ("dcost_dbiases", biases)):
                gradient: Any = getattr(layer, name, None)
                if np.shape(gradient) != window.shape:
                    raise ValueError(
                        f"backward of layer {k} must fill {name}, of shape {window.shape}; it is "
                        f"{'missing' if gradient is None else f'of shape {np.shape(gradient)}'} (train)."
                    )
                window[...] = gradient
        self.parameters = self.network.join_parameters()


def _keep_factors(layer: Layer, dcost_dnet: Array) -> None:
    """In place of ``fill_gradients``: keep the two vectors whose outer product the gradient is."""
    layer.factors = layer.inputs[0], dcost_dnet[0]  # type: ignore[attr-defined]
