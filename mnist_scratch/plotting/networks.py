"""Networks: a small one as circles and arrows, and a trained one at work on an image."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_finite, check_flag, check_whole
from mnist_scratch.plotting.arguments import check_axes, check_text, check_texts
from mnist_scratch.plotting.style import BLUE, GREY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mnist_scratch.network import Network

MOST_LAYERS, MOST_UNITS, MOST_ARROWS = 10, 30, 1000
MOST_HIDDEN = 40
"""Of ``draw_answer``: more circles would lie on one another."""

STRONGEST = 60
"""How many of a network's connections ``draw_answer`` shows."""

RADIUS = 0.36

Arrow = tuple[int, int, int]
"""(layer, from, to): from a unit of that layer to a unit of the next."""


def draw_network(
    ax: Axes,
    units: Sequence[Sequence[str]],
    edges: Mapping[Arrow, str] | None = None,
    highlight: Sequence[Arrow] = (),
    layer_titles: Sequence[str] = (),
    reverse: bool = False,
) -> None:
    """Draw a small network: circles in columns, an arrow from every unit to every one of the next layer.

    Parameters
    ----------
    ax : matplotlib Axes
    units : sequence of sequences of texts
        For each layer from left to right, what stands in each unit's circle, from top to bottom. At most 10 layers of
        30 units, and 1,000 arrows.
    edges : dict, optional
        (layer, from, to) -> text beside the arrow that leaves ``layer`` there; all three count from 0.
    highlight : sequence of (layer, from, to)
        Arrows drawn thick and in colour.
    layer_titles : sequence of texts
        Above each column, from the left.
    reverse : bool
        Draw the highlighted arrows from right to left: the way of the gradient.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, such as a text where a layer's units should be.
    ValueError
        If a layer is empty, there are too many units or titles, or an arrow is named that is not there.
    """
    check_axes(ax, "draw_network")
    layers = _as_layers(units)
    texts, bold = _as_arrows(edges, highlight, layers)
    titles = check_texts(layer_titles, "layer_titles", "draw_network", len(layers))
    reverse = check_flag(reverse, "reverse", "draw_network")
    places = _places(layers)
    for layer, (left, right) in enumerate(itertools.pairwise(places)):
        for first, start in enumerate(left):
            for second, end in enumerate(right):
                arrow = (layer, first, second)
                _draw_arrow(ax, start, end, arrow in bold, reverse)
                if text := texts.get(arrow):
                    share = 0.3 if first != second else 0.5  # of the way, so that texts on crossing arrows stand apart
                    _draw_arrow_text(ax, start + share * (end - start), text, arrow in bold)
    _draw_units(ax, places, layers)
    reach = max(middles[0, 1] for middles in places)
    for layer, title in enumerate(titles):
        ax.text(places[layer][0, 0], reach + 0.6, title, ha="center", va="bottom")
    ax.set(xlim=(-0.6, places[-1][0, 0] + 0.6), ylim=(-reach - 0.5, reach + (1.0 if titles else 0.5)))
    ax.set_aspect("equal")
    ax.set_axis_off()


def _as_layers(units: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return what stands in each circle, layer by layer."""
    if isinstance(units, str | Mapping) or not hasattr(units, "__len__"):
        raise TypeError(
            f"units must be a sequence of layers, each a sequence of texts; it is {reprlib.repr(units)} (draw_network)."
        )
    if not 1 <= len(units) <= MOST_LAYERS:
        raise ValueError(f"units must be 1 to {MOST_LAYERS} layers; there are {len(units)} (draw_network).")
    layers = [check_texts(layer, f"units[{k}]", "draw_network", MOST_UNITS, 1) for k, layer in enumerate(units)]
    n_arrows = sum(len(left) * len(right) for left, right in itertools.pairwise(layers))
    if n_arrows > MOST_ARROWS:
        raise ValueError(
            f"units must have at most {MOST_ARROWS:,} arrows between them; they have {n_arrows:,} (draw_network)."
        )
    return layers


def _as_arrows(
    edges: Mapping[Arrow, str] | None, highlight: Sequence[Arrow], layers: list[list[str]]
) -> tuple[dict[Arrow, str], set[Arrow]]:
    """Return the texts beside arrows, and the arrows to highlight; all of them must be there."""
    if edges is not None and not isinstance(edges, Mapping):
        raise TypeError(
            f"edges must be a dict of (layer, from, to) -> text; it is {type(edges).__name__} (draw_network)."
        )
    if isinstance(highlight, str | Mapping) or not hasattr(highlight, "__len__"):
        raise TypeError(
            f"highlight must be a sequence of (layer, from, to); it is {reprlib.repr(highlight)} (draw_network)."
        )
    texts = {}
    for arrow, text in (edges or {}).items():
        texts[_as_arrow(arrow, "edges", layers)] = check_text(text, f"edges[{arrow}]", "draw_network")
    return texts, {_as_arrow(arrow, "highlight", layers) for arrow in highlight}


def _as_arrow(arrow: Any, name: str, layers: list[list[str]]) -> Arrow:  # noqa: ANN401
    if isinstance(arrow, str) or not hasattr(arrow, "__len__") or len(arrow) != 3:
        raise TypeError(f"{name} must name arrows as (layer, from, to); {reprlib.repr(arrow)} is none (draw_network).")
    layer, first, second = (
        check_whole(number, f"{name}: {part} of {tuple(arrow)}", "draw_network", low=0)
        for number, part in zip(arrow, ("layer", "from", "to"), strict=True)
    )
    if layer + 1 >= len(layers) or first >= len(layers[layer]) or second >= len(layers[layer + 1]):
        raise ValueError(
            f"{name} must name arrows that are there, counted from 0; {tuple(arrow)} is not (draw_network)."
        )
    return layer, first, second


def _places(layers: list[list[str]]) -> list[NDArray[np.float64]]:
    """Return where the circles' middles are: for each layer (n_units, 2), every layer centred about height 0."""
    return [
        np.column_stack([np.full(len(names), 2.6 * layer), 1.25 * ((len(names) - 1) / 2 - np.arange(len(names)))])
        for layer, names in enumerate(layers)
    ]


def _draw_arrow(ax: Axes, start: NDArray[np.float64], end: NDArray[np.float64], bold: bool, reverse: bool) -> None:
    """Draw an arrow from the rim of one circle to the rim of another."""
    along = RADIUS * (end - start) / np.linalg.norm(end - start)
    start, end = start + along, end - along
    if bold and reverse:
        start, end = end, start
    look: dict[str, Any] = {"arrowstyle": "-|>", "color": VERMILION if bold else GREY, "lw": 2.6 if bold else 1.0}
    look |= {"shrinkA": 0, "shrinkB": 0}
    ax.annotate("", xy=tuple(end), xytext=tuple(start), arrowprops=look, zorder=2 if bold else 1)


def _draw_arrow_text(ax: Axes, place: NDArray[np.float64], text: str, bold: bool) -> None:
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    colour = VERMILION if bold else GREY
    ax.text(place[0], place[1], text, ha="center", va="center", fontsize=10, color=colour, bbox=box, zorder=3)


def _draw_units(ax: Axes, places: list[NDArray[np.float64]], layers: list[list[str]]) -> None:
    from matplotlib.patches import Circle

    for middles, names in zip(places, layers, strict=True):
        for (x, y), name in zip(middles, names, strict=True):
            ax.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=BLUE, linewidth=1.8, zorder=4))
            ax.text(x, y, name, ha="center", va="center", fontsize=10, zorder=5)


def draw_answer(network: Network, image: ArrayLike, title: str = "") -> Figure:
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
        Circles are units, filled the darker the larger their output. Between hidden units and outputs, the 60 arrows
        that carry most: full blue ones raise the output, dashed red ones lower it.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind: pixels as floats, or no Network.
    ValueError
        If the image has another shape, or the network other sizes or outputs that are not finite.
    """
    from mnist_scratch.preprocessing import preprocess

    _check_small(network)
    image = _as_image(image)
    title = check_text(title, "title", "draw_answer")
    rows = preprocess(image[np.newaxis])
    out = network.forward(rows)[0]
    hidden = network.layers[0].forward(rows)[0]
    check_finite(out, "the outputs of network", "draw_answer")
    hidden_y, out_y = np.linspace(3.9, 0.1, len(hidden)), np.linspace(3.85, 0.15, len(out))
    figure, ax = new_figure(size=(9.0, 4.4))
    _draw_image(ax, image, hidden_y)
    _draw_strongest(ax, hidden[:, np.newaxis] * network.layers[1].weights, hidden_y, out_y)
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


def _check_small(network: Network) -> None:
    """Refuse what is no network, or one of other sizes than can be drawn."""
    from mnist_scratch.network import Network

    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network; it is {type(network).__name__} (draw_answer).")
    shapes = [np.shape(layer.weights) for layer in network.layers]
    sizes = [shapes[0][0], *(shape[1] for shape in shapes)]
    if len(sizes) != 3 or sizes[0] != 784 or sizes[1] > MOST_HIDDEN or sizes[2] != 10:
        raise ValueError(
            f"network must have 784 inputs, one hidden layer of at most {MOST_HIDDEN} units and 10 outputs; its sizes "
            f"are {sizes} (draw_answer). Network.from_sizes([784, 30, 10]) makes one that fits."
        )


def _as_image(image: ArrayLike) -> NDArray[np.uint8]:
    image = as_array(image, "image", "draw_answer")
    if image.dtype != np.uint8:
        raise TypeError(
            f"image must be uint8 pixels from 0 to 255; these are {image.dtype} (draw_answer). "
            "Pass it as it was before preprocess."
        )
    if image.shape != (28, 28):
        advice: dict[tuple[int, ...], str] = {
            (1, 28, 28): " Take the one image: image[0].",
            (28, 28, 1): " Take the channel away: image[..., 0].",
            (784,): " Use image.reshape(28, 28).",
            (1, 784): " Use image.reshape(28, 28).",
        }
        raise ValueError(
            f"image must have shape (28, 28); it has shape {image.shape} (draw_answer).{advice.get(image.shape, '')}"
        )
    return image


def _draw_image(ax: Axes, image: NDArray[np.uint8], hidden_y: NDArray[np.float64]) -> None:
    """Draw the image in a frame, and a line from it to each hidden unit."""
    ax.imshow(image, extent=(0.0, 3.6, 0.2, 3.8), zorder=1)
    ax.plot([0, 3.6, 3.6, 0, 0], [0.2, 0.2, 3.8, 3.8, 0.2], color=GREY, linewidth=0.8)
    for y in hidden_y:
        ax.plot([3.65, 5.25], [2, y], color=GREY, linewidth=0.4, zorder=1)


def _draw_strongest(ax: Axes, carried: NDArray[Any], hidden_y: NDArray[np.float64], out_y: NDArray[np.float64]) -> None:
    """Draw the connections that carry most, the thicker the more; ``carried`` is (n_hidden, 10)."""
    strength = np.abs(carried)
    least = np.sort(strength, axis=None)[-min(STRONGEST, strength.size)]
    for unit, digit in np.argwhere((strength >= least) & (strength > 0)):
        raises = carried[unit, digit] > 0
        weight = float(strength[unit, digit] / strength.max())
        look: dict[str, Any] = {"color": BLUE if raises else VERMILION, "linestyle": "-" if raises else (0, (3, 2))}
        ax.plot([5.4, 7.5], [hidden_y[unit], out_y[digit]], linewidth=0.4 + 1.6 * weight, zorder=1, **look)
