"""Which interpreters a request admits, by name before one is started and by what it says of itself afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from envmatrix.host.interpreters.query import MIN_VERSION, InterpreterAnswer
from envmatrix.host.model import PythonRequest

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

_VERSION = re.compile(r"(?P<version>\d(\.\d+){0,2})(?P<free>t?)")
_HINT = re.compile(r"(?P<impl>[a-z]*)(?P<version>\d+(\.\d+)*)(?P<free>t?)")


def too_old(hint: str) -> bool:
    """Whether the name of an interpreter says that no environment can be made from it."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", hint)[:2])
    return len(numbers) == 2 and numbers < MIN_VERSION


class _Versions(Protocol):
    def contains(self, version_str: str) -> bool: ...


class _Spec(NamedTuple):
    """What a spec says: its numbers as far as it gives them, whether it asks for a free-threaded build or not."""

    path: str = ""
    implementation: str = "cpython"
    numbers: tuple[int, ...] = ()
    free_threaded: bool | None = None
    versions: _Versions | None = None


class InterpreterSpec:
    """One spec of a request: "3.11", "py311", "pypy3.10", ">=3.11", an absolute path, or "" for any CPython.

    ``says`` is how a sentence names it ("Python 3.11"); ``path`` is the absolute path, where the spec is one.
    """

    def __init__(self, spec: str, requires_python: str = "") -> None:
        self.spec = _parse(spec) if spec else None
        self.path = self.spec.path if self.spec else ""
        self.requires = _specifiers(requires_python) if requires_python else None
        self.pinned = bool(self.spec and len(self.spec.numbers) > 1)
        self.says = _said(spec, requires_python)

    def may_be(self, hint: str) -> bool:
        """Whether an interpreter whose name gives this hint has to be asked; True where the name says nothing."""
        match = _HINT.fullmatch(hint)
        if not match or self.path:
            return True
        numbers = tuple(int(part) for part in match["version"].split("."))
        if numbers[:2] < MIN_VERSION or (self.spec is None and match["free"]):
            return False
        if len(numbers) < 3:  # any patch level may be behind the name
            return any(not self._no((*numbers, patch), match["impl"], bool(match["free"])) for patch in range(100))
        return not self._no(numbers, match["impl"], bool(match["free"]))

    def refuses(self, answer: InterpreterAnswer) -> str:
        """Why the interpreter is not the one that is asked for; "" when it is."""
        numbers = tuple(int(part) for part in re.findall(r"\d+", answer.version)[:3])
        if self.path:
            return "" if self._allowed(answer.version) else f"is not {self.says}"
        if self._no(numbers, "" if answer.implementation == "cpython" else answer.implementation, answer.free_threaded):
            return f"is {_named(answer)}, not {self.says}"
        return ""

    def _no(self, numbers: tuple[int, ...], implementation: str, free_threaded: bool) -> bool:
        version = ".".join(str(number) for number in numbers)
        spec = self.spec
        if spec is None:
            return bool(implementation) or free_threaded or not self._allowed(version)
        requested = spec.numbers
        if (
            spec.implementation != (implementation or "cpython")
            or numbers[: len(requested)] != requested[: len(numbers)]
        ):
            return True
        if spec.free_threaded is not None and spec.free_threaded != free_threaded:
            return True
        if not self.pinned and not self._allowed(version):
            return True
        return spec.versions is not None and not spec.versions.contains(version)

    def _allowed(self, version: str) -> bool:
        return self.requires is None or self.requires.contains(version, prereleases=True)


def parse_specs(request: PythonRequest) -> tuple[InterpreterSpec, ...]:
    """What the request admits, in its order of preference: the version it is pinned to, else its specs, else any."""
    if request.python:
        return (*_same(request), InterpreterSpec(request.python))
    specs = request.spec or ("",)
    return tuple(InterpreterSpec(spec, request.requires_python) for spec in specs)


def _same(request: PythonRequest) -> tuple[InterpreterSpec, ...]:
    """The absolute paths among the specs whose names are of the version that the request is pinned to."""
    pinned = InterpreterSpec(request.python)
    paths = [InterpreterSpec(spec) for spec in request.spec if spec.startswith("/")]
    return tuple(item for item in paths if pinned.may_be(_hint_of(item.path)) and _hint_of(item.path))


def _hint_of(path: str) -> str:
    from envmatrix.host.interpreters.finder import hint_of

    return hint_of(path)


def newest(versions: list[str]) -> list[str]:
    """Versions ("3.9", "3.13t") from the newest to the oldest."""
    from packaging.version import Version

    return sorted(versions, key=lambda text: Version(text.rstrip("t")), reverse=True)


def _specifiers(text: str) -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(text)


def _parse(spec: str) -> _Spec:
    """Read a spec; only those that are neither a path nor a version are worth what python-discovery loads."""
    if spec.startswith("/"):
        return _Spec(path=spec)
    if plain := _VERSION.fullmatch(spec):
        numbers = tuple(int(part) for part in plain["version"].split("."))
        return _Spec(numbers=numbers, free_threaded=bool(plain["free"]))
    from python_discovery import PythonSpec

    read = PythonSpec.from_string_spec(spec)
    return _Spec(
        path=read.path if read.is_abs and read.path else "",
        implementation=(read.implementation or "cpython").lower(),
        numbers=tuple(part for part in (read.major, read.minor, read.micro) if part is not None),
        free_threaded=read.free_threaded,
        versions=read.version_specifier,
    )


def _said(spec: str, requires_python: str) -> str:
    if spec.startswith("/"):
        return spec
    if re.fullmatch(r"[\d.]+t?", spec):
        return f"Python {spec}"
    if spec:
        return spec
    return f"a CPython {requires_python}" if requires_python else "a CPython from 3.7 on"


def _named(answer: InterpreterAnswer) -> str:
    implementation = "" if answer.implementation == "cpython" else f"{answer.implementation} "
    return f"{implementation}{answer.version}{' (free-threaded)' if answer.free_threaded else ''}"
