"""Runs a cell's commands without tox, as tox would: same variables, folder, proof, recorders, events and evidence."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from envmatrix.engine.incremental.fingerprint import ReplayRecord
from envmatrix.engine.install import pip
from envmatrix.engine.job.model import PHASES, EventLog, Job, utc_now
from envmatrix.engine.launcher import leftovers
from envmatrix.engine.launcher.client import Launcher
from envmatrix.engine.launcher.request import Mark, ProcessRequest
from envmatrix.engine.launcher.runner import EndedProcess, Stopper, run_process
from envmatrix.engine.toxplugin import proof
from envmatrix.engine.toxplugin.resolved import CommandStep, ResolvedEnvironment
from envmatrix.errors import EnvmatrixError

PROOF_TIMEOUT_S = 60.0
TAIL_BYTES = 6000


class _StoppedError(Exception):
    """The run was interrupted or took too long."""

    def __init__(self, ended: EndedProcess) -> None:
        super().__init__(ended.cause)
        self.ended = ended


class _Replay:
    def __init__(
        self,
        job: Job,
        record: ReplayRecord,
        *,
        caller: Mapping[str, str],
        launcher: Launcher,
        stopper: Stopper,
        mark: Mark,
        output: Callable[[bytes], None],
    ) -> None:
        self.job, self.kept, self.resolved = job, record, record.resolved
        self.launcher, self.mark, self.output = launcher, mark, output
        self.stopper = msgspec.structs.replace(stopper, grace_s=self.resolved.grace_s)
        self.events = EventLog(job.events)
        self.groups: list[int] = []  # of commands that left something running, as tox lets them until its own end
        assert self.resolved.variables is not None
        variables = self.resolved.variables.of(caller)
        base = dict(caller) | {key: value for key, value in variables.items() if key.startswith("PYTEST_")}
        self.environ = variables | proof.recorder_variables(job, base)

    def run_all(self) -> int:
        """Run everything and return the exit code that tox would give; raises _StoppedError."""
        self.events.write_event("session")
        self.events.write_event("begin", cell=self.job.cell)
        self.events.write_event("environment", cell=self.job.cell, env_dir=self.resolved.env_dir)
        begun = time.monotonic()
        _make_directories(self.resolved)
        assert self.resolved.env is not None
        try:
            proof.prove_environment(
                self.job, self.resolved.env, self.events, self.execute_quietly, known=self.kept.proof
            )
            code = self.run_phases()
        except (proof.RefusedError, EnvmatrixError) as refused:
            sentence = f"envmatrix: {refused}"
            self.events.write_event("reason", kind="Fail", message=f"failed with {sentence}", detail=sentence)
            self.write_line(f"failed with {sentence}")
            code = 1
        duration = time.monotonic() - begun
        self.events.write_event(
            "result",
            cell=self.job.cell,
            skipped=False,
            code=code,
            duration_s=duration,
            ignore_outcome=self.resolved.ignore_outcome,
            unused=list(self.kept.unused),
        )
        self.write_line(f"{'OK' if code == 0 else f'FAIL code {code}'} ({duration:.2f} seconds, without tox)")
        return code

    def run_phases(self) -> int:
        codes = dict.fromkeys(PHASES, 0)
        codes["commands_pre"] = self.run_phase("commands_pre")
        if codes["commands_pre"] == 0 or self.resolved.ignore_errors:
            codes["commands"] = self.run_phase("commands")
        codes["commands_post"] = self.run_phase("commands_post")
        return next((code for code in codes.values() if code), 0)

    def run_phase(self, phase: str) -> int:
        first = 0
        for step in self.resolved.steps:
            if step.phase != phase:
                continue
            code = self.run_step(step)
            if step.succeeded(code):
                continue
            first = first or code or 1
            if not self.resolved.ignore_errors:
                break
        return first

    def run_step(self, step: CommandStep) -> int:
        argv, folder = list(step.argv), self.resolved.change_dir
        self.write_line(f"{step.run_id}> {shlex.join(argv)}")
        started, begun = utc_now(), time.monotonic()
        self.events.write_event("command_start", cell=self.job.cell, run_id=step.run_id, argv=argv)
        ended, text_output, pages = (
            self.run_install(step) if pip.is_install_command(argv) else (self.run_command(step), "", None)
        )
        self.events.write_event(
            "command",
            cell=self.job.cell,
            run_id=step.run_id,
            argv=argv,
            cwd=folder,
            code=ended.code,
            started=started,
            duration_s=time.monotonic() - begun,
            ignored=step.ignored,
            inverted=step.inverted,
            not_started="",
            out=text_output,
            err="",
            unfetched=pages,
        )
        return ended.code

    def run_command(self, step: CommandStep, output: Callable[[bytes], None] | None = None) -> EndedProcess:
        return self.execute_command((step.program, *step.argv[1:]), output or self.output, self.stopper)

    def run_install(self, step: CommandStep) -> tuple[EndedProcess, str, list[str] | None]:
        """Run a command that gets packages; its last words and the pages that pip did not get, where it failed."""
        output_value = bytearray()

        def output(chunk: bytes) -> None:
            self.output(chunk)
            output_value.extend(chunk)
            del output_value[:-TAIL_BYTES]

        with pip.capture_pip_log(self.environ, Path(self.job.events).with_name("pip.log")) as unfetched:
            ended = self.run_command(step, output)
            return (ended, output_value.decode("utf-8", "replace"), unfetched()) if ended.code else (ended, "", None)

    def execute_command(self, argv: tuple[str, ...], output: Callable[[bytes], None], stopper: Stopper) -> EndedProcess:
        request = ProcessRequest(
            kind="exec", argv=argv, cwd=self.resolved.change_dir, environ=self.environ, mark=self.mark
        )
        ended = run_process(self.launcher, request, output=output, stopper=stopper, leave=True)
        if ended.group:
            self.groups.append(ended.group)
        if ended.cause and ended.cause == self.stopper.stop_reason():
            raise _StoppedError(ended)
        return ended

    def execute_quietly(self, argv: list[str]) -> str:
        """Run a command of the proof and return a phrase that says how it ended."""
        said = bytearray()
        limit = time.monotonic() + PROOF_TIMEOUT_S
        deadline = limit if self.stopper.deadline is None else min(limit, self.stopper.deadline)
        ended = self.execute_command(tuple(argv), said.extend, msgspec.structs.replace(self.stopper, deadline=deadline))
        if ended.cause:
            return f"it was still importing after {PROOF_TIMEOUT_S:.0f} s"
        if ended.code < 0:
            return f"the import killed the process with signal {-ended.code}"
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {ended.code}"

    def kill_leftovers(self) -> None:
        """Kill what the commands left running, and tell what that was."""
        if self.groups and (left := self.launcher.kill_leftovers(self.mark, self.groups)):
            self.events.write_event("left_over", processes=leftovers.to_builtins(left))

    def write_line(self, sentence: str) -> None:
        self.output(f"{self.job.cell}: {sentence}\n".encode("utf-8", "replace"))


def run_warm(
    job: Job,
    record: ReplayRecord,
    *,
    caller: Mapping[str, str],
    launcher: Launcher,
    stopper: Stopper,
    mark: Mark,
    output: Callable[[bytes], None],
) -> EndedProcess:
    """Run the commands of ``job`` by what was kept, and return how that ended; ``caller`` is what tox would be given.

    Raises OSError where a process cannot be started or a folder cannot be made.
    """
    begun = time.monotonic()
    run = _Replay(job, record, caller=caller, launcher=launcher, stopper=stopper, mark=mark, output=output)
    try:
        with run.events:
            try:
                code, cause = run.run_all(), ""
            finally:
                run.kill_leftovers()
    except _StoppedError as stopped:
        code, cause = stopped.ended.code, stopped.ended.cause
    return EndedProcess(code=code, duration_s=time.monotonic() - begun, cause=cause)


def _make_directories(resolved: ResolvedEnvironment) -> None:
    # tox empties both at each setup, and makes the commands' folder
    for folder in (resolved.tmp_dir, resolved.log_dir):
        with contextlib.suppress(FileNotFoundError):
            if not os.listdir(folder):  # noqa: PTH208 - it is done for each cell
                continue
            shutil.rmtree(folder)
        Path(folder).mkdir(parents=True, exist_ok=True)
    if not os.path.isdir(resolved.change_dir):  # noqa: PTH112 - as above
        Path(resolved.change_dir).mkdir(parents=True, exist_ok=True)
