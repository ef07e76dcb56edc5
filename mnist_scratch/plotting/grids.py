"""Pictures and tables side by side: images with captions, an array as numbered squares, a broadcast sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_scratch.checks import as_array, check_finite, check_pictures, check_real, check_whole
from mnist_scratch.plotting.arguments import check_axes, check_range, check_text, check_texts
from mnist_scratch.plotting.style import GREY, MOST_INCHES, add_title, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_IMAGES = 400
"""In a figure; it takes a quarter of a minute."""

MOST_SQUARES = 2500
"""Of a drawn array: more cannot be read."""

PALE_BLUE, PALE_GREY = "#CDE5F5", "#B0B0B0"


def show_digits(
    images: ArrayLike,
    captions: Sequence[object] | None = None,
    columns: int = 10,
    title: str = "",
    scale: float = 0.9,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw images in a grid, ink dark on white.

    Parameters
    ----------
    images : uint8 or float array, (n, height, width)
        1 to 400 of them.
    captions : sequence of n, optional
        What to write above each.
    columns : int
        Images in a row, 1 to 100.
    title : str
    scale : float
        Inches an image.
    limits : (float, float), optional
        The values drawn white and black; each image's own smallest and largest if left out.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If there is no image or too many, the shape is another, a pixel is not finite, there are not as many captions as
        images, or a number is out of range.
    """
    images = check_pictures(images, "show_digits")
    if not images.size:
        raise ValueError(f"images must hold at least one image; they have shape {images.shape} (show_digits).")
    if len(images) > MOST_IMAGES:
        raise ValueError(
            f"images must be at most {MOST_IMAGES}; there are {len(images):,} (show_digits). "
            f"Show a part: images[:{MOST_IMAGES}]."
        )
    if images.dtype.itemsize > 8:
        images = images.astype(np.float64)  # Matplotlib takes no long doubles
    texts = None if captions is None else check_texts(captions, "captions", "show_digits", len(images), len(images))
    columns = min(check_whole(columns, "columns", "show_digits", high=100), len(images))
    title = check_text(title, "title", "show_digits")
    scale = check_real(scale, "scale", "show_digits", low=0, open_ends="low")
    low, high = (None, None) if limits is None else check_range(limits, "limits", "show_digits")
    n_rows = -(-len(images) // columns)
    size = _grid_size(n_rows, columns, scale, 0.25 if texts else 0.05, 0.45 if title else 0.1)
    figure, axes = new_figure(n_rows, columns, size=size, squeeze=False)
    for k, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if k < len(images):
            ax.imshow(images[k], vmin=low, vmax=high)
            if texts:
                ax.set_title(texts[k], fontsize=10, loc="center", pad=3)
    add_title(figure, title)
    return figure


def _grid_size(n_rows: int, columns: int, scale: float, caption: float, title: float) -> tuple[float, float]:
    """Return the width and height of a figure of images, all in inches."""
    width, height = max(columns * scale, 3.0), n_rows * (scale + caption) + title
    if max(width, height) > MOST_INCHES:
        raise ValueError(
            f"scale and columns must make a figure of at most {MOST_INCHES} inches a side; they make {width:,.0f} by "
            f"{height:,.0f} (show_digits)."
        )
    return width, height


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
    values : array, (rows, columns), (columns,) or ()
        Numbers or texts, at most 2,500.
    title : str
    form : str
        How a number is written, for ``str.format``.
    faces : colour, or array of colours that broadcasts to (rows, columns)
        Behind the numbers.
    row_labels, column_labels : sequences of texts, optional
        One for each row; one for each column.
    font_size : float
        Points; above 0, at most 200.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or a value is neither a number nor a text.
    ValueError
        If the values have another shape, or are none, or too many; if the labels or the colours are not as many, or the
        form does not fit a number.
    """
    check_axes(ax, "draw_matrix")
    texts = _as_texts(values, form, "draw_matrix")
    n_rows, n_columns = texts.shape
    colours = _as_colours(faces, texts.shape)
    above, beside = (
        [] if labels is None else check_texts(labels, name, "draw_matrix", number, number)
        for labels, name, number in (
            (column_labels, "column_labels", n_columns),
            (row_labels, "row_labels", n_rows),
        )
    )
    title = check_text(title, "title", "draw_matrix")
    font_size = check_real(font_size, "font_size", "draw_matrix", low=0, high=200, open_ends="low")
    from matplotlib.patches import Rectangle

    for (row, column), text in np.ndenumerate(texts):
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor=colours[row, column], edgecolor=GREY, linewidth=1))
        ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=font_size)
    for row, label in enumerate(beside):
        ax.text(-0.15, row + 0.5, label, ha="right", va="center", fontsize=font_size)
    for column, label in enumerate(above):
        ax.text(column + 0.5, -0.15, label, ha="center", va="bottom", fontsize=font_size)
    ax.set(xlim=(-0.05, n_columns + 0.05), ylim=(n_rows + 0.05, -0.05), aspect="equal")
    ax.set_title(title, loc="center", pad=24 if above else 8)
    ax.set_axis_off()


def draw_broadcast(left: ArrayLike, right: ArrayLike, title: str = "", sign: str = "+", form: str = "{:g}") -> Figure:
    """Draw ``left + right`` (or ``-``) as three grids, with the repetitions that broadcasting imagines shown pale.

    The paper's figure 7. Cells that are in memory are blue with black numbers; repetitions are white, dotted and grey.

    Parameters
    ----------
    left, right : array of finite numbers, (rows, columns), (columns,) or ()
        Of shapes that broadcast to at most two axes. Integers are added as they are, without overflow.
    title : str
    sign : {"+", "-"}
    form : str
        How a number is written, for ``str.format``.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If the sign is another, a number or the result is not finite, the shapes do not fit, or the result has more than
        two axes, no number or more than 2,500.
    """
    arrays = [as_array(array, name, "draw_broadcast") for array, name in ((left, "left"), (right, "right"))]
    if check_text(sign, "sign", "draw_broadcast") not in ("+", "-"):
        raise ValueError(f"sign must be + or -; it is {sign!r} (draw_broadcast).")
    result = _combined(arrays[0], arrays[1], sign)
    for array, name in ((arrays[0], "left"), (arrays[1], "right"), (result, f"left {sign} right")):
        _as_texts(array, form, "draw_broadcast", name)
    title = check_text(title, "title", "draw_broadcast")
    n_rows, n_columns = result.shape
    size = (min(10.0, 0.9 + 1.9 * n_columns), 1.05 + 0.5 * n_rows)
    figure, axes = new_figure(1, 5, size=size, width_ratios=[n_columns, 0.6, n_columns, 0.6, n_columns])
    for ax, array in zip(axes[::2], (*arrays, result), strict=True):
        shape = (1,) * (2 - array.ndim) + array.shape
        is_copy = np.ones(result.shape, dtype=bool)
        is_copy[: shape[0], : shape[1]] = False
        faces = np.where(is_copy, "white", PALE_BLUE)
        shown = "the result" if array is result else "shape"
        draw_matrix(ax, np.broadcast_to(array, result.shape), f"{shown} {array.shape}", form, faces)
        for patch, text, copied in zip(ax.patches, ax.texts, is_copy.flat, strict=True):
            if copied:
                patch.set(linestyle=":", edgecolor=PALE_GREY)
                text.set(color=GREY, style="italic")
    for ax, symbol in zip(axes[1::2], (sign.replace("-", "−"), "="), strict=True):
        ax.text(0.5, 0.5, symbol, ha="center", va="center", fontsize=20, transform=ax.transAxes)
        ax.set_axis_off()
    add_title(figure, title)
    return figure


def _combined(first: NDArray[Any], second: NDArray[Any], sign: str) -> NDArray[Any]:
    """Add or subtract two arrays that broadcast to (rows, columns), or say why they do not."""
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError as error:
        raise ValueError(
            f"left and right must have shapes that broadcast; they have {first.shape} and {second.shape} "
            "(draw_broadcast)."
        ) from error
    if len(shape) > 2:
        raise ValueError(f"left and right must broadcast to two axes; they give {shape} (draw_broadcast).")
    check_finite(first, "left", "draw_broadcast")
    check_finite(second, "right", "draw_broadcast")
    kind: Any = np.result_type(first, second, np.float32)
    if first.dtype.kind in "biu" and second.dtype.kind in "biu":
        kind = object  # Python's integers, which do not overflow
    first, second = first.astype(kind), second.astype(kind)
    with np.errstate(over="ignore"):
        result = np.atleast_2d(first + second if sign == "+" else first - second)
    check_finite(result, f"left {sign} right", "draw_broadcast")
    return result


def _as_texts(values: ArrayLike, form: str, caller: str, name: str = "values") -> NDArray[np.object_]:
    """Return what is written in each square, (rows, columns)."""
    if "{" not in check_text(form, "form", caller):
        raise ValueError(f'form must say how a number is written, such as "{{:.2f}}"; it is {form!r} ({caller}).')
    array = np.atleast_2d(_as_numbers_or_texts(values, name, caller))
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name} must have shape (rows, columns) with at least one of each; the shape is {array.shape} ({caller})."
        )
    if array.size > MOST_SQUARES:
        raise ValueError(
            f"{name} must be at most {MOST_SQUARES:,} numbers to be read; there are {array.size:,} ({caller}). "
            "Draw a part, or all of it as a picture with ax.imshow."
        )
    texts = np.empty(array.shape, dtype=object)
    for place, value in np.ndenumerate(array):
        texts[place] = _as_text(value, form, f"{name}[{place[0]}, {place[1]}]", caller)
    return texts


def _as_numbers_or_texts(values: ArrayLike, name: str, caller: str) -> NDArray[Any]:
    try:
        return as_array(values, name, caller)
    except TypeError:
        array = np.asarray(values)  # texts, or an array of objects that are texts and numbers
        is_one = array.ndim == 0 and not isinstance(values, str)
        if array.dtype.kind not in "UO" or is_one or isinstance(values, np.ma.MaskedArray):
            raise
        return array


def _as_text(value: Any, form: str, name: str, caller: str) -> str:  # noqa: ANN401
    if isinstance(value, str):
        return value
    if not isinstance(value, int | float | np.integer | np.floating | np.bool_):
        raise TypeError(f"{name} must be a number or a text; it is {type(value).__name__} ({caller}).")
    try:
        return form.format(int(value) if isinstance(value, bool | np.bool_) else value)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise ValueError(
            f'form must fit a number, as "{{:.2f}}" does; {form!r} does not fit {value!r}: {error} ({caller}).'
        ) from error


def _as_colours(faces: ArrayLike | str, shape: tuple[int, ...]) -> NDArray[np.object_]:
    """Return a colour for each square."""
    from matplotlib.colors import is_color_like

    colours = np.empty(shape, dtype=object)
    if is_color_like(faces):
        colours.fill(faces)
        return colours
    try:
        colours[...] = np.asarray(faces, dtype=object)
    except ValueError as error:
        raise ValueError(
            f"faces must be a colour, or an array of colours that broadcasts to {shape}; they have shape "
            f"{np.shape(np.asarray(faces, dtype=object))} (draw_matrix)."
        ) from error
    for place, colour in np.ndenumerate(colours):
        if not is_color_like(colour):
            raise ValueError(f"faces must be colours; at {place} is {colour!r} (draw_matrix).")
    return colours
