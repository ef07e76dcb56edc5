"""The same work, done by PyTorch, scikit-learn, OpenCV and SciPy, and by this package's own most readable form."""

import cv2
import numpy as np
import torch
from scipy import ndimage
from sklearn.neural_network import MLPClassifier
from torch.nn import functional

from mnist_scratch.augmentation import _affine_weights, _coordinates, _fields, _parts
from mnist_scratch.descent import Descent
from mnist_scratch.preprocessing import TRAIN_MEAN, TRAIN_STD

RATE, MOMENTUM = 0.001, 0.9


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
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate, momentum=MOMENTUM, fused=tuned)
        self.fetch = (
            (lambda rows, chosen: rows.index_select(0, chosen)) if tuned else (lambda rows, chosen: rows[chosen])
        )

    def gradients(self, rows, labels):
        self.optimizer.zero_grad()
        functional.cross_entropy(self.model(rows), labels).backward()
        return [(m.weight.grad.numpy().T, m.bias.grad.numpy()) for m in self.model if hasattr(m, "weight")]

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


def sklearn_mlp(hidden, batch_size):
    """Return scikit-learn's network; a ``partial_fit`` is one epoch."""
    return MLPClassifier(
        (hidden,), solver="sgd", alpha=0, batch_size=batch_size, learning_rate_init=RATE, momentum=MOMENTUM,
        nesterovs_momentum=False, random_state=0,
    )  # fmt: skip


class Warp:
    """One random affine and elastic warp for each of n square pictures.

    Everybody begins with the same parameters: the affine ones, and how much of each smooth field there is in a bend.
    The others get them in the form that suits them, and already sorted into squares.
    """

    def __init__(self, images, seed=0):
        n, height, width = images.shape
        rng = np.random.default_rng(seed)
        turn, tall, wide, down, right = rng.uniform(-1, 1, (5, n))
        cos, sin, tall, wide = np.cos(0.2 * turn), np.sin(0.2 * turn), 1 + 0.12 * tall, 1 + 0.12 * wide
        affine = _affine_weights((cos / tall, sin / wide, down), (-sin / tall, cos / wide, right))
        self.fields = fields = _fields(height, width, 5.0)
        noise = 20 * rng.standard_normal((2, n, fields.n_fields - 3), dtype=np.float32)
        self.images, self.shape = images, images.shape
        self.weights = np.concatenate([affine, noise], axis=2)
        padded = np.pad(self.weights, ((0, 0), (0, 0), (0, 1)))  # with the weight of no field
        self.squares = padded.swapaxes(0, 1).take(fields.cells, axis=2)  # (n, 2, n_down, n_across)
        self.centre = half = np.float32((height - 1) / 2)  # torch measures from -1 to 1, x before y
        theta = affine[::-1, :, [1, 0, 2]].swapaxes(0, 1)
        theta[:, :, 2] /= half
        self.theta, self.pictures = torch.tensor(theta), torch.tensor(images)[:, None]
        self.torch_squares = torch.tensor(padded[::-1].take(fields.cells, axis=2) / half)
        self.down, self.across = torch.tensor(fields.down), torch.tensor(fields.across)

    def _torch(self, places):
        with torch.inference_mode():
            found = [
                functional.grid_sample(self.pictures[part], places(part), align_corners=True)
                for part in _parts(self.shape)
            ]
            return torch.cat(found)[:, 0].numpy()

    def torch(self):
        """The affine part by torch's own function, and the bends added to it."""
        down, across = self.down[:, 2:].contiguous(), self.across[2:].contiguous()
        squares = self.torch_squares[:, :, 2:, 2:].contiguous()

        def places(part):
            affine = functional.affine_grid(self.theta[part], self.pictures[part].shape, align_corners=True)
            affine += (down @ (squares[:, part] @ across)).permute(1, 2, 3, 0)
            return affine

        return self._torch(places)

    def torch_our_way(self):
        """The affine part as we make it, together with the bends."""
        return self._torch(lambda part: (self.down @ (self.torch_squares[:, part] @ self.across)).permute(1, 2, 3, 0))

    def _places(self):
        """Yield each picture with its rows and columns to read at."""
        for image, squares in zip(self.images, self.squares, strict=True):
            yield image, *(self.fields.down @ squares @ self.fields.across + self.centre)

    def _read(self, read, places):
        """Return the pictures that ``read(picture, y, x, where to write it)`` has written."""
        warped = np.empty(self.shape, np.float32)
        for (image, y, x), out in zip(places, warped, strict=True):
            read(image, y, x, out)
        return warped

    def cv2(self):
        return self._read(lambda image, y, x, out: cv2.remap(image, x, y, cv2.INTER_LINEAR, dst=out), self._places())

    def cv2_our_way(self):
        """The places of many pictures at a time, as we make them, and then the loop."""

        def places():
            for part in _parts(self.shape):
                yield from zip(
                    self.images[part], *(_coordinates(self.weights[:, part], self.fields) + self.centre), strict=True
                )

        return self._read(lambda image, y, x, out: cv2.remap(image, x, y, cv2.INTER_LINEAR, dst=out), places())

    def scipy(self):
        return self._read(
            lambda image, y, x, out: ndimage.map_coordinates(
                image, (y, x), output=out, order=1, mode="grid-constant"
            ), self._places(),
        )  # fmt: skip


def torch_deformation(settings):
    """Return ``RandomDeformation`` in PyTorch, on standardised rows: the fields as we sum them, and grid_sample."""
    fields = _fields(28, 28, settings["sigma"])
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


class MakesGradients(Descent):
    """The step as it is for a batch, also for a single image."""

    outer = property(lambda self: False, lambda self, value: None)


class ReadableDescent:
    """The step as ``mnist_scratch.descent`` states it: array by array, each gradient made anew."""

    def __init__(self, network, momentum, batch_size, pieces=0):
        self.layers, self.momentum = network.layers, momentum
        self.arrays = [p for layer in self.layers for p in (layer.weights, layer.biases)]
        self.velocities = [np.zeros_like(p) for p in self.arrays]

    @property
    def parameters(self):
        return np.concatenate([p.ravel() for p in self.arrays])

    def step(self, rate):
        gradients = [g for layer in self.layers for g in (layer.dcost_dweights, layer.dcost_dbiases)]
        for k, gradient in enumerate(gradients):
            self.velocities[k] = self.momentum * self.velocities[k] + gradient
            self.arrays[k] -= rate * self.velocities[k]

    def close(self):
        pass


def readable_bilinear(images, y, x, out=None):
    """``augmentation.bilinear`` as it is explained: four neighbours, each weighted by nearness."""
    n, height, width = images.shape
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))
    y, x = np.clip(y, -1, height) + 1, np.clip(x, -1, width) + 1
    top, left = y.astype(int), x.astype(int)
    down, right, which = y - top, x - left, np.arange(n).reshape((n,) + (1,) * (y.ndim - 1))
    out = np.empty(y.shape, padded.dtype) if out is None else out
    out[:] = sum(
        padded[which, top + i, left + j] * (down if i else 1 - down) * (right if j else 1 - right)
        for i in (0, 1) for j in (0, 1)
    )  # fmt: skip
    return out
