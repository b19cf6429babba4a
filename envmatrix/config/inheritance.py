"""Inheritance: profile files as layers, put in order, and laid over one another.

Profiles among each other: who extends whom, and whose cells have one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from envmatrix.config import cells, tox_settings
from envmatrix.config.model import FlakyRule, Gate, Profile, Relevant, Setting, SkipRule
from envmatrix.config.schema import ProfileFile
from envmatrix.config.tox.keys import present
from envmatrix.errors import Problem
from envmatrix.util.text import hint, quoted
from envmatrix.util.toml import Document

TOX = "tox:"
_ENV = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*")
# what a parent promises its children promise too: these lists add up, all other keys replace
ADDING = ("requires", "services", "must_run", "results", "exclude", "include")


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """One profile file: what it says, and which of its keys were written (and are sound)."""

    name: str
    built_in: bool
    document: Document
    file: ProfileFile
    keys: frozenset[str]

    @property
    def origin(self) -> str:
        """What a user is told about where the profile is from."""
        return f"built-in profile {self.name!r}" if self.built_in else self.document.label

    @property
    def parents(self) -> tuple[str, ...]:
        """The names that ``extends`` holds."""
        return texts(self.file.extends)


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Every layer by name; a project's own win."""

    own: dict[str, Layer]
    built_in: dict[str, Layer]

    def parent(self, layer: Layer, name: str) -> Layer | None:
        """Return the layer that ``name`` means inside ``layer``: its own name there means the built-in one."""
        if name == layer.name:
            return None if layer.built_in else self.built_in.get(name)
        return self.own.get(name) or self.built_in.get(name)

    def layers(self) -> dict[str, Layer]:
        """Return the layers that profiles are made of, by name."""
        return {**self.built_in, **self.own}


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A profile's layers, those inherited first, each once; and the tox environments that they name."""

    layers: tuple[Layer, ...]
    tox_envs: tuple[str, ...]


def circle(layer: Layer, catalogue: Catalogue) -> tuple[Layer, ...]:
    """Return the layers of a circle of ``extends`` that ``layer`` is part of, () where there is none."""
    trail: list[Layer] = []
    visited: set[str] = set()

    def walk(current: Layer) -> bool:
        trail.append(current)
        for parent in _parents(current, catalogue):
            if parent is layer:
                return True
            if parent.document.label not in visited:
                visited.add(parent.document.label)
                if walk(parent):
                    return True
        trail.pop()
        return False

    return tuple(trail) if walk(layer) else ()


def chain(layer: Layer, catalogue: Catalogue) -> Chain:
    """Return what a layer stands on. ``layer`` must not be part of a circle, nor stand on one."""
    order: dict[str, Layer] = {}
    tox_envs: dict[str, None] = {}

    def walk(current: Layer) -> None:
        for name in current.parents:
            if name.startswith(TOX):
                tox_envs[name.removeprefix(TOX)] = None
            elif (parent := catalogue.parent(current, name)) and parent.document.label not in order:
                walk(parent)
        order[current.document.label] = current

    walk(layer)
    return Chain(layers=tuple(order.values()), tox_envs=tuple(tox_envs))


def compose(stack: Chain) -> Profile:
    """Return the profile that the last layer of a chain makes of those before it."""
    last = stack.layers[-1]
    values: dict[str, Any] = {"axes": {}, "service_env": {}, "env": {}, "gate": {}, "sources": {}}
    for layer in stack.layers:
        _lay(values, layer)
    return Profile(
        name=last.name,
        origin=last.origin,
        description=last.file.description,
        tox_env=stack.tox_envs[-1] if stack.tox_envs else "",
        gate=Gate(**values.pop("gate")),
        **values,
    )


def of_tox(env: str) -> Profile:
    """Return the profile that stands for an environment of the project's own tox configuration."""
    return Profile(name=f"{TOX}{env}", origin=f"tox environment {env!r}", tox_env=env, gate=Gate(min_tests=0))


def is_env_name(text: str) -> bool:
    """Say whether tox could have an environment of that name."""
    return _ENV.fullmatch(text) is not None


def texts(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    return (value,) if isinstance(value, str) else value


def _parents(layer: Layer, catalogue: Catalogue) -> Iterator[Layer]:
    for name in layer.parents:
        if parent := catalogue.parent(layer, name):
            yield parent


def _lay(values: dict[str, Any], layer: Layer) -> None:
    file, given = layer.file, layer.keys
    for key in ADDING:
        if key in given:
            before = values.get(key, ())
            values[key] = (*before, *(item for item in texts(getattr(file, key)) if item not in before))
    for key in ("unexpected_skips", "unused", "timeout_s"):
        if key in given:
            values[key] = getattr(file, key)
    values["axes"].update(file.axes)
    values["service_env"].update(file.service_env)
    if "skips" in given:
        values["skips"] = (*values.get("skips", ()), *(_skip(entry) for entry in file.skips))
    if "flaky" in given:
        rules = (FlakyRule(tests=entry.tests, owner=entry.owner, expires=entry.expires) for entry in file.flaky)
        values["flaky"] = (*values.get("flaky", ()), *rules)
    if "relevant" in given:
        values["relevant"] = Relevant(paths=file.relevant.paths)
    if "gate" in given:
        values["gate"].update({key: getattr(file.gate, key) for key in layer.document.data["gate"]})
    _lay_env(values["env"], layer)
    values["sources"].update(_sources(layer))


def _skip(entry: Any) -> SkipRule:
    return SkipRule(match=entry.match, owner=entry.owner, expires=entry.expires, tests=entry.tests)


def _lay_env(env: dict[str, Setting], layer: Layer) -> None:
    for key, value in layer.file.env.items():
        name = present(key)
        env[name] = tox_settings.merged(env.get(name), name, value, layer.document.source(("env", key)))


def _sources(layer: Layer) -> Iterator[tuple[str, str]]:
    for key in layer.keys:
        yield key, layer.document.source((key,))
        inner = layer.document.data[key]
        if isinstance(inner, dict):
            for name in inner:
                yield f"{key}.{present(name) if key == 'env' else name}", layer.document.source((key, name))


def sound_layers(catalogue: Catalogue, problems: list[Problem]) -> Iterator[Layer]:
    """Yield the layers whose inheritance can be followed, after noting what is wrong with the others."""
    broken: set[str] = set()
    for layer in catalogue.layers().values():
        problems += _extends_problems(layer, catalogue)
        if around := circle(layer, catalogue):
            broken.add(layer.name)
            problems.append(_circle_problem(around))
    for layer in catalogue.layers().values():
        if layer.name not in broken and not _stands_on(layer, catalogue, broken):
            yield layer


def _stands_on(layer: Layer, catalogue: Catalogue, broken: set[str]) -> bool:
    waiting, seen = [layer], {layer.document.label}
    while waiting:
        current = waiting.pop()
        for name in current.parents:
            parent = catalogue.parent(current, name)
            if parent and parent.document.label not in seen:
                if parent.name in broken:
                    return True
                seen.add(parent.document.label)
                waiting.append(parent)
    return False


def _circle_problem(around: tuple[Layer, ...]) -> Problem:
    first = min(range(len(around)), key=lambda number: around[number].document.label)
    names = [layer.name for layer in (*around[first:], *around[:first])]
    path = " -> ".join([*names, names[0]])
    return around[first].document.problem(("extends",), f"goes in a circle: {path}; drop one of them")


def _extends_problems(layer: Layer, catalogue: Catalogue) -> Iterator[Problem]:
    known = catalogue.layers()
    single = isinstance(layer.file.extends, str)
    envs = [name for name in layer.parents if name.startswith(TOX)]
    for number, name in enumerate(layer.parents):
        path: tuple[str | int, ...] = ("extends",) if single else ("extends", number)
        if name.startswith(TOX):
            if name != envs[0]:
                yield layer.document.problem(path, f"{envs[0]!r} is extended already; a profile stands on one")
        elif catalogue.parent(layer, name) is None:
            message = "a profile cannot extend itself, unless a built-in one has its name"
            if name != layer.name:
                others = sorted(set(known) - {layer.name})
                message = f"no profile is called {name!r}{hint(name, others, otherwise=f'profiles: {quoted(others)}')}"
            yield layer.document.problem(path, message)


def name_clashes(profiles: dict[str, Profile], catalogue: Catalogue) -> Iterator[Problem]:
    """Yield profiles whose cells have the name of another profile or of its cells."""
    for name, profile in profiles.items():
        for other in profiles.values():
            if not cells.base_name(other).startswith(f"{name}-") or other is profile:
                continue
            called = next((cell for cell in (other.name, *_names(other)) if cells.cell_called(profile, cell)), "")
            if called:
                document = catalogue.layers()[other.name].document
                yield Problem(
                    file=document.label, message=f"cell {called!r} is one of profile {name!r} too; rename this profile"
                )


def _names(profile: Profile) -> Iterator[str]:
    return (cell.name for cell in cells.cells_of(profile))
