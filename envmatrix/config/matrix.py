"""One digest for a matrix: hosts that compute the same one mean the same cells, made in the same way.

From a folder and some names to the matrix, in one call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config.cells import cells_of
from envmatrix.config.inheritance import TOX
from envmatrix.config.load import load
from envmatrix.config.model import Cell, Matrix, Profile, Project
from envmatrix.config.project import find_project
from envmatrix.config.select import select
from envmatrix.config.tox.file import read_tox_file
from envmatrix.errors import EnvmatrixError

_UNSAID = {"origin", "sources", "description"}  # where a value was written, and prose: they change no environment


def digest(project: Project, profiles: Iterable[Profile], cells: Iterable[Cell]) -> str:
    """Return "sha256:…" over the profiles as merged, the cells by name and the parsed content of the tox file.

    Comments, blank lines, the order of tables and everything about the host (its name, paths, Pythons) do not count.
    """
    tox = read_tox_file(Path(project.root))
    document = {
        "version": 1,
        "tox": [tox.name, tox.sections, tox.table] if tox else None,
        "profiles": {profile.name: _plain(profile) for profile in profiles},
        "cells": sorted(
            (cell.name, cell.profile, cell.python, cell.tox_env, list(cell.axes.items())) for cell in cells
        ),
    }
    content = msgspec.json.encode(document, order="sorted")
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _plain(profile: Profile) -> dict[str, Any]:
    plain = {key: value for key, value in msgspec.structs.asdict(profile).items() if key not in _UNSAID}
    plain["axes"] = list(profile.axes.items())  # the order of axes is the order of the factors in a name
    plain["env"] = {key: msgspec.structs.replace(setting, source="") for key, setting in profile.env.items()}
    return plain


class NothingToRunError(EnvmatrixError):
    """A project with neither a tox configuration nor profiles."""


def load_matrix(start: Path, names: Sequence[str] = ()) -> Matrix:
    """Return the matrix of the project that ``start`` lies in, narrowed to ``names`` (all of it without).

    Raises ConfigError for what is wrong in files, UnknownNameError for a name that means nothing, NothingToRunError
    where there is no configuration at all.
    """
    project = find_project(start)
    loaded = load(project)
    if not project.tox_file and (not loaded.own or any(name.startswith(TOX) for name in names)):
        raise NothingToRunError(
            f"{project.root}: there is no tox.ini, tox.toml, [tool.tox] in pyproject.toml or [tox:tox] in setup.cfg"
            f"{'' if loaded.own else ', and no profiles/*.toml'}, so there are no commands to run. Write a tox.ini "
            "with [testenv] and `commands = …` in it, or let `envmatrix init` write one."
        )
    selection = select(loaded, names)
    # The digest is that of everything the project's configuration says, whatever was asked for: what one host ran of
    # it and what another ran are then evidence of the same matrix.
    every = [cell for profile in loaded.profiles.values() for cell in cells_of(profile)]
    return Matrix(
        project=project,
        profiles=dict(sorted(selection.profiles.items())),
        capabilities=loaded.capabilities,
        cells=selection.cells,
        digest=digest(project, loaded.profiles.values(), every),
    )
