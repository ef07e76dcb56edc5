"""The commands: ``python -m mnist_scratch fetch | run | train | evaluate | study | student | grade | ...``."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mnist_scratch.course import commands
from mnist_scratch.course.checkout import CourseError
from mnist_scratch.course.commands import describe_data
from mnist_scratch.course.options import OptionError, folder, named, positive, whole
from mnist_scratch.datasets import DataError, load_mnist
from mnist_scratch.experiments.engine import StudyError

if TYPE_CHECKING:
    from mnist_scratch.network import Network

FAILURES = (
    OptionError,
    DataError,
    CourseError,
    StudyError,
    OSError,
    ValueError,
    ArithmeticError,
    MemoryError,
    ModuleNotFoundError,
)
"""Errors that are told in a message, without a traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 where something failed, 130 after Ctrl-C."""
    try:
        options = _parser().parse_args(arguments)
    except OptionError as error:
        print(f"mnist_scratch: {error}", file=sys.stderr)
        return 1
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except FAILURES as error:
        if options.traceback:
            raise
        print(f"mnist_scratch {options.name}: {_plain(error)}", file=sys.stderr)
        return 1


def _plain(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {error}".rstrip()
    if isinstance(error, ModuleNotFoundError):
        return f'{error}. The commands need the package\'s extras: pip install -e ".[all]"'
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


Add = Callable[[str, object, str], argparse.ArgumentParser]
"""Adds a command: its name, its function and a summary."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mnist_scratch", description="Handwritten digits from NumPy alone.")
    parser.add_argument("--traceback", action="store_true", help="on an error, show where it came from")
    subparsers = parser.add_subparsers(required=True, dest="name", metavar="command")

    def add(name: str, command: object, summary: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=command)
        return sub

    add("fetch", _fetch, "get the full MNIST data and say where they are from")
    _add_lessons(add)
    _add_training(add)
    _add_studies(add)
    _add_exercises(add)
    add("guide", commands.guide, "write all that is generated: the instructors' guide, badges, first cells, verdicts")
    add("verdicts", commands.verdicts, "write the table of verdicts, from the recorded results, into the README")
    add("address", commands.address, "write the repository's address from pyproject.toml into badges and first cells")
    return parser


def _add_lessons(add: Add) -> None:
    sub = add("run", commands.run, "execute the lessons in order from fresh kernels; the copies go to build/notebooks")
    _add_lesson(sub)
    sub.add_argument("--sample", action="store_true", help="on the offline sample, whatever data there are")

    sub = add(
        "notebooks", commands.notebooks, "execute the lessons in place, on the full data, and store their outputs"
    )
    _add_lesson(sub)
    sub.add_argument("--exercises", action="store_true", help="the solved exercises instead, on the offline sample")


def _add_lesson(sub: argparse.ArgumentParser) -> None:
    reader = named("--lesson", "a lesson, such as 03")
    sub.add_argument(
        "--lesson", action="append", default=[], type=reader, metavar="NN", help="only this one (repeatable)"
    )


def _add_training(add: Add) -> None:
    sub = add("train", _train, "train a network of one hidden layer, and save its weights")
    sub.formatter_class = argparse.ArgumentDefaultsHelpFormatter

    def number(option: str, default: int, low: int, high: int, text: str) -> None:
        sub.add_argument(option, type=whole(option, "train", low, high), default=default, metavar="N", help=text)

    number("--hidden", 100, 1, 100_000, "hidden units")
    number("--epochs", 10, 1, 1_000_000, "passes over the training images")
    number("--batch-size", 32, 1, 1_000_000, "images a step")
    rate = positive("--learning-rate", "train")
    sub.add_argument("--learning-rate", type=rate, default=0.5, metavar="RATE", help="length of a step")
    number("--seed", 0, 0, 2**32 - 1, "of the first weights and of the images' order")
    sub.add_argument("--out", default="weights.npz", metavar="FILE", help="the file to write")

    sub = add("evaluate", _evaluate, "measure saved weights on the test images, digit by digit")
    sub.add_argument("weights", nargs="?", help="a file that train wrote; without it, the best network's")


def _add_studies(add: Add) -> None:
    sub = add("study", _study, "make the runs of a study; those finished are kept, and never made twice")
    sub.add_argument("study", metavar="NAME", help="its name; without it, the list", nargs="?")
    seeds = whole("--seeds", "study", 1, 10_000)
    sub.add_argument("--seeds", type=seeds, metavar="N", help="fewer or more than the study's own")
    _add_engine(sub, "study")

    sub = add("reproduce", _reproduce, "make all the studies again, and compare each with its record")
    _add_engine(sub, "reproduce")


def _add_engine(sub: argparse.ArgumentParser, command: str) -> None:
    workers = whole("--workers", command, 1, 1_024)
    sub.add_argument("--workers", type=workers, metavar="N", help="processes on this machine; its cores, if left out")
    scheduler = named("--dask", "the address of a Dask scheduler, such as tcp://10.0.0.5:8786")
    sub.add_argument("--dask", type=scheduler, metavar="ADDRESS", help="of a Dask scheduler: run there")
    sub.add_argument("--record", action="store_true", help="write what came into the package, as its recorded results")


def _add_exercises(add: Add) -> None:
    sub = add("student", commands.student, "write the exercises without their solutions, and a zip, to build/student")
    sub.add_argument("--source", type=folder("--source"), metavar="FOLDER", help="solved notebooks of your own")
    sub.add_argument("--out", type=folder("--out"), metavar="FOLDER", help="write them there instead")

    sub = add("grade", commands.grade, "grade submissions with nbgrader; scores and feedback go to build/grading")
    sub.add_argument("folder", type=folder("folder"), help="the submissions, as FOLDER/<student>/<notebook>.ipynb")
    private = "solved notebooks with hidden tests of your own"
    sub.add_argument("--source", type=folder("--source"), metavar="FOLDER", help=private)
    sub.add_argument("--out", type=folder("--out"), metavar="FOLDER", help="write there instead")
    timeout = whole("--timeout", "grade", 1, 86_400)
    sub.add_argument("--timeout", type=timeout, default=60, metavar="SECONDS", help="what a cell may take (60)")


def _fetch(options: argparse.Namespace) -> int:
    print(describe_data(load_mnist("full")))
    return 0


def _train(options: argparse.Namespace) -> int:
    from mnist_scratch.course.outputs import check_output, save_or_rescue
    from mnist_scratch.network import Network
    from mnist_scratch.training import train

    wanted = check_output(options.out, "--out")
    mnist = load_mnist()
    print(describe_data(mnist))
    images, labels = mnist.train.images, mnist.train.labels
    held_out = len(labels) // 12  # the last 5,000 of 60,000
    network = Network.from_sizes([784, options.hidden, 10], seed=options.seed)
    history = train(
        network,
        images[:-held_out],
        labels[:-held_out],
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        validation=(images[-held_out:], labels[-held_out:]),
        seed=options.seed,
    )
    place, problem = save_or_rescue(network.save, wanted)
    print(f"Validation accuracy {history.validation_accuracy[-1]:.2%}, on {held_out:,} training images held back.")
    print(f"Saved {place}. Next: python -m mnist_scratch evaluate {place}")
    if problem is not None:
        print(f"mnist_scratch train: {wanted} could not be written: {_plain(problem)}", file=sys.stderr)
    return int(problem is not None)


def _evaluate(options: argparse.Namespace) -> int:
    from mnist_scratch.experiments import averaged_outputs, best_network
    from mnist_scratch.metrics import accuracy, digit_table
    from mnist_scratch.preprocessing import preprocess

    network = best_network() if options.weights is None else _load_weights(options.weights)
    mnist = load_mnist()
    print(describe_data(mnist))
    if mnist.source == "sample":
        print("These are from MNIST's training images: weights trained on the full data have seen them.")
    labels, predictions = mnist.test.labels, network.predict(preprocess(mnist.test.images))
    print("digit  images  wrong  accuracy  95 % interval")
    for row in digit_table(labels, predictions):
        print(f"{row.digit:5}  {row.count:6}  {row.wrong:5}  {row.accuracy:8.2%}  {row.low:.2%} to {row.high:.2%}")
    print(f"Test accuracy {accuracy(labels, predictions):.2%}")
    if options.weights is None:
        averaged = averaged_outputs(network, mnist.test.images).argmax(axis=1)
        print(f"Outputs averaged over small warps of each image: {accuracy(labels, averaged):.2%}")
    return 0


def _load_weights(name: str) -> "Network":
    """Read a network for the digits, or say why the file holds none."""
    import os

    from mnist_scratch.network import Network

    if not name.strip():
        raise OptionError("weights must name a file that train wrote; it is empty. Leave it out for the best network.")
    if os.path.isdir(name):
        raise OptionError(f"weights must name a file that train wrote; {name} is a folder.")
    if not os.path.exists(name):
        raise OptionError(f"{name} is not there. To make it: python -m mnist_scratch train --out {name}")
    network = Network.load(name)
    sizes = network.layers[0].n_in, network.layers[-1].n_out
    if sizes != (784, 10):
        raise OptionError(
            f"{name} holds a network of {sizes[0]} inputs and {sizes[1]} outputs; digits need 784 and 10."
        )
    return network


def _study(options: argparse.Namespace) -> int:
    from mnist_scratch.experiments.studies import STUDIES

    if options.study is None:
        for study in STUDIES.values():
            print(f"{study.name:14} {len(study.recipes):2} recipes x {study.seeds:3} seeds  {study.question}")
        return 0
    if options.study not in STUDIES:
        raise StudyError(f"there is no study {options.study!r}; there are {', '.join(STUDIES)}.")
    _run_and_compare(options.study, options.seeds, options)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    from mnist_scratch.experiments.studies import STUDIES

    for name in STUDIES:
        _run_and_compare(name, None, options)
    return 0


def _run_and_compare(name: str, seeds: int | None, options: argparse.Namespace) -> None:
    """Make a study's runs under build/studies, and print each recipe's mean beside the recorded one."""
    import os

    from mnist_scratch.course import checkout
    from mnist_scratch.experiments import results
    from mnist_scratch.experiments.engine import run_study
    from mnist_scratch.experiments.studies import STUDIES

    mnist = load_mnist()
    print(describe_data(mnist))
    folder = checkout.ROOT / "build" / ("studies" if mnist.source == "full" else "studies-on-the-sample")
    study = STUDIES[name]
    workers = (os.cpu_count() or 1) if options.workers is None else options.workers
    records = run_study(study, folder / "runs", seeds=seeds, workers=workers, dask=options.dask)
    fresh = results.load_results(name, results.save_results(study, records, folder).parent)
    try:
        recorded = results.load_results(name)
    except FileNotFoundError:
        recorded = None
    print(f"\n{study.question}")
    for recipe in study.recipes:
        before = recorded.summary(recipe) if recorded is not None and recipe in recorded.recipes else "nothing"
        print(f"  {recipe:40} {fresh.summary(recipe)}; recorded: {before}")
    if options.record:
        results.record(study, records, folder / "runs")
        print(f"Recorded in {results.FOLDER}")


if __name__ == "__main__":
    sys.exit(main())
