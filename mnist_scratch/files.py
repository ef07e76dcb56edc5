"""A file written whole or not at all.

Whoever reads it sees the old content or the new, never a part: whoever else writes, whenever this process is killed,
however full the disk is.
"""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing bytes, which takes its name when the block has ended without an error.

    Parameters
    ----------
    path : path
        The folder must be there.

    Yields
    ------
    binary file

    Raises
    ------
    OSError
        If it cannot be written; a file that was there before is then untouched.
    """
    given, path = path, Path(path)
    if path.is_dir() or not path.name:
        raise IsADirectoryError(errno.EISDIR, "that is a folder; name a file in it", str(given) or "''")
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write into", str(path.parent))
    # A name of its own for each writer, so that two threads or processes do not write into each other's file.
    unfinished = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike[str], content: bytes | bytearray | str) -> None:
    r"""Write a file whole or not at all.

    Parameters
    ----------
    path : path
        The folder must be there.
    content : bytes or str
        Text is written as UTF-8 with "\n" at its lines' ends, the same bytes on every system.

    Raises
    ------
    OSError
        If it cannot be written; a file that was there before is then untouched.
    """
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
