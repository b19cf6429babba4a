"""Files that another process may read at any moment: they appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(place: Path, content: bytes) -> None:
    """Write a file beside its place and rename it; its folder is made. Raises OSError."""
    beside = place.with_suffix(f".{os.getpid()}")
    try:
        beside.write_bytes(content)
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
    beside.replace(place)
