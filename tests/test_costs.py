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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_no_logarithm_or_quotient_is_of_less_than_the_smallest_normal_number(output, dtype):
    tiny = float(np.finfo(dtype).tiny)
    cost, zero_of_one = CrossEntropy(output), (np.array([[0, 1]], dtype), np.array([[1, 0]], dtype))
    places = 2 if output == "sigmoid" else 1  # sigmoid's second output says 1 where it is 0: as wrong as the first
    assert cost.value(*zero_of_one) == pytest.approx(-places * np.log(tiny), rel=1e-6)
    slopes = cost.dcost_dout(*zero_of_one)
    assert slopes.dtype == dtype
    np.testing.assert_allclose(slopes, [[-1 / tiny, 1 / tiny if output == "sigmoid" else 0]], rtol=1e-6)


def test_outputs_may_be_whole_numbers():
    assert CrossEntropy().value(np.array([[1, 0]]), np.array([[1, 0]])) == 0
    assert CrossEntropy("sigmoid").value(np.array([[1, 0]]), np.array([[1, 0]])) == 0


@pytest.mark.parametrize(
    "cost", [SquaredError(), CrossEntropy(), CrossEntropy("sigmoid")], ids=["squared error", "softmax", "sigmoid"]
)
@pytest.mark.parametrize(("shape", "other"), [((3,), (3,)), ((0, 3), (0, 3)), ((2, 3), (1, 3)), ((1, 2, 3), (1, 2, 3))])
def test_outputs_and_targets_are_rows_of_one_shape(cost, shape, other):
    for asked in (cost.value, cost.dcost_dout):
        with pytest.raises(ValueError, match="out and targets must have one shape"):
            asked(np.full(shape, 0.5), np.full(other, 0.5))


@pytest.mark.parametrize(("total", "right"), [(0.998, False), (0.9995, True), (1.0005, True), (1.002, False)])
def test_softmax_targets_sum_to_1_within_a_thousandth(total, right):
    rows = np.array([[0.5, 0.5], [0.5, total - 0.5]])
    if right:
        CrossEntropy().check_targets(rows, "train")
    else:
        with pytest.raises(ValueError, match="row 1 sums to"):
            CrossEntropy().check_targets(rows, "train")
    CrossEntropy("sigmoid").check_targets(rows, "train")


def test_whole_numbers_are_subtracted_as_numbers():
    out, targets = np.array([[0, 200]], np.uint8), np.array([[2, 100]], np.uint8)
    assert SquaredError().value(out, targets) == 0.5 * (2**2 + 100**2)
    np.testing.assert_array_equal(SquaredError().dcost_dout(out, targets), [[-2, 100]])
    np.testing.assert_array_equal(CrossEntropy().dcost_dnet(out, targets), [[-2, 100]])
    assert CrossEntropy().value_from_net([[0, 0]], [[0, 1]]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("cost", [CrossEntropy(), CrossEntropy("sigmoid")])
@pytest.mark.parametrize("method", ["value", "dcost_dout"])
@pytest.mark.parametrize(
    ("out", "targets", "message"),
    [
        ([[2.0, -1.0]], [[0.0, 1.0]], r"out must lie between 0 and 1.*they go from -1 to 2.*not the nets"),
        ([[0.5, 0.5]], [[0.0, 5.0]], "targets must lie between 0 and 1"),
        ([[0.5, 0.5]], [[0.0, -1.0]], "targets must lie between 0 and 1"),
    ],
)
def test_cross_entropy_takes_probabilities(cost, method, out, targets, message):
    with pytest.raises(ValueError, match=message):
        getattr(cost, method)(out, targets)


@pytest.mark.parametrize("use", [CrossEntropy().value_from_net, CrossEntropy().dcost_dnet])
def test_shapes_that_only_broadcast_are_refused(use):
    with pytest.raises(ValueError, match=r"targets must have one shape.*\(2, 2\) and \(1, 2\)"):
        use(np.ones((2, 2)) / 2, np.ones((1, 2)) / 2)


@pytest.mark.parametrize("output", [None, 3, ["softmax"], np.array(["softmax", "sigmoid"]), "relu"])
def test_the_outputs_activation_is_named_where_it_is_wrong(output):
    with pytest.raises((TypeError, ValueError), match="output is "):
        CrossEntropy(output)
    if output is not None:
        with pytest.raises((TypeError, ValueError), match="activation must be one of softmax, sigmoid"):
            CrossEntropy().value_from_net([[0.0, 1.0]], [[0.0, 1.0]], output)
