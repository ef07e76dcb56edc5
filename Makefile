# `make` lists the commands. All of them prepare .venv by themselves, again when pyproject.toml has changed.
.DEFAULT_GOAL := help
.PHONY: help run test bench bench-quick mutants lab notebooks exercises student grade guide lint address clean venv
SHELL := /bin/sh
BIN := .venv/bin
PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11 python

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

run: venv  ## execute all the lessons; the copies go to build/notebooks
	@$(BIN)/python -m mnist_scratch run

test: venv  ## run every test, side by side: the package, and each lesson against its stored outputs
	@$(BIN)/python -m pytest -n auto --dist loadfile

bench: .venv/peers  ## time it beside PyTorch, JAX, scikit-learn, OpenCV and SciPy, which it installs
	@$(BIN)/python -m tests.benchmarks.bench

bench-quick: .venv/peers  ## the same with less of each, in under two minutes
	@$(BIN)/python -m tests.benchmarks.bench --quick

mutants: .venv/mutants  ## break the core in small ways and see if a test notices: at most 120 mutants a module, an hour; goes on
	@$(BIN)/python tests/mutants.py $(MODULES)

lab: venv  ## open the lessons in JupyterLab
	@$(BIN)/python -m jupyter lab notebooks

notebooks: venv  ## execute the lessons in place and store their outputs (needs the full data)
	@$(BIN)/python -m mnist_scratch notebooks

exercises: venv  ## execute the solved exercises in place and store their outputs
	@$(BIN)/python -m mnist_scratch notebooks --exercises

student: venv  ## write the exercises without their solutions, and a zip of them, to build/student
	@$(BIN)/python -m mnist_scratch student

grade: venv  ## grade SUBMISSIONS=folder, which holds <student>/<notebook>.ipynb; results go to build/grading
	@test -n "$(SUBMISSIONS)" || { echo "Which folder? make grade SUBMISSIONS=path/to/folder"; exit 1; }
	@$(BIN)/python -m mnist_scratch grade "$(SUBMISSIONS)"

lint: venv  ## check style, format, types and imports, notebooks included
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/python -m nbqa mypy notebooks
	$(BIN)/lint-imports --no-cache

guide: venv  ## write all that is generated: the instructors' guide, badges, first cells, verdicts
	@$(BIN)/python -m mnist_scratch guide

address: venv  ## write the address in pyproject.toml into badges and first cells
	@$(BIN)/python -m mnist_scratch address

clean:  ## remove all that these commands made, .venv too (not the downloaded data)
	rm -rf build .venv *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find mnist_scratch tests -name __pycache__ -prune -exec rm -rf {} +

venv: .venv/installed  ## prepare .venv and nothing else

# The stamp is written last. Without it .venv is new or half-made, and is begun afresh; with an old one it is updated.
.venv/installed: pyproject.toml
	@if [ ! -f $@ ]; then \
	    for python in $(PYTHON); do \
	        "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	        python=; \
	    done; \
	    if [ -z "$$python" ]; then \
	        echo "No Python 3.11 or newer (with venv) among: $(PYTHON)."; \
	        echo "Install one from python.org, or name yours: make PYTHON=/path/to/python3.12 run"; \
	        exit 1; \
	    fi; \
	    echo "Preparing .venv with $$("$$python" --version): a few minutes, this once."; \
	    "$$python" -m venv --clear .venv; \
	fi
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e ".[all]"
	@touch $@

.venv/peers: .venv/installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e ".[peers]"
	@touch $@

.venv/mutants: .venv/installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e ".[mutants]"
	@touch $@
