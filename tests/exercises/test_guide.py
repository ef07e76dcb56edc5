"""The instructors' guide says what the notebooks, the banks and the lessons say."""

import re

import guide
import pytest

from mnist_scratch import lessons


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setenv("MNIST_SCRATCH_CHECK_SECONDS", "20")


def test_the_generated_parts_are_as_they_would_be_generated():
    text = guide.GUIDE.read_text(encoding="utf-8")
    assert len(guide.MARKED.findall(text)) == 2
    assert guide.filled(text) == text, f"run: {guide.COMMAND}"


def test_each_lessons_questions_are_answered():
    text = guide.answers()
    for path in lessons.find_lessons():
        part = text.partition(f"### Lesson {path.stem[:2]}\n")[2].partition("###")[0]
        assert len(re.findall(r"(?m)^\d\. .+ \*\*Answer:\*\* \S", part)) >= 3, path.stem


def test_links_of_the_guide_lead_somewhere():
    text = guide.GUIDE.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert target.startswith("https://") or (guide.GUIDE.parent / target).exists(), target
