"""The evidence that a gate judges: of several stores, classified anew, with what was not believed.

What ``envmatrix gate`` does, and how evidence is judged where no run made it just now.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from envmatrix.config.matrix import load_matrix
from envmatrix.config.model import Matrix, Profile
from envmatrix.config.project import find_project
from envmatrix.config.tox.file import READ_BY_TOX, ToxFile, read_tox_file
from envmatrix.console.output import write_text
from envmatrix.errors import EnvmatrixError, Problem
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.history import iterate_older
from envmatrix.evidence.store.names import make_record_name
from envmatrix.evidence.store.store import Store
from envmatrix.report import FORMATS, Report, UnknownFormatError, render
from envmatrix.util.text import listed
from envmatrix.vcs.changes import UnknownBaseError, find_changed_paths, list_tracked_paths
from envmatrix.vcs.identity import identify_content
from envmatrix.vcs.revision import export_files, resolve_revision
from envmatrix.verdict.gate.gate import GateQuery, judge_revision
from envmatrix.verdict.model import CellVerdict, Verdict
from envmatrix.verdict.skips.capability_names import profiles_promising
from envmatrix.verdict.skips.classify import MARKED, classify_skips

MOST_PROBLEMS = 20


class EvidenceGathering:
    """Reads evidence, and believes no skip class that a runner wrote."""

    def __init__(self, stores: Sequence[Store], matrix: Matrix, today: datetime.date) -> None:
        self._stores, self._matrix, self._today = stores, matrix, today
        self._problems: list[str] = []
        self._unread = 0
        self._empty: list[str] = []

    def iterate_tree(self, tree: str) -> Iterator[Evidence]:
        """Yield the records of a tree, one at a time."""
        for store in self._stores:
            if not store.list_trees():
                self._empty.append(f"there is no evidence at all in {store.location}")
                continue
            for item in store.iterate_records(tree):
                if isinstance(item, Problem):
                    self._unread += 1
                    if len(self._problems) < MOST_PROBLEMS:
                        self._problems.append(f"not believed: {item}")
                else:
                    yield self._classify_record(item)

    def iterate_older(self, root: Path, tree: str) -> Iterator[Evidence]:
        """Yield the newest records of other trees: they are shown as stale and know the names of tests."""
        cells = {cell.name for cell in self._matrix.cells}
        for store in self._stores:
            yield from iterate_older(store, root, tree=tree, cells=cells)

    def judged_by(self, verdict: Verdict) -> Iterator[Evidence]:
        """Yield the records that the cells were judged by, read again alone."""
        for cell in verdict.cells:
            record = self._find_record(verdict.tree, cell) if cell.evidence else None
            if record is not None:
                yield self._classify_record(record)

    def list_notes(self) -> tuple[str, ...]:
        """Return what was not believed, and which stores are empty, in sentences."""
        more = self._unread - len(self._problems)
        return (*self._empty, *self._problems, *([f"not believed: {more} files more"] if more else []))

    def read_logs(self, evidence: Sequence[Evidence], tail_bytes: int) -> dict[str, str]:
        """Return the end of each record's output by the record's id, where a store has it."""
        result = {}
        for record in evidence:
            data = next((data for store in self._stores if (data := store.get_log(record)) is not None), None)
            if data is not None:
                result[record.id] = data[-tail_bytes:].decode("utf-8", "replace")
        return result

    def _find_record(self, tree: str, cell: CellVerdict) -> Evidence | None:
        for store in self._stores:
            try:
                return store.get(make_record_name(tree, cell.name, cell.evidence))
            except EnvmatrixError:
                continue  # it is in another store, or was pruned meanwhile
        return None

    def _classify_record(self, record: Evidence) -> Evidence:
        profile = self._matrix.profiles.get(record.profile)
        if profile is None or not any(test.outcome in MARKED or test.skip_class for test in record.tests):
            return record
        tests = classify_skips(record.tests, profile=profile, capabilities=self._matrix.capabilities, today=self._today)
        return msgspec.structs.replace(record, tests=tests)


LOG_TAIL_BYTES = 20_000
_CONFIGURATION = {*READ_BY_TOX, "setup.py"}


class GateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller of ``gate`` asked for."""

    rev: str = ""
    names: tuple[str, ...] = ()
    policy: str = ""
    since: str = ""
    staged: bool = False
    expect: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    format: str = "text"
    color: bool = False
    width: int = 80


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The content that is judged: what is on disk, or a revision."""

    tree: str
    folder: str
    commit: str
    dirty: bool
    own: Matrix
    tox: ToxFile | None
    notes: tuple[str, ...] = ()


def run_gate(start: Path, options: GateOptions) -> int:
    """Judge a revision, or what is on disk, by all evidence of it in the stores; print the report; return its code."""
    if options.format not in FORMATS:
        raise UnknownFormatError(f"there is no format {options.format!r}; choose one of {', '.join(sorted(FORMATS))}")
    root = Path(find_project(start).root)
    subject = _find_subject(root, start, options)
    policy, tox = _matrix_of(root, options.policy, options.names) if options.policy else (subject.own, subject.tox)
    stores = [Store(url, root) for url in options.stores] or [Store(None, root)]
    now = datetime.datetime.now(datetime.UTC)
    today = now.date()
    gathering = EvidenceGathering(stores, policy, today)
    not_relevant, doubts = _not_relevant(root, policy, options)
    verdict = judge_revision(
        GateQuery(
            cells=policy.cells,
            profiles=policy.profiles,
            capabilities=policy.capabilities,
            tree=subject.tree,
            folder=subject.folder,
            commit=subject.commit,
            dirty=subject.dirty,
            matrix_digest=subject.own.digest,
            today=today,
            now=now,
            expect=options.expect,
            not_relevant=not_relevant,
        ),
        gathering.iterate_tree(subject.tree),
        known=gathering.iterate_older(root, subject.tree),
    )
    others = _waiting_for_others(start, root, verdict, policy, options)
    rules = (*_policy_source(root, options.policy), *_policy_notes(subject, policy, tox, options.policy))
    notes = (*subject.notes, *rules, *doubts, *others, *gathering.list_notes())
    verdict = msgspec.structs.replace(verdict, notes=verdict.notes + notes)
    write_text(render(options.format, _make_report(verdict, gathering, policy, options)))
    return verdict.exit_code


def _find_subject(root: Path, start: Path, options: GateOptions) -> _Subject:
    if options.rev:
        revision = resolve_revision(root, options.rev)
        local, tox = _matrix_of(root, options.rev, options.names)
        return _Subject(
            tree=revision.tree, folder=revision.folder, commit=revision.commit, dirty=False, own=local, tox=tox
        )
    on_disk = identify_content(root)
    local = load_matrix(start, options.names)
    return _Subject(
        tree=on_disk.tree,
        folder=on_disk.folder,
        commit=on_disk.commit,
        dirty=on_disk.dirty,
        own=local,
        tox=read_tox_file(root),
        notes=on_disk.notes,
    )


def _make_report(verdict: Verdict, gathering: EvidenceGathering, policy: Matrix, options: GateOptions) -> Report:
    evidence = tuple(gathering.judged_by(verdict))
    unwell = {cell.evidence for cell in verdict.cells if cell.state != "passed"}
    return Report(
        verdict=verdict,
        evidence=evidence,
        profiles=policy.profiles,
        logs=gathering.read_logs([record for record in evidence if record.id in unwell], LOG_TAIL_BYTES),
        color=options.color,
        width=options.width,
    )


def _matrix_of(root: Path, rev: str, names: tuple[str, ...]) -> tuple[Matrix, ToxFile | None]:
    """Return the matrix of a revision and its tox file, read from its files as git has them."""
    with tempfile.TemporaryDirectory(prefix="envmatrix-revision-") as folder:
        export_files(root, rev, Path(folder), _is_configuration)
        try:
            return load_matrix(Path(folder), names), read_tox_file(Path(folder))
        except EnvmatrixError as error:
            error.args = (f"in the revision {rev}: {str(error).replace(f'{folder}: ', '').replace(f'{folder}/', '')}",)
            raise


def _is_configuration(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return path in _CONFIGURATION or (len(parts) == 2 and parts[0] == "profiles" and path.endswith(".toml"))


def _not_relevant(root: Path, matrix: Matrix, options: GateOptions) -> tuple[dict[str, str], tuple[str, ...]]:
    """Say which cells the change does not need, and why all count where that cannot be told.

    What a runner chose to leave out is not asked.
    """
    if not options.since and not options.staged:
        return {}, ()
    from envmatrix.config.relevance import relevant

    try:
        changed = find_changed_paths(root, options.since, staged=options.staged, rev=options.rev)
    except UnknownBaseError as error:
        return {}, (f"every profile counts as relevant: {error}",)
    matches = {}
    for cell in matrix.cells:
        profile = matrix.profiles[cell.profile]
        needed, rule, _ = relevant(profile, changed, there=lambda: list_tracked_paths(root, options.rev))
        if not needed:
            matches[cell.name] = rule
    own_rules = [path for path in changed if _is_configuration(path)]
    if own_rules and not options.policy:
        facts = f"this change edits {listed(own_rules)} and was judged by its own rules"
        return matches, (f"{facts}; --policy {options.since or 'HEAD'} would judge it by those before it",)
    return matches, ()


def _policy_source(root: Path, rev: str) -> Iterator[str]:
    """Yield which commit the policy was read from."""
    if rev:
        entry = resolve_revision(root, rev)
        what = f"commit {entry.commit}" if entry.commit in entry.name else f"{entry.name}, commit {entry.commit}"
        yield f"the policy is that of {what}"


def _policy_notes(subject: _Subject, policy: Matrix, tox: ToxFile | None, rev: str) -> Iterator[str]:
    ours = subject.own
    capabilities = ours.capabilities != policy.capabilities
    if not rev or (ours.digest == policy.digest and not capabilities):
        return
    built_in = sorted(name for name, profile in policy.profiles.items() if profile.origin.startswith("built-in"))
    lost = sorted(set(policy.profiles) - set(ours.profiles) - set(built_in))
    new = sorted(set(ours.profiles) - set(policy.profiles))
    changed = sorted(
        name
        for name in set(ours.profiles) & set(policy.profiles)
        if _strip_origin(ours.profiles[name]) != _strip_origin(policy.profiles[name])
    )
    answer = [
        f"{word} {', '.join(names)}" for word, names in (("removes", lost), ("adds", new), ("edits", changed)) if names
    ]
    if capabilities:
        answer.append("edits profiles/capabilities.toml")
    if subject.tox != tox or not answer:
        answer.append("edits tox settings")
    what = "; ".join(answer)
    whose = f"It was judged by the profiles of {rev}"
    if policy.profiles and len(built_in) == len(policy.profiles):
        whose = f"{rev} has no profiles of its own, so the built-in {', '.join(built_in)} count"
    yield f"this change is no neutral party: it {what}. {whose}"


def _waiting_for_others(
    start: Path, root: Path, verdict: Verdict, policy: Matrix, options: GateOptions
) -> Iterator[str]:
    """Yield which profiles that were not asked for would run what ran nowhere."""
    if not options.names or not verdict.ran_nowhere or verdict.verdict == "passed":
        return
    rev = options.policy or options.rev
    whole = (_matrix_of(root, rev, ())[0] if rev else load_matrix(start)).profiles
    missed = {name for test in verdict.ran_nowhere for name in test.would_run.split(", ") if name}
    names = {name for element in missed for name in profiles_promising(element, whole.values())} - set(policy.profiles)
    if names:
        them = f"the project's {'profile' if len(names) == 1 else 'profiles'} {', '.join(sorted(names))}"
        yield (
            f"only {', '.join(options.names)} was judged, and what ran nowhere waits for {them}:"
            f" `envmatrix run {' '.join(sorted(names))}` makes the evidence that is missing, on a host that can"
        )


def _strip_origin(profile: Profile) -> Profile:
    """The profile without where it was written: a comment moves lines and edits nothing."""
    env = {key: msgspec.structs.replace(setting, source="") for key, setting in profile.env.items()}
    return msgspec.structs.replace(profile, origin="", sources={}, env=env)


def judge_evidence(matrix: Matrix, evidence: Sequence[Evidence], *, today: datetime.date) -> Verdict:
    """Judge given evidence as the gate would, for the cells that it is about and the content of its newest record."""
    latest = max(evidence, key=lambda one: (one.finished, one.id))
    about = {record.cell for record in evidence}
    return judge_revision(
        GateQuery(
            cells=tuple(cell for cell in matrix.cells if cell.name in about),
            profiles=matrix.profiles,
            capabilities=matrix.capabilities,
            tree=latest.tree,
            folder=latest.folder,
            commit=latest.commit,
            dirty=latest.dirty,
            matrix_digest=latest.matrix_digest,
            today=today,
        ),
        evidence,
    )
