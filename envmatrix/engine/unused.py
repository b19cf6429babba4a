"""Which of the keys that tox did not read are read all the same, because other settings refer to them."""

from __future__ import annotations

import re
from pathlib import Path

from envmatrix.util.toml import Unreadable, read_bytes


def is_referred_to(tox_file: Path, key: str) -> bool:
    """Tell whether the file uses the value elsewhere: ``{[testenv]key}``, or ``"key"`` in a TOML reference."""
    try:
        text = read_bytes(tox_file, tox_file.name).decode("utf-8", "replace")
    except Unreadable:
        return False
    word = re.escape(key)
    in_toml, in_ini = rf"replace\s*=\s*[\"']ref[\"'][^}}]*[\"']{word}[\"']", rf"\{{\[[^\]]*\]{word}[:}}]"
    return re.search(in_toml if tox_file.suffix == ".toml" else in_ini, text) is not None
