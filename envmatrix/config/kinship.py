"""Profiles among each other: who extends whom, and whose cells have one name."""

from __future__ import annotations

from collections.abc import Iterator

from envmatrix.config import expand, layers
from envmatrix.config.layers import TOX, Catalogue, Layer
from envmatrix.config.model import Profile
from envmatrix.errors import Problem
from envmatrix.util.text import hint, quoted


def sound_layers(catalogue: Catalogue, problems: list[Problem]) -> Iterator[Layer]:
    """Yield the layers whose inheritance can be followed, after noting what is wrong with the others."""
    broken: set[str] = set()
    for layer in catalogue.layers().values():
        problems += _extends_problems(layer, catalogue)
        if around := layers.circle(layer, catalogue):
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
            if not expand.base_name(other).startswith(f"{name}-") or other is profile:
                continue
            called = next((cell for cell in (other.name, *_names(other)) if expand.cell_called(profile, cell)), "")
            if called:
                document = catalogue.layers()[other.name].document
                yield Problem(
                    file=document.label, message=f"cell {called!r} is one of profile {name!r} too; rename this profile"
                )


def _names(profile: Profile) -> Iterator[str]:
    return (cell.name for cell in expand.cells_of(profile))
