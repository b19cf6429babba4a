"""What interpreters said of themselves earlier, for as long as nothing of them has changed on disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from envmatrix.host.interpreters.query import InterpreterAnswer
from envmatrix.util.sealed import read_sealed, write_sealed

_State = tuple[tuple[str, int, int, int], ...]


class _Entry(msgspec.Struct, frozen=True):
    state: _State
    told: InterpreterAnswer


class InterpreterCache:
    """A file of answers by the path that was asked; where it cannot be read or written, everybody is asked again.

    An answer holds while the executable, its library and the folders on its path are what they were: no module has been
    asked for, so nothing else can have a say. Launchers (the shims of pyenv) are never remembered: what they start is
    decided elsewhere.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._new: dict[str, _Entry] = {}
        try:
            self._known = read_sealed(file, dict[str, _Entry])
        except (OSError, msgspec.DecodeError):
            self._known = {}

    def get(self, path: str) -> InterpreterAnswer | None:
        """Return what the interpreter said, None where it has to be asked."""
        entry = self._known.get(path)
        return entry.told if entry is not None and entry.state == _state(path, entry.told) else None

    def put(self, path: str, answer: InterpreterAnswer) -> None:
        """Remember what an interpreter said, if it is one by itself."""
        local = bool(answer.version) and os.path.realpath(answer.executable) == os.path.realpath(path)
        if local and not (answer.failure or answer.modules):
            self._new[path] = _Entry(_state(path, answer), answer)

    def keep(self) -> None:
        """Write what is new."""
        if not self._new:
            return
        with contextlib.suppress(OSError):  # a read-only checkout
            write_sealed(self._file, self._known | self._new)


def _state(path: str, answer: InterpreterAnswer) -> _State:
    real, base = os.path.realpath(path), os.path.realpath(answer.base_executable)
    beside = [str(Path(path).parents[1] / name) for name in ("pyvenv.cfg", "bin")]
    libraries = sorted({str(Path(place).parent) for place in (real, base, *answer.path)})
    return tuple(_stat(place) for place in (real, base, *beside, *libraries, *answer.path))


def _stat(place: str) -> tuple[str, int, int, int]:
    try:
        stat = Path(place).stat()
    except OSError:
        return (place, 0, 0, 0)
    return (place, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
