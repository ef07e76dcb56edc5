"""Costs: one number for how wrong the outputs are, and its slope (the paper's section 2.2.2).

Both costs are sums over the outputs and means over the rows, so that a step's size does not depend on the batch's.
The paper's is ``SquaredError``. ``CrossEntropy`` is not in the paper; lesson 06 shows what it changes.

A cost of your own needs ``value`` and ``dcost_dout``, each a mean over the rows. ``Cost`` adds what a network asks for
besides, in the forms that are right for any cost; a cost may know better ones.
"""

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_choice

Array = NDArray[np.floating[Any]]

Slope = Callable[[Array, Array], Array]
"""An activation's way back, (∂C/∂Out, out) -> ∂C/∂Net."""


class Cost:
    """What a network asks of its cost.

    A subclass gives ``value`` and ``dcost_dout``. One that changes either of them, but not the shortcut that belongs
    to it (``value_from_net``, ``dcost_dnet``), gets the plain form of the shortcut back: what it has written counts.
    """

    name = ""
    """For the file that ``Network.save`` writes."""

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        for plain, shortcut in (("value", "value_from_net"), ("dcost_dout", "dcost_dnet")):
            if plain in vars(cls) and shortcut not in vars(cls):
                setattr(cls, shortcut, vars(Cost)[shortcut])

    def value(self, out: Array, targets: Array) -> float:
        """Return the cost of these outputs, (n, n_out) each: a mean over the rows."""
        raise NotImplementedError(f"a cost needs value(out, targets); {type(self).__name__} has none.")

    def dcost_dout(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Out, (n, n_out)."""
        raise NotImplementedError(f"a cost needs dcost_dout(out, targets); {type(self).__name__} has none.")

    def dcost_dnet(self, out: Array, targets: Array, slope: Slope) -> Array:
        """Return ∂C/∂Net of the last layer, (n, n_out): here by the chain rule, equation (3).

        Parameters
        ----------
        out, targets : arrays, (n, n_out)
        slope : callable
            The last layer's activation on its way back: (∂C/∂Out, out) -> ∂C/∂Net.
        """
        return slope(self.dcost_dout(out, targets), out)

    def value_from_net(self, net: Array, targets: Array, activation: str, out: Array) -> float:
        """Return the cost, where the last layer's nets are at hand too, (n, n_out) each: here that of the outputs."""
        return self.value(out, targets)

    def check_targets(self, targets: Array, caller: str) -> None:
        """Refuse targets, (n, n_out), that the cost cannot take, with a ValueError; here none."""

    def for_output(self, activation: str) -> Self:
        """Return this cost as it is for a last layer with this activation; ValueError if it cannot be."""
        return self


class SquaredError(Cost):
    """C = 1/2 Σ (Out - target)², summed over the outputs, mean over the rows (reference [9] of the paper)."""

    name = "squared_error"

    def value(self, out: Array, targets: Array) -> float:
        """Return the cost.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)
            Whole numbers are made float64. Of NaN and infinity come such costs.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, or have not one shape, or no rows.
        """
        out, targets = _checked_pair(out, targets, "SquaredError.value")
        difference = np.subtract(out, targets).ravel()
        return 0.5 * float(np.dot(difference, difference)) / len(out)

    def dcost_dout(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Out = (Out - target) / n.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)

        Returns
        -------
        array, (n, n_out)

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, or have not one shape, or no rows.
        """
        out, targets = _checked_pair(out, targets, "SquaredError.dcost_dout")
        dcost_dout: Array = np.subtract(out, targets)
        dcost_dout /= len(out)
        return dcost_dout


class CrossEntropy(Cost):
    """How surprised the outputs are by the target, mean over the rows.

    With softmax outputs C = -Σ t ln Out. With sigmoid outputs each output is a yes-or-no question of its own, and
    C = -Σ (t ln Out + (1 - t) ln(1 - Out)) (Nielsen 2015, chapter 3). In both cases the activation's slope cancels:
    ∂C/∂Net = (Out - t) / n (``dcost_dnet``). ``value_from_net`` never takes the logarithm of a rounded-off zero.

    Parameters
    ----------
    output : {"softmax", "sigmoid"}
        What the outputs are. A network makes it that of its last layer.

    Raises
    ------
    TypeError, ValueError
        If it is another activation, or no text.
    """

    name = "cross_entropy"

    def __init__(self, output: str = "softmax") -> None:
        if not isinstance(output, str) or output not in ("softmax", "sigmoid"):
            raise (ValueError if isinstance(output, str) else TypeError)(
                "cost CrossEntropy takes logarithms of the outputs, so they must lie between 0 and 1: make the last "
                f"layer softmax or sigmoid; output is {output!r} (CrossEntropy)."
            )
        self.output = output

    def for_output(self, activation: str) -> Self:
        """Return this cost for outputs of this activation; ValueError if it is neither softmax nor sigmoid."""
        if activation == self.output:
            return self
        other = copy.copy(self)
        CrossEntropy.__init__(other, activation)
        return other

    def check_targets(self, targets: Array, caller: str) -> None:
        """Refuse targets that are no probabilities: outside 0 to 1, or for softmax outputs with another sum than 1."""
        targets = as_array(targets, "targets", caller)
        if targets.ndim != 2 or targets.size == 0:
            raise ValueError(f"targets must have shape (n, n_out), n above 0; they have {targets.shape} ({caller}).")
        if targets.min() < 0 or targets.max() > 1:
            raise ValueError(
                f"targets must lie between 0 and 1 for CrossEntropy; they go from {targets.min():g} to "
                f"{targets.max():g} ({caller})."
            )
        if self.output == "softmax" and (wrong := np.flatnonzero(np.abs(targets.sum(axis=1) - 1) > 1e-3)).size:
            raise ValueError(
                "each row of targets must sum to 1 where the outputs are softmax, as one_hot(labels) does; row "
                f"{wrong[0]} sums to {targets[wrong[0]].sum():g} ({caller})."
            )

    def _checked_probabilities(self, out: Array, targets: Array, caller: str) -> tuple[Array, Array]:
        out, targets = _checked_pair(out, targets, caller)
        if (out < 0).any() or (out > 1.001).any():
            raise ValueError(
                f"out must lie between 0 and 1 for CrossEntropy; they go from {out.min():g} to {out.max():g} "
                f"({caller}). Pass what the activation gives, not the nets."
            )
        self.check_targets(targets, caller)
        return out, targets

    def value(self, out: Array, targets: Array) -> float:
        """Return the cost, mean over the rows.

        Parameters
        ----------
        out : array, (n, n_out)
            Probabilities. Where a logarithm would be taken of less, that of the smallest normal float is.
        targets : array, (n, n_out)

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, have not one shape, or no rows; if one lies outside 0 to 1; or if for softmax a row
            of the targets does not sum to 1.
        """
        out, targets = self._checked_probabilities(out, targets, "CrossEntropy.value")
        total = np.vdot(targets, np.log(_above_zero(out)))
        if self.output == "sigmoid":
            total += np.vdot(1 - targets, np.log(_above_zero(1 - out)))
        return -float(total) / len(out)

    def dcost_dout(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Out: -t / Out / n for softmax outputs, (Out - t) / (Out (1 - Out)) / n for sigmoid ones.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)

        Returns
        -------
        array, (n, n_out)

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, have not one shape, or no rows; if one lies outside 0 to 1; or if for softmax a row
            of the targets does not sum to 1.
        """
        out, targets = self._checked_probabilities(out, targets, "CrossEntropy.dcost_dout")
        if self.output == "sigmoid":
            return (out - targets) / _above_zero(out * (1 - out)) / len(out)
        return -targets / _above_zero(out) / len(out)

    def dcost_dnet(self, out: Array, targets: Array, slope: Slope | None = None) -> Array:
        """Return ∂C/∂Net = (Out - t) / n, for softmax or sigmoid outputs.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)
            For softmax each row of the targets must sum to 1.
        slope : callable, optional
            Not used: the activation's slope has cancelled.

        Returns
        -------
        array, (n, n_out)

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, or have not one shape, or no rows. That the targets are probabilities is not asked
            here, once a step; a network asks ``check_targets`` before.
        """
        out, targets = _checked_pair(out, targets, "CrossEntropy.dcost_dnet")
        dcost_dnet: Array = np.subtract(out, targets)
        dcost_dnet /= len(out)
        return dcost_dnet

    def value_from_net(
        self, net: Array, targets: Array, activation: str | None = None, out: Array | None = None
    ) -> float:
        """Return the cost, without the logarithm of an output that was rounded off to 0.

        Parameters
        ----------
        net, targets : arrays, (n, n_out)
        activation : {"softmax", "sigmoid"}, optional
            Of the output layer; this cost's ``output`` if left out.
        out : array, (n, n_out), optional
            The softmax outputs, if they are at hand: their logarithms are taken, unless one was rounded off to 0. Then,
            as without them, the cost is found from the nets.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            As ``dcost_dnet``; if the outputs are given, they must have that shape too. If the activation is another.
        """
        net, targets = _checked_pair(net, targets, "CrossEntropy.value_from_net", "net")
        activation = self.output if activation is None else activation
        if not isinstance(activation, str) or activation not in ("softmax", "sigmoid"):
            check_choice(activation, ("softmax", "sigmoid"), "activation", "CrossEntropy.value_from_net")
        if activation == "sigmoid":  # ln Out = -ln(1 + e^-net) and ln(1 - Out) = ln Out - net
            return float((np.logaddexp(0, net) - targets * net).sum()) / len(net)
        if out is not None:
            out, _ = _checked_pair(out, targets, "CrossEntropy.value_from_net")
        if out is not None and np.count_nonzero(out) == out.size:
            return -float(np.vdot(targets, np.log(out))) / len(net)
        shifted = net - net.max(axis=-1, keepdims=True)  # ln Out = net - ln Σ e^net
        log_sum = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return float((targets * (log_sum - shifted)).sum()) / len(net)


def _above_zero(values: Array) -> Array:
    return np.maximum(values, np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).tiny)


def _checked_pair(out: ArrayLike, targets: ArrayLike, caller: str, name: str = "out") -> tuple[Array, Array]:
    """Return outputs (or nets) and targets as arrays of floats, (n, n_out), or say why they are none.

    Whole numbers become float64: their differences would be taken modulo 256, or not at all. NaN and infinity pass,
    into the cost: that is where ``train`` notices that it has diverged.
    """
    out, targets = as_array(out, name, caller), as_array(targets, "targets", caller)
    if out.shape != targets.shape or out.ndim != 2 or len(out) == 0:
        raise ValueError(
            f"{name} and targets must have one shape, (n, n_out) with n above 0; "
            f"they have {out.shape} and {targets.shape} ({caller})."
        )
    if out.dtype.kind != "f":
        out = out.astype(np.float64)
    return out, targets if targets.dtype.kind == "f" else targets.astype(np.float64)


COSTS: dict[str, type[SquaredError] | type[CrossEntropy]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
}
