"""The checks of the exercises for lesson 07."""

__all__: list[str] = []
