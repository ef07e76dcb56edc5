"""The table of verdicts: each judged from records on either side of each of its thresholds, and the README's table."""

import json
import shutil

import numpy as np
import pytest

from mnist_scratch.course import checkout
from mnist_scratch.experiments import claims, results
from mnist_scratch.experiments.claims import FAILS, HOLDS, PARTLY
from mnist_scratch.marks import read_between

EACH = 10_000
"""Images of each digit in made-up records: an accuracy to four places is a whole number of images."""


def reading(*wrong):
    """A confusion matrix: all is read rightly but for (digit, what it is read as, how many images of it)."""
    counts = EACH * np.eye(10, dtype=int)
    for digit, taken_for, images in wrong:
        counts[digit, digit] -= images
        counts[digit, taken_for] += images
    return counts


def right(accuracy):
    """A confusion matrix of this accuracy, to five places; every digit has its share of the errors."""
    wrong = round((1 - accuracy) * 10 * EACH)
    return reading(*((digit, (digit + 1) % 10, wrong // 10 + (digit < wrong % 10)) for digit in range(10)))


def digits(**accuracies):
    """A confusion matrix in which these digits (d3=0.87) have these accuracies, and the others are read rightly."""
    return reading(*((int(d[1]), 5, round((1 - accuracy) * EACH)) for d, accuracy in accuracies.items()))


def write(folder, study, recipes):
    """Write a study's results: for each recipe a list of runs, for each run what was measured, "test" if not named."""
    runs = [
        {
            "name": name,
            "seed": seed,
            "versions": {},
            "cores": 2,
            "data": "full",
            "result": {"probe_cost": 0.5, "train_cost": [0.5]}
            | {
                f"{on}_confusion": counts.tolist()
                for on, counts in (run if isinstance(run, dict) else {"test": run}).items()
            },
            "seconds": 1.0,
        }
        for name, made in recipes.items()
        for seed, run in enumerate(made)
    ]
    fields = {name: {} for name in recipes}
    content = {"study": study, "question": "?", "command": "c", "recipes": fields, "runs": runs}
    (folder / f"{study}.json").write_text(json.dumps(content))


def twice(accuracy):
    """Two runs of this accuracy: the mean's interval has no width."""
    return [right(accuracy)] * 2


def spread(low, high):
    """Two runs that differ: the mean's interval reaches far beyond both."""
    return [right(low), right(high)]


# Of 41 runs in order, the quantiles 0.025 and 0.975 are the second and the last but one.


def second_lowest(lowest, second, others):
    return [lowest, second] + 39 * [others]


def second_highest(others, second, highest):
    return 39 * [others] + [second, highest]


OVERALL = [
    ("as the paper's", twice(0.9264), HOLDS),
    ("all just above", twice(0.92641), FAILS),
    ("all just below", twice(0.92639), FAILS),
    ("low end at it", second_lowest(right(0.9), right(0.9264), right(0.95)), HOLDS),
    ("low end above it", second_lowest(right(0.9), right(0.92641), right(0.95)), FAILS),
    ("high end at it", second_highest(right(0.9), right(0.9264), right(0.95)), HOLDS),
    ("high end below it", second_highest(right(0.9), right(0.92639), right(0.95)), FAILS),
]
PAPER_3, PAPER_8 = 0.8693, 0.8717
TWO_DIGITS = [
    ("as the paper's", 2 * [digits(d3=PAPER_3, d8=PAPER_8)], HOLDS),
    ("3 just above", 2 * [digits(d3=PAPER_3 + 1e-4, d8=PAPER_8)], PARTLY),
    ("3 just below", 2 * [digits(d3=PAPER_3 - 1e-4, d8=PAPER_8)], PARTLY),
    ("8 just above", 2 * [digits(d3=PAPER_3, d8=PAPER_8 + 1e-4)], PARTLY),
    ("8 just below", 2 * [digits(d3=PAPER_3, d8=PAPER_8 - 1e-4)], PARTLY),
    ("both above", 2 * [digits(d3=PAPER_3 + 1e-4, d8=PAPER_8 + 1e-4)], FAILS),
    ("both below", 2 * [digits(d3=PAPER_3 - 1e-4, d8=PAPER_8 - 1e-4)], FAILS),
    ("never in one run", 5 * [digits(d3=0.8), digits(d8=0.8)], PARTLY),
    ("low end of 3 at it", second_lowest(*(digits(d3=d3, d8=PAPER_8) for d3 in (0.8, PAPER_3, 0.95))), HOLDS),
    ("low end of 3 above", second_lowest(*(digits(d3=d3, d8=PAPER_8) for d3 in (0.8, PAPER_3 + 1e-4, 0.95))), PARTLY),
    ("high end of 3 at it", second_highest(*(digits(d3=d3, d8=PAPER_8) for d3 in (0.8, PAPER_3, 0.95))), HOLDS),
    ("high end of 3 below", second_highest(*(digits(d3=d3, d8=PAPER_8) for d3 in (0.8, PAPER_3 - 1e-4, 0.95))), PARTLY),
    ("low end of 8 at it", second_lowest(*(digits(d3=PAPER_3, d8=d8) for d8 in (0.8, PAPER_8, 0.95))), HOLDS),
    ("low end of 8 above", second_lowest(*(digits(d3=PAPER_3, d8=d8) for d8 in (0.8, PAPER_8 + 1e-4, 0.95))), PARTLY),
    ("high end of 8 at it", second_highest(*(digits(d3=PAPER_3, d8=d8) for d8 in (0.8, PAPER_8, 0.95))), HOLDS),
    ("high end of 8 below", second_highest(*(digits(d3=PAPER_3, d8=d8) for d8 in (0.8, PAPER_8 - 1e-4, 0.95))), PARTLY),
]
PAIR, OTHER_PAIR = digits(d3=0.8, d8=0.7, d1=0.9), digits(d3=0.8, d1=0.7, d8=0.9)
TWO_WORST = [
    ("181 of 200", 181 * [PAIR] + 19 * [OTHER_PAIR], HOLDS),
    ("180 of 200", 180 * [PAIR] + 20 * [OTHER_PAIR], PARTLY),
    ("101 of 200", 101 * [PAIR] + 99 * [OTHER_PAIR], PARTLY),
    ("100 of 200", 100 * [PAIR] + 100 * [OTHER_PAIR], FAILS),
]


def threes(five, eight):
    """3s that are read as 5 and as 8; other digits' errors must not count."""
    return reading((3, 5, five), (3, 8, eight), (2, 5, 500), (5, 3, 500))


AS_FIVE = [
    ("901 of 1,000", 2 * [threes(901, 99)], HOLDS),
    ("900 of 1,000", 2 * [threes(900, 100)], PARTLY),
    ("90 to 100 of 100", [threes(90, 10), threes(100, 0)], PARTLY),  # the mean is above, its interval is not
    ("the most in 3 of 4", 3 * [threes(51, 49)] + [threes(49, 51)], PARTLY),
    ("the most in half", 2 * [threes(51, 49)] + 2 * [threes(49, 51)], FAILS),
]


def shifted(plain, left, right):
    """A run of which shares of the 3s are read as 5: as they are, and moved."""
    return {
        on: reading((3, 5, round(share * EACH)), (3, 8, 400), (2, 5, 3000))
        for on, share in (("test", plain), ("shifted_left", left), ("shifted_right", right))
    }


SHIFTED = [
    ("just above half", 2 * [shifted(0.1, 0.5001, 0.1)], HOLDS),
    ("above half, and more the other way", 2 * [shifted(0.1, 0.5001, 0.6)], HOLDS),
    ("half", 2 * [shifted(0.1, 0.5, 0.1)], PARTLY),
    ("interval around half", [shifted(0.1, 0.5, 0.1), shifted(0.1, 0.9, 0.1)], FAILS),
    ("just more than unmoved", 2 * [shifted(0.3999, 0.4, 0.1)], PARTLY),
    ("as much as unmoved", 2 * [shifted(0.4, 0.4, 0.1)], FAILS),
    ("just more than to the right", 2 * [shifted(0.1, 0.4, 0.3999)], PARTLY),
    ("as much as to the right", 2 * [shifted(0.1, 0.4, 0.4)], FAILS),
    ("within the interval of unmoved", [shifted(0.2, 0.4, 0.1), shifted(0.3, 0.4, 0.1)], FAILS),
    ("within the interval of to the right", [shifted(0.1, 0.4, 0.2), shifted(0.1, 0.4, 0.3)], FAILS),
]


def rotation(upright, turned, smaller=0.9):
    """The study's four recipes; the larger network has the accuracies, the smaller one a lower one."""

    def both(runs, other):
        return [{"test": one, "rotated_test": two} for one, two in zip(runs, other, strict=True)]

    return {
        "100 hidden, upright": both(twice(0.97), twice(0.3)),
        "100 hidden, 0 to 90": both(twice(smaller), twice(smaller)),
        "300 hidden, upright": both(twice(0.995), twice(0.3)),
        "300 hidden, 0 to 90": both(upright, turned),
    }


ROTATION = [
    ("upright at it", rotation(twice(0.991), twice(0.9)), HOLDS),
    ("turned at it", rotation(twice(0.9), twice(0.991)), HOLDS),
    ("both just below", rotation(twice(0.99099), twice(0.99099)), FAILS),
    ("upright's interval reaches it", rotation(spread(0.98, 0.99), twice(0.9)), HOLDS),
    ("turned's interval reaches it", rotation(twice(0.9), spread(0.98, 0.99)), HOLDS),
    ("the smaller network at it", rotation(twice(0.9), twice(0.9), smaller=0.991), HOLDS),
]
NO_ERROR = [
    ("at it", [digits(d4=0.991), digits(d7=0.991, d3=0.992)], HOLDS),
    ("just below", [digits(d4=0.991), digits(d7=0.9909, d3=0.992)], FAILS),
    ("one run far below", [digits(d4=0.99), digits(d7=0.9919)], FAILS),
    ("one run far below, one above", [digits(d4=0.99), digits(d7=0.9922)], HOLDS),
]


def angles(none, some, quarter):
    return {"0": none, "-15 to 15": some, "0 to 90": quarter}


SMALL_ANGLES = [
    ("all help", angles(twice(0.98), twice(0.98001), twice(0.98001)), HOLDS),
    ("0 to 90 is as none", angles(twice(0.98), twice(0.98001), twice(0.98)), HOLDS),
    ("0 to 90 just hurts", angles(twice(0.98), twice(0.98001), twice(0.97999)), PARTLY),
    ("0 to 90 may hurt", angles(twice(0.98), twice(0.98001), spread(0.97, 0.979)), HOLDS),
    ("none just helps", angles(twice(0.98), twice(0.98), twice(0.98)), FAILS),
    ("the best may help", angles(twice(0.98), spread(0.981, 0.99), twice(0.98)), FAILS),
    ("0 to 90 is within the interval of none", angles(spread(0.9699, 0.9701), twice(0.98), twice(0.969)), HOLDS),
    ("none may be as good", angles(spread(0.97, 0.979), twice(0.98), twice(0.98)), FAILS),
    ("0 to 90 is the best", angles(twice(0.98), twice(0.97), twice(0.98001)), HOLDS),
]


def scales(raw, unit, standard):
    """Three scales at two rates each: the one with these test accuracies is the better on the validation images."""
    recipes = {}
    for scale, chosen in (("raw", raw), ("unit", unit), ("standardized", standard)):
        for rate, runs, validation in ((0.5, twice(0.999), 0.8), (1.5, chosen, 0.80001), (4.5, twice(0.1), 0.79)):
            recipes[f"{scale}, rate {rate}"] = [{"test": run, "validation": right(validation)} for run in runs]
    return recipes | {"deskewed": [{"test": right(1.0), "validation": right(1.0)}] * 2}


NORMALISED = [
    ("just above both", scales(twice(0.9), twice(0.95), twice(0.95001)), HOLDS),
    ("as unit", scales(twice(0.9), twice(0.95), twice(0.95)), PARTLY),
    ("just above raw", scales(twice(0.9), twice(0.95), twice(0.90001)), PARTLY),
    ("as raw", scales(twice(0.9), twice(0.95), twice(0.9)), FAILS),
    ("its interval reaches unit", scales(twice(0.3), twice(0.95), spread(0.951, 0.99)), PARTLY),
    ("unit's interval reaches it", scales(twice(0.3), spread(0.9, 0.949), twice(0.95)), PARTLY),
    ("its interval reaches raw", scales(twice(0.9), twice(0.95), spread(0.901, 0.99)), FAILS),
    ("raw's interval reaches it", scales(spread(0.8, 0.899), twice(0.95), twice(0.9)), FAILS),
]


def kinds(none, everything, best_kind):
    return {
        "none": none,
        "deskewed": twice(0.999),
        "shift": twice(0.97),
        "elastic": best_kind,
        "all": everything,
    }


AS_MUCH = [
    ("all are the best", kinds(twice(0.98), twice(0.99001), twice(0.99)), HOLDS),
    ("one kind is as good", kinds(twice(0.98), twice(0.99), twice(0.99)), HOLDS),
    ("one kind is just better", kinds(twice(0.98), twice(0.98999), twice(0.99)), PARTLY),
    ("all are as good on the mean", kinds(twice(0.98), spread(0.9899, 0.9901), twice(0.99)), HOLDS),
    ("one kind is as good on the mean", kinds(twice(0.98), twice(0.99), spread(0.9899, 0.9901)), HOLDS),
    ("one kind is just better on the mean", kinds(twice(0.98), twice(0.98999), spread(0.9899, 0.9901)), PARTLY),
    ("all just help", kinds(twice(0.98), twice(0.98001), twice(0.98)), HOLDS),
    ("all help nothing", kinds(twice(0.98), twice(0.98), twice(0.97)), FAILS),
    ("all may help", kinds(twice(0.98), spread(0.981, 0.99), twice(0.97)), FAILS),
    ("none may be as good", kinds(spread(0.97, 0.979), twice(0.98), twice(0.97)), FAILS),
]
BEYOND = [
    ("at it", twice(0.991), HOLDS),
    ("just below", twice(0.99099), FAILS),
    ("mean at it", spread(0.99, 0.992), PARTLY),
    ("mean just below", spread(0.99, 0.99198), FAILS),
]
CASES = [
    *((claims._overall, "paper", {"paper": runs}, name, verdict) for name, runs, verdict in OVERALL),
    *((claims._two_digits, "paper", {"paper": runs}, name, verdict) for name, runs, verdict in TWO_DIGITS),
    *((claims._two_worst, "paper", {"paper": runs}, name, verdict) for name, runs, verdict in TWO_WORST),
    *((claims._three_as_five, "paper", {"paper": runs}, name, verdict) for name, runs, verdict in AS_FIVE),
    *((claims._shifted, "shifted", {"paper": runs}, name, verdict) for name, runs, verdict in SHIFTED),
    *((claims._rotation, "rotation", recipes, name, verdict) for name, recipes, verdict in ROTATION),
    *(
        (claims._no_error, "rotation", {"a, 0 to 90": runs, "a, upright": 2 * [digits(d1=0.1)]}, name, verdict)
        for name, runs, verdict in NO_ERROR
    ),
    *((claims._small_angles, "angles", recipes, name, verdict) for name, recipes, verdict in SMALL_ANGLES),
    *((claims._normalised, "preprocessing", recipes, name, verdict) for name, recipes, verdict in NORMALISED),
    *((claims._as_much_as_possible, "deformations", recipes, name, verdict) for name, recipes, verdict in AS_MUCH),
    *((claims._beyond, "best", {"1536+768": runs}, name, verdict) for name, runs, verdict in BEYOND),
]


@pytest.mark.parametrize(
    ("judge", "study", "recipes", "verdict"),
    [
        pytest.param(judge, study, recipes, verdict, id=f"{judge.__name__[1:]}: {name}")
        for judge, study, recipes, name, verdict in CASES
    ],
)
def test_a_verdict_turns_at_its_thresholds(tmp_path, judge, study, recipes, verdict):
    write(tmp_path, study, recipes)
    assert judge(tmp_path).verdict == verdict


def test_every_claim_was_judged_at_its_thresholds():
    missing = {judge.__name__ for judge in claims.CLAIMS} - {judge.__name__ for judge, *_ in CASES}
    assert not missing, f"add cases to CASES, on each side of each threshold, for: {', '.join(sorted(missing))}"


WORDS = [
    (
        claims._two_digits,
        "paper",
        {
            "paper": [
                *3 * [digits(d3=PAPER_3, d8=PAPER_8)],
                digits(d3=PAPER_3 + 1e-4, d8=PAPER_8),
                digits(d3=PAPER_3, d8=PAPER_8 + 1e-4),
            ]
        },
        "3: 86.93% (95 % of the runs 86.93% to 86.94%); 8: 87.17% (87.17% to 87.18%); both as low in one run: 3 times",
        5,
    ),
    (
        claims._two_worst,
        "paper",
        {"paper": [PAIR, PAIR, OTHER_PAIR]},
        "3 and 8 are the two worst in 2 of 3 runs; most often the worst: 8",
        3,
    ),
    (
        claims._three_as_five,
        "paper",
        {"paper": [threes(30, 10), threes(30, 10), threes(0, 0), reading((3, 8, 5))]},
        "50% of the misread 3s (0% to 100%); the most frequent in 2 runs",
        3,  # the run that misreads no 3 has nothing to say
    ),
    (
        claims._shifted,
        "shifted",
        {"paper": [shifted(0.02, 0.4, 0.03), shifted(0.04, 0.42, 0.05)]},
        "read as 5: 41% moved left, 4% moved right, 3% as they are",
        2,
    ),
    (
        claims._rotation,
        "rotation",
        rotation(twice(0.92), twice(0.95)),
        "upright 92.00%, turned 95.00%; without turning, upright 99.50%",
        2,
    ),
    (
        claims._no_error,
        "rotation",
        {
            "a, 0 to 90": [digits(d1=0.9), digits(d1=0.8)],
            "b, 0 to 90": [digits(d2=0.7), right(0.9)],
            "b, upright": [digits(d2=0.1), right(0.3)],
        },
        "the worst digit of a run is read at 82.50% on average; a digit without any error in 3 of 4 runs",
        4,
    ),
    (
        claims._small_angles,
        "angles",
        angles(twice(0.98), twice(0.99), twice(0.97)),
        "none 98.00%; best, -15 to 15 degrees: 99.00%; 0 to 90 degrees: 97.00%",
        2,
    ),
    (
        claims._normalised,
        "preprocessing",
        scales(twice(0.91), twice(0.92), twice(0.93)),
        "91.00%, 92.00%, 93.00%",
        2,
    ),
    (
        claims._as_much_as_possible,
        "deformations",
        kinds(twice(0.97), twice(0.99), twice(0.98)),
        "none 97.00%; all kinds together 99.00%; the best kind alone, elastic: 98.00%",
        2,
    ),
    (
        claims._as_much_as_possible,
        "deformations",
        kinds(twice(0.98), twice(0.96), twice(0.95)),
        "none 98.00%; all kinds together 96.00%; the best kind alone, shift: 97.00%",
        2,
    ),
    (claims._beyond, "best", {"1536+768": twice(0.9945)}, "99.45% (99.45% to 99.45%)", 2),
    (
        claims._overall,
        "paper",
        {"paper": second_lowest(right(0.9), right(0.91), right(0.95))},
        "mean 94.78%; 95 % of the runs between 91.00% and 95.00%",
        41,
    ),
]


@pytest.mark.parametrize(
    ("judge", "study", "recipes", "words", "seeds"), WORDS, ids=[judge.__name__[1:] for judge, *_ in WORDS]
)
def test_a_claim_says_what_was_measured(tmp_path, judge, study, recipes, words, seeds):
    write(tmp_path, study, recipes)
    claim = judge(tmp_path)
    assert (claim.measured, claim.seeds) == (words, seeds)


@pytest.mark.parametrize(
    ("judge", "study", "recipes", "message"),
    [
        (claims._rotation, "rotation", {"100 hidden, upright": twice(0.9)}, "no recipe with '0 to 90' in its name"),
        (claims._rotation, "rotation", {"100 hidden, 0 to 90": twice(0.9)}, "did not measure 'rotated_test'"),
        (claims._normalised, "preprocessing", {"deskewed": twice(0.9)}, "no recipe with 'raw, rate' in its name"),
        (claims._small_angles, "angles", {"-15 to 15": twice(0.9)}, "has no recipe '0'; it has -15 to 15"),
        (claims._small_angles, "angles", {"0": twice(0.9)}, "has no recipe '0 to 90'; it has 0"),
        (claims._as_much_as_possible, "deformations", {"none": twice(0.9)}, "has no recipe 'all'"),
        (claims._as_much_as_possible, "deformations", {"none": twice(0.9), "all": twice(0.9)}, "lacks the recipes to"),
        (claims._shifted, "shifted", {"paper": twice(0.9)}, "did not measure 'shifted_left'"),
    ],
)
def test_what_a_record_lacks_for_a_claim_is_named(tmp_path, judge, study, recipes, message):
    write(tmp_path, study, recipes)
    with pytest.raises(KeyError, match=message):
        judge(tmp_path)


# The table


@pytest.fixture
def folder(tmp_path):
    """The package's records, in a place where they may be changed."""
    shutil.copytree(results.FOLDER, tmp_path / "results")
    return tmp_path / "results"


def test_the_readme_shows_the_table_that_the_records_give():
    readme = (checkout.ROOT / "README.md").read_text(encoding="utf-8")
    assert read_between(readme, "verdicts") == claims.verdict_table(), "run: python -m mnist_scratch verdicts"


def test_each_claim_is_whole():
    rows = claims.claims()
    assert len(rows) == len(claims.CLAIMS) == claims.verdict_table().count("\n") - 2
    for row in rows:
        assert row.seeds >= 2
        assert "|" not in "".join((row.claim, row.section, row.test, row.measured, row.verdict))
        assert row.verdict in (HOLDS, PARTLY, FAILS)


def test_a_claim_without_its_record_says_which_is_missing(folder):
    (folder / "shifted.json").unlink()
    with pytest.raises(FileNotFoundError, match="shifted"):
        claims.verdict_table(folder)


def test_the_table_is_written_once_and_nothing_else_is_touched(tmp_path, folder):
    readme = tmp_path / "README.md"
    readme.write_text("# é\n<!-- verdicts -->\nold\n<!-- /verdicts -->\nend\n", encoding="utf-8")
    assert claims.write_table(readme, folder)
    before = readme.stat().st_mtime_ns
    assert not claims.write_table(readme, folder)
    assert readme.stat().st_mtime_ns == before
    text = readme.read_text(encoding="utf-8")
    assert text == f"# é\n<!-- verdicts -->\n{claims.verdict_table(folder)}<!-- /verdicts -->\nend\n"
    readme.write_text("no place", encoding="utf-8")
    with pytest.raises(ValueError, match="verdicts"):
        claims.write_table(readme, folder)
