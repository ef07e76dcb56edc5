"""The table of verdicts: judged from records, and the same in the README."""

import itertools
import json
import shutil

import numpy as np
import pytest

from mnist_scratch.course import checkout
from mnist_scratch.experiments import claims, results


def test_the_readme_shows_the_table_that_the_records_give():
    readme = (checkout.ROOT / "README.md").read_text(encoding="utf-8")
    assert claims.TABLE.search(readme)[0] == claims.table(), "run: python -m mnist_scratch verdicts"


@pytest.fixture
def folder(tmp_path):
    """The package's records, in a place where they may be changed."""
    shutil.copytree(results.FOLDER, tmp_path / "results")
    return tmp_path / "results"


def change(folder, study, recipe, edit, on="test"):
    """Change each run's confusion matrix of one recipe."""
    content = json.loads((folder / f"{study}.json").read_text())
    for run in content["runs"]:
        if recipe in ("", run["name"]):
            counts = np.array(run["result"][f"{on}_confusion"])
            edit(counts)
            run["result"][f"{on}_confusion"] = counts.tolist()
    (folder / f"{study}.json").write_text(json.dumps(content))


def move(digit, taken_for, share):
    """Let a share of a digit's images be read as another, and the rest be read rightly."""

    def edit(counts):
        n = counts[digit].sum()
        counts[digit] = 0
        counts[digit, taken_for] = round(share * n)
        counts[digit, digit] = n - round(share * n)

    return edit


def perfect(counts):
    counts[:] = np.diag(counts.sum(axis=1))


def almost(counts):
    perfect(counts)
    for digit in range(10):
        move(digit, (digit + 1) % 10, 0.005)(counts)


def hopeless(counts):
    counts[:] = counts.sum(axis=1, keepdims=True) // 10


def both(*edits):
    def edit(counts):
        for one in edits:
            one(counts)

    return edit


def in_turn(first, second):
    """Edit one run in the first way, the next in the second, and so on; what is not edited is perfect."""
    turns = itertools.cycle([first, second])

    def edit(counts):
        perfect(counts)
        next(turns)(counts)

    return edit


@pytest.mark.parametrize(
    ("judge", "changes", "verdict"),
    [
        (claims._overall, [("paper", "", perfect, "test")], claims.FAILS),
        (claims._overall, [("paper", "", hopeless, "test")], claims.FAILS),
        (claims._two_digits, [("paper", "", perfect, "test")], claims.FAILS),
        (
            claims._two_digits,
            [("paper", "", in_turn(both(move(3, 5, 0.2), move(8, 5, 0.2)), perfect), "test")],
            claims.HOLDS,
        ),
        (claims._two_digits, [("paper", "", in_turn(move(3, 5, 0.2), move(8, 5, 0.2)), "test")], claims.PARTLY),
        (claims._two_digits, [("paper", "", move(8, 5, 0), "test")], claims.PARTLY),
        (claims._two_worst, [("paper", "", almost, "test")], claims.FAILS),
        (
            claims._two_worst,
            [
                ("paper", "", almost, "test"),
                ("paper", "", move(3, 5, 0.2), "test"),
                ("paper", "", move(8, 5, 0.2), "test"),
            ],
            claims.HOLDS,
        ),
        (claims._three_as_five, [("paper", "", move(3, 5, 0.1), "test")], claims.HOLDS),
        (claims._three_as_five, [("paper", "", move(3, 8, 0.1), "test")], claims.FAILS),
        (claims._shifted, [("shifted", "", move(3, 5, 0.9), "shifted_left")], claims.HOLDS),
        (claims._shifted, [("shifted", "", move(3, 8, 0.9), "shifted_left")], claims.FAILS),
        (claims._rotation, [("rotation", "", almost, "test")], claims.HOLDS),
        (claims._rotation, [("rotation", "", hopeless, "test")], claims.FAILS),
        (claims._no_error, [("rotation", "", perfect, "test")], claims.HOLDS),
        (claims._no_error, [("rotation", "", almost, "test"), ("rotation", "", move(5, 3, 0.1), "test")], claims.FAILS),
        (
            claims._small_angles,
            [("angles", "", hopeless, "test"), ("angles", "0 to 90", perfect, "test")],
            claims.HOLDS,
        ),
        (claims._small_angles, [("angles", "", hopeless, "test"), ("angles", "0", perfect, "test")], claims.FAILS),
        (claims._normalised, [("preprocessing", "", hopeless, "test")], claims.FAILS),
        (claims._as_much_as_possible, [("deformations", "all", perfect, "test")], claims.HOLDS),
        (claims._as_much_as_possible, [("deformations", "all", hopeless, "test")], claims.FAILS),
        (claims._beyond, [("best", "", almost, "test")], claims.HOLDS),
        (claims._beyond, [("best", "", hopeless, "test")], claims.FAILS),
    ],
)
def test_each_verdict_follows_the_records(folder, judge, changes, verdict):
    for study, recipe, edit, on in changes:
        change(folder, study, recipe, edit, on)
    assert judge(folder).verdict == verdict


def test_each_claim_is_whole():
    rows = claims.claims()
    assert len(rows) == len(claims.CLAIMS) == claims.table().count("\n") - 2
    for row in rows:
        assert row.seeds >= 2
        assert "|" not in "".join((row.claim, row.section, row.test, row.came, row.verdict))
        assert row.verdict in (claims.HOLDS, claims.PARTLY, claims.FAILS)


def test_a_claim_without_its_record_says_which_is_missing(folder):
    (folder / "shifted.json").unlink()
    with pytest.raises(FileNotFoundError, match="shifted"):
        claims.table(folder)


def test_the_table_is_written_once_and_nothing_else_is_touched(tmp_path, folder):
    readme = tmp_path / "README.md"
    readme.write_text("# é\n<!-- verdicts -->\nold\n<!-- /verdicts -->\nend\n", encoding="utf-8")
    assert claims.write_table(readme, folder)
    assert not claims.write_table(readme, folder)
    text = readme.read_text(encoding="utf-8")
    assert text == f"# é\n<!-- verdicts -->\n{claims.table(folder)}<!-- /verdicts -->\nend\n"
    readme.write_text("no place", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for the table"):
        claims.write_table(readme, folder)
