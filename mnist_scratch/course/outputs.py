"""The file that a long command writes at its end: looked at before the work begins, and not lost when it is done."""

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from mnist_scratch.course.options import OptionError
from mnist_scratch.files import whole_file


def check_output(text: str, option: str) -> Path:
    """Return the path of a file that can be written, now as far as one can tell.

    Parameters
    ----------
    text : str
        As it was typed.
    option : str
        Such as "--out", for the message.

    Raises
    ------
    OptionError
        If it is empty, a folder, a device, in a folder that is not there, or cannot be written for another reason.
    """
    path = Path(text)
    if not text.strip():
        raise OptionError(f"{option} must name a file; it is empty. Write for instance {option} weights.npz.")
    if os.path.isdir(text) or text.endswith(("/", os.sep)):
        raise OptionError(f"{option} must name a file; {text} is a folder. Write {option} {path / 'weights.npz'}.")
    if os.path.exists(text) and not os.path.isfile(text):
        raise OptionError(f"{option} must name a file; {text} is a device or a pipe. Name another.")
    if not os.path.isdir(path.parent):
        raise OptionError(f"{option} {text}: the folder {path.parent} is not there. Make it, or name another.")
    try:
        _try_to_write(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionError(f"{option} {text} cannot be written: {reason}. Name another file or folder.") from error
    return path


class _Enough(Exception):
    pass


def _try_to_write(path: Path) -> None:
    """Raise what writing the file would raise, and leave everything as it is."""
    if not os.path.lexists(path):
        path.open("xb").close()
        path.unlink()
    with contextlib.suppress(_Enough), whole_file(path):
        raise _Enough


def save_or_rescue(save: Callable[[Path], None], path: Path) -> tuple[Path, Exception | None]:
    """Save what took long to make: at its place, or else wherever it can be written.

    Parameters
    ----------
    save : callable
        Writes a file.
    path : Path
        Where it should be.

    Returns
    -------
    place : Path
        Where it is: ``path``, or a new name beside it, in the current folder, in that for temporary files or at home.
    problem : Exception or None
        Why it is not at ``path``.

    Raises
    ------
    OSError
        If it can be written in none of these places; they are listed.
    """
    try:
        save(path)
    except Exception as error:  # whatever it is, the rescue comes first
        problem = error
    else:
        return path, None
    name = f"{path.stem[:40]}-{uuid.uuid4().hex[:8]}{path.suffix[:8]}"
    tried = [str(path)]
    folders: tuple[Callable[[], Path], ...] = (
        lambda: path.parent,
        Path.cwd,
        lambda: Path(tempfile.gettempdir()),
        Path.home,
    )
    for find_folder in folders:  # each may fail to be found, too
        with contextlib.suppress(Exception):
            place = find_folder() / name
            tried.append(str(place))
            save(place)
            return place, problem
    raise OSError(f"it could not be saved: {problem}. These places were tried: {', '.join(tried)}") from problem
