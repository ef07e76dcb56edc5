"""The colours, the type and the lines of every figure, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnist_scratch.checks import check_real, check_whole
from mnist_scratch.plotting.arguments import check_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
GREY = "#767676"

MOST_AXES = 1000
"""In a figure; it takes most of a minute."""

MOST_INCHES = 500
"""A figure's width and height; at 110 dots an inch, a picture of 2^16 dots is the largest that Matplotlib draws."""

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
        At most 1,000 Axes in all.
    size : (float, float)
        Inches, width and height; each above 0 and at most 500.
    **options
        To ``matplotlib.pyplot.subplots``.

    Returns
    -------
    (figure, axes)
        One Axes, or an array of them, as ``matplotlib.pyplot.subplots`` gives.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or an option unknown.
    ValueError
        If a number is out of range, or an option's value is not one that Matplotlib takes.
    """
    n_rows = check_whole(n_rows, "n_rows", "new_figure", high=MOST_AXES)
    n_columns = check_whole(n_columns, "n_columns", "new_figure", high=MOST_AXES)
    if n_rows * n_columns > MOST_AXES:
        raise ValueError(
            f"n_rows times n_columns must be at most {MOST_AXES:,}; it is {n_rows * n_columns:,} (new_figure)."
        )
    if isinstance(size, str) or not hasattr(size, "__len__") or len(size) != 2:
        raise TypeError(f"size must be two numbers, width and height in inches; it is {size!r} (new_figure).")
    width, height = (
        check_real(side, f"size[{k}]", "new_figure", low=0, high=MOST_INCHES, open_ends="low")
        for k, side in enumerate(size)
    )
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from cycler import cycler

    style: Any = {**_STYLE, "axes.prop_cycle": cycler(color=COLOURS)}
    mpl.rcParams.update(style)
    make: Any = plt.subplots
    before = plt.get_fignums()
    try:
        figure, axes = make(n_rows, n_columns, figsize=(width, height), **options)
    except (AttributeError, TypeError, ValueError) as error:
        for number in set(plt.get_fignums()) - set(before):  # the figure was made, and then its Axes could not be
            plt.close(number)
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"options must be what matplotlib.pyplot.subplots takes: {error} (new_figure).") from error
    return figure, axes


def add_title(figure: Figure, title: str) -> None:
    """Write what a figure shows above all of its Axes, to the left; nothing if the title is empty."""
    if title:
        figure.suptitle(title, x=0.01, ha="left")


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
    TypeError
        If the figure is no Figure, or the text no text.
    ValueError
        If the text is empty.
    """
    import base64
    import io

    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        advice = " Write ax.figure." if hasattr(figure, "figure") else ""
        raise TypeError(f"figure must be a Matplotlib Figure; it is {type(figure).__name__} (show).{advice}")
    if not check_text(alt, "alt", "show").strip():
        raise ValueError("alt must say what the figure shows; it is empty (show).")
    if not _is_notebook():
        plt.show()
    else:
        from IPython.display import publish_display_data

        picture = io.BytesIO()
        figure.savefig(picture, format="png", bbox_inches="tight")
        publish: Any = publish_display_data
        publish(
            {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": alt},
            metadata={"image/png": {"alt": alt}},
        )
    plt.close(figure)


def _is_notebook() -> bool:
    """Tell whether this runs in a notebook, or at IPython's prompt; a plain Python program need not have IPython."""
    try:
        from IPython import get_ipython
    except ModuleNotFoundError:
        return False
    return get_ipython() is not None
