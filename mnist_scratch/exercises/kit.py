"""The instructor's kit: the student version of the exercises, and the grading of what comes back.

The solved notebooks of ``notebooks/exercises`` are the single source. nbgrader does the work: its preprocessors take
the solutions and hidden tests out (``release``), its autograder runs a submission and its gradebook holds the scores
(``grade``). What is added here keeps one submission from stopping the others or from gaining by accident: cells that
were deleted or copied are put right before it is graded, each check is imported anew, and a check counts only if it
ran to its end and said that the answer is right. A submission is a program all the same: grade in a sandbox.
"""

import contextlib
import copy
import csv
import functools
import html
import logging
import os
import re
import shutil
import sys
import uuid
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from mnist_scratch import lessons
from mnist_scratch.lessons import LessonError

CODE_STUB = "# your code here"
TEXT_STUB = "*Your answer here.*"

CELL_TIMEOUT = 60
"""Seconds that a cell of a submission may take, unless asked otherwise."""

MAX_TIMEOUTS = 3
"""So many cells of one submission may run out of time; the rest of it is then not run."""

CHECK_SECONDS = "10"
"""What a check may take while it is graded, on a machine that may be busy."""

FRESH = (
    "import sys as _sys; "
    "[_sys.modules.pop(name) for name in list(_sys.modules) if name.startswith('mnist_scratch.exercises')]\n"
)
"""Run before each check: whatever a submission did to the checks' modules, they are read again from their files."""

CALLED = re.compile(r"\bcheck\.(\w+)\(")
SUSPECT = re.compile(
    r"mnist_scratch\.exercises|sys\.modules|_getframe|get_ipython|builtins|__\w+__|setattr|importlib|inspect|"
    r"subprocess|socket|urllib|requests|os\.\w+|shutil|open\(|exec\(|eval\("
)


KINDS = ("predict", "fill in", "write", "repair", "explain", "challenge")

HEAD = re.compile(
    r"### Exercise (?P<number>\d+\.\d+): (?P<title>.+)\n\n"
    r"\*Kind: (?P<kind>[a-z ]+) · (?P<points>\d+) points? · about (?P<minutes>\d+) minutes · "
    r"lesson (?P<lesson>\d\d), sections? \"(?P<sections>.+)\"\*\n\n"
    r"\*\*Goal\.\*\* (?P<goal>.+)"
)
"""How the text of an exercise begins."""


@dataclass(frozen=True)
class Exercise:
    """What the text of an exercise says about it, and the checks that it calls."""

    number: str
    title: str
    kind: str
    points: int
    minutes: int
    lesson: str
    sections: tuple[str, ...]
    goal: str
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """What a student has for one exercise: a line of ``scores.csv``."""

    student: str
    notebook: str
    exercise: str
    points: float
    score: float | None
    """None where it is to be graded by hand."""
    state: str
    """"graded", "by hand", "not handed in", or why it could not be graded."""
    notes: str = ""
    """What someone should look at in this notebook: cells put back, and code that no exercise asks for."""


# The student version


def find_exercises(root: Path = lessons.ROOT) -> list[Path]:
    """Return the solved notebooks in reading order; LessonError if there are none."""
    found = sorted((root / "notebooks" / "exercises").glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise LessonError(f"No exercises in {root / 'notebooks' / 'exercises'}. Clone the repository.")
    return found


def catalogue(notebook: Any) -> list[Exercise]:  # noqa: ANN401
    """Return the exercises of a solved notebook, in order, from the first lines of their texts.

    Raises
    ------
    LessonError
        If a text does not begin as ``HEAD`` wants it.
    """
    found = []
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and cell.source.startswith("### Exercise"):
            head = HEAD.match(cell.source)
            if not head:
                raise LessonError(f"The text of an exercise must begin as kit.HEAD has it: {cell.source[:300]!r}")
            end = place + 1
            while end < len(notebook.cells) and not notebook.cells[end].source.startswith("### Exercise"):
                end += 1
            graded = [cell for cell in notebook.cells[place:end] if cell.metadata.get("nbgrader", {}).get("grade")]
            checks = tuple(dict.fromkeys(name for cell in graded for name in CALLED.findall(cell.source)))
            parts: dict[str, Any] = head.groupdict()
            parts |= {"points": int(head["points"]), "minutes": int(head["minutes"])}
            parts["sections"] = tuple(head["sections"].split('" and "'))
            found.append(Exercise(**parts, checks=checks))
    return found


def release(notebook: Any) -> Any:  # noqa: ANN401
    """Return the student version of a solved notebook: solutions, hidden tests and outputs out, stubs in."""
    from nbgrader import preprocessors

    with _quiet():
        notebook = copy.deepcopy(notebook)
        resources: dict[str, Any] = {}
        for name in _RELEASE:
            if name != "SaveCells":  # that one writes to the gradebook
                step = getattr(preprocessors, name)(config=_config())
                notebook, resources = step.preprocess(notebook, resources)
    return notebook


_RELEASE = (
    "LockCells",
    "ClearSolutions",
    "ClearOutput",
    "CheckCellMetadata",
    "ComputeChecksums",
    "SaveCells",
    "ClearHiddenTests",
    "ClearMarkScheme",
    "ComputeChecksums",
    "CheckCellMetadata",
)


def student(build: Path, root: Path = lessons.ROOT, source: Path | None = None) -> list[Path]:
    """Write the student versions into a folder, and beside them ``exercises.zip`` with all of them.

    Links to the lessons are made to lead to the repository, since the lessons are not in the zip.

    Parameters
    ----------
    build : Path
        The folder; notebooks that are there already are replaced.
    root : Path
        The checkout.
    source : Path, optional
        The folder of the solved notebooks, where it is not the checkout's.

    Returns
    -------
    list of Path
        The notebooks, then the zip.

    Raises
    ------
    LessonError
        If there are no notebooks.
    """
    import nbformat

    build.mkdir(parents=True, exist_ok=True)
    home = f"{lessons.address(root)}/blob/main/notebooks/"
    written = []
    for path in _solved(source, root):
        notebook = release(nbformat.read(path, as_version=4))
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(r"(\]\()\.\./(?=[\w.-]+\.ipynb)", lambda found: found[1] + home, cell.source)
        _write(notebook, build / path.name)
        written.append(build / path.name)
    whole = build / "exercises.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as file:
        for path in written:  # without times, so that the same notebooks make the same zip
            file.writestr(zipfile.ZipInfo(f"exercises/{path.name}"), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [*written, whole]


# Grading


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
    LessonError
        If there is nothing to grade, or nbgrader does not accept the solved notebooks.
    """
    solved = _solved(source)
    names = {path.stem for path in solved}
    students = sorted(path for path in submissions.glob("*/") if not path.name.startswith("."))
    handed_in = [path for folder in students for path in sorted(folder.glob("*.ipynb"))]
    if not any(path.stem in names for path in handed_in):
        raise LessonError(f"Nothing to grade in {submissions}: put each notebook at <student>/<notebook>.ipynb there.")
    for path in handed_in:
        if path.stem not in names:
            print(f"Passed over: {path}, which is not named as one of the exercises")
    used = [path for path in solved if path.stem in {path.stem for path in handed_in}]
    build = build.resolve()
    scores = []
    with _quiet(), _environment(build / "no-data"):
        course = _Course(build / "course", timeout)
        for path in used:
            course.add(path)
        for folder, identity in zip(students, _identities([path.name for path in students]), strict=True):
            for path in used:
                came = course.grade(folder / path.name, folder.name, identity, build / "feedback")
                print(_summary(came), flush=True)
                scores += came
    _save(scores, build)
    return scores


def _solved(source: Path | None, root: Path = lessons.ROOT) -> list[Path]:
    found = find_exercises(root) if source is None else sorted(source.glob("*.ipynb"))
    if not found:
        raise LessonError(f"No solved notebooks in {source}.")
    return found


class _Course:
    """nbgrader's course folder: each notebook is an assignment of its own, so that none can spoil another."""

    def __init__(self, folder: Path, timeout: int) -> None:
        from nbgrader.coursedir import CourseDirectory

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = _config()
        self.config.CourseDirectory.root = str(folder)
        self.config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        self.config.Execute.timeout = timeout
        self.config.ExecutePreprocessor.timeout = timeout
        self.directory = CourseDirectory(config=self.config)
        (folder / "nbgrader_config.py").write_text(  # for nbgrader's formgrader, to grade by hand
            f"c = get_config()\nc.CourseDirectory.root = {str(folder)!r}\n", encoding="utf-8"
        )

    def add(self, solved: Path) -> None:
        """Make an assignment of a solved notebook."""
        from nbgrader.converters import GenerateAssignment

        name = solved.stem
        place = self.folder / "source" / name / solved.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(solved, place)
        problem = self._convert(GenerateAssignment, name, ".")
        if problem:
            raise LessonError(f"nbgrader does not accept {solved}: {problem}")

    def grade(self, path: Path, student: str, identity: str, feedback: Path) -> list[Score]:
        """Grade one notebook of one student, whatever is in it."""
        name = path.stem
        page = feedback / _file_name(student) / f"{name}.html"
        page.unlink(missing_ok=True)
        if not path.is_file():
            return [Score(student, name, *exercise, 0.0, "not handed in") for exercise in self._exercises(name)]
        try:
            notes = self._hand_in(path, identity)
            with _untouched_package() as changed:
                problem = self._run(name, identity)
            if changed:
                problem = f"it changed files of the package, which were put back: {', '.join(changed)}"
        except Exception as error:  # what cannot be read must not stop the rest
            notes, problem = "", f"it cannot be read: {type(error).__name__}: {_first_line(error)}"
        if problem:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"<p>{html.escape(f'{name} could not be graded: {problem}')}</p>\n", encoding="utf-8")
            state = f"could not be graded: {problem}"
            return [Score(student, name, *exercise, 0.0, state, notes) for exercise in self._exercises(name)]
        self._feedback(name, identity, page)
        return self._scores(name, student, identity, notes)

    def _hand_in(self, path: Path, identity: str) -> str:
        """Put a mended copy of the submission where nbgrader looks for it; return the notes on it."""
        import nbformat

        released = nbformat.read(self.folder / "release" / path.stem / path.name, as_version=4)
        notebook, notes = mend(nbformat.read(path, as_version=4), released)
        place = self.folder / "submitted" / identity / path.stem / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(notebook, place)
        return "; ".join(notes)

    def _run(self, name: str, identity: str) -> str:
        from nbgrader.converters import Autograde

        return self._convert(Autograde, name, identity)

    def _feedback(self, name: str, identity: str, page: Path) -> None:
        from nbgrader.converters import GenerateFeedback

        if problem := self._convert(GenerateFeedback, name, identity):
            raise LessonError(f"nbgrader wrote no feedback on {name} of {identity}: {problem}")
        page.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.folder / "feedback" / identity / name / f"{name}.html", page)

    def _convert(self, step: Any, name: str, identity: str) -> str:  # noqa: ANN401
        """Run one of nbgrader's steps on one notebook; return what went wrong in a line, or nothing."""
        from nbgrader.utils import capture_log

        self.directory.assignment_id, self.directory.student_id = name, identity
        converter = step(coursedir=self.directory, config=self.config)
        converter.force = True
        result = capture_log(converter)
        if result["success"]:
            return ""
        errors = re.findall(r"(?m)^\s*(?:[\w.]*\.)?(\w*(?:Error|Exception)\b.*)$", result.get("log", ""))
        return str(errors[-1] if errors else result["error"].strip().splitlines()[-1])

    def _exercises(self, name: str) -> list[tuple[str, float]]:
        from nbgrader.api import Gradebook

        with Gradebook(self.config.CourseDirectory.db_url) as gradebook:
            cells = gradebook.find_notebook(name, name).grade_cells
            return sorted(((_exercise(cell.name), float(cell.max_score)) for cell in cells), key=_order)

    def _scores(self, name: str, student: str, identity: str, notes: str) -> list[Score]:
        from nbgrader.api import Gradebook

        with Gradebook(self.config.CourseDirectory.db_url) as gradebook:
            grades = gradebook.find_submission_notebook(name, name, identity).grades
            scores = []
            for grade in grades:
                by_hand = grade.needs_manual_grade and grade.manual_score is None
                scores.append(
                    Score(
                        student,
                        name,
                        _exercise(grade.name),
                        float(grade.max_score),
                        None if by_hand else float(grade.score),
                        "by hand" if by_hand else "graded",
                        notes,
                    )
                )
        return sorted(scores, key=lambda score: _order((score.exercise, score.points)))


def mend(submitted: Any, released: Any) -> tuple[Any, list[str]]:  # noqa: ANN401
    """Return a submission with the cells that nbgrader needs, each once and marked as it was handed out.

    A cell that was deleted is put back as it was handed out. Of a cell that was copied, the last copy counts (of a
    text, the last that was changed); the others stay as ordinary cells. The student's other cells stay.

    Parameters
    ----------
    submitted, released : nbformat.NotebookNode
        What came back, and the student version.

    Returns
    -------
    notebook : nbformat.NotebookNode
        A new notebook.
    notes : list of str
        What was put right, and which cells hold code that no exercise asks for.
    """
    import nbformat

    notebook, notes = copy.deepcopy(submitted), []
    wanted = {cell.metadata.nbgrader.grade_id: cell for cell in released.cells if "nbgrader" in cell.metadata}
    copies: dict[str, list[Any]] = {grade_id: [] for grade_id in wanted}
    for cell in notebook.cells:
        mark = cell.metadata.pop("nbgrader", None)
        grade_id = mark.get("grade_id") if isinstance(mark, dict) else None
        if isinstance(grade_id, str) and grade_id in wanted:
            copies[grade_id].append(cell)
    before = None
    for grade_id, original in wanted.items():
        changed = [cell for cell in copies[grade_id] if cell.source != original.source]
        if len(copies[grade_id]) > 1:
            notes.append(f"{grade_id} is there {len(copies[grade_id])} times")
        if copies[grade_id]:
            cell = (changed if changed and original.cell_type == "markdown" else copies[grade_id])[-1]
        else:
            notes.append(f"{grade_id} was deleted and put back")
            cell = copy.deepcopy(original)
            place = next((index for index, other in enumerate(notebook.cells) if other is before), -1)
            notebook.cells.insert(place + 1, cell)
        if cell.cell_type != original.cell_type:
            cell = _as_type(notebook, cell, original.cell_type)
        cell.metadata.nbgrader = copy.deepcopy(original.metadata.nbgrader)
        before = cell
    ids: set[str] = set()
    for cell in notebook.cells:
        if cell.get("id") in ids or "id" not in cell:
            cell.id = uuid.uuid4().hex[:8]
        ids.add(cell.id)
    notebook.metadata = copy.deepcopy(released.metadata)
    notebook.nbformat, notebook.nbformat_minor = released.nbformat, released.nbformat_minor
    given = {cell.source for cell in released.cells}
    for cell in notebook.cells:
        mark = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and cell.source not in given and (mark.get("solution") or not mark):
            found = sorted(set(SUSPECT.findall(cell.source)))
            if found:
                notes.append(f"look at {mark.get('grade_id', 'an added cell')}: {', '.join(found)}")
    nbformat.validate(notebook)
    return notebook, notes


def _as_type(notebook: Any, cell: Any, cell_type: str) -> Any:  # noqa: ANN401
    from nbformat.v4 import new_code_cell, new_markdown_cell

    make: Any = new_code_cell if cell_type == "code" else new_markdown_cell
    new = make(cell.source, metadata=cell.metadata)
    place = next(index for index, other in enumerate(notebook.cells) if other is cell)
    notebook.cells[place] = new
    return new


@functools.cache
def _steps() -> list[Any]:
    """Return the autograder's steps: nbgrader's own, with the running of a notebook made to survive what it runs."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from nbformat.v4 import new_output
    from nbgrader import preprocessors, utils

    def is_check(cell: Any) -> bool:  # noqa: ANN401
        return cell.cell_type == "code" and utils.is_grade(cell) and not utils.is_solution(cell)

    def fail(cell: Any, text: str) -> None:  # noqa: ANN401
        cell.outputs.append(new_output("error", ename="NotGraded", evalue=text, traceback=[f"NotGraded: {text}"]))

    class Enough(Exception):
        pass

    class Run(preprocessors.Execute):  # type: ignore[misc]
        """Run a submission. Where its kernel dies or does not come back, what had run before counts."""

        def create_kernel_manager(self) -> Any:  # noqa: ANN401
            # Without folders to search, "python3" is this interpreter, whatever kernels are installed for the user.
            self.km = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
            return self.km

        def preprocess(self, notebook: Any, resources: Any, km: Any = None) -> Any:  # noqa: ANN401
            self.running, self.timeouts = None, 0
            try:
                return super().preprocess(notebook, resources, km)
            except (DeadKernelError, CellControlSignal, Enough) as problem:
                if self.running is None:
                    raise
                ended = "its kernel ended" if isinstance(problem, DeadKernelError) else "it ran out of time"
                fail(self.running, f"{ended} here; what comes after this cell was not run")
                return notebook, resources

        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:  # noqa: ANN401
            if cell.cell_type != "code":
                return super().preprocess_cell(cell, resources, index)
            self.running, source = cell, cell.source
            if is_check(cell):
                cell.source = FRESH + source
            try:
                done = super().preprocess_cell(cell, resources, index)
            finally:
                cell.source = source
            self.timeouts += any(output.get("ename") == "CellTimeoutError" for output in cell.outputs)
            if self.timeouts >= MAX_TIMEOUTS:
                raise Enough
            return done

    class Proof(preprocessors.NbGraderPreprocessor):  # type: ignore[misc]
        """A check counts only if it ran to its end and said that the answer is right."""

        def preprocess_cell(self, cell: Any, resources: Any, index: int) -> Any:  # noqa: ANN401
            if is_check(cell):
                said = "".join(output.text for output in cell.outputs if output.get("name") == "stdout").splitlines()
                if cell.execution_count is None:
                    fail(cell, "this check was not run, since the notebook had ended before")
                elif any(f"{name}: right." not in said for name in CALLED.findall(cell.source)):
                    fail(cell, "this check did not say that the answer is right")
            return cell, resources

    own = ["IgnorePattern", "LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata"]
    return [Run, Proof, *(getattr(preprocessors, name) for name in own)]


def _config() -> Any:  # noqa: ANN401
    """Return nbgrader's configuration, the same for the student version and for the grading."""
    from nbgrader import preprocessors
    from traitlets.config import Config

    config = Config()
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    config.GenerateAssignment.preprocessors = [getattr(preprocessors, name) for name in _RELEASE]
    config.Autograde.autograde_preprocessors = _steps()
    config.NotebookClient.shutdown_kernel = "immediate"
    config.Execute.extra_arguments = ["--log-level=ERROR", "--HistoryManager.hist_file=:memory:"]
    return config


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep nbgrader's log, and the warnings of what it uses, off the terminal: what went wrong is in the scores."""
    logger = logging.getLogger("traitlets")
    handlers, propagate, level = logger.handlers[:], logger.propagate, logger.level
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@contextlib.contextmanager
def _environment(empty: Path) -> Iterator[None]:
    """Let the submissions' kernels work on the offline sample, with patient checks."""
    before = dict(os.environ)
    # nbgrader calls alembic by its name: this interpreter's, also where no environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), before.get("PATH", "")])
    wanted = lessons.kernel_environment("sample", empty)
    wanted |= {"MNIST_SCRATCH_CHECK_SECONDS": CHECK_SECONDS, "PATH": path}
    try:
        os.environ.clear()
        os.environ.update(wanted)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _untouched_package() -> Iterator[list[str]]:
    """Put the package's programs back, should the block change them; the names of those that it changed are yielded."""
    changed: list[str] = []
    package = Path(__file__).resolve().parent.parent
    before = {path: path.read_bytes() for path in package.rglob("*.py")}
    yield changed
    for path in {*before, *package.rglob("*.py")}:
        if path not in before:
            path.unlink()
        elif not path.is_file() or path.read_bytes() != before[path]:
            path.write_bytes(before[path])
        else:
            continue
        changed.append(path.name)


# Words and files


def _identities(names: Sequence[str]) -> list[str]:
    """Return the students' folder names as nbgrader takes them: unlike each other, and without blanks or brackets."""
    plain = [re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII) for name in names]
    return [name if plain.count(name) == 1 else f"{name}.{place}" for place, name in enumerate(plain)]


def _file_name(student: str) -> str:
    return student


def _exercise(grade_id: str) -> str:
    """Return "1.2" for the cell "ex-1-2-check"."""
    found = re.fullmatch(r"ex-(\d+)-(\d+)(?:-check)?", grade_id)
    return f"{found[1]}.{found[2]}" if found else grade_id


def _order(exercise: tuple[str, float]) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in exercise[0].split(".")]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


def _totals(scores: Sequence[Score]) -> tuple[float, float, float]:
    """Return the points reached, those still to be given by hand, and those that there are."""
    return (
        sum(score.score for score in scores if score.score is not None),
        sum(score.points for score in scores if score.score is None),
        sum(score.points for score in scores),
    )


def _summary(scores: Sequence[Score]) -> str:
    reached, open_, points = _totals(scores)
    first = scores[0]
    text = f"{first.student:20} {first.notebook:22} {reached:g} of {points:g}"
    text += f", {open_:g} by hand" if open_ else ""
    text += f"; {first.state}" if first.state not in ("graded", "by hand") else ""
    return text + (f"; {first.notes}" if first.notes else "")


def _save(scores: Sequence[Score], build: Path) -> None:
    with (build / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Score)])
        writer.writerows(_cells(astuple(score)) for score in scores)
    with (build / "totals.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "notebook", "score", "by_hand", "points", "notes"])
        for key in dict.fromkeys((score.student, score.notebook) for score in scores):
            these = [score for score in scores if (score.student, score.notebook) == key]
            writer.writerow(_cells([*key, *_totals(these), these[0].notes]))


def _cells(values: Sequence[object]) -> list[object]:
    """Make a line of CSV: whole points without ".0", and no text that a spreadsheet would take for a formula."""
    line: list[object] = []
    for value in values:
        if isinstance(value, float):
            line.append(f"{value:g}")
        elif isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
            line.append(f"'{value}")
        else:
            line.append(value)
    return line


def _write(notebook: Any, path: Path) -> None:  # noqa: ANN401
    import nbformat

    path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")
