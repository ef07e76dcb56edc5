"""The project around the package: its dependencies, its checks before a commit, and what runs in public."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from mnist_scratch.course.checkout import ROOT

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
ENVIRONMENT = (ROOT / "environment.yml").read_text(encoding="utf-8")

# Dependencies


def drift(pyproject: str, environment_yml: str) -> list[str]:
    """How conda's list differs from the core and the extras that make up ``all``."""
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    (everything,) = (Requirement(line) for line in extras["all"])
    wanted = [*project["dependencies"], *(line for extra in everything.extras for line in extras[extra])]
    environment = yaml.safe_load(environment_yml)
    listed = environment["dependencies"]
    conda = [line for line in listed if isinstance(line, str) and line != "pip" and not line.startswith("python=")]
    differences = {str(Requirement(line)) for line in wanted} ^ {
        # conda's matplotlib brings Qt along; matplotlib-base is what PyPI calls matplotlib
        str(Requirement(line.replace("matplotlib-base", "matplotlib")))
        for line in conda
    }
    if {"pip": ["-e ."]} not in listed or "pip" not in listed:
        differences.add("the package itself")
    if environment["channels"] != ["conda-forge"]:
        differences.add("conda-forge")
    (python,) = (line.removeprefix("python=") for line in listed if str(line).startswith("python="))
    if not Requirement("python" + project["requires-python"]).specifier.contains(python):
        differences.add("python")
    return sorted(differences)


def test_conda_and_pip_get_the_same():
    assert drift(PYPROJECT, ENVIRONMENT) == []


@pytest.mark.parametrize("line", re.findall(r"(?m)^  - (?!python=).*$", ENVIRONMENT), ids=lambda line: line[4:])
def test_drift_is_noticed_when_conda_lacks_a_line(line):
    lacking = ENVIRONMENT.replace(line + "\n", "").replace("      - -e .\n", "" if "pip:" in line else "      - -e .\n")
    assert drift(PYPROJECT, lacking) != []


@pytest.mark.parametrize(
    ("pyproject", "environment"),
    [
        (PYPROJECT, ENVIRONMENT.replace("numpy>=2.0", "numpy>=2.1")),
        (PYPROJECT, ENVIRONMENT.replace("numpy>=2.0", "numpy")),
        (PYPROJECT, ENVIRONMENT.replace("  - pip\n", "  - pip\n  - seaborn>=0.13\n")),
        (PYPROJECT, ENVIRONMENT.replace("python=3.13", "python=3.10")),
        (PYPROJECT.replace('    "tqdm>=4.66",\n', ""), ENVIRONMENT),
        (PYPROJECT.replace(',grading]"', ',grading,peers]"'), ENVIRONMENT),
    ],
)
def test_drift_is_noticed_in_both_directions(pyproject, environment):
    assert (pyproject, environment) != (PYPROJECT, ENVIRONMENT)
    assert drift(pyproject, environment) != []


# Checks


def lint_commands(makefile: str) -> list[str]:
    """What `make lint` runs, without the environment's folder."""
    recipe = makefile.partition("\nlint:")[2].partition("\n\n")[0]
    return [line.strip().removeprefix("$(BIN)/") for line in recipe.splitlines()[1:]]


def hook_commands(pre_commit: str) -> list[str]:
    """What is run before a commit."""
    return [hook["entry"] for repo in yaml.safe_load(pre_commit)["repos"] for hook in repo["hooks"]]


def test_a_commit_is_checked_as_make_lint_does():
    commands = lint_commands((ROOT / "Makefile").read_text(encoding="utf-8"))
    assert "ruff check" in commands
    assert hook_commands((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")) == commands


def test_the_second_oracle_runs_in_public():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    scripts = ["\n".join(step.get("run", "") for step in job["steps"]) for job in workflow["jobs"].values()]
    assert any("pip install torch" in script and "pytest tests/test_peers.py" in script for script in scripts)
