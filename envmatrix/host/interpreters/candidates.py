"""The interpreters asked so far: each is started once for its version, and once at most for all modules.

Goes through the interpreters that a request admits, in order of preference, and asks them one after the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.cache import Remembered
from envmatrix.host.interpreters.finder import Place, hint_of, places
from envmatrix.host.interpreters.query import Told, ask
from envmatrix.host.interpreters.spec import Wanted, wanted
from envmatrix.host.model import Candidate, Interpreter, Request
from envmatrix.util.files import is_there


class Asked:
    """Asks interpreters and remembers what they said, for one survey; several threads may ask at once.

    ``modules`` are imported in every interpreter that is asked with ``importing``; without, ``earlier`` answers will
    do.
    """

    def __init__(
        self,
        modules: tuple[Capability, ...],
        environ: Mapping[str, str],
        timeout_s: float,
        earlier: Remembered | None = None,
    ) -> None:
        self.modules, self.environ, self.timeout_s, self.earlier = modules, environ, timeout_s, earlier
        self._told: dict[tuple[str, bool], Told] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def told(self, path: str, *, importing: bool) -> Told:
        """What the interpreter says of itself, and of the modules where ``importing``."""
        importing = importing and bool(self.modules)
        with self._lock:
            lock = self._locks.setdefault(path, threading.Lock())
        with lock:
            if not importing and (path, True) in self._told:
                return self._told[path, True]
            if (path, importing) not in self._told:
                self._told[path, importing] = self._ask(path, self.modules if importing else ())
            return self._told[path, importing]

    def _ask(self, path: str, modules: tuple[Capability, ...]) -> Told:
        if self.earlier is None or modules:
            return ask(path, modules, self.environ, self.timeout_s)
        told = self.earlier.get(path)
        if told is None:
            told = ask(path, (), self.environ, self.timeout_s)
            self.earlier.put(path, told)
        return told


def interpreter(place: Place, told: Told) -> Interpreter:
    """What environments are made from: behind a launcher the real interpreter, behind an environment its base."""
    path = place.path
    if told.is_venv and told.base_executable:
        path = os.path.realpath(told.base_executable)
    elif told.executable and os.path.realpath(told.executable) != os.path.realpath(path):
        path = told.executable
    version = told.version or (place.hint if place.hint[:1].isdigit() else "")
    return Interpreter(path=path, version=version, implementation=told.implementation, origin=place.origin)


def unusable(told: Told) -> str:
    """Why no working environment can be made from an interpreter; "" when one can.

    virtualenv brings its own pip, so a missing ensurepip does not matter; pip cannot fetch without ssl or unpack
    without zlib.
    """
    if told.failure:
        return told.failure
    if told.missing:
        parts = [f"{name} ({text})" for name, text in sorted(told.missing.items())]
        return f"has no working {' and '.join(parts)}, which pip needs"
    return ""


def search(request: Request, asked: Asked, *, root: Path = Path("/")) -> Iterator[tuple[Candidate, Told]]:
    """Every interpreter that the request may mean, with why it is refused so far: it does not start, is another
    version than its name let hope, or cannot make environments. Nothing is started before it is taken.
    """
    seen: set[str] = set()
    for one in wanted(request):
        for place in _places(one, request, asked, root):
            if place.path in seen:
                continue
            seen.add(place.path)
            if place.dead:
                yield refused(place, Told(), place.dead), Told()
                continue
            told = asked.told(place.path, importing=request.system_site_packages)
            why = unusable(told) or one.refuses(told)
            if told.version and not unusable(told) and why:
                seen.discard(place.path)  # another spec of the request may mean it
            yield refused(place, told, why), told


def refused(place: Place, told: Told, why: str) -> Candidate:
    """A candidate with the reason why it will not do, which names the interpreter; "" for one that may do."""
    found = interpreter(place, told)
    named = f"{found.path} ({found.version})" if found.version else found.path
    return Candidate(interpreter=found, refused=f"{named}: {why}" if why else "")


def _places(one: Wanted, request: Request, asked: Asked, root: Path) -> Iterator[Place]:
    if one.path:
        dead = "" if is_there(Path(one.path)) else "is not there"
        yield Place(path=one.path, hint=hint_of(one.path), dead=dead)
        return
    for place in places(asked.environ, system_first=request.system_site_packages, root=root):
        if one.may_be(place.hint):
            yield place
