"""Costs: one number for how wrong the outputs are, and its slope (the paper's section 2.2.2).

Both costs are sums over the outputs and means over the rows, so that a step's size does not depend on the batch's.
The paper's is ``SquaredError``. ``CrossEntropy`` is not in the paper; lesson 06 shows what it changes.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


class Cost(Protocol):
    """What a network asks of its cost."""

    name: str

    def value(self, out: Array, targets: Array) -> float:
        """Return the cost of these outputs, (n, n_out) each."""
        ...

    def dcost_dout(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Out, (n, n_out)."""
        ...


class SquaredError:
    """C = 1/2 Σ (Out - target)², summed over the outputs, mean over the rows (reference [9] of the paper)."""

    name = "squared_error"

    def value(self, out: Array, targets: Array) -> float:
        """Return the cost.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)

        Returns
        -------
        float
        """
        difference = out - targets
        return 0.5 * float(np.vdot(difference, difference)) / len(out)

    def dcost_dout(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Out = (Out - target) / n.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)

        Returns
        -------
        array, (n, n_out)
        """
        slope: Array = (out - targets) / len(out)
        return slope


class CrossEntropy:
    """How surprised the outputs are by the target, mean over the rows.

    With softmax outputs C = -Σ t ln Out. With sigmoid outputs each output is a yes-or-no question of its own, and
    C = -Σ (t ln Out + (1 - t) ln(1 - Out)) (Nielsen 2015, chapter 3). In both cases the activation's slope cancels:
    ∂C/∂Net = (Out - t) / n. A network uses that path (``value_from_net``, ``dcost_dnet``), which never takes the
    logarithm of a rounded-off zero. ``value`` and ``dcost_dout`` are the plain forms for softmax outputs.
    """

    name = "cross_entropy"

    def value(self, out: Array, targets: Array) -> float:
        """Return -Σ t ln Out, mean over the rows.

        Parameters
        ----------
        out : array, (n, n_out)
            Probabilities. One that has been rounded off to zero counts as the smallest normal float.
        targets : array, (n, n_out)

        Returns
        -------
        float
        """
        return -float((targets * np.log(np.maximum(out, np.finfo(out.dtype).tiny))).sum()) / len(out)

    def dcost_dout(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Out = -t / Out / n, for softmax outputs.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)

        Returns
        -------
        array, (n, n_out)
        """
        slope: Array = -targets / np.maximum(out, np.finfo(out.dtype).tiny) / len(out)
        return slope

    def value_from_net(self, net: Array, targets: Array, activation: str, out: Array | None = None) -> float:
        """Return the cost, without the logarithm of an output that was rounded off to 0.

        Parameters
        ----------
        net, targets : arrays, (n, n_out)
        activation : {"softmax", "sigmoid"}
            Of the output layer.
        out : array, (n, n_out), optional
            The softmax outputs, if they are at hand: their logarithms are taken, unless one was rounded off to 0. Then,
            as without them, the cost is found from the nets.

        Returns
        -------
        float
        """
        if activation == "softmax" and out is not None and np.count_nonzero(out) == out.size:
            return -float(np.vdot(targets, np.log(out))) / len(net)
        if activation == "softmax":  # ln Out = net - ln Σ e^net
            shifted = net - net.max(axis=-1, keepdims=True)
            log_sum = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
            return float((targets * (log_sum - shifted)).sum()) / len(net)
        # ln Out = -ln(1 + e^-net) and ln(1 - Out) = -ln(1 + e^net) = ln Out - net
        return float((np.logaddexp(0, net) - targets * net).sum()) / len(net)

    def dcost_dnet(self, out: Array, targets: Array) -> Array:
        """Return ∂C/∂Net = (Out - t) / n, for softmax or sigmoid outputs.

        Parameters
        ----------
        out, targets : arrays, (n, n_out)
            For softmax each row of the targets must sum to 1.

        Returns
        -------
        array, (n, n_out)
        """
        slope: Array = out - targets
        slope /= len(out)
        return slope


COSTS: dict[str, type[SquaredError] | type[CrossEntropy]] = {
    "squared_error": SquaredError,
    "cross_entropy": CrossEntropy,
}
