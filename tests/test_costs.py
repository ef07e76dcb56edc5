"""The two costs, their plain and their fused forms."""

import numpy as np
import pytest
from scipy import special

from mnist_scratch.costs import CrossEntropy, SquaredError
from mnist_scratch.layers import ACTIVATIONS


@pytest.fixture
def net_and_targets():
    rng = np.random.default_rng(0)
    return rng.standard_normal((6, 4)), np.eye(4)[rng.integers(0, 4, 6)]


def test_squared_error_is_half_the_sum_over_outputs_mean_over_rows():
    out, targets = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 2.0]])
    assert SquaredError().value(out, targets) == pytest.approx((0.5 * (1 + 4) + 0.5 * 4) / 2)
    np.testing.assert_array_equal(SquaredError().dcost_dout(out, targets), [[0.5, 1], [0, -1]])


def test_cross_entropy_of_softmax_outputs_by_both_ways(net_and_targets):
    net, targets = net_and_targets
    out = special.softmax(net, axis=1)
    expected = -(targets * np.log(out)).sum() / 6
    assert CrossEntropy().value(out, targets) == pytest.approx(expected)
    assert CrossEntropy().value_from_net(net, targets, "softmax") == pytest.approx(expected)


def test_cross_entropy_of_sigmoid_outputs(net_and_targets):
    net, targets = net_and_targets
    out = special.expit(net)
    expected = -(targets * np.log(out) + (1 - targets) * np.log(1 - out)).sum() / 6
    assert CrossEntropy().value_from_net(net, targets, "sigmoid") == pytest.approx(expected)


def test_the_fused_gradient_is_the_plain_one_times_the_softmaxs_slope(net_and_targets):
    net, targets = net_and_targets
    out = special.softmax(net, axis=1)
    plain = ACTIVATIONS["softmax"].dcost_dnet(CrossEntropy().dcost_dout(out, targets), out)
    np.testing.assert_allclose(CrossEntropy().dcost_dnet(out, targets), plain, atol=1e-14)


@pytest.mark.parametrize("gap", [0, 5, 80, 95, 200, 1e4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_with_the_outputs_at_hand_the_cost_is_the_same_also_where_they_are_rounded_to_0(gap, order):
    net = np.array([[gap, 0, 1], [0, gap, 2], [gap, 0, 0]], dtype=np.float32, order=order)
    targets = np.array([[0, 1, 0], [0, 0.5, 0.5], [1, 0, 0]], dtype=np.float32)
    out = ACTIVATIONS["softmax"].function(net)
    value = CrossEntropy().value_from_net(net, targets, "softmax", out)
    assert value == pytest.approx(CrossEntropy().value_from_net(net, targets, "softmax"), rel=5e-3, abs=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_stays_finite_where_an_output_is_rounded_to_0_or_1(activation, dtype):
    net = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype=dtype)
    targets = np.array([[0, 1, 0], [0, 1, 0]], dtype=dtype)
    value = CrossEntropy().value_from_net(net, targets, activation)
    assert value == pytest.approx(1e4 if activation == "softmax" else (2e4 + 2 * np.log(2)) / 2, rel=1e-5)
    out = ACTIVATIONS[activation].function(net)
    assert np.isfinite(CrossEntropy().value(out, targets))
    assert np.isfinite(CrossEntropy().dcost_dout(out, targets)).all()
