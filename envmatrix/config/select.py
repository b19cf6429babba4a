"""Which profiles and cells are meant by the names that a user gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from envmatrix.config import cells as config_cells
from envmatrix.config import inheritance, profile_checks
from envmatrix.config.inheritance import TOX
from envmatrix.config.load import Loaded
from envmatrix.config.model import Cell, Profile
from envmatrix.config.tox import python_versions
from envmatrix.errors import EnvmatrixError
from envmatrix.util.text import hint

WITHOUT_OWN = ("restricted", "full")
_ANY_PYTHON = frozenset({"py", "python"})  # what tox calls its environment where there is no list
_MOST_NAMES = 2000  # cell names offered to a suggestion: enough to be useful, few enough to be quick


class UnknownNameError(EnvmatrixError):
    """A name that no profile and no cell has."""

    hint = "`envmatrix list` shows the names, with --tox also the project's own environments"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """The cells that were asked for, each once, in the order of the names; and their profiles."""

    profiles: dict[str, Profile]
    cells: tuple[Cell, ...]


def select(loaded: Loaded, names: Sequence[str] = ()) -> Selection:
    """Return what the names mean: profiles, cells, pinned cells (``full-py311``), ``tox:NAME`` or such a cell's name.

    Without names: the project's own profiles, where it has none ``restricted`` and ``full``. Raises UnknownNameError
    with every name that means nothing.
    """
    profiles: dict[str, Profile] = {}
    cells: dict[str, Cell] = {}
    unknown: list[str] = []
    for name in names or loaded.own or WITHOUT_OWN:
        result = find(loaded, name)
        if result is None:
            unknown.append(_unknown(loaded, name))
            continue
        profile, chosen = result
        profiles[profile.name] = profile
        for cell in chosen:
            cells.setdefault(cell.name, cell)
    if unknown:
        raise UnknownNameError("\n".join(dict.fromkeys(unknown)))
    return Selection(profiles=profiles, cells=tuple(cells.values()))


def find(loaded: Loaded, name: str) -> tuple[Profile, tuple[Cell, ...]] | None:
    """Return the profile and the cells that one name means, None where it means nothing."""
    if name.startswith(TOX):
        env = name.removeprefix(TOX)
        if not inheritance.is_env_name(env) or profile_checks.misspelt_env(env, loaded.words, loaded.factors):
            return None
        profile = inheritance.of_tox(env)
        return profile, config_cells.expand(profile)
    if name in loaded.profiles:
        return loaded.profiles[name], config_cells.expand(loaded.profiles[name])
    for named in (config_cells.cell_called, config_cells.cell_pinned):
        for profile in loaded.profiles.values():
            if cell := named(profile, name):
                return profile, (cell,)
    # Plans, records and verdicts call the cell of `tox:py311` by tox's name for it.
    return find(loaded, f"{TOX}{name}") if _is_tox_env(loaded, name) else None


def _is_tox_env(loaded: Loaded, name: str) -> bool:
    """Say whether each part of the name is a factor of the tox file, or a Python's: nothing that is merely near.

    A name that begins with a profile's is meant to be one of its cells, with what the profile promises.
    """
    if not loaded.project.tox_file or any(name.startswith(f"{profile}-") for profile in loaded.profiles):
        return False
    return all(item in loaded.factors | _ANY_PYTHON or python_versions.claimed(item) for item in name.split("-"))


def cell_names(loaded: Loaded) -> Iterator[str]:
    """Yield the names of all cells of the project's own profiles, then those of the built-in ones."""
    for name in (*loaded.own, *(name for name in loaded.profiles if name not in loaded.own)):
        for cell in config_cells.cells_of(loaded.profiles[name]):
            yield cell.name


def _suggestions(loaded: Loaded, name: str) -> Iterator[str]:
    """Yield the names of cells: of the profiles that ``name`` begins with, pinned as ``name`` is, then all."""
    for profile in loaded.profiles.values():
        if name.startswith(f"{profile.name}-"):
            yield from (cell.name for cell in config_cells.cells_of(profile))
    factor = name.rpartition("-")[2]
    if python_versions.version_of(factor):
        for profile in filter(config_cells.is_free, loaded.profiles.values()):
            yield from (f"{cell.name}-{factor}" for cell in config_cells.cells_of(profile))
    yield from cell_names(loaded)


def _unknown(loaded: Loaded, name: str) -> str:
    if name.startswith(TOX):
        env = name.removeprefix(TOX)
        if message := profile_checks.misspelt_env(env, loaded.words, loaded.factors):
            return f"{name}: {message}"
        return f"{name}: names no tox environment; write it like tox:py311-mysql"
    known = [*loaded.profiles, *islice(_suggestions(loaded, name), _MOST_NAMES)]
    return (
        f"{name}: no profile and no cell has this name{hint(name, known, otherwise='`envmatrix list` shows them all')}"
    )
