"""Running lessons, on small made-up notebooks."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from small_lessons import printed, write_lesson

from mnist_scratch.__main__ import main
from mnist_scratch.course.running import headline


def test_run_executes_every_lesson_and_tells_of_those_that_fail(root, capfd):
    facts = "import os, sys, pathlib; print(sys.prefix, pathlib.Path.cwd().name, os.environ['TQDM_DISABLE'])"
    write_lesson(root, "00_good", facts, "print('97 %\\nright')", "'on 1,000'", headline=2)
    bad = write_lesson(root, "01_bad", "print(1)", "x = 1\nx / 0", "print(3)")
    before = bad.read_bytes()
    write_lesson(root, "02_later", "from mnist_scratch.datasets import load_mnist\nload_mnist().source", headline=1)

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
        write_lesson(root, name, f"print('{name}')", headline=1)
    assert main(["run", "--lesson", "01"]) == 0
    assert "00_a" not in capfd.readouterr().out
    assert [path.name for path in (root / "build" / "notebooks").iterdir()] == ["01_b.ipynb"]


def test_a_kernel_that_dies_is_an_error_of_its_lesson(root, capfd):
    write_lesson(root, "00_dies", "import os\nos._exit(1)")
    assert main(["run"]) == 1
    assert "FAILED in cell [1] (import os): DeadKernelError" in capfd.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that Windows does not have")
def test_ctrl_c_stops_the_run_and_its_kernel(root):
    tell = "import os, time\nprint(os.getpid())\nopen('pid', 'w').write(str(os.getpid()))"
    write_lesson(root, "00_long", tell, "time.sleep(60)")
    write_lesson(root, "01_next", "print(1)")
    command = (
        "import pathlib, sys; from mnist_scratch import __main__; from mnist_scratch.course import checkout;"
        f"checkout.ROOT = pathlib.Path({str(root)!r}); sys.exit(__main__.main(['run']))"
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


def test_headline_takes_what_its_cell_shows():
    notebook = new_notebook(cells=[new_code_cell("1"), new_code_cell("'a'")])
    assert headline(notebook) == ""
    notebook.cells[1].metadata["tags"] = ["headline"]
    assert headline(notebook) == ""
    notebook.cells[1].outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="hidden"),
        nbformat.v4.new_output("stream", name="stdout", text="accuracy\n  97 %\n"),
        nbformat.v4.new_output("execute_result", {"text/plain": "'fine'"}, execution_count=1),
    ]
    assert headline(notebook) == "accuracy 97 % 'fine'"
