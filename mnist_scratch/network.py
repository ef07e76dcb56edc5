"""A network: layers in a row and a cost at the end (the paper's section 2.3).

Forward, each layer's output is the next one's input. Backward, each layer's ∂C/∂inputs is the ∂C/∂Out of the one
before. It finds gradients; changing the weights with them is ``training``'s business.
"""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_scratch.checks import check_finite
from mnist_scratch.costs import COSTS, Cost, CrossEntropy, SquaredError
from mnist_scratch.layers import ACTIVATIONS, Layer

Array = NDArray[np.floating[Any]]

FORMAT = 1  # of the .npz files


class Network:
    """Layers and a cost.

    Parameters
    ----------
    layers : sequence of Layer
        At least one; each takes as many inputs as the one before has outputs, and all have one dtype.
    cost : SquaredError, CrossEntropy, or an object with ``name``, ``value`` and ``dcost_dout`` like theirs
        ``SquaredError()`` if left out: the paper's.

    Raises
    ------
    ValueError
        If the layers do not fit one another, or the cost does not fit the last one.
    """

    def __init__(self, layers: Sequence[Layer], cost: Cost | None = None) -> None:
        self.layers = list(layers)
        self.cost: Cost = SquaredError() if cost is None else cost
        if not self.layers:
            raise ValueError("layers must hold at least one Layer; it is empty (Network).")
        for k, (first, second) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if first.n_out != second.n_in:
                raise ValueError(
                    f"layers must fit: layer {k} has {first.n_out} outputs, but layer {k + 1} takes "
                    f"{second.n_in} inputs (Network)."
                )
        if len({layer.dtype for layer in self.layers}) > 1:
            dtypes = ", ".join(layer.dtype.name for layer in self.layers)
            raise ValueError(f"layers must have one dtype; these have {dtypes} (Network).")
        if isinstance(self.cost, type) or not callable(getattr(self.cost, "value", None)):
            raise ValueError(f"cost must be a cost such as SquaredError(); it is {self.cost!r} (Network).")
        if isinstance(self.cost, CrossEntropy) and self.layers[-1].activation not in ("softmax", "sigmoid"):
            raise ValueError(
                "cost CrossEntropy takes logarithms of the outputs, so they must lie between 0 and 1: make the last "
                f"layer softmax or sigmoid; it is {self.layers[-1].activation} (Network)."
            )

    @classmethod
    def from_sizes(
        cls,
        sizes: Sequence[int],
        activation: str = "sigmoid",
        output: str = "sigmoid",
        cost: str = "squared_error",
        seed: int | np.random.SeedSequence = 0,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Build a network from its layers' sizes.

        Parameters
        ----------
        sizes : sequence of int
            Number of inputs, of units in each hidden layer, of outputs: ``[784, 100, 10]``.
        activation, output : str
            Of the hidden layers; of the last one.
        cost : {"squared_error", "cross_entropy"}
        seed : int
            The same seed gives the same weights.
        dtype : float32 or float64
            A float32 network starts from the float64 one's weights, rounded.

        Returns
        -------
        Network

        Raises
        ------
        ValueError
            If there are fewer than two sizes, or a name is unknown.
        """
        if len(sizes) < 2:
            raise ValueError(f"sizes must name inputs and outputs, as in [784, 100, 10]; it is {list(sizes)}.")
        if cost not in COSTS:
            raise ValueError(f"cost must be one of {', '.join(COSTS)}; it is {cost!r} (Network.from_sizes).")
        rng = np.random.default_rng(seed)
        activations = [activation] * (len(sizes) - 2) + [output]
        layers = [
            Layer(n_in, n_out, activation=name, rng=rng, dtype=dtype)
            for n_in, n_out, name in zip(sizes[:-1], sizes[1:], activations, strict=True)
        ]
        return cls(layers, cost=COSTS[cost]())

    def __repr__(self) -> str:
        return f"Network([{', '.join(map(repr, self.layers))}], cost={type(self.cost).__name__}())"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The layers' dtype."""
        return self.layers[0].dtype

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(layer.weights.size + layer.biases.size for layer in self.layers)

    def forward(self, inputs: ArrayLike) -> Array:
        """Run the inputs through all the layers.

        Parameters
        ----------
        inputs : array, (n, n_in)
            Rows, as ``preprocess`` makes them.

        Returns
        -------
        array, (n, n_out)

        Raises
        ------
        ValueError
            If the inputs are not rows of n_in finite numbers.
        """
        return self._forward(self._checked_rows(inputs, "Network.forward"))

    def predict(self, inputs: ArrayLike, batch_size: int = 1000) -> NDArray[np.intp]:
        """Return the class of each row: the place of its largest output.

        Parameters
        ----------
        inputs : array, (n, n_in)
        batch_size : int
            Rows run through at a time; the layers' memory stays that small.

        Returns
        -------
        integer array, (n,)

        Raises
        ------
        ValueError
            As ``forward``.
        """
        rows = self._checked_rows(inputs, "Network.predict")
        predictions = np.empty(len(rows), dtype=np.intp)
        for start in range(0, len(rows), batch_size):
            part = slice(start, start + batch_size)
            predictions[part] = self._forward(rows[part]).argmax(axis=1)
        return predictions

    def gradients(self, inputs: ArrayLike, targets: ArrayLike) -> float:
        """Find the cost, and every layer's ``dcost_dweights`` and ``dcost_dbiases``, by one pass forward and one back.

        Parameters
        ----------
        inputs : array, (n, n_in)
        targets : array, (n, n_out)
            What the outputs should have been, such as ``one_hot(labels)``.

        Returns
        -------
        float
            The cost.

        Raises
        ------
        ValueError
            If a shape does not fit, n is 0, or a number is NaN or infinite.
        """
        return self._gradients(*self._checked_pair(inputs, targets, "Network.gradients"))

    def mean_cost(self, inputs: ArrayLike, targets: ArrayLike, batch_size: int = 1000) -> float:
        """Return the cost, without the gradients.

        Parameters
        ----------
        inputs : array, (n, n_in)
        targets : array, (n, n_out)
        batch_size : int
            Rows run through at a time.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            As ``gradients``.
        """
        rows, targets = self._checked_pair(inputs, targets, "Network.mean_cost")
        total = 0.0
        for start in range(0, len(rows), batch_size):
            part = slice(start, start + batch_size)
            self._forward(rows[part])
            total += self._cost(targets[part]) * len(rows[part])
        return total / len(rows)

    def _gradients(self, rows: Array, targets: Array) -> float:
        """As ``gradients``, without the checks: what ``train`` calls at each step."""
        out = self._forward(rows)
        last = self.layers[-1]
        if isinstance(self.cost, CrossEntropy):  # a departure from the paper: the output's slope has cancelled
            dcost_dnet = self.cost.dcost_dnet(out, targets)
        else:
            dcost_dnet = ACTIVATIONS[last.activation].dcost_dnet(self.cost.dcost_dout(out, targets), out)
        last.fill_gradients(dcost_dnet)
        # As Layer.backward does it, layer by layer; the first one's dcost_dinputs, which nobody needs, is left out.
        for layer, following in zip(self.layers[-2::-1], self.layers[:0:-1], strict=True):
            dcost_dout = following.dcost_dinputs(dcost_dnet)
            dcost_dnet = ACTIVATIONS[layer.activation].dcost_dnet(dcost_dout, layer.out)
            layer.fill_gradients(dcost_dnet)
        return self._cost(targets)

    def _cost(self, targets: Array) -> float:
        """Return the cost of what the last forward pass left behind."""
        last = self.layers[-1]
        if isinstance(self.cost, CrossEntropy):
            return self.cost.value_from_net(last.net, targets, last.activation, last.out)
        return self.cost.value(last.out, targets)

    def _forward(self, rows: Array) -> Array:
        for layer in self.layers:
            rows = layer.forward(rows)
        return rows

    def _checked_rows(self, inputs: ArrayLike, caller: str) -> Array:
        rows = np.asarray(inputs)
        n_in = self.layers[0].n_in
        if rows.ndim != 2 or rows.shape[1] != n_in:
            raise ValueError(
                f"inputs must have shape (n, {n_in}), a row for each example; they have shape {rows.shape} ({caller}). "
                "For images, write preprocess(images)."
            )
        rows = rows.astype(self.dtype, copy=False)
        check_finite(rows, "inputs", caller)
        return rows

    def _checked_pair(self, inputs: ArrayLike, targets: ArrayLike, caller: str) -> tuple[Array, Array]:
        rows = self._checked_rows(inputs, caller)
        targets = np.asarray(targets, dtype=self.dtype)
        expected = (len(rows), self.layers[-1].n_out)
        if targets.shape != expected:
            raise ValueError(
                f"targets must have shape {expected}, a row for each example; they have shape {targets.shape} "
                f"({caller}). For labels, write one_hot(labels)."
            )
        if len(rows) == 0:
            raise ValueError(f"inputs must hold at least one row: the cost is a mean over them ({caller}).")
        check_finite(targets, "targets", caller)
        return rows, targets

    def save(self, path: str | os.PathLike[str], half: bool = False) -> None:
        """Write weights, biases, activations and cost to a .npz file, whole or not at all.

        Parameters
        ----------
        path : str or path
            Used as it is given.
        half : bool
            Round weights and biases to float16: a smaller file, and about three digits of each number.

        Raises
        ------
        ValueError
            If the cost is not one of this package's, or half is asked for numbers too large for float16.
        OSError
            If the file cannot be written; one that was there before is then untouched.
        """
        if self.cost.name not in COSTS:
            raise ValueError(f"only networks with a cost of {', '.join(COSTS)} can be saved (Network.save).")
        arrays: dict[str, Any] = {"format": FORMAT, "cost": self.cost.name}
        for k, layer in enumerate(self.layers):
            weights, biases = layer.weights, layer.biases
            if half and max(np.abs(weights).max(), np.abs(biases).max()) > np.finfo(np.float16).max:
                raise ValueError(
                    f"layer {k} has numbers too large for float16; save it with half=False (Network.save)."
                )
            kept = np.float16 if half else self.dtype
            arrays[f"weights_{k}"], arrays[f"biases_{k}"] = weights.astype(kept), biases.astype(kept)
            arrays[f"activation_{k}"] = layer.activation
        path = Path(path)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with unfinished.open("wb") as file:
                np.savez(file, **arrays)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network that ``save`` wrote. Nothing in the file is executed: pickles are refused.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        Network

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a saved network, is damaged, or holds numbers that are not finite.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as saved:
                arrays = dict(saved)
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a network saved by Network.save, or it is damaged: {error}") from error
        try:
            if int(arrays["format"]) != FORMAT:
                raise ValueError(f"{path} has format {arrays['format']}; this version reads format {FORMAT}.")
            layers = []
            for k in range(sum(name.startswith("weights_") for name in arrays)):
                weights, biases = arrays[f"weights_{k}"], arrays[f"biases_{k}"]
                if weights.dtype == np.float16:  # saved with half=True
                    weights, biases = weights.astype(np.float32), biases.astype(np.float32)
                n_in, n_out = weights.shape
                layer = Layer(n_in, n_out, activation=str(arrays[f"activation_{k}"]), dtype=weights.dtype)
                if biases.shape != layer.biases.shape or biases.dtype != layer.dtype:
                    raise ValueError(f"{path} is damaged: weights and biases of layer {k} do not fit.")
                check_finite(weights, f"weights of layer {k}", str(path))
                check_finite(biases, f"biases of layer {k}", str(path))
                layer.weights, layer.biases = weights, biases
                layers.append(layer)
            return cls(layers, cost=COSTS[str(arrays["cost"])]())
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a network saved by Network.save: {error} is missing or odd.") from error
