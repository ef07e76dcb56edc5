"""The commands: ``python -m mnist_scratch fetch | run | train | evaluate | study | student | grade | ...``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mnist_scratch.datasets import MNIST, DataError, load_mnist
from mnist_scratch.experiments.engine import StudyError
from mnist_scratch.lessons import LessonError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 where something failed, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except (DataError, LessonError, StudyError, OSError, ValueError, ArithmeticError, ModuleNotFoundError) as error:
        if options.traceback:
            raise
        print(f"mnist_scratch {options.name}: {_plain(error)}", file=sys.stderr)
        return 1


def _plain(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f'{error}. The commands need the package\'s extras: pip install -e ".[all]"'
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mnist_scratch", description="Handwritten digits from NumPy alone.")
    parser.add_argument("--traceback", action="store_true", help="on an error, show where it came from")
    commands = parser.add_subparsers(required=True, dest="name", metavar="command")

    def add(name: str, command: object, summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=command)
        return sub

    add("fetch", _fetch, "get the full MNIST data and say where they are from")

    sub = add("run", _run, "execute the lessons in order from fresh kernels; the copies go to build/notebooks")
    sub.add_argument("--lesson", action="append", default=[], metavar="NN", help="only this one (repeatable)")
    sub.add_argument("--sample", action="store_true", help="on the offline sample, whatever data there are")

    sub = add("notebooks", _notebooks, "execute the lessons in place, on the full data, and store their outputs")
    sub.add_argument("--lesson", action="append", default=[], metavar="NN", help="only this one (repeatable)")
    sub.add_argument("--exercises", action="store_true", help="the solved exercises instead, on the offline sample")

    sub = add("train", _train, "train a network of one hidden layer, and save its weights")
    sub.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    sub.add_argument("--hidden", type=int, default=100, help="hidden units")
    sub.add_argument("--epochs", type=int, default=10, help="passes over the training images")
    sub.add_argument("--batch-size", type=int, default=32, help="images a step")
    sub.add_argument("--learning-rate", type=float, default=0.5, help="length of a step")
    sub.add_argument("--seed", type=int, default=0, help="of the first weights and of the images' order")
    sub.add_argument("--out", type=Path, default=Path("weights.npz"), help="the file to write")

    sub = add("evaluate", _evaluate, "measure saved weights on the test images, digit by digit")
    sub.add_argument("weights", type=Path, nargs="?", help="a file that train wrote; without it, the best network's")

    sub = add("study", _study, "make the runs of a study; those finished are kept, and never made twice")
    sub.add_argument("study", metavar="NAME", help="its name; without it, the list", nargs="?")
    sub.add_argument("--seeds", type=int, metavar="N", help="fewer or more than the study's own")
    _add_engine(sub)

    sub = add("reproduce", _reproduce, "make all the studies again, and compare each with its record")
    _add_engine(sub)

    sub = add("student", _student, "write the exercises without their solutions, and a zip of them, to build/student")
    sub.add_argument("--source", type=Path, metavar="FOLDER", help="solved notebooks of your own")
    sub.add_argument("--out", type=Path, metavar="FOLDER", help="write them there instead")

    sub = add("grade", _grade, "grade submissions with nbgrader; scores and feedback go to build/grading")
    sub.add_argument("folder", type=Path, help="the submissions, as FOLDER/<student>/<notebook>.ipynb")
    sub.add_argument("--source", type=Path, metavar="FOLDER", help="solved notebooks with hidden tests of your own")
    sub.add_argument("--out", type=Path, metavar="FOLDER", help="write there instead")
    sub.add_argument("--timeout", type=int, default=60, metavar="SECONDS", help="what a cell may take (60)")

    add("verdicts", _verdicts, "write the table of verdicts, from the recorded results, into the README")
    add("address", _address, "write the repository's address from pyproject.toml into badges and first cells")
    return parser


def _add_engine(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--workers", type=int, metavar="N", help="processes on this machine; its cores, if left out")
    sub.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler, as tcp://10.0.0.5:8786: run there")
    sub.add_argument("--record", action="store_true", help="write what came into the package, as its recorded results")


def _fetch(options: argparse.Namespace) -> int:
    print(_describe(load_mnist("full")))
    return 0


def _describe(mnist: MNIST) -> str:
    what = "the full MNIST" if mnist.source == "full" else "the offline sample of MNIST"
    return f"Data: {what}, {len(mnist.train.labels):,} training and {len(mnist.test.labels):,} test images"


def _run(options: argparse.Namespace) -> int:
    from mnist_scratch import lessons

    paths = lessons.find_lessons(options.lesson, lessons.ROOT)
    mnist = load_mnist("sample" if options.sample else "auto")
    print(_describe(mnist), flush=True)
    build = lessons.ROOT / "build"
    environment = lessons.kernel_environment(mnist.source, build / "no-data")
    outcomes = [lessons.run(path, build / "notebooks", environment) for path in paths]
    print(f"\n{lessons.table(outcomes)}\n{_describe(mnist)}. Executed copies: {build / 'notebooks'}")
    return int(any(outcome.error for outcome in outcomes))


def _notebooks(options: argparse.Namespace) -> int:
    from mnist_scratch import lessons

    if options.exercises:
        from mnist_scratch.exercises.kit import find_exercises

        environment = lessons.kernel_environment("sample", lessons.ROOT / "build" / "no-data")
        paths = [path for path in find_exercises() if path.stem.startswith(tuple(options.lesson) or "")]
        outcomes = [lessons.store(path, environment) for path in paths]
        print(f"\n{lessons.table(outcomes)}")
        return int(any(outcome.error for outcome in outcomes))
    paths = lessons.find_lessons(options.lesson, lessons.ROOT)
    try:
        load_mnist("full")
    except DataError as error:
        raise LessonError(f"Stored outputs come from the full data, and these cannot be had. {error}") from error
    outcomes = [lessons.store(path, lessons.kernel_environment("full", lessons.ROOT / "build")) for path in paths]
    print(f"\n{lessons.table(outcomes)}")
    return int(any(outcome.error for outcome in outcomes))


def _train(options: argparse.Namespace) -> int:
    from mnist_scratch.network import Network
    from mnist_scratch.training import train

    if not options.out.parent.is_dir():
        raise FileNotFoundError(2, "the folder for the weights is not there", str(options.out.parent))
    mnist = load_mnist()
    print(_describe(mnist))
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
    network.save(options.out)
    print(f"Validation accuracy {history.validation_accuracy[-1]:.2%}, on {held_out:,} training images held back.")
    print(f"Saved {options.out}. Next: python -m mnist_scratch evaluate {options.out}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from mnist_scratch.experiments import averaged_outputs, best_network
    from mnist_scratch.metrics import accuracy, digit_table
    from mnist_scratch.network import Network
    from mnist_scratch.preprocessing import preprocess

    network = best_network() if options.weights is None else Network.load(options.weights)
    mnist = load_mnist()
    print(_describe(mnist))
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

    from mnist_scratch import lessons
    from mnist_scratch.experiments import results
    from mnist_scratch.experiments.engine import run_study
    from mnist_scratch.experiments.studies import STUDIES

    mnist = load_mnist()
    print(_describe(mnist))
    folder = lessons.ROOT / "build" / ("studies" if mnist.source == "full" else "studies-on-the-sample")
    study = STUDIES[name]
    workers = (os.cpu_count() or 1) if options.workers is None else options.workers
    records = run_study(study, folder / "runs", seeds=seeds, workers=workers, dask=options.dask)
    came = results.load_results(name, results.save_results(study, records, folder).parent)
    try:
        recorded = results.load_results(name)
    except FileNotFoundError:
        recorded = None
    print(f"\n{study.question}")
    for recipe in study.recipes:
        before = recorded.summary(recipe) if recorded is not None and recipe in recorded.recipes else "nothing"
        print(f"  {recipe:40} {came.summary(recipe)}; recorded: {before}")
    if options.record:
        results.record(study, records, folder / "runs")
        print(f"Recorded in {results.FOLDER}")


def _student(options: argparse.Namespace) -> int:
    from mnist_scratch import lessons
    from mnist_scratch.exercises import kit

    written = kit.student(options.out or lessons.ROOT / "build" / "student", source=options.source)
    print(f"Wrote {len(written) - 1} notebooks and {written[-1]}")
    return 0


def _grade(options: argparse.Namespace) -> int:
    from mnist_scratch import lessons
    from mnist_scratch.exercises import kit

    build = options.out or lessons.ROOT / "build" / "grading"
    print("Submissions are programs, and this runs them. See notebooks/exercises/INSTRUCTORS.md for a sandbox.")
    kit.grade(options.folder, build, options.source, options.timeout)
    print(f"Scores and feedback: {build}")
    return 0


def _verdicts(options: argparse.Namespace) -> int:
    from mnist_scratch import lessons
    from mnist_scratch.experiments import claims

    changed = claims.write_table(lessons.ROOT / "README.md")
    print("The README's table has changed." if changed else "The README's table is as the recorded results have it.")
    return 0


def _address(options: argparse.Namespace) -> int:
    from mnist_scratch import lessons

    changed = lessons.write_address(lessons.ROOT)
    print("\n".join(f"Changed {path}" for path in changed) or "All badges and first cells have the address already.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
