"""What a requirement names on this disk: folders, archives, projects that are used as they lie there."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

from envmatrix.engine.sourcetree import sources_digest

METADATA = ("pyproject.toml", "setup.py", "setup.cfg")  # what an editable installation was made from
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)")
_TAIL = re.compile(r"(?:\s+;|\s+#|\s+--).*$")
_EXTRAS = re.compile(r"\[[^\]]*\]$")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")


def local_path(line: str, root: Path) -> tuple[Path, bool] | None:
    """Return what a requirement line names on this disk, and whether it is taken as it lies there (``-e``)."""
    editable = _EDITABLE.match(line)
    text = line[editable.end() :] if editable else line
    text = _TAIL.sub("", text).strip().strip("'\"")
    if " file:" in text or text.startswith("file:") or "@file:" in text:
        text = unquote(re.sub(r"^.*?file:(?://)?", "", text).split("#")[0])
    elif "://" in text or " @ " in text:
        return None
    text = _EXTRAS.sub("", text)
    if "/" not in text and text != "." and not text.endswith(_ARCHIVES):
        return None
    path = (root / text).resolve()
    return (path, editable is not None) if path.exists() else None


def local_digest(path: Path, editable: bool) -> str:
    """Return a digest of names, sizes and times that changes with everything that was installed from a local path."""
    if path.is_dir() and not editable:
        return sources_digest(path)
    told = []
    for file in [path / name for name in METADATA] if editable else [path]:
        if file.is_file():
            stat = file.stat()
            told.append((str(file), stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]
