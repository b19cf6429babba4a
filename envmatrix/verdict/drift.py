"""What became of the tests since an earlier run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from envmatrix.evidence.model import FAILING, Evidence, TestResult
from envmatrix.verdict.model import Change, Kind
from envmatrix.verdict.tally import was_executed
from envmatrix.verdict.test_ids import container_of, fold_id, iterate_parents

_Tests = Mapping[str, TestResult]


def compare_records(old: Iterable[Evidence], new: Iterable[Evidence]) -> tuple[Change, ...]:
    """The changes from one set of records to another, cell by cell, sorted by cell, test and kind.

    Of several records of a cell the newest counts. A cell that ran before and has no record now is one change, in the
    name of all its tests; a record that its caller narrowed shows no test as vanished.
    """
    before, after = _select_newest(old), _select_newest(new)
    changes: list[Change] = []
    for cell, was in before.items():
        if cell in after:
            changes += _of_cell(was, after[cell])
        elif was.tests:
            changes.append(Change(test="*", cell=cell, kind="vanished", before=f"{len(was.tests)} tests"))
    return tuple(sorted(changes, key=lambda change: (change.cell, change.test, change.kind)))


def _select_newest(records: Iterable[Evidence]) -> dict[str, Evidence]:
    result: dict[str, Evidence] = {}
    for record in records:
        known = result.get(record.cell)
        if known is None or _sort_key(known) < _sort_key(record):
            result[record.cell] = record
    return result


def _sort_key(record: Evidence) -> tuple[bool, str, int, str]:
    return (not record.partial, record.finished, record.attempt, record.id)


def _of_cell(was: Evidence, now: Evidence) -> Iterator[Change]:
    apart = _find_ambiguous_ids(was) | _find_ambiguous_ids(now)
    before, after = _by_key(was, apart), _by_key(now, apart)
    gone, closed = _index_containers(was), _index_containers(now)
    for key in before.keys() | after.keys():
        old = before.get(key) or _stand_in(key, gone)
        new = after.get(key) or _stand_in(key, closed)
        if new is None and now.partial:
            continue
        if matches := _classify_change(old, new):
            kind, shown = matches
            yield Change(
                test=key if shown.stands_for_module else shown.id,
                cell=now.cell,
                kind=kind,
                before=_describe_result(old),
                after=_describe_result(new),
                reason=new.reason if new is not None else "",
            )


def _find_ambiguous_ids(record: Evidence) -> set[str]:
    """What ids of one record fold to, where different ones fold to the same."""
    first: dict[str, str] = {}
    return {key for test in record.tests if first.setdefault(key := fold_id(test.id), test.id) != test.id}


def _by_key(record: Evidence, apart: Collection[str]) -> dict[str, TestResult]:
    """The tests by their folded id, or by their own where folding would make one of two."""
    return {test.id if (key := fold_id(test.id)) in apart else key: test for test in record.tests}


def _index_containers(record: Evidence) -> dict[str, TestResult]:
    return {container_of(test.id): test for test in record.tests if test.stands_for_module}


def _stand_in(key: str, containers: _Tests) -> TestResult | None:
    return next((containers[parent] for parent in iterate_parents(key) if parent in containers), None)


def _classify_change(old: TestResult | None, new: TestResult | None) -> tuple[Kind, TestResult] | None:
    """What kind of change this is, and the result that names the test."""
    if old is None or new is None:
        return _came_or_went(old, new)
    if new.outcome in FAILING:
        return None if old.outcome in FAILING else ("newly_failed", new)
    if old.outcome in FAILING and was_executed(new):
        return ("fixed", new)
    if not was_executed(new):
        if was_executed(old) or old.outcome in FAILING:
            return ("newly_skipped", new)
        return ("class_changed", new) if _describe_result(old) != _describe_result(new) else None
    return None if was_executed(old) else ("newly_run", new)


def _came_or_went(old: TestResult | None, new: TestResult | None) -> tuple[Kind, TestResult] | None:
    if new is not None:
        return ("newly_failed" if new.outcome in FAILING else "appeared", new)
    return ("vanished", old) if old is not None and not (old.stands_for_module or old.part_of) else None


def _describe_result(test: TestResult | None) -> str:
    if test is None:
        return ""
    about = " ".join(word for word in (test.skip_class, test.capability) if word)
    return f"{test.outcome} ({about})" if about else test.outcome
