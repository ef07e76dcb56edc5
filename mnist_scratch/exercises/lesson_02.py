"""The checks of the exercises for lesson 02."""

__all__: list[str] = []
