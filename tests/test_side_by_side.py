"""The tests' own set-up: it is the same side by side, in several processes, as one after the other."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from http_mirror import Mirror
from nbformat.v4 import new_code_cell, new_notebook, new_output

from mnist_scratch.course.checkout import ROOT
from mnist_scratch.datasets import DataNotFoundError, load_mnist

ASKS = """
import os
from pathlib import Path

def test_what_this_process_got(mnist):
    threads = [os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")]
    Path(__file__).with_suffix(".txt").write_text(f"{threads} {mnist.source}")

def test_that_needs_all(full_mnist):
    pass
"""


def lesson(folder, name, *tags):
    """A lesson whose one cell would not print what is stored; and one that is right."""
    cell = new_code_cell("print(1)", outputs=[new_output("stream", name="stdout", text="2\n")], execution_count=2)
    cell.metadata["tags"] = ["nbval-check-output", *tags]
    environment = new_code_cell("import os\nprint(os.environ.get('OPENBLAS_NUM_THREADS'))", execution_count=1)
    nbformat.write(new_notebook(cells=[environment, cell]), folder / name)


@pytest.fixture
def suite(tmp_path):
    """A small suite of two test files and three lessons, with this project's conftest.py and options."""
    shutil.copy(ROOT / "conftest.py", tmp_path)
    options = re.search(r'(?m)^addopts = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {options}\n")
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(ASKS)
    lesson(tmp_path, "00_a.ipynb", "full-data")
    lesson(tmp_path, "01_b.ipynb", "full-data")
    lesson(tmp_path, "02_c.ipynb")
    return tmp_path


FILES = {f"{part}-{kind}": b"" for part in ("train", "t10k") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")}


@pytest.fixture
def asked_once(tmp_path, monkeypatch):
    """How many requests a mirror without files gets from a single search."""
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(tmp_path / "no-data"))
    with Mirror(FILES, {"*": "404"}) as mirror:
        monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", mirror.url)
        with pytest.raises(DataNotFoundError):
            load_mnist("full")
    return len(mirror.asked)


@pytest.mark.parametrize("options", [[], ["-n", "2", "--dist", "loadfile"]], ids=["one process", "two processes"])
def test_without_the_full_data_all_processes_know_and_it_is_said_once(suite, options, asked_once):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    for name in ("MNIST_SCRATCH_DATA", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    with Mirror(FILES, {"*": "404"}) as mirror:
        environment |= {"MNIST_SCRATCH_MIRRORS": mirror.url, "MNIST_SCRATCH_CACHE": str(suite / "no-data")}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, timeout=300)
    assert len(mirror.asked) == asked_once > 0
    assert "1 failed, 7 passed, 2 skipped" in done.stdout, done.stdout
    assert "FAILED 02_c.ipynb::Cell 1" in done.stdout
    assert done.stdout.count("2 cells of the lessons were run, but not compared with their stored outputs: the ") == 1
    assert ("2 workers" in done.stdout) == bool(options)
    threads = "1" if options else None
    for name in ("test_one.txt", "test_two.txt"):
        assert (suite / name).read_text() == f"{[threads, threads]} sample"
