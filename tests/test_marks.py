"""Text between marks."""

import os

import pytest

from mnist_scratch.marks import read_between, replace_between, write_between

PAGE = "é\n<!-- rows -->\nold\n<!-- /rows -->\nb\n<!-- empty -->\n<!-- /empty -->\n"


def test_content_goes_between_its_marks_and_comes_back():
    assert read_between(PAGE, "rows") == "old\n"
    assert read_between(PAGE, "empty") == ""
    for content in ("new \\1 \\g<0>\n", "", "two\nlines\n", "<!-- other -->\n"):
        new = replace_between(PAGE, "rows", content)
        assert new == PAGE.replace("old\n", content)
        assert read_between(new, "rows") == content
    assert replace_between(PAGE, "empty", "up\n").endswith("<!-- empty -->\nup\n<!-- /empty -->\n")


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("", "0 and 0"),
        ("<!-- rows -->\n", "1 and 0"),
        ("<!-- /rows -->\n", "0 and 1"),
        ("<!-- /rows -->\n<!-- rows -->\n", "1 and 1"),
        (PAGE + PAGE, "2 and 2"),
        ("see `<!-- rows -->` and\n<!-- /rows -->\n", "0 and 1"),
        ("<!-- rows -->\n<!-- rows -->\n<!-- /rows -->\n", "2 and 1"),
    ],
)
def test_marks_that_are_not_there_once_are_named(tmp_path, page, found):
    with pytest.raises(ValueError, match=rf"<!-- rows --> and <!-- /rows --> must be there once .* {found} times"):
        read_between(page, "rows")
    path = tmp_path / "page.md"
    path.write_text(page, encoding="utf-8")
    with pytest.raises(ValueError, match=r"page\.md: the lines <!-- rows -->"):
        write_between(path, {"rows": "new\n"})
    assert path.read_text(encoding="utf-8") == page


@pytest.mark.parametrize("content", ["no end", "<!-- rows -->\n", "a\n<!-- /rows -->\nb\n"])
def test_content_that_could_not_be_replaced_again_is_refused(content):
    with pytest.raises(ValueError, match=r"line break|once each"):
        replace_between(PAGE, "rows", content)


def test_a_page_is_written_only_when_it_changes(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8", newline="\n")
    os.utime(path, (0, 0))
    assert not write_between(path, {"rows": "old\n", "empty": ""})
    assert path.stat().st_mtime == 0
    assert write_between(path, {"rows": "new\n", "empty": "full\n"})
    assert path.read_bytes().decode() == PAGE.replace("old", "new").replace(
        "<!-- empty -->\n", "<!-- empty -->\nfull\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["page.md"]


def test_nothing_is_written_when_one_of_several_parts_has_no_place(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    with pytest.raises(ValueError, match="limits"):
        write_between(path, {"rows": "new\n", "limits": "x\n"})
    assert path.read_text(encoding="utf-8") == PAGE
