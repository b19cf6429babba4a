"""Which environments may be used as they are: those that carry a mark which is written after they were finished.

A mark for what is under way would have to be written when work begins, and a full disk refuses just that. So the mark
says the contrary: it is removed before anything is created or installed, and an environment without it is rebuilt,
whatever ended the work: a full disk, a lost network, a signal, or a power cut.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, Final

from envmatrix.engine.job.model import EventLog
from envmatrix.vcs.content import is_dropping

NAME: Final = ".envmatrix-ready"
INSTALLS: Final = ("install", "uv-sync")  # how the run ids of tox's own installations begin
READY: Final = b""  # a file without content can be written to any disk that holds one more name
WORKED: Final = b"tests ran\n"
DAMAGED: Final = b"damaged\n"
_LEAST_BYTES: Final = 1 << 20


def read_mark(env_dir: str | Path) -> bytes | None:
    """Return the mark of an environment, None where it has none."""
    try:
        handle = os.open(Path(env_dir, NAME), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(handle, 64)
    except OSError:
        return None
    finally:
        os.close(handle)


def is_ready(env_dir: str | Path) -> bool:
    """Tell whether an environment may be used as it is."""
    return read_mark(env_dir) in (READY, WORKED)


def write_mark(env_dir: str | Path, mark: bytes) -> None:
    """Mark an environment; where that cannot be written there is no mark, and the environment is rebuilt."""
    place = Path(env_dir, NAME)
    try:
        remove_mark(env_dir)
        place.write_bytes(mark)
    except OSError:
        with contextlib.suppress(OSError):
            place.unlink()


def remove_mark(env_dir: str | Path) -> None:
    """Take the mark from an environment, before something is changed in it. Raises OSError where it stays."""
    Path(env_dir, NAME).unlink(missing_ok=True)


def take_mark(env_dir: str | Path) -> bytes | None:
    """Remove the mark and return it, None where there is none. Raises OSError where it stays."""
    mark = read_mark(env_dir)
    remove_mark(env_dir)
    return mark


def note_outcome(env_dir: str, *, worked: bool, failed: bool) -> None:
    """Note what a run told of its environment.

    :param worked: a test runner did its work
    :param failed: a command failed before any test runner started, or the environment was refused; where a test runner
        once did its work in it, the environment is taken for damaged, and the next run rebuilds it
    """
    mark = read_mark(env_dir)
    if worked and mark == READY:
        write_mark(env_dir, WORKED)
    elif failed and mark == WORKED:
        write_mark(env_dir, DAMAGED)


def is_disk_full(place: str | Path) -> bool:
    """Tell whether the disk of a directory has so little room that something may have been refused."""
    try:
        result = os.statvfs(place)
    except OSError:
        return False
    return result.f_bavail * result.f_frsize < _LEAST_BYTES or bool(result.f_files and not result.f_favail)


def invalidate_environments(env_dirs: Iterable[str], project: Path, since: float) -> None:
    """Have the next run rebuild environments that a full disk may have cut short.

    Python does not look at how much of a module's bytecode it could write, and does not get over half of it, so what
    was compiled of the project ``since`` then is removed.
    https://github.com/python/cpython/issues/126606
    """
    with contextlib.suppress(OSError):
        for env_dir in env_dirs:
            remove_mark(env_dir)
    for folder, names, files in os.walk(project):
        names[:] = [name for name in names if not is_dropping(name) or name == "__pycache__"]
        for compiled in (Path(folder, name) for name in files if name.endswith(".pyc")):
            with contextlib.suppress(OSError):
                if compiled.stat().st_mtime >= since:
                    compiled.unlink()


def watch_environments(events: EventLog) -> None:
    """Make this tox session rebuild what is not marked, and mark what it creates.

    ``observe_session`` marks what it installs. The directory of each environment is told in an event.
    """
    from tox.tox_env.api import ToxEnv
    from tox.tox_env.python.api import Python

    _watch_cleaning(ToxEnv)
    _watch_creation(Python, events)


def _watch_cleaning(tox_env: Any) -> None:
    plain = getattr(tox_env._clean, "__wrapped__", tox_env._clean)

    @wraps(plain)
    def clean(self: Any, transitive: bool = False) -> None:
        remove_mark(self.env_dir)  # first, as cleaning may be interrupted after any other file
        plain(self, transitive)

    tox_env._clean = clean


def _watch_creation(python: Any, events: EventLog) -> None:
    from tox.tox_env.errors import Recreate

    plain = getattr(python.ensure_python_env, "__wrapped__", python.ensure_python_env)

    @wraps(plain)
    def ensure_python_env(self: Any) -> None:
        events.write_event("environment", cell=self.conf.name, env_dir=str(self.env_dir))
        mark = read_mark(self.env_dir)
        if not is_ready(self.env_dir) and _is_begun(self.env_dir):
            self.envmatrix_damaged = mark == DAMAGED
            why = "no test runner starts in it any more" if mark == DAMAGED else "it is not known to be finished"
            raise Recreate(f"{why}: it is built anew")
        if is_ready(self.env_dir) and python.__name__ in self.cache._content:
            plain(self)  # which creates nothing
            return
        remove_mark(self.env_dir)
        plain(self)
        write_mark(self.env_dir, READY)

    python.ensure_python_env = ensure_python_env


def _is_begun(env_dir: Path) -> bool:
    """Tell whether a Python environment was begun in a directory; tox makes its own folders in it before that."""
    return any(os.path.lexists(env_dir / name) for name in ("pyvenv.cfg", "bin", "Scripts", "lib", ".venv"))


@contextlib.contextmanager
def disable_uv_cache(variables: dict[str, str], *, needed: bool) -> Iterator[None]:
    """Keep uv's cache out of an installation where that is ``needed``.

    uv takes a folder for what it was while its pyproject.toml and setup.py are the same, and it links the files of its
    cache, so that one that is damaged in an environment is damaged there, too.
    """
    before = variables.get("UV_NO_CACHE")
    if needed:
        variables["UV_NO_CACHE"] = "1"
    try:
        yield
    finally:
        if needed:
            variables.pop("UV_NO_CACHE", None)
            if before is not None:
                variables["UV_NO_CACHE"] = before
