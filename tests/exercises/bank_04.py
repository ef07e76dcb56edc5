"""Right and wrong answers to the exercises of lesson 04."""

import numpy as np

from mnist_scratch.course.banks import Bank


def softmax(net, axis=1):
    powers = np.exp(net - net.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def softmax_by_loops(net, labels, importance):
    slopes = np.zeros(net.shape)
    for r, (row, label) in enumerate(zip(net.tolist(), labels, strict=True)):
        top = max(row)
        powers = [np.exp(value - top) for value in row]
        for k, power in enumerate(powers):
            slopes[r, k] = importance[r] * (power / sum(powers) - (k == label)) / sum(importance)
    return slopes


def softmax_by_one_hot(net, labels, importance):
    net = net.astype(np.float64)
    log_sum = np.logaddexp.reduce(net, axis=1)
    targets = (np.arange(net.shape[1]) == np.asarray(labels)[:, None]).astype(float)
    return np.einsum("r,rk->rk", importance / importance.sum(), np.exp(net - log_sum[:, None]) - targets)


def softmax_by_jacobian(net, labels, importance):
    out = softmax(net)
    jacobian = out[:, :, None] * (np.eye(net.shape[1]) - out[:, None, :])
    targets = np.eye(net.shape[1])[labels]
    with np.errstate(all="ignore"):
        dcost_dout = -targets / np.maximum(out, 1e-300)
    return np.einsum("ri,rik->rk", dcost_dout, jacobian) * importance[:, None] / importance.sum()


def softmax_wrong(change):
    def answer(net, labels, importance):
        out, targets = softmax(net), np.eye(net.shape[1])[labels]
        return change(out, targets, importance[:, None], importance)

    return answer


def softmax_of_columns(net, labels, importance):
    out = softmax(net, axis=0)
    return (out - np.eye(net.shape[1])[labels]) * importance[:, None] / importance.sum()


def softmax_unsafe(net, labels, importance):
    powers = np.exp(net)
    out = powers / powers.sum(axis=1, keepdims=True)
    return (out - np.eye(net.shape[1])[labels]) * importance[:, None] / importance.sum()


def softmax_one_maximum(net, labels, importance):
    powers = np.exp(net - net.max())
    out = powers / powers.sum(axis=1, keepdims=True)
    return (out - np.eye(net.shape[1])[labels]) * importance[:, None] / importance.sum()


def softmax_across(net, labels, importance):
    return (softmax(net) - np.eye(net.shape[1])[labels]) * importance / importance.sum()


def softmax_in_place(net, labels, importance):
    net -= net.max(axis=1, keepdims=True)
    return softmax_by_one_hot(net, labels, importance)


def column_slopes(dcost_dout, inputs, weights, out, slope=None):
    dcost_dnet = dcost_dout * ((1 - np.abs(out)) ** 2 if slope is None else slope(out))
    return dcost_dnet @ inputs.T, dcost_dnet.sum(axis=1, keepdims=True), weights.T @ dcost_dnet


def column_by_loops(dcost_dout, inputs, weights, out):
    (n_out, n_in), n = weights.shape, inputs.shape[1]
    for_weights, for_biases, for_inputs = np.zeros((n_out, n_in)), np.zeros((n_out, 1)), np.zeros((n_in, n))
    for r in range(n):
        for k in range(n_out):
            d = dcost_dout[k, r] * (1 - abs(out[k, r])) ** 2
            for_biases[k, 0] += d
            for j in range(n_in):
                for_weights[k, j] += d * inputs[j, r]
                for_inputs[j, r] += d * weights[k, j]
    return for_weights, for_biases, for_inputs


def column_by_einsum(dcost_dout, inputs, weights, out):
    d = dcost_dout * (1 - 2 * np.abs(out) + out**2)
    return [
        np.einsum("kr,jr->kj", d, inputs),
        np.einsum("kr->k", d).reshape(-1, 1),
        np.einsum("kr,kj->jr", d, weights),
    ]


def column_changed(k, change):
    """One of the three slopes, changed."""

    def answer(dcost_dout, inputs, weights, out):
        slopes = list(column_slopes(dcost_dout, inputs, weights, out))
        d = dcost_dout * (1 - np.abs(out)) ** 2
        slopes[k] = change(slopes[k], d, inputs, weights)
        return tuple(slopes)

    return answer


def column_with(slope):
    return lambda *arguments: column_slopes(*arguments, slope=slope)


def clipped_with(mask_of):
    def answer(dcost_dout, inputs, weights, biases):
        net = inputs @ weights + biases
        d = dcost_dout * mask_of(net, np.clip(net, 0, 6), dcost_dout)
        return inputs.T @ d, d.sum(axis=0), d @ weights.T

    return answer


def clipped_by_loops(dcost_dout, inputs, weights, biases):
    n, n_in = inputs.shape
    for_weights, for_biases, for_inputs = np.zeros(weights.shape), np.zeros(biases.shape), np.zeros(inputs.shape)
    for r in range(n):
        for k in range(len(biases)):
            net = biases[k] + sum(inputs[r, j] * weights[j, k] for j in range(n_in))
            if 0 < net < 6:
                for_biases[k] += dcost_dout[r, k]
                for_weights[:, k] += dcost_dout[r, k] * inputs[r]
                for_inputs[r] += dcost_dout[r, k] * weights[:, k]
    return for_weights, for_biases, for_inputs


def clipped_only_parameters(dcost_dout, inputs, weights, biases):
    net = inputs @ weights + biases
    d = dcost_dout * ((net > 0) & (net < 6))
    return inputs.T @ d, d.sum(axis=0), dcost_dout @ weights.T


def sigmoid(net):
    return 1 / (1 + np.exp(-net))


def repeated(inputs, targets, weights, biases, n_times, *, change=None):
    """One of the right ways, with a switch for each mistake."""
    states = [inputs]
    for _ in range(n_times):
        states.append(sigmoid(states[-1] @ weights + biases))
    n = len(inputs)
    cost, for_weights, for_biases = 0.0, 0 * weights, 0 * biases
    back = np.zeros_like(targets)
    for k in reversed(range(1, n_times + 1)):
        error = states[k] - targets
        cost += 0.5 * (error**2).sum() / n
        direct = 0 if change == "last cost only" and k < n_times else error / (1 if change == "no 1/n" else n)
        arriving = direct + (0 if change == "no way back" else back)
        d = arriving * states[k] * (1 - states[k])
        if change == "first use":
            for_weights, for_biases = 0 * for_weights, 0 * for_biases
        if change != "last use" or k == n_times:
            for_weights = for_weights + states[k if change == "state after" else k - 1].T @ d
            for_biases = for_biases + d.sum(axis=0)
        back = d @ weights.T
    if change == "cost of the last":
        cost = 0.5 * ((states[-1] - targets) ** 2).sum() / n
    return cost, for_weights, for_biases


def repeated_recursive(inputs, targets, weights, biases, n_times):
    """Each use calls the next, and gets its slopes back."""
    n = len(inputs)

    def use(state, left):
        if left == 0:
            return 0.0, np.zeros_like(weights), np.zeros_like(biases), np.zeros_like(state)
        out = sigmoid(state @ weights + biases)
        cost, for_weights, for_biases, back = use(out, left - 1)
        d = ((out - targets) / n + back) * out * (1 - out)
        own = 0.5 * np.sum((out - targets) ** 2) / n
        return cost + own, for_weights + state.T @ d, for_biases + d.sum(axis=0), d @ weights.T

    return use(inputs, n_times)[:3]


def repeated_in_float32_names(inputs, targets, weights, biases, n_times):
    """Kept in one array of states; einsum for the sums."""
    states = np.empty((n_times + 1, *inputs.shape))
    states[0] = inputs
    for k in range(n_times):
        states[k + 1] = sigmoid(np.einsum("ri,io->ro", states[k], weights) + biases)
    errors = states[1:] - targets
    d = np.zeros_like(errors)
    for k in range(n_times - 1, -1, -1):
        later = d[k + 1] @ weights.T if k + 1 < n_times else 0
        d[k] = (errors[k] / len(inputs) + later) * states[k + 1] * (1 - states[k + 1])
    return (errors**2).sum() / 2 / len(inputs), np.einsum("kri,kro->io", states[:-1], d), d.sum(axis=(0, 1))


def with_change(change):
    return lambda *arguments: repeated(*arguments, change=change)


BANK = {
    "paths": Bank(
        right=[(6, -9, 12, 9), [6.0, -9.0, 12.0, 9.0], tuple(np.array([6, -9, 12, 9]))],
        wrong=[
            ((3, -9, 12, 9), r"that is du/dx alone"),
            ((6, 9, 12, 27), r"v = 5 - x falls"),
            ((6, -9, 6, 3), r"that is dw/dx alone"),
            ((6, -9, 18, 15), r"that is a value"),
            ((27, -2, 12, 37), r"You seem to have taken u"),
            ((6, -9, 12, -648), r"over the paths they are added"),
            ((6, -9, 12, 27), r"keep its sign"),
            ((6, -9, 12, -3), r"the path by w is missing"),
        ],
    ),
    "softmax_slopes": Bank(
        right=[softmax_by_loops, softmax_by_one_hot, softmax_by_jacobian],
        wrong=[
            (softmax_wrong(lambda out, t, a, _: (t - out) * a / a.sum()), r"every sign"),
            (softmax_wrong(lambda out, t, a, _: out * a / a.sum()), r"the targets are missing"),
            (softmax_wrong(lambda out, t, a, _: (out - t) * a), r"the cost is divided by the sum"),
            (softmax_wrong(lambda out, t, a, _: (out - t) * a / len(a)), r"divide by the sum of the importances"),
            (softmax_wrong(lambda out, t, a, _: (out - t) / len(a)), r"every row counts alike"),
            (softmax_wrong(lambda out, t, a, _: (out - t) * out * (1 - out) * a / a.sum()), r"Out \(1 - Out\)"),
            (softmax_of_columns, r"your softmax runs down the columns"),
            (softmax_across, r"your importances went to the columns"),
            (softmax_unsafe, r"e to the power of 1000"),
            (softmax_one_maximum, r"each row's own largest"),
            (softmax_in_place, r"write into the array"),
        ],
    ),
    "column_backward": Bank(
        right=[column_slopes, column_by_loops, column_by_einsum],
        wrong=[
            (column_with(np.ones_like), r"the activation's slope is missing"),
            (column_with(lambda out: out * (1 - out)), r"slope of the sigmoid"),
            (column_with(lambda out: 1 - out**2), r"1 - Out² is not"),
            (column_with(lambda out: 1 - np.abs(out)), r"lacks its square"),
            (column_changed(0, lambda s, d, x, w: s.T), r"that is the transpose"),
            (column_changed(0, lambda s, d, x, w: s / x.shape[1]), r"nothing is to be divided"),
            (column_changed(1, lambda s, d, x, w: d), r"every example uses the same biases"),
            (column_changed(1, lambda s, d, x, w: d.sum(axis=1)), r"the biases are a column"),
            (column_changed(1, lambda s, d, x, w: d.sum(axis=0)), r"you added over the units"),
            (column_changed(1, lambda s, d, x, w: d.mean(axis=1, keepdims=True)), r"nothing is to be divided"),
            (column_changed(2, lambda s, d, x, w: (w if w.shape[0] == w.shape[1] else w.T) @ d), r"transposed"),
            (column_changed(2, lambda s, d, x, w: s.T), r"an example is a column"),
        ],
    ),
    "clipped_backward": Bank(
        right=[
            clipped_with(lambda net, out, d: (net > 0) & (net < 6)),
            clipped_with(lambda net, out, d: np.where(out == net, 1.0, 0.0)),
            clipped_by_loops,
        ],
        wrong=[
            (clipped_with(lambda net, out, d: (out >= 0) & (out <= 6)), r"your mask never masks"),
            (clipped_with(lambda net, out, d: out > 0), r"a unit that is stuck at 6"),
            (clipped_with(lambda net, out, d: out < 6), r"a unit that is stuck at 0"),
            (clipped_with(lambda net, out, d: (net <= 0) | (net >= 6)), r"your mask is the wrong way round"),
            (clipped_with(lambda net, out, d: d > 0), r"the mask depends on"),
            (clipped_with(lambda net, out, d: out), r"you multiplied by the output"),
            (clipped_with(lambda net, out, d: (out > 0) & (out < 1)), r"the upper end"),
            (clipped_only_parameters, r"your mask never masks"),
        ],
    ),
    "repeated_layer": Bank(
        right=[repeated, repeated_recursive, repeated_in_float32_names],
        wrong=[
            (with_change("cost of the last"), r"that is the cost of the last state"),
            (with_change("last use"), r"that is the slope of one use"),
            (with_change("first use"), r"that is the slope of one use"),
            (with_change("last cost only"), r"The first is missing"),
            (with_change("no way back"), r"The second is missing"),
            (with_change("state after"), r"you multiplied by the state that a use makes"),
            (with_change("no 1/n"), r"the cost's 1/n is missing"),
            (lambda *a: (repeated(*a)[0] * len(a[0]), *repeated(*a)[1:]), r"the mean over the n rows"),
        ],
    ),
}
