"""Grading: each submission is put right, run by nbgrader with the original checks, and scored.

What is added to nbgrader keeps one submission from stopping the others or from gaining by accident. A submission is a
program all the same: grade in a sandbox.
"""

import contextlib
import html
import itertools
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import mnist_scratch
from mnist_scratch.course.checkout import CourseError
from mnist_scratch.course.gradebook import CourseFolder
from mnist_scratch.course.nbgrader_setup import quiet_nbgrader
from mnist_scratch.course.running import kernel_environment
from mnist_scratch.course.scores import Score, summary_line, write_scores
from mnist_scratch.course.student import solved_notebooks
from mnist_scratch.course.submissions import mend
from mnist_scratch.files import write_whole

CELL_TIMEOUT = 60
"""Seconds that a cell of a submission may take, unless asked otherwise."""

CHECK_SECONDS = "10"
"""What a check may take while it is graded, on a machine that may be busy."""

PACKAGE = Path(mnist_scratch.__file__).resolve().parent


def grade(submissions: Path, build: Path, source: Path | None = None, timeout: int = CELL_TIMEOUT) -> list[Score]:
    """Grade a folder of submissions, ``<student>/<notebook>.ipynb``, with nbgrader.

    Into ``build`` go ``scores.csv`` (a line for each student and exercise), ``totals.csv`` (one for each student and
    notebook), ``feedback/<student>/<notebook>.html``, and nbgrader's own course folder, ``course``, with its gradebook.
    That is kept from one call to the next: points given by hand in it stay.

    Parameters
    ----------
    submissions : Path
        The folder. What is not named as one of the exercises is passed over, with a line that says so.
    build : Path
        Where the results go.
    source : Path, optional
        The folder of the solved notebooks, which may hold more hidden tests than the public ones.
    timeout : int
        Seconds that a cell may take.

    Raises
    ------
    CourseError
        If there is nothing to grade, or nbgrader does not accept the solved notebooks.
    """
    solved = solved_notebooks(source)
    names = {path.stem for path in solved}
    students = sorted(path for path in submissions.glob("*/") if not path.name.startswith("."))
    handed_in = [path for folder in students for path in sorted(folder.glob("*.ipynb"))]
    if not any(path.stem in names for path in handed_in):
        raise CourseError(f"Nothing to grade in {submissions}: put each notebook at <student>/<notebook>.ipynb there.")
    for path in handed_in:
        if path.stem not in names:
            print(f"Passed over: {path}, which is not named as one of the exercises")
    assignments = [path for path in solved if path.stem in {path.stem for path in handed_in}]
    build = build.resolve()
    scores = []
    with quiet_nbgrader(), _grading_environment(build / "no-data"):
        course = CourseFolder(build / "course", timeout)
        for path in assignments:
            course.add_assignment(path)
        for folder, identity in zip(students, _identities([path.name for path in students]), strict=True):
            for path in assignments:
                page = build / "feedback" / folder.name / f"{path.stem}.html"
                notebook_scores = _grade_notebook(course, folder / path.name, identity, page)
                print(summary_line(notebook_scores), flush=True)
                scores += notebook_scores
    write_scores(scores, build)
    return scores


def _grade_notebook(course: CourseFolder, path: Path, identity: str, page: Path) -> list[Score]:
    """Grade one notebook of one student, whatever is in it, and write the feedback on it to a page."""
    import nbformat

    student, name = path.parent.name, path.stem
    page.unlink(missing_ok=True)
    if not path.is_file():
        return [Score(student, name, *exercise, 0.0, "not handed in") for exercise in course.exercises(name)]
    notes: list[str] = []
    try:
        notebook, notes = mend(nbformat.read(path, as_version=4), course.released(name))
        course.hand_in(notebook, name, identity)
        with _files_kept(PACKAGE) as changed:
            problem = course.run(name, identity)
        if changed:
            problem = f"it changed files of the package, which were put back: {', '.join(changed)}"
    except Exception as error:  # what cannot be read must not stop the rest
        problem = f"it cannot be read: {type(error).__name__}: {_first_line(error)}"
    if problem:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, f"<p>{html.escape(f'{name} could not be graded: {problem}')}</p>\n")
        state = f"could not be graded: {problem}"
        return [Score(student, name, *exercise, 0.0, state, "; ".join(notes)) for exercise in course.exercises(name)]
    course.write_feedback(name, identity, page)
    return course.scores(name, student, identity, "; ".join(notes))


@contextlib.contextmanager
def _grading_environment(empty: Path) -> Iterator[None]:
    """Let the submissions' kernels work on the offline sample, with patient checks."""
    before = dict(os.environ)
    # nbgrader calls alembic by its name: this interpreter's, also where no environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), before.get("PATH", "")])
    wanted = kernel_environment("sample", empty)
    wanted |= {"MNIST_SCRATCH_CHECK_SECONDS": CHECK_SECONDS, "PATH": path}
    try:
        os.environ.clear()
        os.environ.update(wanted)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _files_kept(package: Path) -> Iterator[list[str]]:
    """Put a package's programs back, should the block change them; the names of those that it changed are yielded."""
    changed: list[str] = []
    before = {path: path.read_bytes() for path in package.rglob("*.py")}
    try:
        yield changed
    finally:
        for path in sorted({*before, *package.rglob("*.py")}):
            if path not in before:
                path.unlink()
            elif not path.is_file() or path.read_bytes() != before[path]:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, before[path])
            else:
                continue
            changed.append(path.name)


def _identities(names: Sequence[str]) -> list[str]:
    """Return the students' folder names as nbgrader takes them: unlike each other, and without blanks or brackets."""
    plain = [re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII) for name in names]
    identities: list[str] = []
    for name in plain:
        numbered = (f"{name}.{number}" for number in itertools.count())
        unlike = (other for other in numbered if other not in plain and other not in identities)
        identities.append(name if plain.count(name) == 1 else next(unlike))
    return identities


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
