"""The house: imports go down only, by the contract in pyproject.toml, and importing the package brings NumPy alone."""

import pkgutil
import shutil
import subprocess
import sys

import pytest

import mnist_scratch
from mnist_scratch.course.checkout import ROOT

HEAVY = (
    "matplotlib scipy pooch tqdm IPython nbformat nbclient jupyter_client mlxtend pandas sklearn torch "
    "joblib threadpoolctl distributed dask nbgrader importlinter"
)
MODULES = [module.name for module in pkgutil.walk_packages(mnist_scratch.__path__, "mnist_scratch.")]


def test_importing_the_package_brings_numpy_alone():
    assert {"mnist_scratch.course.guide", "mnist_scratch.experiments.engine"} <= set(MODULES)
    command = f"import sys, {', '.join(MODULES)}; print(*[name for name in {HEAVY!r}.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.fixture
def house(tmp_path):
    """A copy of the package's programs and of the contract, to be built wrongly."""
    for path in (ROOT / "mnist_scratch").rglob("*.py"):
        copied = tmp_path / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contract(folder) -> tuple[int, str]:
    """The exit code and the words of ``lint-imports`` in a checkout."""
    command = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_imports_go_down_only():
    code, words = contract(ROOT)
    assert code == 0, words


@pytest.mark.parametrize(
    ("room", "line", "told"),
    [
        ("layers.py", "from mnist_scratch.network import Network\n", "mnist_scratch.layers -> mnist_scratch.network"),
        ("costs.py", "def f():\n    import mnist_scratch.training\n", "mnist_scratch.costs -> mnist_scratch.training"),
        ("files.py", "import mnist_scratch.checks\n", "mnist_scratch.files -> mnist_scratch.checks"),
        ("exercises/answers.py", "import mnist_scratch.course.banks\n", "mnist_scratch.exercises.answers -> mnist"),
        ("exercises/check.py", "from mnist_scratch.experiments import claims\n", "exercises.check -> mnist_scratch.ex"),
        ("course/guide.py", "import mnist_scratch.__main__\n", "course.guide -> mnist_scratch.__main__"),
        ("attic.py", "", "mnist_scratch.attic"),
        ("network.py", "def f():\n    import torch\n", "mnist_scratch.network -> torch"),
    ],
)
def test_the_contract_notices_a_house_built_wrongly(house, room, line, told):
    path = house / "mnist_scratch" / room
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + line, encoding="utf-8")
    code, words = contract(house)
    assert code == 1
    assert told in " ".join(words.split())
