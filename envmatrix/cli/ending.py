"""The end of ``envmatrix run``: judge what ran, remember it, show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from envmatrix.cli.kept import keep
from envmatrix.cli.reusing import remember_passes, say_reused
from envmatrix.cli.taken import Taken, output_of, today
from envmatrix.cli.terminal import say, use_color, verbosity, width
from envmatrix.cli.wanted import Wanted, later
from envmatrix.config.model import Matrix
from envmatrix.engine.reuse import Around
from envmatrix.engine.session import RunContext
from envmatrix.errors import EnvmatrixError, ExitCode
from envmatrix.evidence.identity import Identity, identify
from envmatrix.evidence.model import Evidence
from envmatrix.plan import Plan
from envmatrix.report import Report, render
from envmatrix.report.words import last_lines
from envmatrix.util.text import listed
from envmatrix.verdict.judge import judge
from envmatrix.verdict.model import Verdict

LOG_TAIL_BYTES = 20_000
_UNKEPT = "the evidence could not be kept, so there is nothing to show that this passed"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended. ``known`` is earlier evidence, ``again`` what of it stood for cells that did not run."""

    matrix: Matrix
    plan: Plan
    wanted: Wanted
    context: RunContext
    known: Sequence[Evidence]
    again: dict[str, Evidence]
    interrupted: bool


def end(run: Run, taken: Taken) -> int:
    """Judge the records, keep the report, print it to stdout, and return the exit code."""
    verdict = _judged(run, taken)
    report = Report(
        verdict=verdict,
        evidence=tuple(taken.records),
        profiles=run.matrix.profiles,
        planned=run.plan,
        color=use_color(),
        width=width(),
        logs=_logs(Path(run.matrix.project.root), taken.records),
    )
    forgotten = _remember(report, run.context, taken)
    if taken.unwritten and verdict.exit_code == 0:
        verdict = msgspec.structs.replace(verdict, exit_code=ExitCode.INTERNAL, notes=(*verdict.notes, _UNKEPT))
        report = msgspec.structs.replace(report, verdict=verdict)
    say(_shown(run.wanted, report))
    for sentence in sorted(set(taken.unwritten)):
        say(f"envmatrix: this evidence was not kept: {sentence}\n", err=True)
    if forgotten and not taken.unwritten:
        say(f"envmatrix: `envmatrix report` will not know this run: {forgotten}\n", err=True)
    return ExitCode.INTERRUPTED if run.interrupted else verdict.exit_code


def _judged(run: Run, taken: Taken) -> Verdict:
    """Return the verdict, with notes on the content that was tested, and remember what may be reused."""
    matrix, identity, root = run.matrix, run.context.identity, Path(run.matrix.project.root)
    # Outside git nothing says what is ignored, and every file that the tests leave behind would be a change.
    looked = later(lambda: identify(root)) if identity.vcs == "git" else lambda: identity
    verdict = judge(
        planned=run.plan.cells,
        profiles=matrix.profiles,
        capabilities=matrix.capabilities,
        evidence={evidence.cell: evidence for evidence in taken.records},
        earlier=_earlier(taken.records),
        tree=identity.tree,
        commit=identity.commit,
        dirty=identity.dirty,
        matrix_digest=matrix.digest,
        today=today(),
        allow_blocked=run.wanted.allow_blocked,
        counts_partial=True,
        known=run.known,
        interrupted=run.interrupted,
    )
    after = looked()
    changed = _changed_meanwhile(identity, after)
    notes = (*verdict.notes, *identity.notes, *changed)
    verdict = say_reused(msgspec.structs.replace(verdict, notes=notes), run.again)
    if not changed and not run.wanted.posargs:
        context, around = run.context, Around(root, run.context.environ, after)
        records, host = taken.kept, context.host.name
        remember_passes(matrix, run.plan, identity, around, verdict, records, context.kept, host=host)
    return verdict


def _earlier(records: Sequence[Evidence]) -> dict[str, list[Evidence]]:
    """Return the attempts of each cell before its newest, oldest first."""
    attempts: dict[str, list[Evidence]] = {}
    for record in records:
        attempts.setdefault(record.cell, []).append(record)
    return {cell: made[:-1] for cell, made in attempts.items()}


def _changed_meanwhile(before: Identity, after: Identity) -> tuple[str, ...]:
    """Return a note where the content is another after the run, with the files that git tracks and that changed.

    Who changed them cannot be told: projects rewrite files of their own when they are built or tested (a version, what
    stestr remembers), and that is part of what the content does. An editor's change is the reader's to recognise.
    """
    if after.tree == before.tree:
        return ()
    note = f"the project's files changed during the run: tree {before.tree} became {after.tree}"
    both = before.tracked.keys() | after.tracked.keys()
    files = sorted(name for name in both if before.tracked.get(name) != after.tracked.get(name))
    return (f"{note}; of what git tracks: {listed(files)}" if files else note,)


def _remember(report: Report, context: RunContext, taken: Taken) -> str:
    """Keep the report for ``envmatrix report``; return why that was not possible."""
    try:
        keep(report, context.folder)
    except EnvmatrixError as error:
        return str(error)
    return taken.remember()


def _shown(wanted: Wanted, report: Report) -> str:
    if verbosity() < 0 and wanted.format == "text" and report.verdict.exit_code == 0:
        return "".join(f"{line}\n" for line in last_lines(report.verdict, report.width) if line)
    return render(wanted.format, report)


def _logs(root: Path, records: Sequence[Evidence]) -> dict[str, str]:
    return {one.id: output_of(root, one)[-LOG_TAIL_BYTES:].decode("utf-8", "replace") for one in records if one.log}
