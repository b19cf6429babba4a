"""From a folder and some names to the matrix, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from envmatrix.config.digest import digest
from envmatrix.config.expand import cells_of
from envmatrix.config.layers import TOX
from envmatrix.config.load import load
from envmatrix.config.model import Matrix
from envmatrix.config.project import find_project
from envmatrix.config.select import select
from envmatrix.errors import EnvmatrixError


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
