"""Figures: drawn without a warning, with what they should show, and with their texts."""

import sys
import types

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from mnist_scratch import plotting
from mnist_scratch.network import Network
from mnist_scratch.training import History


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_show_digits_gives_each_image_a_place_and_a_caption():
    figure = plotting.show_digits(np.zeros((12, 28, 28)), captions=range(12), columns=5, title="Blank")
    used = [ax for ax in figure.axes if ax.images]
    assert len(used) == 12
    assert [ax.get_title() for ax in used] == [str(k) for k in range(12)]
    assert figure.get_suptitle() == "Blank"


def test_draw_matrix_writes_each_number():
    _, ax = plotting.new_figure()
    plotting.draw_matrix(ax, [[1, 2.5], [3, 4]], row_labels=["a", "b"], column_labels=["x", "y"])
    assert texts(ax) == ["1", "2.5", "3", "4", "a", "b", "x", "y"]
    assert len(ax.patches) == 4


def test_draw_matrix_takes_texts_and_colours():
    _, ax = plotting.new_figure()
    plotting.draw_matrix(ax, np.array([["p", "q"]]), faces=np.array([["white", plotting.SKY]]))
    assert texts(ax) == ["p", "q"]
    assert ax.patches[1].get_facecolor() == mpl.colors.to_rgba(plotting.SKY)


@pytest.mark.parametrize("reverse", [False, True])
def test_draw_network_draws_every_connection(reverse):
    _, ax = plotting.new_figure()
    plotting.draw_network(
        ax, [["a", "b", "c"], ["d", "e"]], {(0, 0, 1): "w"}, highlight=[(0, 0, 1)], layer_titles=["in"], reverse=reverse
    )
    arrows = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 6
    assert {"a", "b", "c", "d", "e", "w", "in"} <= set(texts(ax))
    bold = max(arrows, key=lambda arrow: arrow.arrow_patch.get_linewidth())
    assert (bold.xy[0] < bold.xyann[0]) == reverse


def test_draw_descent_shows_the_whole_path():
    _, ax = plotting.new_figure()
    path = [[3, 1], [1, -0.5], [0, 0]]
    plotting.draw_descent(ax, lambda x, y: x**2 + 5 * y**2, path, "Down")
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), path)
    (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert low < 0 < 3 < high
    assert bottom < -0.5 < 1 < top


def test_plot_history_shows_training_and_validation():
    history = History([1, 2], [0.9, 0.5], [0.7, 0.8], [0.8, 0.6], [0.75, 0.78], [0.1, 0.1], [1.0, 1.0])
    figure = plotting.plot_history({"run": history}, title="Falls")
    left, right = figure.axes
    np.testing.assert_allclose([line.get_ydata() for line in left.lines], [[0.9, 0.5], [0.8, 0.6]])
    np.testing.assert_allclose([line.get_ydata() for line in right.lines], [[30, 20], [25, 22]])
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["run, training", "run, validation"]


def test_plot_history_without_validation_or_labels():
    figure = plotting.plot_history({"run": History([1], [0.9], [], [], [], [0.1], [1.0])})
    assert len(figure.axes[0].lines) == 1
    assert len(figure.axes[1].lines) == 0


def test_draw_sides_draws_the_line_and_shades_one_side():
    _, ax = plotting.new_figure()
    plotting.draw_sides(ax, lambda inputs: inputs[:, 0] + inputs[:, 1] - 1, "Half", [[0, 0], [1, 1]], [0, 1])
    shaded, line = ax.collections
    for path in line.get_paths():
        np.testing.assert_allclose(path.vertices.sum(axis=1), 1, atol=1e-9)
    assert shaded.get_paths()[0].contains_point((1.2, 1.2))
    assert not shaded.get_paths()[0].contains_point((0.1, 0.1))
    np.testing.assert_array_equal([mark.get_xydata()[0] for mark in ax.lines], [[1, 1], [0, 0]])
    with pytest.raises(ValueError, match="a 0 or a 1 for each of the 2 points"):
        plotting.draw_sides(ax, lambda inputs: inputs[:, 0], points=[[0, 0], [1, 1]], labels=[0])


@pytest.mark.parametrize(("sign", "expected"), [("+", [[11, 22], [13, 24]]), ("-", [[-9, -18], [-7, -16]])])
def test_draw_broadcast_shows_the_sum_and_marks_the_copies(sign, expected):
    figure = plotting.draw_broadcast([[1, 2], [3, 4]], [10, 20], "Twice", sign)
    grids = figure.axes[::2]
    assert [texts(ax) for ax in grids[:2]] == [["1", "2", "3", "4"], ["10", "20", "10", "20"]]
    assert texts(grids[2]) == [f"{value:g}" for value in np.ravel(expected)]
    assert [text.get_style() for text in grids[1].texts] == ["normal", "normal", "italic", "italic"]
    with pytest.raises(ValueError, match=r"sign must be \+ or -"):
        plotting.draw_broadcast([1], [2], sign="x")
    with pytest.raises(ValueError, match="must broadcast to two axes"):
        plotting.draw_broadcast(np.zeros((2, 2, 2)), 1)


def test_draw_answer_shows_the_ten_outputs():
    network = Network.from_sizes([784, 30, 10])
    figure = plotting.draw_answer(network, np.full((28, 28), 100, dtype=np.uint8), "Reads")
    (ax,) = figure.axes
    out = network.layers[1].out[0]
    assert [text for text in texts(ax) if "." in text] == [f"{digit}   {out[digit]:.2f}" for digit in range(10)]
    assert ax.get_title(loc="left") == "Reads"


def test_show_publishes_a_png_with_its_text_and_closes_the_figure(monkeypatch):
    published = []
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: object()
    display.publish_display_data = lambda data, metadata: published.append((data, metadata))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    figure, _ = plotting.new_figure()
    plotting.show(figure, alt="An empty plot.")
    ((data, metadata),) = published
    assert metadata == {"image/png": {"alt": "An empty plot."}}
    assert data["text/plain"] == "An empty plot."
    assert data["image/png"].startswith("iVBOR")  # a PNG's first bytes, in base64
    assert not plt.fignum_exists(figure.number)


def test_show_wants_a_text():
    figure, _ = plotting.new_figure()
    with pytest.raises(ValueError, match="alt must say what the figure shows"):
        plotting.show(figure, alt=" ")


def test_the_colours_differ():
    assert len(set(plotting.COLOURS)) == len(plotting.COLOURS)
