"""Goes through the interpreters that a request admits, in order of preference, and asks them one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from envmatrix.host.ask import Told
from envmatrix.host.asked import Asked, interpreter, unusable
from envmatrix.host.interpreters import Place, hint_of, places
from envmatrix.host.model import Candidate, Request
from envmatrix.host.wanted import Wanted, wanted
from envmatrix.util.files import is_there


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
