"""PyTorch's side of each contest."""

import numpy as np
import torch
from torch.nn import functional

from mnist_scratch.metrics import accuracy
from mnist_scratch.preprocessing import TRAIN_MEAN, TRAIN_STD, to_float
from mnist_scratch.training import cosine
from tests.benchmarks import shared, warps
from tests.benchmarks.shared import MOMENTUM, RATE, network_of


class Torch:
    """PyTorch, eager: linear layers and ReLU, cross-entropy, SGD with momentum, from the weights of a network.

    As most programs have it, or tuned: rows fetched by ``index_select``, and the update as a function of its own.
    """

    def __init__(self, network, rate=RATE, tuned=False):
        modules = []
        for layer in network.layers:
            linear = torch.nn.Linear(layer.n_in, layer.n_out)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(layer.weights.T))
                linear.bias.copy_(torch.tensor(layer.biases))
            modules += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*modules[:-1])
        self.linear = [module for module in self.model if isinstance(module, torch.nn.Linear)]
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate, momentum=MOMENTUM, fused=tuned)
        self.fetch = (
            (lambda rows, chosen: rows.index_select(0, chosen)) if tuned else (lambda rows, chosen: rows[chosen])
        )

    def gradients(self, rows, labels):
        self.optimizer.zero_grad()
        functional.cross_entropy(self.model(rows), labels).backward()
        return [(m.weight.grad.numpy().T, m.bias.grad.numpy()) for m in self.linear]

    def train(self, rows, labels, batch_size, epochs=1, warp=None, schedule=None):
        """Do no more than a step needs: no cost is read, no accuracy counted, nothing checked."""
        steps, step, rate = epochs * -(-len(rows) // batch_size), 0, self.optimizer.param_groups[0]["lr"]
        for _ in range(epochs):
            order = torch.randperm(len(rows))
            for start in range(0, len(rows), batch_size):
                chosen = order[start : start + batch_size]
                batch = self.fetch(rows, chosen)
                if warp is not None:
                    batch = warp(batch)
                if schedule is not None:
                    self.optimizer.param_groups[0]["lr"] = rate * schedule(step / steps)
                self.optimizer.zero_grad()
                functional.cross_entropy(self.model(batch), self.fetch(labels, chosen)).backward()
                self.optimizer.step()
                step += 1

    def predict(self, rows):
        with torch.inference_mode():
            return torch.cat([self.model(part).argmax(dim=1) for part in rows.split(1000)])


def _data(n):
    return torch.tensor(shared.train_rows()[:n]), torch.tensor(shared.labels(n))


def train(sizes, batch_size, n, epochs=1, tuned=False, rate=RATE, keep=False):
    learner, data = Torch(network_of(*sizes), rate, tuned), _data(n)

    def work():
        learner.train(*data, batch_size, epochs)
        return [(m.weight.detach().numpy().T, m.bias.detach().numpy()) for m in learner.linear] if keep else None

    return work


def gradients(sizes, n):
    learner, data = Torch(network_of(*sizes)), _data(n)
    return lambda: learner.gradients(*data)


def predict(sizes):
    learner, rows = Torch(network_of(*sizes)), torch.tensor(shared.test_rows())
    return lambda: learner.predict(rows).numpy()


def products(sizes, batch_size, steps):
    """As ``ours.products``; weights and their gradients lie as ``torch.nn.Linear`` has them: (n_out, n_in)."""
    outs, slopes, weights = ([torch.tensor(array) for array in part] for part in shared.operands(sizes, batch_size))
    weights = [w.T.contiguous() for w in weights]
    nets, sums = [torch.empty_like(out) for out in outs], [torch.empty_like(w) for w in weights]

    def work():
        for _ in range(steps):
            for k, w in enumerate(weights):
                torch.mm(outs[k], w.T, out=nets[k + 1])
            for k in reversed(range(len(weights))):
                torch.mm(slopes[k + 1].T, outs[k], out=sums[k])
                if k:
                    torch.mm(slopes[k + 1], weights[k], out=nets[k])

    return work


def warp(n, our_way=False):
    """Warp by ``grid_sample``: the affine part by torch's own function, and the bends added; or both as we make them.

    torch measures from -1 to 1, and x before y.
    """
    warp = warps.Warp(to_float(shared.mnist().train.images[:n]))
    fields, half, pictures = warp.fields, warp.centre, torch.tensor(warp.images)[:, None]
    theta = warp.affine[::-1, :, [1, 0, 2]].swapaxes(0, 1)
    theta[:, :, 2] /= half
    theta = torch.tensor(theta)
    squares = torch.tensor(warp.padded[::-1].take(fields.cells, axis=2) / half)
    down, across = torch.tensor(fields.down), torch.tensor(fields.across)
    bends_down, bends_across = down[:, 2:].contiguous(), across[2:].contiguous()
    bends = squares[:, :, 2:, 2:].contiguous()

    def places(part):
        if our_way:
            return (down @ (squares[:, part] @ across)).permute(1, 2, 3, 0)
        affine = functional.affine_grid(theta[part], pictures[part].shape, align_corners=True)
        affine += (bends_down @ (bends[:, part] @ bends_across)).permute(1, 2, 3, 0)
        return affine

    def work():
        with torch.inference_mode():
            found = [functional.grid_sample(pictures[part], places(part), align_corners=True) for part in warp.parts]
            return torch.cat(found)[:, 0].numpy()

    return work


def deformation(settings):
    """Return ``RandomDeformation`` in PyTorch, on standardised rows: the fields as we sum them, and grid_sample."""
    fields = warps.fields_of(28, 28, settings["sigma"])
    down, across, cells = (torch.tensor(array) for array in fields)
    n_bends, down = fields.n_fields - 3, down / (27 / 2)  # torch measures from -1 to 1

    def warp(images):
        n = len(images)
        turn, tall, wide, slant, shift_y, shift_x = torch.rand(6, n) * 2 - 1
        turn, slant = turn * np.deg2rad(settings["rotation"]), settings["shear"] * slant
        tall, wide = 1 + settings["scale"] * tall, 1 + settings["scale"] * wide
        cos, sin = turn.cos(), turn.sin()
        x = torch.stack([(cos * slant - sin) / tall, cos / wide, settings["shift"] * shift_x], 1)
        y = torch.stack([(cos + sin * slant) / tall, sin / wide, settings["shift"] * shift_y], 1)
        rows = torch.zeros(2, n, n_bends + 4)
        rows[0, :, :3], rows[1, :, :3] = x, y
        rows[:, :, 3:-1] = torch.randn(2, n, n_bends) * (settings["alpha"] / 3**0.5)
        places = (down @ (rows[..., cells] @ across)).permute(1, 2, 3, 0)
        warped = functional.grid_sample(images[:, None], places, align_corners=True)
        return (warped.flatten(1) - TRAIN_MEAN) / TRAIN_STD

    return warp


def race(seed):
    """As ``ours.race``, with warps and steps in turns."""
    train_images, test, recipe = shared.mnist().train, torch.tensor(shared.test_rows()), shared.RECIPE
    images, labels = torch.tensor(to_float(train_images.images)), torch.tensor(shared.labels(len(train_images.labels)))
    learner = Torch(network_of(784, 800, 10, seed=seed), recipe["learning_rate"])

    def measure():
        return accuracy(shared.mnist().test.labels, learner.predict(test).numpy())

    def work():
        torch.manual_seed(seed)
        learner.train(images, labels, recipe["batch_size"], recipe["epochs"], deformation(shared.DEFORMATION), cosine)
        return measure

    return work
