"""What the checks of the exercises share: every failure becomes one message in the student's terms."""

import random
import re
import signal
import sys
import threading
import warnings

import numpy as np
import pytest

from mnist_scratch.exercises.answers import WrongAnswer, call, exercise, unpack
from mnist_scratch.exercises.comparing import expect, number


@exercise
def double(answer: object) -> None:
    inputs = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    result = call(answer, inputs, name="double", hints=[(ZeroDivisionError, "nothing is divided here.")])
    hints = [
        (inputs, "nothing was doubled."),
        (2 * inputs.T, "rows and columns are swapped."),
        (lambda out: out.min() < 0, "the sign."),
        (lambda out: 1 / 0, "a predicate that fails is passed over."),
    ]
    expect(result, 2 * inputs, name="double", given="two rows", hints=hints, axes=("rows", "outputs"))


@exercise
def shape(answer: object) -> None:
    number(answer, (32, 10), name="shape", hints=[((10, 32), "rows first.")])


def message(check, answer):
    with pytest.raises(WrongAnswer) as caught:
        check(answer)
    return str(caught.value)


def test_a_right_answer_is_told_so(capsys):
    assert double(lambda inputs: inputs + inputs) is None
    assert capsys.readouterr().out == "double: right.\n"
    for written in ((32, 10), [32, 10], np.array([32, 10]), (32.0, 10)):
        shape(written)


def docstring_only(inputs):
    """Double it."""


def dots(inputs):
    """Double it."""
    ...


def dots_inside(inputs):
    factor = ...
    return inputs * factor


def dots_back(inputs):
    result = ...
    return result


def not_implemented(inputs):
    raise NotImplementedError


@pytest.mark.parametrize(
    "stub", [None, ..., docstring_only, dots, dots_inside, dots_back, not_implemented, lambda x: None]
)
def test_a_stub_is_not_solved_yet(stub):
    assert message(double, stub).startswith("double: not solved yet.")


@pytest.mark.parametrize("stub", [None, ..., (..., 10), [..., ...]])
def test_a_number_that_was_not_written_down_is_not_solved_yet(stub):
    assert message(shape, stub).startswith("shape: not solved yet.")


def forgets(inputs):
    inputs + inputs


def raises(inputs):
    wide = inputs @ inputs
    return wide


def divides(inputs):
    return inputs / (1 // 0)


def changes(inputs):
    inputs *= 2
    return inputs


def forever(inputs):
    return forever(inputs)


def leaves(inputs):
    raise SystemExit(1)


def yields(inputs):
    yield 2 * inputs


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (forgets, r"double: your function returns None\. Hint: is the return missing\?"),
        (raises, r"your function raised ValueError: matmul.*, in line \d+ of your cell: wide = inputs @ inputs\."),
        (divides, r"raised ZeroDivisionError: .*\. Hint: nothing is divided here\."),
        (changes, r"your function changes `inputs`, which belongs to the caller\. Hint: `a -= b`"),
        (forever, r"double: your function calls itself without end\. Hint: which call"),
        (leaves, r"your function ends the program \(exit\)"),
        (yields, r"for two rows, your result is a generator; a NumPy array is expected"),
        (lambda: 1, r"your function cannot be called with 1 argument: .*takes 0 positional"),
        (7, r"double: a function is expected; it is a number\."),
        ("text", r"a function is expected; it is a text\."),
        (lambda inputs: (2 * inputs).tolist(), r"is a list; a NumPy array is expected\. Hint: np\.array"),
        (lambda inputs: 2, r"your result is a single number; \(2, 3\) \(rows, outputs\) is expected, 2 axes\."),
        (lambda inputs: 2 * inputs[0], r"has shape \(3,\), which is 1 axis; \(2, 3\)"),
        (
            lambda inputs: 2 * inputs[:, :2],
            r"\(2, 2\); \(2, 3\) is expected: axis 1 \(outputs\) is 2 long and should be 3",
        ),
        (
            lambda inputs: 2 * inputs.T,
            r"axis 0 \(rows\) is 3 long and should be 2\. Hint: rows and columns are swapped\.",
        ),
        (
            lambda inputs: inputs,
            r"is 1 at \[0, 0\]; 2 is expected\. 6 of 6 values differ\. Hint: nothing was doubled\.",
        ),
        (lambda inputs: -2 * inputs, r"is -2 at \[0, 0\].* Hint: the sign\."),
        (lambda inputs: np.where(inputs == 2, np.nan, 2 * inputs), r"holds nan at \[0, 1\]\."),
        (lambda inputs: inputs > 0, r"holds True and False \(dtype bool\); floats are expected"),
        (lambda inputs: inputs * 2j, r"holds complex numbers"),
        (lambda inputs: np.array(["a"]), r"holds things that are not numbers \(dtype <U1\)"),
        (lambda inputs: inputs.astype(object), r"holds things that are not numbers \(dtype object\)"),
        (np.zeros, r"your function raised TypeError|has shape|cannot be called"),
        (type("Empty", (), {}), r"cannot be called with 1 argument"),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(answer, said):
    assert re.search(said, message(double, answer)), message(double, answer)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ((10, 32), "shape: your answer, (10, 32), is not right: look at value 1 of 2. Hint: rows first."),
        ((32, 11), "shape: your answer, (32, 11), is not right: look at value 2 of 2."),
        ((32,), "shape: your answer has 1 values; 2 are expected."),
        (320, "shape: your answer is a number; 2 values in parentheses are expected."),
        ("32, 10", "shape: your answer is a text; 2 values in parentheses are expected."),
        ((float("nan"), 10), "shape: your answer, (nan, 10), is not right: look at value 1 of 2."),
    ],
)
def test_a_wrong_number_is_not_told_the_right_one(written, said):
    assert message(shape, written) == said


def test_numbers_words_and_truths_are_compared_as_what_they_are():
    number(0.3333333, 1 / 3, name="third")
    number(np.float32(0.25), 0.25, name="quarter")
    number(" Rows  first", "rows first", name="words")
    number(True, True, name="truth")
    number(3, 3.2, name="near", tol=0.3)
    for came, right in [(1, True), (True, 1), ("a", "b"), (0.34, 1 / 3), ("0.3", 0.3), (lambda: 1, 1), (1j, 1)]:
        with pytest.raises(WrongAnswer):
            number(came, right, name="wrong")


def test_kinds_and_dtypes():
    expect(np.ones(2, np.int8), np.ones(2), name="whole")
    expect(np.ones(2, np.float32), np.ones(2), name="single")
    expect(3, 3.0, name="plain")
    expect(np.array([True]), np.array([True]), name="truth")
    with pytest.raises(WrongAnswer, match=r"holds floats \(dtype float64\); whole numbers are expected"):
        expect(np.ones(2), np.ones(2, int), name="kind")
    expect(np.ones(2), np.ones(2, int), name="kind", kinds="fi")
    with pytest.raises(WrongAnswer, match="has dtype float64; float32 is expected"):
        expect(np.ones(2), np.ones(2), name="dtype", dtype=np.float32)
    expect(np.array([np.nan, 1]), np.array([np.nan, 1]), name="nan is right here")


def test_an_answer_that_may_change_its_arguments():
    weights = np.ones(3)

    def step(weights):
        weights -= 0.5

    assert call(step, weights, name="step", changes_allowed=True, none_allowed=True) is None
    assert weights.tolist() == [0.5] * 3


def test_changes_inside_lists_and_by_name_are_noticed():
    def zero(parts, table=None):
        for part in parts:
            part[0] = 0
        return parts

    with pytest.raises(WrongAnswer, match="changes `parts`"):
        call(zero, [np.ones(2), np.ones(3)], name="zero")
    with pytest.raises(WrongAnswer, match="changes `table`"):
        call(lambda table: table["a"].fill(2), name="table", table={"a": np.ones(2)})
    assert call(lambda rng: rng.random(), np.random.default_rng(0), name="rng") == np.random.default_rng(0).random()


def test_unpack_counts_the_parts():
    assert unpack((1, 2), ["a", "b"], name="two") == [1, 2]
    with pytest.raises(WrongAnswer, match=r"two: 2 results are expected \(a, b\); there are 3"):
        unpack([1, 2, 3], ["a", "b"], name="two")
    with pytest.raises(WrongAnswer, match=r"2 results are expected \(a, b\); it is an array"):
        unpack(np.ones(2), ["a", "b"], name="two")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarm clock on this system")
def test_an_answer_without_end_is_stopped_and_the_clock_put_back(monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "0.2")

    def endless(inputs):
        while True:
            try:
                while True:
                    inputs = inputs + 1
            except Exception:
                pass

    before = signal.getsignal(signal.SIGALRM)
    assert message(double, endless) == "double: your answer was stopped after 0.2 s. Hint: does a loop ever end?"
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_check_runs_beside_the_main_thread_too(capsys):
    thread = threading.Thread(target=double, args=[lambda inputs: 2 * inputs])
    thread.start()
    thread.join()
    assert capsys.readouterr().out == "double: right.\n"


def test_nothing_is_left_behind():
    def careless(inputs):
        np.seterr(all="raise")
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        sys.setrecursionlimit(4_000)
        warnings.simplefilter("ignore")
        warnings.warn("Look", stacklevel=1)
        return 2 * inputs

    before = np.geterr(), random.getstate(), np.random.get_state()[1].tolist(), sys.getrecursionlimit()  # noqa: NPY002
    filters = list(warnings.filters)
    double(careless)
    after = np.geterr(), random.getstate(), np.random.get_state()[1].tolist(), sys.getrecursionlimit()  # noqa: NPY002
    assert before == after
    assert filters == list(warnings.filters)


def test_a_fault_of_the_check_itself_is_a_message_too():
    @exercise
    def careless(answer: object) -> None:
        assert call(answer, 1, name="careless")[0] == 1

    @exercise
    def silent(answer: object) -> None:
        if answer != 1:
            raise AssertionError

    assert message(careless, lambda x: x).startswith("careless: the check cannot use your answer: TypeError:")
    assert message(silent, 2) == "silent: that is not right."


def test_a_notebook_shows_the_message_without_the_lines_of_the_check():
    assert WrongAnswer("shape: no.")._render_traceback_() == ["shape: no."]


def test_ctrl_c_stops_a_check():
    def interrupted(inputs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        double(interrupted)
