"""The checks of the exercises for lesson 06."""

__all__: list[str] = []
