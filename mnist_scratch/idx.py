"""The IDX format, in which MNIST is published: bytes of a file to an array.

An IDX file is a few numbers that give the shape, then the pixels or the labels, one byte each. The readers ``read_idx``
and ``parse_idx`` take unsigned bytes, which is all that MNIST has, and none of the format's other types. Files may be
compressed with gzip.
"""

import gzip
import hashlib
import io
import math
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.checks import check_path

GZIP_MAGIC = b"\x1f\x8b"

LARGEST_UNPACKED = 2**30
"""Bytes that ``read_idx`` decompresses at most; the largest relative of MNIST, EMNIST's, has half of that."""

NOT_IDX = (
    (b"<", "a web page, perhaps an error page that was saved"),
    (b"version https://git-lfs", "a Git LFS pointer, which stands for the file: run git lfs pull"),
    (b"/annex/", "a git-annex pointer, which stands for the file: run git annex get"),
    (b"PK\x03\x04", "a zip archive (an .npz file is one too): unpack it"),
    (b"\xfd7zXZ", "an xz archive: unpack it"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"BZh", "a bzip2 archive: unpack it"),
    (b"\x93NUMPY", "an array saved by NumPy: use np.load"),
    (b"bplist", "a placeholder for a file that is not on this computer yet, or another of macOS's settings"),
    (b"{", "a JSON text, perhaps an error message that was saved"),
)
"""What files that stand in an IDX file's place start with, and what they look like."""


class DataError(ValueError):
    """The data are damaged, not MNIST, or cannot be read. The message says which file, and what to do."""


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not. It need not be one of MNIST's.

    Parameters
    ----------
    path : path
        The file. It may have been gzipped twice.

    Returns
    -------
    uint8 array
        Of the shape that the file's header gives.

    Raises
    ------
    TypeError
        If ``path`` is no path.
    DataError
        If the file cannot be read or decompressed, unpacks to more than 1 GiB, or is not what its header says.
    """
    path = check_path(path, "path", "read_idx", "To read bytes that you have already, use parse_idx.")
    try:
        return parse_idx(unpack(path.read_bytes(), LARGEST_UNPACKED)[0])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def parse_idx(data: bytes | bytearray | memoryview) -> NDArray[np.uint8]:
    """Turn the bytes of an IDX file into an array.

    The file opens with two zero bytes, the type (8: unsigned bytes) and the number of dimensions; then comes the size
    of each dimension as a big-endian 32-bit number, then the values, the last dimension running fastest.

    Parameters
    ----------
    data : bytes, bytearray, or what holds bytes as they do: a memoryview, a uint8 array (n,)
        The whole file, decompressed. The array shares the memory of a bytearray, and is a copy of all else.

    Returns
    -------
    uint8 array
        Of the shape that the header gives.

    Raises
    ------
    TypeError
        If ``data`` holds no bytes.
    DataError
        If the magic number or the type is wrong, or there are fewer or more values than the header says.
    """
    view = _as_bytes(data)
    if bytes(view[:2]) == GZIP_MAGIC:
        raise DataError("these bytes are gzip-compressed; decompress them first, or use read_idx.")
    if len(view) < 4 or bytes(view[:2]) != b"\0\0" or view[3] == 0:
        start = bytes(view[:512])
        raise DataError(
            f"not an IDX file: it must start with the magic number 2051 (images) or 2049 (labels), and starts with "
            f"{start[:4]!r}.{_looks_like(start)}"
        )
    if view[2] != 8:
        raise DataError(f"its values must be unsigned bytes, IDX type 0x08; the header says type 0x{view[2]:02X}.")
    n_dims = view[3]
    header = 4 + 4 * n_dims
    if len(view) < header:
        raise DataError(
            f"truncated: a header of {n_dims} dimensions takes {header} bytes, and the file has {len(view)}."
        )
    shape = struct.unpack(f">{n_dims}I", view[4:header])
    expected, found = math.prod(shape), len(view) - header
    if found != expected:
        fault = "truncated" if found < expected else "trailing bytes"
        raise DataError(f"{fault}: the header says {expected:,} values, and {found:,} bytes follow it.")
    try:
        array = np.frombuffer(view, np.uint8, offset=header).reshape(shape)
    except ValueError as error:  # an empty array with more or larger dimensions than NumPy takes
        raise DataError(f"NumPy has no array of {n_dims} dimensions with this shape: {error}.") from error
    return array if isinstance(data, bytearray) else array.copy()


def unpack(data: bytes, limit: int) -> tuple[bytes | bytearray, str]:
    """Decompress what is gzipped, twice if it was compressed twice; return the bytes inside and their SHA-256.

    Parameters
    ----------
    data : bytes
    limit : int
        The most bytes to unpack to.

    Returns
    -------
    bytes, str
        What is not gzipped comes back as it is.

    Raises
    ------
    DataError
        If the gzip data are damaged, unpack to more than the limit, or are gzip data again and again.
    """
    unpacked: bytes | bytearray = data
    digest = ""
    for _ in range(2):  # a browser or a tool that saves a compressed file may compress it once more
        if unpacked[:2] == GZIP_MAGIC:
            unpacked, digest = _gunzip(unpacked, limit)
    if unpacked[:2] == GZIP_MAGIC:
        raise DataError("gzip-compressed more than twice; decompress it with gunzip until it is so no more.")
    return unpacked, digest or hashlib.sha256(unpacked).hexdigest()


def _as_bytes(data: Any) -> memoryview:  # noqa: ANN401
    """Return the bytes that an object holds, without copying them where they lie in a row."""
    try:
        view = memoryview(data)
        wrong = view.format != "B" or view.ndim != 1 or isinstance(data, np.ma.MaskedArray)
    except (TypeError, ValueError, BufferError):  # no bytes at all, or not to be had
        wrong = True
    if wrong:
        advice = ' Open the file with "rb".' if isinstance(data, str) else ""
        raise TypeError(f"data must be the bytes of an IDX file; it is {type(data).__name__} (parse_idx).{advice}")
    return view if view.c_contiguous else memoryview(view.tobytes())


def _looks_like(start: bytes) -> str:
    """Return what a file with this start may be, as the end of a message."""
    if not start:
        return " It is empty."
    if start[257:262] == b"ustar":
        return " It looks like a tar archive: unpack it."
    for magic, what in NOT_IDX:
        if start.lstrip().startswith(magic):
            return f" It looks like {what}."
    return ""


def _gunzip(data: bytes | bytearray, limit: int) -> tuple[bytearray, str]:
    """Decompress once; the SHA-256 is taken on a second thread meanwhile."""
    digest = hashlib.sha256()
    unpacked = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as unzipped, ThreadPoolExecutor(1) as beside:
            while piece := unzipped.read(2**20):
                beside.submit(digest.update, piece)
                unpacked += piece
                if len(unpacked) > limit:
                    raise DataError(f"it unpacks to more than {limit:,} bytes, so it is not what it seems to be.")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"truncated or damaged gzip data ({error}).") from error
    return unpacked, digest.hexdigest()
