"""A layer: weights, biases and an activation, with a way forward and a way back (the paper's sections 2.2 and 2.3).

Forward, a layer computes ``net = inputs @ weights + biases`` and ``out = activation(net)`` (equations 1 and 2).
Backward, it is handed ∂C/∂Out, multiplies its own slopes in by the chain rule (equations 3 and 4), keeps ∂C/∂θ for the
update and hands ∂C/∂inputs to the layer before it. It does not change its weights: that is ``training``'s business.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[np.floating[Any]]


def sigmoid(net: Array) -> Array:
    """1 / (1 + e^-net), the paper's equation (1), without overflow.

    Below -80 the input is taken as -80, where the answer is already under 2e-35; e^-net then stays finite in float32.

    Parameters
    ----------
    net : float array of any shape

    Returns
    -------
    array of the same shape and dtype, between 0 and 1
    """
    out: Array = np.asarray(np.negative(net))
    np.minimum(out, 80, out=out)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def softmax(net: Array) -> Array:
    """e^net, divided in each row by the row's sum, without overflow.

    Parameters
    ----------
    net : float array, (..., n_out)

    Returns
    -------
    array of the same shape and dtype
        Each row (last axis) is positive and sums to 1. The row's largest net is taken off first: it cancels in the
        quotient, and no exponential is then above 1.
    """
    out: Array = net - net.max(axis=-1, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)
    return out


def relu(net: Array) -> Array:
    """Return net where it is positive, else 0.

    Parameters
    ----------
    net : float array of any shape

    Returns
    -------
    array of the same shape and dtype
    """
    return net.clip(0, np.inf)  # np.maximum(net, 0) says the same, and takes up to three times as long


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
    inputs, net, out : arrays, (n, n_in), (n, n_out), (n, n_out)
        What the last ``forward`` saw and made; ``backward`` needs them.
    dcost_dweights, dcost_dbiases : arrays, as weights and biases
        Filled by ``backward``.

    Raises
    ------
    ValueError
        If a size is not a positive whole number, the activation is unknown, or the dtype is another.
    """

    inputs: Array
    net: Array
    out: Array
    dcost_dweights: Array
    dcost_dbiases: Array

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: str = "sigmoid",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        for name, size in (("n_in", n_in), ("n_out", n_out)):
            if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{name} must be a whole number above 0; it is {size!r} (Layer).")
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}; it is {activation!r} (Layer).")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64; it is {np.dtype(dtype)} (Layer).")
        self.n_in, self.n_out, self.activation, self.dtype = int(n_in), int(n_out), activation, np.dtype(dtype)
        rng = np.random.default_rng() if rng is None else rng
        variance = (2 if activation == "relu" else 1) / n_in
        self.weights: Array = (np.sqrt(variance) * rng.standard_normal((n_in, n_out))).astype(self.dtype)
        self.biases: Array = np.zeros(n_out, dtype=self.dtype)

    def __repr__(self) -> str:
        return f"Layer({self.n_in}, {self.n_out}, activation={self.activation!r}, dtype={self.dtype.name})"

    def forward(self, inputs: ArrayLike) -> Array:
        """Compute the layer's output and remember what ``backward`` will need.

        Parameters
        ----------
        inputs : array, (n, n_in)
            Rows are examples. Another dtype is converted to the layer's.

        Returns
        -------
        array, (n, n_out)
            ``activation(inputs @ weights + biases)``: equation (2) for every unit and every row at once.

        Raises
        ------
        ValueError
            If the inputs are not rows of n_in numbers.
        """
        self.inputs = np.asarray(inputs, dtype=self.dtype)
        if self.inputs.ndim != 2 or self.inputs.shape[1] != self.n_in:
            raise ValueError(
                f"inputs must have shape (n, {self.n_in}), a row for each example; "
                f"they have shape {self.inputs.shape} (Layer.forward)."
            )
        self.net = self.inputs @ self.weights
        self.net += self.biases
        self.out = ACTIVATIONS[self.activation].function(self.net)
        return self.out

    def backward(self, dcost_dout: ArrayLike) -> Array:
        """Take ∂C/∂Out, fill ``dcost_dweights`` and ``dcost_dbiases``, and return ∂C/∂inputs.

        ∂C/∂θ = ∂C/∂Out x ∂Out/∂Net x ∂Net/∂θ, equation (3). What is returned is the first factor for the layer before:
        the sum over all outputs in equation (4).

        Parameters
        ----------
        dcost_dout : array, (n, n_out)
            For the rows of the last ``forward``.

        Returns
        -------
        array, (n, n_in)

        Raises
        ------
        RuntimeError
            If ``forward`` has not been called.
        ValueError
            If the shape is not that of the last output.
        """
        if not hasattr(self, "out"):
            raise RuntimeError("forward(inputs) must come before backward(dcost_dout) (Layer.backward).")
        dcost_dout = np.asarray(dcost_dout, dtype=self.dtype)
        if dcost_dout.shape != self.out.shape:
            raise ValueError(
                f"dcost_dout must have the shape of the last output, {self.out.shape}; "
                f"it has shape {dcost_dout.shape} (Layer.backward)."
            )
        dcost_dnet = ACTIVATIONS[self.activation].dcost_dnet(dcost_dout, self.out)
        self.fill_gradients(dcost_dnet)
        return self.dcost_dinputs(dcost_dnet)

    def fill_gradients(self, dcost_dnet: Array) -> None:
        """Fill ``dcost_dweights`` and ``dcost_dbiases`` from ∂C/∂Net.

        Parameters
        ----------
        dcost_dnet : array, (n, n_out)
        """
        # inputs.T @ dcost_dnet. NumPy's @ is several times slower than dot for a batch of one row (see lesson 05).
        self.dcost_dweights = np.dot(self.inputs.T, dcost_dnet)
        self.dcost_dbiases = dcost_dnet.sum(axis=0)  # one bias served every row: its gradient collects from all of them

    def dcost_dinputs(self, dcost_dnet: Array) -> Array:
        """Return ∂C/∂inputs from ∂C/∂Net: each input reached every unit, so it collects from all of them.

        Parameters
        ----------
        dcost_dnet : array, (n, n_out)

        Returns
        -------
        array, (n, n_in)
        """
        dcost_dinputs: Array = dcost_dnet @ self.weights.T
        return dcost_dinputs
