"""The repository's address: it stands in one place, and badges and first cells come from there."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mnist_scratch.course.address import address, first_cells, readme_badges, write_address
from mnist_scratch.course.checkout import ROOT, CourseError
from mnist_scratch.marks import read_between, replace_between


@pytest.fixture
def elsewhere(tmp_path):
    """A made-up checkout of one lesson, written for another address."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/one/digits"\n')
    badge, install = first_cells("03_forward_pass", tmp_path)
    cells = [new_markdown_cell(badge), new_code_cell(install), new_code_cell("print('é')")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "03_forward_pass.ipynb")
    (tmp_path / "README.md").write_text("# Digits\n<!-- badges -->\nold\n<!-- /badges -->\nText, é\n", encoding="utf-8")
    return tmp_path


def test_the_readme_has_the_address():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert read_between(readme, "badges") == readme_badges(), "run `make address`"


def test_first_cells_and_badges_come_from_the_address(elsewhere):
    badge, install = first_cells("03_forward_pass.ipynb", elsewhere)
    opened = "https://colab.research.google.com/github/one/digits/blob/main/notebooks/03_forward_pass.ipynb"
    assert badge.endswith(f"]({opened})")
    assert '%pip install -q "mnist_scratch[sample] @ git+https://github.com/one/digits"' in install
    assert "https://mybinder.org/v2/gh/one/digits/HEAD?labpath=notebooks%2F00_start" in readme_badges(elsewhere)


def test_a_new_address_is_written_everywhere_and_only_once(elsewhere):
    readme, notebook = elsewhere / "README.md", elsewhere / "notebooks" / "03_forward_pass.ipynb"
    assert write_address(elsewhere) == [readme]
    old = readme.read_text(encoding="utf-8"), notebook.read_text(encoding="utf-8")
    (elsewhere / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/two/numbers"\n')
    assert write_address(elsewhere) == [notebook, readme]
    new = readme.read_text(encoding="utf-8"), notebook.read_text(encoding="utf-8")
    assert new == tuple(text.replace("one/digits", "two/numbers") for text in old)
    assert write_address(elsewhere) == []


@pytest.mark.parametrize("bad", ["", "https://example.org/a/b", "https://github.com/one", "https://github.com/a/b/"])
def test_an_address_that_cannot_work_is_refused(elsewhere, bad):
    (elsewhere / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{bad}"\n')
    with pytest.raises(CourseError, match=r"must be https://github\.com/<owner>/<name>"):
        address(elsewhere)


def test_a_place_for_the_address_that_is_missing_is_named(elsewhere):
    (elsewhere / "README.md").write_text("# Digits\n")
    with pytest.raises(ValueError, match=r"README\.md: the lines <!-- badges -->"):
        write_address(elsewhere)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Hi")]), elsewhere / "notebooks" / "03_forward_pass.ipynb")
    with pytest.raises(CourseError, match=r"03_forward_pass\.ipynb must begin with the badge"):
        write_address(elsewhere)


def test_the_address_stands_nowhere_else():
    home = address().removeprefix("https://github.com/")
    files = [
        path
        for pattern in ("*.yml", "*.md", "Makefile", ".ci/*", ".github/**/*.yml", "mnist_scratch/**/*.py")
        for path in ROOT.glob(pattern)
    ]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    texts["README.md"] = replace_between(texts["README.md"], "badges", "")
    assert [name for name, text in texts.items() if home in text] == []
