"""MNIST's four files in a folder: as they are published, as people have them, and what nearly is one of them."""

import errno
import gzip
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from idx_files import encode, hashes, made_up

from mnist_scratch import data_folder
from mnist_scratch.data_folder import read_folder
from mnist_scratch.idx import DataError

FILES = made_up()
SHA256 = hashes(FILES)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES = list(FILES)


def put(path, data):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError:
        if not path.name.isprintable():
            pytest.skip("this system takes no such names")
        raise


def lay(folder, place=str, zipped=False):
    """Write the four files; ``place`` makes a path in the folder out of a published name."""
    for name, data in FILES.items():
        put(folder / place(name), gzip.compress(data) if zipped else data)


def lay_but(folder, missing=TRAIN_IMAGES):
    lay(folder)
    (folder / missing).unlink()


def assert_all(found):
    assert found.problems == {}
    assert {name: encode(array) for name, array in found.arrays.items()} == FILES


def problem(folder, name=TRAIN_IMAGES):
    """What is said of a file that is missing, where the other three are there."""
    found = read_folder(folder, SHA256)
    assert list(found.problems) == [name]
    assert {each: encode(array) for each, array in found.arrays.items()} == {
        each: data for each, data in FILES.items() if each != name
    }
    return found.problems[name]


@pytest.fixture
def opened(monkeypatch):
    """The names of the files whose first bytes are looked at."""
    names = []
    path_open = Path.open

    def watch(path, mode="r", *args, **kwargs):
        if "r" in mode:
            names.append(path.name)
        return path_open(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", watch)
    return names


@pytest.fixture
def read(monkeypatch):
    """The names of the files that are read."""
    names = []
    real = data_folder._read_any

    def watch(path, *args):
        names.append(path.name)
        return real(path, *args)

    monkeypatch.setattr(data_folder, "_read_any", watch)
    return names


def dotted(name):
    return name.replace("-idx", ".idx")


AS_PEOPLE_HAVE_THEM = {
    "published": str,
    "Kaggle": dotted,
    "Kaggle, each in a folder of its name": lambda name: f"{dotted(name)}/{dotted(name)}",
    "each in a folder of the published name": lambda name: f"{name}/{name}",
    "an archive's folder, and Kaggle's": lambda name: f"archive (2)/{dotted(name)}/{dotted(name)}",
    "torchvision": lambda name: f"MNIST/raw/{name}",
    "torchvision, in a folder of data": lambda name: f"data/MNIST/raw/{name}",
    "capitals": str.upper,
    "copies": lambda name: f"{name} (1)",
    "a text, as a mail program has it": lambda name: f"{name}.txt",
    "a download's leftover": lambda name: f"{name}.part",
    "Safari's folder": lambda name: f"{name}.gz.download/{name}",
    "any name": lambda name: f"{SHA256[name][:8]}.bin",
    "umlauts and a line end": lambda name: f"Zürich ☃/e\u0301\n{NAMES.index(name)}",
    "hidden": lambda name: f".cache/.{name}",
    "four levels down": lambda name: f"a/b/c/d/{name}",
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", AS_PEOPLE_HAVE_THEM.values(), ids=AS_PEOPLE_HAVE_THEM.keys())
def test_what_the_hash_proves_right_is_found(place, zipped, tmp_path):
    lay(tmp_path, lambda name: place(name) + (".gz" if zipped else ""), zipped)
    assert_all(read_folder(tmp_path, SHA256))


@pytest.mark.parametrize("suffix", [" (1).gz", ".gz.download", ".gz.crdownload", ".GZ", "", ".gz.gz"])
def test_gzipped_files_are_found_under_any_ending(suffix, tmp_path):
    lay(tmp_path, lambda name: name + suffix, zipped=True)
    assert_all(read_folder(tmp_path, SHA256))


def test_files_that_were_gzipped_twice_are_found(tmp_path):
    for name, data in FILES.items():
        put(tmp_path / (f"{name}.gz" if "images" in name else f"x/{name}.gz.gz"), gzip.compress(gzip.compress(data)))
    assert_all(read_folder(tmp_path, SHA256))


def test_files_under_one_anothers_names_are_put_right(tmp_path):
    turned = dict(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))
    lay(tmp_path, turned.__getitem__)
    assert_all(read_folder(tmp_path, SHA256))


def test_a_good_file_deeper_down_stands_in_for_a_bad_one(tmp_path):
    lay(tmp_path)
    (tmp_path / TEST_LABELS).write_bytes(b"rubbish")
    put(tmp_path / "again" / TEST_LABELS, FILES[TEST_LABELS])
    assert_all(read_folder(tmp_path, SHA256))


def test_the_four_published_names_are_read_without_a_search(tmp_path, monkeypatch):
    lay(tmp_path)
    (tmp_path / "much.zip").touch()
    monkeypatch.setattr(os, "scandir", None)
    found = read_folder(tmp_path, SHA256)
    assert_all(found)
    assert found.remarks == []


def test_the_plain_file_is_read_for_choice_and_then_no_other(tmp_path, read):
    lay(tmp_path)
    lay(tmp_path, lambda name: f"{name}.gz", zipped=True)
    lay(tmp_path / "again")
    assert_all(read_folder(tmp_path, SHA256))
    assert sorted(read) == sorted(NAMES)


def test_nothing_is_read_any_more_when_all_are_found(tmp_path, read):
    lay(tmp_path / "a")
    lay(tmp_path / "b")
    assert_all(read_folder(tmp_path, SHA256))
    assert sorted(read) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_verified_against_one_name(name):
    for data in (FILES[name], gzip.compress(FILES[name])):
        assert data_folder.verified(data, name, SHA256) == FILES[name]
        for other in set(NAMES) - {name}:
            with pytest.raises(DataError, match=f"not the published {other}: its SHA-256 differs"):
                data_folder.verified(data, other, SHA256)


def test_a_folder_that_is_not_there_has_nothing(tmp_path):
    found = read_folder(tmp_path / "nothing-here", SHA256)
    assert found.arrays == {}
    assert found.problems == {name: f"{name} is missing, with and without .gz" for name in NAMES}
    assert found.remarks == []


# The near misses

OTHER_PIXELS = FILES[TRAIN_IMAGES][:-1] + bytes([FILES[TRAIN_IMAGES][-1] ^ 1])
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:440fcabf\nsize 9912422\n"

NEAR_MISSES = {
    "iCloud": (f".{TRAIN_IMAGES}.gz.icloud", b"bplist00", "in iCloud and not on this computer yet. In Finder, click"),
    "LFS": (TRAIN_IMAGES, LFS, "Git LFS pointer.*run git lfs pull"),
    "LFS, dotted": (dotted(TRAIN_IMAGES), LFS, "Git LFS pointer.*run git lfs pull"),
    "web page": (f"{TRAIN_IMAGES}.gz", b"<!DOCTYPE html>", "web page"),
    "web page, (1)": (f"{TRAIN_IMAGES} (1).gz", b"<!DOCTYPE html>", r"\(1\)\.gz: not an IDX file.*web page"),
    "Fashion-MNIST": (TRAIN_IMAGES, OTHER_PIXELS, "SHA-256 differs. Fashion-MNIST, KMNIST and EMNIST"),
    "EMNIST": ("x/emnist-mnist-train-images-idx3-ubyte.gz", gzip.compress(OTHER_PIXELS), "x.emnist-.*SHA-256 differs"),
    "half": (f"{TRAIN_IMAGES}.gz.part", gzip.compress(FILES[TRAIN_IMAGES])[:99], "download that did not end; download"),
    "half, Chrome": (f"{TRAIN_IMAGES}.gz.crdownload", b"\x1f\x8b", "did not end"),
    "half, unzipped": (f"{TRAIN_IMAGES}.tmp", FILES[TRAIN_IMAGES][:99], "did not end.*truncated"),
    "empty": (TRAIN_IMAGES, b"", "It is empty"),
    "zip": (f"{TRAIN_IMAGES}.gz", b"PK\x03\x04", "zip archive"),
    "NumPy": ("train_images.npy", b"\x93NUMPY", r"train_images\.npy: .*use np\.load"),
    "capitals": ("TRAIN-IMAGES", b"rubbish", "TRAIN-IMAGES: not an IDX file"),
    "odd name": ("\n-train-images-\u200b", b"rubbish", r"; \?-train-images-\?: not an IDX file"),
    "another of the four": (TRAIN_IMAGES, FILES[TEST_LABELS], "is missing, with and without .gz; .*: it holds t10k-la"),
}


@pytest.mark.parametrize(("name", "data", "message"), NEAR_MISSES.values(), ids=NEAR_MISSES.keys())
def test_a_near_miss_is_named(name, data, message, tmp_path):
    lay_but(tmp_path)
    put(tmp_path / name, data)
    assert_says(problem(tmp_path), message)


def assert_says(text, message):
    with pytest.raises(DataError, match=message):
        raise DataError(text)
    assert "\n" not in text


def test_of_safaris_folder_the_file_in_it_is_named(tmp_path):
    lay_but(tmp_path)
    put(tmp_path / f"{TRAIN_IMAGES}.gz.download" / f"{TRAIN_IMAGES}.gz", b"\x1f\x8b")
    text = problem(tmp_path)
    assert "truncated or damaged gzip" in text
    assert "a folder" not in text


def test_three_near_misses_are_enough(tmp_path):
    lay_but(tmp_path)
    for k in range(5):
        put(tmp_path / f"train-images ({k})", b"rubbish")
    assert problem(tmp_path).count("rubb") == 3


def test_a_near_miss_is_named_for_its_own_file_alone(tmp_path):
    put(tmp_path / ".t10k-labels-idx1-ubyte.gz.icloud", b"")
    put(tmp_path / "emnist-letters-test-images-idx3-ubyte", b"rubbish")
    found = read_folder(tmp_path, SHA256)
    said = [name for name, text in found.problems.items() if text != f"{name} is missing, with and without .gz"]
    assert said == [TEST_IMAGES, TEST_LABELS]


def test_a_file_that_is_too_large_is_not_read(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(data_folder, "LARGEST", 30_000)
    lay_but(tmp_path)
    put(tmp_path / TRAIN_IMAGES, bytes(30_001))
    put(tmp_path / "other.gz", bytes(30_001))
    assert "30,001 bytes, more than any of MNIST's files" in problem(tmp_path)
    assert not {TRAIN_IMAGES, "other.gz"} & set(opened)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(data_folder, "LARGEST", 10**6)
    lay_but(tmp_path)
    put(tmp_path / f"{TRAIN_IMAGES}.gz", gzip.compress(bytes(10**7)))
    assert "unpacks to more than 1,000,000 bytes" in problem(tmp_path)


def test_a_folder_in_the_place_of_a_file(tmp_path):
    lay_but(tmp_path)
    (tmp_path / TRAIN_IMAGES).mkdir()
    assert f"{TRAIN_IMAGES}: a folder, and the file is not in it" in problem(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    lay_but(tmp_path)
    os.mkfifo(tmp_path / TRAIN_IMAGES)
    os.mkfifo(tmp_path / "other.gz")
    assert f"{TRAIN_IMAGES}: neither a file nor a folder" in problem(tmp_path)


def link(path, target, is_folder=False):
    try:
        path.symlink_to(target, is_folder)
    except OSError:
        pytest.skip("links cannot be made here")


def test_links_are_followed_and_circles_are_not(tmp_path):
    lay(tmp_path / "elsewhere")
    folder = tmp_path / "folder"
    folder.mkdir()
    link(folder / "there", tmp_path / "elsewhere", True)
    link(folder / "back", folder, True)
    link(folder / "self", folder / "self")
    assert_all(read_folder(folder, SHA256))
    shutil.rmtree(tmp_path / "elsewhere")
    found = read_folder(folder, SHA256)
    assert len(found.problems) == 4
    assert found.remarks == []  # it did not go round until it was too deep


def test_a_link_that_leads_nowhere_or_in_a_circle_is_said(tmp_path):
    lay_but(tmp_path)
    link(tmp_path / f"{TRAIN_IMAGES}.gz", tmp_path / "gone")
    assert "a link to a file that is not there" in problem(tmp_path)
    (tmp_path / f"{TRAIN_IMAGES}.gz").unlink()
    link(tmp_path / TRAIN_IMAGES, tmp_path / TRAIN_IMAGES)
    assert os.strerror(errno.ELOOP) in problem(tmp_path)
    (tmp_path / TRAIN_IMAGES).unlink()
    link(tmp_path / dotted(TRAIN_IMAGES), tmp_path / dotted(TRAIN_IMAGES))
    assert f"{dotted(TRAIN_IMAGES)}: {os.strerror(errno.ELOOP)}" in problem(tmp_path)


def test_a_name_that_is_no_text(tmp_path):
    lay_but(tmp_path)
    try:
        (tmp_path / os.fsdecode(b"train-images-\xff")).write_bytes(b"rubbish")
    except (OSError, UnicodeError):
        pytest.skip("this system takes no such names")
    text = problem(tmp_path)
    assert "train-images-?: not an IDX file" in text
    text.encode()


def test_what_cannot_be_read_is_left_out_and_said(tmp_path, monkeypatch):
    lay(tmp_path / "good")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert_all(read_folder(tmp_path, SHA256))
    (tmp_path / "good" / TRAIN_IMAGES).unlink()
    found = read_folder(tmp_path, SHA256)
    assert found.remarks == [f"{tmp_path / 'closed'} cannot be read: Permission denied"]
    for k in range(5):
        (tmp_path / f"{k} closed").mkdir()
    assert len(read_folder(tmp_path, SHA256).remarks) == 3
    for name in NAMES:
        (tmp_path / name).touch()
    monkeypatch.setattr(Path, "read_bytes", lambda path: (_ for _ in ()).throw(PermissionError(13, "No entry")))
    found = read_folder(tmp_path, SHA256)
    assert found.arrays == {}
    for name in NAMES:
        assert f"{name}: [Errno 13] No entry" in found.problems[name]


def test_a_file_that_goes_while_it_is_looked_for(tmp_path, monkeypatch):
    lay(tmp_path, dotted)
    starts = data_folder._starts_like_mnist

    def look_and_lose(path):
        looks = starts(path)
        if path.name == dotted(TRAIN_IMAGES):
            path.unlink()
        return looks

    monkeypatch.setattr(data_folder, "_starts_like_mnist", look_and_lose)
    assert "is missing" in problem(tmp_path)


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("archive.zip", "archive.zip is an archive: if the four files are in it, unpack it"),
        ("deep/MNIST.tar.gz", "MNIST.tar.gz is an archive: if the four files are in it, unpack it"),
        ("data/archive.7z", "archive.7z is an archive: if the four files are in it, unpack it"),
        ("mnist.npz", "mnist.npz is another form of MNIST: the four IDX files are wanted"),
        ("mnist_train.csv", "mnist_train.csv is another form of MNIST: the four IDX files are wanted"),
        ("mnist.pkl.gz", "mnist.pkl.gz is another form of MNIST: the four IDX files are wanted"),
    ],
)
def test_archives_and_other_forms_are_remarked_on(name, remark, tmp_path):
    put(tmp_path / name, b"anything")
    put(tmp_path / "train.csv", b"anything")
    put(tmp_path / "some/program/src.zip", b"anything")
    (said,) = read_folder(tmp_path, SHA256).remarks
    assert said.endswith(remark)


def test_of_many_archives_those_with_mnist_in_their_names_come_first(tmp_path):
    for k in range(9):
        (tmp_path / f"{k}.zip").touch()
    (tmp_path / "mnist.zip").touch()
    remarks = read_folder(tmp_path, SHA256).remarks
    assert len(remarks) == 5
    assert remarks[0].startswith("mnist.zip")


# The bounds of the search


def test_it_goes_four_levels_down_and_says_so(tmp_path):
    lay(tmp_path / "a/b/c/d/e")
    found = read_folder(tmp_path, SHA256)
    assert len(found.problems) == 4
    assert found.remarks == ["folders more than 4 levels down were not searched"]


def test_a_home_folder_is_not_read(tmp_path, opened, monkeypatch):
    monkeypatch.setattr(data_folder, "MOST_OPENED", 20)
    put(tmp_path / "film.mp4", bytes(10**6))
    put(tmp_path / "letter.doc", bytes(80_000))
    for k in range(50):
        put(tmp_path / "notes" / f"{k}.txt", b"What I meant to write down")
    assert len(read_folder(tmp_path, SHA256).problems) == 4
    assert len(opened) == 20
    assert all(name.endswith(".txt") for name in opened)


def test_a_file_is_read_whole_only_if_its_first_bytes_are_right(tmp_path, read):
    lay_but(tmp_path, TEST_LABELS)
    pixels = encode(np.zeros((5, 28, 28), np.uint8))
    for name, data in {
        "right": pixels,
        "right.gz": gzip.compress(pixels),
        "cut": pixels[:-784],
        "other magic": b"\0\0\x0d" + pixels[3:],
        "other size": encode(np.zeros((16, 14, 28), np.uint8))[:8] + pixels[8:],
        "not 28 wide": encode(np.zeros((5, 14, 56), np.uint8)),
        "too many": encode(np.zeros(60_001, np.uint8)),
        "no gzip.gz": b"\x1f\x8b" + bytes(99),
        "rows": encode(np.zeros((5, 784), np.uint8)),
    }.items():
        put(tmp_path / "others" / name, data)
    read_folder(tmp_path, SHA256)
    assert {name for name in read if "ubyte" not in name} == {"right", "right.gz"}


@pytest.mark.parametrize(
    ("n_bytes", "name", "is_opened"),
    [
        (8, "a", False),
        (9, "a", True),
        (60_008, "a", True),
        (60_009, "a", False),
        (16 + 784 * 77, "a", True),
        (16 + 784 * 77 + 1, "a", False),
        (784 * 77, "a", False),
        (80_000, "a.GZ", True),
        (80_000, "a.gz.txt", True),
        (80_000, "a.jpg", False),
    ],
)
def test_a_file_is_opened_only_if_its_size_may_be_right(n_bytes, name, is_opened, tmp_path, opened):
    put(tmp_path / name, bytes(n_bytes))
    read_folder(tmp_path, SHA256)
    assert opened == [name] * is_opened


def test_a_file_that_goes_beyond_mnists_number_is_not_read(tmp_path, read):
    for n in (60_000, 60_001):
        put(tmp_path / str(n), gzip.compress(encode(np.zeros(n, np.uint8))))
        put(tmp_path / f"{n}.gz", gzip.compress(encode(np.zeros(n, np.uint8))))
    assert len(read_folder(tmp_path, SHA256).problems) == 4
    assert set(read) == {"60000", "60000.gz"}


def test_the_training_images_are_within_the_bounds_and_little_more_is():
    assert 16 + 784 * 60_000 < data_folder.LARGEST < 2 * 784 * 60_000


def test_no_more_than_some_files_are_read(tmp_path, read, monkeypatch):
    monkeypatch.setattr(data_folder, "MOST_READ", 3)
    for k in range(9):
        put(tmp_path / str(k), OTHER_PIXELS)
    read_folder(tmp_path, SHA256)
    assert len(read) == 3


def test_the_search_ends_after_some_entries_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(data_folder, "MOST_ENTRIES", 10)
    for k in range(20):
        put(tmp_path / f"a/{k:02}", b"")
    lay(tmp_path / "z")
    found = read_folder(tmp_path, SHA256)
    assert len(found.problems) == 4
    assert found.remarks == ["the search ended after 10 files and folders. Name the files' own folder"]


@pytest.mark.parametrize("field", ["st_file_attributes", "st_flags"])
def test_a_file_that_is_in_the_cloud_is_fetched_only_if_its_name_is_right(field, tmp_path, opened, read, monkeypatch):
    lay(tmp_path, lambda name: f"{NAMES.index(name)}.bin")
    real = data_folder._status

    def in_the_cloud(path):
        status = real(path)
        names = ("st_mode", "st_size")
        bits = {field: data_folder.ONLINE_ONLY[field]}
        return status and SimpleNamespace(**{name: getattr(status, name) for name in names}, **bits)

    monkeypatch.setattr(data_folder, "_status", in_the_cloud)
    assert len(read_folder(tmp_path, SHA256).problems) == 4
    assert opened == read == []
    lay(tmp_path, dotted)
    assert_all(read_folder(tmp_path, SHA256))
