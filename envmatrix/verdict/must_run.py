"""Tests that a profile says have to execute: which of them did not, and what they may be called now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from envmatrix.evidence.model import TestResult
from envmatrix.util.text import count
from envmatrix.verdict.patterns import matches


def unmet(
    patterns: Sequence[str], tests: Sequence[TestResult], ran: Collection[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """For each pattern that was not kept: a sentence, and the tests that it met and that did not run (``ran``: those
    that did).

    A pattern is kept when something that it meets was executed and nothing that it meets was left out; a glob lets
    skips pass that the profile declares, an id that is named outright has to run.
    """
    for pattern in patterns:
        met = [test for test in tests if matches(test.id, pattern)]
        exact = not any(sign in pattern for sign in "*?")
        missing = [t for t in met if t.id not in ran and (exact or t.skip_class != "declared")]
        if missing:
            what = f'{missing[0].outcome}: "{missing[0].reason}"' if missing[0].reason else missing[0].outcome
            message = (
                f"must_run {pattern!r}: {count(len(missing), 'test')} did not run, such as {missing[0].id} ({what})"
            )
            yield message, tuple(test.id for test in missing)
        elif not any(test.id in ran for test in met):
            yield f"must_run {pattern!r}: {_nothing_met(pattern, tests, met)}", tuple(test.id for test in met)


def _nothing_met(pattern: str, tests: Sequence[TestResult], met: Sequence[TestResult]) -> str:
    if met:
        return f"all of its {count(len(met), 'test')} were skipped"
    for test in tests:
        if test.stands_for_module and matches(pattern, test.id):
            return f'its module {test.id} did not run: "{test.reason}"'
    near = _nearest(pattern, [test.id for test in tests])
    return f"no such test was collected; nearest: {', '.join(near)}" if near else "no such test was collected"


def _nearest(pattern: str, ids: Sequence[str]) -> list[str]:
    import difflib

    plain = pattern.strip("*")
    near = difflib.get_close_matches(plain, ids, n=3, cutoff=0.6)
    if near:
        return near
    by_end = {test_id.replace("::", ".").rpartition(".")[2]: test_id for test_id in ids}
    end = plain.replace("::", ".").rpartition(".")[2]
    return [by_end[name] for name in difflib.get_close_matches(end, by_end, n=3, cutoff=0.6)]
