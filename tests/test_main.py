"""The commands: what they do, and what they say where they cannot."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_scratch.__main__ import main
from mnist_scratch.course import outputs
from mnist_scratch.network import Network


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """No data in reach but the offline sample."""
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", "")
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(tmp_path / "no-data"))


@pytest.fixture
def no_work(monkeypatch):
    """Fail as soon as data are loaded: whatever is wrong must be said before."""

    def load(*args):
        pytest.fail("work was begun")

    monkeypatch.setattr("mnist_scratch.__main__.load_mnist", load)
    monkeypatch.setattr("mnist_scratch.course.commands.load_mnist", load)


def test_train_saves_what_evaluate_measures(no_data, tmp_path, capsys):
    weights = str(tmp_path / "weights.npz")
    recipe = ["--hidden", "16", "--epochs", "5", "--batch-size", "16", "--learning-rate", "1", "--seed", "3"]
    assert main(["train", *recipe, "--out", weights]) == 0
    assert re.search(r"Validation accuracy [89]\d\.\d\d%, on 333 training images held back", capsys.readouterr().out)
    assert main(["evaluate", weights]) == 0
    out = capsys.readouterr().out
    rows = re.findall(r"(?m)^ +(\d) +(\d+) +(\d+) +([\d.]+)%", out)
    assert [(digit, images) for digit, images, _, _ in rows] == [(str(digit), "100") for digit in range(10)]
    wrong = sum(int(row[2]) for row in rows)
    assert f"Test accuracy {1 - wrong / 1000:.2%}" in out
    assert 0 < wrong < 250
    assert "offline sample" in out


def test_a_network_of_float64_is_measured_like_its_copy_in_float32(no_data, tmp_path, capsys):
    printed = []
    for dtype in (np.float32, np.float64):
        network = Network.from_sizes([784, 16, 10], seed=0, dtype=dtype)
        network.save(tmp_path / "weights.npz")
        assert main(["evaluate", str(tmp_path / "weights.npz")]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def one_line(capsys) -> str:
    """What was said on stderr: one line, and no traceback."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--epochs", "0"], "--epochs must be a whole number from 1 to 1,000,000; it is 0 (train)."),
        (["train", "--epochs", "1.5"], "--epochs must be a whole number from 1 to 1,000,000; it is '1.5' (train)."),
        (["train", "--hidden", "0"], "--hidden must be a whole number from 1 to 100,000; it is 0"),
        (["train", "--hidden", "1000000000"], "--hidden must be a whole number from 1 to 100,000; it is 1000000000"),
        (["train", "--batch-size", "0"], "--batch-size must be a whole number from 1 to 1,000,000; it is 0"),
        (["train", "--batch-size", "-32"], "--batch-size must be a whole number from 1 to 1,000,000; it is -32"),
        (["train", "--seed", "-1"], "--seed must be a whole number from 0 to 4,294,967,295; it is -1"),
        (["train", "--seed", "one"], "--seed must be a whole number from 0 to 4,294,967,295; it is 'one'"),
        (["train", "--learning-rate", "nan"], "--learning-rate must be a finite number, above 0; it is nan (train)."),
        (["train", "--learning-rate=-inf"], "--learning-rate must be a finite number, above 0; it is -inf"),
        (["train", "--learning-rate", "0"], "--learning-rate must be a finite number, above 0; it is 0.0"),
        (["train", "--learning-rate", "-1"], "--learning-rate must be a finite number, above 0; it is -1.0"),
        (["train", "--learning-rate", "fast"], "--learning-rate must be a finite number, above 0; it is 'fast'"),
        (["run", "--lesson", ""], "--lesson must name a lesson, such as 03; it is empty."),
        (["run", "--lesson", "99"], "run: No lesson begins with '99'. There are: 00_start_here, 01_"),
        (["notebooks", "--lesson", "lesson"], "notebooks: No lesson begins with 'lesson'. There are: 00_"),
        (["notebooks", "--exercises", "--lesson", "00"], "No exercise begins with '00'. There are: 01_"),
        (["study", "paper", "--seeds", "0"], "--seeds must be a whole number from 1 to 10,000; it is 0 (study)."),
        (["study", "paper", "--seeds", "many"], "--seeds must be a whole number from 1 to 10,000; it is 'many'"),
        (["study", "paper", "--workers", "-1"], "--workers must be a whole number from 1 to 1,024; it is -1 (study)."),
        (
            ["reproduce", "--workers", "9999999"],
            "--workers must be a whole number from 1 to 1,024; it is 9999999 (repr",
        ),
        (["study", "paper", "--dask", ""], "--dask must name the address of a Dask scheduler, such as tcp://10.0.0.5"),
        (["study", ""], "there is no study ''; there are paper, "),
        (["grade", ".", "--timeout", "0"], "--timeout must be a whole number from 1 to 86,400; it is 0 (grade)."),
        (["grade", ".", "--timeout", "-1"], "--timeout must be a whole number from 1 to 86,400; it is -1"),
        (["grade", ""], "folder must name a folder; it is empty."),
        (["grade", "file.npz"], "folder must name a folder; file.npz is a file."),
        (["student", "--out", ""], "--out must name a folder; it is empty."),
        (["student", "--out", "file.npz"], "--out must name a folder; file.npz is a file."),
        (["student", "--out", "n" * 300], "n" * 300),
        (["student", "--source", "nowhere"], "student: No solved notebooks in nowhere."),
        (
            ["evaluate", ""],
            "weights must name a file that train wrote; it is empty. Leave it out for the best network.",
        ),
        (["evaluate", "folder"], "weights must name a file that train wrote; folder is a folder."),
        (
            ["evaluate", "nowhere.npz"],
            "nowhere.npz is not there. To make it: python -m mnist_scratch train --out nowhere",
        ),
        (["evaluate", "file.npz"], "file.npz is not a network saved by Network.save"),
        (["evaluate", "five.npz"], "five.npz holds a network of 784 inputs and 5 outputs; digits need 784 and 10."),
        (["evaluate", "small.npz"], "small.npz holds a network of 196 inputs and 10 outputs; digits need 784 and 10."),
        (["train", "--out", ""], "--out must name a file; it is empty. Write for instance --out weights.npz."),
        (["train", "--out", "folder"], f"folder is a folder. Write --out {Path('folder', 'weights.npz')}."),
        (["train", "--out", "new/"], "--out must name a file; new/ is a folder. Write --out "),
        (["train", "--out", "nowhere/weights.npz"], "the folder nowhere is not there. Make it, or name another."),
        (["train", "--out", "file.npz/weights.npz"], "the folder file.npz is not there."),
        (["train", "--out", "n" * 300], "cannot be written: "),
        (["train", "--out", "null\0byte"], "cannot be written: embedded null byte. Name another"),
    ],
)
def test_what_cannot_be_is_said_in_a_line_before_any_work(no_work, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.npz").write_bytes(b"")
    Network.from_sizes([784, 4, 5], seed=0).save("five.npz")
    Network.from_sizes([196, 4, 10], seed=0).save("small.npz")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert main(arguments) == 1
    assert message in one_line(capsys)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["folder"]


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices with names on this system")
def test_weights_do_not_take_a_devices_place(no_work, capsys):
    assert main(["train", "--out", "/dev/null"]) == 1
    assert "--out must name a file; /dev/null is a device or a pipe." in one_line(capsys)
    assert not Path("/dev/null").is_file()


def test_a_place_that_cannot_be_written_is_said_before_the_work(no_work, tmp_path, monkeypatch, capsys):
    def refuse(path):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(outputs, "whole_file", refuse)
    assert main(["train", "--out", str(tmp_path / "weights.npz")]) == 1
    assert "weights.npz cannot be written: Read-only file system. Name another file or folder." in one_line(capsys)
    assert list(tmp_path.iterdir()) == []


def test_looking_at_a_file_leaves_it_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.npz").write_bytes(b"old")
    with contextlib.suppress(OSError):  # Windows lets only administrators make links
        (tmp_path / "link.npz").symlink_to("nothing")
    before = sorted(tmp_path.iterdir())
    for name in ("old.npz", "new.npz", "link.npz", "ä" * 40):
        assert outputs.check_output(name, "--out") == Path(name)
    assert (tmp_path / "old.npz").read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == before


TINY = ["--hidden", "2", "--epochs", "1", "--batch-size", "512"]


def test_a_finished_training_is_saved_beside_where_it_should_be(no_data, tmp_path, monkeypatch, capsys):
    """The place is taken away while the training runs: a folder has got the name."""
    from mnist_scratch import training

    wanted = tmp_path / "weights.npz"
    train = training.train

    def train_while_others_work(*args, **kwargs):
        history = train(*args, **kwargs)
        wanted.mkdir()
        return history

    monkeypatch.setattr(training, "train", train_while_others_work)
    assert main(["train", *TINY, "--out", str(wanted)]) == 1
    out, err = capsys.readouterr()
    (rescued,) = tmp_path.glob("weights-*.npz")
    assert f"Saved {rescued}. Next: python -m mnist_scratch evaluate {rescued}" in out
    assert f"mnist_scratch train: {wanted} could not be written: " in err
    assert Network.load(rescued).layers[0].n_out == 2


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_what_took_long_is_saved_wherever_it_can_be(tmp_path, monkeypatch, lost):
    folders = [tmp_path / name for name in ("wanted", "current", "temporary", "home")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[1])
    monkeypatch.setattr(outputs.tempfile, "gettempdir", lambda: str(folders[2]))
    monkeypatch.setattr(Path, "home", lambda: folders[3])

    def save(path):
        if path.parent in folders[:lost]:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"weights")

    place, problem = outputs.save_or_rescue(save, folders[0] / "weights.npz")
    assert place.parent == folders[lost]
    assert place.read_bytes() == b"weights"
    assert re.fullmatch(r"weights-[0-9a-f]{8}\.npz", place.name)
    assert problem.strerror == "No space left on device"


def test_what_can_be_saved_nowhere_names_the_places(tmp_path):
    def save(path):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device\. These places were tried: ") as caught:
        outputs.save_or_rescue(save, tmp_path / "weights.npz")
    assert str(tmp_path / "weights.npz") in str(caught.value)
    assert str(tmp_path / "weights-") in str(caught.value)


def test_an_error_is_a_message_and_no_traceback(no_data, tmp_path, capsys):
    assert main(["fetch"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("mnist_scratch fetch: ")
    assert "Traceback" not in err


def test_too_little_memory_is_a_message(no_data, tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(Network, "from_sizes", fail)
    assert main(["train", "--out", str(tmp_path / "weights.npz")]) == 1
    assert "mnist_scratch train: there is not enough memory. Unable to allocate 9 TiB" in capsys.readouterr().err


def test_a_traceback_is_shown_when_asked_for(tmp_path):
    (tmp_path / "foreign.npz").write_bytes(os.urandom(100))
    with pytest.raises(ValueError, match="not a network saved by"):
        main(["--traceback", "evaluate", str(tmp_path / "foreign.npz")])


def test_the_command_line_names_its_commands():
    done = subprocess.run([sys.executable, "-m", "mnist_scratch", "--help"], capture_output=True, text=True, check=True)
    for command in (
        "fetch",
        "run",
        "train",
        "evaluate",
        "study",
        "reproduce",
        "notebooks",
        "guide",
        "verdicts",
        "address",
        "student",
        "grade",
    ):
        assert re.search(rf"(?m)^ +{command} ", done.stdout)
