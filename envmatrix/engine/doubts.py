"""Why a run proves less of the project than its tests seem to say."""

from __future__ import annotations

import shutil
from typing import Final

from envmatrix.engine.told import CellRun, Told
from envmatrix.evidence.model import RanReason
from envmatrix.evidence.read import Recorded
from envmatrix.util.text import listed

_NO_SPACE: Final = "[Errno 28]"
_LEAST: Final = 1 << 20  # bytes: who finds less than that free at the end may have been refused


def asserts_left_out(merged: Recorded) -> tuple[RanReason, ...]:
    """Return the reason where tests checked nothing because their interpreter leaves assert statements out."""
    if not merged.stripped:
        return ()
    places = listed(merged.stripped, 3)
    what = f"python left out the assert statements of the tests (-O or PYTHONOPTIMIZE): {places}"
    remedy = "run the tests without it, or by pytest (--assert=rewrite), or let them use self.assertEqual and the like"
    return (RanReason(code="asserts_left_out", message=what, remedy=remedy),)


def disk_full(run: CellRun, recorded: Recorded, told: Told) -> tuple[RanReason, ...]:
    """Return the reason where a full disk may be why a session has no end, a command or tox failed: no test's fault."""
    said = any(_NO_SPACE in reason["detail"] for reason in told.reasons)
    failed = any(event["code"] for event in told.commands) or any(
        not one.finished for one in recorded.sessions if not one.nested
    )
    if not said and not (failed and _free(run) < _LEAST):
        return ()
    message = f"the disk is full ({_free(run) // 1024} KiB are free at {run.folder})"
    return (RanReason(code="disk_full", message=message, remedy="free some space and run again"),)


def _free(run: CellRun) -> int:
    try:
        return shutil.disk_usage(run.folder).free
    except OSError:
        return _LEAST


def mismatches(told: Told, merged: Recorded) -> tuple[RanReason, ...]:
    """Return what the environment, or the code that was imported in it, is not."""
    found = [
        RanReason(**{key: reason.get(key, "") for key in ("code", "message", "remedy", "capability")})
        for reason in told.mismatches
    ]
    if merged.outside:
        shown = listed(f"{module} ({file})" for module, file in merged.outside)
        found.append(
            RanReason(
                code="env_mismatch",
                message=f"the tests loaded modules from outside the environment: {shown}",
                remedy="declare what the tests need in deps, or use a profile with system_site_packages",
            )
        )
    found += [_shadowed(*one) for one in merged.shadowed[:3]]
    return tuple(found)


def _shadowed(name: str, path: str, own: str) -> RanReason:
    return RanReason(
        code="env_mismatch",
        message=f"the tests ran against another {name} than the project's: {path} was imported, and {own} differs",
        remedy="install the project in the environment (leave out skip_install), or take the other copy out of it",
    )
