"""``envmatrix run``: plan the profiles, run their cells on this host, and judge what really ran."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from envmatrix.commands.collector import Collector, current_day, read_output
from envmatrix.commands.last_run import write_report
from envmatrix.commands.missing import apply_gate, find_passes
from envmatrix.commands.plan import plan_matrix
from envmatrix.config.matrix import load_matrix
from envmatrix.config.model import Matrix
from envmatrix.console.output import get_verbosity, get_width, use_color, write_text
from envmatrix.console.progress import Mode, Progress
from envmatrix.engine.launcher.client import Launcher, open_launcher
from envmatrix.engine.run.cell import RunContext, Watcher
from envmatrix.engine.run.executor import Interrupt, run_plan
from envmatrix.engine.run.run_dir import fresh_folder, new_run_id
from envmatrix.engine.run.scheduler import automatic_jobs, known_durations
from envmatrix.errors import EnvmatrixError, ExitCode
from envmatrix.evidence.model import Evidence, HostRecord
from envmatrix.evidence.store.history import EarlierRecords
from envmatrix.evidence.store.store import Store
from envmatrix.host.platform import host_facts
from envmatrix.plan import Plan
from envmatrix.report import FORMATS, Report, UnknownFormatError, render
from envmatrix.report.wording import last_lines
from envmatrix.util.files import is_there
from envmatrix.util.json import convert
from envmatrix.util.state_dir import state_path
from envmatrix.util.text import listed
from envmatrix.vcs.identity import Identity, identify_content
from envmatrix.verdict.judge import judge_run
from envmatrix.verdict.model import Verdict

LOG_TAIL_BYTES = 20_000
_UNWRITTEN = "the evidence could not be kept, so there is nothing to show that this passed"


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``run``, named as on the command line."""

    names: tuple[str, ...] = ()
    posargs: tuple[str, ...] = ()
    format: str = "text"
    allow_blocked: bool = False
    changed_since: str | None = None
    staged: bool = False
    jobs: str = "1"
    fail_fast: bool = False
    retries: int = 2
    rerun_failed: int = 0
    recreate: bool = False
    warm: bool = True
    missing: bool = False
    store: str | None = None
    progress: Mode = "auto"


def run_profiles(start: Path, options: RunOptions, environ: Mapping[str, str]) -> int:
    """Run profiles on this host, print the verdict on what ran, and return the exit code.

    Raises EnvmatrixError where an option, the configuration or the store is wrong.
    """
    check_options(options)
    with open_launcher(environ) as starts:
        start_helper(starts, start, options)
        matrix = load_matrix(start, options.names)
        plan = plan_matrix(matrix, environ, since=options.changed_since, staged=options.staged, starts=starts)
        identity = identify_content(Path(matrix.project.root))
        store = open_store(options, matrix)
        earlier = EarlierRecords(store, tree=identity.tree)  # before the run adds to it
        passes = find_passes(matrix, plan, identity, store) if options.missing else {}
        with make_context(matrix, identity, options, environ, starts) as context:
            collector = Collector(context, store, passes.values())
            interrupted = run_cells(context, plan, options, passes, collector)
            verdict = judge_records(context, plan, options, collector, earlier=earlier, interrupted=interrupted)
            if options.missing:
                verdict = apply_gate(verdict, matrix, plan, identity, store, collector.records, passes)
            report = make_report(context, plan, collector, verdict)
            unsaved = save_report(report, context, collector)
        write_text(render_report(report, options))
        for sentence in unsaved:
            write_text(f"envmatrix: {sentence}\n", err=True)
        return ExitCode.INTERRUPTED if interrupted else report.verdict.exit_code


def check_options(options: RunOptions) -> None:
    """Raise EnvmatrixError for an option whose value is impossible, before anything is started."""
    if options.jobs != "auto" and not (options.jobs.isdecimal() and int(options.jobs)):
        raise EnvmatrixError(f"--jobs {options.jobs}: give a number of cells from 1 on, or auto")
    if options.format not in FORMATS:
        raise UnknownFormatError(f"there is no format {options.format!r}; choose one of {', '.join(sorted(FORMATS))}")
    posargs = shlex.join(options.posargs)
    if posargs and options.missing:
        raise EnvmatrixError(
            f"--missing: the arguments -- {posargs} narrow each cell, and the gate counts whole cells only."
            " Leave out one of the two"
        )
    try:
        posargs.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(posargs).decode("utf-8", "backslashreplace")
        raise EnvmatrixError(
            f"-- {shown}: not text in UTF-8, which tox and every record need; say it in UTF-8"
        ) from None


def start_helper(starts: Launcher, start: Path, options: RunOptions) -> None:
    """Let the helper load while the plan is made, and tox in it where no cell has run without tox yet.

    Loading tox takes a processor longer than everything else does. Where a change or the store's evidence decides, it
    may be that nothing has to run: then the helper is started when it is first needed.
    """
    if options.staged or options.changed_since is not None or options.missing:
        return
    if options.warm and not options.recreate and is_there(state_path(start, "cache", "warm")):
        starts.start_helper()
    else:
        starts.preload_tox()


def open_store(options: RunOptions, matrix: Matrix) -> Store:
    """Return the store that takes the evidence. Raises EnvmatrixError where it cannot be one."""
    store = Store(options.store, Path(matrix.project.root))
    store.check_directory()
    return store


@contextlib.contextmanager
def make_context(
    matrix: Matrix, identity: Identity, options: RunOptions, environ: Mapping[str, str], starts: Launcher
) -> Iterator[RunContext]:
    """Yield what all cells of the run share; a folder outside of the project, which nobody would find, is removed."""
    root, run_id = Path(matrix.project.root), new_run_id()
    folder = fresh_folder(root, run_id)
    try:
        yield RunContext(
            matrix=matrix,
            identity=identity,
            host=convert(msgspec.to_builtins(host_facts(environ)), HostRecord),
            run_id=run_id,
            folder=folder,
            environ=dict(environ),  # os.environ decodes each value whenever it is looked at
            posargs=options.posargs,
            recreate=options.recreate,
            warm=options.warm,
            retries=options.retries,
            reruns=options.rerun_failed,
            launcher=starts,
        )
    finally:
        if not folder.is_relative_to(root):
            shutil.rmtree(folder, ignore_errors=True)


def run_cells(
    context: RunContext, plan: Plan, options: RunOptions, passes: Mapping[str, Evidence], collector: Collector
) -> bool:
    """Run the runnable cells without a stored pass, with progress on stderr; return whether somebody interrupted it."""
    interrupt = Interrupt()
    cache = state_path(Path(context.matrix.project.root), "cache")
    progress = Progress(
        sys.stderr,
        plan,
        verbosity=get_verbosity(),
        folder=context.folder,
        expected=known_durations(cache, [planned.cell.name for planned in plan.cells]),
        environ=context.environ,
        mode=options.progress,
        color=use_color(sys.stderr),
        interrupted=interrupt,
    )
    watcher = Watcher(
        output=progress.take_output, said=progress.say_line, interrupted=interrupt, killed=interrupt.at_once
    )
    with interrupt.listen_for_signals(), progress:
        for name, evidence in passes.items():
            progress.say_line(name, f"not run, it has passed with this content: evidence {evidence.id}")
        run_plan(
            context,
            msgspec.structs.replace(plan, cells=tuple(item for item in plan.cells if item.cell.name not in passes)),
            watcher,
            attempt_ended=progress.take_evidence,
            finished=collector.collect_record,
            jobs=automatic_jobs() if options.jobs == "auto" else int(options.jobs),
            fail_fast=options.fail_fast,
            stops_at=progress.went_wrong,
        )
    return bool(interrupt())


def judge_records(
    context: RunContext,
    plan: Plan,
    options: RunOptions,
    collector: Collector,
    *,
    earlier: EarlierRecords,
    interrupted: bool,
) -> Verdict:
    """Return the verdict over the records, with notes on the content that was tested."""
    matrix, identity = context.matrix, context.identity
    attempts = collector.attempts_by_cell()
    verdict = judge_run(
        planned=plan.cells,
        profiles=matrix.profiles,
        capabilities=matrix.capabilities,
        evidence={cell: records[-1] for cell, records in attempts.items()},
        earlier={cell: records[:-1] for cell, records in attempts.items()},
        tree=identity.tree,
        commit=identity.commit,
        dirty=identity.dirty,
        matrix_digest=matrix.digest,
        today=current_day(),
        allow_blocked=options.allow_blocked,
        known=earlier.read_records(),
        interrupted=interrupted,
    )
    notes = (*verdict.notes, *identity.notes, *describe_changes(identity, Path(matrix.project.root)))
    verdict = msgspec.structs.replace(verdict, notes=notes)
    if collector.unwritten and verdict.exit_code == 0:
        return msgspec.structs.replace(verdict, exit_code=ExitCode.INTERNAL, notes=(*notes, _UNWRITTEN))
    return verdict


def describe_changes(before: Identity, root: Path) -> tuple[str, ...]:
    """Return a note where the content is another than before the run, with the files that git tracks and that changed.

    Who changed them cannot be told: projects rewrite files of their own when they are built or tested (a version, what
    stestr remembers), and that is part of what the content does. An editor's change is the reader's to recognise.
    Outside git nothing says which files are ignored, and every file that the tests leave behind would be a change.
    """
    after = identify_content(root) if before.vcs == "git" else before
    if after.tree == before.tree:
        return ()
    note = f"the project's files changed during the run: tree {before.tree} became {after.tree}"
    both = before.tracked.keys() | after.tracked.keys()
    files = sorted(name for name in both if before.tracked.get(name) != after.tracked.get(name))
    return (f"{note}; of what git tracks: {listed(files)}" if files else note,)


def make_report(context: RunContext, plan: Plan, collector: Collector, verdict: Verdict) -> Report:
    """Return the report of the run, as wide and coloured as standard output shows it."""
    matrix = context.matrix
    return Report(
        verdict=verdict,
        evidence=tuple(collector.records),
        profiles=matrix.profiles,
        planned=plan,
        color=use_color(),
        width=get_width(),
        logs=_read_logs(Path(matrix.project.root), collector.records),
    )


def save_report(report: Report, context: RunContext, collector: Collector) -> tuple[str, ...]:
    """Keep the report for ``envmatrix report``, and return a sentence for everything that could not be kept."""
    unwritten = tuple(f"this evidence was not kept: {sentence}" for sentence in sorted(set(collector.unwritten)))
    try:
        write_report(report, context.folder)
        collector.record_last_run()
    except EnvmatrixError as error:
        return unwritten or (f"`envmatrix report` will not know this run: {error}",)
    return unwritten


def render_report(report: Report, options: RunOptions) -> str:
    """Return the report in the format that was asked for; of a quiet run that passed only its last lines."""
    if get_verbosity() < 0 and options.format == "text" and report.verdict.exit_code == 0:
        return "".join(f"{line}\n" for line in last_lines(report.verdict, report.width) if line)
    return render(options.format, report)


def _read_logs(root: Path, records: Sequence[Evidence]) -> dict[str, str]:
    outputs = {record.id: read_output(root, record)[-LOG_TAIL_BYTES:] for record in records if record.log}
    return {id_: output.decode("utf-8", "replace") for id_, output in outputs.items()}
