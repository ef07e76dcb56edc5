"""Text between marks: the parts of a page that a program writes, in a page that people write.

A part called ``badges`` stands between the lines ``<!-- badges -->`` and ``<!-- /badges -->``, which a reader of the
page does not see.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from mnist_scratch.files import write_whole


def read_between(text: str, name: str) -> str:
    """Return what stands between a pair of marks.

    Parameters
    ----------
    text : str
        A page.
    name : str
        The marks' name.

    Raises
    ------
    ValueError
        If the page does not have the pair exactly once.
    """
    return text[_span(text, name)]


def replace_between(text: str, name: str, content: str) -> str:
    r"""Return the page with other content between a pair of marks.

    Parameters
    ----------
    text : str
        A page.
    name : str
        The marks' name.
    content : str
        Empty, or whole lines: it ends in "\n".

    Raises
    ------
    ValueError
        If the page does not have the pair exactly once, the content's last line does not end, or the content has such
        a mark itself, so that it could not be replaced again.
    """
    span = _span(text, name)
    if content and not content.endswith("\n"):
        raise ValueError(f"content must end in a line break, so that <!-- /{name} --> stands in a line of its own.")
    new = text[: span.start] + content + text[span.stop :]
    _span(new, name)
    return new


def write_between(path: Path, contents: Mapping[str, str]) -> bool:
    """Write content between the marks of a page, and return whether that changed the page.

    Parameters
    ----------
    path : Path
        The page, in UTF-8. It is written whole or not at all, and only if something changes.
    contents : mapping of str to str
        By the marks' names, as ``replace_between`` takes them.

    Raises
    ------
    ValueError
        As ``replace_between``; the message names the page.
    OSError
        If the page cannot be read or written.
    """
    old = new = path.read_text(encoding="utf-8")
    for name, content in contents.items():
        try:
            new = replace_between(new, name, content)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if new != old:
        write_whole(path, new)
    return new != old


def _span(text: str, name: str) -> slice:
    """Return the place between the marks."""
    starts = list(re.finditer(rf"(?m)^<!-- {re.escape(name)} -->\n", text))
    ends = list(re.finditer(rf"(?m)^<!-- /{re.escape(name)} -->$", text))
    if (len(starts), len(ends)) != (1, 1) or ends[0].start() < starts[0].end():
        raise ValueError(
            f"the lines <!-- {name} --> and <!-- /{name} --> must be there once each, in this order; "
            f"they are there {len(starts)} and {len(ends)} times."
        )
    return slice(starts[0].end(), ends[0].start())
