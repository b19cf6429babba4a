"""Profiles become cells: the product of the axes, less what is excluded, and what is included beside it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from envmatrix.config.model import Cell, Profile
from envmatrix.config.tox import python_versions


def expand(profile: Profile) -> tuple[Cell, ...]:
    """Return every cell of a profile, in the order of its axes; the same on every host."""
    return tuple(cells_of(profile))


def cells_of(profile: Profile) -> Iterator[Cell]:
    """Yield the cells of a profile one by one; each name once."""
    names = tuple(profile.axes)
    seen: set[str] = set()
    for values in product(*profile.axes.values()):
        axes = dict(zip(names, values, strict=True))
        if not is_excluded(profile, axes):
            cell = cell_at(profile, axes)
            seen.add(cell.name)
            yield cell
    for point in profile.include:
        cell = cell_at(profile, {name: point[name] for name in names if name in point})
        if cell.name not in seen:
            seen.add(cell.name)
            yield cell


def size(profile: Profile) -> int:
    """Return how many points the product has, before anything is excluded."""
    count = 1
    for values in profile.axes.values():
        count *= len(values)
    return count + len(profile.include)


def is_excluded(profile: Profile, axes: dict[str, str]) -> bool:
    """Say whether one of the profile's excludes names this point."""
    return any(all(axes.get(name) == value for name, value in point.items()) for point in profile.exclude)


def cell_at(profile: Profile, axes: dict[str, str], *, pin: str = "") -> Cell:
    """Return the cell at a point of the profile. ``pin`` is a Python version for a profile that leaves it open."""
    factors = [python_versions.factor_of(value) if name == "python" else value for name, value in axes.items()]
    python = pin or axes.get("python", "")
    if profile.tox_env and not python:
        python = python_versions.pinned_in(profile.tox_env)[0]
    return Cell(
        name="-".join([base_name(profile), *factors, *([python_versions.factor_of(pin)] if pin else [])]),
        profile=profile.name,
        axes=axes,
        python=python,
        base_python=() if python else profile.base_python,
        tox_env=profile.tox_env,
        requires=profile.requires,
        services=profile.services,
        system_site_packages=profile.system_site_packages,
    )


def base_name(profile: Profile) -> str:
    """Return what the names of the profile's cells begin with: its own name, and its tox environment's factors."""
    if profile.name.startswith("tox:"):
        return profile.tox_env
    return f"{profile.name}-{profile.tox_env}" if profile.tox_env else profile.name


def is_free(profile: Profile) -> bool:
    """Say whether the profile leaves the Python open, so that a cell of it may be pinned by name."""
    claimed = bool(profile.tox_env) and python_versions.pinned_in(profile.tox_env)[1]
    return "python" not in profile.axes and not claimed and not profile.name.startswith("tox:")


def cell_called(profile: Profile, name: str) -> Cell | None:
    """Return the profile's cell of that name, None where it has none; nothing else of the product is built."""
    base = base_name(profile)
    if name == base:
        factors: list[str] = []
    elif name.startswith(f"{base}-"):
        factors = name[len(base) + 1 :].split("-")
    else:
        return None
    return _in_product(profile, factors) or _included(profile, name)


def cell_pinned(profile: Profile, name: str) -> Cell | None:
    """Return the cell that ``name`` pins to a Python, such as ``full-py311``, of a profile that leaves it open."""
    rest, _, factor = name.rpartition("-")
    version = python_versions.version_of(factor)
    if not rest or not version or python_versions.factor_of(version) != factor or not is_free(profile):
        return None
    cell = cell_called(profile, rest)
    return cell_at(profile, cell.axes, pin=version) if cell else None


def _in_product(profile: Profile, factors: list[str]) -> Cell | None:
    if len(factors) != len(profile.axes):
        return None
    axes: dict[str, str] = {}
    for (name, values), factor in zip(profile.axes.items(), factors, strict=True):
        value = python_versions.version_of(factor) if name == "python" else factor
        if value not in values or (name == "python" and python_versions.factor_of(value) != factor):
            return None
        axes[name] = value
    return None if is_excluded(profile, axes) else cell_at(profile, axes)


def _included(profile: Profile, name: str) -> Cell | None:
    points = ({axis: point[axis] for axis in profile.axes if axis in point} for point in profile.include)
    return next((cell for cell in (cell_at(profile, point) for point in points) if cell.name == name), None)
