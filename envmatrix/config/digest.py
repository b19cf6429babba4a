"""One digest for a matrix: hosts that compute the same one mean the same cells, made in the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config.model import Cell, Profile, Project
from envmatrix.config.toxfile import read_tox_file

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
