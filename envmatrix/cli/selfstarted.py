"""Services that a project's own commands start, each under a factor of its tox file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec

from envmatrix.config.load import Loaded
from envmatrix.report.words import visible
from envmatrix.util.files import read_text

_SCRIPT = re.compile(r"[\w./-]+\.sh\b")
_PROFILE = """# Proposed because {where} starts daemons itself, with pifpaf: one cell for each
# factor of {tox} that names one. Where a host lacks the daemon its cell fails; to
# have it blocked with a remedy instead, declare the daemon's program in
# profiles/capabilities.toml, and require it in a profile of its own.
description = "The tests against each service that the project's own commands start"
extends = "restricted"

[axes]
service = {services}
"""


class SelfStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The services by their factors, and the file that starts them; no services where nothing does."""

    where: str = ""
    services: tuple[str, ...] = ()


def self_started(loaded: Loaded) -> SelfStarted:
    """Return what the tox file's commands, or the scripts that it names, start with pifpaf."""
    services = tuple(sorted(name for name in loaded.factors if _is_service(loaded, name)))
    root, tox = Path(loaded.project.root), loaded.project.tox_file
    text = read_text(root / tox) if tox else ""
    scripts = sorted({found.lstrip("/") for found in _SCRIPT.findall(text)})
    where = next((name for name in (tox, *scripts) if name and "pifpaf" in read_text(root / name)), "")
    return SelfStarted(where=where, services=services) if where and services else SelfStarted()


def profile(found: SelfStarted, loaded: Loaded) -> str:
    """Return a profile with a cell for each of the services."""
    services = json.dumps(list(found.services))
    return _PROFILE.format(where=visible(found.where), tox=loaded.project.tox_file, services=services)


def _is_service(loaded: Loaded, name: str) -> bool:
    return name in loaded.capabilities and bool(loaded.capabilities[name].service)
