"""Files whose line ends on disk are others than a checkout of their content would have.

git converts line ends (``core.autocrlf``, the attributes ``text`` and ``eol``) before it compares, so it calls a file
with CRLF unchanged where the commit has LF. A shell script or a parser takes the one for the other only by accident.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from envmatrix.evidence.git import GitError, git

_CONVERTING: Final = re.compile(rb"(?<![-!\w])(?:text|eol|crlf)\b")
# "i/lf    w/crlf  attr/text=auto        \tPATH"
_ENTRY: Final = re.compile(rb"i/(\S*) +w/(\S*) +attr/([^\t]*)\t(.*)", re.DOTALL)
_LONGEST: Final = 1 << 20


def is_converting(top: Path, common: Path, attribute_files: Iterable[str]) -> bool:
    """Return whether a setting or an attribute makes git convert line ends; ``attribute_files`` are those it tracks."""
    places = [common / "info" / "attributes", *(top / name for name in attribute_files)]
    if any(_CONVERTING.search(_beginning(place)) for place in places):
        return True
    try:
        asked = ["config", "-z", "--get-regexp", r"^core\.(autocrlf|attributesfile)$"]
        answers = dict(entry.split(b"\n", 1) for entry in git(asked, cwd=top).split(b"\0") if b"\n" in entry)
    except GitError:  # neither is set
        return False
    own = answers.get(b"core.attributesfile")
    if own is not None and _CONVERTING.search(_beginning(Path(os.fsdecode(own)).expanduser())):
        return True
    return answers.get(b"core.autocrlf", b"false").lower() not in (b"false", b"no", b"off", b"0", b"")


def find_converted(top: Path, env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the tracked files that have CRLF on disk, where git has LF and a plain checkout would write LF.

    Raises GitError.
    """
    found = []
    for entry in git(["ls-files", "--eol", "-z"], cwd=top, env=env).split(b"\0"):
        parts = _ENTRY.fullmatch(entry)
        if parts is None:
            continue
        index, disk, attributes, path = parts.groups()
        if index == b"lf" and disk in (b"crlf", b"mixed") and not {b"-text", b"eol=crlf"} & set(attributes.split()):
            found.append(os.fsdecode(path))
    return tuple(found)


def _beginning(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read(_LONGEST)
    except OSError:
        return b""
