"""Further attempts at a cell: where the world around it failed, and where the user asked to see a failure twice.

An attempt is the whole cell again. A failed test run alone, by its id, would be another test: what ran before it in its
process is part of why it failed. And every runner would name it in another way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.engine.run.cell import RunContext, Watcher, run_cell
from envmatrix.evidence.model import FAILING, Evidence, Outcome, TestResult
from envmatrix.plan import Runnable
from envmatrix.util.text import count, listed

# What has nothing to do with the content tested and may be over in a moment. A full disk is not.
INFRASTRUCTURE: Final = frozenset({"index_unreachable", "install_timed_out", "service_failed", "killed"})
FIRST_WAIT_S: Final = 3.0
LONGEST_WAIT_S: Final = 60.0
_LOOK_S: Final = 0.2


def run_attempts(
    context: RunContext, planned: Runnable, watcher: Watcher, keep_record: Callable[[Evidence], None]
) -> Evidence | None:
    """Run a cell until nothing speaks for another attempt, and return the last one's evidence.

    ``keep_record`` is called with that of each before it, as soon as it exists. None where an interrupt came between
    two attempts.

    ``context.retries`` further attempts are made where the infrastructure failed and no test did, each after a longer
    wait; ``context.reruns`` where tests failed. A test that failed before has all its outcomes in ``attempts``. Where
    the content moved there is one further attempt, as soon as it is again what the run is about.
    """
    retries, reruns, wait_s, why = context.retries, context.reruns, FIRST_WAIT_S, ""
    before: list[Evidence] = []
    attempt, may_repeat = 0, True
    while True:
        attempt += 1
        evidence = run_cell(context, planned, watcher, attempt=attempt, why=why)
        evidence = with_history(evidence, before)
        if watcher.interrupted():
            return evidence
        if evidence.has_moved:
            if not may_repeat or not _is_still(context, watcher):
                return evidence
            may_repeat, why = False, _why_moved(evidence)
            watcher.said(planned.cell.name, f"{why}; attempt {attempt + 1} follows")
            keep_record(evidence)
            continue
        if retries and (why := explain_infrastructure_failure(evidence)):
            retries -= 1
            import random

            seconds = wait_s * random.uniform(0.75, 1.25)  # many hosts that lost one index must not come back as one
            wait_s = min(3 * wait_s, LONGEST_WAIT_S)
            watcher.said(
                planned.cell.name, f"{why.rstrip('.')}; attempt {evidence.attempt + 1} follows in {seconds:.0f} s"
            )
            keep_record(evidence)
            before.append(evidence)
            if not _wait_or_stop(seconds, watcher):
                return None
        elif reruns and (why := describe_unsettled_tests([*before, evidence])):
            reruns -= 1
            watcher.said(planned.cell.name, f"{why}; attempt {evidence.attempt + 1} follows")
            keep_record(evidence)
            before.append(evidence)
        else:
            return evidence


def _is_still(context: RunContext, watcher: Watcher) -> bool:
    return context.watch.wait_until_still(
        Path(context.matrix.project.root), context.identity, interrupted=watcher.interrupted
    )


def _why_moved(evidence: Evidence) -> str:
    return next((item.message for item in evidence.reasons if item.code == "content_moved"), "the content moved")


def explain_infrastructure_failure(evidence: Evidence) -> str:
    """Return what failed around the cell, "" where nothing did or a test failed: that is no noise."""
    if any(test.outcome in FAILING for test in evidence.tests):
        return ""
    return next((reason.message for reason in evidence.reasons if reason.code in INFRASTRUCTURE), "")


def describe_unsettled_tests(attempts: Sequence[Evidence]) -> str:
    """Return in words which tests failed and have not passed in the attempts since, "" where there are none."""
    failing: dict[str, None] = {}
    for evidence in attempts:
        for test in evidence.tests:
            if test.outcome in FAILING:
                failing[test.id] = None
            elif test.outcome == "passed":
                failing.pop(test.id, None)
    if not failing:
        return ""
    names = sorted(failing)
    return f"{count(len(names), 'test')} failed: {listed(names, 3)}"


def with_history(evidence: Evidence, before: Sequence[Evidence]) -> Evidence:
    """Return the evidence in which each test that failed in an earlier attempt has all its outcomes so far."""
    failed = {test.id for entry in before for test in entry.tests if test.outcome in FAILING}
    if not failed:
        return evidence
    earlier: dict[str, list[Outcome]] = {}
    for element in before:
        for test in element.tests:
            if test.id in failed:
                earlier.setdefault(test.id, []).append(test.outcome)
    tests = tuple(_with_outcomes(test, earlier.get(test.id)) for test in evidence.tests)
    return msgspec.structs.replace(evidence, tests=tests)


def _with_outcomes(test: TestResult, earlier: Sequence[Outcome] | None) -> TestResult:
    if earlier is None:
        return test
    return msgspec.structs.replace(test, attempts=(*earlier, *(test.attempts or (test.outcome,))))


def _wait_or_stop(seconds: float, watcher: Watcher) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if watcher.interrupted():
            return False
        time.sleep(_LOOK_S)
    return True
