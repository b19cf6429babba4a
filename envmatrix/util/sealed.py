"""Files of a cache in the checkout that are believed only as this machine wrote them.

A checkout is foreign input: a commit can hold a file of the cache, a copy can bring one from elsewhere, and a disk can
damage one. The seal is a digest of the content with the inode of the file, which no commit and no copy can know.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TypeVar

import msgspec

from envmatrix.util.files import temporary_file
from envmatrix.util.json import decode

T = TypeVar("T")


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    seal: str
    content: msgspec.Raw


def write_sealed(place: Path, value: object) -> None:
    """Write a value as JSON next to its place and rename it; its directory is made. Raises OSError."""
    content = msgspec.json.encode(value)
    with temporary_file(place, b"") as temporary:  # the file is there before what it holds: the seal names its inode
        seal = _seal(temporary.stat(), content)
        temporary.write_bytes(msgspec.json.encode(_Sealed(seal=seal, content=msgspec.Raw(content))))
        temporary.replace(place)


def read_sealed(place: Path, kind: type[T]) -> T:
    """Return the value in a file. Raises OSError, and msgspec.DecodeError where the file is not as it was written."""
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        result = os.fstat(handle)
        if not stat.S_ISREG(result.st_mode):
            raise msgspec.DecodeError("it is not a regular file")
        sealed = decode(file.read(), _Sealed)
    content = bytes(sealed.content)
    if sealed.seal != _seal(result, content):
        raise msgspec.DecodeError("its seal is broken")
    return decode(content, kind)


def _seal(status: os.stat_result, content: bytes) -> str:
    return hashlib.sha256(f"{status.st_ino} {status.st_uid}\n".encode() + content).hexdigest()
