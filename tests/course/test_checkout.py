"""Finding the lessons and the exercises of a checkout."""

import pytest
from small_lessons import write_lesson

from mnist_scratch.course.checkout import CourseError, find_exercises, find_lessons


def test_lessons_come_in_reading_order_and_can_be_chosen(root):
    for name in ("10_last", "02_b", "01_a", "draft"):
        write_lesson(root, name)
    assert [path.stem for path in find_lessons((), root)] == ["01_a", "02_b", "10_last"]
    assert [path.stem for path in find_lessons(("10", "01_a"), root)] == ["01_a", "10_last"]
    with pytest.raises(CourseError, match=r"No lesson begins with '04'\. There are: 01_a, 02_b, 10_last"):
        find_lessons(("01", "04"), root)
    with pytest.raises(CourseError, match=r"Clone the repository, and there: pip install"):
        find_lessons((), root / "elsewhere")


def test_exercises_are_found_and_chosen_like_lessons(root):
    with pytest.raises(CourseError, match=r"No exercises in .*\. Clone the repository"):
        find_exercises((), root)
    for name in ("exercises/02_b", "exercises/01_a", "exercises/notes"):
        write_lesson(root, name)
    assert [path.stem for path in find_exercises((), root)] == ["01_a", "02_b"]
    assert [path.stem for path in find_exercises(("02",), root)] == ["02_b"]
    with pytest.raises(CourseError, match=r"No exercise begins with '03'\. There are: 01_a, 02_b"):
        find_exercises(("03",), root)
