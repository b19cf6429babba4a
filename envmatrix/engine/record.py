"""What a cell's process left behind becomes its evidence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from envmatrix.config.model import Profile
from envmatrix.engine.installer import explain_install
from envmatrix.engine.job import now, read_events
from envmatrix.engine.processes import Ended
from envmatrix.evidence import junit, read, subunit
from envmatrix.evidence.model import (
    CommandRun,
    Distribution,
    Evidence,
    FindingRecord,
    InterpreterRecord,
    RanReason,
    RunState,
)
from envmatrix.evidence.read import Recorded
from envmatrix.plan import Runnable

if TYPE_CHECKING:
    from envmatrix.engine.session import RunContext

_PHASES = re.compile(r"(commands_pre|commands|commands_post)\[")


class CellRun(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at a cell while it is made; ``folder`` holds its job, events, recordings and log."""

    planned: Runnable
    profile: Profile
    folder: Path
    started: str
    attempt: int = 1
    attempt_reason: str = ""
    partial: str = ""


class _Told(msgspec.Struct, kw_only=True):
    """The events of one session, sorted out."""

    commands: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    mismatches: list[dict[str, str]] = []
    proof: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    refused: str = ""
    ready: bool = False
    interrupted: bool = False
    pending: dict[str, Any] | None = None  # a command that started and did not end


def make_evidence(
    context: RunContext,
    run: CellRun,
    *,
    duration_s: float,
    ended: Ended | None = None,
    mark: subunit.Mark | None = None,
    connections: Mapping[str, int | None] | None = None,
    reasons: tuple[RanReason, ...] = (),
) -> Evidence:
    """Return the record of one attempt; without ``ended`` tox was never started, for the ``reasons`` given."""
    told = _sort(run)
    project = Path(context.matrix.project.root)
    merged = _recorded(run, project, mark)
    state = _state(told, ended) if ended is not None else "not_started"
    cell, interpreter = run.planned.cell, run.planned.interpreter
    return Evidence(
        id=f"{context.host.name}-{context.run_id}-{os.urandom(4).hex()}",
        run_id=context.run_id,
        project=project.name,
        tree=context.identity.tree,
        commit=context.identity.commit,
        dirty=context.identity.dirty,
        matrix_digest=context.matrix.digest,
        cell=cell.name,
        profile=cell.profile,
        axes=cell.axes,
        state=state,
        host=context.host,
        started=run.started,
        finished=now(),
        duration_s=round(duration_s, 3),
        interpreter=InterpreterRecord(
            path=interpreter.path, version=interpreter.version, implementation=interpreter.implementation
        ),
        findings=_findings(run, told, merged, connections or {}),
        distributions=tuple(
            Distribution(name=name, version=version or "", owner=owner)
            for name, version, owner in sorted(told.proof.get("distributions", ()), key=lambda one: str(one[0]).lower())
        ),
        commands=tuple(_command(event) for event in told.commands),
        sessions=merged.sessions,
        tests=merged.tests,
        reasons=reasons + _reasons(context, run, told, state, ended),
        mismatches=_mismatches(told, merged),
        ignored=_ignored(told),
        partial="; ".join(dict.fromkeys(filter(None, [run.partial, *(one.narrowed for one in merged.sessions)]))),
        attempt=run.attempt,
        attempt_reason=run.attempt_reason,
        log=str(run.folder.relative_to(project) / "output.log") if run.folder.is_relative_to(project) else "",
    )


def _recorded(run: CellRun, project: Path, mark: subunit.Mark | None) -> Recorded:
    """Return what was recorded of tests: by the recorders, in subunit streams, in files that the profile names."""
    parts = [read.read_recordings(run.folder / "record", project=project)]
    if mark is not None:
        parts.append(subunit.read(project, mark, project=project, streams=parts[0].streams))
    if run.profile.results:
        files = [path for pattern in run.profile.results for path in sorted(project.glob(pattern))]
        parts.append(junit.read(files, since=_epoch(run), project=project, beside=read.merge(parts)))
    return read.merge(parts)


def _sort(run: CellRun) -> _Told:
    told, cell = _Told(), run.planned.cell.name
    for event in read_events(run.folder / "events.jsonl"):
        kind = event["event"]
        if kind == "command_start":
            told.pending = event
        elif kind == "command":
            told.pending = None
            if event["cell"] == cell and _PHASES.match(event["run_id"]):
                told.commands.append(event)
            elif event["code"] != 0:
                told.failed.append(event)
        elif kind == "reason":
            told.reasons.append(event)
        elif kind == "result" and event["cell"] == cell:
            told.result = event
        else:
            _sort_state(told, kind, event)
    return told


def _sort_state(told: _Told, kind: str, event: dict[str, Any]) -> None:
    if kind == "mismatch":
        told.mismatches.extend(event["reasons"])
    elif kind == "proof":
        told.proof = event
    elif kind == "refused":
        told.refused = event["message"]
    elif kind == "ready":
        told.ready = True
    elif kind == "interrupted":
        told.interrupted = True


def _state(told: _Told, ended: Ended) -> RunState:
    if ended.cause == "timed_out":
        return "timed_out"
    if ended.cause == "interrupted" or told.interrupted:
        return "interrupted"
    if told.result is None:
        return "crashed" if not told.refused and not told.failed else "not_built"
    if told.result["skipped"]:
        return "skipped_by_tox"
    return "finished" if told.ready else "not_built"


def _reasons(
    context: RunContext, run: CellRun, told: _Told, state: RunState, ended: Ended | None
) -> tuple[RanReason, ...]:
    found: list[RanReason] = []
    if state == "timed_out":
        during = " ".join(told.pending["argv"]) if told.pending else "tox"
        found.append(
            RanReason(
                code="timed_out",
                message=f"still running after {run.profile.timeout_s:.0f} s, in `{during}`",
                remedy=f"raise timeout_s of the profile {run.profile.name}, or find what hangs",
            )
        )
    elif state == "skipped_by_tox":
        text = told.reasons[-1]["detail"] if told.reasons else "tox skipped it"
        code = "platform" if "platform" in text else "no_interpreter" if "interpreter" in text else "skipped_by_tox"
        found.append(RanReason(code=code, message=f"tox skipped it: {text}"))
    elif state == "not_built" and not told.mismatches:
        found.append(_not_built(context, run, told))
    elif state == "crashed" and ended is not None:
        found.append(
            RanReason(
                code="crashed",
                message=f"the process that ran tox ended with {_exit_phrase(ended.code)}",
                detail=_tail(run),
            )
        )
    for key in (told.result or {}).get("unused", ()):
        found.append(_unused_setting(context, run, key))
    return tuple(found)


def _not_built(context: RunContext, run: CellRun, told: _Told) -> RanReason:
    if told.failed:
        last = told.failed[-1]
        if "install" in last["run_id"] or last["cell"].startswith(".pkg") or "freeze" not in last["run_id"]:
            site_packages = run.profile.system_site_packages is True
            return explain_install(
                last["out"] + "\n" + last["err"], context.matrix.capabilities, system_site_packages=site_packages
            )
    if told.refused:
        return RanReason(code="tox_refused", message=f"tox refused: {told.refused}", remedy="see `tox config`")
    if told.reasons:
        last = told.reasons[-1]
        lines = [line for line in last["detail"].splitlines() if line.strip()] or [last["message"]]
        code = (
            "build_failed"
            if "Backend" in last["kind"]
            else "no_interpreter"
            if "interpreter" in lines[0]
            else "tox_failed"
        )
        return RanReason(code=code, message=lines[0], detail="\n".join(lines[1:][-15:]))
    return RanReason(code="tox_failed", message="tox ended before the environment was ready")


def _unused_setting(context: RunContext, run: CellRun, key: str) -> RanReason:
    from difflib import get_close_matches

    from envmatrix.config.envkeys import known

    where = run.profile.env[key].source if key in run.profile.env else context.matrix.project.tox_file or "tox"
    near = next(iter(get_close_matches(key, known(), n=1, cutoff=0.7)), "")
    message = f"{where}: nothing reads the key {key!r}"
    return RanReason(
        code="unused_setting",
        message=f"{message}; did you mean {near!r}?" if near else message,
        remedy="correct it, remove it, or install the tox plugin that reads it",
    )


def _exit_phrase(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _tail(run: CellRun) -> str:
    try:
        text = (run.folder / "output.log").read_bytes()[-4000:].decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-15:])


def _command(event: dict[str, Any]) -> CommandRun:
    return CommandRun(
        argv=tuple(event["argv"]),
        cwd=event["cwd"],
        exit_code=event["code"],
        started=event["started"],
        duration_s=round(event["duration_s"], 3),
        ignored=event["ignored"],
        phase=event["run_id"].partition("[")[0],
    )


def _findings(
    run: CellRun, told: _Told, merged: Recorded, connections: Mapping[str, int | None]
) -> tuple[FindingRecord, ...]:
    proved = {answer["capability"]: answer for answer in told.proof.get("modules", ())}
    records = []
    for finding in run.planned.findings:
        answer = proved.pop(finding.capability, None)
        records.append(
            FindingRecord(
                capability=finding.capability,
                status=finding.status,
                version=answer["version"] if answer else finding.version,
                where=answer["file"] if answer else finding.where,
                message=finding.message,
                used=_used(finding.capability, answer, merged, connections),
            )
        )
    for name, answer in proved.items():
        records.append(
            FindingRecord(
                capability=name,
                status="broken" if answer["error"] else "ok",
                version=answer["version"],
                where=answer["file"],
                message=answer["error"],
                used=_used(name, answer, merged, connections),
            )
        )
    told_of = {record.capability for record in records}
    records += [
        FindingRecord(capability=name, status="ok", used=_used(name, None, merged, connections))
        for name in connections
        if name not in told_of
    ]
    return tuple(sorted(records, key=lambda record: record.capability))


def _used(
    name: str, answer: dict[str, Any] | None, merged: Recorded, connections: Mapping[str, int | None]
) -> bool | None:
    """Tell whether a test process imported the module or connected to the service; None where that cannot be told."""
    if name in connections:
        seen = connections[name]
        return None if seen is None else seen > 0
    if answer is None or not any(session.runner in {"pytest", "unittest"} for session in merged.sessions):
        return None
    return bool(merged.imports.get(answer["module"]))


def _mismatches(told: _Told, merged: Recorded) -> tuple[RanReason, ...]:
    found = [
        RanReason(**{key: reason.get(key, "") for key in ("code", "message", "remedy", "capability")})
        for reason in told.mismatches
    ]
    if merged.outside:
        shown = ", ".join(f"{module} ({file})" for module, file in merged.outside[:5])
        more = f" and {len(merged.outside) - 5} more" if len(merged.outside) > 5 else ""
        found.append(
            RanReason(
                code="env_mismatch",
                message=f"the tests loaded modules from outside the environment: {shown}{more}",
                remedy="declare what the tests need in deps, or use a profile with system_site_packages",
            )
        )
    return tuple(found)


def _ignored(told: _Told) -> tuple[str, ...]:
    found = []
    if (told.result or {}).get("ignore_outcome"):
        found.append("ignore_outcome")
    found += [f"- {' '.join(event['argv'])}" for event in told.commands if event["ignored"]]
    return tuple(found)


def _epoch(run: CellRun) -> float:
    from datetime import datetime

    return datetime.fromisoformat(run.started.replace("Z", "+00:00")).timestamp()
