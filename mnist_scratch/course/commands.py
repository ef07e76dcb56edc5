"""The commands that need a checkout: run, notebooks, student, grade, guide, verdicts, address.

Each takes the parsed options and returns the exit code.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mnist_scratch.course import checkout
from mnist_scratch.course.checkout import CourseError
from mnist_scratch.course.running import LessonRun, kernel_environment, run_lesson, runs_table
from mnist_scratch.course.storing import store_lesson
from mnist_scratch.datasets import MNIST, DataError, load_mnist


def describe_data(mnist: MNIST) -> str:
    """Return in one line which data there are."""
    what = "the full MNIST" if mnist.source == "full" else "the offline sample of MNIST"
    return f"Data: {what}, {len(mnist.train.labels):,} training and {len(mnist.test.labels):,} test images"


def run(options: argparse.Namespace) -> int:
    """Execute the lessons; the copies go to build/notebooks."""
    paths = checkout.find_lessons(options.lesson, checkout.ROOT)
    mnist = load_mnist("sample" if options.sample else "auto")
    print(describe_data(mnist), flush=True)
    build = checkout.ROOT / "build"
    environment = kernel_environment(mnist.source, build / "no-data")
    runs = [run_lesson(path, build / "notebooks", environment) for path in paths]
    print(f"\n{runs_table(runs)}\n{describe_data(mnist)}. Executed copies: {build / 'notebooks'}")
    return _failed(runs)


def notebooks(options: argparse.Namespace) -> int:
    """Execute the lessons, or the exercises, in place and store their outputs."""
    if options.exercises:
        paths = checkout.find_exercises(options.lesson, checkout.ROOT)
        environment = kernel_environment("sample", checkout.ROOT / "build" / "no-data")
    else:
        paths = checkout.find_lessons(options.lesson, checkout.ROOT)
        environment = kernel_environment("full", checkout.ROOT / "build")
        try:
            load_mnist("full")
        except DataError as error:
            raise CourseError(f"Stored outputs come from the full data, and these cannot be had. {error}") from error
    runs = [store_lesson(path, environment) for path in paths]
    print(f"\n{runs_table(runs)}")
    return _failed(runs)


def _failed(runs: Sequence[LessonRun]) -> int:
    return int(any(run.error for run in runs))


def student(options: argparse.Namespace) -> int:
    """Write the student version of the exercises."""
    from mnist_scratch.course.student import write_student_version

    build = options.out or checkout.ROOT / "build" / "student"
    written = write_student_version(build, checkout.ROOT, options.source)
    print(f"Wrote {len(written) - 1} notebooks and {written[-1]}")
    return 0


def grade(options: argparse.Namespace) -> int:
    """Grade submissions."""
    from mnist_scratch.course import grading

    build = options.out or checkout.ROOT / "build" / "grading"
    print("Submissions are programs, and this runs them. See notebooks/exercises/INSTRUCTORS.md for a sandbox.")
    grading.grade(options.folder, build, options.source, options.timeout)
    print(f"Scores and feedback: {build}")
    return 0


def guide(options: argparse.Namespace) -> int:
    """Write all that is generated."""
    from mnist_scratch.course.guide import write_generated

    return _tell(write_generated(checkout.ROOT), "All that is generated is there already.")


def verdicts(options: argparse.Namespace) -> int:
    """Write the table of verdicts into the README."""
    from mnist_scratch.experiments import claims

    changed = claims.write_table(checkout.ROOT / "README.md")
    print("The README's table has changed." if changed else "The README's table is as the recorded results have it.")
    return 0


def address(options: argparse.Namespace) -> int:
    """Write the repository's address into badges and first cells."""
    from mnist_scratch.course.address import write_address

    return _tell(write_address(checkout.ROOT), "All badges and first cells have the address already.")


def _tell(changed: Sequence[Path], nothing: str) -> int:
    print("\n".join(f"Changed {path}" for path in changed) or nothing)
    return 0
