"""The checks of the exercises for lesson 08."""

__all__: list[str] = []
