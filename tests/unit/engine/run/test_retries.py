"""When a cell gets another attempt, and what of the earlier ones the newest record tells."""

from __future__ import annotations

import msgspec
import pytest

from envmatrix.engine.run.retries import describe_unsettled_tests, explain_infrastructure_failure, with_history
from envmatrix.evidence.model import Evidence, HostRecord, RanReason
from envmatrix.evidence.model import TestResult as Result


def attempt(*tests: Result, reason: str = "", state: str = "finished") -> Evidence:
    return Evidence(
        id="id",
        run_id="run",
        project="p",
        tree="a" * 40,
        commit="",
        dirty=False,
        matrix_digest="",
        cell="unit",
        profile="unit",
        axes={},
        state=state,  # type: ignore[arg-type]
        host=HostRecord(name="host"),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:00:00Z",
        duration_s=1.0,
        tests=tests,
        reasons=(RanReason(code=reason, message=f"said {reason}"),) if reason else (),
    )


def ended(outcome: str, name: str = "t") -> Result:
    return Result(id=name, outcome=outcome)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["index_unreachable", "install_timed_out", "service_failed", "killed"])
def test_infrastructure_is_tried_again_unless_a_test_failed(code: str) -> None:
    assert explain_infrastructure_failure(attempt(reason=code, state="not_built")) == f"said {code}"
    assert explain_infrastructure_failure(attempt(ended("failed"), reason=code)) == ""


@pytest.mark.parametrize("code", ["", "disk_full", "no_distribution", "conflict", "cannot_build", "timed_out"])
def test_what_would_only_happen_again_is_not(code: str) -> None:
    assert explain_infrastructure_failure(attempt(reason=code, state="not_built")) == ""


def test_a_failure_is_settled_by_a_pass_and_by_nothing_else() -> None:
    failed, other = attempt(ended("failed"), ended("error", "u")), attempt(ended("passed"), ended("skipped", "u"))
    assert describe_unsettled_tests([failed]) == "2 tests failed: t, u"
    assert describe_unsettled_tests([failed, other]) == "1 test failed: u"
    assert describe_unsettled_tests([failed, attempt()]) == "2 tests failed: t, u"
    assert describe_unsettled_tests([failed, attempt(ended("passed"), ended("passed", "u"))]) == ""
    assert describe_unsettled_tests([attempt(ended("passed")), attempt(ended("failed"))]) == "1 test failed: t"


def test_the_newest_record_has_every_outcome_of_a_test_that_failed_before() -> None:
    first = attempt(ended("failed"), ended("passed", "u"))
    newest = with_history(attempt(ended("passed"), ended("passed", "u")), [first])
    assert [test.attempts for test in newest.tests] == [("failed", "passed"), ()]
    within = msgspec.structs.replace(ended("passed"), attempts=("failed", "passed"))
    assert with_history(attempt(within), [first]).tests[0].attempts == ("failed", "failed", "passed")
    assert with_history(attempt(ended("failed")), []).tests[0].attempts == ()
