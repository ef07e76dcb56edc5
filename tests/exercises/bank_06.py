"""Right and wrong answers to the exercises of lesson 06."""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from mnist_scratch.course.banks import Bank
from mnist_scratch.datasets import load_mnist
from mnist_scratch.network import Network
from mnist_scratch.training import cosine, train


def cost_with(sizes_of, finish=lambda total, n_rows, batch_size: total / n_rows):
    def answer(costs, n_rows, batch_size):
        return finish((np.asarray(costs) * sizes_of(len(costs), n_rows, batch_size)).sum(), n_rows, batch_size)

    return answer


def sizes_right(n, n_rows, batch_size):
    return np.minimum(batch_size, n_rows - batch_size * np.arange(n))


def sizes_by_remainder(n, n_rows, batch_size):
    return np.append(np.full(n - 1, batch_size), n_rows % batch_size)


def cost_by_loop(costs, n_rows, batch_size):
    total, left = 0.0, n_rows
    for cost in costs:
        size = min(left, batch_size)
        total += cost * size
        left -= size
    return float(total / n_rows)


def cost_by_average(costs, n_rows, batch_size):
    ends = np.append(np.arange(0, n_rows, batch_size), n_rows)
    return np.average(costs, weights=np.diff(ends))


def momentum_in_lists(theta, slope_of, rate, momentum, n_steps):
    places, velocity = [theta.copy()], [0 * theta]
    for _ in range(n_steps):
        velocity.append(momentum * velocity[-1] + slope_of(places[-1]))
        places.append(places[-1] - rate * velocity[-1])
    return places[-1]


def momentum_without_velocity(theta, slope_of, rate, momentum, n_steps):
    before, now = theta, theta
    while n_steps > 0:
        before, now = now, now - rate * slope_of(now) + momentum * (now - before)
        n_steps -= 1
    return now


def momentum_with(velocity_of, step_of, extra=0, stale=False):
    def answer(theta, slope_of, rate, momentum, n_steps):
        velocity, start = np.zeros_like(theta), theta
        for _ in range(n_steps + extra):
            slope = slope_of(start if stale else theta)
            velocity = velocity_of(velocity, slope, rate, momentum)
            theta = step_of(theta, velocity, rate)
        return theta

    return answer


def momentum_in_place(theta, slope_of, rate, momentum, n_steps):
    velocity = np.zeros_like(theta)
    for _ in range(n_steps):
        velocity = momentum * velocity + slope_of(theta)
        theta -= rate * velocity
    return theta


def plus(v, g, r, m):
    return m * v + g


def down(theta, v, r):
    return theta - r * v


def curves_with(first, second, measured="error", late=True, learned=0):
    """Record piles `first` and `second` (0 training, 1 validation)."""

    def answer(learn, predict, training, validation, epochs):
        piles, found = (training, validation), ([], [])
        for _ in range(epochs):
            if late:
                learn(*piles[learned])
            for kept, which in zip(found, (first, second), strict=True):
                rows, labels = piles[which]
                share = np.mean(predict(rows) != labels)
                kept.append({"error": 100 * share, "share": share, "accuracy": 100 * (1 - share)}[measured])
            if not late:
                learn(*piles[learned])
        return found

    return answer


def curves_by_hand(learn, predict, training, validation, epochs):
    errors = np.zeros((2, epochs))
    for epoch in range(epochs):
        learn(training[0], training[1])
        for k, (rows, labels) in enumerate([training, validation]):
            errors[k, epoch] = sum(p != t for p, t in zip(predict(rows), labels, strict=True)) / len(labels) * 100
    return errors[0], errors[1]


def curves_as_tuple(learn, predict, training, validation, epochs):
    both = []
    for _ in range(epochs):
        learn(*training)
        both.append([100 - 100 * np.mean(predict(x) == t) for x, t in (training, validation)])
    return tuple(map(list, zip(*both, strict=True)))


@cache
def trained(sizes=(784, 16, 10), output="softmax", cost="cross_entropy", order=None, zero=False, seed=1, **recipe):
    train_pile = load_mnist(source="sample").train
    images, labels = train_pile.images, train_pile.labels
    network = Network.from_sizes(sizes, output=output, cost=cost, seed=seed)
    if zero:
        network.layers[0].weights[:] = 0
        network.layers[1].weights[:] = 0
    if order == "mixed up":
        labels = np.roll(labels, 1)
    recipe = {"epochs": 12, "learning_rate": 1.0, "schedule": cosine} | recipe
    if recipe["epochs"]:
        train(network, images, labels, progress=False, **recipe)
    return network


class Later(Sequence):
    """Answers that take a while to make: each is made when it is asked for."""

    def __init__(self, makers):
        self.makers = makers

    def __len__(self):
        return len(self.makers)

    def __getitem__(self, place):
        maker = self.makers[place]
        return (maker[0](), maker[1]) if isinstance(maker, tuple) else maker()


def predict_zeros(images):
    return np.zeros(len(images), dtype=int)


def spoilt():
    network = Network.from_sizes([784, 16, 10])
    network.layers[0].weights[0, 0] = np.nan
    return network


BANK = {
    "epoch_cost": Bank(
        right=[cost_with(sizes_right), cost_by_loop, cost_by_average],
        wrong=[
            (cost_with(lambda n, n_rows, size: size), r"the last batch is smaller"),
            (cost_with(sizes_by_remainder), r"n_rows % batch_size is 0"),
            (lambda costs, n_rows, size: np.mean(costs), r"that is the plain mean"),
            (lambda costs, n_rows, size: np.sum(costs), r"that is the plain sum"),
            (cost_with(lambda n, n_rows, size: sizes_right(n, n_rows, size)[::-1]), r"it is the last batch"),
            (cost_with(sizes_right, lambda total, n_rows, size: total), r"that is the sum over all rows"),
            (cost_with(sizes_right, lambda total, n_rows, size: total / size), r"divide by the number of rows"),
            (cost_with(lambda n, n_rows, size: np.diff(np.arange(0, n_rows, size))), r"every batch needs a size"),
        ],
    ),
    "momentum_steps": Bank(
        right=[momentum_in_lists, momentum_without_velocity, momentum_with(plus, down)],
        wrong=[
            (momentum_with(lambda v, g, r, m: m * v - r * g, lambda t, v, r: t - v), r"that is a step uphill"),
            (momentum_with(plus, lambda t, v, r: t + r * v), r"that is a step uphill"),
            (momentum_with(lambda v, g, r, m: g, down), r"the momentum has no effect"),
            (momentum_with(plus, down, stale=True), r"ask for the slope anew"),
            (momentum_with(lambda v, g, r, m: m * v + r * g, down), r"the rate is multiplied in twice"),
            (momentum_with(plus, lambda t, v, r: t - v), r"the learning rate has no effect"),
            (momentum_with(lambda v, g, r, m: m * v + (1 - m) * g, down), r"your velocity is a running mean"),
            (momentum_with(lambda v, g, r, m: g - m * v, down), r"the first step goes down"),
            (momentum_with(plus, down, extra=1), r"that is one step too many"),
            (momentum_in_place, r"write into the array"),
        ],
    ),
    "learning_curves": Bank(
        right=[curves_with(0, 1), curves_by_hand, curves_as_tuple],
        wrong=[
            (curves_with(1, 0), r"are the two curves swapped"),
            (curves_with(0, 0), r"both curves are measured on the training rows"),
            (curves_with(1, 1), r"both curves are measured on the validation rows"),
            (curves_with(0, 1, late=False), r"measure after the epoch"),
            (curves_with(0, 1, learned=1), r"your network learned from the validation rows"),
            (curves_with(0, 1, measured="share"), r"that is a share"),
            (curves_with(0, 1, measured="accuracy"), r"that is the accuracy"),
        ],
    ),
    "small_network": Bank(
        right=Later(
            [
                trained,
                partial(trained, output="sigmoid", seed=2, batch_size=16, learning_rate=0.5),
            ]
        ),
        wrong=Later(
            [
                (partial(Network.from_sizes, [784, 16, 10]), r"that is close to guessing|it answers \d nearly always"),
                (partial(Network.from_sizes, [784, 40, 10]), r"nearly all of them"),
                (partial(trained, zero=True, epochs=1, learning_rate=0.1), r"all hidden units have the same weights"),
                (partial(trained, order="mixed up", epochs=2), r"images and labels in the same order"),
                (
                    partial(trained, output="sigmoid", cost="squared_error", epochs=1, learning_rate=0.2),
                    r"the other cost",
                ),
                (partial(trained, epochs=1, learning_rate=0.01), r"train for longer"),
                (spoilt, r"training diverged"),
                (lambda: predict_zeros, r"hand in the network itself"),
            ]
        ),
    ),
}
