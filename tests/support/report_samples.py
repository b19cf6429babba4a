"""A run on three hosts as values: one cell failed, one passed, one could not be built, one is owed."""

from __future__ import annotations

from envmatrix.config.model import Cell, Gate, Profile
from envmatrix.evidence.model import (
    CommandRun,
    Distribution,
    Evidence,
    FindingRecord,
    HostRecord,
    InterpreterRecord,
    RanReason,
    TestResult,
)
from envmatrix.host.model import Finding, HostFacts, Interpreter
from envmatrix.plan import Blocked, NotRelevant, Plan, Reason, Runnable
from envmatrix.report import Report
from envmatrix.verdict.model import Breach, CellVerdict, Change, RanNowhere, SeenIn, Tests, Verdict, VerdictReason

TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"
DIGEST = "sha256:0f3c5d7a9b1e2c4d6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6"
HOSTS = {
    "jenkins-libvirt": HostRecord(
        name="jenkins-libvirt",
        system="Linux",
        release="6.1.0",
        distribution="debian 12",
        machine="x86_64",
        cpus=8,
        memory_mb=32000,
        user="jenkins",
    ),
    "jenkins-mysql": HostRecord(
        name="jenkins-mysql", system="Linux", release="6.1.0", distribution="debian 12", machine="x86_64", cpus=4
    ),
    "laptop": HostRecord(name="laptop", system="Darwin", release="23.5", distribution="macos 14.5", machine="arm64"),
}
TRACEBACK = """Traceback (most recent call last):
  File "hypervisor/tests/test_libvirt.py", line 41, in test_defines
    self.assertEqual(domain.name(), "web")
AssertionError: 'web-1' != 'web'"""
NO_LIBVIRT = "No module named 'libvirt'"


def driver_tests(number: int = 6, outcome: str = "passed", reason: str = "") -> tuple[TestResult, ...]:
    """Tests of one module that all ended alike."""
    skip = "capability" if outcome == "skipped" else ""
    return tuple(
        TestResult(
            id=f"hypervisor.tests.test_libvirt.DriverTest.test_{i}",
            outcome=outcome,
            duration_s=0.01 * i,
            reason=reason,
            runner="unittest",
            skip_class=skip,
            capability="libvirt" if skip else "",
        )
        for i in range(number)
    )


def evidence(cell: str, where: str, tests: tuple[TestResult, ...], minute: int = 0, **more) -> Evidence:
    """The record of a cell that ran for a minute on a host."""
    values = {
        "id": f"{where}-{cell}",
        "run_id": f"run-{where}",
        "project": "hypervisor",
        "tree": TREE,
        "commit": COMMIT,
        "dirty": False,
        "matrix_digest": DIGEST,
        "cell": cell,
        "profile": cell.partition("-")[0],
        "axes": {"python": "3.11"},
        "state": "finished",
        "host": HOSTS[where],
        "started": f"2026-11-23T10:{minute:02d}:00Z",
        "finished": f"2026-11-23T10:{minute + 1:02d}:00Z",
        "duration_s": 60.0,
        "interpreter": InterpreterRecord(path="/usr/bin/python3.11", version="3.11.2"),
        "distributions": (
            Distribution(name="hypervisor", version="1.0", owner="env"),
            Distribution(name="libvirt-python", version="9.0.0", owner="system"),
        ),
        "commands": (
            CommandRun(
                argv=("python", "-m", "unittest"), exit_code=1 if any(t.outcome == "failed" for t in tests) else 0
            ),
        ),
        "findings": (FindingRecord(capability="libvirt", status="ok", version="9.0.0", used=True),),
        "tests": tests,
    }
    return Evidence(**{**values, **more})


def records() -> tuple[Evidence, ...]:
    """What three hosts reported."""
    plain = tuple(
        TestResult(id=f"hypervisor.tests.test_config.ConfigTest.test_{i}", outcome="passed", duration_s=0.02)
        for i in range(12)
    )
    failed = TestResult(
        id="hypervisor.tests.test_libvirt.DriverTest.test_defines",
        outcome="failed",
        duration_s=1.25,
        reason=TRACEBACK,
        runner="unittest",
    )
    nested = TestResult(
        id="hypervisor.tests.test_nested.NestedTest.test_runs",
        outcome="skipped",
        reason="requires a nested hypervisor",
        skip_class="unexpected",
    )
    declared = TestResult(
        id="hypervisor.tests.test_windows.HyperVTest.test_lists",
        outcome="skipped",
        reason="Requires Windows",
        skip_class="declared",
    )
    return (
        evidence("libvirt-py311", "jenkins-libvirt", (*plain, *driver_tests(), failed, nested)),
        evidence("restricted-py311", "laptop", (*plain, *driver_tests(6, "skipped", NO_LIBVIRT), nested, declared), 1),
        evidence(
            "mysql-py311",
            "jenkins-mysql",
            (),
            2,
            state="not_built",
            interpreter=None,
            reasons=(
                RanReason(
                    code="install_failed",
                    message="mysqlclient could not be installed",
                    remedy="apt-get install libmysqlclient-dev",
                    detail="error: command 'pkg-config' failed\nexit status 1",
                ),
            ),
        ),
    )


def verdict(**more) -> Verdict:
    """The judgement over those records, with a fourth cell that is owed to another host."""
    cells = (
        CellVerdict(
            name="libvirt-py311",
            profile="libvirt",
            state="failed",
            tests=Tests(passed=18, failed=1, skipped=1),
            duration_s=60.0,
            evidence="jenkins-libvirt-libvirt-py311",
        ),
        CellVerdict(
            name="restricted-py311",
            profile="restricted",
            state="passed",
            tests=Tests(passed=12, skipped=8, deselected=2),
            duration_s=60.0,
            evidence="laptop-restricted-py311",
            notes=("recorded for another commit with the same tree",),
        ),
        CellVerdict(
            name="mysql-py311",
            profile="mysql",
            state="inconclusive",
            reasons=(
                VerdictReason(
                    code="install_failed",
                    message="mysqlclient could not be installed",
                    remedy="apt-get install libmysqlclient-dev",
                ),
            ),
            duration_s=60.0,
            evidence="jenkins-mysql-mysql-py311",
        ),
        CellVerdict(
            name="libvirt-py312",
            profile="libvirt",
            state="blocked",
            reasons=(
                VerdictReason(
                    code="absent",
                    capability="libvirt",
                    message="libvirt is not importable in any Python 3.12 of this host",
                    remedy="apt-get install python3-libvirt",
                ),
            ),
        ),
    )
    values = {
        "verdict": "failed",
        "exit_code": 1,
        "tree": TREE,
        "commit": COMMIT,
        "dirty": False,
        "matrix_digest": DIGEST,
        "cells": cells,
        "breaches": (
            Breach(
                code="unexpected_skip",
                cell="libvirt-py311",
                message="A test was skipped for a reason that no [[skips]] entry of the profile accepts.",
                tests=("hypervisor.tests.test_nested.NestedTest.test_runs",),
            ),
        ),
        "ran_nowhere": (
            RanNowhere(
                test="hypervisor.tests.test_nested.NestedTest.test_runs",
                seen_in=(
                    SeenIn(cell="libvirt-py311", reason="requires a nested hypervisor", class_="unexpected"),
                    SeenIn(cell="restricted-py311", reason="requires a nested hypervisor", class_="unexpected"),
                ),
                would_run="a host with a nested hypervisor",
            ),
            RanNowhere(
                test="hypervisor.tests.test_windows.HyperVTest.test_lists",
                seen_in=(SeenIn(cell="restricted-py311", reason="Requires Windows", class_="declared"),),
            ),
        ),
    }
    return Verdict(**{**values, **more})


def report(**more) -> Report:
    """Everything that a format may be given."""
    values = {
        "verdict": verdict(),
        "evidence": records(),
        "profiles": {
            name: Profile(name=name, origin=f"profiles/{name}.toml", gate=Gate(required=True))
            for name in ("libvirt", "mysql", "restricted")
        },
        "planned": plan(),
        "drift": (
            Change(
                test="hypervisor.tests.test_libvirt.DriverTest.test_defines",
                cell="libvirt-py311",
                kind="newly_failed",
                before="passed",
                after="failed",
                reason="AssertionError",
            ),
            Change(
                test="hypervisor.tests.test_old.OldTest.test_gone",
                cell="libvirt-py311",
                kind="vanished",
                before="passed",
            ),
        ),
        "drift_against": COMMIT,
        "logs": {"jenkins-libvirt-libvirt-py311": "libvirt-py311: commands[0]> python -m unittest\n" + TRACEBACK},
    }
    return Report(**{**values, **more})


def passing() -> Report:
    """One cell, all passed, nothing skipped."""
    tests = driver_tests()
    cell = CellVerdict(
        name="full-py311",
        profile="full",
        state="passed",
        tests=Tests(passed=6),
        duration_s=3.2,
        evidence="laptop-full-py311",
    )
    judged = verdict(verdict="passed", exit_code=0, cells=(cell,), breaches=(), ran_nowhere=())
    return Report(verdict=judged, evidence=(evidence("full-py311", "laptop", tests),))


def plan() -> Plan:
    """One cell of each kind."""
    return Plan(
        matrix_digest=DIGEST,
        cells=(
            Runnable(
                cell=Cell(name="libvirt-py311", profile="libvirt", axes={"python": "3.11"}),
                interpreter=Interpreter(path="/usr/bin/python3.11", version="3.11.2", origin="system"),
            ),
            Blocked(
                cell=Cell(name="libvirt-py312", profile="libvirt", axes={"python": "3.12"}),
                reasons=(
                    Reason(
                        code="absent",
                        capability="libvirt",
                        message="libvirt is not importable in any Python 3.12 of this host",
                        remedy="apt-get install python3-libvirt",
                    ),
                ),
            ),
            NotRelevant(
                cell=Cell(name="mysql-py311", profile="mysql"),
                rule="no changed path matches db/**",
                paths=("README.md",),
            ),
        ),
    )


def host() -> tuple[list[Finding], HostFacts]:
    """A host on which one capability is usable, one missing and one broken."""
    found = [
        Finding(capability="python3.11", status="ok", version="3.11.2", where="/usr/bin/python3.11"),
        Finding(
            capability="libvirt",
            status="broken",
            message="undefined symbol: virDomainFoo",
            remedy="apt-get install --reinstall python3-libvirt",
            interpreter="/usr/bin/python3.11",
        ),
        Finding(
            capability="mysql", status="absent", message="no mysqld in PATH", remedy="apt-get install mariadb-server"
        ),
    ]
    facts = HostFacts(
        name="laptop",
        system="Linux",
        release="6.1.0",
        distribution="debian 12",
        machine="x86_64",
        cpus=2,
        memory_mb=4000,
        user="me",
    )
    return found, facts


def renamed(name: str) -> Report:
    """The same report with one text in every place that others may write: names, reasons, messages, paths, logs."""
    test = TestResult(id=name, outcome="failed", reason=name)
    skip = TestResult(id=name + "2", outcome="skipped", reason=name, skip_class="unexpected", capability=name)
    reason = VerdictReason(code="absent", capability=name, message=name, remedy=name)
    record = evidence(
        name,
        "laptop",
        (test, skip),
        id="e1",
        profile=name,
        axes={name: name},
        host=HostRecord(name=name, distribution=name),
        commands=(CommandRun(argv=(name, name), exit_code=1),),
        distributions=(Distribution(name=name, version=name, owner="env"),),
        reasons=(RanReason(code=name, message=name, remedy=name, detail=name),),
        findings=(FindingRecord(capability=name, status="broken", message=name),),
    )
    base = {"name": name, "profile": name, "reasons": (reason,), "notes": (name,)}
    cells = tuple(
        CellVerdict(state=state, evidence="e1" if state in ("failed", "inconclusive") else "", **base)
        for state in ("passed", "failed", "inconclusive", "blocked", "not_relevant", "owed", "stale")
    )
    judged = verdict(
        tree=name,
        commit=name,
        matrix_digest=name,
        cells=cells,
        breaches=(Breach(code=name, cell=name, message=name, tests=(name,)),),
        ran_nowhere=(RanNowhere(test=name, seen_in=(SeenIn(cell=name, reason=name, class_=name),), would_run=name),),
        notes=(name,),
    )
    drift = (Change(test=name, cell=name, kind=name, before=name, after=name, reason=name),)
    return Report(verdict=judged, evidence=(record,), drift=drift, drift_against=name, logs={"e1": name})
