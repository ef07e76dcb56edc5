"""Our side of each contest: the public functions, with all that they check and record.

A function here, as in ``peers/``, prepares some work and returns it as a function without arguments.
"""

import contextlib

import numpy as np

from mnist_scratch.augmentation import RandomDeformation
from mnist_scratch.descent import Descent
from mnist_scratch.metrics import accuracy
from mnist_scratch.preprocessing import one_hot, to_float
from mnist_scratch.threads import Threads, check_threads, one_blas_thread, product, sharing_products
from mnist_scratch.training import cosine
from mnist_scratch.training import train as train_network
from tests.benchmarks import ladder, shared, warps
from tests.benchmarks.shared import MOMENTUM, RATE, network_of


def train(sizes, batch_size, n, epochs=1, threads=None, without="", augment=False, rate=RATE, keep=False):
    """Train on the first n images; ``without`` a step of the ladder. ``keep``: return the parameters."""
    network, labels = network_of(*sizes), shared.labels(n)
    images = shared.mnist().train.images[:n] if augment else shared.train_rows()[:n]
    deform = RandomDeformation(**shared.DEFORMATION) if augment else None

    def work():
        with ladder.FORMS[without](network):
            train_network(
                network, images, labels, epochs=epochs, batch_size=batch_size, learning_rate=rate, momentum=MOMENTUM,
                augment=deform, progress=False, threads=threads,
            )  # fmt: skip
        return [(layer.weights, layer.biases) for layer in network.layers] if keep else None

    return work


def gradients(sizes, n):
    network = network_of(*sizes)

    def work():
        network.gradients(shared.train_rows()[:n], one_hot(shared.labels(n)))
        return [(layer.dcost_dweights, layer.dcost_dbiases) for layer in network.layers]

    return work


def predict(sizes, threads=None):
    network, rows = network_of(*sizes), shared.test_rows()
    return lambda: network.predict(rows, threads=threads)


def warp(n, without=""):
    warp = warps.Warp(to_float(shared.mnist().train.images[:n]))

    def work():
        with ladder.FORMS[without](warp):
            return warp.ours()

    return work


def products(sizes, batch_size, steps):
    """The matrix products of so many steps and nothing else, each one whole, by NumPy with its BLAS as it comes."""
    outs, slopes, weights = shared.operands(sizes, batch_size)
    nets, sums = [np.empty_like(out) for out in outs], [np.empty_like(w) for w in weights]

    def work():
        for _ in range(steps):
            for k, w in enumerate(weights):
                np.matmul(outs[k], w, out=nets[k + 1])
            for k in reversed(range(len(weights))):
                np.matmul(outs[k].T, slopes[k + 1], out=sums[k])
                if k:
                    np.matmul(slopes[k + 1], weights[k].T, out=nets[k])

    return work


def least(hidden, batch_size, n, epochs, threads=None):
    """What no step can do without, in our own way: fetch the images, make the products, update the parameters.

    Left out are biases, activations, slopes, cost and accuracy.
    """
    network, rows, rng = network_of(784, hidden, 10), shared.train_rows()[:n], np.random.default_rng(0)
    first_slopes, second_slopes = (
        rng.standard_normal((batch_size, layer.n_out), dtype=np.float32) for layer in network.layers
    )

    def work():
        with (
            one_blas_thread(),
            Threads(check_threads(threads, "least")) as pool,
            sharing_products(pool),
            contextlib.closing(Descent(network, MOMENTUM, batch_size, pool)) as descent,
        ):
            (first, second), ((for_first, _), (for_second, _)) = descent.network.layers, descent.windows
            for _ in range(epochs):
                order = rng.permutation(n)
                for start in range(0, n, batch_size):
                    batch = rows.take(order[start : start + batch_size], axis=0)
                    hidden_out = product(batch, first.weights)
                    product(hidden_out, second.weights)
                    product(hidden_out.T, second_slopes, out=for_second)
                    product(second_slopes, second.weights.T)
                    product(batch.T, first_slopes, out=for_first)
                    descent.step(1e-9)

    return work


def race(seed):
    """Train by the recipe to 99.1 %, and return a function that measures the accuracy on the test images."""
    images, labels = shared.mnist().train.images, shared.mnist().train.labels
    network, test = network_of(784, 800, 10, seed=seed), shared.test_rows()

    def measure():
        return accuracy(shared.mnist().test.labels, network.predict(test))

    def work():
        train_network(network, images, labels, momentum=MOMENTUM, schedule=cosine, seed=seed, progress=False,
                      augment=RandomDeformation(**shared.DEFORMATION), **shared.RECIPE)  # fmt: skip
        return measure

    return work
