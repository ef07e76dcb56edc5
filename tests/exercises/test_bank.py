"""Every check of the exercises against its bank of right and wrong answers, and against whatever else may come."""

import importlib
import inspect
import random
import re
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest

from mnist_scratch.course.banks import find_banks, load_banks
from mnist_scratch.course.checkout import ROOT
from mnist_scratch.exercises import check
from mnist_scratch.exercises.answers import WrongAnswer

NOTEBOOKS = ROOT / "notebooks" / "exercises"
BANKS = {lesson: load_banks(lesson) for lesson in find_banks()}
CHECKS = {name: bank for banks in BANKS.values() for name, bank in banks.items()}
RIGHT = [(name, place) for name, bank in CHECKS.items() for place in range(len(bank.right))]
WRONG = [(name, place) for name, bank in CHECKS.items() for place in range(len(bank.wrong))]

SECONDS = 2.0


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine may take longer on the clock; what counts below is the time that the processor worked."""
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "20")


def parameters(name: str) -> int:
    return len(inspect.signature(getattr(check, name)).parameters)


def run(name: str, answer: object) -> None:
    """Hand one answer to its check, which has two seconds of the processor, and must leave nothing behind."""
    before = np.geterr(), random.getstate(), np.random.get_state()[1].tolist(), sys.getrecursionlimit()  # noqa: NPY002
    started = time.thread_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            getattr(check, name)(*(answer if parameters(name) > 1 else (answer,)))
    finally:
        assert time.thread_time() - started < SECONDS
        after = np.geterr(), random.getstate(), np.random.get_state()[1].tolist(), sys.getrecursionlimit()  # noqa: NPY002
        assert before == after


@pytest.mark.parametrize(("name", "place"), RIGHT, ids=[f"{name}-{place}" for name, place in RIGHT])
def test_a_right_answer_is_accepted(name, place, capsys):
    run(name, CHECKS[name].right[place])
    assert capsys.readouterr().out.endswith(f"{name}: right.\n")


@pytest.mark.parametrize(("name", "place"), WRONG, ids=[f"{name}-{place}" for name, place in WRONG])
def test_a_typical_mistake_gets_the_hint_that_names_it(name, place):
    answer, hint = CHECKS[name].wrong[place]
    with pytest.raises(WrongAnswer) as caught:
        run(name, answer)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    _, found, said = message.partition("Hint: ")
    assert found, f"no hint in: {message}"
    assert re.search(hint, said), f"no {hint!r} in the hint of: {message}"


@pytest.mark.parametrize("name", CHECKS)
def test_the_bank_is_large_enough(name):
    assert len(CHECKS[name].right) >= 2
    assert len(CHECKS[name].wrong) >= 4
    assert len({id(answer) for answer in CHECKS[name].right}) == len(CHECKS[name].right) or not callable(
        CHECKS[name].right[0]
    )


# Whatever else may be handed in


def forever(*args, **kwargs):
    return forever(*args, **kwargs)


def leaves(*args, **kwargs):
    sys.exit(0)


def fails(*args, **kwargs):
    return 1 / 0


def spoils(*args, **kwargs):
    for value in (*args, *kwargs.values()):
        if isinstance(value, np.ndarray) and value.size:
            value[...] = 1 if value.flat[0] == 0 else 0
    np.seterr(all="raise")
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    sys.setrecursionlimit(2_000)
    warnings.simplefilter("error")
    warnings.warn("Look at me", UserWarning, stacklevel=1)
    return -12345.5


def yields(*args, **kwargs):
    yield 1


def undefined(*args, **kwargs):
    return args[0] * np.nan


def stub(inputs):
    """Say what it would do."""


class Empty:
    pass


class Hostile:
    def __init__(self, *args, **kwargs):
        pass

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("==")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("repr")

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("array")


HORRORS = {
    "None": None,
    "dots": ...,
    "number": -12345.5,
    "nan": float("nan"),
    "complex": 1j,
    "text": "text",
    "empty-text": "",
    "tuple": (1, "two", None),
    "empty-tuple": (),
    "dots-in-tuple": (..., ...),
    "dictionary": {"a": 1},
    "set": {1},
    "array-of-nan": np.full((3, 4), np.nan),
    "array-of-objects": np.array([None, "a", 1j], dtype=object),
    "empty-array": np.empty((0, 3)),
    "generator": (value for value in range(3)),
    "class": Empty,
    "hostile-class": Hostile,
    "hostile": Hostile(),
    "module": np,
    "stub": stub,
    "returns-nothing": lambda *args, **kwargs: print(end=""),
    "returns-dots": lambda *args, **kwargs: [...][0],
    "returns-number": lambda *args, **kwargs: -12345.5,
    "returns-nan": lambda *args, **kwargs: float("nan"),
    "returns-text": lambda *args, **kwargs: "text",
    "returns-complex": lambda *args, **kwargs: np.full((2, 3), 1j),
    "returns-array-of-nan": lambda *args, **kwargs: np.full((3, 4), np.nan),
    "returns-array-of-objects": lambda *args, **kwargs: np.array([None, "a"], dtype=object),
    "returns-empty-array": lambda *args, **kwargs: np.empty((0, 3)),
    "returns-tuple": lambda *args, **kwargs: (np.zeros((3, 2)), None),
    "returns-ragged-list": lambda *args, **kwargs: [[1, 2], [3]],
    "returns-itself": lambda *args, **kwargs: forever,
    "returns-class": lambda *args, **kwargs: Empty,
    "returns-hostile": lambda *args, **kwargs: Hostile(),
    "undefined": undefined,
    "yields": yields,
    "no-parameters": lambda: 1,
    "one-over-zero": fails,
    "recursion": forever,
    "exit": leaves,
    "in-place": spoils,
}


@pytest.mark.parametrize("horror", HORRORS)
@pytest.mark.parametrize("name", CHECKS)
def test_a_horror_gets_a_message_and_no_other_error(name, horror):
    answer = HORRORS[horror]
    with pytest.raises(WrongAnswer) as caught:
        run(name, (answer,) * parameters(name) if parameters(name) > 1 else answer)
    assert re.match(rf"{name}: \S", str(caught.value))


TAKES_A_FUNCTION = {name: callable(bank.right[0]) for name, bank in CHECKS.items()}
"""Whether a check runs what is handed in; the others look at what was written down."""


def endless() -> Callable[..., None]:
    """Return an answer that never ends, and does not let itself be stopped at the first attempt."""
    attempts = []

    def answer(*args, **kwargs):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                attempts.append(1)
                if len(attempts) > 1:
                    raise

    return answer


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarm clock on this system")
@pytest.mark.parametrize("name", [name for name, runs_it in TAKES_A_FUNCTION.items() if runs_it])
def test_an_endless_loop_is_stopped(name, monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "0.1")
    with pytest.raises(WrongAnswer) as caught:
        run(name, endless())
    assert str(caught.value) == f"{name}: your answer was stopped after 0.1 s. Hint: does a loop ever end?"


@pytest.mark.parametrize("name", [name for name, runs_it in TAKES_A_FUNCTION.items() if not runs_it])
def test_a_function_in_place_of_what_should_be_written_down_is_not_run(name):
    with pytest.raises(WrongAnswer, match=rf"{name}: .*(is a function[;.]|got function\.)"):
        run(name, (endless(),) * parameters(name) if parameters(name) > 1 else endless())


# The notebooks


def called_checks(path: Path) -> set[str]:
    notebook = nbformat.read(path, as_version=4)
    return {
        name
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade")
        for name in re.findall(r"\bcheck\.(\w+)\(", cell.source)
    }


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_has_the_checks_of_the_bank(path):
    number = path.stem[:2]
    checks = set(load_banks(number))
    assert called_checks(path) == checks, f"the notebook's graded cells and bank_{number}.py must have the same checks"
    exported = set(importlib.import_module(f"mnist_scratch.exercises.lesson_{number}").__all__)
    assert exported == checks, f"__all__ of lesson_{number}.py and bank_{number}.py must have the same checks"


def test_no_two_lessons_have_a_check_of_the_same_name():
    assert sum(map(len, BANKS.values())) == len(CHECKS)
