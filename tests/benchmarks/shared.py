"""What all sides of a contest begin with: the same images, the same first weights, the same rates."""

import functools
import itertools

import numpy as np

from mnist_scratch.datasets import load_mnist
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import preprocess

RATE, MOMENTUM = 0.001, 0.9

DEFORMATION = {"rotation": 10.0, "scale": 0.12, "shear": 0.1, "shift": 1.0, "alpha": 36.0, "sigma": 5.0}
RECIPE = {"epochs": 12, "batch_size": 32, "learning_rate": 0.02}
"""To 99.1 %: 784-800-10 with momentum 0.9, a cosine and DEFORMATION. On the last 5,000 training images it reaches
99.24 %, mean of three seeds."""

mnist = functools.cache(load_mnist)


@functools.cache
def train_rows():
    return preprocess(mnist().train.images)


@functools.cache
def test_rows():
    return preprocess(mnist().test.images)


def labels(n):
    return mnist().train.labels[:n].astype(np.int64)


def network_of(*sizes, seed=0):
    return Network.from_sizes(sizes, "relu", "softmax", "cross_entropy", seed=seed)


def operands(sizes, batch_size, seed=0):
    """Return random arrays to multiply, as a training step of this network does: outs, slopes, weights."""
    rng = np.random.default_rng(seed)

    def some(*shape):
        return rng.standard_normal(shape, dtype=np.float32)

    outs, slopes = ([some(batch_size, size) for size in sizes] for _ in range(2))
    return outs, slopes, [some(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)]
