"""nbgrader's course folder: assignments, submissions, the gradebook, and the steps that lead from one to the next."""

import re
from pathlib import Path
from typing import Any

from mnist_scratch.course.autograder import autograde_steps
from mnist_scratch.course.checkout import CourseError, write_notebook
from mnist_scratch.course.nbgrader_setup import configuration
from mnist_scratch.course.scores import Score
from mnist_scratch.files import write_whole


class CourseFolder:
    """nbgrader's course folder: each notebook is an assignment of its own, so that none can spoil another.

    Parameters
    ----------
    folder : Path
        Made, if it is not there; a gradebook that is there is kept.
    timeout : int
        Seconds that a cell of a submission may take.
    """

    def __init__(self, folder: Path, timeout: int) -> None:
        from nbgrader.coursedir import CourseDirectory

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._config = configuration(autograde_steps())
        self._config.CourseDirectory.root = str(folder)
        self._config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
        self._config.Execute.timeout = timeout
        self._config.ExecutePreprocessor.timeout = timeout
        self._directory = CourseDirectory(config=self._config)
        # for nbgrader's formgrader, to grade by hand
        write_whole(folder / "nbgrader_config.py", f"c = get_config()\nc.CourseDirectory.root = {str(folder)!r}\n")

    def add_assignment(self, solved: Path) -> None:
        """Make an assignment of a solved notebook; CourseError if nbgrader does not accept it."""
        from nbgrader.converters import GenerateAssignment

        name = solved.stem
        place = self.folder / "source" / name / solved.name
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, solved.read_bytes())
        if problem := self._convert(GenerateAssignment, name, "."):
            raise CourseError(f"nbgrader does not accept {solved}: {problem}")

    def released(self, name: str) -> Any:  # noqa: ANN401
        """Return the student version of an assignment."""
        import nbformat

        return nbformat.read(self.folder / "release" / name / f"{name}.ipynb", as_version=4)

    def hand_in(self, notebook: Any, name: str, identity: str) -> None:  # noqa: ANN401
        """Put a submission where nbgrader looks for it."""
        write_notebook(notebook, self.folder / "submitted" / identity / name / f"{name}.ipynb")

    def run(self, name: str, identity: str) -> str:
        """Let nbgrader run what was handed in; return what went wrong in a line, or nothing."""
        from nbgrader.converters import Autograde

        return self._convert(Autograde, name, identity)

    def write_feedback(self, name: str, identity: str, page: Path) -> None:
        """Write the notebook with its results as a page to give back."""
        from nbgrader.converters import GenerateFeedback

        if problem := self._convert(GenerateFeedback, name, identity):
            raise CourseError(f"nbgrader wrote no feedback on {name} of {identity}: {problem}")
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, (self.folder / "feedback" / identity / name / f"{name}.html").read_bytes())

    def exercises(self, name: str) -> list[tuple[str, float]]:
        """Return the numbers of an assignment's exercises with their points, in order."""
        from nbgrader.api import Gradebook

        with Gradebook(self._config.CourseDirectory.db_url) as gradebook:
            cells = gradebook.find_notebook(name, name).grade_cells
            points = [(_exercise_number(cell.name), float(cell.max_score)) for cell in cells]
        return sorted(points, key=lambda pair: _sorting_key(pair[0]))

    def scores(self, name: str, student: str, identity: str, notes: str) -> list[Score]:
        """Return what the gradebook has for a submission that was run, exercise by exercise.

        Parameters
        ----------
        name, identity : str
            Assignment and student, as nbgrader knows them.
        student, notes : str
            Go into each score.
        """
        from nbgrader.api import Gradebook

        scores = []
        with Gradebook(self._config.CourseDirectory.db_url) as gradebook:
            for grade in gradebook.find_submission_notebook(name, name, identity).grades:
                by_hand = grade.needs_manual_grade and grade.manual_score is None
                score = Score(
                    student=student,
                    notebook=name,
                    exercise=_exercise_number(grade.name),
                    points=float(grade.max_score),
                    score=None if by_hand else float(grade.score),
                    state="by hand" if by_hand else "graded",
                    notes=notes,
                )
                scores.append(score)
        return sorted(scores, key=lambda score: _sorting_key(score.exercise))

    def _convert(self, step: Any, name: str, identity: str) -> str:  # noqa: ANN401
        """Run one of nbgrader's steps on one notebook; return what went wrong in a line, or nothing."""
        from nbgrader.utils import capture_log

        self._directory.assignment_id, self._directory.student_id = name, identity
        converter = step(coursedir=self._directory, config=self._config)
        converter.force = True
        result = capture_log(converter)
        if result["success"]:
            return ""
        errors = re.findall(r"(?m)^\s*(?:[\w.]*\.)?(\w*(?:Error|Exception)\b.*)$", result.get("log", ""))
        return str(errors[-1] if errors else result["error"].strip().splitlines()[-1])


def _exercise_number(grade_id: str) -> str:
    """Return "1.2" for the cell "ex-1-2-check"."""
    found = re.fullmatch(r"ex-(\d+)-(\d+)(?:-check)?", grade_id)
    return f"{found[1]}.{found[2]}" if found else grade_id


def _sorting_key(exercise: str) -> list[tuple[int, str]]:
    """Sort "1.10" behind "1.9", and what is no number before all numbers."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in exercise.split(".")]
