"""Right and wrong answers to the exercises of lesson 03."""

import itertools

import numpy as np

from mnist_scratch.course.banks import Bank


def counts_but(place, value):
    answer = [227, (50, 7), 10_500, 63]
    answer[place - 1] = value
    return tuple(answer)


def logs_by_branches(net):
    return np.where(net >= 0, -np.log1p(np.exp(-np.abs(net))), net - np.log1p(np.exp(-np.abs(net))))


def logs_by_logaddexp(net):
    return -np.logaddexp(net.dtype.type(0), -net)


def logs_by_masks(net):
    logs = np.empty_like(net)
    right = net > 0
    logs[right] = -np.log1p(np.exp(-net[right]))
    logs[~right] = net[~right] - np.log1p(np.exp(net[~right]))
    return logs


def logs_one_by_one(net):
    from math import exp, log1p

    values = [min(x, 0.0) - log1p(exp(-abs(x))) for x in net.ravel().tolist()]
    return np.array(values, dtype=net.dtype).reshape(net.shape)


def logs_naive(net):
    return np.log(1 / (1 + np.exp(-net)))


def logs_capped(net):
    return np.log(1 / (1 + np.exp(np.minimum(-net, 80))))


def logs_other_form(net):
    return np.log(np.exp(net) / (1 + np.exp(net)))


def logs_without_log1p(net):
    return np.minimum(net, 0) - np.log(1 + np.exp(-np.abs(net)))


def logs_loud(net):
    return np.where(net > 0, -np.log1p(np.exp(-net)), net - np.log1p(np.exp(net)))


def logs_quiet_branches(net):
    small = np.exp(-np.abs(net))
    return np.log(np.where(net >= 0, 1 / (1 + small), small / (1 + small)))


def run(inputs, tables, hidden=np.tanh, last=np.asarray, bias_first=False, turned=False, bias=1.0):
    out = inputs
    for place, table in enumerate(tables):
        ones = np.full((len(out), 1), bias)
        out = np.hstack([ones, out] if bias_first else [out, ones]) @ (table if turned else table.T)
        out = (last if place == len(tables) - 1 else hidden)(out)
    return out


def run_with(**changes):
    return lambda inputs, tables: run(inputs, tables, **changes)


def run_by_splitting(inputs, tables):
    *hidden, last = tables
    columns = inputs.T
    for table in hidden:
        columns = np.tanh(table[:, :-1] @ columns + table[:, -1:])
    return (last[:, :-1] @ columns + last[:, -1:]).T


def run_by_loops(inputs, tables):
    rows = []
    for example in inputs.tolist():
        values = example
        for place, table in enumerate(tables):
            nets = [sum(w * x for w, x in zip(unit, [*values, 1], strict=True)) for unit in table.tolist()]
            values = nets if place + 1 == len(tables) else [float(np.tanh(net)) for net in nets]
        rows.append(values)
    return np.array(rows)


def run_by_einsum(inputs, tables):
    if len(tables) > 1:
        first = np.einsum("ni,ui->nu", inputs, tables[0][:, :-1]) + tables[0][:, -1]
        return run_by_einsum(np.tanh(first), tables[1:])
    return np.einsum("ni,ui->nu", inputs, tables[0][:, :-1]) + tables[0][:, -1]


def run_and_use_up(inputs, tables):
    out = inputs
    while tables:
        table = tables.pop(0)
        out = out @ table[:, :-1].T + table[:, -1]
        out = np.tanh(out) if tables else out
    return out


def squash(net):
    return 1 / (1 + np.exp(-net))


def same(net):
    return net


def shares(net, allowed, axis=0, top="column", mask="before"):
    lower = np.where(allowed[:, None], net, -np.inf)
    tops = {"column": net.max(axis=0), "allowed": lower.max(axis=0), "all": net.max(), "none": 0}
    powers = np.exp((lower if mask == "before" else net) - tops[top])
    out = powers / powers.sum(axis=axis, keepdims=True)
    return out * allowed[:, None] if mask == "after" else out


def shares_with(**changes):
    return lambda net, allowed: shares(net, allowed, **changes)


def shares_broken(net, allowed):
    powers = np.exp(net - net.max())
    out = powers / powers.sum(axis=1, keepdims=True)
    return out * allowed[:, np.newaxis]


def shares_by_columns(net, allowed):
    out = np.zeros(net.shape)
    for column in range(net.shape[1]):
        left = net[allowed, column].astype(float)
        powers = [np.exp(value - max(left)) for value in left]
        out[allowed, column] = np.array(powers) / sum(powers)
    return out


def shares_of_the_rest(net, allowed):
    rest = net[allowed].T
    powers = np.exp(rest - rest.max(axis=1)[:, None])
    out = np.zeros_like(net)
    out[allowed] = np.einsum("nk,n->kn", powers, 1 / powers.sum(axis=1))
    return out


def shares_by_logarithms(net, allowed):
    lower = np.where(allowed[:, None], net.astype(np.float64), -np.inf)
    return np.exp(lower - np.logaddexp.reduce(lower, axis=0))


def shares_with_zeros(net, allowed):
    net = np.where(allowed[:, None], net, 0)
    powers = np.exp(net - net.max(axis=0))
    return powers / powers.sum(axis=0)


def shares_in_place(net, allowed):
    net[~allowed] = -np.inf
    powers = np.exp(net - net.max(axis=0))
    return powers / powers.sum(axis=0)


def at_least(scale=20, signs=(1, -1, 1, -1), bias=-0.5, out=None):
    """Hidden unit k says whether there are at least k ones."""
    weights = np.full((4, len(signs)), scale)
    biases = -scale * (np.arange(len(signs)) + 0.5)
    out = scale if out is None else out
    return weights, biases, out * np.array(signs)[:, None], np.array([out * bias])


def at_most():
    """Hidden unit k says whether there are fewer than k ones; the units stand in another order."""
    order = [2, 0, 3, 1]
    weights = np.full((4, 4), -30.0)
    biases = 30 * (np.arange(4) + 0.5)[order]
    return weights, biases, 30 * np.array([-1.0, 1, -1, 1])[order].reshape(4, 1), np.array([-15.0])


def in_lists():
    weights, biases, out, bias = at_least(scale=25)
    return weights.tolist(), biases.tolist(), out.tolist(), bias.tolist()


def a_unit_for_each_odd_point():
    points = np.array([point for point in itertools.product((0, 1), repeat=4) if sum(point) % 2])
    return 20 * (2 * points.T - 1), 20 * (0.5 - points.sum(axis=1)), np.full((8, 1), 20), np.array([-10])


def parity_but(place, change):
    answer = list(at_least())
    answer[place] = change(answer[place])
    return tuple(answer)


BANK = {
    "sizes_and_counts": Bank(
        right=[
            (227, (50, 7), 10_500, 63),
            [227.0, [50, 7], 10_500, np.int64(63)],
            (147 + 56 + 24, (50, 7), 50 * 210, 63),
        ],
        wrong=[
            (counts_but(1, 210), r"a bias beside its weights"),
            (counts_but(1, 247), r"the 20 inputs are no units"),
            (counts_but(1, 171), r"three layers of weights"),
            (counts_but(2, (7, 50)), r"along the first axis"),
            (counts_but(2, (50, 3)), r"another layer"),
            (counts_but(2, (7, 7)), r"the layer's weights"),
            (counts_but(3, 210), r"for one example"),
            (counts_but(3, 11_350), r"no multiplication"),
            (counts_but(3, 147_000), r"their counts add up"),
            (counts_but(4, 60), r"biases as well"),
            (counts_but(4, 227), r"one layer"),
        ],
    ),
    "log_sigmoid": Bank(
        right=[logs_by_branches, logs_by_logaddexp, logs_by_masks, logs_one_by_one],
        wrong=[
            (logs_naive, r"a power grew too large"),
            (lambda net: -np.log(1 + np.exp(-net)), r"a power grew too large"),
            (logs_capped, r"a cap on the exponent"),
            (logs_other_form, r"is nan"),
            (logs_without_log1p, r"np\.log1p\(y\)"),
            (logs_quiet_branches, r"a power grew too large|np\.log1p"),
            (logs_loud, r"NumPy warned|is nan"),
            (lambda net: np.log1p(np.exp(-np.abs(net))) - np.minimum(net, 0), r"every sign is turned round"),
            (lambda net: np.exp(logs_by_branches(net)), r"the sigmoid itself"),
            (lambda net: logs_by_branches(-net), r"what is missing to 1"),
            (lambda net: logs_by_branches(net) / np.log(10), r"the natural logarithm"),
        ],
    ),
    "forward": Bank(
        right=[run, run_by_splitting, run_by_loops, run_by_einsum],
        wrong=[
            (run_with(last=np.tanh), r"the last layer hands out its net"),
            (run_with(hidden=same), r"lost their activation"),
            (run_with(hidden=squash), r"tanh, not the sigmoid"),
            (run_with(hidden=squash, last=squash), r"tanh, not the sigmoid"),
            (run_with(bias_first=True), r"the 1 belongs after the inputs"),
            (run_with(bias=0.0), r"the biases are missing"),
            (run_with(turned=True), r"matrix product|both ways round"),
            (lambda inputs, tables: run(inputs, tables).T, r"an example is a row"),
            (lambda inputs, tables: run(inputs, tables[:1]), r"the first layer alone"),
            (lambda inputs, tables: np.squeeze(run(inputs, tables), axis=1), r"keep the axis"),
            (run_and_use_up, r"make a new one"),
        ],
    ),
    "masked_softmax": Bank(
        right=[shares_with(top="allowed"), shares_by_columns, shares_of_the_rest, shares_by_logarithms],
        wrong=[
            (shares_broken, r"along a row"),
            (shares_with(axis=1, top="allowed"), r"along a row"),
            (shares_with(axis=None, top="allowed"), r"the whole table"),
            (shares_with(top="all"), r"0 / 0 is nan"),
            (shares_with(top="none"), r"0 / 0 is nan|no float"),
            (shares_with(top="column", mask="after"), r"had their part in the sum"),
            (shares_with(top="allowed", mask="after"), r"had their part in the sum"),
            (shares_with(top="column"), r"may belong to an impossible class"),
            (shares_with(top="column", mask="none"), r"must get the share 0"),
            (shares_with_zeros, r"e⁰ is 1"),
            (shares_in_place, r"write into the array"),
        ],
    ),
    "parity": Bank(
        right=[at_least(), at_most(), in_lists()],
        wrong=[
            (a_unit_for_each_odd_point(), r"only how many of them are 1"),
            (at_least(scale=8), r"not far enough"),
            (at_least(signs=(1, -1)), r"the number of ones is 3"),
            (at_least(signs=(1, -1, 1)), r"the number of ones is 4"),
            (at_least(signs=(-1, 1, -1, 1), bias=0.5), r"on the wrong side: 1 is wanted"),
            (parity_but(0, lambda weights: weights[:3]), r"a row for each input"),
            (parity_but(1, lambda biases: biases[:3]), r"one bias for each unit"),
            (parity_but(1, lambda biases: biases[:, None]), r"biases are rows"),
            (parity_but(2, lambda weights: weights.T), r"a column for each unit"),
            (parity_but(1, lambda biases: biases - 900), r"the same for all points"),
            (
                parity_but(0, lambda weights: weights * [[1, 1, 1, 1], [-1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]),
                r"alike",
            ),
        ],
    ),
}
