"""Running lessons and storing their outputs, on small made-up notebooks."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mnist_scratch import lessons
from mnist_scratch.__main__ import main


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A made-up checkout, without data but the offline sample."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", "")
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(tmp_path / "no-data"))
    return tmp_path


def write(root, name, *sources, headline=None):
    cells = [new_markdown_cell("# A lesson"), *(new_code_cell(source) for source in sources)]
    if headline is not None:
        cells[headline].metadata["tags"] = ["headline"]
    path = root / "notebooks" / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def printed(path):
    notebook = nbformat.read(path, as_version=4)
    return ["".join(o.get("text", "") for o in cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def test_lessons_come_in_reading_order_and_can_be_chosen(root):
    for name in ("10_last", "02_b", "01_a", "draft"):
        write(root, name)
    assert [path.stem for path in lessons.find_lessons((), root)] == ["01_a", "02_b", "10_last"]
    assert [path.stem for path in lessons.find_lessons(("10", "01_a"), root)] == ["01_a", "10_last"]
    with pytest.raises(lessons.LessonError, match=r"No lesson begins with '04'\. There are: 01_a, 02_b, 10_last"):
        lessons.find_lessons(("01", "04"), root)
    with pytest.raises(lessons.LessonError, match=r"Clone the repository, and there: pip install"):
        lessons.find_lessons((), root / "elsewhere")


def test_run_executes_every_lesson_and_tells_of_those_that_fail(root, capfd):
    facts = "import os, sys, pathlib; print(sys.prefix, pathlib.Path.cwd().name, os.environ['TQDM_DISABLE'])"
    write(root, "00_good", facts, "print('97 %\\nright')", "'on 1,000'", headline=2)
    bad = write(root, "01_bad", "print(1)", "x = 1\nx / 0", "print(3)")
    before = bad.read_bytes()
    write(root, "02_later", "from mnist_scratch.datasets import load_mnist\nload_mnist().source", headline=1)

    assert main(["run", "--sample"]) == 1

    out, err = capfd.readouterr()
    rows = [line.split(maxsplit=2) for line in out.splitlines() if line.startswith(("00_", "01_", "02_"))]
    assert [row[0] for row in rows] == ["00_good", "01_bad", "02_later"]
    assert rows[0][2] == "97 % right"
    assert rows[1][2] == "FAILED in cell [2] (x = 1): ZeroDivisionError: division by zero"
    assert rows[2][2].endswith("'sample'")
    assert "offline sample of MNIST, 4,000 training and 1,000 test images" in out.splitlines()[-1]
    assert all(f"{name}: " in err for name in ("00_good", "01_bad", "02_later"))  # a progress line each
    assert "Traceback" not in out + err
    assert "WARNING" not in out + err
    copies = root / "build" / "notebooks"
    assert printed(copies / "00_good.ipynb")[0].split() == [sys.prefix, "notebooks", "1"]
    assert printed(copies / "01_bad.ipynb") == ["1\n", "", ""]
    assert bad.read_bytes() == before


def test_run_with_one_lesson_runs_that_one(root, capfd):
    for name in ("00_a", "01_b"):
        write(root, name, f"print('{name}')", headline=1)
    assert main(["run", "--lesson", "01"]) == 0
    assert "00_a" not in capfd.readouterr().out
    assert [path.name for path in (root / "build" / "notebooks").iterdir()] == ["01_b.ipynb"]


def test_a_kernel_that_dies_is_an_error_of_its_lesson(root, capfd):
    write(root, "00_dies", "import os\nos._exit(1)")
    assert main(["run"]) == 1
    assert "FAILED in cell [1] (import os): DeadKernelError" in capfd.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that Windows does not have")
def test_ctrl_c_stops_the_run_and_its_kernel(root):
    tell = "import os, time\nprint(os.getpid())\nopen('pid', 'w').write(str(os.getpid()))"
    write(root, "00_long", tell, "time.sleep(60)")
    write(root, "01_next", "print(1)")
    command = (
        "import pathlib, sys; from mnist_scratch import lessons, __main__;"
        f"lessons.ROOT = pathlib.Path({str(root)!r}); sys.exit(__main__.main(['run']))"
    )
    process = subprocess.Popen([sys.executable, "-c", command], stderr=subprocess.PIPE, text=True)
    pid_file = root / "notebooks" / "pid"
    deadline = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert err.endswith("Stopped.\n")
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert printed(root / "build" / "notebooks" / "00_long.ipynb")[0].strip() == pid_file.read_text()
    assert not (root / "build" / "notebooks" / "01_next.ipynb").exists()


def test_stored_lessons_are_the_same_each_time(root):
    path = write(
        root,
        "00_a",
        "import sys\nfor i in range(3):\n    print(i, flush=True)",
        "from IPython.display import display\ndisplay('shown', metadata={'text/plain': {'alt': 'A word'}})\n1 + 1",
    )
    ids = [cell.id for cell in nbformat.read(path, as_version=4).cells]
    environment = lessons.kernel_environment("full", root)
    assert lessons.store(path, environment).error == ""
    first = path.read_bytes()
    assert lessons.store(path, environment).error == ""
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
    path = write(root, "00_a", recipe)
    assert lessons.store(path, lessons.kernel_environment("full", root)).error == ""
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
    path = write(root, "00_a", source)
    before = path.read_bytes()
    outcome = lessons.store(path, lessons.kernel_environment("full", root))
    assert outcome.error.startswith("in cell [1]")
    assert problem in outcome.error
    assert path.read_bytes() == before


def test_outputs_from_the_sample_are_not_stored(root, capsys):
    path = write(root, "00_a", "print(1)")
    before = path.read_bytes()
    assert main(["notebooks"]) == 1
    assert "Stored outputs come from the full data, and these cannot be had." in capsys.readouterr().err
    assert path.read_bytes() == before


def test_headline_takes_what_its_cell_shows():
    notebook = new_notebook(cells=[new_code_cell("1"), new_code_cell("'a'")])
    assert lessons.headline(notebook) == ""
    notebook.cells[1].metadata["tags"] = ["headline"]
    assert lessons.headline(notebook) == ""
    notebook.cells[1].outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="hidden"),
        nbformat.v4.new_output("stream", name="stdout", text="accuracy\n  97 %\n"),
        nbformat.v4.new_output("execute_result", {"text/plain": "'fine'"}, execution_count=1),
    ]
    assert lessons.headline(notebook) == "accuracy 97 % 'fine'"
