"""Every figure of the series, in one style.

The colours are Okabe and Ito's, which colour-blind readers tell apart. Each function returns a Matplotlib figure; a
notebook shows it with ``show(figure, alt=...)``, which stores a text for readers who cannot see it. A figure's title
says what was found, so it is the caller's to write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mnist_scratch.network import Network
    from mnist_scratch.training import History

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
GREY = "#767676"

_STYLE: dict[str, Any] = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "figure.titlesize": 13,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 2.0,
    "lines.markersize": 6,
    "image.cmap": "gray_r",
    "mathtext.fontset": "dejavusans",
}


def new_figure(
    n_rows: int = 1, n_columns: int = 1, size: tuple[float, float] = (8.0, 4.0), **options: object
) -> tuple[Figure, Any]:
    """Return (figure, axes) in the series' style.

    Parameters
    ----------
    n_rows, n_columns : int
    size : (float, float)
        Inches, width and height.
    **options
        To ``matplotlib.pyplot.subplots``.

    Returns
    -------
    (figure, axes)
        One Axes, or an array of them, as ``matplotlib.pyplot.subplots`` gives.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from cycler import cycler

    style: Any = {**_STYLE, "axes.prop_cycle": cycler(color=COLOURS)}
    mpl.rcParams.update(style)
    make: Any = plt.subplots
    figure, axes = make(n_rows, n_columns, figsize=size, **options)
    return figure, axes


def show(figure: Figure, alt: str) -> None:
    """Show a figure in the notebook, with a text for readers who cannot see it.

    Parameters
    ----------
    figure : matplotlib Figure
        Closed afterwards.
    alt : str
        What the figure shows, in a sentence or two.

    Raises
    ------
    ValueError
        If the text is empty.
    """
    import base64
    import io

    import matplotlib.pyplot as plt
    from IPython import get_ipython
    from IPython.display import publish_display_data

    if not alt.strip():
        raise ValueError("alt must say what the figure shows; it is empty (show).")
    if get_ipython() is None:  # a plain Python program
        plt.show()
    else:
        picture = io.BytesIO()
        figure.savefig(picture, format="png", bbox_inches="tight")
        publish: Any = publish_display_data
        publish(
            {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": alt},
            metadata={"image/png": {"alt": alt}},
        )
    plt.close(figure)


def show_digits(
    images: NDArray[Any],
    captions: Sequence[object] | None = None,
    columns: int = 10,
    title: str = "",
    scale: float = 0.9,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw images in a grid, ink dark on white.

    Parameters
    ----------
    images : array, (n, height, width)
    captions : sequence of n, optional
        What to write above each.
    columns : int
    title : str
    scale : float
        Inches an image.
    limits : (float, float), optional
        The values drawn white and black; each image's own smallest and largest if left out.

    Returns
    -------
    matplotlib Figure
    """
    images = np.asarray(images)
    columns = min(columns, len(images))
    n_rows = -(-len(images) // columns)
    height = n_rows * (scale + (0.25 if captions is not None else 0.05)) + (0.45 if title else 0.1)
    figure, axes = new_figure(n_rows, columns, size=(max(columns * scale, 3.0), height), squeeze=False)
    for k, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if k < len(images):
            low, high = (None, None) if limits is None else limits
            ax.imshow(images[k], vmin=low, vmax=high)
            if captions is not None:
                ax.set_title(str(captions[k]), fontsize=10, loc="center", pad=3)
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def draw_matrix(
    ax: Axes,
    values: ArrayLike,
    title: str = "",
    form: str = "{:g}",
    faces: ArrayLike | str = "white",
    row_labels: Sequence[object] | None = None,
    column_labels: Sequence[object] | None = None,
    font_size: float = 11,
) -> None:
    """Draw an array as a grid of numbered squares.

    Parameters
    ----------
    ax : matplotlib Axes
    values : array, (rows, columns)
        Numbers or texts.
    title : str
    form : str
        How a number is written.
    faces : colour, or array of colours (rows, columns)
        Behind the numbers.
    row_labels, column_labels : sequences of texts, optional
    font_size : float
    """
    from matplotlib.patches import Rectangle

    values = np.atleast_2d(np.asarray(values))
    n_rows, n_columns = values.shape
    colours = np.broadcast_to(np.asarray(faces, dtype=object), values.shape)
    for row in range(n_rows):
        for column in range(n_columns):
            value = values[row, column]
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=colours[row, column], edgecolor=GREY, linewidth=1))
            text = value if isinstance(value, str) else form.format(value)
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=font_size)
    for row, label in enumerate(row_labels or ()):
        ax.text(-0.15, row + 0.5, str(label), ha="right", va="center", fontsize=font_size)
    for column, label in enumerate(column_labels or ()):
        ax.text(column + 0.5, -0.15, str(label), ha="center", va="bottom", fontsize=font_size)
    ax.set(xlim=(-0.05, n_columns + 0.05), ylim=(n_rows + 0.05, -0.05), aspect="equal")
    ax.set_title(title, loc="center", pad=24 if column_labels else 8)
    ax.set_axis_off()


def draw_network(
    ax: Axes,
    units: Sequence[Sequence[str]],
    edges: dict[tuple[int, int, int], str] | None = None,
    highlight: Sequence[tuple[int, int, int]] = (),
    layer_titles: Sequence[str] = (),
    reverse: bool = False,
) -> None:
    """Draw a small network: circles in columns, an arrow from every unit to every one of the next layer.

    Parameters
    ----------
    ax : matplotlib Axes
    units : sequence of sequences of texts
        For each layer from left to right, what stands in each unit's circle, from top to bottom.
    edges : dict, optional
        (layer, from, to) -> text beside the arrow that leaves ``layer`` there.
    highlight : sequence of (layer, from, to)
        Arrows drawn thick and in colour.
    layer_titles : sequence of texts
        Above each column.
    reverse : bool
        Draw the highlighted arrows from right to left: the way of the gradient.
    """
    edges = edges or {}
    tallest = max(len(layer) for layer in units)

    def place(layer: int, unit: int) -> NDArray[np.float64]:
        return np.array([2.6 * layer, (tallest - 1) / 2 - unit + (len(units[layer]) - tallest) / 2]) * [1.0, 1.25]

    for layer in range(len(units) - 1):
        for first in range(len(units[layer])):
            for second in range(len(units[layer + 1])):
                start, end = place(layer, first), place(layer + 1, second)
                along = (end - start) / np.linalg.norm(end - start)
                start, end = start + 0.36 * along, end - 0.36 * along
                bold = (layer, first, second) in highlight
                if bold and reverse:
                    start, end = end, start
                colour = VERMILION if bold else GREY
                look = {"arrowstyle": "-|>", "color": colour, "lw": 2.6 if bold else 1.0, "shrinkA": 0, "shrinkB": 0}
                ax.annotate("", xy=tuple(end), xytext=tuple(start), arrowprops=look, zorder=2 if bold else 1)
                text = edges.get((layer, first, second))
                if text:
                    near, far = place(layer, first), place(layer + 1, second)
                    spot = near + (0.30 if first != second else 0.5) * (far - near)
                    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
                    ax.text(
                        spot[0], spot[1], text, ha="center", va="center", fontsize=10, color=colour, bbox=box, zorder=3
                    )
    from matplotlib.patches import Circle

    for layer, names in enumerate(units):
        for unit, name in enumerate(names):
            x, y = place(layer, unit)
            ax.add_patch(Circle((x, y), 0.36, facecolor="white", edgecolor=BLUE, linewidth=1.8, zorder=4))
            ax.text(x, y, name, ha="center", va="center", fontsize=10, zorder=5)
        if layer < len(layer_titles):
            ax.text(2.6 * layer, 1.25 * (tallest - 1) / 2 + 0.6, layer_titles[layer], ha="center", va="bottom")
    reach = 1.25 * (tallest - 1) / 2
    ax.set(xlim=(-0.6, 2.6 * (len(units) - 1) + 0.6), ylim=(-reach - 0.5, reach + (1.0 if layer_titles else 0.5)))
    ax.set_aspect("equal")
    ax.set_axis_off()


def draw_descent(
    ax: Axes,
    cost: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]],
    path: ArrayLike,
    title: str = "",
    labels: tuple[str, str] = (r"$\theta_1$", r"$\theta_2$"),
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
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
    """
    path = np.asarray(path, dtype=np.float64)
    if limits is None:
        low, high = path.min(axis=0), path.max(axis=0)
        margin = 0.25 * max(*(high - low), 1e-9)
        limits = ((low[0] - margin, high[0] + margin), (low[1] - margin, high[1] + margin))
    first, second = np.meshgrid(np.linspace(*limits[0], 200), np.linspace(*limits[1], 200))
    heights = cost(first, second)
    levels = np.quantile(heights, np.linspace(0.02, 0.98, 12))
    ax.contour(first, second, heights, levels=np.unique(levels), colors=GREY, linewidths=0.8)
    ax.plot(*path.T, "o-", color=VERMILION, markersize=3.5, linewidth=1.5)
    ax.plot(*path[0], "s", color=BLUE, markersize=8, label="start")
    ax.plot(*path[-1], "*", color=GREEN, markersize=13, label="last step")
    ax.set(xlabel=labels[0], ylabel=labels[1], xlim=limits[0], ylim=limits[1])
    ax.set_title(title)
    ax.legend(loc="best")


def plot_history(histories: dict[str, History], title: str = "") -> Figure:
    """Draw cost and error over the epochs.

    Parameters
    ----------
    histories : dict
        Name -> History.
    title : str

    Returns
    -------
    matplotlib Figure
        Left the cost, right the error in per cent; training dashed, validation full where there is one.
    """
    figure, (left, right) = new_figure(1, 2, size=(10.0, 3.8))
    for colour, (name, history) in zip(COLOURS, histories.items(), strict=False):
        marker = "o" if len(history.epoch) <= 20 else ""
        held_out = bool(history.validation_cost)
        dashed = {"color": colour, "linestyle": "--" if held_out else "-", "marker": marker}
        left.plot(history.epoch, history.cost, label=f"{name}, training", **dashed)
        if history.accuracy:
            right.plot(history.epoch, 100 * (1 - np.array(history.accuracy)), label=f"{name}, training", **dashed)
        if held_out:
            left.plot(history.epoch, history.validation_cost, color=colour, marker=marker, label=f"{name}, validation")
        if history.validation_accuracy:
            error = 100 * (1 - np.array(history.validation_accuracy))
            right.plot(history.epoch, error, color=colour, marker=marker, label=f"{name}, validation")
    left.set(xlabel="epoch", ylabel="mean cost")
    right.set(xlabel="epoch", ylabel="error (%)")
    for ax in (left, right):
        ax.set_ylim(bottom=0)
        ax.xaxis.get_major_locator().set_params(integer=True)
    left.legend()
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


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
    ValueError
        If points come without a label for each.
    """
    first, second = np.meshgrid(np.linspace(*limits, 201), np.linspace(*limits, 201))
    nets = net(np.column_stack([first.ravel(), second.ravel()])).reshape(first.shape)
    if nets.max() > 0:
        ax.contourf(first, second, nets, levels=[0, nets.max()], colors=[SKY], alpha=0.35)
    if nets.min() < 0 < nets.max():
        ax.contour(first, second, nets, levels=[0], colors=[BLUE], linewidths=2)
    if points is not None:
        points, marks = np.asarray(points), np.asarray(labels)
        if marks.shape != (len(points),):
            raise ValueError(
                f"labels must hold a 0 or a 1 for each of the {len(points)} points; "
                f"they have shape {marks.shape} (draw_sides)."
            )
        ax.plot(*points[marks == 1].T, "s", color=VERMILION, markersize=11)
        ax.plot(*points[marks != 1].T, "o", color=BLACK, markerfacecolor="white", markersize=11, markeredgewidth=2)
    ax.set(xlabel="input $x_1$", ylabel="input $x_2$", xlim=limits, ylim=limits, aspect="equal")
    ax.set_title(title)


def draw_broadcast(left: ArrayLike, right: ArrayLike, title: str = "", sign: str = "+", form: str = "{:g}") -> Figure:
    """Draw ``left + right`` (or ``-``) as three grids, with the repetitions that broadcasting imagines shown pale.

    The paper's figure 7. Cells that are in memory are blue with black numbers; repetitions are white, dotted and grey.

    Parameters
    ----------
    left, right : array, (rows, columns), (columns,) or ()
        Of shapes that broadcast to two axes.
    title : str
    sign : {"+", "-"}
    form : str
        How a number is written.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the sign is another, the shapes do not fit, or the result has more than two axes.
    """
    first, second = np.asarray(left), np.asarray(right)
    if sign not in ("+", "-"):
        raise ValueError(f"sign must be + or -; it is {sign!r} (draw_broadcast).")
    result = np.atleast_2d(first + second if sign == "+" else first - second)
    if result.ndim > 2:
        raise ValueError(f"left and right must broadcast to two axes; they give {result.shape} (draw_broadcast).")
    n_rows, n_columns = result.shape
    size = (min(10.0, 0.9 + 1.9 * n_columns), 1.05 + 0.5 * n_rows)
    figure, axes = new_figure(1, 5, size=size, width_ratios=[n_columns, 0.6, n_columns, 0.6, n_columns])
    for ax, array in zip(axes[::2], (first, second, result), strict=True):
        shape = (1,) * (2 - array.ndim) + array.shape
        copied = np.ones(result.shape, dtype=bool)
        copied[: shape[0], : shape[1]] = False
        faces = np.where(copied, "white", "#CDE5F5")
        shown = "the result" if array is result else "shape"
        draw_matrix(ax, np.broadcast_to(array, result.shape), f"{shown} {array.shape}", form, faces)
        for patch, text, is_copy in zip(ax.patches, ax.texts, copied.flat, strict=True):
            if is_copy:
                patch.set(linestyle=":", edgecolor="#B0B0B0")
                text.set(color=GREY, style="italic")
    for ax, symbol in zip(axes[1::2], (sign.replace("-", "−"), "="), strict=True):
        ax.text(0.5, 0.5, symbol, ha="center", va="center", fontsize=20, transform=ax.transAxes)
        ax.set_axis_off()
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def draw_answer(network: Network, image: NDArray[np.uint8], title: str = "") -> Figure:
    """Draw one image on its way through a trained network with one hidden layer: pixels, hidden outputs, answer.

    Parameters
    ----------
    network : Network
        Two layers, 784 inputs, at most 40 hidden units and 10 outputs.
    image : uint8 array, (28, 28)
    title : str

    Returns
    -------
    matplotlib Figure
        Circles are units, filled the darker the larger their output. Between hidden units and outputs, the arrows that
        carry most: full blue ones raise the output, dashed red ones lower it.
    """
    from mnist_scratch.preprocessing import preprocess

    out = network.forward(preprocess(image[np.newaxis]))[0]
    hidden = network.layers[0].out[0]
    carried = hidden[:, np.newaxis] * network.layers[1].weights  # (n_hidden, 10)
    figure, ax = new_figure(size=(9.0, 4.4))
    ax.imshow(image, extent=(0.0, 3.6, 0.2, 3.8), zorder=1)
    ax.plot([0, 3.6, 3.6, 0, 0], [0.2, 0.2, 3.8, 3.8, 0.2], color=GREY, linewidth=0.8)
    hidden_y, out_y = np.linspace(3.9, 0.1, len(hidden)), np.linspace(3.85, 0.15, len(out))
    for y in hidden_y:
        ax.plot([3.65, 5.25], [2, y], color=GREY, linewidth=0.4, zorder=1)
    strongest = np.sort(np.abs(carried).ravel())[-60]
    for unit, digit in np.argwhere(np.abs(carried) >= strongest):
        up = carried[unit, digit] > 0
        weight = min(1.0, float(abs(carried[unit, digit]) / np.abs(carried).max()))
        line: dict[str, Any] = {"color": BLUE if up else VERMILION, "linestyle": "-" if up else (0, (3, 2))}
        ax.plot([5.4, 7.5], [hidden_y[unit], out_y[digit]], linewidth=0.4 + 1.6 * weight, zorder=1, **line)
    for x, heights, values, size in ((5.3, hidden_y, hidden, 55), (7.6, out_y, out, 190)):
        ax.scatter(np.full(len(heights), x), heights, s=size, c=values, vmin=0, vmax=1, edgecolors=GREY, zorder=3)
    for digit, y in enumerate(out_y):
        bold = "bold" if digit == out.argmax() else "normal"
        ax.text(7.85, y, f"{digit}   {out[digit]:.2f}", va="center", fontsize=11, fontweight=bold)
    for x, text in ((1.8, "784 pixels"), (5.3, f"{len(hidden)} hidden units"), (7.95, f"{len(out)} outputs")):
        ax.text(x, -0.12, text, ha="center", va="top", fontsize=10)
    ax.set(xlim=(-0.05, 9.0), ylim=(-0.35, 4.1))
    ax.set_axis_off()
    ax.set_title(title)
    return figure
