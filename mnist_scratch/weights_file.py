"""A network's file: weights, biases and activations of its layers, and the name of its cost, as NumPy's .npz.

Nothing in such a file is executed. Each array is read whole and held against its checksum before it is used, so that a
damaged file gives an error and never another network.
"""

import io
import os
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.checks import check_finite, check_path
from mnist_scratch.costs import COSTS, Cost
from mnist_scratch.files import whole_file
from mnist_scratch.layers import Layer

FORMAT = 1
"""Of the file. A change of what is in it, not an addition, gets a new number."""

LARGEST = 2**31
"""Bytes that the arrays of a file may have."""


def write_layers(path: str | os.PathLike[str], layers: Sequence[Layer], cost: str, half: bool = False) -> None:
    """Write layers and the name of a cost, whole or not at all.

    Parameters
    ----------
    path : str or path
        Used as it is given.
    layers : sequence of Layer
    cost : str
        A name in ``COSTS``.
    half : bool
        Round weights and biases to float16.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, or too large for float16 where half is asked for.
    OSError
        If the file cannot be written; one that was there before is then untouched.
    """
    arrays: dict[str, Any] = {"format": FORMAT, "cost": cost, "n_layers": len(layers)}
    for k, layer in enumerate(layers):
        for name, values in (("weights", layer.weights), ("biases", layer.biases)):
            check_finite(values, f"{name} of layer {k}", "Network.save")
            if half and np.abs(values).max() > np.finfo(np.float16).max:
                raise ValueError(
                    f"layer {k} has numbers too large for float16; save it with half=False (Network.save)."
                )
            arrays[f"{name}_{k}"] = values.astype(np.float16 if half else values.dtype)
        arrays[f"activation_{k}"] = layer.activation
    with whole_file(path) as file:
        np.savez(file, **arrays)


def read_layers(path: str | os.PathLike[str]) -> tuple[list[Layer], Cost]:
    """Read the layers and the cost that ``write_layers`` wrote.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    layers : list of Layer
    cost : Cost

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it may not be read.
    ValueError
        If it is not a saved network, is damaged, or holds numbers that are not finite.
    """
    path = check_path(path, "path", "Network.load")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a network saved by Network.save.")
    content = path.read_bytes()
    try:
        arrays = _arrays(content)
    except Exception as error:  # what damage can do to a zip file has a dozen kinds of error
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is not a network saved by Network.save, or it is damaged: {reason}") from error
    try:
        return _layers(arrays), COSTS[_text(arrays, "cost")]()
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged, or was not saved by Network.save: {error}") from error


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays in an .npz file by name. Each is read to its end, where its checksum is compared."""
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(member.file_size for member in packed.infolist()) > LARGEST:
            raise ValueError(f"its arrays have more than {LARGEST:,} bytes")
        for member in packed.infolist():
            data = io.BytesIO(packed.read(member))
            version = np.lib.format.read_magic(data)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, by_column, dtype = read[version](data)
            if dtype.hasobject:
                raise ValueError(f"{member.filename} holds objects in place of numbers")
            values = np.frombuffer(data.read(), dtype).reshape(shape, order="F" if by_column else "C")
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"{name} is there twice")
            arrays[name] = values
    return arrays


def _layers(arrays: dict[str, NDArray[Any]]) -> list[Layer]:
    """Build the layers; KeyError, TypeError or ValueError says what is missing or odd."""
    if int(_scalar(arrays, "format")) != FORMAT:
        raise ValueError(f"it has format {arrays['format']}; this version reads format {FORMAT}")
    numbers = [int(found[1]) for name in arrays if (found := re.fullmatch(r"weights_(\d+)", name))]
    n_layers = 1 + max(numbers, default=-1)
    if "n_layers" in arrays and int(_scalar(arrays, "n_layers")) != n_layers:
        raise ValueError(f"it should have {arrays['n_layers']} layers, and has {n_layers}")
    wanted = {f"{part}_{k}" for k in range(n_layers) for part in ("weights", "biases", "activation")}
    if lacking := wanted - set(arrays):
        raise ValueError(f"{', '.join(sorted(lacking))} missing")
    if more := set(arrays) - wanted - {"format", "cost", "n_layers"}:
        raise ValueError(f"{', '.join(sorted(more))} is no part of a network")
    layers = []
    for k in range(n_layers):
        weights, biases = arrays[f"weights_{k}"], arrays[f"biases_{k}"]
        if weights.ndim != 2 or biases.shape != weights.shape[1:] or biases.dtype != weights.dtype:
            raise ValueError(f"weights and biases of layer {k} do not fit")
        dtype = np.dtype(np.float32) if weights.dtype == np.float16 else weights.dtype  # float16: saved with half=True
        n_in, n_out = weights.shape
        layer = Layer(n_in, n_out, activation=_text(arrays, f"activation_{k}"), dtype=dtype)
        for name, values in (("weights", weights), ("biases", biases)):
            check_finite(values, f"{name} of layer {k}", "Network.load")
            setattr(layer, name, values)
        layers.append(layer)
    return layers


def _scalar(arrays: dict[str, NDArray[Any]], name: str) -> Any:  # noqa: ANN401
    if name not in arrays or arrays[name].ndim != 0:
        raise ValueError(f"{name} is missing or odd")
    return arrays[name][()]


def _text(arrays: dict[str, NDArray[Any]], name: str) -> str:
    return str(_scalar(arrays, name))
