"""Make names for records and logs that are safe as paths, whatever the names of cells and trees contain."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.local import StoreError
from envmatrix.util.state_dir import make_state_dir, state_path

_PART: Final = r"[A-Za-z0-9_~%-][A-Za-z0-9_.~%-]*"
_NAME: Final = re.compile(rf"(?:{_PART}/){{2}}{_PART}\.(?:json|log)")
_LONGEST: Final = 120


def is_name(name: str) -> bool:
    """Return whether this is a possible name of a record or of its log."""
    return _NAME.fullmatch(name) is not None


def make_name(evidence: Evidence) -> str:
    """Return the name of a record in every store."""
    return make_record_name(evidence.tree, evidence.cell, evidence.id)


def make_record_name(tree: str, cell: str, record_id: str) -> str:
    """Return the name of the record with that tree, cell and id in every store."""
    return f"{make_component(tree)}/{make_component(cell)}/{make_component(record_id)}.json"


def make_log_name(evidence: Evidence) -> str:
    """Return the name of a record's log in every store."""
    return f"{make_name(evidence).removesuffix('.json')}.log"


def make_component(text: str) -> str:
    """Return text as one part of a path: without separators and leading dot, and short enough for file systems."""
    safe = quote(text, safe="", errors="backslashreplace")
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if len(safe) > _LONGEST:
        return f"{safe[: _LONGEST - 33]}~{hashlib.sha256(text.encode(errors='backslashreplace')).hexdigest()[:32]}"
    return safe


def make_state_folder(project: Path) -> Path:
    """Return the project's ``.envmatrix`` directory; create it, ignored by git, if it is missing.

    Raises StoreError: when it cannot be created or written.
    """
    try:
        return make_state_dir(project)
    except OSError as error:
        raise StoreError(
            f"{state_path(project)} cannot be created or written: {error.strerror}; make the project directory "
            "writable, or keep the evidence elsewhere with --store URL or the variable ENVMATRIX_STORE"
        ) from error


def parse_tree(folder: str) -> str:
    """Return the tree whose evidence is in a directory of that name, "" if the name is not of a tree."""
    tree = folder.replace("%3A", ":")
    return tree if make_component(tree) == folder else ""
