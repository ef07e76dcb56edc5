"""The checks of the exercises for lesson 04."""

__all__: list[str] = []
