"""One random affine and elastic warp for each picture: the numbers that every side begins with, and our own side.

Here, in ``peers/`` and in ``ladder`` are the only uses of what ``mnist_scratch.augmentation`` keeps to itself.
"""

import numpy as np

from mnist_scratch import augmentation

AT_A_TIME = 128
"""Pictures: what a warp of ours takes at a time."""

READER = "bilinear"
"""The name of the function in ``augmentation`` that reads between pixels."""


def fields_of(height, width, sigma):
    return augmentation._fields(height, width, sigma)


def coordinates(weights, fields):
    """Return where each pixel comes from, seen from the centre: (2, n, height, width)."""
    return augmentation._coordinates(weights, fields)


class Warp:
    """The parameters of a warp, drawn anew from the seed in each process: affine ones, and how much of each bend.

    The others get them in the form that suits them, and already sorted into squares.
    """

    def __init__(self, images, seed=0):
        n, height, width = images.shape
        rng = np.random.default_rng(seed)
        turn, tall, wide, down, right = rng.uniform(-1, 1, (5, n))
        cos, sin, tall, wide = np.cos(0.2 * turn), np.sin(0.2 * turn), 1 + 0.12 * tall, 1 + 0.12 * wide
        self.affine = augmentation._affine_weights((cos / tall, sin / wide, down), (-sin / tall, cos / wide, right))
        self.fields = fields_of(height, width, 5.0)
        noise = 20 * rng.standard_normal((2, n, self.fields.n_fields - 3), dtype=np.float32)
        self.images = images
        self.weights = np.concatenate([self.affine, noise], axis=2)
        self.padded = np.pad(self.weights, ((0, 0), (0, 0), (0, 1)))  # with the weight of no field
        self.centre = np.float32((height - 1) / 2)
        self.parts = [slice(start, start + AT_A_TIME) for start in range(0, n, AT_A_TIME)]

    def ours(self):
        return augmentation._warp(self.images, self.weights, self.fields)
