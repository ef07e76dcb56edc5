"""What the tests of the course share: a made-up checkout."""

import pytest

from mnist_scratch.course import checkout


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A made-up checkout, without data but the offline sample."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    monkeypatch.delenv("MNIST_SCRATCH_DATA", raising=False)
    monkeypatch.setenv("MNIST_SCRATCH_MIRRORS", "")
    monkeypatch.setenv("MNIST_SCRATCH_CACHE", str(tmp_path / "no-data"))
    return tmp_path
