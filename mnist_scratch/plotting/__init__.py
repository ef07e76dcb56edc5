"""Every figure of the series, in one style.

The colours are Okabe and Ito's, which colour-blind readers tell apart. Each function returns a Matplotlib figure, or
draws on the Axes that it is given; a notebook shows the figure with ``show(figure, alt=...)``, which stores a text for
readers who cannot see it. A figure's title says what was found, so it is the caller's to write.

``style`` has the colours, ``new_figure`` and ``show``; ``grids`` pictures and tables of numbers, side by side;
``charts`` what has two axes; ``networks`` units and the arrows between them. Arguments are checked before anything is
drawn (``arguments``).
"""

from mnist_scratch.plotting.charts import draw_descent, draw_sides, plot_history
from mnist_scratch.plotting.grids import draw_broadcast, draw_matrix, show_digits
from mnist_scratch.plotting.networks import draw_answer, draw_network
from mnist_scratch.plotting.style import (
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    show,
)

__all__ = [
    "BLACK",
    "BLUE",
    "COLOURS",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILION",
    "draw_answer",
    "draw_broadcast",
    "draw_descent",
    "draw_matrix",
    "draw_network",
    "draw_sides",
    "new_figure",
    "plot_history",
    "show",
    "show_digits",
]
