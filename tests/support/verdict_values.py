"""Small values for the verdict's tests: each builder fills in what a test does not care about."""

from __future__ import annotations

import datetime
from typing import Any

from envmatrix.config.model import Capability, Cell, FlakyRule, Profile, SkipRule
from envmatrix.evidence.model import (
    CommandRun,
    Evidence,
    FindingRecord,
    HostRecord,
    InterpreterRecord,
    Session,
    TestResult,
)
from envmatrix.host.model import Interpreter
from envmatrix.plan import Blocked, NotRelevant, Reason, Runnable
from envmatrix.verdict.judge import judge_run
from envmatrix.verdict.model import Verdict

TODAY = datetime.date(2026, 6, 1)
TREE = "a" * 40
DIGEST = "sha256:1"
CAPABILITIES = {
    name: Capability(name=name, **words)
    for name, words in {
        "libvirt": {"module": "libvirt", "distribution": "libvirt-python"},
        "mysql": {"service": "mysql"},
        "postgresql": {"service": "postgresql"},
        "redis": {"service": "redis"},
        "memcached": {"service": "memcached"},
        "kvm": {"device": "/dev/kvm"},
        "docker": {"program": "docker"},
        "git": {"program": "git"},
        "compiler": {"program": "cc"},
        "root": {"check": "0"},
        "network": {"check": "0"},
        "python3.12": {"program": "python3.12"},
        "test-url": {"env": "OS_TEST_URL"},
    }.items()
}


def result(test_id: str, outcome: str = "passed", reason: str = "", **more: Any) -> TestResult:
    return TestResult(id=test_id, outcome=outcome, reason=reason, **more)  # type: ignore[arg-type]


def skip(
    test_id: str, reason: str = "", skip_class: str = "unexpected", capability: str = "", **more: Any
) -> TestResult:
    return result(test_id, "skipped", reason, skip_class=skip_class, capability=capability, **more)


def wants(test_id: str, capability: str = "libvirt", **more: Any) -> TestResult:
    """A test that skipped for want of a capability, or came to another outcome for that."""
    about = {"outcome": "skipped", "reason": f"no {capability}", "skip_class": "capability", "capability": capability}
    return result(test_id, **(about | more))


def profile(name: str = "full", **more: Any) -> Profile:
    return Profile(name=name, origin=f"profiles/{name}.toml", **more)


def rule(match: str, days: int = 30, **more: Any) -> SkipRule:
    return SkipRule(match=match, owner="team", expires=TODAY + datetime.timedelta(days=days), **more)


def flaky(*tests: str, days: int = 30) -> FlakyRule:
    return FlakyRule(tests=tests, owner="team", expires=TODAY + datetime.timedelta(days=days))


def has(*names: str, version: str = "9.0") -> tuple[FindingRecord, ...]:
    return tuple(FindingRecord(capability=name, status="ok", version=version) for name in names)


def record(cell: str = "full-py311", *tests: TestResult, **more: Any) -> Evidence:
    code = 1 if any(test.outcome in ("failed", "error") for test in tests) else 0
    values: dict[str, Any] = {
        "id": f"{cell}-1",
        "run_id": "run",
        "project": "p",
        "tree": TREE,
        "commit": "c" * 40,
        "dirty": False,
        "matrix_digest": DIGEST,
        "cell": cell,
        "profile": cell.partition("-")[0],
        "axes": {},
        "state": "finished",
        "host": HostRecord(name="host", system="Linux", machine="x86_64"),
        "started": "2026-06-01T00:00:00Z",
        "finished": "2026-06-01T00:01:00Z",
        "duration_s": 60.0,
        "interpreter": InterpreterRecord(path="/usr/bin/python3.11", version="3.11.2"),
        "findings": has(*(name for name in ("libvirt", "mysql") if cell.startswith(name))),
        "commands": (CommandRun(argv=("pytest",), exit_code=code),),
        "sessions": (Session(runner="pytest", finished=True, exit_code=code, tests=len(tests)),),
        "tests": tests,
    }
    return Evidence(**(values | more))


def runnable(name: str = "full-py311") -> Runnable:
    cell = Cell(name=name, profile=name.partition("-")[0])
    return Runnable(cell=cell, interpreter=Interpreter(path="/usr/bin/python3.11", version="3.11.2"))


def blocked(name: str, capability: str = "libvirt") -> Blocked:
    reason = Reason(code="absent", message=f"{capability} is absent", capability=capability, remedy="install it")
    return Blocked(cell=Cell(name=name, profile=name.partition("-")[0]), reasons=(reason,))


def not_relevant(name: str) -> NotRelevant:
    return NotRelevant(cell=Cell(name=name, profile=name.partition("-")[0]), rule="no path matches virt/**")


def judged(*records: Evidence, planned: Any = None, profiles: Any = (), **more: Any) -> Verdict:
    """The verdict over some records; plans and plain profiles are made up for them where none are given."""
    plans = planned if planned is not None else [runnable(item.cell) for item in records]
    by_name = {item.cell.profile: profile(item.cell.profile) for item in plans} | {item.name: item for item in profiles}
    values: dict[str, Any] = {
        "planned": plans,
        "profiles": by_name,
        "capabilities": CAPABILITIES,
        "evidence": {item.cell: item for item in records},
        "tree": TREE,
        "commit": "c" * 40,
        "dirty": False,
        "matrix_digest": DIGEST,
        "today": TODAY,
    }
    return judge_run(**(values | more))


def codes(verdict: Verdict) -> list[str]:
    return [breach.code for breach in verdict.breaches]
