"""What a cell's commands left running. Apart from the record, because the helper that starts cells loads this alone.

The record of one cell's run, schema ``envmatrix/evidence/1``. Times are UTC ISO 8601, durations seconds.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec


class LeftOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process that was still running when the commands of its cell had ended, and that was killed.

    ``forked`` says that it never executed a program of its own: ``argv`` is then its parent's. ``by_test`` says that a
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


# There are millions of these and none refers to another, so they are no matter of the garbage collector.
class TestResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One test. ``id`` is the same in every cell and on every host.

    ``reason`` is why it was skipped, xfailed or deselected, or the failure's last words (at most 4,000 characters).
    ``stands_for_module`` marks a skip or error of a whole module or class, whose tests are not known from here.
    ``skip_class`` and ``capability`` are what the verdict's classifier made of the reason. ``part_of`` is the test
    whose subtest this is: only those that did not run are listed. ``has_parts`` says that the test ran subtests.
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

    ``narrowed`` says which state of earlier runs narrowed it ("--lf", "--stepwise"), "" when none did. ``args``,
    ``paths`` (those of the command line), ``options`` and ``addopts`` (PYTEST_ADDOPTS) are what was asked of it, for
    whoever knows which of that the project asks for itself. ``nested`` is a run inside a test of another session: its
    tests are not counted. ``stopped`` is why it ended before its last test. ``at`` is when it began, in seconds since
    the epoch, 0 where that is not known.
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
    """One command of the environment: arguments, folder, exit code, UTC start, duration.

    ``ignored`` says that a failure of it does not fail tox (a leading "-"), ``inverted`` that it is to end with an
    error (a leading "!"); ``not_started`` is why no process could be made of it; ``phase`` is tox's key.
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
    def failed(self) -> bool:
        """Whether it did not end as it was to, or did not start; where tox looks away, too."""
        return bool(self.not_started) or (self.exit_code != 0) != self.inverted


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """An installed distribution and whose it is: the environment's own or the system's."""

    name: str
    version: str
    owner: Literal["env", "system"]


class RanReason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a run ended as it did, where it did not simply finish; ``detail`` holds the installer's own last lines."""

    code: str
    message: str
    remedy: str = ""
    capability: str = ""
    detail: str = ""


class HostRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Which host ran it. ``id`` tells machines of one name apart, "" where somebody named the host or it has none."""

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
    """When the files that git tracks were looked at, around the commands; ``moved`` names some that were touched.

    A file that was edited and put back was touched: what the commands read of it cannot be told.
    """

    before: str
    after: str
    files: int = 0
    moved: tuple[str, ...] = ()


class FindingRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found of one capability, as proved inside the environment where it is a module."""

    capability: str
    status: Literal["ok", "absent", "broken"]
    version: str = ""
    where: str = ""
    message: str = ""
    used: bool | None = None  # did a test process import it or connect to it; None where that cannot be told


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
    ignored: tuple[str, ...] = ()  # what of the run tox would not count: "ignore_outcome", "- before a command"
    partial: str = ""  # what narrowed the run, "" for a whole run
    left_over: tuple[LeftOver, ...] = ()  # what was still running when the commands had ended, and was killed
    notes: tuple[str, ...] = ()  # what of the recordings could not be read or was not counted
    attempt: int = 1
    attempt_reason: str = ""
    log: str = ""  # path of the cell's output, relative to the evidence store
    folder: str = ""  # the project's folder in its repository, "" at the top: a repository may hold several projects
    content: ContentLook | None = None  # None outside git, where nothing ran, and in records of earlier versions

    @property
    def has_moved(self) -> bool:
        """Whether tracked content changed before or under the commands: then nothing of the record decides."""
        return (self.content is not None and bool(self.content.moved)) or any(
            reason.code == "content_moved" for reason in self.reasons
        )

    @property
    def runs(self) -> tuple[Session, ...]:
        """The sessions that the commands started; one inside a test is a part of that test, whatever became of it."""
        return tuple(session for session in self.sessions if not session.nested)
