"""The checks of the exercises for lesson 01."""

__all__: list[str] = []
