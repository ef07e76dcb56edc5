"""The checks of the exercises for lesson 03."""

__all__: list[str] = []
