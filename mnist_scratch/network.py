"""A network: layers in a row and a cost at the end (the paper's section 2.3).

Forward, each layer's output is the next one's input. Backward, each layer's ∂C/∂inputs is the ∂C/∂Out of the one
before. It finds gradients; changing the weights with them is ``training``'s business.
"""

import copy
import functools
import os
import queue
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_scratch.any_layer import AnyLayer, are_windows, checked_layers, is_plain, takes
from mnist_scratch.checks import as_array, as_finite, check_finite, check_flag, check_path, check_rows, check_whole
from mnist_scratch.costs import COSTS, Cost, SquaredError
from mnist_scratch.layers import ACTIVATIONS, Layer
from mnist_scratch.threads import Threads, check_threads, one_blas_thread, sharing_products
from mnist_scratch.weights_file import read_layers, write_layers

Array = NDArray[np.floating[Any]]


class Network:
    """Layers and a cost.

    Parameters
    ----------
    layers : sequence of Layer
        At least one; each takes as many inputs as the one before has outputs, and all have one dtype. A layer of your
        own needs ``weights`` (n_in, n_out), ``biases`` (n_out,), ``forward`` and ``backward``.
    cost : SquaredError, CrossEntropy, or an object with ``value`` and ``dcost_dout`` like theirs
        ``SquaredError()`` if left out: the paper's.

    Raises
    ------
    TypeError, ValueError
        If the layers are none or do not fit one another, or the cost is none or does not fit the last one.
    """

    def __init__(self, layers: Sequence[AnyLayer], cost: Cost | None = None) -> None:
        self.layers: list[Any] = checked_layers(layers)
        self.cost = SquaredError() if cost is None else cost
        self.join_parameters()

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
        is_list = isinstance(sizes, Sequence) or (isinstance(sizes, np.ndarray) and sizes.ndim == 1)
        if isinstance(sizes, str | bytes | bytearray) or not is_list or len(sizes) < 2:
            raise ValueError(
                f"sizes must name inputs and outputs in one list, as in [784, 100, 10]; it is {sizes!r} "
                "(Network.from_sizes)."
            )
        sizes = [check_whole(size, f"sizes[{k}]", "Network.from_sizes") for k, size in enumerate(sizes)]
        if not isinstance(cost, str) or cost not in COSTS:
            raise ValueError(f"cost must be one of {', '.join(COSTS)}; it is {cost!r} (Network.from_sizes).")
        if not isinstance(seed, np.random.SeedSequence):
            seed = check_whole(seed, "seed", "Network.from_sizes", low=0)
        if not isinstance(activation, str) or activation not in ACTIVATIONS:  # which no layer may get to see
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)}; it is {activation!r} (Network.from_sizes)."
            )
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
    def cost(self) -> Cost:
        """The cost, as it is for the last layer's outputs."""
        return self._its_cost

    @cost.setter
    def cost(self, cost: Cost) -> None:
        if isinstance(cost, type) or not callable(getattr(cost, "value", None)):
            raise ValueError(f"cost must be a cost such as SquaredError(); it is {cost!r} (Network).")
        # A layer of the reader's own need not name its activation, nor a cost know what it is for.
        known = bool(self._output) and hasattr(cost, "for_output")
        self._its_cost = cost.for_output(self._output) if known else cost

    @property
    def dtype(self) -> np.dtype[Any]:
        """The layers' dtype."""
        return self.layers[0].weights.dtype  # type: ignore[no-any-return]

    @property
    def n_in(self) -> int:
        """How many numbers a row of inputs has."""
        return int(self.layers[0].weights.shape[0])

    @property
    def n_out(self) -> int:
        """How many outputs there are."""
        return int(self.layers[-1].weights.shape[1])

    @property
    def n_parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(layer.weights.size + layer.biases.size for layer in self.layers)

    @property
    def _output(self) -> str:
        """The last layer's activation; empty if it does not say."""
        return getattr(self.layers[-1], "activation", "")

    def join_parameters(self) -> Array:
        """Lay all parameters in one array, layer by layer, weights before biases, and return it.

        The layers hold windows on it, so that an update of all layers is one line. Where they hold such windows
        already, that array is returned. The layers of a copied network hold none until this is called.
        """
        arrays = [array for layer in self.layers for array in (layer.weights, layer.biases)]
        joined = arrays[0].base
        if joined is not None and are_windows(arrays, joined):
            return joined  # type: ignore[no-any-return]
        joined = np.concatenate([array.ravel() for array in arrays])
        for layer, (weights, biases) in zip(self.layers, self.windows(joined), strict=True):
            if hasattr(layer, "move_parameters"):
                layer.move_parameters(weights, biases)
            else:
                layer.weights, layer.biases = weights, biases
        return joined

    def windows(self, array: Array) -> list[tuple[Array, Array]]:
        """Return each layer's part of an array, in the shapes of its weights and biases: (weights, biases), windows.

        Parameters
        ----------
        array : array, (n_parameters,)

        Raises
        ------
        TypeError, ValueError
            If it is no array of that length.
        """
        array = as_array(array, "array", "Network.windows")
        if array.shape != (self.n_parameters,):
            raise ValueError(
                f"array must have shape ({self.n_parameters},), a number for each parameter; it has shape "
                f"{array.shape} (Network.windows)."
            )
        parts, start = [], 0
        for layer in self.layers:
            middle, end = start + layer.weights.size, start + layer.weights.size + layer.biases.size
            parts.append((array[start:middle].reshape(layer.weights.shape), array[middle:end]))
            start = end
        return parts

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

    def predict(self, inputs: ArrayLike, batch_size: int = 1000, threads: int | None = None) -> NDArray[np.intp]:
        """Return the class of each row: the place of its largest output.

        Parameters
        ----------
        inputs : array, (n, n_in)
        batch_size : int
            Rows run through at a time; the layers' memory stays that small.
        threads : int, optional
            How many batches are run through side by side; as many as there are cores, if left out.

        Returns
        -------
        integer array, (n,)

        Raises
        ------
        TypeError, ValueError
            As ``forward``, or if an output is not a finite number, as where a weight is none.
        """
        rows = self._checked_rows(inputs, "Network.predict")
        outs = self._in_batches(lambda network, part: network._forward(rows[part]), len(rows), batch_size, threads,
                                "Network.predict")  # fmt: skip
        for out in outs:
            check_finite(out, "the outputs", "Network.predict")
        return np.concatenate([np.empty(0, np.intp), *(out.argmax(axis=1) for out in outs)])

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
        TypeError, ValueError
            If a shape does not fit, n is 0, a number is NaN or infinite, or the inputs are whole numbers.
        """
        return self._gradients(*self._checked_pair(inputs, targets, "Network.gradients"))[0]

    def mean_cost(
        self, inputs: ArrayLike, targets: ArrayLike, batch_size: int = 1000, threads: int | None = None
    ) -> float:
        """Return the cost, without the gradients.

        Parameters
        ----------
        inputs : array, (n, n_in)
        targets : array, (n, n_out)
        batch_size : int
            Rows run through at a time.
        threads : int, optional
            As in ``predict``.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            As ``gradients``.
        """
        rows, targets = self._checked_pair(inputs, targets, "Network.mean_cost")

        def total(network: Network, part: slice) -> float:
            cost: float = network._cost(network._forward(rows[part]), targets[part])
            return cost * len(rows[part])

        totals = self._in_batches(total, len(rows), batch_size, threads, "Network.mean_cost")
        return float(sum(totals)) / len(rows)

    def _gradients(self, rows: Array, targets: Array) -> tuple[float, Array]:
        """As ``gradients``, without the checks: cost and outputs, and each layer's own ``backward``, last to first."""
        out = self._forward(rows)
        cost = self._cost(out, targets)
        last, first = self.layers[-1], self.layers[0]
        dcost_dout: Array | None = None
        for layer in reversed(self.layers):
            # The images have nothing to learn: their slopes are left out where a layer knows how.
            options: dict[str, Any] = {"with_inputs": False} if layer is first and takes(layer, "with_inputs") else {}
            if layer is not last:
                dcost_dout = layer.backward(dcost_dout, **options)
            elif is_plain(layer):
                dcost_dout = layer.backward(dcost_dnet=self._dcost_dnet(out, targets), **options)
            else:  # the way back through this layer's activation is known to the layer alone
                dcost_dout = layer.backward(self.cost.dcost_dout(out, targets), **options)
        return cost, out

    def _dcost_dnet(self, out: Array, targets: Array) -> Array:
        slope = ACTIVATIONS[self._output].dcost_dnet
        if not hasattr(self.cost, "dcost_dnet"):
            return Cost.dcost_dnet(self.cost, out, targets, slope)
        return self.cost.dcost_dnet(out, targets, slope)

    def _cost(self, out: Array, targets: Array) -> float:
        """Return the cost of the outputs that the last forward pass made."""
        last = self.layers[-1]
        if is_plain(last) and hasattr(self.cost, "value_from_net"):
            return self.cost.value_from_net(last.net, targets, self._output, out)
        return self.cost.value(out, targets)

    def _forward(self, rows: Array) -> Array:
        for layer in self.layers:
            rows = layer.forward(rows)
        return rows

    def double(self) -> Self:
        """Return a network on the same parameters, whose layers remember rows and gradients of their own.

        So two can run side by side. Only a network of nothing but ``Layer`` may be doubled (``is_plain``): what others
        keep from one call to the next is not known.
        """
        other = copy.copy(self)
        other.layers = [copy.copy(layer) for layer in self.layers]
        return other

    @property
    def is_plain(self) -> bool:
        """Whether all layers are of the class ``Layer`` itself, each row's way apart from the others'."""
        return all(type(layer) is Layer and is_plain(layer) for layer in self.layers)

    def _in_batches(
        self, function: Callable[["Network", slice], Any], n: int, batch_size: int, threads: int | None, caller: str
    ) -> list[Any]:
        """Return what the function gives for a network and each batch of the n rows, in order."""
        batch_size = check_whole(batch_size, "batch_size", caller)
        threads = check_threads(threads, caller)
        parts = [slice(start, start + batch_size) for start in range(0, n, batch_size)]
        found: list[Any] = [None] * len(parts)
        threads = min(threads, len(parts)) if self.is_plain else 1
        networks: queue.SimpleQueue[Network] = queue.SimpleQueue()
        for _ in range(threads):
            networks.put(self if threads == 1 else self.double())

        def run(k: int) -> None:
            network = networks.get()
            try:
                found[k] = function(network, parts[k])
            finally:
                networks.put(network)

        with one_blas_thread(), Threads(threads) as pool, sharing_products(None):
            pool.run([functools.partial(run, k) for k in range(len(parts))])
        return found

    def _checked_rows(self, inputs: ArrayLike, caller: str) -> Array:
        return check_rows(inputs, self.n_in, self.dtype, "inputs", caller)

    def _checked_pair(self, inputs: ArrayLike, targets: ArrayLike, caller: str) -> tuple[Array, Array]:
        rows = self._checked_rows(inputs, caller)
        return rows, self.checked_targets(targets, len(rows), caller)

    def checked_targets(self, targets: ArrayLike, n: int, caller: str) -> Array:
        """Return the targets as an array (n, n_out) of the network's dtype, or say what is wrong with them.

        Parameters
        ----------
        targets : array, (n, n_out)
        n : int
            How many rows there are.
        caller : str
            The function that asks, for the message.

        Raises
        ------
        TypeError, ValueError
            If the shape is another, n is 0, a number is not finite, or the cost cannot take them.
        """
        targets = as_array(targets, "targets", caller)
        if targets.shape != (n, self.n_out):
            raise ValueError(
                f"targets must have shape {(n, self.n_out)}, a row for each of the inputs; they have shape "
                f"{targets.shape} ({caller}). For labels, write one_hot(labels)."
            )
        if n == 0:
            raise ValueError(f"inputs must hold at least one row: the cost is a mean over them ({caller}).")
        targets = as_finite(targets, self.dtype, "targets", caller)
        if hasattr(self.cost, "check_targets"):
            self.cost.check_targets(targets, caller)
        return targets

    def save(self, path: str | os.PathLike[str], half: bool = False) -> None:
        """Write weights, biases, activations and cost to a .npz file, whole or not at all.

        Parameters
        ----------
        path : str or path
            Used as it is given, but for a leading ``~``, which is the home folder.
        half : bool
            Round weights and biases to float16: a smaller file, and about three digits of each number.

        Raises
        ------
        TypeError
            If it is no path, such as an open file, or half is neither True nor False.
        ValueError
            If the cost is not one of this package's, or half is asked for numbers too large for float16.
        OSError
            If the file cannot be written; one that was there before is then untouched.
        """
        path = check_path(path, "path", "Network.save", "To write into an open file, save to a path and copy.")
        half = check_flag(half, "half", "Network.save")
        name = getattr(self.cost, "name", "")
        if COSTS.get(name) is not type(self.cost):
            raise ValueError(
                f"only networks with a cost of {', '.join(COSTS)} can be saved; this one's is "
                f"{type(self.cost).__name__} (Network.save)."
            )
        for k, layer in enumerate(self.layers):
            if getattr(layer.forward, "__func__", None) is not Layer.forward:
                raise ValueError(
                    f"only networks of Layer can be saved; layer {k}, a {type(layer).__name__}, goes forward in "
                    "its own way, which would be lost (Network.save)."
                )
        write_layers(path, self.layers, name, half)

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
        TypeError
            If it is no path, such as an open file.
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a saved network, is damaged, or holds numbers that are not finite.
        """
        layers, cost = read_layers(check_path(path, "path", "Network.load"))
        try:
            return cls(layers, cost=cost)
        except ValueError as error:
            raise ValueError(f"{path} is damaged, or was not saved by Network.save: {error}") from error
