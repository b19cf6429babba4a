"""Why a run proves less of the project than its tests seem to say.

What a cell's process left behind becomes its evidence.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from envmatrix.engine.job.model import utc_now
from envmatrix.engine.launcher.runner import EndedProcess
from envmatrix.engine.run.content_watch import moved_reason
from envmatrix.engine.run.events import CellRun, SortedEvents, sort_events
from envmatrix.engine.run.failure_reasons import reasons_of, state_of, unread_settings
from envmatrix.engine.run.partial import narrowed_by
from envmatrix.evidence import junit, recordings, subunit
from envmatrix.evidence.model import (
    CommandRun,
    ContentLook,
    Distribution,
    Evidence,
    FindingRecord,
    InterpreterRecord,
    RanReason,
)
from envmatrix.evidence.recordings import Recorded
from envmatrix.util.files import read_text
from envmatrix.util.text import listed

if TYPE_CHECKING:
    from envmatrix.engine.run.cell import RunContext


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


def disk_full(run: CellRun, recorded: Recorded, events: SortedEvents) -> tuple[RanReason, ...]:
    """Return the reason where a full disk may be why a session has no end, a command or tox failed: no test's fault."""
    output = any(_NO_SPACE in reason["detail"] for reason in events.reasons)
    failed = any(event["code"] for event in events.commands) or any(
        not item.finished for item in recorded.sessions if not item.nested
    )
    if not output and not (failed and _measure_free_space(run) < _LEAST):
        return ()
    message = f"the disk is full ({_measure_free_space(run) // 1024} KiB are free at {run.folder})"
    return (RanReason(code="disk_full", message=message, remedy="free some space and run again"),)


def _measure_free_space(run: CellRun) -> int:
    try:
        return shutil.disk_usage(run.folder).free
    except OSError:
        return _LEAST


def find_mismatches(events: SortedEvents, merged: Recorded) -> tuple[RanReason, ...]:
    """Return what the environment, or the code that was imported in it, is not."""
    result = [
        RanReason(**{key: reason.get(key, "") for key in ("code", "message", "remedy", "capability")})
        for reason in events.mismatches
    ]
    if merged.outside:
        shown = listed(f"{module} ({file})" for module, file in merged.outside)
        result.append(
            RanReason(
                code="env_mismatch",
                message=f"the tests loaded modules from outside the environment: {shown}",
                remedy="declare what the tests need in deps, or use a profile with system_site_packages",
            )
        )
    result += [_explain_shadowed(*element) for element in merged.shadowed[:3]]
    return tuple(result)


def _explain_shadowed(name: str, path: str, own_path: str) -> RanReason:
    return RanReason(
        code="env_mismatch",
        message=f"the tests ran against another {name} than the project's: {path} was imported, and {own_path} differs",
        remedy="install the project in the environment (leave out skip_install), or take the other copy out of it",
    )


_STOPPED: Final = {
    "interrupted": "the run was interrupted",
    "timed_out": "the cell's time was over",
    "disk_full": "the disk was full",
}


def make_evidence(
    context: RunContext,
    run: CellRun,
    *,
    duration_s: float,
    ended: EndedProcess | None = None,
    mark: subunit.StreamSizes | None = None,
    connections: Mapping[str, int | None] | None = None,
    reasons: tuple[RanReason, ...] = (),
    content: ContentLook | None = None,
) -> Evidence:
    """Return the record of one attempt; without ``ended`` tox was never started, for the ``reasons`` given."""
    facts = sort_events(run)
    project = Path(context.matrix.project.root)
    inside = f"{project}/"
    state = state_of(facts, ended) if ended is not None else "not_started"
    recorded = _read_recordings(run, project, mark)
    files, unwritten = _read_results(run, project, recorded)
    full = disk_full(run, recorded, facts)
    merged = recordings.merge_recordings([_cut_off(recorded, "disk_full" if full else state), files])
    commands = tuple(_parse_command(event) for event in facts.commands)
    unread, notes = unread_settings(context, run, facts)
    moved = (moved_reason(content.moved, before=False),) if content is not None and content.moved else ()
    why = [*reasons, *moved, *reasons_of(context, run, facts, state, ended), *unread]
    if not any(entry.code == "disk_full" for entry in why):
        why += full
    if state == "finished":
        why += [*unwritten, *asserts_left_out(merged)]
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
        finished=utc_now(),
        duration_s=round(duration_s, 3),
        interpreter=InterpreterRecord(
            path=interpreter.path, version=interpreter.version, implementation=interpreter.implementation
        ),
        findings=_collect_findings(run, facts, merged, connections or {}),
        distributions=tuple(
            Distribution(name=name, version=version or "", owner=owner)
            for name, version, owner in sorted(
                facts.proof.get("distributions", ()), key=lambda one: str(one[0]).lower()
            )
        ),
        commands=commands,
        sessions=merged.sessions,
        tests=merged.tests,
        reasons=tuple(why),
        mismatches=find_mismatches(facts, merged),
        ignored=_list_ignored_files(facts),
        left_over=tuple(facts.left_over) if state == "finished" else (),
        partial=_explain_partial(context, run, facts, commands, merged),
        notes=merged.notes + notes,
        attempt=run.attempt,
        attempt_reason=run.attempt_reason,
        folder=context.identity.folder,
        content=content,
        log=f"{str(run.folder).removeprefix(inside)}/output.log" if str(run.folder).startswith(inside) else "",
    )


def _read_recordings(run: CellRun, project: Path, mark: subunit.StreamSizes | None) -> Recorded:
    """Return what was recorded of tests by the recorders and in subunit streams."""
    parts = [recordings.read_recordings(run.folder / "record", project=project)]
    if mark is not None:
        parts.append(subunit.read_streams(project, mark, project=project, streams=parts[0].streams))
    return recordings.merge_recordings(parts)


def _cut_off(recorded: Recorded, state: str) -> Recorded:
    """Return what was recorded with the tests that we stopped told from those that killed their process."""
    if state not in _STOPPED:
        return recorded
    tests = [
        msgspec.structs.replace(test, outcome="deselected", reason=recordings.CUT_OFF + _STOPPED[state])
        if test.outcome == "error" and test.reason.startswith(recordings.DIED)
        else test
        for test in recorded.tests
    ]
    return msgspec.structs.replace(recorded, tests=tuple(tests))


def _read_results(run: CellRun, project: Path, beside: Recorded) -> tuple[Recorded, tuple[RanReason, ...]]:
    """Return the tests in the files that the profile names, and a reason for each pattern that no new file meets."""
    parts, reasons = [], []
    for pattern in run.profile.results:
        matches = junit.read_junit(
            sorted(project.glob(pattern)), since=run.started_at, project=project, recorded=beside
        )
        parts.append(matches)
        if not matches.sessions:
            why = f" ({matches.notes[0]})" if matches.notes else ""
            message = f"results names {pattern!r}, and the commands wrote no such JUnit file{why}"
            remedy = f"correct results in {run.profile.origin}, or the command that writes the file"
            reasons.append(RanReason(code="no_tests", message=message, remedy=remedy))
    return recordings.merge_recordings(parts), tuple(reasons)


def _explain_partial(
    context: RunContext, run: CellRun, events: SortedEvents, commands: tuple[CommandRun, ...], merged: Recorded
) -> str:
    """Return what narrowed the run: arguments, overrides, the state that earlier runs left, variables of the caller."""
    project = context.matrix.project
    root = Path(project.root)
    by_variables = narrowed_by(
        context.environ,
        settings=lambda: f"{read_text(root / project.tox_file) if project.tox_file else ''} {run.profile.env}",
        sessions=merged.sessions,
        commands=commands,
        root=root,
        left_out=any(test.outcome == "deselected" for test in merged.tests),
    )
    result_value = [
        run.partial,
        events.overrides,
        *(session.narrowed for session in merged.sessions if not session.nested),
        *by_variables,
    ]
    return "; ".join(dict.fromkeys(filter(None, result_value)))


def _parse_command(event: dict[str, Any]) -> CommandRun:
    return CommandRun(
        argv=tuple(event["argv"]),
        cwd=event["cwd"],
        exit_code=event["code"],
        started=event["started"],
        duration_s=round(event["duration_s"], 3),
        ignored=event["ignored"],
        inverted=event["inverted"],
        not_started=event["not_started"],
        phase=event["run_id"].partition("[")[0],
    )


def _collect_findings(
    run: CellRun, events: SortedEvents, merged: Recorded, connections: Mapping[str, int | None]
) -> tuple[FindingRecord, ...]:
    proved = {answer["capability"]: answer for answer in events.proof.get("modules", ())}
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
                used=_was_used(finding.capability, answer, merged, connections),
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
                used=_was_used(name, answer, merged, connections),
            )
        )
    told_of = {record.capability for record in records}
    records += [
        FindingRecord(capability=name, status="ok", used=_was_used(name, None, merged, connections))
        for name in connections
        if name not in told_of
    ]
    return tuple(sorted(records, key=lambda record: record.capability))


def _was_used(
    name: str, answer: dict[str, Any] | None, merged: Recorded, connections: Mapping[str, int | None]
) -> bool | None:
    """Tell whether a test process imported the module or connected to the service; None where that cannot be told."""
    if name in connections:
        seen = connections[name]
        return None if seen is None else seen > 0
    if answer is None or not any(session.runner in {"pytest", "unittest"} for session in merged.sessions):
        return None
    return bool(merged.imports.get(answer["module"]))


def _list_ignored_files(events: SortedEvents) -> tuple[str, ...]:
    found = []
    if (events.result or {}).get("ignore_outcome"):
        found.append("ignore_outcome")
    found += [f"- {' '.join(event['argv'])}" for event in events.commands if event["ignored"]]
    return tuple(found)
