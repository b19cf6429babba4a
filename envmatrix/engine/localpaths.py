"""What a requirement names on this disk: folders, archives, projects that are used as they lie there."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

from envmatrix.engine.sourcetree import find_top, tree_digest

METADATA = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in")  # what says how a package is built, and of what
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)")
_TAIL = re.compile(r"(?:\s+;|\s+#|\s+--).*$")
_EXTRAS = re.compile(r"\[[^\]]*\]$")
# How a path leaves the folder of the file that says it, and what computes one: once that is the file's own folder.
_ABOVE = re.compile(r"(?:\.\./)+|[\"'=]\s*\.\.(?=[\"'\s]|$)|pardir|\.parents\b", re.MULTILINE)
_PARENT = re.compile(r"\bdirname\b|\.parent\b")
_ABSOLUTE = re.compile(r"[\"'=\s](/[^\"'\s]+)")
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


def names_files_above(root: Path, metadata: bytes, *, top: Path | None) -> bool:
    """Tell whether the metadata of a project in ``root`` name files outside of ``top``, or may compute such paths.

    What computes a path is followed nowhere: it is taken to stay below ``top`` where that lies above the project.
    """
    text = metadata.decode("utf-8", "replace")
    depth = len(root.resolve().relative_to(top.resolve()).parts) if top is not None else 0
    if any(found.count("../") > depth or not depth for found in _ABOVE.findall(text)):
        return True
    if not depth and len(_PARENT.findall(text)) > 1:
        return True
    absolute = [Path(name) for name in _ABSOLUTE.findall(text)]
    return any(path.is_absolute() and not path.is_relative_to(top or root) and _exists(path) for path in absolute)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def built_from(path: Path) -> tuple[Path, str]:
    """Return the folder below which all lies that a project in ``path`` is built from, and the text of its metadata.

    It is the project's own folder, or the repository around it where the metadata name files above that folder.
    """
    metadata = b"\n".join((path / name).read_bytes() for name in METADATA if (path / name).is_file())
    above = names_files_above(path, metadata, top=None)
    return (find_top(path) or path) if above else path, metadata.decode("utf-8", "replace")


def local_digest(path: Path, editable: bool) -> str:
    """Return a digest of names, sizes and times that changes with everything that was installed from a local path."""
    if path.is_dir() and not editable:
        return tree_digest(*built_from(path))
    told = []
    for file in [path / name for name in METADATA] if editable else [path]:
        if file.is_file():
            stat = file.stat()
            told.append((str(file), stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]
