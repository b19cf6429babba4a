"""The hosts that a gate hears of: what they can run, and whether those that are expected reported."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

from envmatrix.config.model import Cell, Profile
from envmatrix.evidence.model import Evidence
from envmatrix.util.text import listed
from envmatrix.verdict.model import Breach
from envmatrix.verdict.skips.capability_names import canonical_name, promised_names


class Hosts:
    """Learns from every record what its host has; ``known`` are hosts with capabilities from elsewhere."""

    def __init__(self, known: Mapping[str, Sequence[str]], profiles: Mapping[str, Profile]) -> None:
        self._has = {host: {canonical_name(name) for name in names} for host, names in known.items()}
        self._ran: dict[str, set[str]] = {}  # cell -> hosts that could run it, whatever the content
        self._reported: dict[str, set[str]] = {}  # host -> profiles of this content, run whole
        self._heard: set[str] = set()
        self._profiles = profiles

    def add_record(self, record: Evidence, *, same_project: bool = True) -> None:
        """Learn from a record, of whatever content."""
        has = self._has.setdefault(record.host.name, set())
        has.update(canonical_name(finding.capability) for finding in record.findings if finding.status == "ok")
        if record.state == "finished" and same_project:
            self._ran.setdefault(record.cell, set()).add(record.host.name)
        self._heard.add(record.host.name)

    def add_reporter(self, record: Evidence) -> None:
        """The host ran a cell of this content whole."""
        self._reported.setdefault(record.host.name, set()).add(record.profile)

    def find_able(self, cell: Cell) -> tuple[str, ...]:
        """The hosts that ran the cell before or have all that its profile promises, sorted."""
        needs = promised_names(self._profiles[cell.profile])
        having = {host for host, has in self._has.items() if needs and needs <= has}
        return tuple(sorted(having | self._ran.get(cell.name, set())))

    def find_missing(self, expect: Sequence[str], profiles: Collection[str]) -> list[Breach]:
        """A breach for every host that has to report and did not: anything at all, or for a profile that names it.

        A name with ``*``, ``?`` or ``[…]`` in it is met by any host that it matches.
        """
        result = [self._make_breach(host, "") for host in sorted(set(expect)) if not any(self._profiles_of(host))]
        for name in sorted(profiles):
            hosts = self._profiles[name].gate.expect
            result += [
                self._make_breach(host, name)
                for host in hosts
                if not any(name in reported for reported in self._profiles_of(host))
            ]
        return result

    def _profiles_of(self, host: str) -> list[set[str]]:
        """What each of the hosts so called reported."""
        return [reported for name, reported in self._reported.items() if name == host or fnmatchcase(name, host)]

    def _make_breach(self, host: str, profile: str) -> Breach:
        what = f"whole run of profile {profile!r}" if profile else "whole run"
        known = ""
        if host in self._heard:
            known = "; it is known from other records"
        elif heard := sorted(name for name in self._heard if fnmatchcase(name, host)):
            known = f"; known from other records: {listed(heard)}"
        message = f"the expected host {host} reported no {what} for this content{known}"
        return Breach(code="host_missing", cell="", message=message)
