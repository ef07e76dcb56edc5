"""What an option of a command must be, and the one line that says so before any work is done.

Each function here makes a ``type`` for argparse, or is one: it reads the text of an option or refuses it.
"""

from collections.abc import Callable
from pathlib import Path

from mnist_scratch.checks import check_real, check_whole


class OptionError(Exception):
    """An option cannot be used as it is given; the message names it and the way out, in one line."""


def whole(option: str, command: str, low: int = 1, high: int | None = None) -> Callable[[str], int]:
    """Make a reader of whole numbers.

    Parameters
    ----------
    option, command : str
        Such as "--epochs" of "train", for the message.
    low, high : int
        The range, both ends in it.
    """

    def read(text: str) -> int:
        try:
            value: object = int(text)
        except ValueError:
            value = text
        try:
            return check_whole(value, option, command, low, high)
        except (TypeError, ValueError) as error:
            raise OptionError(str(error)) from error

    return read


def positive(option: str, command: str) -> Callable[[str], float]:
    """Make a reader of finite numbers above 0; the parameters are those of ``whole``."""

    def read(text: str) -> float:
        try:
            value: object = float(text)
        except ValueError:
            value = text
        try:
            return check_real(value, option, command, low=0, open_ends="low")
        except (TypeError, ValueError) as error:
            raise OptionError(str(error)) from error

    return read


def named(option: str, what: str) -> Callable[[str], str]:
    """Make a reader of texts that must not be empty; ``what`` says what is to be named, such as "a folder"."""

    def read(text: str) -> str:
        if not text.strip():
            raise OptionError(f"{option} must name {what}; it is empty.")
        return text

    return read


def folder(option: str) -> Callable[[str], Path]:
    """Make a reader of folders' names. A folder need not be there, but what is there must be one."""

    def read(text: str) -> Path:
        path = Path(named(option, "a folder")(text))
        try:
            if path.exists() and not path.is_dir():
                raise OptionError(f"{option} must name a folder; {text} is a file.")
        except (OSError, ValueError) as error:  # too long a name, or one with a zero byte
            raise OptionError(f"{option} must name a folder; {text} cannot be one: {error}") from error
        return path

    return read
