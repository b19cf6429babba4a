"""What ``envmatrix report`` shows: the last run, or evidence judged together."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import msgspec

from envmatrix.commands.evidence import find_evidence
from envmatrix.commands.last_run import NoRunError, read_report
from envmatrix.config.inheritance import TOX
from envmatrix.config.matrix import load_matrix
from envmatrix.config.project import find_project
from envmatrix.console.output import write_text
from envmatrix.errors import EnvmatrixError, Problem
from envmatrix.evidence.model import Evidence
from envmatrix.evidence.store.store import Store
from envmatrix.report import Report, render
from envmatrix.util.state_dir import state_path
from envmatrix.verdict.drift import compare_records


class NoEvidenceError(EnvmatrixError):
    """What was named is no evidence."""

    hint = "`envmatrix evidence list` names what there is, `envmatrix run` makes some"


def show_report(
    start: Path,
    named: Sequence[str],
    format_: str,
    output: str | None,
    *,
    against: str | None,
    store: str | None,
    color: bool,
    width: int,
) -> int:
    """Show the last run, or the evidence named, in a format, on stdout or in a file; return the verdict's exit code."""
    root = Path(find_project(start).root)
    shelf = Store(store, root)
    shown = _of_evidence(start, _find_evidence(shelf, named), root) if named else _load_last_report(shelf, root)
    if against is not None:
        old = _find_evidence(shelf, (against,))
        shown = msgspec.structs.replace(shown, drift=compare_records(old, shown.evidence), drift_against=against)
    shown = msgspec.structs.replace(shown, color=color and output is None, width=width)
    text = render(format_, shown)
    if output is None:
        write_text(text)
        return shown.verdict.exit_code
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        why = f"there is no folder {Path(output).parent}" if missing else (error.strerror or str(error)).lower()
        raise EnvmatrixError(f"{output} cannot be written: {why}; name another file after -o") from error
    return shown.verdict.exit_code


def _load_last_report(shelf: Store, root: Path) -> Report:
    last = shelf.last_run()
    if last is None:
        raise NoRunError("there is no last run here to report on; `envmatrix run` makes one")
    shown = read_report(state_path(root, "runs", last.run_id))
    evidence = tuple(shelf.get(name) for name in last.names)
    return msgspec.structs.replace(shown, evidence=evidence, logs=logs_of(shelf, root, evidence))


def logs_of(shelf: Store, root: Path, evidence: Sequence[Evidence], tail_bytes: int = 20_000) -> dict[str, str]:
    """Return the end of each record's output by the record's id, where the output is still there."""
    result = {}
    for record in evidence:
        data = shelf.get_log(record)
        if data is None and record.log:
            path = root / record.log
            data = path.read_bytes() if path.is_file() and path.is_relative_to(root) else None
        if data is not None:
            result[record.id] = data[-tail_bytes:].decode("utf-8", "replace")
    return result


def _find_evidence(shelf: Store, named: Sequence[str]) -> tuple[Evidence, ...]:
    """Return the evidence that each name means: a file, a name in the store, an id, or a tree (or its beginning)."""
    matches: dict[str, Evidence] = {}
    for name in named:
        records = list(_find_by_name(shelf, name))
        if not records:
            folder = (
                "; it is a folder: name files in it, or read it as a store with --store" if Path(name).is_dir() else ""
            )
            raise NoEvidenceError(f"{name}: neither a file nor evidence nor a tree of {shelf.location}{folder}")
        matches.update((record.id, record) for record in records)
    return tuple(matches.values())


def _find_by_name(shelf: Store, name: str) -> list[Evidence]:
    if Path(name).is_file():
        return [find_evidence(shelf, name, Path.cwd())]
    trees = [tree for tree in shelf.list_trees() if tree.startswith(name)]
    if trees:
        return [record for tree in trees for record in shelf.iterate_records(tree) if not isinstance(record, Problem)]
    return [
        record
        for tree in shelf.list_trees()
        for record in shelf.iterate_records(tree)
        if not isinstance(record, Problem) and record.id == name
    ]


def _of_evidence(start: Path, evidence: tuple[Evidence, ...], root: Path) -> Report:
    """Judge evidence of any host as one: every cell that has any, by the rules of the gate."""
    from envmatrix.commands.gate import judge_evidence

    names = (record.profile if record.profile.startswith(TOX) else record.cell for record in evidence)
    matrix = load_matrix(start, tuple(dict.fromkeys(names)))
    verdict = judge_evidence(matrix, evidence, today=datetime.datetime.now(datetime.UTC).date())
    return Report(verdict=verdict, evidence=evidence, profiles=matrix.profiles)
