"""A second, independent oracle: PyTorch's autograd finds the same gradients. Needs the extra `peers`."""

import numpy as np
import pytest

from mnist_scratch.layers import ACTIVATIONS
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import one_hot
from mnist_scratch.training import train

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch, or the extra `peers`")

THEIRS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softmax": lambda net: torch.softmax(net, dim=1),
    "identity": lambda net: net,
}


def their_cost(net, activation, targets, cost):
    n = len(targets)
    if cost == "squared_error":
        return 0.5 * ((THEIRS[activation](net) - targets) ** 2).sum() / n
    if activation == "softmax":
        return torch.nn.functional.cross_entropy(net, targets)
    return torch.nn.functional.binary_cross_entropy_with_logits(net, targets, reduction="sum") / n


def their_gradients(network, inputs, targets):
    """Cost and gradients of a copy of the network, by autograd."""
    parameters = [
        tuple(torch.tensor(p, requires_grad=True) for p in (layer.weights, layer.biases)) for layer in network.layers
    ]
    out = torch.tensor(inputs)
    for layer, (weights, biases) in zip(network.layers, parameters, strict=True):
        net = out @ weights + biases
        out = THEIRS[layer.activation](net)
    cost = their_cost(net, network.layers[-1].activation, torch.tensor(targets), network.cost.name)
    cost.backward()
    return cost.item(), parameters


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("output", "cost"),
    [(name, "squared_error") for name in ACTIVATIONS] + [("softmax", "cross_entropy"), ("sigmoid", "cross_entropy")],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_autograd_finds_the_same_gradients(depth, activation, output, cost, dtype, tolerance):
    rng = np.random.default_rng(depth)
    sizes = rng.integers(3, 9, depth + 1).tolist()
    network = Network.from_sizes(sizes, activation, output, cost, seed=depth, dtype=dtype)
    inputs = rng.standard_normal((11, sizes[0])).astype(dtype)
    targets = one_hot(rng.integers(0, sizes[-1], 11), sizes[-1]).astype(dtype)
    theirs, parameters = their_gradients(network, inputs, targets)
    assert network.gradients(inputs, targets) == pytest.approx(theirs, rel=tolerance)
    for layer, (weights, biases) in zip(network.layers, parameters, strict=True):
        for ours, other in ((layer.dcost_dweights, weights), (layer.dcost_dbiases, biases)):
            scale = max(float(other.grad.abs().max()), 1e-3)
            np.testing.assert_allclose(ours, other.grad.numpy(), rtol=0, atol=tolerance * scale)


def test_their_sgd_with_momentum_takes_the_same_steps():
    rng = np.random.default_rng(0)
    inputs, labels = rng.standard_normal((64, 12)), rng.integers(0, 5, 64)
    network = Network.from_sizes([12, 8, 5], "tanh", "softmax", "cross_entropy", dtype=np.float64)
    first, second = (torch.nn.Linear(layer.n_in, layer.n_out, dtype=torch.float64) for layer in network.layers)
    with torch.no_grad():
        for theirs, ours in ((first, network.layers[0]), (second, network.layers[1])):
            theirs.weight.copy_(torch.tensor(ours.weights.T))
            theirs.bias.copy_(torch.tensor(ours.biases))
    optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.2, momentum=0.9)
    for _ in range(10):  # the whole set as one batch: its order does not matter
        optimizer.zero_grad()
        net = second(torch.tanh(first(torch.tensor(inputs))))
        torch.nn.functional.cross_entropy(net, torch.tensor(labels)).backward()
        optimizer.step()
    train(network, inputs, labels, epochs=10, batch_size=64, learning_rate=0.2, momentum=0.9, progress=False)
    np.testing.assert_allclose(network.layers[0].weights, first.weight.detach().numpy().T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(network.layers[1].biases, second.bias.detach().numpy(), rtol=1e-9, atol=1e-12)
