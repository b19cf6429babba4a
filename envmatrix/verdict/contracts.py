"""Whether a host had what a profile requires: a change may have asked less of its hosts than the gate's profiles do.

The contracts of a profile, held against the evidence of one cell: each function gives the breaches of one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from envmatrix.config.model import Capability, Profile
from envmatrix.evidence.model import Evidence, FindingRecord, TestResult
from envmatrix.evidence.recordings import BEFORE, CUT_OFF, NEVER_RAN, NOT_RUN
from envmatrix.host.model import Finding
from envmatrix.host.requirements import held, parse
from envmatrix.util.text import count, listed
from envmatrix.verdict.leftovers import describe_unwaited
from envmatrix.verdict.model import Breach
from envmatrix.verdict.skips.capability_names import canonical_name, is_marker_true, promised_names, requirement_name
from envmatrix.verdict.tally import NOT_TRIED, Tally
from envmatrix.verdict.test_presence import (
    LISTING,
    NONE_PASSED,
    explain_ignored_failure,
    is_uncounted,
    is_unseen,
    only_expected,
    silent_sessions,
    why_no_tests,
)
from envmatrix.verdict.test_presence import find_unmet_patterns as test_presence_unmet

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def find_unmet_requirements(profile: Profile, evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for each requirement and service of the profile that the evidence does not show to be there.

    A run of the profile itself cannot lack one: what is absent blocks the cell. One of an edited profile can.
    """
    if evidence.mismatches or not (profile.requires or profile.services):
        return  # what was not as promised inside the environment is told already
    result: dict[str, list[FindingRecord]] = {}
    for finding in evidence.findings:
        result.setdefault(canonical_name(finding.capability), []).append(finding)
    for requirement in profile.requires:
        if is_marker_true(requirement, evidence):
            name = requirement_name(requirement)
            why = _explain_lack(requirement, result.get(name, ()))
            if why:
                yield f"profile {profile.name!r} requires {requirement}, and {why} on {evidence.host.name}"
    for service in profile.services:
        if not any(finding.status == "ok" for finding in result.get(canonical_name(service), ())):
            yield f"profile {profile.name!r} has the service {service}, which was not there on {evidence.host.name}"


def _explain_lack(requirement: str, findings: Sequence[FindingRecord]) -> str:
    """Why no finding meets a requirement, "" where one does."""
    if not findings:
        return "the run did not look for it"
    seen = [
        Finding(capability=matches.capability, status=matches.status, version=matches.version, message=matches.message)
        for matches in findings
    ]
    requested = _parse_requirement(requirement)
    if any(held(finding, requested).status == "ok" for finding in seen):
        return ""
    finding = seen[0]
    return f"{finding.capability} was {finding.version or 'of no version'}" if finding.status == "ok" else "it was not"


@cache
def _parse_requirement(requirement: str) -> Requirement:
    return parse([requirement])[0]


_NO_COMMANDS = (
    "the environment has no commands: it ran nothing; give it commands in tox's file, or where only some factors have"
    " commands there, an axis that names them, or run one of the project's own (`envmatrix list --tox`)"
)
_NAME_RESULTS = (
    'have it write JUnit XML and name the files in a profile that stands on this environment (extends = "tox:NAME",'
    ' results = ["reports/*.xml"])'
)
_ONLY_LISTED = frozenset({NOT_RUN + LISTING, f"{NOT_RUN}only what it is set up with was asked for"})
_BROKEN_CODES = frozenset({2, 3, 4})  # pytest: interrupted, internal error, usage error


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the contracts of one cell are held against.

    ``absent`` are tests that earlier evidence of the same content has for this cell and this run has not.
    """

    evidence: Evidence
    tally: Tally
    profile: Profile
    capabilities: Mapping[str, Capability] = {}
    absent: Sequence[str] = ()

    def make_breach(self, code: str, message: str, tests: Sequence[str] = ()) -> Breach:
        """A breach of this cell."""
        return Breach(code=code, cell=self.evidence.cell, message=message, tests=tuple(sorted(tests)))


def find_breaches(case: Case) -> tuple[Breach, ...]:
    """Every breach of one cell, in the order of the checks.

    A run that its caller narrowed, or that died, is not asked for what only a whole run can show.
    """
    evidence = case.evidence
    whole = not evidence.partial and evidence.state == "finished" and all(s.finished for s in evidence.counted_sessions)
    checks = (*_ALWAYS, *_WHOLE) if whole else _ALWAYS
    if evidence.state in ("not_built", "not_started", "skipped_by_tox"):
        checks = (_env_mismatch, _no_commands, _unused_setting)
    return tuple(breach for check in checks for breach in check(case))


def _ended_badly(case: Case) -> Iterator[Breach]:
    evidence = case.evidence
    if evidence.state == "timed_out":
        yield case.make_breach("timed_out", f"the time limit stopped the run after {evidence.duration_s:.0f} s")
    elif evidence.state == "interrupted":
        yield case.make_breach("interrupted", "the run was interrupted; what had run by then is recorded")
    else:
        yield from _check_crashes(case)


def _check_crashes(case: Case) -> Iterator[Breach]:
    unfinished = [session for session in case.evidence.counted_sessions if not session.finished]
    broken = [
        s
        for s in case.evidence.counted_sessions
        if s.finished and s.runner == "pytest" and s.exit_code in _BROKEN_CODES
    ]
    if unfinished or case.evidence.state == "crashed":
        what = f"a {unfinished[0].runner} session died before its end" if unfinished else "tox died"
        ran = count(len(case.tally.ran), "test")
        message = f"{what}; {ran} had run by then, the others are unknown"
        if unfinished and unfinished[0].stopped == BEFORE:
            message = f"a {unfinished[0].runner} process ended {BEFORE}: which tests it would have run is unknown"
        yield case.make_breach("crashed", message)
    elif broken:
        message = f"{broken[0].runner} stopped with exit code {broken[0].exit_code} before it had run all tests"
        yield case.make_breach("crashed", message)
    elif not case.tally.failed:
        yield from _ended_early(case)


def _ended_early(case: Case) -> Iterator[Breach]:
    """A session that was made to end before its last test and calls that a success, as ``pytest.exit`` can."""
    stopped = next((s for s in case.evidence.counted_sessions if s.stopped not in ("", LISTING)), None)
    begins = (NOT_RUN, CUT_OFF)
    unrun = [test.id for test in case.tally.left if test.outcome == "deselected" and test.reason.startswith(begins)]
    if stopped is not None and unrun and case.tally.ran:
        message = (
            f"a {stopped.runner} session ended itself before its last test ({stopped.stopped});"
            f" {count(len(unrun), 'test')} did not run, such as {unrun[0]}"
        )
        yield case.make_breach("crashed", message, unrun)
        return
    # other runners than pytest may collect a test under another id than the one that it runs under
    passed_over = [t.id for t in case.tally.left if t.reason == NOT_RUN + NEVER_RAN and t.runner == "pytest"]
    if passed_over and case.tally.ran:
        left_out = count(len(passed_over), "test")
        message = f"a session ended and left out {left_out} that it had collected, such as {passed_over[0]}"
        yield case.make_breach("crashed", message, passed_over)


def _no_commands(case: Case) -> Iterator[Breach]:
    evidence = case.evidence
    facts = any(reason.code == "no_commands" for reason in evidence.reasons)
    main = any(command.phase == "commands" for command in evidence.commands)
    # what comes before and after may do the work, but where it failed or was refused, that is what is to be told
    other = case.tally.ran or any(command.has_failed for command in evidence.commands) or _not_executed(evidence)
    if facts or (evidence.state == "finished" and not main and not other):
        yield case.make_breach("no_commands", _NO_COMMANDS)


def _not_executed(evidence: Evidence) -> bool:
    return any(reason.code in ("command_missing", "tox_failed") for reason in evidence.reasons)


def _check_no_tests(case: Case) -> Iterator[Breach]:
    evidence, gate = case.evidence, case.profile.gate
    if evidence.state != "finished" or not evidence.commands:
        return
    ran = len(case.tally.ran)
    silent = silent_sessions(evidence)
    unwritten = next((reason for reason in evidence.reasons if reason.code == "no_tests"), None)
    if unwritten is not None:
        yield case.make_breach("no_tests", unwritten.message)
    elif ran == 0 and not evidence.counted_sessions and _not_executed(evidence):
        return  # says why
    elif ran == 0 and (gate.min_tests > 0 or silent or _executed_none(case)):
        yield case.make_breach("no_tests", why_no_tests(evidence))
    elif ran and only_expected(case.tally.tests) and not evidence.partial:
        yield case.make_breach("no_tests", NONE_PASSED.format(count(ran, "test")))
    elif unknown := _explain_unknown_tests(case):
        yield case.make_breach("no_tests", unknown)
    elif silent and not evidence.partial:
        yield case.make_breach("no_tests", f"a {silent[0].runner} session found no tests, although another did")
    elif only := [test.id for test in case.tally.left if test.reason in _ONLY_LISTED]:
        message = f"{count(len(only), 'test')} only collected and not run ({LISTING}), such as {only[0]}"
        yield case.make_breach("no_tests", message, only)
    elif ran < gate.min_tests and not evidence.partial:
        yield case.make_breach("min_tests", f"{count(ran, 'test')} ran, the profile asks for at least {gate.min_tests}")


def _executed_none(case: Case) -> bool:
    """Whether a session had tests, executed none of them, and none of that is a failure."""
    return bool(case.evidence.counted_sessions and case.evidence.tests and not case.tally.failed)


def _explain_unknown_tests(case: Case) -> str:
    """A sentence about a test runner that ended well and of whose tests nothing is known, "" where there is none."""
    if case.profile.results:
        return ""
    ended_well = [item for item in case.evidence.commands if not item.has_failed]
    if command := next((element for element in ended_well if is_unseen(element, case.evidence)), None):
        return (
            f"`{' '.join(command.argv)}` ended well and none of its tests is known: not this environment's python ran"
            " it, or not with its variables; call it as `python -m …`, or name the JUnit files in results = […]"
        )
    if command := next((entry for entry in ended_well if is_uncounted(entry, case.evidence)), None):
        return (
            f"`{' '.join(command.argv)}` ended well and its tests are not counted: nothing here records this runner;"
            f" {_NAME_RESULTS}"
        )
    return ""


def _capability_skip(case: Case) -> Iterator[Breach]:
    owed = promised_names(case.profile, case.evidence)
    result_value: dict[str, list[TestResult]] = {}
    for test in (*case.tally.left, *_expected_to_fail(case)):
        if test.skip_class == "capability" and canonical_name(test.capability) in owed:
            result_value.setdefault(test.capability, []).append(test)
    for capability, tests in sorted(result_value.items()):
        what = " or ".join(sorted({test.outcome for test in tests}))
        message = (
            f"{count(len(tests), 'test')} {what} for want of {capability}, which profile {case.profile.name!r}"
            f' promises ("{tests[0].reason.removeprefix(NOT_TRIED).lstrip()}")'
        )
        yield case.make_breach("capability_skip", message, [test.id for test in tests])


def _expected_to_fail(case: Case) -> Iterator[TestResult]:
    """The xfails that ran."""
    if case.tally.tests.xfailed:
        yield from (test for test in case.evidence.tests if test.outcome == "xfailed" and test.id in case.tally.ran)


def _capability_unused(case: Case) -> Iterator[Breach]:
    if case.profile.unused == "allow" or not case.tally.ran:
        return
    owed = promised_names(case.profile, case.evidence)
    for finding in case.evidence.findings:
        if (
            finding.used is False
            and canonical_name(finding.capability) in owed
            and _leaves_traces(case, finding.capability)
        ):
            message = (
                f"profile {case.profile.name!r} promises {finding.capability} and no test process used it,"
                ' so nothing is proved about it; set unused = "allow" if that is meant'
            )
            yield case.make_breach("capability_unused", message)


def _leaves_traces(case: Case, name: str) -> bool:
    """Whether use can be seen at all: a module is imported, a service connected to; a device or program is not ours
    to watch.
    """
    capability = case.capabilities.get(name)
    return capability is None or bool(capability.module or capability.service)


def _check_unrun(case: Case) -> Iterator[Breach]:
    tests = [test for test in (*case.tally.left, *_expected_to_fail(case)) if test.skip_class == "unrun"]
    if tests:
        message = (
            f"{count(len(tests), 'test')} skipped by the runner because it cannot execute {_choose_pronoun(tests)},"
            f' here or on any host ("{tests[0].reason.removeprefix(NOT_TRIED).lstrip()}"); install the'
            " plugin that runs such tests"
        )
        yield case.make_breach("unrun", message, [test.id for test in tests])


def _choose_pronoun(tests: Sequence[TestResult]) -> str:
    return "it" if len(tests) == 1 else "them"


def _expired_skip(case: Case) -> Iterator[Breach]:
    tests = [test for test in case.tally.left if test.skip_class == "expired"]
    if tests:
        owners = sorted({f"{rule.owner} until {rule.expires}" for rule in case.profile.skips})
        message = (
            f"{count(len(tests), 'test')} skipped by a [[skips]] entry that has expired (entries: {listed(owners)})"
        )
        yield case.make_breach("expired_skip", message, [test.id for test in tests])


def _unexpected_skip(case: Case) -> Iterator[Breach]:
    if case.profile.unexpected_skips != "refuse":
        return
    narrowed = bool(case.evidence.partial)
    tests = [test for test in case.tally.left if _is_unexpected(test, narrowed)]
    ids = [test.id for test in tests] + ([] if narrowed else list(case.absent))
    if ids:
        first = f': "{tests[0].reason}"' if tests and tests[0].reason else ""
        what = f"{count(len(ids), 'test')} did not run and no [[skips]] entry of the profile accepts that"
        message = f"{what}, such as {ids[0]}{first}"
        yield case.make_breach("unexpected_skip", message, ids)


def _is_unexpected(test: TestResult, narrowed: bool) -> bool:
    # a file that a suite leaves out (for another Python, say) is listed, since no [[skips]] entry could accept it
    left_out = test.outcome == "deselected" and not narrowed and not test.stands_for_module
    return test.skip_class == "unexpected" or left_out


def _env_mismatch(case: Case) -> Iterator[Breach]:
    for mismatch in case.evidence.mismatches:
        yield case.make_breach(
            "env_mismatch", f"{mismatch.message}; {mismatch.remedy}" if mismatch.remedy else mismatch.message
        )


def _requirement_unmet(case: Case) -> Iterator[Breach]:
    for sentence in find_unmet_requirements(case.profile, case.evidence):
        yield case.make_breach("requirement_unmet", sentence)


def _unused_setting(case: Case) -> Iterator[Breach]:
    for reason in case.evidence.reasons:
        if reason.code == "unused_setting":
            yield case.make_breach("unused_setting", reason.message)


def _ignored_outcome(case: Case) -> Iterator[Breach]:
    if message := explain_ignored_failure(case.evidence, case.profile, case.tally):
        yield case.make_breach("ignored_outcome", message)


def _left_running(case: Case) -> Iterator[Breach]:
    if message := describe_unwaited(case.evidence):
        yield case.make_breach("left_running", message)


def _must_run(case: Case) -> Iterator[Breach]:
    for message, tests in test_presence_unmet(case.profile.must_run, case.evidence.tests, case.tally.ran):
        yield case.make_breach("must_run", message, tests)


_Check = Callable[[Case], Iterator[Breach]]
_ALWAYS: tuple[_Check, ...] = (
    _ended_badly,
    _no_commands,
    _check_no_tests,
    _env_mismatch,
    _requirement_unmet,
    _capability_skip,
    _check_unrun,
    _expired_skip,
    _unexpected_skip,
    _unused_setting,
    _ignored_outcome,
    _left_running,
)
_WHOLE: tuple[_Check, ...] = (_must_run, _capability_unused)
