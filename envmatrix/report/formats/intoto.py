"""Evidence as an in-toto statement with a test-result predicate, for policy engines and for signing.

The shapes are those of the in-toto Attestation Framework's Statement v1, DigestSet and ResourceDescriptor, and of its
predicate "Test Result" 0.1.0 (github.com/in-toto/attestation, spec/v1 and spec/predicates/test-result.md).
"""

from __future__ import annotations

import re
from typing import Any, Final

from envmatrix.evidence.model import EXECUTED, FAILING, Evidence, TestResult

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"

_GIT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def make_statement(evidence: Evidence, url: str = "") -> dict[str, Any]:
    """The unsigned statement. ``url`` is where the run can be looked at.

    PASSED says that every test seen was executed and passed; a skip, an expected failure or a flaky test makes it
    WARNED; anything that leaves the run without a full answer (a crash, no test, a narrowed run) makes it FAILED.
    The predicate has no word for a test that did not run: those are in the extension field ``envmatrix_skippedTests``,
    and in none of the predicate's own lists.
    """
    passed = sorted(test.id for test in evidence.tests if test.outcome == "passed" and not _is_flaky(test))
    warned = sorted(test.id for test in evidence.tests if _is_warned(test))
    failed = sorted(test.id for test in evidence.tests if test.outcome in FAILING)
    skipped = sorted(test.id for test in evidence.tests if test.outcome not in EXECUTED)
    predicate: dict[str, Any] = {
        "result": _choose_result(evidence, bool(failed), bool(warned or skipped), bool(passed or warned)),
        "configuration": [_describe_matrix(evidence), _describe_cell(evidence)],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
        "envmatrix_skippedTests": skipped,
        "envmatrix_evidence": evidence.id,
    }
    if url:
        predicate["url"] = url
    return {"_type": STATEMENT, "subject": _make_subject(evidence), "predicateType": PREDICATE, "predicate": predicate}


def _is_flaky(test: TestResult) -> bool:
    return len(set(test.attempts)) > 1


def _is_warned(test: TestResult) -> bool:
    return test.outcome in ("xfailed", "xpassed") or (test.outcome == "passed" and _is_flaky(test))


def _choose_result(evidence: Evidence, failed: bool, warned: bool, executed: bool) -> str:
    whole = evidence.state == "finished" and all(session.finished for session in evidence.counted_sessions)
    commands = not any(command.has_failed for command in evidence.commands)
    if failed or not (whole and commands and executed) or evidence.partial or evidence.mismatches or evidence.has_moved:
        return "FAILED"
    return "WARNED" if warned or evidence.ignored else "PASSED"


def _make_subject(evidence: Evidence) -> list[dict[str, Any]]:
    """What was tested: the tree, and the commit only where the tree is really that commit's."""
    name = evidence.project or "_"
    if _GIT_ID.fullmatch(evidence.tree):
        subject = [{"name": name, "digest": {"gitTree": evidence.tree}}]
    else:  # outside git: envmatrix's own hash over paths and contents, lowercase hex
        kind, _, value = evidence.tree.rpartition(":")
        subject = [{"name": name, "digest": {"envmatrix_contentSha256" if kind else "envmatrix_tree": value}}]
    if _GIT_ID.fullmatch(evidence.commit) and not evidence.dirty:
        subject.append({"name": f"{name}@{evidence.commit}", "digest": {"gitCommit": evidence.commit}})
    return subject


def _describe_matrix(evidence: Evidence) -> dict[str, Any]:
    algorithm, _, value = evidence.matrix_digest.partition(":")
    return {"name": "matrix", "digest": {algorithm: value} if value else {"envmatrix_matrix": algorithm}}


def _describe_cell(evidence: Evidence) -> dict[str, Any]:
    interpreter = evidence.interpreter
    return {
        "name": "cell",
        "uri": f"envmatrix:cell/{_quote_name(evidence.cell)}",
        "annotations": {
            "profile": evidence.profile,
            "axes": dict(sorted(evidence.axes.items())),
            "host": evidence.host.name,
            "distribution": evidence.host.distribution,
            "interpreter": f"{interpreter.implementation} {interpreter.version}" if interpreter else "",
            "started": evidence.started,
            "finished": evidence.finished,
            "partial": evidence.partial,
        },
    }


def _quote_name(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="", errors="backslashreplace")
