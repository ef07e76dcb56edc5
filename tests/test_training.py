"""Training: that it learns, that it repeats, and what it refuses."""

import json
import threading

import numpy as np
import pytest

from mnist_scratch.augmentation import RandomRotation
from mnist_scratch.costs import SquaredError
from mnist_scratch.descent import Descent
from mnist_scratch.layers import Layer
from mnist_scratch.metrics import accuracy
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot, preprocess
from mnist_scratch.threads import Threads
from mnist_scratch.training import DivergenceError, History, cosine, train


@pytest.fixture
def pictures():
    """Small pictures that are easy to tell apart: a bright column whose place is the label."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 203).astype(np.uint8)
    images = rng.integers(0, 60, (203, 6, 6), dtype=np.uint8)
    images[np.arange(203), :, labels] = 250
    return images, labels


def make(seed=0, **options):
    return Network.from_sizes([36, 8, 4], seed=seed, **options)


def weights_of(network):
    return np.concatenate([p.ravel() for layer in network.layers for p in (layer.weights, layer.biases)])


def test_it_learns(pictures):
    network = make()
    history = train(network, *pictures, epochs=20, learning_rate=1.0, batch_size=16, progress=False)
    assert accuracy(pictures[1], network.predict(preprocess(pictures[0]))) > 0.98
    assert history.cost[-1] < history.cost[0] / 4
    assert history.epoch == list(range(1, 21))
    assert history.accuracy[-1] > history.accuracy[0]
    assert len(history.seconds) == 20


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("shared", [0, 332, 333])  # of 332 parameters: in shares, just so, and in one piece
@pytest.mark.parametrize("slab", [1, 50, 332, 1000])
def test_however_a_step_is_shared_each_parameter_moves_once(number, shared, slab, monkeypatch):
    monkeypatch.setattr("mnist_scratch.descent.SHARED", shared)
    monkeypatch.setattr("mnist_scratch.descent.SLAB", slab)
    parts = []
    with Threads(number) as pool:
        descent = Descent(make(), momentum=0.0, batch_size=2, pool=pool)
        assert len(descent.parameters) == 332
        before = descent.parameters.copy()
        descent.gradients[:] = np.arange(332)
        update = descent._update
        monkeypatch.setattr(descent, "_update", lambda *part: (parts.append(part), update(*part)))
        descent.step(0.5)
    np.testing.assert_array_equal(descent.parameters, before - np.float32(0.5) * np.arange(332, dtype=np.float32))
    assert len(parts) == (number if shared <= 332 else 1)


@pytest.mark.parametrize("batch_size", [1, 50, 203, 1000])
def test_the_history_counts_each_image_once(pictures, batch_size):
    network, rows = make(seed=7), preprocess(pictures[0])
    cost, right = network.mean_cost(rows, one_hot(pictures[1], 4)), accuracy(pictures[1], network.predict(rows))
    assert 0.1 < right < 0.9
    history = train(
        network, *pictures, epochs=2, learning_rate=1e-9, batch_size=batch_size, validation=pictures, progress=False
    )
    assert history.accuracy == history.validation_accuracy == [right, right]
    assert history.cost == pytest.approx([cost, cost], rel=1e-6)
    assert history.epoch == [1, 2]
    assert history.learning_rate == [1e-9, 1e-9]


def network_of_all_widths(dtype):
    """A wide layer, two of neither kind, a narrow one."""
    return Network.from_sizes([36, 128, 40, 20, 4], "tanh", "softmax", "cross_entropy", seed=3, dtype=dtype)


def by_hand(network, rows, targets, batch_size, rate, momentum, epochs=1, seed=0):
    """Train with the readable ``gradients`` and the loop in its simplest form."""
    order_rng, velocity = np.random.default_rng(seed).spawn(2)[0], {}
    for _ in range(epochs):
        order = order_rng.permutation(len(rows))
        for start in range(0, len(rows), batch_size):
            chosen = order[start : start + batch_size]
            network.gradients(rows[chosen], targets[chosen])
            for k, layer in enumerate(network.layers):
                for name in ("weights", "biases"):
                    velocity[k, name] = momentum * velocity.get((k, name), 0) + getattr(layer, f"dcost_d{name}")
                    setattr(layer, name, getattr(layer, name) - rate * velocity[k, name])
    return network


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("batch_size", [1, 2, 50])
@pytest.mark.parametrize(
    "make_network",
    [
        lambda dtype: make(dtype=dtype),
        network_of_all_widths,
        lambda dtype: Network.from_sizes([36, 1, 4], dtype=dtype),
        lambda dtype: Network.from_sizes([36, 4], "identity", "softmax", "cross_entropy", dtype=dtype),
    ],
)
def test_it_is_plain_gradient_descent_written_out(pictures, momentum, batch_size, make_network):
    """The fast step against the readable one, for layers of every width, and for a last batch that is smaller."""
    rows, targets = preprocess(pictures[0]).astype(np.float64), one_hot(pictures[1], 4)
    network, expected = make_network(np.float64), make_network(np.float64)
    history = train(network, *pictures, epochs=2, batch_size=batch_size, learning_rate=0.02, momentum=momentum,
                    seed=5, progress=False)  # fmt: skip
    by_hand(expected, rows, targets, batch_size, 0.02, momentum, epochs=2, seed=5)
    np.testing.assert_allclose(weights_of(network), weights_of(expected), rtol=1e-7, atol=1e-11)
    assert history.cost[1] < history.cost[0]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_velocities_are_multiplied_out_before_their_scale_vanishes(pictures, batch_size):
    """Momentum 0.1: unscaled, float32 would have overflowed after 38 steps."""
    network, expected = make(), make(dtype=np.float64)
    images, labels = pictures[0][:150], pictures[1][:150]
    train(network, images, labels, batch_size=batch_size, learning_rate=0.3, momentum=0.1, progress=False)
    by_hand(expected, preprocess(images).astype(np.float64), one_hot(labels, 4), batch_size, 0.3, 0.1)
    np.testing.assert_allclose(weights_of(network), weights_of(expected), atol=2e-5)


@pytest.mark.parametrize("batch_size", [1, 20])
@pytest.mark.parametrize("make_network", [make, lambda: network_of_all_widths(np.float32)])
def test_the_layers_keep_their_own_arrays_and_methods(pictures, batch_size, make_network):
    network = make_network()
    arrays = [p for layer in network.layers for p in (layer.weights, layer.biases)]
    before = weights_of(network)
    train(network, *pictures, batch_size=batch_size, progress=False)
    assert all(
        p is q for p, q in zip(arrays, (p for la in network.layers for p in (la.weights, la.biases)), strict=True)
    )
    assert not np.array_equal(weights_of(network), before)
    assert not {"forward", "fill_gradients", "dcost_dinputs"} & set(vars(network.layers[0]))


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_layers_are_left_with_the_gradients_of_the_last_step(pictures, batch_size, momentum):
    network, expected = (network_of_all_widths(np.float64) for _ in range(2))
    images, labels = pictures[0][:15], pictures[1][:15]
    train(network, images, labels, batch_size=batch_size, momentum=momentum, validation=pictures, progress=False)
    by_hand(expected, preprocess(images).astype(np.float64), one_hot(labels, 4), batch_size, 0.1, momentum)
    for layer, other in zip(network.layers, expected.layers, strict=True):
        np.testing.assert_allclose(layer.dcost_dweights, other.dcost_dweights, atol=1e-12)
        np.testing.assert_allclose(layer.dcost_dbiases, other.dcost_dbiases, atol=1e-12)


def test_a_training_that_fails_before_its_first_step_leaves_the_gradients_alone(pictures):
    def fails(images, rng):
        raise RuntimeError("not today")

    network = make()
    network.gradients(preprocess(pictures[0]), one_hot(pictures[1], 4))
    before = [layer.dcost_dweights for layer in network.layers]
    with pytest.raises(RuntimeError, match="not today"):
        train(network, *pictures, batch_size=1, augment=fails, progress=False)
    assert all(layer.dcost_dweights is gradient for layer, gradient in zip(network.layers, before, strict=True))


@pytest.mark.parametrize("batch_size", [1, 20])
def test_a_layer_that_finds_its_gradients_in_its_own_way_may(pictures, batch_size):
    class Frozen(Layer):
        def fill_gradients(self, dcost_dnet):
            super().fill_gradients(dcost_dnet)
            self.dcost_dweights, self.dcost_dbiases = 0 * self.dcost_dweights, 0 * self.dcost_dbiases

    network = Network([Frozen(36, 128), Layer(128, 4)])
    first, second = (layer.weights.copy() for layer in network.layers)
    train(network, *pictures, batch_size=batch_size, momentum=0.5, progress=False)
    np.testing.assert_array_equal(network.layers[0].weights, first)
    assert not np.array_equal(network.layers[1].weights, second)


@pytest.mark.parametrize("batch_size", [1, 20])
def test_methods_given_to_a_layer_itself_are_used_and_kept(pictures, batch_size):
    network, calls = make(), []
    layer = network.layers[0]

    def counted(inputs):
        calls.append(len(inputs))
        return Layer.forward(layer, inputs)

    layer.forward = counted
    train(network, *pictures, batch_size=batch_size, progress=False)
    assert sum(calls) == 203
    assert layer.forward is counted


@pytest.mark.parametrize("batch_size", [1, 20])
def test_a_layer_that_goes_its_own_way_forward_and_back_may(pictures, batch_size):
    """Half of each output, and so half of each slope: the same network as one with a cost of its own."""

    class Halved(Layer):
        def forward(self, inputs):
            self.out = super().forward(inputs) / 2
            return self.out

        def dcost_dinputs(self, dcost_dnet):
            return super().dcost_dinputs(dcost_dnet) / 2

    def build():
        layers = [Layer(36, 8, rng=np.random.default_rng(1)), Halved(8, 6, "identity", np.random.default_rng(2))]
        return Network([*layers, Layer(6, 4, rng=np.random.default_rng(3))])

    network, expected = build(), build()
    train(network, *pictures, batch_size=batch_size, momentum=0.5, progress=False)
    by_hand(expected, preprocess(pictures[0]), one_hot(pictures[1], 4), batch_size, 0.1, 0.5)
    np.testing.assert_allclose(weights_of(network), weights_of(expected), atol=1e-5)


def test_a_batch_size_beyond_all_images_is_one_batch(pictures):
    network, expected = make(), make()
    train(network, *pictures, batch_size=10**12, progress=False)
    train(expected, *pictures, batch_size=203, progress=False)
    np.testing.assert_array_equal(weights_of(network), weights_of(expected))


@pytest.mark.parametrize("batch_size", [1, 20])
def test_a_cost_and_a_layer_that_count_in_double_precision_may(pictures, batch_size):
    """As a cost does that weights the classes by an array of NumPy's default type."""

    class Weighted(SquaredError):
        def dcost_dout(self, out, targets):
            return super().dcost_dout(out, targets) * np.ones(4)

    class Double(Layer):
        def forward(self, inputs):
            return super().forward(inputs).astype(np.float64)

    network, expected = make(), make()
    network.cost = Weighted()
    network.layers[0].__class__ = Double
    train(network, *pictures, batch_size=batch_size, progress=False)
    train(expected, *pictures, batch_size=batch_size, progress=False)
    np.testing.assert_allclose(weights_of(network), weights_of(expected), atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_one_step_of_weight_decay_by_hand(pictures, momentum):
    """weights = (1 - rate * decay) * weights - rate * gradient; biases do without the factor."""
    rows, targets = preprocess(pictures[0]).astype(np.float64), one_hot(pictures[1], 4)
    network, by_hand = make(dtype=np.float64), make(dtype=np.float64)
    for layer in (*network.layers, *by_hand.layers):
        layer.biases[:] = 0.3
    train(
        network, rows, targets, batch_size=203, learning_rate=0.3, weight_decay=0.1, momentum=momentum, progress=False
    )
    by_hand.gradients(rows, targets)
    for trained, layer in zip(network.layers, by_hand.layers, strict=True):
        shrunk = (1 - 0.3 * 0.1) * layer.weights
        np.testing.assert_allclose(trained.weights, shrunk - 0.3 * layer.dcost_dweights, rtol=1e-9)
        np.testing.assert_allclose(trained.biases, layer.biases - 0.3 * layer.dcost_dbiases, rtol=1e-9)


def test_weight_decay_is_the_gradient_of_the_squared_weights(pictures):
    """Without momentum: the same as adding decay * weights to each gradient, also where the rate falls."""
    rows, targets = preprocess(pictures[0]).astype(np.float64), one_hot(pictures[1], 4)
    network, by_hand = make(dtype=np.float64), make(dtype=np.float64)
    options = {"epochs": 3, "batch_size": 50, "learning_rate": 0.3, "schedule": cosine, "seed": 5}
    train(network, rows, targets, weight_decay=0.05, progress=False, **options)

    class Decaying(Layer):
        def fill_gradients(self, dcost_dnet):
            super().fill_gradients(dcost_dnet)
            self.dcost_dweights = self.dcost_dweights + 0.05 * self.weights

    for layer in by_hand.layers:
        layer.__class__ = Decaying
    train(by_hand, rows, targets, progress=False, **options)
    np.testing.assert_allclose(weights_of(network), weights_of(by_hand), rtol=1e-9)


def test_weight_decay_makes_weights_smaller_and_none_is_none(pictures):
    plain, none, decayed = make(), make(), make()
    train(plain, *pictures, epochs=5, progress=False)
    train(none, *pictures, epochs=5, weight_decay=0.0, progress=False)
    train(decayed, *pictures, epochs=5, weight_decay=0.05, progress=False)
    np.testing.assert_array_equal(weights_of(plain), weights_of(none))
    assert np.linalg.norm(decayed.layers[0].weights) < 0.9 * np.linalg.norm(plain.layers[0].weights)


def test_each_image_is_seen_once_an_epoch_also_with_a_smaller_last_batch(pictures):
    images, labels = pictures
    images[:, 0, 0] = np.arange(203)  # each image carries its number
    seen = []
    network = make()

    class Spy(Layer):
        def forward(self, rows):
            seen.append(np.rint((rows[:, 0] * 0.30811 + 0.13066) * 255).astype(int))
            return super().forward(rows)

    network.layers[0].__class__ = Spy
    train(network, images, labels, epochs=2, batch_size=64, progress=False)
    assert [len(batch) for batch in seen] == [64, 64, 64, 11] * 2
    first, second = np.concatenate(seen[:4]), np.concatenate(seen[4:])
    np.testing.assert_array_equal(np.sort(first), np.arange(203))
    np.testing.assert_array_equal(np.sort(second), np.arange(203))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("options", [{}, {"augment": RandomRotation(-20, 20)}, {"batch_size": 1}])
def test_the_same_seed_gives_the_same_network_bit_for_bit(pictures, options):
    results = []
    for seed in (1, 1, 2):
        network = make()
        history = train(network, *pictures, seed=seed, progress=False, validation=pictures, **options)
        results.append((weights_of(network), history))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    assert not np.array_equal(results[0][0], results[2][0])


def test_float32_stays_float32_and_the_arguments_stay_as_they_were(pictures):
    images, labels = pictures[0].copy(), pictures[1].copy()
    network = make()
    train(network, *pictures, momentum=0.9, progress=False)
    assert weights_of(network).dtype == np.float32
    np.testing.assert_array_equal(images, pictures[0])
    np.testing.assert_array_equal(labels, pictures[1])


def test_images_and_their_rows_give_the_same(pictures):
    from_images, from_rows = make(), make()
    train(from_images, *pictures, progress=False)
    train(from_rows, preprocess(pictures[0]), pictures[1], progress=False)
    np.testing.assert_array_equal(weights_of(from_images), weights_of(from_rows))


def test_labels_and_their_one_hot_rows_give_the_same(pictures):
    from_labels, from_targets = make(), make()
    train(from_labels, *pictures, progress=False)
    history = train(from_targets, pictures[0], one_hot(pictures[1], 4), progress=False)
    np.testing.assert_array_equal(weights_of(from_labels), weights_of(from_targets))
    assert history.accuracy == []


def test_augmentation_sees_images_between_0_and_1_and_not_the_validation(pictures):
    calls = []

    def darken(images, rng):
        calls.append((images.dtype, images.shape, float(images.min()) >= 0, float(images.max()) <= 1))
        return images * np.float32(rng.uniform(0.9, 1))

    train(make(), *pictures, batch_size=100, augment=darken, validation=pictures, progress=False)
    assert calls == [(np.float32, (n, 6, 6), True, True) for n in (100, 100, 3)]


def threads():
    return [thread for thread in threading.enumerate() if "mnist_scratch" in thread.name]


def test_augmenting_ahead_gives_the_same_bit_for_bit(pictures):
    warp, names = RandomRotation(-20, 20), []

    def watched(images, rng):
        names.append(threading.current_thread().name)
        return warp(images, rng)

    results = []
    for n_threads in (2, 1):
        network = make()
        history = train(
            network, *pictures, epochs=3, augment=watched, validation=pictures, progress=False, threads=n_threads
        )
        results.append((weights_of(network), history))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    assert [name.startswith("mnist_scratch-augment") for name in names] == [True] * 21 + [False] * 21
    assert threads() == []


def test_one_core_augments_without_a_second_thread(pictures, monkeypatch):
    monkeypatch.setattr("mnist_scratch.threads.n_cores", lambda: 1)
    names = set()

    def watched(images, rng):
        names.add(threading.current_thread().name)
        return images

    train(make(), *pictures, augment=watched, progress=False)
    assert names == {threading.main_thread().name}


@pytest.mark.parametrize("n_threads", [2, 1])
def test_an_augmentations_error_comes_after_the_same_steps(pictures, n_threads):
    """And with the caller's np.errstate, which belongs to a thread."""
    calls = []

    def fails(images, rng):
        calls.append(np.float32(3e38) * np.float32(len(images)))  # an overflow, which train keeps quiet
        if len(calls) == 3:
            raise RuntimeError("no third batch")
        return images

    network, two_steps = make(), make()
    with pytest.raises(RuntimeError, match="no third batch"):
        train(network, *pictures, batch_size=50, augment=fails, progress=False, threads=n_threads)
    order = np.random.default_rng(0).spawn(2)[0].permutation(203)[:100]
    rows, targets = preprocess(pictures[0]), one_hot(pictures[1], 4)
    for chosen in (order[:50], order[50:]):
        two_steps.gradients(rows[chosen], targets[chosen])
        for layer in two_steps.layers:
            layer.weights -= 0.1 * layer.dcost_dweights
            layer.biases -= 0.1 * layer.dcost_dbiases
    np.testing.assert_allclose(weights_of(network), weights_of(two_steps), atol=1e-6)
    assert threads() == []


def test_ctrl_c_leaves_no_thread(pictures):
    def interrupted(progress):
        if progress > 0.5:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        train(make(), *pictures, augment=RandomRotation(0, 9), schedule=interrupted, threads=2, progress=False)
    assert threads() == []


def test_an_augmentation_that_does_nothing_changes_nothing(pictures):
    plain, augmented = make(), make()
    train(plain, *pictures, progress=False)
    train(augmented, *pictures, augment=lambda images, rng: images, progress=False)
    np.testing.assert_allclose(weights_of(plain), weights_of(augmented), atol=1e-6)


def test_validation_is_measured_after_each_epoch(pictures):
    network = make()
    history = train(network, *pictures, epochs=3, validation=pictures, progress=False)
    rows = preprocess(pictures[0])
    assert history.validation_accuracy[-1] == accuracy(pictures[1], network.predict(rows))
    assert history.validation_cost[-1] == pytest.approx(network.mean_cost(rows, one_hot(pictures[1], 4)), rel=1e-6)
    assert len(history.validation_cost) == 3


def test_the_schedule_scales_the_rate(pictures):
    seen = []

    def schedule(progress):
        seen.append(progress)
        return 1 - progress

    history = train(make(), *pictures, epochs=2, batch_size=101, learning_rate=0.5, schedule=schedule, progress=False)
    np.testing.assert_allclose(seen, np.arange(6) / 6)
    np.testing.assert_allclose(history.learning_rate, [0.5 * (1 - 2 / 6), 0.5 * (1 - 5 / 6)])
    still = make()
    train(still, *pictures, schedule=lambda progress: 0.0, progress=False)
    np.testing.assert_array_equal(weights_of(still), weights_of(make()))


def test_cosine_falls_from_1_to_0():
    np.testing.assert_allclose([cosine(x) for x in (0, 0.5, 1)], [1, 0.5, 0], atol=1e-15)


def test_a_run_that_diverges_stops_and_says_where(pictures):
    network = Network.from_sizes([36, 8, 4], "identity", "identity")
    with pytest.raises(
        DivergenceError, match=r"the cost is (inf|nan) at step \d+ of 35 .*smaller learning_rate \(it was 50\)"
    ) as caught:
        train(network, *pictures, epochs=5, learning_rate=50, progress=False)
    assert isinstance(caught.value.history, History)


def test_weights_that_overflow_at_the_very_last_step_are_noticed(pictures):
    network = Network.from_sizes([36, 4], output="identity")
    with pytest.raises(DivergenceError, match="a weight is no longer finite after step 1 of 1"):
        train(network, *pictures, batch_size=203, learning_rate=1e39, progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 to 1,000,000; it is 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number above 0"),
        ({"learning_rate": 0}, "learning_rate must be finite and above 0; it is 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be finite"),
        ({"momentum": 1.0}, "momentum must be from 0 to below 1"),
        ({"momentum": -0.1}, "momentum must be from 0 to below 1"),
        ({"weight_decay": -0.1}, "weight_decay must be 0 or more, .*; it is -0.1"),
        ({"weight_decay": float("nan")}, "weight_decay must be 0 or more, .*; it is nan"),
        ({"weight_decay": float("inf")}, "weight_decay must be 0 or more"),
        (
            {"weight_decay": 2.0, "learning_rate": 0.5},
            "times learning_rate below 1, or weights change sign; it is 2.0",
        ),
        ({"augment": lambda images, rng: images[:, :5]}, r"augment must return float images of the shape it was given"),
    ],
)
def test_bad_options_are_refused(pictures, options, message):
    with pytest.raises(ValueError, match=message):
        train(make(), *pictures, progress=False, **options)


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (np.zeros((3, 36)), [0, 1], ValueError, "one length above 0; they have 3 and 2"),
        (np.zeros((0, 36)), [], ValueError, "one length above 0"),
        (np.zeros((2, 6, 6)), [0, 1], TypeError, "must be uint8; they are float64"),
        (np.zeros((2, 35)), [0, 1], ValueError, r"rows of 36 numbers.*shape is \(2, 35\)"),
        (np.zeros((2, 5, 5), dtype=np.uint8), [0, 1], ValueError, r"rows of 36 numbers.*shape is \(2, 5, 5\)"),
        (np.full((2, 36), np.nan), [0, 1], ValueError, "images must be finite numbers; the value at position"),
        (np.zeros((2, 36)), [0, 4], ValueError, "labels must be integers from 0 to 3; label 4 is at position 1"),
        (np.zeros((2, 36)), [0.0, 1.0], TypeError, "labels must be integers"),
        (np.zeros((2, 36)), np.zeros((2, 3)), ValueError, r"targets must have shape \(2, 4\)"),
        (np.zeros((2, 36)), np.full((2, 4), np.inf), ValueError, "targets must be finite"),
    ],
)
def test_bad_data_are_refused_before_anything_changes(images, labels, error, message):
    network = make()
    with pytest.raises(error, match=message):
        train(network, images, np.array(labels), progress=False)
    np.testing.assert_array_equal(weights_of(network), weights_of(make()))


def test_augmentation_wants_images(pictures):
    with pytest.raises(ValueError, match="must be uint8 of shape"):
        train(make(), preprocess(pictures[0]), pictures[1], augment=RandomRotation(0, 9), progress=False)


def test_bad_validation_images_are_named(pictures):
    with pytest.raises(ValueError, match=r"validation images must have shape \(n, 36\)"):
        train(make(), *pictures, validation=(np.zeros((2, 7)), [0, 1]), progress=False)


def test_history_is_saved_and_loaded(tmp_path, pictures):
    history = train(make(), *pictures, epochs=2, validation=pictures, progress=False)
    history.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json") == history
    assert json.loads((tmp_path / "history.json").read_text())["epoch"] == [1, 2]
    for text in ("[]", "not json", '{"epochs": []}'):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match=r"other\.json is not a history"):
            History.load(tmp_path / "other.json")


def test_the_progress_bar_shows_and_leaves_nothing_behind(pictures, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    train(make(), *pictures, batch_size=1, progress=True)
    shown = capsys.readouterr().err
    assert "training" in shown
    assert shown.rstrip(" ").endswith("\r")
    train(make(), *pictures, progress=False)
    assert capsys.readouterr().err == ""


def test_one_epoch_of_single_images_reaches_ninety_per_cent_on_mnist(full_mnist):
    """The plain recipe for the paper's network, on a part of the images: it learns what it should."""
    network = Network.from_sizes([784, 30, 10], seed=0)
    train(network, full_mnist.train.images[:20_000], full_mnist.train.labels[:20_000], batch_size=1, learning_rate=0.5,
          progress=False)  # fmt: skip
    rows = preprocess(full_mnist.train.images[-5_000:])
    assert accuracy(full_mnist.train.labels[-5_000:], network.predict(rows)) > 0.88


def test_a_history_of_numpys_numbers_is_saved_too(tmp_path):
    History(epoch=[np.int64(1)], cost=[np.float32(0.5)]).save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json") == History(epoch=[1], cost=[0.5])


@pytest.mark.parametrize(
    "history",
    [History(epoch=[1], cost=[1.0, 2.0]), History(epoch=[1], cost=["low"]), History(epoch=[True]), History(epoch="1")],
)
def test_a_history_that_could_not_be_loaded_is_not_saved(tmp_path, history):
    with pytest.raises((TypeError, ValueError), match=r"the history cannot be saved: (cost|epoch) must"):
        history.save(tmp_path / "history.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["[" * 100_000, "LISTS", "LENGTHS"])
def test_a_file_that_only_looks_like_a_history_is_refused(tmp_path, text):
    names = list(vars(History()))
    contents = {"LISTS": {name: {} for name in names}, "LENGTHS": {name: [] for name in names} | {"cost": [1.0]}}
    (tmp_path / "history.json").write_text(json.dumps(contents[text]) if text in contents else text)
    with pytest.raises(ValueError, match=r"history\.json is not a history"):
        History.load(tmp_path / "history.json")


@pytest.mark.parametrize("progress", [-0.1, 1.5, 2, float("nan"), "half", None, True])
def test_cosine_goes_from_0_to_1(progress):
    with pytest.raises((TypeError, ValueError), match="progress must be a finite number"):
        cosine(progress)
