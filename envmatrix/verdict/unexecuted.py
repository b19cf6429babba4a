"""Which tests ran nowhere: seen, stood for or known, and executed by no evidence of this content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set

import msgspec

from envmatrix.config.model import Profile
from envmatrix.evidence.model import FAILING, Evidence, TestResult
from envmatrix.verdict.model import RanNowhere, SeenIn
from envmatrix.verdict.skips.capability_names import canonical_name, profiles_promising, promised_names
from envmatrix.verdict.tally import Tally, make_tally
from envmatrix.verdict.test_ids import container_of, fold_id, iterate_parents


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One cell's view of a test that it did not execute. ``sure``: earlier evidence of the same content had it."""

    cell: str
    profile: str
    reason: str
    class_: str
    capability: str = ""
    sure: bool = False


class UnexecutedTest(msgspec.Struct, frozen=True, kw_only=True):
    """A test that ran nowhere.

    ``owed``: over a whole matrix it has to run, because it waits for a capability that no cell gave it, or vanished
    without a change. ``waits_for`` are the profiles that would run it.
    """

    ran_nowhere: RanNowhere
    owed: bool
    waits_for: tuple[str, ...]


class Ledger:
    """Takes evidence one record at a time and keeps only test ids and what was not executed."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self._profiles = profiles
        self._promises = {name: promised_names(profile) for name, profile in profiles.items()}
        self._waiting: dict[str, tuple[str, ...]] = {}
        self._executed: set[str] = set()
        self._seen: dict[str, dict[str, Sight]] = {}
        self._parts: dict[str, tuple[str, int]] = {}  # subtest -> its test, in how many records it did not run
        self._wholes: Counter[str] = Counter()  # test with subtests -> in how many records it ran
        self._containers: dict[str, dict[str, Sight]] = {}
        self._known: dict[str, dict[str, bool]] = {}  # cell -> test -> known from the same content
        self._cells: dict[
            str, tuple[str, str]
        ] = {}  # cell that reported whole, or cannot -> profile, why it has no test
        self._ids: dict[str, set[str]] = {}  # cell -> what it saw; only of cells with earlier evidence
        self._ambiguous: set[str] = set()
        self._folds: dict[str, str] = {}
        self._groups: dict[str, set[str]] = {}  # folded id -> the ids that fold to it
        self._shared: set[str] = set()  # folded ids of several ids, which no run has shown to be different tests

    def add_record(self, evidence: Evidence, sums: Tally) -> None:
        """Counts a record of this content, whole or partial: a test that it executed has run."""
        self._executed |= sums.ran
        self._wholes.update(sums.with_parts)
        for test in sums.left:
            if test.part_of:
                self._parts[test.id] = (test.part_of, self._parts.get(test.id, ("", 0))[1] + 1)
            if test.stands_for_module:
                _add_sight(self._containers.setdefault(container_of(test.id), {}), _make_sight(evidence, test))
            else:
                _add_sight(self._seen.setdefault(test.id, {}), _make_sight(evidence, test))
        ids = sums.ran.union(test.id for test in sums.left)
        self._look_for_ambiguous(ids)
        if evidence.state == "finished" and not evidence.partial and all(s.finished for s in evidence.counted_sessions):
            self._cells.setdefault(evidence.cell, (evidence.profile, ""))
        if evidence.cell in self._known:
            self._ids.setdefault(evidence.cell, set()).update(ids)

    def add_known(self, evidence: Evidence, *, same_content: bool) -> None:
        """Takes only the names of tests from earlier evidence. To be called before :meth:`add`."""
        known = self._known.setdefault(evidence.cell, {})
        for test in evidence.tests:
            if not test.stands_for_module and not test.part_of:
                known[test.id] = known.get(test.id, False) or same_content

    def add_unable(self, cell: str, profile: str, why: str) -> None:
        """A cell that was asked for and could not run."""
        self._cells.setdefault(cell, (profile, why))

    def find_absent(self, cell: str) -> tuple[str, ...]:
        """The tests that earlier evidence of the same content has for this cell, and the cell's own has not, sorted."""
        had = {test for test, sure in self._known.get(cell, {}).items() if sure}
        folded = {self._fold_id(test) for test in self._ids.get(cell, ())}
        missing = (test for test in had - self._ids.get(cell, set()) if self._fold_id(test) not in folded)
        return tuple(sorted(test for test in missing if not self._stood_for(test, cell)))

    def list_entries(self) -> tuple[UnexecutedTest, ...]:
        """Every test that ran nowhere, sorted by id."""
        ran = {self._key_of(test) for test in self._executed}
        ran.update(self._key_of(part) for part, (test, count) in self._parts.items() if self._wholes[test] > count)
        views: dict[str, tuple[str, dict[str, Sight]]] = {}
        for test, sights in (*self._seen.items(), *self._find_unresolved_modules(), *self._find_vanished()):
            key = self._key_of(test)
            if key not in ran:
                shown, merged = views.get(key, (test, {}))
                for sight in sights.values():
                    _add_sight(merged, sight)
                views[key] = (min(shown, test), merged)
        return tuple(self._make_entry(*view) for view in sorted(views.values(), key=lambda view: view[0]))

    def _fold_id(self, test: str) -> str:
        folded = self._folds.get(test)
        if folded is None:
            folded = self._folds[test] = fold_id(test)
        return folded

    def _key_of(self, test: str) -> str:
        folded = self._fold_id(test)
        return test if folded in self._ambiguous else folded

    def _look_for_ambiguous(self, ids: Set[str]) -> None:
        """Remember what ids of one run fold to, where different ones fold to the same: those are different tests.

        Only ids that nobody had before can start a group of two, so most records cost one difference of sets.
        """
        for test in ids - self._folds.keys():
            folded = self._fold_id(test)
            group = self._groups.setdefault(folded, {test})
            group.add(test)
            if len(group) > 1:
                self._shared.add(folded)
        result = {key for key in self._shared if len(self._groups[key] & ids) > 1}
        self._ambiguous |= result
        self._shared -= result

    def _every_id(self) -> set[str]:
        return self._executed.union(self._seen, *self._known.values())

    def _stood_for(self, test: str, cell: str) -> bool:
        return any(cell in self._containers.get(parent, ()) for parent in iterate_parents(test))

    def _find_unresolved_modules(self) -> Iterable[tuple[str, dict[str, Sight]]]:
        """The tests of skipped modules and classes; a module whose tests nobody knows stands for itself."""
        barren = set(self._containers)
        if self._containers:
            for test in self._every_id():
                for parent in iterate_parents(test):
                    if parent in self._containers:
                        barren.discard(parent)
                        yield test, self._containers[parent]
        for name in barren:
            yield name, self._containers[name]

    def _find_vanished(self) -> Iterable[tuple[str, dict[str, Sight]]]:
        """Tests that a cell had in earlier evidence and of which it shows nothing now."""
        for cell, known in self._known.items():
            if cell not in self._cells:
                continue
            profile, unable = self._cells[cell]
            seen = {self._key_of(test) for test in self._ids.get(cell, ())}
            for test, same in known.items():
                if self._key_of(test) not in seen and not self._stood_for(test, cell):
                    why = unable or "known from earlier evidence, not collected now"
                    sight = Sight(cell=cell, profile=profile, reason=why, class_="absent", sure=same and not unable)
                    yield test, {cell: sight}

    def _make_entry(self, test: str, sights: Mapping[str, Sight]) -> UnexecutedTest:
        expected = {sight.capability for sight in sights.values() if sight.class_ in ("capability", "consequence")} - {
            ""
        }
        able = {name for capability in expected for name in self._waits_for(capability)}
        waits_for = tuple(sorted(able - self._find_tried(sights)))
        unpromised = sorted(capability for capability in expected if not self._waits_for(capability))
        seen_in = tuple(SeenIn(cell=s.cell, reason=s.reason, class_=s.class_) for _, s in sorted(sights.items()))
        would_run = ", ".join(waits_for or unpromised)
        return UnexecutedTest(
            ran_nowhere=RanNowhere(test=test, seen_in=seen_in, would_run=would_run),
            owed=any(self._is_owed(sight, sights) for sight in sights.values()),
            waits_for=waits_for,
        )

    def _find_tried(self, sights: Mapping[str, Sight]) -> set[str]:
        """Return the profiles in whose cells the test was there and did not run: none of them would run it."""
        return {sight.profile for sight in sights.values() if sight.class_ not in ("absent", "deselected")}

    def _is_owed(self, sight: Sight, sights: Mapping[str, Sight]) -> bool:
        """Tell whether a test has to run somewhere: where it waits for a capability, until a cell that has it runs it
        or declares that it leaves the test out.
        """
        if sight.class_ != "capability":
            return sight.sure
        name = canonical_name(sight.capability)
        return not any(
            name in self._promises.get(other.profile, ()) and other.class_ == "declared" for other in sights.values()
        )

    def _waits_for(self, capability: str) -> tuple[str, ...]:
        if capability not in self._waiting:
            self._waiting[capability] = profiles_promising(capability, self._profiles.values())
        return self._waiting[capability]


def _add_sight(sights: dict[str, Sight], sight: Sight) -> None:
    """Keep one view per cell, the same whatever the order in which hosts reported."""
    remaining = sights.get(sight.cell)
    if remaining is None or _sort_key(sight) < _sort_key(remaining):
        sights[sight.cell] = sight


def _sort_key(sight: Sight) -> tuple[bool, str, str, str]:
    """What is known of a test goes before its absence; a capability that is wanted before any other reason."""
    return (sight.class_ == "absent", sight.class_, sight.reason, sight.capability)


def _make_sight(evidence: Evidence, test: TestResult) -> Sight:
    class_ = test.skip_class or ("unexpected" if test.outcome == "skipped" else test.outcome)
    reason = test.reason
    if test.outcome in FAILING:  # a traceback, whose last line says what it was
        reason = next((line.strip() for line in reversed(reason.splitlines()) if line.strip()), "")
    return Sight(cell=evidence.cell, profile=evidence.profile, reason=reason, class_=class_, capability=test.capability)


def ran_nowhere(
    evidence: Iterable[Evidence], *, profiles: Mapping[str, Profile], known: Iterable[Evidence] = ()
) -> tuple[RanNowhere, ...]:
    """The tests that none of the records shows as executed, sorted by id.

    ``known`` are earlier records, asked only for the names of tests; one of the same content as a record of the same
    cell is surer than others. Records are read once, in any order, and not kept.
    """
    ledger = Ledger(profiles)
    for record in known:
        ledger.add_known(record, same_content=False)
    for record in evidence:
        ledger.add_record(record, make_tally(record.tests))
    return tuple(entry.ran_nowhere for entry in ledger.list_entries())
