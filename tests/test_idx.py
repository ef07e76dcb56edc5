"""The IDX format: good files, broken files, and what is no file at all."""

import array
import errno
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from idx_files import encode

from mnist_scratch import idx
from mnist_scratch.idx import DataError, parse_idx, read_idx


@pytest.mark.parametrize("shape", [(5,), (3, 28, 28), (2, 3), (1, 2, 3, 4), (0, 28, 28)])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_parse_idx_gives_the_array_back(shape, kind):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    result = parse_idx(kind(encode(array)))
    assert result.dtype == np.uint8
    assert result.flags.writeable
    np.testing.assert_array_equal(result, array, strict=True)


IMAGES = encode(np.arange(2 * 28 * 28, dtype=np.uint16).astype(np.uint8).reshape(2, 28, 28))

BROKEN = {
    "empty": (b"", "not an IDX file"),
    "wrong magic number": (b"\0\1" + IMAGES[2:], "magic number 2051"),
    "little-endian magic number": (IMAGES[3::-1] + IMAGES[4:], "magic number 2051"),
    "no dimensions": (b"\0\0\x08\0\x07", "magic number 2051"),
    "floats": (b"\0\0\x0d" + IMAGES[3:], "0x0D"),
    "cut after the magic number": (
        IMAGES[:4],
        "truncated: a header of 3 dimensions takes 16 bytes, and the file has 4",
    ),
    "cut in the header": (IMAGES[:15], "truncated"),
    "cut in the pixels": (IMAGES[:-1], "truncated: the header says 1,568 values, and 1,567"),
    "trailing byte": (IMAGES + b"\0", "trailing bytes"),
    "count too high": (IMAGES[:7] + b"\x03" + IMAGES[8:], "truncated"),
    "count too low": (IMAGES[:7] + b"\x01" + IMAGES[8:], "trailing bytes"),
    "web page": (b"\n<!DOCTYPE html><html><body>503</body></html>", "looks like a web page"),
    "beyond NumPy": (b"\0\0\x08\xc8" + bytes(4 * 200), "200 dimensions"),
}


@pytest.mark.parametrize(("data", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_idx_file_is_refused_with_its_reason(data, message, tmp_path):
    with pytest.raises(DataError, match=message):
        parse_idx(data)
    for path, content in ((tmp_path / "plain", data), (tmp_path / "zipped.gz", gzip.compress(data))):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{path.name}.*{message}"):
            read_idx(path)


def test_parse_idx_says_that_the_bytes_are_still_zipped():
    with pytest.raises(DataError, match="gzip-compressed"):
        parse_idx(gzip.compress(IMAGES))


def test_read_idx_unzips(tmp_path):
    first, second = IMAGES[:700], IMAGES[700:]
    for content in (IMAGES, gzip.compress(IMAGES, 1), gzip.compress(first) + gzip.compress(second)):
        (tmp_path / "file").write_bytes(content)
        assert encode(read_idx(tmp_path / "file")) == IMAGES
        assert encode(read_idx(str(tmp_path / "file"))) == IMAGES


def test_read_idx_refuses_damaged_gzip(tmp_path):
    zipped = gzip.compress(IMAGES)
    bad_block = zipped[:10] + b"\xff" + zipped[11:]  # a kind of block that deflate does not have
    bad_sum = zipped[:-8] + b"\0\0\0\0" + zipped[-4:]
    for content in (zipped[:-1], zipped[: len(zipped) // 2], zipped[:2], zipped + b"rest", bad_block, bad_sum):
        (tmp_path / "file.gz").write_bytes(content)
        with pytest.raises(DataError, match="truncated or damaged gzip"):
            read_idx(tmp_path / "file.gz")


def test_read_idx_of_what_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="nothing-here"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(DataError, match=tmp_path.name):
        read_idx(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything, so a mode would not stop the tests
    with pytest.raises(DataError, match="Permission denied"):
        read_idx(tmp_path / "file")


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6)))
def test_parse_idx_reads_any_array(array):
    np.testing.assert_array_equal(parse_idx(encode(array)), array, strict=True)


def refuse(path, *args):
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def assert_right_or_refused(data):
    """The bytes have one reading; if there is an array, writing it again must give the same bytes."""
    try:
        array = parse_idx(data)
    except DataError:
        return
    assert array.dtype == np.uint8
    assert encode(array) == data


headers = st.builds(
    lambda n_dims, sizes: bytes([0, 0, 8, n_dims]) + b"".join(size.to_bytes(4, "big") for size in sizes),
    st.integers(0, 255),
    st.lists(st.integers(0, 3) | st.integers(0, 2**32 - 1), max_size=5),
)


@given(st.binary(max_size=300) | st.builds(bytes.__add__, headers, st.binary(max_size=40)))
@example(b"\0\0\x08\x03" + b"\0\0\0\0" + b"\xff" * 8)
@example(b"\0\0\x08\xff" + bytes(4 * 255))
def test_arbitrary_bytes_are_read_right_or_refused(data):
    assert_right_or_refused(data)


SMALL = encode(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
mutations = st.lists(
    st.tuples(st.integers(0, len(SMALL)), st.integers(0, 4), st.binary(max_size=4)), min_size=1, max_size=3
)


@given(mutations)
def test_a_mutated_file_is_read_right_or_refused(changes):
    data = SMALL
    for at, removed, put in changes:
        data = data[:at] + put + data[at + removed :]
    assert_right_or_refused(data)


# What holds the bytes


def test_parse_idx_takes_whatever_holds_bytes():
    data = IMAGES
    spaced = np.zeros(2 * len(data), np.uint8)
    spaced[::2] = np.frombuffer(data, np.uint8)
    for holder in (memoryview(data), np.frombuffer(data, np.uint8), array.array("B", data), spaced[::2]):
        result = parse_idx(holder)
        assert encode(result) == data
        assert result.flags.writeable
    spaced[:] = 0  # the array is a copy
    assert encode(result) == data
    backwards = np.frombuffer(data[::-1], np.uint8)[::-1]
    assert encode(parse_idx(backwards)) == data


def test_parse_idx_shares_the_memory_of_a_bytearray_and_of_nothing_else():
    data = bytearray(IMAGES)
    parse_idx(data)[0, 0, 0] = 77
    assert data[16] == 77
    parse_idx(memoryview(data))[0, 0, 0] = 78
    assert data[16] == 77


@pytest.mark.parametrize(
    "data",
    [
        IMAGES.decode("latin-1"),
        None,
        5,
        [0, 0, 8, 1],
        np.zeros(8),
        np.zeros(8, np.int8),
        np.zeros((2, 8), np.uint8),
        np.zeros((), np.uint8),
        np.ma.masked_array(np.frombuffer(IMAGES, np.uint8), mask=False),
        np.array([None]),
        memoryview(IMAGES).cast("b"),
    ],
    ids=lambda data: type(data).__name__,
)
def test_parse_idx_refuses_what_holds_no_bytes(data):
    with pytest.raises(TypeError, match=r"data must be the bytes of an IDX file; it is .* \(parse_idx\)"):
        parse_idx(data)


def test_parse_idx_of_text_says_how_to_open_the_file():
    with pytest.raises(TypeError, match='Open the file with "rb"'):
        parse_idx("text")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (None, TypeError, "path must be a path, .* it is NoneType"),
        (5, TypeError, "path must be a path, .* it is int"),
        (b"file", TypeError, "it is bytes: use os.fsdecode.*use parse_idx"),
        ("", ValueError, "path must be a path; it is empty"),
        (" ", ValueError, "path must be a path; it is empty"),
        ("a\0b", ValueError, r"path must be a path; it is 'a\\x00b'"),
    ],
)
def test_read_idx_refuses_what_is_no_path(path, error, message):
    with pytest.raises(error, match=message):
        read_idx(path)


def test_read_idx_knows_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "file").write_bytes(IMAGES)
    assert encode(read_idx("~/file")) == IMAGES


# What stands in a file's place


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"", "It is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer.*git lfs pull"),
        (b"/annex/objects/SHA256E-s9912422\n", "git-annex pointer"),
        (b"PK\x03\x04\x14", "a zip archive.*unpack it"),
        (b"\x93NUMPY\1\0", "saved by NumPy: use np.load"),
        (b"name" + bytes(253) + b"ustar\0", "a tar archive: unpack it"),
        (b'{"message": "Not Found"}', "a JSON text"),
        (b"\n\n  <html>", "a web page"),
        (b"\xfd7zXZ\0", "xz archive"),
    ],
)
def test_what_is_no_idx_file_is_named(start, message):
    with pytest.raises(DataError, match=f"(?s)not an IDX file.*{message}"):
        parse_idx(start)


def test_bytes_that_look_like_nothing_are_not_explained():
    with pytest.raises(DataError, match=r"starts with b'rubb'\.$"):
        parse_idx(b"rubbish")


# Compressed more than once, or to no end


def test_a_file_that_was_gzipped_twice_is_unzipped_twice(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(gzip.compress(IMAGES)))
    assert encode(read_idx(path)) == IMAGES
    path.write_bytes(gzip.compress(gzip.compress(gzip.compress(IMAGES))))
    with pytest.raises(DataError, match="gzip-compressed more than twice"):
        read_idx(path)


def test_the_sha256_is_of_the_bytes_inside():
    wanted = hashlib.sha256(IMAGES).hexdigest()
    for data in (IMAGES, gzip.compress(IMAGES), gzip.compress(gzip.compress(IMAGES))):
        assert idx.unpack(data, 2000) == (IMAGES, wanted)


def test_a_file_unpacks_to_no_more_than_the_limit(tmp_path, monkeypatch):
    assert idx.unpack(gzip.compress(IMAGES), len(IMAGES))[0] == IMAGES
    for data in (gzip.compress(IMAGES), gzip.compress(gzip.compress(IMAGES))):
        with pytest.raises(DataError, match="unpacks to more than 1,583 bytes"):
            idx.unpack(data, len(IMAGES) - 1)
    monkeypatch.setattr(idx, "LARGEST_UNPACKED", 10**6)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10**7)))
    with pytest.raises(DataError, match=r"bomb\.gz: it unpacks to more than 1,000,000 bytes"):
        read_idx(tmp_path / "bomb.gz")


def test_a_bomb_is_not_unpacked_to_its_end(monkeypatch):
    read = []
    real = gzip.GzipFile.read

    def count(file, size=-1):
        read.append(real(file, size))
        return read[-1]

    bomb = gzip.compress(bytes(20 * 2**20))
    monkeypatch.setattr(gzip.GzipFile, "read", count)
    with pytest.raises(DataError, match="unpacks to more than"):
        idx.unpack(bomb, 2**20)
    assert sum(map(len, read)) <= 2 * 2**20
