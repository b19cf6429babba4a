"""The record of one cell's run, schema ``envmatrix/evidence/1``. Times are UTC ISO 8601, durations seconds."""

from __future__ import annotations

from typing import Final, Literal

import msgspec


class LeftOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process that was killed because it was still running after the commands of its cell.

    ``forked`` is true if the process never executed a program: ``argv`` is then its parent's. ``by_test`` is true if a
    test session started it.
    """

    pid: int
    argv: tuple[str, ...] = ()
    forked: bool = False
    by_test: bool = False


SCHEMA: Final = "envmatrix/evidence/1"

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "deselected"]
WORST_FIRST: Final[tuple[Outcome, ...]] = ("error", "failed", "xpassed", "passed", "xfailed", "skipped", "deselected")
FAILING: Final[frozenset[Outcome]] = frozenset({"failed", "error"})
EXECUTED: Final[frozenset[Outcome]] = FAILING | {"passed", "xfailed", "xpassed"}
SkipClass = Literal["", "capability", "declared", "expired", "unexpected", "consequence", "unrun"]
RunState = Literal["finished", "not_built", "not_started", "skipped_by_tox", "crashed", "timed_out", "interrupted"]


# There may be millions of these and none refers to another, so the garbage collector need not track them.
class TestResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One test. ``id`` is the same in every cell and on every host.

    ``reason`` is the reason of a skip, xfail or deselection, or the end of a failure (at most 4,000 characters).
    ``stands_for_module`` marks a skip or error of a whole module or class, whose tests are unknown.
    ``skip_class`` and ``capability`` are derived from the reason by the verdict's classifier. ``part_of`` is the test
    of a subtest: only subtests that did not run are listed. ``has_parts`` is true if the test ran subtests.
    """

    id: str
    outcome: Outcome
    duration_s: float = 0.0
    reason: str = ""
    runner: str = ""  # "pytest", "unittest", "subunit", "junit"
    stands_for_module: bool = False
    requires: tuple[str, ...] = ()  # capabilities that a marker of the test names
    skip_class: SkipClass = ""
    capability: str = ""
    attempts: tuple[Outcome, ...] = ()  # all outcomes, where the test was run more than once
    part_of: str = ""
    has_parts: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of a test runner inside a command. A session that never finished is a crash.

    ``narrowed`` is the option that selected tests by the state of earlier runs ("--lf", "--stepwise"), "" if none did.
    ``args``, ``paths`` (of the command line), ``options`` and ``addopts`` (PYTEST_ADDOPTS) are its arguments, to be
    compared with the project's own. ``nested`` marks a run inside a test of another session: its tests are not counted.
    ``stopped`` is the reason why it ended before its last test. ``at`` is its start in seconds since the epoch, 0 if
    unknown.
    """

    runner: str
    version: str = ""
    pid: int = 0
    finished: bool = False
    exit_code: int | None = None
    tests: int = 0
    narrowed: str = ""
    nested: bool = False
    stopped: str = ""
    args: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    options: dict[str, str] = {}
    addopts: str = ""
    at: float = 0.0


class CommandRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One command of the environment: arguments, working directory, exit code, UTC start, duration.

    ``ignored`` is true if tox ignores its failure (a leading "-"), ``inverted`` if it must fail (a leading "!");
    ``not_started`` is the reason why its process could not start; ``phase`` is tox's key.
    """

    argv: tuple[str, ...]
    cwd: str = ""
    exit_code: int = 0
    started: str = ""
    duration_s: float = 0.0
    ignored: bool = False
    inverted: bool = False
    not_started: str = ""
    phase: str = "commands"

    @property
    def has_failed(self) -> bool:
        """Whether the command failed or did not start, even if tox ignores that."""
        return bool(self.not_started) or (self.exit_code != 0) != self.inverted


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """An installed distribution and its owner: the environment or the system."""

    name: str
    version: str
    owner: Literal["env", "system"]


class RanReason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason why a run did not simply finish; ``detail`` has the last lines of the installer."""

    code: str
    message: str
    remedy: str = ""
    capability: str = ""
    detail: str = ""


class HostRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The host of a run. ``id`` distinguishes machines of one name, "" if a user named the host or it has no id."""

    name: str
    system: str = ""
    release: str = ""
    distribution: str = ""
    machine: str = ""
    cpus: int = 0
    memory_mb: int = 0
    user: str = ""
    id: str = ""


class ContentLook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The times at which the tracked files were checked before and after the commands; ``moved`` names changed files.

    A file that was edited and reverted counts as changed: the commands may have read either content.
    """

    before: str
    after: str
    files: int = 0
    moved: tuple[str, ...] = ()


class FindingRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state of one capability; modules are checked inside the environment."""

    capability: str
    status: Literal["ok", "absent", "broken"]
    version: str = ""
    where: str = ""
    message: str = ""
    used: bool | None = None  # whether a test process imported or connected to it; None if unknown


class InterpreterRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The base interpreter of the environment."""

    path: str
    version: str
    implementation: str = "cpython"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt at one cell."""

    schema: Literal["envmatrix/evidence/1"] = SCHEMA
    id: str  # unique: host, time and a random part
    run_id: str  # the invocation of envmatrix that made it
    project: str
    tree: str  # git tree id of what was on disk, or "content-sha256:…" outside git
    commit: str
    dirty: bool
    matrix_digest: str
    cell: str
    profile: str
    axes: dict[str, str]
    state: RunState
    host: HostRecord
    started: str
    finished: str
    duration_s: float
    interpreter: InterpreterRecord | None = None
    findings: tuple[FindingRecord, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    commands: tuple[CommandRun, ...] = ()
    sessions: tuple[Session, ...] = ()
    tests: tuple[TestResult, ...] = ()
    reasons: tuple[RanReason, ...] = ()
    mismatches: tuple[RanReason, ...] = ()  # the proof inside the environment that failed
    ignored: tuple[str, ...] = ()  # failures that tox ignores: "ignore_outcome", "- before a command"
    partial: str = ""  # the reason why the run is partial, "" for a complete run
    left_over: tuple[LeftOver, ...] = ()  # processes killed after the commands
    notes: tuple[str, ...] = ()  # recordings that could not be read or were not counted
    attempt: int = 1
    attempt_reason: str = ""
    log: str = ""  # path of the cell's output, relative to the evidence store
    folder: str = ""  # the project's folder in its repository, "" at the top: a repository may hold several projects
    content: ContentLook | None = None  # None outside git, where nothing ran, and in records of earlier versions

    @property
    def has_moved(self) -> bool:
        """Whether tracked content changed before or during the commands: then the record decides nothing."""
        return (self.content is not None and bool(self.content.moved)) or any(
            reason.code == "content_moved" for reason in self.reasons
        )

    @property
    def counted_sessions(self) -> tuple[Session, ...]:
        """The sessions that the commands started; a session inside a test is a part of that test."""
        return tuple(session for session in self.sessions if not session.nested)
