"""What a plain ``tox`` is asked for: the cells of profiles among the names that the user gave."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tox.report import HandledError

from envmatrix.config.load import Loaded, load
from envmatrix.config.model import Matrix, Profile
from envmatrix.config.project import find_project
from envmatrix.config.select import Selection, select
from envmatrix.engine.job.build import make_overlay, make_planned_overlay
from envmatrix.engine.job.model import Overlay
from envmatrix.errors import EnvmatrixError
from envmatrix.plan import Blocked, Runnable

if TYPE_CHECKING:
    from tox.session.state import State

_LISTING = {"list", "l", "depends", "de", "schema", "man"}
_DESCRIBING = {"config", "c"}


def find_requested_overlays(state: State) -> tuple[tuple[Overlay, ...], tuple[str, ...]]:
    """Return the overlays to seed and the names to define for what this tox was asked.

    Raises tox's HandledError for a name that belongs to a profile and is none of its cells, for profiles that cannot be
    read, and for a cell that this host cannot run.
    """
    root = Path(state.conf.core["tox_root"])
    command = getattr(state.conf.options, "command", "") or ""
    chosen = getattr(state.conf.options, "env", None)
    names = [] if chosen is None or chosen.is_all else list(chosen)
    everything = (chosen is not None and chosen.is_all) or (not names and command in _LISTING | _DESCRIBING)
    if not names and not everything:
        return (), ()
    try:
        return _build_overlays(state, root, command, names, everything)
    except EnvmatrixError as error:
        if names and _has_profile_names(names, root):
            raise HandledError(f"envmatrix: {error}") from error
        logging.warning("envmatrix: its profiles are left out: %s", error)
        return (), ()


def _build_overlays(
    state: State, root: Path, command: str, names: list[str], everything: bool
) -> tuple[tuple[Overlay, ...], tuple[str, ...]]:
    loaded = load(find_project(root))
    if everything:
        selection = select(loaded)
    else:
        local = set(state.conf._src.envs(state.conf.core))
        ours = [name for name in names if _is_profile_cell(name, loaded, local)]
        if not ours:
            return (), ()
        selection = select(loaded, ours)
        _refuse_profile_names(selection, ours)
    runnable: dict[str, Runnable] = {}
    if command not in _LISTING:
        runnable = _plan_runnable(loaded, selection, strict=not everything and command not in _DESCRIBING)
    overlays = tuple(
        make_planned_overlay(runnable[cell.name], selection.profiles[cell.profile])
        if cell.name in runnable
        else make_overlay(cell, selection.profiles[cell.profile])
        for cell in selection.cells
    )
    return overlays, tuple(overlay.name for overlay in overlays)


def _is_profile_cell(name: str, loaded: Loaded, own_names: set[str]) -> bool:
    profile = _find_profile(name, loaded.profiles)
    # A project whose own environment happens to have the name of a built-in profile keeps it.
    return profile != "" and (profile in loaded.own or name not in own_names)


def _find_profile(name: str, profiles: dict[str, Profile]) -> str:
    fitting = [profile for profile in profiles if name == profile or name.startswith(f"{profile}-")]
    return max(fitting, key=len, default="")


def _has_profile_names(names: list[str], root: Path) -> bool:
    stems = {path.stem for path in (root / "profiles").glob("*.toml")} | {"restricted", "full", "mysql", "libvirt"}
    return any(name == stem or name.startswith(f"{stem}-") for name in names for stem in stems)


def _refuse_profile_names(selection: Selection, names: list[str]) -> None:
    cells = {cell.name for cell in selection.cells}
    for name in names:
        if name not in cells:
            facts = ", ".join(cell.name for cell in selection.cells if cell.profile == name)
            raise HandledError(f"envmatrix: {name} is a profile, not an environment; its environments are {facts}")


def _plan_runnable(loaded: Loaded, selection: Selection, *, strict: bool) -> dict[str, Runnable]:
    """Return every cell that this host can run, as planned; ``strict`` refuses where there is one it cannot."""
    from envmatrix.engine.planning.planner import plan_cells

    matrix = Matrix(
        project=loaded.project,
        profiles=selection.profiles,
        capabilities=loaded.capabilities,
        cells=selection.cells,
        digest="",
    )
    plan = plan_cells(matrix, os.environ)
    for planned in plan.cells:
        if strict and isinstance(planned, Blocked):
            answer = "; ".join(f"{reason.message}. {reason.remedy}".rstrip(". ") for reason in planned.reasons)
            raise HandledError(f"envmatrix: {planned.cell.name} is blocked on this host: {answer}")
    return {planned.cell.name: planned for planned in plan.cells if isinstance(planned, Runnable)}
