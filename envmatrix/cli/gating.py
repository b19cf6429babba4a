"""What ``envmatrix gate`` does, and how evidence is judged where no run made it just now."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import click
import msgspec

from envmatrix.config.matrix import load_matrix
from envmatrix.config.model import Matrix
from envmatrix.config.project import find_project
from envmatrix.errors import Problem
from envmatrix.evidence.changes import UnknownBaseError, changed_paths
from envmatrix.evidence.git import GitError, git
from envmatrix.evidence.identity import identify
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.revision import export, resolve
from envmatrix.evidence.store import Store
from envmatrix.report import Report, render
from envmatrix.verdict.classes import classify
from envmatrix.verdict.gate import Asked, gate
from envmatrix.verdict.model import Verdict

HISTORY = 50  # commits whose trees are looked at for older evidence, to be shown as stale and asked for names of tests
_CONFIGURATION = {"tox.ini", "tox.toml", "setup.cfg", "pyproject.toml", "setup.py"}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller of ``gate`` asked for."""

    rev: str = ""
    names: tuple[str, ...] = ()
    policy: str = ""
    since: str = ""
    expect: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    format: str = "text"
    color: bool = False
    width: int = 80


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The content that is judged: what is on disk, or a revision."""

    tree: str
    commit: str
    dirty: bool


def run_gate(start: Path, wanted: Wanted) -> int:
    """Judge a revision, or what is on disk, by all evidence of it in the stores; print the report; return its code."""
    root = Path(find_project(start).root)
    stores = [Store(url, root) for url in wanted.stores] or [Store(None, root)]
    if wanted.rev:
        revision = resolve(root, wanted.rev)
        subject = _Subject(tree=revision.tree, commit=revision.commit, dirty=False)
        own = _matrix_of(root, wanted.rev, wanted.names)
    else:
        on_disk = identify(root)
        subject = _Subject(tree=on_disk.tree, commit=on_disk.commit, dirty=on_disk.dirty)
        own = load_matrix(start, wanted.names)
    policy = _matrix_of(root, wanted.policy, wanted.names) if wanted.policy else own
    unread: list[str] = []
    records = _Records(stores, policy, unread)
    today = datetime.datetime.now(datetime.UTC).date()
    verdict = gate(
        Asked(
            cells=policy.cells,
            profiles=policy.profiles,
            capabilities=policy.capabilities,
            tree=subject.tree,
            commit=subject.commit,
            dirty=subject.dirty,
            matrix_digest=own.digest,
            today=today,
            expect=wanted.expect,
            not_relevant=_not_relevant(root, policy, wanted.since),
        ),
        records.of(subject.tree, *_older(root, stores, subject.tree)),
    )
    notes = (*_policy_notes(own, policy, wanted.policy), *unread)
    verdict = msgspec.structs.replace(verdict, notes=verdict.notes + notes)
    report = Report(
        verdict=verdict,
        evidence=tuple(records.kept(verdict)),
        profiles=policy.profiles,
        color=wanted.color,
        width=wanted.width,
    )
    click.echo(render(wanted.format, report), nl=False)
    return verdict.exit_code


class _Records:
    """Evidence of several stores, classified anew: the gate believes no class that a runner wrote."""

    def __init__(self, stores: Sequence[Store], matrix: Matrix, unread: list[str]) -> None:
        self._stores, self._matrix, self._unread = stores, matrix, unread
        self._today = datetime.datetime.now(datetime.UTC).date()

    def of(self, *trees: str) -> Iterator[Evidence]:
        for store in self._stores:
            held = set(store.trees())
            for tree in dict.fromkeys(trees):
                if tree in held:
                    yield from self._read(store, tree)

    def _read(self, store: Store, tree: str) -> Iterator[Evidence]:
        for item in store.iterate(tree):
            if isinstance(item, Problem):
                self._unread.append(f"not believed: {item}")
            else:
                yield self._classified(item)

    def _classified(self, record: Evidence) -> Evidence:
        profile = self._matrix.profiles.get(record.profile)
        if profile is None or not any(test.outcome == "skipped" for test in record.tests):
            return record
        tests = classify(record.tests, profile=profile, capabilities=self._matrix.capabilities, today=self._today)
        return msgspec.structs.replace(record, tests=tests)

    def kept(self, verdict: Verdict) -> Iterator[Evidence]:
        """Read again, and only those, the records that the cells were judged by."""
        named = {cell.evidence for cell in verdict.cells if cell.evidence}
        if named:
            yield from (record for record in self.of(verdict.tree) if record.id in named)


def _matrix_of(root: Path, rev: str, names: tuple[str, ...]) -> Matrix:
    """Return the matrix of a revision, read from its files as git has them."""
    with tempfile.TemporaryDirectory(prefix="envmatrix-revision-") as folder:
        export(root, rev, Path(folder), _is_configuration)
        return load_matrix(Path(folder), names)


def _is_configuration(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return path in _CONFIGURATION or (len(parts) == 2 and parts[0] == "profiles" and path.endswith(".toml"))


def _not_relevant(root: Path, matrix: Matrix, since: str) -> dict[str, str]:
    """Say which cells the change does not need; what a runner chose to leave out is not asked."""
    if not since:
        return {}
    from envmatrix.config.relevance import relevant

    try:
        changed = changed_paths(root, since)
    except UnknownBaseError:
        return {}
    found = {}
    for cell in matrix.cells:
        needed, rule, _ = relevant(matrix.profiles[cell.profile], changed)
        if not needed:
            found[cell.name] = rule
    return found


def _older(root: Path, stores: Sequence[Store], tree: str) -> tuple[str, ...]:
    """Return trees whose evidence is worth showing as stale: all of a small store, else those of recent commits."""
    held = [one for store in stores for one in store.trees() if one != tree]
    if len(held) <= HISTORY:
        return tuple(held)
    try:
        recent = git(["log", f"-{HISTORY}", "--format=%T"], cwd=root).decode().split()
    except GitError:
        return ()
    return tuple(one for one in held if one in set(recent))


def _policy_notes(own: Matrix, policy: Matrix, rev: str) -> Iterator[str]:
    if not rev or own.digest == policy.digest:
        return
    lost = sorted(set(policy.profiles) - set(own.profiles))
    new = sorted(set(own.profiles) - set(policy.profiles))
    changed = sorted(
        name for name in set(own.profiles) & set(policy.profiles) if own.profiles[name] != policy.profiles[name]
    )
    told = [
        f"{word} {', '.join(names)}" for word, names in (("removes", lost), ("adds", new), ("edits", changed)) if names
    ]
    what = "; ".join(told) or "edits tox settings"
    yield f"this change is no neutral party: it {what}. It was judged by the profiles of {rev}"


def judge_evidence(matrix: Matrix, evidence: Sequence[Evidence], *, today: datetime.date) -> Verdict:
    """Judge given evidence as the gate would, for the cells that it is about and the content of its newest record."""
    latest = max(evidence, key=lambda one: (one.finished, one.id))
    about = {record.cell for record in evidence}
    return gate(
        Asked(
            cells=tuple(cell for cell in matrix.cells if cell.name in about),
            profiles=matrix.profiles,
            capabilities=matrix.capabilities,
            tree=latest.tree,
            commit=latest.commit,
            dirty=latest.dirty,
            matrix_digest=latest.matrix_digest,
            today=today,
        ),
        evidence,
    )
