"""The paper's claims, re-run over many seeds: studies, their engine, and their recorded results.

``load_results(name)`` reads what a study found, ``best_network()`` gives the network that lesson 09 ends with, and
``python -m mnist_scratch study NAME`` makes a study's runs.
"""

from mnist_scratch.experiments.measures import averaged_outputs
from mnist_scratch.experiments.results import Mean, Results, best_network, load_results

__all__ = ["Mean", "Results", "averaged_outputs", "best_network", "load_results"]
