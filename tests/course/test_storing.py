"""Storing the outputs of lessons, on small made-up notebooks."""

import json

import nbformat
import pytest
from small_lessons import write_lesson

from mnist_scratch.__main__ import main
from mnist_scratch.course.running import kernel_environment
from mnist_scratch.course.storing import store_lesson


def test_stored_lessons_are_the_same_each_time(root):
    path = write_lesson(
        root,
        "00_a",
        "import sys\nfor i in range(3):\n    print(i, flush=True)",
        "from IPython.display import display\ndisplay('shown', metadata={'text/plain': {'alt': 'A word'}})\n1 + 1",
    )
    ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]
    environment = kernel_environment("full", root)
    assert store_lesson(path, environment).error == ""
    first = path.read_bytes()
    assert store_lesson(path, environment).error == ""
    assert path.read_bytes() == first

    notebook = json.loads(first)
    assert [cell["id"] for cell in notebook["cells"]] == ids
    assert [cell.get("execution_count") for cell in notebook["cells"]] == [None, 1, 2]
    assert notebook["cells"][1]["outputs"] == [
        {"name": "stdout", "output_type": "stream", "text": ["0\n", "1\n", "2\n"]}
    ]
    assert notebook["cells"][2]["outputs"][0]["metadata"] == {"text/plain": {"alt": "A word"}}
    assert not any("execution" in cell["metadata"] for cell in notebook["cells"])
    assert notebook["metadata"]["language_info"]["version"] == "3"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert first.endswith(b"}\n")
    assert [file.name for file in path.parent.iterdir()] == ["00_a.ipynb"]


def test_training_leaves_no_progress_bar_in_what_is_stored(root):
    recipe = """
import numpy as np
from mnist_scratch.network import Network
from mnist_scratch.training import train
history = train(Network.from_sizes([2, 2], seed=0), np.zeros((4, 2)), [0, 1, 0, 1])
print(len(history.epoch))"""
    path = write_lesson(root, "00_a", recipe)
    assert store_lesson(path, kernel_environment("full", root)).error == ""
    (output,) = nbformat.read(path, as_version=4).cells[1].outputs
    assert output.text == "1\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("1 / 0", "(1 / 0): ZeroDivisionError"),
        ("import warnings\nwarnings.warn('old')", "UserWarning: old"),
    ],
)
def test_a_lesson_that_fails_or_warns_is_not_stored(root, source, problem):
    path = write_lesson(root, "00_a", source)
    before = path.read_bytes()
    run = store_lesson(path, kernel_environment("full", root))
    assert run.error.startswith("in cell [1]")
    assert problem in run.error
    assert path.read_bytes() == before


def test_outputs_from_the_sample_are_not_stored(root, capsys):
    path = write_lesson(root, "00_a", "print(1)")
    before = path.read_bytes()
    assert main(["notebooks"]) == 1
    assert "Stored outputs come from the full data, and these cannot be had." in capsys.readouterr().err
    assert path.read_bytes() == before
