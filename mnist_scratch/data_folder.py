"""MNIST's four files in a folder, as people have them.

Files by the four published names are read first, and if they are good nothing else is looked at. Where one of them is
missing or bad, the folder is searched: what has the right SHA-256 is the file, whatever it is called and wherever it
lies. Kaggle writes a dot for a dash and packs each file into a folder of its name, torchvision makes ``MNIST/raw``, a
browser adds `` (1)``. For what is still missing, the file that comes nearest is named, and what is wrong with it.

The search is bounded, so that a home folder may be named without harm: it goes a few levels down, and reads a file only
if its size and its first bytes may be those of MNIST's images or labels.
"""

import functools
import itertools
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.idx import GZIP_MAGIC, DataError, parse_idx, unpack

LARGEST = 48 * 2**20
"""Bytes; the training images have 47,040,016, compressed or not. Nothing larger is read, or unpacked further."""

MOST_IMAGES = 60_000
DEPTH = 4
"""Levels of folders below the one that was named."""

MOST_ENTRIES, MOST_OPENED, MOST_READ = 50_000, 2_000, 32
"""Files and folders listed; files whose first bytes are looked at; files that are read."""

ONLINE_ONLY = {"st_file_attributes": 0x0040_1000, "st_flags": 0x4000_0000}
"""Bits of ``os.stat`` on Windows and macOS for a file that is fetched from the cloud when it is opened."""

UNFINISHED = re.compile(r"\.(part|partial|crdownload|download|opdownload|filepart|tmp|!ut|aria2)$")
PACKED = re.compile(r"\.(zip|7z|rar|tar(\.\w+)?|tgz|tbz2?|txz)$")
OTHER_FORM = re.compile(r"mnist.*\.(npz|npy|csv|pkl|pickle|pkl\.gz|pt|mat|h5|hdf5|parquet|arff)$")
NAMED_LIKE = re.compile(r"(train|t10k|test)[^a-z0-9]*(image|label)")


@dataclass
class Found:
    """What a folder has of the four files.

    Attributes
    ----------
    arrays : dict
        By a file's published name, its values.
    problems : dict
        By the name of each file that is not there, what is wrong.
    remarks : list of text
        What else may help: an archive to unpack, a folder that cannot be read.
    """

    arrays: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_folder(folder: Path, sha256: Mapping[str, str]) -> Found:
    """Read what a folder has of the published files.

    Parameters
    ----------
    folder : path
        It need not be there.
    sha256 : dict
        By each file's published name, the SHA-256 of its IDX bytes.

    Returns
    -------
    Found
    """
    found = Found()
    read = functools.partial(_read_by_name, folder, sha256=sha256)
    with ThreadPoolExecutor(len(sha256)) as pool:  # zlib and hashlib free the other threads meanwhile
        for name, (arrays, problem) in zip(sha256, pool.map(read, sha256), strict=True):
            found.arrays |= arrays
            found.problems |= {name: problem} if problem else {}
    if len(found.arrays) < len(sha256):
        _search(folder, sha256, found)
    found.problems = {name: found.problems[name] for name in sha256 if name not in found.arrays}
    return found


def verified(data: bytes, name: str, sha256: Mapping[str, str]) -> bytes | bytearray:
    """Return the IDX bytes in ``data`` if they are those of the published file ``name``; else say what is wrong.

    Parameters
    ----------
    data : bytes
        Gzipped or not.
    name : str
    sha256 : dict
        By each file's published name, the SHA-256 of its IDX bytes.

    Raises
    ------
    DataError
        If they are not.
    """
    idx, digest = unpack(data, LARGEST)
    if digest != sha256[name]:
        raise DataError(_another_file(idx, name))
    return idx


def printable(path: str | os.PathLike[str]) -> str:
    """Return a path as one line that any terminal can show: a name may hold line ends, or bytes that are no text."""
    return "".join(character if character.isprintable() else "?" for character in os.fspath(path))


def other_form(path: Path) -> str:
    """Return what a file is that may hold MNIST, but not as the four files, and what to do; else nothing."""
    if PACKED.search(path.name.lower()):
        return "an archive: if the four files are in it, unpack it"
    if OTHER_FORM.search(path.name.lower()):
        return "another form of MNIST: the four IDX files are wanted"
    return ""


def _another_file(idx: bytes | bytearray, name: str) -> str:
    shape = parse_idx(idx).shape  # bytes that are not IDX at all raise an error of their own here
    return (
        f"an IDX file of shape {shape}, but not the published {name}: its SHA-256 differs. "
        "Fashion-MNIST, KMNIST and EMNIST have files of this name; or it is damaged."
    )


def _read_by_name(folder: Path, name: str, sha256: Mapping[str, str]) -> tuple[dict[str, NDArray[np.uint8]], str]:
    """Read ``name`` or ``name.gz``, whichever is good, the first for choice; if neither is, say what is wrong.

    A file that turns out to be another of the four is not lost: it comes back under its right name.
    """
    arrays: dict[str, NDArray[np.uint8]] = {}
    problems = []
    for path in (folder / name, folder / f"{name}.gz"):
        try:
            if stat.S_ISDIR(path.stat().st_mode):
                continue  # as Kaggle's archive unpacks: the search looks into it
            arrays |= _read_any(path, name, sha256)
        except FileNotFoundError:
            continue
        except (OSError, DataError) as error:
            problems.append(f"{path.name}: {error}")
        if name in arrays:
            return arrays, ""
    return arrays, "; ".join(problems)


def _read_any(path: Path, name: str, sha256: Mapping[str, str]) -> dict[str, NDArray[np.uint8]]:
    """Read a file that is named like ``name`` and may be any of the four; return its values by its right name.

    Raises
    ------
    OSError, DataError
        If it cannot be read, or is none of them.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise DataError("neither a file nor a folder.")
    if status.st_size > LARGEST:
        raise DataError(f"{status.st_size:,} bytes, more than any of MNIST's files has.")
    idx, digest = unpack(path.read_bytes(), LARGEST)
    for right_name, right_digest in sha256.items():
        if digest == right_digest:
            return {right_name: parse_idx(idx)}
    raise DataError(_another_file(idx, name))


def _search(folder: Path, sha256: Mapping[str, str], found: Found) -> None:
    """Look for the files that are still missing, by their contents; write what was found, and the near misses."""
    paths = [Path(path) for path in itertools.islice(_walk(folder, found.remarks), MOST_ENTRIES)]
    if len(paths) == MOST_ENTRIES:
        found.remarks.append(f"the search ended after {MOST_ENTRIES:,} files and folders. Name the files' own folder")
    alike = {path: match for path in paths if (match := NAMED_LIKE.search(path.name.lower()))}
    others = [path for path in paths if path not in alike and _worth_opening(path)]
    likely = filter(_starts_like_mnist, [*alike][:MOST_OPENED] + others[:MOST_OPENED])
    for path in itertools.islice(likely, MOST_READ):
        try:
            found.arrays |= _read_any(path, "", sha256) | found.arrays
        except (OSError, DataError):
            continue
        if len(found.arrays) == len(sha256):
            return
    for name in sha256.keys() - found.arrays.keys() - found.problems.keys():
        near = [path for path, match in alike.items() if _is_for(match, name)]
        found.problems[name] = _missing(name, near, folder, sha256)
    found.remarks += _other_forms(paths, folder)


def _walk(folder: Path, remarks: list[str]) -> Iterator[str]:
    """Yield the path of all that lies in a folder, then of what lies one level deeper, and so on; no folder twice.

    What cannot be read is left out, with a remark.
    """
    seen = set()
    level = [os.fspath(folder)]
    for _ in range(DEPTH + 1):
        deeper = []
        for each in level:
            try:
                status = os.stat(each)
                if (status.st_dev, status.st_ino) in seen:  # a link that leads back
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(each) as listing:
                    entries = list(itertools.islice(listing, MOST_ENTRIES))
            except FileNotFoundError:
                continue
            except OSError as error:
                if len(remarks) < 3:
                    remarks.append(f"{printable(each)} cannot be read: {error.strerror}")
                continue
            # Hidden folders last: there are many in a home folder, and seldom what is looked for.
            entries.sort(key=lambda entry: (entry.name.startswith("."), entry.name))
            yield from (entry.path for entry in entries)
            deeper += [entry.path for entry in entries if _is_folder(entry)]
        level = deeper
    if level:
        remarks.append(f"folders more than {DEPTH} levels down were not searched")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _status(path: Path) -> os.stat_result | None:
    """Return what ``os.stat`` says of a file; None of a folder, a device, a link that leads nowhere."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _worth_opening(path: Path) -> bool:
    """Tell whether a file may be one of the four by its size, and lies on this computer."""
    status = _status(path)
    if status is None or any(getattr(status, field, 0) & bits for field, bits in ONLINE_ONLY.items()):
        return False
    n_bytes = status.st_size
    labels, images = 8 < n_bytes <= 8 + MOST_IMAGES, n_bytes > 16 and (n_bytes - 16) % 784 == 0
    return n_bytes <= LARGEST and (labels or images or ".gz" in path.name.lower())


def _starts_like_mnist(path: Path) -> bool:
    """Tell whether a file's first bytes, unpacked, announce images or labels as MNIST has them."""
    status = _status(path)
    if status is None or status.st_size > LARGEST:
        return False
    try:
        with path.open("rb") as file:
            start = file.read(4096)
        zipped = start[:2] == GZIP_MAGIC
        for _ in range(2):
            if start[:2] == GZIP_MAGIC:
                start = zlib.decompressobj(wbits=31).decompress(start, 4096)
    except (OSError, zlib.error):
        return False
    n_images = int.from_bytes(start[4:8], "big")
    if start[:4] == b"\0\0\x08\1":
        expected = 8 + n_images
    elif start[:4] == b"\0\0\x08\3" and start[8:16] == b"\0\0\0\x1c\0\0\0\x1c":
        expected = 16 + 784 * n_images
    else:
        return False
    return n_images <= MOST_IMAGES and (zipped or status.st_size == expected)


def _is_for(alike: re.Match[str], name: str) -> bool:
    """Tell whether a file is named like this one of the four; the test images' and labels' files are called t10k."""
    part, kind = alike.groups()
    return name.startswith(f"{'t10k' if part == 'test' else part}-{kind}")


def _missing(name: str, near: list[Path], folder: Path, sha256: Mapping[str, str]) -> str:
    """Say that a file is missing, and what is wrong with those that are named like it."""
    files = [path for path in near if not path.is_dir()] or near
    reasons = [f"{printable(path.relative_to(folder))}: {_fault(path, name, sha256)}" for path in files[:3]]
    return "; ".join([f"{name} is missing, with and without .gz", *reasons])


def _fault(path: Path, name: str, sha256: Mapping[str, str]) -> str:
    """Say why a file is not the published file whose name it nearly has, and what to do."""
    if path.name.lower().endswith(".icloud"):
        return "it is in iCloud and not on this computer yet. In Finder, click the cloud beside it, then load again."
    if path.is_dir():
        return "a folder, and the file is not in it."
    try:
        (right_name,) = _read_any(path, name, sha256)
        fault = f"it holds {right_name}."
    except FileNotFoundError:
        fault = "a link to a file that is not there."
    except OSError as error:
        fault = f"{error.strerror}."
    except DataError as error:
        fault = str(error)
    return f"a download that did not end; download it again. {fault}" if UNFINISHED.search(path.name.lower()) else fault


def _other_forms(paths: Iterable[Path], folder: Path) -> list[str]:
    """Return a remark on each archive, and on each other form of MNIST; those with MNIST in their names first."""
    named, others = [], []
    for path in paths:
        near = path.relative_to(folder)
        if form := other_form(path):
            remark = f"{printable(near)} is {form}"
            if "mnist" in path.name.lower():
                named.append(remark)
            elif len(near.parts) <= 2:  # deeper down, an archive is of something else
                others.append(remark)
    return (named + others)[:5]
