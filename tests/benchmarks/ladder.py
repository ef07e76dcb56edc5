"""What each step on the way buys: the same work with it and without it, everything else alike."""

import contextlib
import math
from unittest import mock

import numpy as np

from mnist_scratch import augmentation, descent, threads, training
from tests.benchmarks import warps


class ReadableDescent:
    """The step as ``mnist_scratch.descent`` states it: array by array, and each gradient made anew."""

    def __init__(self, network, momentum, batch_size, pool):
        self.network, self.momentum = network, momentum
        self.arrays = [p for layer in network.layers for p in (layer.weights, layer.biases)]
        self.velocities = [np.zeros_like(p) for p in self.arrays]

    @property
    def parameters(self):
        return np.concatenate([p.ravel() for p in self.arrays])

    def step(self, rate):
        gradients = [g for layer in self.network.layers for g in (layer.dcost_dweights, layer.dcost_dbiases)]
        for k, gradient in enumerate(gradients):
            self.velocities[k] = self.momentum * self.velocities[k] + gradient
            self.arrays[k] -= rate * self.velocities[k]

    def close(self):
        pass


def written_down(network, momentum, batch_size, pool):
    """Return a ``Descent`` that takes a batch of one image as any other."""
    return descent.Descent(network, momentum, max(batch_size, 2), pool)


def readable_bilinear(images, y, x, out=None):
    """Read between pixels as it is explained: four neighbours, each weighted by nearness."""
    n, height, width = images.shape
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    y, x = np.clip(y, -1, height) + 1, np.clip(x, -1, width) + 1
    top, left = y.astype(int), x.astype(int)
    down, right, which = y - top, x - left, np.arange(n).reshape((n,) + (1,) * (y.ndim - 1))
    out = np.empty(y.shape, padded.dtype) if out is None else out
    out[:] = sum(
        padded[which, top + i, left + j] * (down if i else 1 - down) * (right if j else 1 - right)
        for i in (0, 1) for j in (0, 1)
    )  # fmt: skip
    return out


def readable_coordinates(fields):
    """Return a function that adds up fields which are written out: weights times a matrix, n_fields by 784."""
    written_out = warps.coordinates(np.eye(fields.n_fields, dtype=np.float32)[None], fields)[0]
    return lambda weights, _: np.tensordot(weights, written_out, axes=1)


def _blas_threads(network):
    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(training, "one_blas_thread", contextlib.nullcontext))
    stack.enter_context(mock.patch.object(threads, "HALVES", math.inf))
    return stack


FORMS = {
    "": lambda network: contextlib.nullcontext(),
    "one array": lambda network: mock.patch.object(training, "Descent", ReadableDescent),
    "slabs": lambda network: mock.patch.object(descent, "SLAB", network.n_parameters),
    "outer products": lambda network: mock.patch.object(training, "Descent", written_down),
    "threads of our own": _blas_threads,
    "batches ahead": lambda network: mock.patch.object(training, "_ahead", lambda made: made),
    "fields of two factors": lambda warp: mock.patch.object(
        augmentation, "_coordinates", readable_coordinates(warp.fields)
    ),
    "few passes": lambda warp: mock.patch.object(augmentation, warps.READER, readable_bilinear),
}
"""By the name of a step: a context in which the network, or the warp, is without it."""
