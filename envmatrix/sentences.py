"""What sentences of every part of the tool have in common."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return the first names, and how many there are besides."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown
