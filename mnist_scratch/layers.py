"""A layer: weights, biases and an activation, with a way forward and a way back (the paper's sections 2.2 and 2.3).

Forward, a layer computes ``net = inputs @ weights + biases`` and ``out = activation(net)`` (equations 1 and 2).
Backward, it is handed ∂C/∂Out, multiplies its own slopes in by the chain rule (equations 3 and 4), keeps ∂C/∂θ for the
update and hands ∂C/∂inputs to the layer before it. It does not change its weights: that is ``training``'s business.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from mnist_scratch.checks import as_array, as_finite, check_flag, check_generator, check_whole
from mnist_scratch.threads import product

Array = NDArray[np.floating[Any]]


def _nets(net: ArrayLike, caller: str) -> Array:
    net = as_array(net, "net", caller)
    return net if net.dtype.kind == "f" else net.astype(np.float64)


def sigmoid(net: ArrayLike) -> Array:
    """1 / (1 + e^-net), the paper's equation (1), without overflow.

    Below -80 the input is taken as -80, where the answer is already under 2e-35; e^-net then stays finite in float32.
    In float16 that is so for -11.

    Parameters
    ----------
    net : array of any shape
        Floats; whole numbers are made float64.

    Returns
    -------
    array of the same shape and dtype, between 0 and 1
    """
    out: Array = np.asarray(np.negative(_nets(net, "sigmoid")))
    np.minimum(out, 80 if out.itemsize > 2 else 11, out=out)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def softmax(net: ArrayLike) -> Array:
    """e^net, divided in each row by the row's sum, without overflow.

    Parameters
    ----------
    net : array, (..., n_out)
        Floats; whole numbers are made float64.

    Returns
    -------
    array of the same shape and dtype
        Each row (last axis) is positive and sums to 1. The row's largest net is taken off first: it cancels in the
        quotient, and no exponential is then above 1.
    """
    net = _nets(net, "softmax")
    if net.ndim == 0 or net.shape[-1] == 0:
        raise ValueError(f"net must have at least one number in each row; its shape is {net.shape} (softmax).")
    with np.errstate(over="ignore"):  # what is further away than the largest number gets the share 0, as it should
        out: Array = net - net.max(axis=-1, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)
    return out


def relu(net: ArrayLike) -> Array:
    """Return net where it is positive, else 0.

    Parameters
    ----------
    net : array of any shape
        Floats; whole numbers are made float64.

    Returns
    -------
    array of the same shape and dtype
    """
    return _nets(net, "relu").clip(0, np.inf)  # np.maximum(net, 0) says the same, and takes up to three times as long


MOST_WEIGHTS = 2**30
"""Of a layer; in float64 they take 8 GiB."""


class Activation(NamedTuple):
    """An activation and its way back. Each slope is written with ``out``, which the forward pass has left behind."""

    function: Callable[[Array], Array]
    """net -> out"""

    dcost_dnet: Callable[[Array, Array], Array]
    """(∂C/∂Out, out) -> ∂C/∂Net"""


def _softmax_dcost_dnet(dcost_dout: Array, out: Array) -> Array:
    # Each net moves every output of its row: ∂Out_i/∂Net_j = Out_i (δ_ij - Out_j), summed over i.
    dcost_dnet: Array = out * (dcost_dout - (dcost_dout * out).sum(axis=-1, keepdims=True))
    return dcost_dnet


ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": Activation(sigmoid, lambda dcost_dout, out: dcost_dout * (out * (1 - out))),
    "tanh": Activation(np.tanh, lambda dcost_dout, out: dcost_dout * (1 - out * out)),
    "relu": Activation(relu, lambda dcost_dout, out: dcost_dout * (out > 0)),
    "softmax": Activation(softmax, _softmax_dcost_dnet),
    "identity": Activation(lambda net: net, lambda dcost_dout, out: dcost_dout),
}


class Layer:
    """One fully connected layer.

    Parameters
    ----------
    n_in, n_out : int
        Number of inputs and of outputs.
    activation : {"sigmoid", "tanh", "relu", "softmax", "identity"}
    rng : numpy.random.Generator
        Draws the first weights: normal, mean 0, variance 1 / n_in (2 / n_in for ReLU, which silences half of them), so
        that the nets start with about the inputs' own spread (LeCun et al. 1998; He et al. 2015). Biases start at 0.
        Without one, each layer is drawn differently on every run.
    dtype : float32 or float64
        The type of the parameters and of everything computed.

    Attributes
    ----------
    weights : array, (n_in, n_out)
    biases : array, (n_out,)
        Assigning to either copies the numbers in, so that the array stays the one that a network trains.
    inputs, net, out : arrays, (n, n_in), (n, n_out), (n, n_out)
        What the last ``forward`` saw and made; ``backward`` needs them.
    dcost_dweights, dcost_dbiases : arrays, as weights and biases
        Filled by ``backward``.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive whole number, the activation is unknown, the dtype is another, or rng is no
        Generator.
    """

    inputs: Array
    net: Array
    out: Array
    dcost_dweights: Array
    dcost_dbiases: Array
    gradient_memory: tuple[Array | None, Array | None] = (None, None)
    """Where ``backward`` writes the two gradients; None: into new arrays. ``descent`` lends a layer parts of one."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: str = "sigmoid",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.n_in, self.n_out = check_whole(n_in, "n_in", "Layer"), check_whole(n_out, "n_out", "Layer")
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; it is {activation!r} (Layer).")
        self.activation, self.dtype = activation, _float_type(dtype)
        rng = np.random.default_rng() if rng is None else check_generator(rng, "rng", "Layer")
        if self.n_in * self.n_out > MOST_WEIGHTS:
            raise ValueError(
                f"n_in times n_out must be at most {MOST_WEIGHTS:,}, the weights that memory holds; they are "
                f"{n_in} and {n_out} (Layer)."
            )
        variance = (2 if activation == "relu" else 1) / n_in
        self._weights: Array = (np.sqrt(variance) * rng.standard_normal((n_in, n_out))).astype(self.dtype)
        self._biases: Array = np.zeros(n_out, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"Layer({self.n_in}, {self.n_out}, activation={self.activation!r}, dtype={self.dtype.name})"

    @property
    def weights(self) -> Array:
        """θ, (n_in, n_out). What is assigned is copied in."""
        return self._weights

    @weights.setter
    def weights(self, values: ArrayLike) -> None:
        _copy_into(self._weights, values, "weights")

    @property
    def biases(self) -> Array:
        """θ of the units' own, (n_out,). What is assigned is copied in."""
        return self._biases

    @biases.setter
    def biases(self, values: ArrayLike) -> None:
        _copy_into(self._biases, values, "biases")

    def move_parameters(self, weights: Array, biases: Array) -> None:
        """Keep the parameters in other arrays from now on, with the numbers that they have.

        Parameters
        ----------
        weights, biases : arrays, (n_in, n_out), (n_out,)
            Memory to use, such as parts of one array with all the parameters of a network. Overwritten.

        Raises
        ------
        TypeError, ValueError
            If they are no arrays of those shapes and of the layer's dtype, or read-only; nothing has changed then.
        """
        for memory, kept, name in ((weights, self._weights, "weights"), (biases, self._biases, "biases")):
            if (
                not isinstance(memory, np.ndarray)
                or memory.dtype != self.dtype
                or isinstance(memory, np.ma.MaskedArray)
            ):
                came = memory.dtype if isinstance(memory, np.ndarray) else type(memory).__name__
                raise TypeError(f"{name} must be a NumPy array of {self.dtype}; it is {came} (Layer.move_parameters).")
            if memory.shape != kept.shape or not memory.flags.writeable:
                what = f"of shape {memory.shape}" if memory.flags.writeable else "read-only"
                raise ValueError(
                    f"{name} must be an array of shape {kept.shape} to write to; it is {what} (Layer.move_parameters)."
                )
        weights[...], biases[...] = self._weights, self._biases
        self._weights, self._biases = weights, biases

    def forward(self, inputs: ArrayLike) -> Array:
        """Compute the layer's output and remember what ``backward`` will need.

        Parameters
        ----------
        inputs : array, (n, n_in)
            Rows are examples. Another dtype is converted to the layer's. An array of the layer's own dtype is kept, not
            copied: leave it as it is until ``backward``, and the array that is returned too.

        Returns
        -------
        array, (n, n_out)
            ``activation(inputs @ weights + biases)``: equation (2) for every unit and every row at once.

        Raises
        ------
        TypeError, ValueError
            If the inputs are not rows of n_in numbers.
        """
        inputs = as_array(inputs, "inputs", "Layer.forward")
        if inputs.ndim != 2 or inputs.shape[1] != self.n_in:
            raise ValueError(
                f"inputs must have shape (n, {self.n_in}), a row for each example; "
                f"they have shape {inputs.shape} (Layer.forward)."
            )
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and the outputs show it
            self.inputs = inputs.astype(self.dtype, copy=False)
        self.net = product(self.inputs, self._weights)  # inputs @ weights
        self.net += self._biases
        self.out = ACTIVATIONS[self.activation].function(self.net)
        return self.out

    @overload
    def backward(self, dcost_dout: ArrayLike | None = None, *, dcost_dnet: Array | None = None) -> Array: ...

    @overload
    def backward(
        self, dcost_dout: ArrayLike | None = None, *, dcost_dnet: Array | None = None, with_inputs: bool
    ) -> Array | None: ...

    def backward(
        self, dcost_dout: ArrayLike | None = None, *, dcost_dnet: Array | None = None, with_inputs: bool = True
    ) -> Array | None:
        """Take ∂C/∂Out, fill ``dcost_dweights`` and ``dcost_dbiases``, and return ∂C/∂inputs.

        ∂C/∂θ = ∂C/∂Out x ∂Out/∂Net x ∂Net/∂θ, equation (3). What is returned is the first factor for the layer before:
        the sum over all outputs in equation (4).

        Parameters
        ----------
        dcost_dout : array, (n, n_out)
            For the rows of the last ``forward``.
        dcost_dnet : array, (n, n_out), optional
            ∂C/∂Net in place of ∂C/∂Out: a departure from the paper, for the last layer, where a cost may know it in
            a simpler form (``Cost.dcost_dnet``).
        with_inputs : bool
            False leaves out ∂C/∂inputs and returns None. A network asks its first layer so: before it are only the
            images, which have nothing to learn, and this product is as large as that of the gradient.

        Returns
        -------
        array, (n, n_in); or None

        Raises
        ------
        RuntimeError
            If ``forward`` has not been called.
        TypeError, ValueError
            If the slope is missing, or given in both forms, or its shape is not that of the last output.
        """
        if not hasattr(self, "out"):
            raise RuntimeError("forward(inputs) must come before backward(dcost_dout) (Layer.backward).")
        if not isinstance(with_inputs, bool):
            check_flag(with_inputs, "with_inputs", "Layer.backward")
        if dcost_dnet is None:
            slopes = self._checked_slopes(dcost_dout, "dcost_dout", "Layer.backward")
            dcost_dnet = ACTIVATIONS[self.activation].dcost_dnet(slopes, self.out)
        elif dcost_dout is not None:
            raise ValueError(
                "dcost_dout must be left out where dcost_dnet is given: it has one of them (Layer.backward)."
            )
        else:
            dcost_dnet = self._checked_slopes(dcost_dnet, "dcost_dnet", "Layer.backward")
        self.fill_gradients(dcost_dnet)
        return self.dcost_dinputs(dcost_dnet) if with_inputs else None

    def _checked_slopes(self, slopes: ArrayLike | None, name: str, caller: str) -> Array:
        """Return slopes for the rows of the last ``forward`` in the layer's dtype, or say why they are none."""
        slopes = as_array(slopes, name, caller)
        if slopes.shape != self.out.shape:
            raise ValueError(
                f"{name} must have the shape of the last output, {self.out.shape}; it has shape {slopes.shape} "
                f"({caller})."
            )
        return slopes.astype(self.dtype, copy=False)

    def fill_gradients(self, dcost_dnet: Array) -> None:
        """Fill ``dcost_dweights`` and ``dcost_dbiases`` from ∂C/∂Net.

        Parameters
        ----------
        dcost_dnet : array, (n, n_out)
            For the rows of the last ``forward``.

        Raises
        ------
        RuntimeError
            If ``forward`` has not been called.
        TypeError, ValueError
            If its shape is not that of the last output.
        """
        if not hasattr(self, "inputs"):
            raise RuntimeError("forward(inputs) must come before fill_gradients(dcost_dnet) (Layer.fill_gradients).")
        dcost_dnet = as_array(dcost_dnet, "dcost_dnet", "Layer.fill_gradients").astype(self.dtype, copy=False)
        if dcost_dnet.shape != (wanted := (len(self.inputs), self.n_out)):
            raise ValueError(
                f"dcost_dnet must have shape {wanted}; it has shape {dcost_dnet.shape} (Layer.fill_gradients)."
            )
        for_weights, for_biases = self.gradient_memory
        self.dcost_dweights = product(self.inputs.T, dcost_dnet, out=for_weights)
        # One bias served every row: its gradient collects from all of them.
        self.dcost_dbiases = np.add.reduce(dcost_dnet, axis=0, out=for_biases)

    def dcost_dinputs(self, dcost_dnet: Array) -> Array:
        """Return ∂C/∂inputs from ∂C/∂Net: each input reached every unit, so it collects from all of them.

        Parameters
        ----------
        dcost_dnet : array, (n, n_out)

        Returns
        -------
        array, (n, n_in)

        Raises
        ------
        TypeError, ValueError
            If it is no array of n_out slopes a row.
        """
        dcost_dnet = as_array(dcost_dnet, "dcost_dnet", "Layer.dcost_dinputs").astype(self.dtype, copy=False)
        if dcost_dnet.ndim != 2 or dcost_dnet.shape[1] != self.n_out:
            raise ValueError(
                f"dcost_dnet must have shape (n, {self.n_out}); it has shape {dcost_dnet.shape} (Layer.dcost_dinputs)."
            )
        return product(dcost_dnet, self._weights.T)


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64; it is {dtype if found is None else found} (Layer).")
    return np.dtype(dtype)


def _copy_into(parameters: Array, values: ArrayLike, name: str) -> None:
    """Copy values into a layer's array; TypeError or ValueError if they do not fit, and nothing has changed then."""
    if values is parameters:  # as after layer.weights -= ...
        return
    array = as_array(values, name, "Layer")
    if array.shape != parameters.shape:
        raise ValueError(f"{name} must have shape {parameters.shape}; what was assigned has shape {array.shape}.")
    if not parameters.flags.writeable:
        raise ValueError(f"{name} cannot be assigned: the layer's array is read-only.")
    parameters[...] = as_finite(array, parameters.dtype, name, "Layer")
