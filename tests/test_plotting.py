"""Figures: drawn without a warning, with what they should show, and with their texts."""

import functools
import itertools
import math
import sys
import types

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from scipy import sparse

from mnist_scratch import plotting
from mnist_scratch.network import Network
from mnist_scratch.preprocessing import preprocess
from mnist_scratch.training import History


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def sized(*sizes):
    return Network.from_sizes(sizes)


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


def test_show_in_a_plain_program_needs_no_ipython(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    figure, _ = plotting.new_figure()
    plotting.show(figure, alt="An empty plot.")
    assert shown == [[figure.number]]
    assert not plt.fignum_exists(figure.number)


def test_the_colours_differ():
    assert len(set(plotting.COLOURS)) == len(plotting.COLOURS)


# Many histories


def history(n_epochs=3, validation=True, level=0.1):
    cost = [level / epoch for epoch in range(1, n_epochs + 1)]
    share = [1 - value for value in cost]
    held_out = (cost, share) if validation else ([], [])
    return History(list(range(1, n_epochs + 1)), cost, share, *held_out, [0.1] * n_epochs, [1.0] * n_epochs)


@pytest.mark.parametrize("n_epochs", [20, 21])
@pytest.mark.parametrize("n", [1, 4, 5, 9, 21])
def test_plot_history_draws_every_history_so_that_it_can_be_told_apart(n, n_epochs):
    histories = {f"run {k}": history(n_epochs, level=0.9 / (k + 1)) for k in range(n)}
    figure = plotting.plot_history(histories, "Many")
    left, right = figure.axes
    for ax in (left, right):
        assert [line.get_label() for line in ax.lines] == [
            f"run {k}, {w}" for k in range(n) for w in ("training", "validation")
        ]
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in ax.lines}
        assert len(looks) == 2 * n
    for k, (dashed, full) in enumerate(zip(left.lines[::2], left.lines[1::2], strict=True)):
        assert (dashed.get_linestyle(), full.get_linestyle()) == ("--", "-")
        np.testing.assert_allclose(full.get_ydata(), histories[f"run {k}"].validation_cost)
    legend = left.get_legend() or figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [line.get_label() for line in left.lines]
    assert legend.handlelength >= 3  # in a shorter one a dashed line looks like a full one
    figure.canvas.draw()
    assert legend.get_window_extent().height <= figure.bbox.height


def test_plot_history_keeps_names_that_look_alike_apart():
    figure = plotting.plot_history({1: history(), "1": history(level=0.2)})
    assert len(figure.axes[0].lines) == 4


def test_plot_history_hides_no_negative_cost():
    below = History([1, 2], [0.5, -0.5], [], [], [], [0.1, 0.1], [1.0, 1.0])
    left, right = plotting.plot_history({"run": below}).axes
    assert left.get_ylim()[0] < -0.5
    assert right.get_ylim()[0] == 0
    left, _ = plotting.plot_history({"run": history()}).axes
    assert left.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("histories", "error", "message"),
    [
        ({}, ValueError, "histories must be 1 to 21, .*; there are 0"),
        ({k: history() for k in range(22)}, ValueError, "there are 22"),
        (history(), TypeError, r'histories must be a dict .* it is History .*write \{"run": history\}'),
        ([history()], TypeError, "histories must be a dict .* it is list"),
        (None, TypeError, "histories must be a dict"),
        ({"run": History()}, ValueError, r"histories\['run'\] must have at least one epoch.*Train first"),
        ({"run": [0.3, 0.2]}, TypeError, r"histories\['run'\] must be a History.* it is list"),
        ({"run": None}, TypeError, r"histories\['run'\] must be a History"),
        ({"run": history(), "b": History([1], [math.nan])}, ValueError, r"histories\['b'\]\.cost must be finite"),
        ({"run": History([1], [math.inf])}, ValueError, r"\.cost must be finite"),
        ({"run": History([1, 2], [0.5])}, ValueError, r"\.cost must have a number for each of the 2 epochs"),
        ({"run": History([1], [])}, ValueError, r"\.cost must have a number for each of the 1 epochs"),
        ({"run": History([1, 2], [0.5, 0.4], [0.5])}, ValueError, r"\.accuracy must have a number for each"),
        ({"run": History([1], [0.5], [93.0])}, ValueError, r"\.accuracy must be shares from 0 to 1; .* 93"),
        ({"run": History([1], [0.5], [-0.1])}, ValueError, r"\.accuracy must be shares"),
        ({"run": History([1], [0.5], [], [0.5], [93.0])}, ValueError, r"\.validation_accuracy must be shares"),
        ({"run": History([1], ["half"])}, TypeError, r"\.cost must be an array of numbers"),
        ({"run": History([1], [None])}, TypeError, r"\.cost must be an array of numbers"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plot_history_refuses_what_it_cannot_draw(histories, error, message):
    with pytest.raises(error, match=message):
        plotting.plot_history(histories)
    assert plt.get_fignums() == []


# Arguments of every kind


def draw(function, **given):
    """Call a drawing function with good arguments, but for those given."""
    good = {
        "show_digits": {"images": PICTURES},
        "draw_matrix": {"values": NUMBERS},
        "draw_network": {"units": [["a", "b"], ["c"]]},
        "draw_descent": {"cost": lambda x, y: x**2 + y**2, "path": POINTS},
        "draw_sides": {"net": lambda inputs: inputs[:, 0] - 0.5, "points": POINTS, "labels": MARKS},
        "draw_broadcast": {"left": NUMBERS, "right": NUMBERS[0]},
        "draw_answer": {"network": NETWORK, "image": IMAGE},
        "plot_history": {"histories": {"run": history()}},
        "new_figure": {},
        "show": {"figure": None, "alt": "Nothing"},
    }[function] | given
    if function in ("draw_matrix", "draw_network", "draw_descent", "draw_sides") and "ax" not in given:
        good["ax"] = plotting.new_figure()[1]
    figure = getattr(plotting, function)(**good) or good["ax"].figure
    figure = figure[0] if isinstance(figure, tuple) else figure
    figure.canvas.draw()
    return figure


def assert_refused(function, error, message, **given):
    """The call is refused, and nothing was drawn by then."""
    figure, ax = plotting.new_figure()
    if function in ("draw_matrix", "draw_network", "draw_descent", "draw_sides"):
        given = {"ax": ax} | given
    with pytest.raises(error, match=message) as caught:
        draw(function, **given)
    assert f"({function})" in str(caught.value)
    assert plt.get_fignums() == [figure.number]
    assert [*ax.lines, *ax.patches, *ax.texts, *ax.collections, *ax.images] == []


OBJECTS = np.array([[1, [2]], [3, "a"]], dtype=object)
FACES = np.array([["red", "red", "red"], ["red", "red", 0.5]], dtype=object)
PICTURES = np.random.default_rng(0).random((3, 6, 5))
NUMBERS = np.array([[1.0, 2.5, 3.0], [4.0, 5.0, 7.0]])
POINTS = np.array([[0.0, 1.0], [1.0, 0.5], [0.25, 0.125]])
MARKS = np.array([0, 1, 1])
IMAGE = np.random.default_rng(1).integers(0, 256, (28, 28), dtype=np.uint8)
NETWORK = Network.from_sizes([784, 12, 10])

ARRAYS = {
    ("show_digits", "images"): PICTURES,
    ("draw_matrix", "values"): NUMBERS,
    ("draw_descent", "path"): POINTS,
    ("draw_sides", "points"): POINTS,
    ("draw_sides", "labels"): MARKS,
    ("draw_broadcast", "left"): NUMBERS,
    ("draw_broadcast", "right"): NUMBERS,
    ("draw_answer", "image"): IMAGE,
}


def pixels(figure):
    return np.array(figure.canvas.buffer_rgba())


@functools.cache
def as_it_should_be(function, name, whole=False):
    """What is drawn of an array of floats, or whole floats, that lies in memory as most do."""
    return pixels(draw(function, **{name: np.rint(ARRAYS[function, name]) if whole else ARRAYS[function, name]}))


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "negative strides": lambda array: array[::-1].copy()[::-1],
    "every second": lambda array: np.repeat(array, 2, axis=0)[::2],
    "read-only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "subclass": lambda array: array.view(np.recarray),
}


@pytest.mark.parametrize(("function", "name"), ARRAYS, ids="-".join)
@pytest.mark.parametrize("change", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_layout_in_memory_makes_no_difference(function, name, change):
    np.testing.assert_array_equal(
        pixels(draw(function, **{name: change(ARRAYS[function, name])})), as_it_should_be(function, name)
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, np.int8, np.uint64])
@pytest.mark.parametrize(
    ("function", "name"), [key for key in ARRAYS if key not in [("show_digits", "images"), ("draw_answer", "image")]]
)
def test_numbers_of_every_kind_are_drawn(function, name, dtype):
    np.testing.assert_array_equal(
        pixels(draw(function, **{name: np.rint(ARRAYS[function, name]).astype(dtype)})),
        as_it_should_be(function, name, whole=True),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64, np.longdouble])
def test_pixels_of_every_kind_are_drawn(dtype):
    figure = draw("show_digits", images=(9 * PICTURES).astype(dtype))
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), (9 * PICTURES[1]).astype(dtype), rtol=1e-6)


WRONG = {
    "None": (lambda array: None, (TypeError, ValueError), "None|points must be given"),
    "text": (lambda array: "abc", TypeError, "abc|text"),
    "object": (lambda array: np.full(array.shape, None), TypeError, "objects|NoneType"),
    "complex": (lambda array: array.astype(complex), TypeError, "complex"),
    "masked": (lambda array: np.ma.masked_array(array), TypeError, "masked"),
    "sparse": (lambda array: sparse.csr_array(np.atleast_2d(array.reshape(len(array), -1))), TypeError, "dense"),
    "nested": (lambda array: [[1, 2], [3]], (TypeError, ValueError), "rows of one length"),
    "too many axes": (lambda array: array[np.newaxis, np.newaxis], ValueError, "shape|two axes"),
    "empty": (lambda array: array[:0], ValueError, "at least one|above 0|each of the|shape"),
    "dict": (lambda array: {"a": array}, TypeError, "objects"),
}


@pytest.mark.parametrize(("function", "name"), ARRAYS, ids="-".join)
@pytest.mark.parametrize(("change", "error", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_array_of_numbers_is_refused(function, name, change, error, message):
    value = change(ARRAYS[function, name])
    if (function, name) == ("draw_matrix", "values") and isinstance(value, str):
        assert texts(draw(function, values=value).axes[0]) == ["abc"]  # one square, one text
    else:
        assert_refused(function, error, f"{name}.*({message})|points must be given", **{name: value})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("function", "name"), ARRAYS, ids="-".join)
def test_numbers_that_are_not_finite_are_refused_or_written(function, name, value):
    array = ARRAYS[function, name].astype(float)
    array.flat[-1] = value
    if (function, name) == ("draw_matrix", "values"):
        assert texts(draw(function, values=array).axes[0])[-1] == f"{value:g}"
    elif (function, name) == ("draw_answer", "image"):
        assert_refused(function, TypeError, "image must be uint8", image=array)
    else:
        assert_refused(function, ValueError, f"{name} must.*({value}|finite)", **{name: array})


@pytest.mark.parametrize(
    ("function", "error", "message", "given"),
    [
        # pictures
        ("show_digits", ValueError, r"images must have shape.*image\[np\.newaxis\]", {"images": PICTURES[0]}),
        ("show_digits", ValueError, r"images must have.*reshape\(-1, 28, 28\)", {"images": np.zeros((5, 784))}),
        ("show_digits", ValueError, r"images must have.*images\[\.\.\., 0\]", {"images": np.zeros((5, 28, 28, 1))}),
        ("show_digits", ValueError, r"images must have shape", {"images": np.zeros(28)}),
        ("show_digits", ValueError, "images must hold at least one", {"images": np.zeros((0, 28, 28))}),
        ("show_digits", ValueError, "images must hold at least one", {"images": np.zeros((3, 0, 28))}),
        ("show_digits", ValueError, r"images must be at most 400; .*images\[:400\]", {"images": np.zeros((401, 9, 9))}),
        ("show_digits", TypeError, "images must be uint8 or floats", {"images": np.zeros((5, 28, 28), int)}),
        ("show_digits", TypeError, "images must be uint8 or floats", {"images": np.zeros((5, 28, 28), bool)}),
        ("show_digits", ValueError, "captions must be 3 texts; there are 2", {"captions": ["a", "b"]}),
        ("show_digits", ValueError, "captions must be 3 texts; there are more", {"captions": range(4)}),
        ("show_digits", ValueError, "captions must be 3 texts; there are more", {"captions": itertools.count()}),
        ("show_digits", ValueError, "captions must be 3 texts; there are 0", {"captions": []}),
        ("show_digits", ValueError, "captions must be texts in one row", {"captions": np.zeros((3, 2))}),
        ("show_digits", TypeError, "captions must be a sequence", {"captions": "abc"}),
        ("show_digits", TypeError, "captions must be a sequence", {"captions": 5}),
        ("show_digits", TypeError, "captions must be a sequence", {"captions": {0: "a", 1: "b", 2: "c"}}),
        ("show_digits", TypeError, "captions must be a sequence", {"captions": np.array(3)}),
        ("show_digits", TypeError, "captions must be a sequence", {"captions": np.ma.masked_array([1, 2, 3])}),
        ("show_digits", ValueError, "columns must be", {"columns": 0}),
        ("show_digits", ValueError, "columns must be", {"columns": -3}),
        ("show_digits", ValueError, "columns must be", {"columns": 101}),
        ("show_digits", ValueError, "columns must be", {"columns": 2.0}),
        ("show_digits", TypeError, "columns must be", {"columns": None}),
        ("show_digits", ValueError, "columns must be", {"columns": True}),
        ("show_digits", ValueError, "scale must be", {"scale": 0}),
        ("show_digits", ValueError, "scale must be", {"scale": math.nan}),
        ("show_digits", TypeError, "scale must be", {"scale": "1"}),
        ("show_digits", ValueError, "scale and columns must make .* 500 inches", {"scale": 200}),
        ("show_digits", ValueError, r"limits must be \(low, high\)", {"limits": (1, 0)}),
        ("show_digits", ValueError, r"limits must be \(low, high\)", {"limits": (1, 1)}),
        ("show_digits", ValueError, r"limits\[1\] must be a finite", {"limits": (0, math.nan)}),
        ("show_digits", ValueError, "limits must be two numbers", {"limits": (0, 1, 2)}),
        ("show_digits", TypeError, "limits must be two numbers", {"limits": 1}),
        ("show_digits", TypeError, r"limits\[0\] must be", {"limits": ("0", 1)}),
        ("show_digits", TypeError, "limits must be two numbers", {"limits": "01"}),
        ("show_digits", TypeError, "title must be a text", {"title": 5}),
        ("show_digits", TypeError, "title must be a text", {"title": None}),
        # squares
        ("draw_matrix", TypeError, r"values\[0, 1\] must be a number or a text; it is list", {"values": OBJECTS}),
        ("draw_matrix", TypeError, "values must be .*bytes", {"values": np.array([[b"a"]])}),
        ("draw_matrix", ValueError, "values must be at most 2,500", {"values": np.zeros((51, 50))}),
        ("draw_matrix", ValueError, "values must have shape", {"values": np.zeros((2, 0))}),
        ("draw_matrix", ValueError, "form must fit a number.*'{:d}' does not fit", {"form": "{:d}"}),
        ("draw_matrix", ValueError, "form must fit a number", {"form": "{} of {}"}),
        ("draw_matrix", ValueError, "form must fit a number", {"form": "{value}"}),
        ("draw_matrix", ValueError, "form must fit a number", {"form": "{:g"}),
        ("draw_matrix", ValueError, "form must say how", {"form": "%g"}),
        ("draw_matrix", TypeError, "form must be a text", {"form": None}),
        ("draw_matrix", ValueError, r"row_labels must be 2 texts; there are 1", {"row_labels": ["a"]}),
        ("draw_matrix", ValueError, r"row_labels must be 2 texts; there are more", {"row_labels": range(3)}),
        ("draw_matrix", ValueError, r"column_labels must be 3 texts; there are 0", {"column_labels": ()}),
        ("draw_matrix", TypeError, "column_labels must be a sequence", {"column_labels": "abc"}),
        ("draw_matrix", ValueError, r"faces must be colours; at \(0, 0\) is 'no'", {"faces": "no"}),
        ("draw_matrix", ValueError, r"faces must be colours; at \(1, 2\) is 0.5", {"faces": FACES}),
        ("draw_matrix", ValueError, r"faces must be .* have shape \(4,\)", {"faces": ["red"] * 4}),
        ("draw_matrix", ValueError, "faces must be colours", {"faces": None}),
        ("draw_matrix", ValueError, "font_size must be", {"font_size": 0}),
        ("draw_matrix", ValueError, "font_size must be", {"font_size": 1e9}),
        ("draw_matrix", TypeError, "font_size must be", {"font_size": "large"}),
        ("draw_matrix", TypeError, "title must be a text", {"title": 5}),
        # broadcast
        ("draw_broadcast", ValueError, r"left and right must have shapes that broadcast", {"right": np.zeros(2)}),
        ("draw_broadcast", ValueError, r"left and right must broadcast to two axes", {"right": np.zeros((2, 1, 1))}),
        ("draw_broadcast", ValueError, "left must have shape", {"left": np.zeros((0, 3))}),
        ("draw_broadcast", ValueError, "right must have shape", {"right": np.zeros((2, 0)), "left": 1}),
        (
            "draw_broadcast",
            ValueError,
            r"left \+ right must be at most",
            {"left": np.zeros((60, 1)), "right": np.ones(60)},
        ),
        ("draw_broadcast", ValueError, r"left \+ right must be finite", {"left": 1.7e308, "right": 1.7e308}),
        ("draw_broadcast", ValueError, r"sign must be \+ or -", {"sign": "−"}),
        ("draw_broadcast", TypeError, "sign must be a text", {"sign": None}),
        ("draw_broadcast", TypeError, "sign must be a text", {"sign": np.array(["+"])}),
        ("draw_broadcast", ValueError, "form must fit", {"form": "{:d}"}),
        ("draw_broadcast", TypeError, "title must be", {"title": 1}),
        # networks
        (
            "draw_network",
            TypeError,
            r"units\[0\] must be a sequence of 1 to 30 texts; it is 'ab'",
            {"units": ["ab", "cd"]},
        ),
        ("draw_network", TypeError, "units must be a sequence of layers", {"units": "ab"}),
        ("draw_network", TypeError, "units must be a sequence of layers", {"units": 5}),
        ("draw_network", TypeError, "units must be a sequence of layers", {"units": None}),
        ("draw_network", TypeError, r"units\[0\] must be a sequence", {"units": [784, 30, 10]}),
        ("draw_network", ValueError, "units must be 1 to 10 layers; there are 0", {"units": []}),
        ("draw_network", ValueError, r"units\[1\] must be 1 to 30 texts; there are 0", {"units": [["a"], []]}),
        ("draw_network", ValueError, r"units\[0\] must be 1 to 30 texts; there are more", {"units": [range(31)]}),
        ("draw_network", ValueError, "units must have at most 1,000 arrows", {"units": [range(30)] * 3}),
        ("draw_network", TypeError, "edges must be a dict", {"edges": [(0, 0, 0)]}),
        (
            "draw_network",
            ValueError,
            r"edges must name arrows that are there.*\(0, 0, 1\)",
            {"edges": {(0, 0, 1): "w"}},
        ),
        ("draw_network", ValueError, r"edges must name arrows that are there", {"edges": {(1, 0, 0): "w"}}),
        ("draw_network", ValueError, r"edges must name arrows that are there", {"edges": {(0, 2, 0): "w"}}),
        ("draw_network", ValueError, r"edges: layer of \(-1, 0, 0\) must be", {"edges": {(-1, 0, 0): "w"}}),
        ("draw_network", TypeError, r"edges must name arrows as", {"edges": {(0, 0): "w"}}),
        ("draw_network", TypeError, r"edges must name arrows as", {"edges": {"001": "w"}}),
        ("draw_network", TypeError, r"edges\[\(0, 0, 0\)\] must be a text", {"edges": {(0, 0, 0): 0.5}}),
        ("draw_network", TypeError, "highlight must name arrows as", {"highlight": (0, 0, 0)}),
        ("draw_network", ValueError, "highlight must name arrows that are there", {"highlight": [(0, 0, 1)]}),
        ("draw_network", ValueError, "highlight: to of .* must be a whole number", {"highlight": [(0, 0, 0.0)]}),
        ("draw_network", TypeError, "highlight must be a sequence", {"highlight": None}),
        (
            "draw_network",
            ValueError,
            "layer_titles must be 0 to 2 texts; there are more",
            {"layer_titles": ["a", "b", "c"]},
        ),
        ("draw_network", TypeError, "layer_titles must be a sequence", {"layer_titles": "in"}),
        ("draw_network", TypeError, "reverse must be True or False", {"reverse": "no"}),
        # an answer
        ("draw_answer", TypeError, "network must be a Network; it is list", {"network": [784, 30, 10]}),
        ("draw_answer", TypeError, "network must be a Network; it is NoneType", {"network": None}),
        (
            "draw_answer",
            ValueError,
            r"network must have .* its sizes are \[784, 41, 10\]",
            {"network": sized(784, 41, 10)},
        ),
        ("draw_answer", ValueError, r"network must .* \[784, 10\]", {"network": sized(784, 10)}),
        ("draw_answer", ValueError, r"network must .* \[784, 5, 5, 10\]", {"network": sized(784, 5, 5, 10)}),
        ("draw_answer", ValueError, r"network must .* \[9, 5, 10\]", {"network": sized(9, 5, 10)}),
        ("draw_answer", ValueError, r"network must .* \[784, 5, 2\]", {"network": sized(784, 5, 2)}),
        ("draw_answer", ValueError, r"image must have shape \(28, 28\).*image\[0\]", {"image": IMAGE[np.newaxis]}),
        ("draw_answer", ValueError, r"image must have shape .*image\[\.\.\., 0\]", {"image": IMAGE[..., np.newaxis]}),
        ("draw_answer", ValueError, r"image must have .*image\.reshape\(28, 28\)", {"image": IMAGE.ravel()}),
        ("draw_answer", ValueError, r"image must have shape", {"image": IMAGE[:20]}),
        ("draw_answer", TypeError, "image must be uint8 .*float.*before preprocess", {"image": IMAGE / 255}),
        ("draw_answer", TypeError, "image must be uint8", {"image": IMAGE.astype(int)}),
        ("draw_answer", TypeError, "image must be uint8", {"image": IMAGE > 9}),
        ("draw_answer", TypeError, "title must be a text", {"title": 8}),
        # charts
        ("draw_descent", TypeError, "cost must be a function", {"cost": 5}),
        ("draw_descent", ValueError, r"cost must return an array of shape \(200, 200\)", {"cost": lambda x, y: 1.0}),
        ("draw_descent", ValueError, r"cost must return an array of shape", {"cost": lambda x, y: (x + y)[:5]}),
        (
            "draw_descent",
            ValueError,
            "what cost returns must be finite",
            {"cost": lambda x, y: np.full_like(x, np.nan)},
        ),
        ("draw_descent", TypeError, "what cost returns must be an array", {"cost": lambda x, y: None}),
        ("draw_descent", ValueError, r"path must have shape \(n, 2\)", {"path": [1, 2]}),
        ("draw_descent", ValueError, r"path must have shape \(n, 2\)", {"path": np.zeros((5, 3))}),
        ("draw_descent", ValueError, "path must be small enough", {"path": [[-1.7e308, 0], [1.7e308, 0]]}),
        ("draw_descent", TypeError, "labels must be a sequence of 2 texts", {"labels": "xy"}),
        ("draw_descent", ValueError, "labels must be 2 texts; there are 1", {"labels": ["x"]}),
        ("draw_descent", TypeError, r"limits\[0\] must be two numbers", {"limits": (0, 1)}),
        ("draw_descent", ValueError, r"limits\[1\] must be \(low, high\)", {"limits": ((0, 1), (2, 1))}),
        ("draw_descent", TypeError, r"limits must be \(\(low, high\)", {"limits": 5}),
        ("draw_descent", TypeError, "title must be a text", {"title": None}),
        ("draw_sides", TypeError, "net must be a function", {"net": None}),
        ("draw_sides", ValueError, r"net must return an array of shape \(40401,\)", {"net": lambda inputs: inputs}),
        ("draw_sides", ValueError, "net must return an array of shape", {"net": lambda inputs: 1.0}),
        (
            "draw_sides",
            ValueError,
            "what net returns must be finite",
            {"net": lambda inputs: inputs[:, 0] + np.inf},
        ),
        ("draw_sides", ValueError, r"labels must hold a 0 or a 1.*shape \(2,\)", {"labels": [0, 1]}),
        ("draw_sides", ValueError, r"labels must hold a 0 or a 1 .* one of them is 2", {"labels": [0, 1, 2]}),
        ("draw_sides", ValueError, r"labels must hold a 0 or a 1 .* one of them is -1", {"labels": [1, -1, 1]}),
        ("draw_sides", ValueError, "labels must hold .*None", {"labels": None}),
        ("draw_sides", ValueError, "points must be given", {"points": None}),
        ("draw_sides", ValueError, r"points must have shape \(n, 2\)", {"points": np.zeros((3, 3))}),
        ("draw_sides", ValueError, r"limits must be \(low, high\)", {"limits": (1, 0)}),
        ("draw_sides", TypeError, "limits must be two numbers", {"limits": None}),
        ("plot_history", TypeError, "title must be a text", {"title": 5}),
        # figures
        ("new_figure", ValueError, "n_rows must be", {"n_rows": 0}),
        ("new_figure", ValueError, "n_columns must be", {"n_columns": 2.0}),
        ("new_figure", ValueError, "n_rows times n_columns must be at most 1,000", {"n_rows": 40, "n_columns": 30}),
        ("new_figure", TypeError, "size must be two numbers", {"size": 5}),
        ("new_figure", TypeError, "size must be two numbers", {"size": (1, 2, 3)}),
        ("new_figure", TypeError, "size must be two numbers", {"size": "84"}),
        ("new_figure", ValueError, r"size\[0\] must be", {"size": (0, 4)}),
        ("new_figure", ValueError, r"size\[1\] must be", {"size": (4, math.inf)}),
        ("new_figure", TypeError, r"size\[1\] must be", {"size": (4, "4")}),
        ("new_figure", ValueError, r"size\[0\] must be .* at most 500", {"size": (501, 4)}),
        ("new_figure", TypeError, "options must be what .*'colour'", {"colour": "red"}),
        ("new_figure", ValueError, "options must be what .*width ratios", {"n_columns": 2, "width_ratios": [1, 2, 3]}),
        ("new_figure", ValueError, "options must be what .*sharex", {"sharex": "maybe"}),
        ("show", TypeError, "figure must be a Matplotlib Figure; it is NoneType", {"figure": None}),
        ("show", TypeError, "figure must be a Matplotlib Figure; it is int", {"figure": 1}),
    ],
)
def test_wrong_arguments_are_refused(function, error, message, given):
    assert_refused(function, error, message, **given)


@pytest.mark.parametrize("function", ["draw_matrix", "draw_network", "draw_descent", "draw_sides"])
def test_what_is_no_axes_is_refused(function):
    figure, axes = plotting.new_figure(1, 3)
    for ax, message in (
        (None, r"Make one: figure, ax = new_figure\(\)"),
        (5, "it is int"),
        (figure, r"Take one of the figure's: figure\.axes\[0\]"),
        (axes, r"Choose one of the 3\."),
    ):
        with pytest.raises(TypeError, match=rf"ax must be a Matplotlib Axes.*\({function}\).*{message}|{message}"):
            draw(function, ax=ax)


@pytest.mark.parametrize("alt", [None, 5, b"An empty plot.", ["An empty plot."]])
def test_show_wants_a_text_and_nothing_else(alt):
    figure, ax = plotting.new_figure()
    with pytest.raises(TypeError, match="alt must be a text"):
        plotting.show(figure, alt)
    assert plt.fignum_exists(figure.number)
    with pytest.raises(TypeError, match=r"figure must be a Matplotlib Figure; it is Axes \(show\)\. Write ax\.figure"):
        plotting.show(ax, "An empty plot.")


# What is drawn right, and was not


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, bool])
def test_draw_broadcast_does_not_overflow(dtype):
    top = np.iinfo(dtype).max if dtype is not bool else 1
    figure = plotting.draw_broadcast(np.array([top], dtype), np.array([[0], [top]], dtype), form="{}")
    assert texts(figure.axes[4]) == [str(int(top)), str(2 * int(top))]
    figure = plotting.draw_broadcast(np.array([0, 1], dtype), np.array([1], dtype), sign="-", form="{}")
    assert texts(figure.axes[4]) == ["-1", "0"]


def test_draw_matrix_writes_truth_values_as_numbers():
    assert texts(draw("draw_matrix", values=NUMBERS > 3).axes[0]) == ["0", "0", "0", "1", "1", "1"]
    assert texts(draw("draw_matrix", values=5).axes[0]) == ["5"]
    assert texts(draw("draw_matrix", values=np.array([["a", 1.5]], object)).axes[0]) == ["a", "1.5"]
    labelled = draw("draw_matrix", values=NUMBERS, row_labels=np.arange(2), column_labels=np.array(["x", "y", "z"]))
    assert texts(labelled.axes[0])[6:] == ["0", "1", "x", "y", "z"]


@pytest.mark.parametrize("faces", [(1, 0, 0), "red", np.array([1.0, 0, 0]), ["red"] * 3, [["red"], ["red"]]])
def test_draw_matrix_takes_one_colour_for_all_or_one_for_each(faces):
    ax = draw("draw_matrix", values=NUMBERS, faces=faces).axes[0]
    assert {patch.get_facecolor() for patch in ax.patches} == {(1, 0, 0, 1)}


def test_draw_network_takes_highlights_in_an_array():
    ax = draw("draw_network", highlight=np.array([[0, 1, 0]])).axes[0]
    widths = [text.arrow_patch.get_linewidth() for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert widths == [1.0, 2.6]


def test_a_network_of_one_layer_has_no_arrows():
    ax = draw("draw_network", units=[["a", 0.5]]).axes[0]
    assert texts(ax) == ["a", "0.5"]


def test_draw_descent_of_a_flat_cost_and_of_a_path_that_stays():
    for path in ([[1, 2]], [[0, 0], [0, 0]], [[1e12, 1e12]] * 2, [[-1e300, 0], [1e300, 0]], [[0, 1e-12], [1e-12, 0]]):
        ax = draw("draw_descent", cost=lambda x, y: np.zeros_like(x), path=path).axes[0]
        (low, high), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert low < path[0][0] < high
        assert bottom < path[0][1] < top
        assert len(ax.collections) == 0
    assert len(draw("draw_descent").axes[0].collections) == 1


@pytest.mark.parametrize(
    "net", [lambda inputs: inputs[:, :1], lambda inputs: inputs[:, 0].astype(int), lambda i: [0] * len(i)]
)
def test_draw_sides_takes_nets_as_a_column_or_as_integers(net):
    assert draw("draw_sides", net=net).axes[0].get_xlim() == (-0.5, 1.5)


def test_draw_sides_takes_labels_that_are_true_and_false():
    ax = draw("draw_sides", labels=MARKS == 1).axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), POINTS[1:])


@pytest.mark.parametrize("n_hidden", [1, 5, 6, 40])
def test_draw_answer_of_few_and_of_many_hidden_units(n_hidden):
    ax = draw("draw_answer", network=sized(784, n_hidden, 10)).axes[0]
    assert len(ax.lines) == 1 + n_hidden + min(60, 10 * n_hidden)


def test_draw_answer_of_a_network_that_carries_nothing():
    network = sized(784, 5, 10)
    network.layers[1].weights[:] = 0
    assert len(draw("draw_answer", network=network).axes[0].lines) == 1 + 5


def test_draw_answer_shows_the_hidden_outputs_of_this_image():
    network = sized(784, 5, 10)
    ax = draw("draw_answer", network=network).axes[0]
    shown = ax.collections[0].get_array()
    network.forward(preprocess(IMAGE[np.newaxis]))
    np.testing.assert_array_equal(shown, network.layers[0].out[0])


def test_draw_answer_refuses_outputs_that_are_no_numbers():
    network = sized(784, 5, 10)
    network.layers[1].biases[3] = np.nan
    assert_refused("draw_answer", ValueError, "the outputs of network must be finite", network=network)


def test_new_figure_passes_options_on():
    figure, axes = plotting.new_figure(1, 2, (6, 3), sharey=True, squeeze=False)
    assert axes.shape == (1, 2)
    assert tuple(figure.get_size_inches()) == (6, 3)
    with pytest.raises(TypeError, match=r"options must be .*figsize"):
        plotting.new_figure(figsize=(3, 3))
