"""JAX's side of each contest, on the CPU.

The step with its momentum is one compiled function, and the buffers of parameters and velocities are donated to it. It
fetches its rows itself, by index: to fetch them with NumPy and hand them over took longer for small batches.
"""

import functools
import os

os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks import shared
from tests.benchmarks.shared import MOMENTUM, RATE, network_of


def _net(parameters, rows):
    *hidden, (weights, biases) = parameters
    for w, b in hidden:
        rows = jax.nn.relu(rows @ w + b)
    return rows @ weights + biases


def _cost(parameters, rows, labels):
    log_out = jax.nn.log_softmax(_net(parameters, rows))
    return -jnp.take_along_axis(log_out, labels[:, None], axis=1).mean()


def _updated(parameters, velocities, rate, rows, labels):
    gradients = jax.grad(_cost)(parameters, rows, labels)
    velocities = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocities, gradients)
    return jax.tree.map(lambda p, v: p - rate * v, parameters, velocities), velocities


@functools.partial(jax.jit, donate_argnums=(0, 1))
def _step(parameters, velocities, rate, rows, labels, chosen):
    return _updated(parameters, velocities, rate, rows[chosen], labels[chosen])


@functools.partial(jax.jit, donate_argnums=(0, 1))
def _epoch(parameters, velocities, rate, rows, labels, order):
    def step(state, chosen):
        return _updated(*state, rate, rows[chosen], labels[chosen]), None

    return jax.lax.scan(step, (parameters, velocities), order)[0]


_gradients = jax.jit(jax.grad(_cost))
_classes = jax.jit(lambda parameters, rows: _net(parameters, rows).argmax(axis=1))


def _parameters(network):
    return [(jnp.array(layer.weights), jnp.array(layer.biases)) for layer in network.layers]


def _data(n):
    return jnp.array(shared.train_rows()[:n]), jnp.array(shared.labels(n), dtype=jnp.int32)


def train(sizes, batch_size, n, epochs=1, whole_epochs=False, rate=RATE, keep=False):
    """Train step by step, as most programs do; or with a whole epoch as one compiled loop, for whole batches only."""
    parameters, data, rng = _parameters(network_of(*sizes)), _data(n), np.random.default_rng(0)
    state, rate = (parameters, jax.tree.map(jnp.zeros_like, parameters)), jnp.float32(rate)

    def work():
        nonlocal state
        for _ in range(epochs):
            order = rng.permutation(n).astype(np.int32)
            if whole_epochs:
                state = _epoch(*state, rate, *data, order.reshape(-1, batch_size))
                continue
            for start in range(0, n, batch_size):
                state = _step(*state, rate, *data, order[start : start + batch_size])
        jax.block_until_ready(state)
        return jax.tree.map(np.array, state[0]) if keep else None

    return work


def gradients(sizes, n):
    parameters, data = _parameters(network_of(*sizes)), _data(n)
    return lambda: jax.tree.map(np.array, _gradients(parameters, *data))


def predict(sizes):
    parameters, rows = _parameters(network_of(*sizes)), jnp.array(shared.test_rows())
    return lambda: np.asarray(_classes(parameters, rows))


def products(sizes, batch_size, steps):
    """As ``ours.products``; all products of a step in one compiled function."""
    outs, slopes, weights = jax.tree.map(jnp.array, shared.operands(sizes, batch_size))

    @jax.jit
    def step(outs, slopes, weights):
        pairs = list(zip(outs[:-1], slopes[1:], weights, strict=True))
        return (
            [out @ w for out, _, w in pairs],
            [out.T @ slope for out, slope, _ in pairs],
            [slope @ w.T for _, slope, w in pairs[1:]],
        )

    def work():
        for _ in range(steps):
            jax.block_until_ready(step(outs, slopes, weights))

    return work
