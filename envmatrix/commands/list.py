"""What ``envmatrix list`` shows."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config.cells import expand
from envmatrix.config.load import load
from envmatrix.config.model import Profile
from envmatrix.config.project import find_project
from envmatrix.errors import EnvmatrixError

SCHEMA = "envmatrix/list/1"
TIMEOUT_S = 60.0
WIDTH = 80


class ToxListError(EnvmatrixError):
    """tox could not list the project's environments."""

    hint = "`tox list` says the same in tox's own words, `envmatrix list` without --tox needs no tox"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Profiles with their cells in the order of the files, and the environments that tox lists."""

    tox_file: str
    profiles: tuple[tuple[Profile, tuple[str, ...], bool], ...]
    tox_environments: tuple[str, ...] | None = None

    def make_document(self) -> dict[str, Any]:
        """Return the JSON document ``envmatrix/list/1``."""
        profiles = [
            {
                "name": profile.name,
                "description": profile.description,
                "origin": profile.origin,
                "default": default,
                "cells": list(cells),
            }
            for profile, cells, default in sorted(self.profiles, key=lambda one: one[0].name)
        ]
        local = None if self.tox_environments is None else [f"tox:{name}" for name in sorted(self.tox_environments)]
        return {"schema": SCHEMA, "tox_file": self.tox_file, "profiles": profiles, "tox_environments": local}

    def render_text(self) -> str:
        """Return the list as text."""
        wide = max((len(profile.name) for profile, _, _ in self.profiles), default=0)
        lines = []
        for profile, cells, default in self.profiles:
            lines += _describe_profile(f"{'*' if default else ' '} {profile.name:{wide}}  ", profile)
            if cells != (profile.name,):
                shown = ", ".join(cells[:12]) + (f", … {len(cells)} in all" if len(cells) > 12 else "")
                lines.append(f"  {'':{wide}}  cells: {shown}")
        if self.tox_environments is not None:
            if self.tox_file:
                lines += ["", f"Environments of {self.tox_file}, to be run as they are:"]
                lines += [f"    tox:{name}" for name in self.tox_environments] or ["    none"]
        elif self.tox_file:
            lines += ["", "`envmatrix list --tox` adds the project's own tox environments."]
        if not self.tox_file:
            lines += ["", "The project has no tox configuration; `envmatrix init` writes one."]
        return "\n".join(lines)


def _describe_profile(head: str, profile: Profile) -> list[str]:
    """One line where 80 columns hold it, else the description wrapped and where it is from below it."""
    origin = f"[{profile.origin}]"
    whole = f"{head}{profile.description}  {origin}"
    if len(whole) <= WIDTH:
        return [whole]
    blank = " " * len(head)
    wrapped = textwrap.wrap(
        profile.description, max(WIDTH, len(head) + 24), initial_indent=head, subsequent_indent=blank
    )
    return [*(wrapped or [head.rstrip()]), blank + origin]


def list_profiles(start: Path, *, with_tox: bool) -> Listing:
    """Return what can be run from the folder ``start``."""
    project = find_project(start)
    loaded = load(project)
    default = set(loaded.own) or {"restricted", "full"}
    rows = []
    for name in sorted(loaded.profiles, key=lambda name: (name not in default, name)):
        cells = tuple(cell.name for cell in expand(loaded.profiles[name]))
        rows.append((loaded.profiles[name], cells, name in default))
    ours = None
    if with_tox:  # without a file tox would name an environment all the same, and nothing is in it
        ours = _tox_environments(Path(project.root)) if project.tox_file else ()
    return Listing(tox_file=project.tox_file, profiles=tuple(rows), tox_environments=ours)


def _tox_environments(root: Path) -> tuple[str, ...]:
    import os

    argv = [sys.executable, "-P", "-m", "tox", "list", "--no-desc", "-q"]
    environ = {**os.environ, "TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix", "NO_COLOR": "1"}
    try:
        done = subprocess.run(
            argv,
            cwd=root,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToxListError(f"tox did not list its environments within {TIMEOUT_S:.0f} s; try `tox list`") from None
    if done.returncode:
        raise ToxListError(f"tox could not list its environments: {(done.stderr or done.stdout).strip()}")
    return tuple(dict.fromkeys(line.strip() for line in done.stdout.splitlines() if line.strip()))
