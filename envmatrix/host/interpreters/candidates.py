"""The interpreters asked so far: each is started once for its version, and once at most for all modules.

Goes through the interpreters that a request admits, in order of preference, and asks them one after the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.cache import InterpreterCache
from envmatrix.host.interpreters.finder import Place, hint_of, places
from envmatrix.host.interpreters.query import InterpreterAnswer, ask
from envmatrix.host.interpreters.spec import InterpreterSpec, parse_specs
from envmatrix.host.model import Candidate, Interpreter, PythonRequest
from envmatrix.util.files import is_there


class InterpreterQueries:
    """Asks interpreters and remembers what they said, for one survey; several threads may ask at once.

    ``modules`` are imported in every interpreter that is asked with ``importing``; without, ``earlier`` answers will
    do.
    """

    def __init__(
        self,
        modules: tuple[Capability, ...],
        environ: Mapping[str, str],
        timeout_s: float,
        earlier: InterpreterCache | None = None,
    ) -> None:
        self.modules, self.environ, self.timeout_s, self.earlier = modules, environ, timeout_s, earlier
        self._told: dict[tuple[str, bool], InterpreterAnswer] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def told(self, path: str, *, importing: bool) -> InterpreterAnswer:
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

    def _ask(self, path: str, modules: tuple[Capability, ...]) -> InterpreterAnswer:
        if self.earlier is None or modules:
            return ask(path, modules, self.environ, self.timeout_s)
        facts = self.earlier.get(path)
        if facts is None:
            facts = ask(path, (), self.environ, self.timeout_s)
            self.earlier.put(path, facts)
        return facts


def make_interpreter(place: Place, answer: InterpreterAnswer) -> Interpreter:
    """What environments are made from: behind a launcher the real interpreter, behind an environment its base."""
    path = place.path
    if answer.is_venv and answer.base_executable:
        path = os.path.realpath(answer.base_executable)
    elif answer.executable and os.path.realpath(answer.executable) != os.path.realpath(path):
        path = answer.executable
    version = answer.version or (place.hint if place.hint[:1].isdigit() else "")
    return Interpreter(path=path, version=version, implementation=answer.implementation, origin=place.origin)


def explain_unusable(answer: InterpreterAnswer) -> str:
    """Why no working environment can be made from an interpreter; "" when one can.

    virtualenv brings its own pip, so a missing ensurepip does not matter; pip cannot fetch without ssl or unpack
    without zlib.
    """
    if answer.failure:
        return answer.failure
    if answer.missing:
        parts = [f"{name} ({text})" for name, text in sorted(answer.missing.items())]
        return f"has no working {' and '.join(parts)}, which pip needs"
    return ""


def search_candidates(
    request: PythonRequest, query: InterpreterQueries, *, root: Path = Path("/")
) -> Iterator[tuple[Candidate, InterpreterAnswer]]:
    """Every interpreter that the request may mean, with why it is refused so far: it does not start, is another
    version than its name let hope, or cannot make environments. Nothing is started before it is taken.
    """
    seen: set[str] = set()
    for spec in parse_specs(request):
        for place in _places(spec, request, query, root):
            if place.path in seen:
                continue
            seen.add(place.path)
            if place.dead:
                yield make_candidate(place, InterpreterAnswer(), place.dead), InterpreterAnswer()
                continue
            answer = query.told(place.path, importing=request.system_site_packages)
            why = explain_unusable(answer) or spec.refuses(answer)
            if answer.version and not explain_unusable(answer) and why:
                seen.discard(place.path)  # another spec of the request may mean it
            yield make_candidate(place, answer, why), answer


def make_candidate(place: Place, answer: InterpreterAnswer, why: str) -> Candidate:
    """A candidate with the reason why it will not do, which names the interpreter; "" for one that may do."""
    result = make_interpreter(place, answer)
    named = f"{result.path} ({result.version})" if result.version else result.path
    return Candidate(interpreter=result, refused=f"{named}: {why}" if why else "")


def _places(spec: InterpreterSpec, request: PythonRequest, queries: InterpreterQueries, root: Path) -> Iterator[Place]:
    if spec.path:
        dead = "" if is_there(Path(spec.path)) else "is not there"
        yield Place(path=spec.path, hint=hint_of(spec.path), dead=dead)
        return
    for place in places(queries.environ, system_first=request.system_site_packages, root=root):
        if spec.may_be(place.hint):
            yield place
