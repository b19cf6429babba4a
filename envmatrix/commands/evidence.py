"""What ``envmatrix evidence list|show|push|pull|prune`` answer: values, and the lines that show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from envmatrix.errors import EnvmatrixError, Problem
from envmatrix.evidence.codec import LIMIT_BYTES, RejectedError, decode_evidence
from envmatrix.evidence.model import WORST_FIRST, Evidence, Outcome
from envmatrix.evidence.store.local import LocalPlace, UnreadableError
from envmatrix.evidence.store.names import make_name
from envmatrix.evidence.store.store import NoSuchEvidenceError, Store, Transfer
from envmatrix.util.text import count, printable, short_digest


class PruneError(EnvmatrixError):
    """Nothing was said of what to keep."""

    hint = "`envmatrix evidence prune --help` has an example"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record in a listing; ``tests`` counts by outcome."""

    name: str
    id: str
    tree: str
    commit: str
    dirty: bool
    cell: str
    profile: str
    host: str
    state: str
    partial: str
    attempt: int
    started: str
    duration_s: float
    tests: dict[str, int]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Records by tree, cell and time, and what in the store was not believed."""

    schema: Literal["envmatrix/evidence-list/1"] = "envmatrix/evidence-list/1"
    store: str
    evidence: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()


def list_evidence(store: Store, trees: Sequence[str] = ()) -> Listing:
    """Every record of the trees, each named whole or by its first characters; of all trees where none is named.

    Raises NoSuchEvidenceError for a tree that the store has nothing of, StoreError.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    for tree in _find_trees(store, trees):
        for item in store.iterate_records(tree):
            if isinstance(item, Problem):
                problems.append(item)
            else:
                rows.append(_make_row(item))
    rows.sort(key=lambda row: (row.tree, row.cell, row.started, row.id))
    return Listing(store=store.location, evidence=tuple(rows), problems=tuple(sorted(problems)))


def find_evidence(store: Store, ref: str, folder: Path) -> Evidence:
    """The record that a reference means: a file's path (relative ones start at folder), a name, an id or its beginning.

    Raises NoSuchEvidenceError, which lists the candidates where the beginning of an id fits several; StoreError.
    """
    path = folder / ref
    if path.is_file():
        try:
            return decode_evidence(LocalPlace(path.parent).read(path.name, LIMIT_BYTES))
        except (UnreadableError, RejectedError) as error:
            raise NoSuchEvidenceError(f"{printable(ref)} is not believed: {error}") from error
    if "/" in ref:
        return store.get(ref)
    names = [name for tree in store.list_trees() for name in store.list_names(tree)]
    whole = [name for name in names if name.endswith(f"/{ref}.json")]
    result = whole or [name for name in names if name.rsplit("/", 1)[1].startswith(ref)]
    if len(result) > 1:
        raise NoSuchEvidenceError(f"{printable(ref)} could be any of: {', '.join(sorted(result)[:10])}; name one whole")
    return store.get(result[0] if result else ref)


def prune_store(
    store: Store, *, keep_days: float | None = None, keep_trees: int | None = None, keep: Collection[str] = ()
) -> tuple[str, ...]:
    """Remove old records (see ``Store.prune``) and return their names; the last run's are always kept.

    Raises PruneError where neither days nor trees are given: that would remove everything.
    """
    if keep_days is None and keep_trees is None:
        raise PruneError("say what to keep: --keep-days N, --keep-trees N, or both (what either keeps stays)")
    if (keep_days or 0) < 0 or (keep_trees or 0) < 0:
        raise PruneError("--keep-days and --keep-trees take numbers from 0")
    last = store.last_run()
    return store.prune(keep_days=keep_days, keep_trees=keep_trees, keep={*keep, *([last.tree] if last else ())})


def listing_lines(listing: Listing) -> Iterator[str]:
    """A listing for people: a line a tree, below it a line a record."""
    tree = ""
    for row in listing.evidence:
        if row.tree != tree:
            tree = row.tree
            yield (
                f"tree {printable(short_digest(tree))}  commit {printable(short_digest(row.commit)) or '-'}"
                f"{' + changes' if row.dirty else ''}"
            )
        aside = f"  partial: {printable(row.partial, 60)}" if row.partial else ""
        again = f"  attempt {row.attempt}" if row.attempt > 1 else ""
        yield (
            f"  {printable(row.cell, 40)}  {row.state}  {_count_outcomes(row.tests)}  {printable(row.host, 40)}  "
            f"{row.started}{again}{aside}  {printable(row.id)}"
        )
    if not listing.evidence:
        yield f"no evidence in {listing.store}"
    for problem in listing.problems:
        yield str(problem)


def evidence_lines(evidence: Evidence) -> Iterator[str]:
    """One record for people: what was tested, where, with what, and every test that did not pass."""
    host, interpreter = evidence.host, evidence.interpreter
    yield f"evidence  {printable(make_name(evidence), 400)}"
    yield f"cell      {printable(evidence.cell)} (profile {printable(evidence.profile)})"
    yield f"tree      {evidence.tree}"
    yield f"commit    {printable(evidence.commit) or '-'}{' + changes on disk' if evidence.dirty else ''}"
    yield f"matrix    {printable(evidence.matrix_digest)}"
    yield f"host      {printable(host.name)}: {printable(f'{host.distribution}, {host.system} {host.machine}')}"
    if interpreter:
        yield f"python    {printable(interpreter.version)} ({printable(interpreter.path)})"
    yield f"run       {evidence.state}, {evidence.started}, {evidence.duration_s:.1f} s, attempt {evidence.attempt}"
    if evidence.partial:
        yield f"partial   {printable(evidence.partial)}: its tests count, its cell does not"
    for finding in evidence.findings:
        seen = printable(f"{finding.capability} {finding.version} {finding.where} {finding.message}".strip())
        yield f"found     {finding.status}: {seen}"
    for command in evidence.commands:
        yield f"command   {command.exit_code}: {printable(' '.join(command.argv), 400)}"
    for reason in (*evidence.reasons, *evidence.mismatches):
        yield f"reason    {printable(f'{reason.code}: {reason.message} {reason.remedy}'.strip(), 600)}"
    yield f"tests     {_count_outcomes(Counter(test.outcome for test in evidence.tests))}"
    for outcome in WORST_FIRST:
        for test in evidence.tests:
            if test.outcome == outcome != "passed":
                yield f"  {outcome}  {printable(test.id, 300)}{f': {printable(test.reason)}' if test.reason else ''}"


def transfer_lines(done: Transfer, source: str, target: str) -> Iterator[str]:
    """What a push or pull did, for people."""
    yield from (printable(name, 400) for name in done.copied)
    yield f"{count(len(done.copied), 'record')} copied from {source} to {target}, {done.present} there already"
    yield from (str(problem) for problem in done.problems)


def prune_lines(removed: Sequence[str], store: str) -> Iterator[str]:
    """What pruning removed, for people."""
    yield from (printable(name, 400) for name in removed)
    yield f"{count(len(removed), 'file')} removed from {store}"


def _find_trees(store: Store, prefixes: Sequence[str]) -> tuple[str, ...]:
    trees = store.list_trees()
    if not prefixes:
        return trees
    matches: set[str] = set()
    for start in prefixes:
        fitting = {tree for tree in trees if tree.startswith(start)}
        if not fitting:
            raise NoSuchEvidenceError(
                f"there is no evidence of tree {printable(start)} in {store.location}; evidence list names all"
            )
        matches |= fitting
    return tuple(sorted(matches))


def _make_row(evidence: Evidence) -> Row:
    return Row(
        name=make_name(evidence),
        id=evidence.id,
        tree=evidence.tree,
        commit=evidence.commit,
        dirty=evidence.dirty,
        cell=evidence.cell,
        profile=evidence.profile,
        host=evidence.host.name,
        state=evidence.state,
        partial=evidence.partial,
        attempt=evidence.attempt,
        started=evidence.started,
        duration_s=evidence.duration_s,
        tests=dict(sorted(Counter(test.outcome for test in evidence.tests).items())),
    )


def _count_outcomes(tests: dict[str, int] | Counter[Outcome]) -> str:
    known: dict[str, int] = {str(outcome): count for outcome, count in tests.items()}
    return ", ".join(f"{known[outcome]} {outcome}" for outcome in WORST_FIRST if known.get(outcome)) or "no tests"
