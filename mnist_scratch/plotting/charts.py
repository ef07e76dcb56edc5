"""Figures with two axes: cost and error over the epochs, a descent over a cost's contours, the two sides of a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_finite
from mnist_scratch.plotting.arguments import (
    call_checked,
    check_axes,
    check_callable,
    check_points,
    check_range,
    check_text,
    check_texts,
)
from mnist_scratch.plotting.style import BLACK, BLUE, COLOURS, GREEN, GREY, SKY, VERMILION, add_title, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mnist_scratch.training import History

MARKERS = ("o", "s", "^")
"""One for each round of the colours."""

Limits = tuple[tuple[float, float], tuple[float, float]]


def plot_history(histories: Mapping[str, History], title: str = "") -> Figure:
    """Draw cost and error over the epochs.

    Parameters
    ----------
    histories : dict
        Name -> History, 1 to 21 of them. From the eighth on, colours come again with another marker.
    title : str

    Returns
    -------
    matplotlib Figure
        Left the cost, right the error in per cent; training dashed, validation full where there is one.

    Raises
    ------
    TypeError
        If the histories are no dict of Histories.
    ValueError
        If there are none or too many, or one of them has no epoch, lists that do not fit together, a number that is not
        finite, or an accuracy that is no share.
    """
    most = len(COLOURS) * len(MARKERS)
    if not isinstance(histories, Mapping):
        raise TypeError(
            f"histories must be a dict of name -> History; it is {type(histories).__name__} (plot_history). "
            'For a single one, write {"run": history}.'
        )
    if not 1 <= len(histories) <= most:
        raise ValueError(f"histories must be 1 to {most}, to be told apart; there are {len(histories)} (plot_history).")
    recorded = [_as_arrays(history, f"histories[{name!r}]") for name, history in histories.items()]
    title = check_text(title, "title", "plot_history")
    n_lines = sum(2 if len(series["validation_cost"]) else 1 for series in recorded)
    is_crowded = n_lines > 8
    size = (12.5, max(3.8, 0.5 + 0.21 * n_lines)) if is_crowded else (10.0, 3.8)
    figure, (left, right) = new_figure(1, 2, size=size)
    for k, (name, series) in enumerate(zip(histories, recorded, strict=True)):
        _draw_history(left, right, name, series, COLOURS[k % len(COLOURS)], k // len(COLOURS))
    left.set(xlabel="epoch", ylabel="mean cost")
    right.set(xlabel="epoch", ylabel="error (%)")
    for ax in (left, right):
        if all(np.min(line.get_ydata()) >= 0 for line in ax.lines):
            ax.set_ylim(bottom=0)
        ax.xaxis.get_major_locator().set_params(integer=True)
    long_handles: dict[str, Any] = {"handlelength": 3.5}  # in which dashes are seen to be dashes
    if is_crowded:
        figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", **long_handles)
    else:
        left.legend(**long_handles)
    add_title(figure, title)
    return figure


def _as_arrays(history: History, name: str) -> dict[str, NDArray[Any]]:
    """Return what a history recorded as arrays, the epochs' numbers among them, if it can be drawn."""
    from mnist_scratch.training import History

    if not isinstance(history, History):
        raise TypeError(f"{name} must be a History, what train returns; it is {type(history).__name__} (plot_history).")
    fields = ("epoch", "cost", "accuracy", "validation_cost", "validation_accuracy")
    series = {field: as_array(getattr(history, field), f"{name}.{field}", "plot_history") for field in fields}
    n_epochs = series["epoch"].size
    if not n_epochs:
        raise ValueError(f"{name} must have at least one epoch; it has none (plot_history). Train first.")
    for field, values in series.items():
        wanted = [(n_epochs,)] if field in ("epoch", "cost") else [(n_epochs,), (0,)]
        if values.shape not in wanted:
            raise ValueError(
                f"{name}.{field} must have a number for each of the {n_epochs} epochs; its shape is {values.shape} "
                "(plot_history)."
            )
        check_finite(values, f"{name}.{field}", "plot_history")
        if "accuracy" in field and ((values < 0) | (values > 1)).any():
            raise ValueError(
                f"{name}.{field} must be shares from 0 to 1; they go from {values.min():g} to {values.max():g} "
                "(plot_history)."
            )
    return series


def _draw_history(left: Axes, right: Axes, name: str, series: dict[str, NDArray[Any]], colour: str, turn: int) -> None:
    """Draw one history's lines; ``turn`` counts how often its colour was used before."""
    n_epochs = len(series["epoch"])
    full: dict[str, Any] = {"color": colour, "marker": MARKERS[turn] if n_epochs <= 20 or turn else ""}
    full["markevery"] = -(-n_epochs // 20)
    dashed = full | {"linestyle": "--"} if len(series["validation_cost"]) else full
    for what, look in (("training", dashed), ("validation", full)):
        prefix = "" if what == "training" else "validation_"
        for ax, values in ((left, series[f"{prefix}cost"]), (right, 100 * (1 - series[f"{prefix}accuracy"]))):
            if len(values):
                ax.plot(series["epoch"], values, label=f"{name}, {what}", **look)


def draw_descent(
    ax: Axes,
    cost: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    path: ArrayLike,
    title: str = "",
    labels: tuple[str, str] = (r"$\theta_1$", r"$\theta_2$"),
    limits: Limits | None = None,
) -> None:
    """Draw the contours of a cost of two weights and the steps of a descent over them.

    Parameters
    ----------
    ax : matplotlib Axes
    cost : callable
        Takes two arrays of one shape (values of the weights), returns the costs, of the same shape.
    path : array, (steps + 1, 2)
        The weights before the first step, after it, and so on.
    title : str
    labels : two texts
        Of the axes.
    limits : ((low, high), (low, high)), optional
        Of the axes; the path with a margin if left out.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the path has another shape, a number is not finite, low is not below high, or the cost returns another shape.
    """
    check_axes(ax, "draw_descent")
    check_callable(cost, "cost", "draw_descent")
    path = check_points(path, "path", "draw_descent")
    title = check_text(title, "title", "draw_descent")
    x_label, y_label = check_texts(labels, "labels", "draw_descent", 2, 2)
    (left, right), (bottom, top) = _with_margin(path) if limits is None else _as_limits(limits)
    first, second = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    heights = call_checked(cost, (first, second), first.shape, "cost", "draw_descent")
    levels = np.unique(np.quantile(heights, np.linspace(0.02, 0.98, 12)))
    if heights.min() < heights.max():  # a flat cost has no contours
        ax.contour(first, second, heights, levels=levels, colors=GREY, linewidths=0.8)
    ax.plot(*path.T, "o-", color=VERMILION, markersize=3.5, linewidth=1.5)
    ax.plot(*path[0], "s", color=BLUE, markersize=8, label="start")
    ax.plot(*path[-1], "*", color=GREEN, markersize=13, label="last step")
    ax.set(xlabel=x_label, ylabel=y_label, xlim=(left, right), ylim=(bottom, top))
    ax.set_title(title)
    ax.legend(loc="best")


def _as_limits(limits: Limits) -> Limits:
    if isinstance(limits, str) or not hasattr(limits, "__len__") or len(limits) != 2:
        raise TypeError(f"limits must be ((low, high), (low, high)); it is {limits!r} (draw_descent).")
    horizontal, vertical = (check_range(ends, f"limits[{k}]", "draw_descent") for k, ends in enumerate(limits))
    return horizontal, vertical


def _with_margin(path: NDArray[np.float64]) -> Limits:
    """Return limits that leave a quarter of the path's longer side free around it."""
    with np.errstate(over="ignore"):
        low, high = path.min(axis=0), path.max(axis=0)
        # A path that stays where it is has no sides; what is added must not be lost in rounding.
        margin = 0.25 * max(*(high - low), 1e-9 * max(1.0, np.abs(path).max()))
        low, high = low - margin, high + margin
        if not np.isfinite(high - low).all():
            raise ValueError(
                f"path must be small enough to be drawn; the largest number is {np.abs(path).max():g} (draw_descent)."
            )
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))


def draw_sides(
    ax: Axes,
    net: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    title: str = "",
    points: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    limits: tuple[float, float] = (-0.5, 1.5),
) -> None:
    """Draw the line net = 0 in the plane of two inputs, and shade the side where net is above 0.

    Parameters
    ----------
    ax : matplotlib Axes
    net : callable
        Takes inputs (n, 2), returns their nets (n,).
    title : str
    points : array, (n, 2), optional
        Inputs to mark; those labelled 1 as filled squares, the others as open circles.
    labels : array of 0 and 1, (n,)
        Needed with points.
    limits : (float, float)
        Of both axes.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If points come without a label for each, or labels without points; if a number is not finite, low is not below
        high, or the net returns another shape.
    """
    check_axes(ax, "draw_sides")
    check_callable(net, "net", "draw_sides")
    title = check_text(title, "title", "draw_sides")
    points, labels = _as_labelled(points, labels)
    low, high = check_range(limits, "limits", "draw_sides")
    first, second = np.meshgrid(np.linspace(low, high, 201), np.linspace(low, high, 201))
    inputs = np.column_stack([first.ravel(), second.ravel()])
    nets = call_checked(net, (inputs,), (len(inputs),), "net", "draw_sides").reshape(first.shape)
    if nets.max() > 0:
        ax.contourf(first, second, nets, levels=[0, nets.max()], colors=[SKY], alpha=0.35)
    if nets.min() < 0 < nets.max():
        ax.contour(first, second, nets, levels=[0], colors=[BLUE], linewidths=2)
    if len(points):
        ax.plot(*points[labels == 1].T, "s", color=VERMILION, markersize=11)
        ax.plot(*points[labels == 0].T, "o", color=BLACK, markerfacecolor="white", markersize=11, markeredgewidth=2)
    ax.set(xlabel="input $x_1$", ylabel="input $x_2$", xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set_title(title)


def _as_labelled(points: ArrayLike | None, labels: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return the points, (n, 2), and for each a label that is 0 or 1, (n,); none of both if none are given."""
    if points is None:
        if labels is not None:
            raise ValueError("points must be given where labels are (draw_sides).")
        return np.empty((0, 2)), np.empty(0)
    points = check_points(points, "points", "draw_sides")
    wanted = f"labels must hold a 0 or a 1 for each of the {len(points)} points"
    if labels is None:
        raise ValueError(f"{wanted}; they are None (draw_sides).")
    labels = as_array(labels, "labels", "draw_sides")
    if labels.shape != (len(points),):
        raise ValueError(f"{wanted}; they have shape {labels.shape} (draw_sides).")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"{wanted}; one of them is {labels[~np.isin(labels, (0, 1))][0]} (draw_sides).")
    return points, labels
