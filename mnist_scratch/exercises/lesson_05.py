"""The checks of the exercises for lesson 05."""

__all__: list[str] = []
