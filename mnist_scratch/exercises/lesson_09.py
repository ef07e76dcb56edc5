"""The checks of the exercises for lesson 09."""

__all__: list[str] = []
