"""The guard of the unit tests: they touch no network, start no process and leave the home directory alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# A busy machine is slow, not wrong; what has to be fast is measured by the benchmarks.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

HOME = Path.home().resolve()
OWN = tuple(
    Path(place).resolve() for place in (sys.prefix, sys.base_prefix, tempfile.gettempdir(), Path(__file__).parents[2])
)
NETWORK = {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
PROCESSES = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
}
FILES = {"open", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.scandir", "os.symlink"}

_guarded = False


def _in_home(path: object) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    place = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - resolve() would touch the file
    return place.is_relative_to(HOME) and not any(place.is_relative_to(own) for own in OWN)


def _audit(event: str, args: tuple[object, ...]) -> None:
    """Raise where a guarded test does what a unit test must not; sees every way into the operating system (PEP 578)."""
    if not _guarded:
        return
    if event in NETWORK:
        raise AssertionError(f"a unit test touches no network, this one called {event}{args[1:]}")
    if event in PROCESSES:
        raise AssertionError(f"a unit test starts no process, this one called {event}{args[:2]}")
    if event in FILES and any(_in_home(argument) for argument in args[:2]):
        raise AssertionError(f"a unit test leaves the home directory alone, this one called {event}{args[:2]}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def guard() -> Iterator[None]:
    global _guarded
    _guarded = True
    yield
    _guarded = False
