"""``make mutants``: what it leaves as it is, what it goes on from, and that its map of modules and tests is right."""

import json
import tomllib

import pytest

from mnist_scratch.course.checkout import ROOT
from tests import mutants

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]

SOURCE = """
def half(x: float | None, *rest: tuple[1]) -> list[2]:
    if x is None:
        raise ValueError(f"x must be above {3}")
    width: dict[4] = 5
    print(f"{x + 6:.1f}")
    return x / 7
"""


def test_annotations_and_messages_stay_as_they_are():
    kept = mutants.untouched(SOURCE)

    def is_kept(text: str) -> bool:
        line = next(number for number, line in enumerate(SOURCE.splitlines(), 1) if text in line)
        place = (line, SOURCE.splitlines()[line - 1].index(text))
        return any(begin <= place < end for begin, end in kept)

    assert all(map(is_kept, ["float |", "1]", "2]", "raise", "3}", "4]", "6:"]))
    assert not any(map(is_kept, ["x is None", "= 5", "return", "/ 7"]))


def test_what_an_interrupt_cut_short_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "RESULTS", tmp_path / "results.jsonl")
    assert mutants.known_results() == {}
    row = {"module": "costs", "version": "a", "operator": "AddNot", "occurrence": 3, "verdict": "killed"}
    lines = [
        json.dumps(row),
        json.dumps(row | {"occurrence": 4}),
        json.dumps(row | {"occurrence": 5})[:-9],
        json.dumps(row | {"occurrence": 6}),
    ]
    mutants.RESULTS.write_text("\n".join(lines), encoding="utf-8")
    assert [key[3] for key in mutants.known_results()] == ["3", "4", "6"]


@pytest.mark.parametrize("module", SETTINGS["modules"])
def test_each_module_and_its_tests_are_there(module):
    assert (ROOT / "mnist_scratch" / f"{module}.py").is_file()
    assert SETTINGS["modules"][module]
    assert all((ROOT / name).is_file() for name in SETTINGS["modules"][module])


@pytest.mark.parametrize("name", SETTINGS["slow"])
def test_each_slow_test_is_there(name):
    file, _, test = name.partition("::")
    assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text(encoding="utf-8")
