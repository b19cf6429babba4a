"""What each host reported of one cell, kept while records stream by: only what the gate's answer needs."""

from __future__ import annotations

import datetime
import sys
from collections import Counter
from collections.abc import Collection

import msgspec

from envmatrix.evidence.model import Evidence
from envmatrix.verdict.model import Breach, CellVerdict

_BETWEEN = "\x1f"  # in no name of a host that has an id
_LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_NO_DIFFERENCE = datetime.timedelta()
_CLOCKS_DIFFER = datetime.timedelta(minutes=10)
Age = tuple[bool, datetime.datetime, int, str, bool]


def host_of(record: Evidence) -> str:
    """What tells a record's host from others, also from one that only has the same name."""
    return f"{record.host.name}{_BETWEEN}{record.host.id}" if record.host.id else record.host.name


def named(hosts: Collection[str], beside: Collection[str] = ()) -> str:
    """The names of hosts, sorted; those that only their ids tell apart, also from others ``beside``, with their ids."""
    names = Counter(host.partition(_BETWEEN)[0] for host in {*hosts, *beside})
    told = (host.partition(_BETWEEN) for host in sorted(set(hosts)))
    return ", ".join(f"{name} ({id_})" if names[name] > 1 and id_ else name for name, _, id_ in told)


def age(record: Evidence, *, failing: bool = False, now: datetime.datetime | None = None) -> Age:
    """What orders the attempts of one host: when it ended, the attempt's number, and the id where all is equal.

    A time that cannot be read is older than any other, and so is one that is still to come (``now`` is the reader's):
    a host that has set its clock back would else hide by an old pass what fails from then on. A failure is given some
    minutes, by which clocks differ; anything else none. Of two records that claim to be the same, a failure wins.
    """
    when = _when(record.finished or record.started)
    ahead = now is not None and when > now + (_CLOCKS_DIFFER if failing else _NO_DIFFERENCE)
    return (not ahead, when, record.attempt, record.id, failing)


def is_to_come(found: Age) -> bool:
    """Whether a record says that it was made later than it was read."""
    return not found[0]


def _when(text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return _LONG_AGO
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One record of one host, judged."""

    host: str
    age: Age
    commit: str
    run_id: str
    verdict: CellVerdict
    breaches: tuple[Breach, ...] = ()
    # What a further attempt executed, asked where an earlier one of its run failed.
    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


class Stale(msgspec.Struct, frozen=True, kw_only=True):
    """A record of other content or another matrix: shown, never counted."""

    host: str
    age: Age
    why: str
    finished: bool


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt in which tests failed: the run that it belongs to, its evidence and the tests."""

    run_id: str
    evidence: str
    tests: tuple[str, ...]


class CellReports:
    """All that is known of one cell: per host its newest deciding report and its newest other one."""

    def __init__(self) -> None:
        self.deciding: dict[str, Report] = {}
        self.undecided: dict[str, Report] = {}
        self.stale: dict[str, Stale] = {}
        self._failed: dict[str, dict[tuple[Age, str], Failure]] = {}

    def is_news(self, host: str, when: Age, *, decides: bool) -> bool:
        """Whether a record would be kept: judging one that would not is a waste."""
        kept = (self.deciding if decides else self.undecided).get(host)
        return kept is None or kept.age < when

    def add(self, report: Report, *, decides: bool) -> None:
        """Keep a report that is news."""
        (self.deciding if decides else self.undecided)[report.host] = report

    def remember_failure(self, record: Evidence, when: Age, failed: Collection[str]) -> None:
        """A failed attempt makes a later pass of the same host a flaky one."""
        failure = Failure(run_id=record.run_id, evidence=record.id, tests=tuple(map(sys.intern, sorted(failed))))
        self._failed.setdefault(host_of(record), {})[when, record.id] = failure

    def add_stale(self, found: Stale) -> None:
        """Keep the newest stale record of each host."""
        if found.host not in self.stale or self.stale[found.host].age < found.age:
            self.stale[found.host] = found

    def earlier_failures(self, report: Report) -> tuple[Failure, ...]:
        """The host's older attempts that failed, oldest first."""
        failed = self._failed.get(report.host, {})
        return tuple(failed[key] for key in sorted(failed) if key[0] < report.age)
