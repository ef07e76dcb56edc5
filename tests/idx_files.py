"""Small made-up files in the place of MNIST's four."""

import hashlib

import numpy as np


def encode(array):
    """An IDX file, written by the format's description and not with the code under test."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def made_up(n_train=30, n_test=10):
    rng = np.random.default_rng(1)
    return {
        f"{part}-{kind}": encode(rng.integers(0, high, (n, *shape), dtype=np.uint8))
        for part, n in (("train", n_train), ("t10k", n_test))
        for kind, high, shape in (("images-idx3-ubyte", 256, (28, 28)), ("labels-idx1-ubyte", 10, ()))
    }


def hashes(files):
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
