"""The project around the package: its dependencies, its address, its commands, and how light its import is."""

import pkgutil
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement

import mnist_scratch
from mnist_scratch import lessons
from mnist_scratch.__main__ import main

PYPROJECT = (lessons.ROOT / "pyproject.toml").read_text(encoding="utf-8")
ENVIRONMENT = (lessons.ROOT / "environment.yml").read_text(encoding="utf-8")

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


# The address


@pytest.fixture
def checkout(tmp_path):
    """A made-up checkout of one lesson, written for another address."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/one/digits"\n')
    badge, install = lessons.first_cells("03_forward_pass", tmp_path)
    cells = [new_markdown_cell(badge), new_code_cell(install), new_code_cell("print('é')")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "03_forward_pass.ipynb")
    (tmp_path / "README.md").write_text("# Digits\n<!-- badges -->\nold\n<!-- /badges -->\nText, é\n", encoding="utf-8")
    return tmp_path


def test_the_readme_has_the_address():
    found = lessons.README_BADGES.search((lessons.ROOT / "README.md").read_text(encoding="utf-8"))
    assert found, "README.md needs the lines <!-- badges --> and <!-- /badges -->"
    assert found[0] == lessons.readme_badges(), "run `make address`"


def test_first_cells_and_badges_come_from_the_address(checkout):
    badge, install = lessons.first_cells("03_forward_pass.ipynb", checkout)
    opened = "https://colab.research.google.com/github/one/digits/blob/main/notebooks/03_forward_pass.ipynb"
    assert badge.endswith(f"]({opened})")
    assert '%pip install -q "mnist_scratch[sample] @ git+https://github.com/one/digits"' in install
    assert "https://mybinder.org/v2/gh/one/digits/HEAD?labpath=notebooks%2F00_start" in lessons.readme_badges(checkout)


def test_a_new_address_is_written_everywhere_and_only_once(checkout):
    readme, notebook = checkout / "README.md", checkout / "notebooks" / "03_forward_pass.ipynb"
    assert lessons.write_address(checkout) == [readme]
    old = readme.read_text(encoding="utf-8"), notebook.read_text(encoding="utf-8")
    (checkout / "pyproject.toml").write_text('[project.urls]\nRepository = "https://github.com/two/numbers"\n')
    assert lessons.write_address(checkout) == [notebook, readme]
    new = readme.read_text(encoding="utf-8"), notebook.read_text(encoding="utf-8")
    assert new == tuple(text.replace("one/digits", "two/numbers") for text in old)
    assert lessons.write_address(checkout) == []


@pytest.mark.parametrize("bad", ["", "https://example.org/a/b", "https://github.com/one", "https://github.com/a/b/"])
def test_an_address_that_cannot_work_is_refused(checkout, bad):
    (checkout / "pyproject.toml").write_text(f'[project.urls]\nRepository = "{bad}"\n')
    with pytest.raises(lessons.LessonError, match=r"must be https://github\.com/<owner>/<name>"):
        lessons.address(checkout)


def test_a_place_for_the_address_that_is_missing_is_named(checkout):
    (checkout / "README.md").write_text("# Digits\n")
    with pytest.raises(lessons.LessonError, match=r"README\.md must have the lines"):
        lessons.write_address(checkout)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Hi")]), checkout / "notebooks" / "03_forward_pass.ipynb")
    with pytest.raises(lessons.LessonError, match=r"03_forward_pass\.ipynb must begin with the badge"):
        lessons.write_address(checkout)


def test_the_address_stands_nowhere_else():
    home = lessons.address().removeprefix("https://github.com/")
    files = [
        path
        for pattern in ("*.yml", "*.md", "Makefile", ".ci/*", ".github/**/*.yml", "mnist_scratch/**/*.py")
        for path in lessons.ROOT.glob(pattern)
    ]
    texts = {path.name: lessons.README_BADGES.sub("", path.read_text(encoding="utf-8")) for path in files}
    assert "README.md" in texts
    assert [name for name, text in texts.items() if home in text] == []


# The commands


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    """No data in reach but the offline sample."""
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", "")
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(tmp_path / "no-data"))


def test_train_saves_what_evaluate_measures(no_data, tmp_path, capsys):
    weights = str(tmp_path / "weights.npz")
    recipe = ["--hidden", "16", "--epochs", "5", "--batch-size", "16", "--learning-rate", "1", "--seed", "3"]
    assert main(["train", *recipe, "--out", weights]) == 0
    assert re.search(r"Validation accuracy [89]\d\.\d\d%, on 333 training images held back", capsys.readouterr().out)
    assert main(["evaluate", weights]) == 0
    out = capsys.readouterr().out
    rows = re.findall(r"(?m)^ +(\d) +(\d+) +(\d+) +([\d.]+)%", out)
    assert [(digit, images) for digit, images, _, _ in rows] == [(str(digit), "100") for digit in range(10)]
    wrong = sum(int(row[2]) for row in rows)
    assert f"Test accuracy {1 - wrong / 1000:.2%}" in out
    assert 0 < wrong < 250
    assert "offline sample" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch"], "mnist_scratch fetch: "),
        (["evaluate", "nowhere.npz"], "nowhere.npz: No such file or directory"),
        (["train", "--out", "nowhere/weights.npz"], "nowhere: the folder for the weights is not there"),
        (["train", "--epochs", "0"], "epochs must be a whole number above 0; it is 0"),
        (["run", "--lesson", "99"], "No lesson"),
    ],
)
def test_an_error_is_a_message_and_no_traceback(no_data, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_a_traceback_is_shown_when_asked_for(no_data):
    with pytest.raises(FileNotFoundError):
        main(["--traceback", "evaluate", "nowhere.npz"])


def test_the_command_line_names_its_commands():
    done = subprocess.run([sys.executable, "-m", "mnist_scratch", "--help"], capture_output=True, text=True, check=True)
    for command in (
        "fetch",
        "run",
        "train",
        "evaluate",
        "study",
        "reproduce",
        "notebooks",
        "verdicts",
        "address",
        "student",
        "grade",
    ):
        assert re.search(rf"(?m)^ +{command} ", done.stdout)


# The import

HEAVY = (
    "matplotlib scipy pooch tqdm IPython nbformat nbclient jupyter_client mlxtend pandas sklearn torch "
    "joblib threadpoolctl distributed dask"
)
MODULES = [module.name for module in pkgutil.walk_packages(mnist_scratch.__path__, "mnist_scratch.")]


def test_importing_the_package_brings_numpy_alone():
    assert {"mnist_scratch.lessons", "mnist_scratch.experiments.engine"} <= set(MODULES)
    command = f"import sys, {', '.join(MODULES)}; print(*[name for name in {HEAVY!r}.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
