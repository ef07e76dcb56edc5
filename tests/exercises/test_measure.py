"""What the checks measure beside values, and the clock that stops while a check works for itself."""

import signal
import sys
import time
import tracemalloc

import numpy as np
import pytest

from mnist_scratch.exercises.answers import WrongAnswer, exercise
from mnist_scratch.exercises.measure import clock_stopped, peak_bytes, python_steps


def by_rows(rows):
    return [row.sum() for row in rows]


def by_map(rows):
    return list(map(lambda row: row.sum(), rows))  # noqa: C417


def by_vectorize(rows):
    return np.vectorize(lambda n: rows[n].sum())(np.arange(len(rows)))


def at_once(rows):
    return rows.sum(axis=1)


@pytest.mark.parametrize("loop", [by_rows, by_map, by_vectorize])
def test_the_steps_of_a_loop_grow_with_the_rows(loop):
    python_steps(loop, np.ones((2, 2)))
    assert python_steps(loop, np.ones((500, 2))) - python_steps(loop, np.ones((50, 2))) >= 450


def test_the_steps_without_a_loop_do_not():
    python_steps(at_once, np.ones((2, 2)))
    assert python_steps(at_once, np.ones((500, 2))) == python_steps(at_once, np.ones((50, 2)))


def test_a_tracer_is_put_back_even_when_the_answer_fails():
    before = sys.gettrace()
    with pytest.raises(ZeroDivisionError):
        python_steps(lambda: 1 / 0)
    assert sys.gettrace() is before


def test_the_peak_counts_what_is_given_back_before_the_end():
    def holds_a_megabyte(n):
        return np.ones(n, dtype=np.uint8).sum()

    assert 1_000_000 <= peak_bytes(holds_a_megabyte, 1_000_000) < 1_100_000
    assert peak_bytes(lambda: None) < 10_000
    assert not tracemalloc.is_tracing()


def test_the_peak_leaves_a_measurement_running_that_was_running():
    tracemalloc.start()
    try:
        peak_bytes(lambda: None)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarm clock on this system")
def test_the_clock_stands_while_the_check_works_and_goes_on_afterwards(monkeypatch, capsys):
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "0.3")

    @exercise
    def slow_check(answer):
        with clock_stopped():
            time.sleep(0.5)
        answer()

    slow_check(lambda: 1)
    assert capsys.readouterr().out == "slow_check: right.\n"
    with pytest.raises(WrongAnswer, match=r"stopped after 0\.3 s"):
        slow_check(lambda: time.sleep(2))
