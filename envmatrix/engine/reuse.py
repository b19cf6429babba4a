"""Whether a cell has passed before with everything that it follows from as it is now, so that it need not run again."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from envmatrix.config.model import Matrix
from envmatrix.decoding import decode
from envmatrix.engine import warm
from envmatrix.engine.resolved import Resolved
from envmatrix.engine.sourcetree import sources_digest
from envmatrix.evidence.content import is_dropping
from envmatrix.evidence.git import GitError, git
from envmatrix.evidence.identity import Identity
from envmatrix.evidence.model import Evidence
from envmatrix.host.run import run
from envmatrix.plan import Runnable

_PATHS = (
    "import sys; found = [path for path in sys.path if not path.startswith(sys.prefix) and 'packages' in path];"
    " print(*found, sep='\\n')"
)
_PATHS_TIMEOUT_S = 20.0


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A pass that may be shown again: the digest of all that it followed from, and the evidence's name."""

    key: str
    evidence: str


def reuse_key(
    matrix: Matrix,
    planned: Runnable,
    identity: Identity,
    environ: Mapping[str, str],
    *,
    host: str,
    kept: warm.Kept | None = None,
) -> tuple[str, str]:
    """Return the digest of everything that the cell's outcome follows from, or "" and why there is none.

    ``kept`` is what a run of the cell followed from; without it, that is looked at now.

    That is the tree with its ignored files and folders, the matrix, the cell with its settings, the interpreter, what
    is installed, by the system too where the cell sees that, the variables that the commands see, and what probing
    found just now. Whatever lives outside of that (services, the network) cannot be compared.
    """
    cell, root = planned.cell, Path(matrix.project.root)
    profile = matrix.profiles[cell.profile]
    if not profile.reuse:
        return "", f"the profile {profile.name} says reuse = false"
    if cell.services:
        return "", "it has services"
    for name in (finding.capability for finding in planned.findings):
        capability = matrix.capabilities.get(name)
        if name == "network" or (capability is not None and (capability.probe == "network" or capability.service)):
            return "", f"it needs {name}"
    inputs = warm.inputs_for(matrix, planned, environ)
    sees_system = inputs.overlay.sees_system
    if kept is None:
        decision = warm.decide(inputs, root / ".envmatrix" / "cache")
        if decision.kept is None:
            return "", decision.reason
        kept = decision.kept
    resolved = kept.resolved
    if outside := [name for name, editable in resolved.local if editable and not Path(name).is_relative_to(root)]:
        return "", f"it uses {outside[0]} as it lies there, outside of the project"
    variables = resolved.variables
    assert variables is not None
    seen = {name: value for name, value in variables.of(environ).items() if name not in variables.drawn}
    findings = [(one.capability, one.status, one.version, one.where, one.interpreter) for one in planned.findings]
    told = (
        host,
        identity.tree,
        identity.ignored_digest,
        matrix.digest,
        sorted(kept.parts.items()),
        sorted(seen.items()),
        sorted(findings),
        _ignored_folders(root),
        _of_system(resolved, environ) if sees_system else "",
    )
    return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest(), ""


def _ignored_folders(root: Path) -> str:
    """Return a digest of the folders that git ignores and tests could read all the same."""
    asked = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    try:
        names = [os.fsdecode(name) for name in git(asked, cwd=root).split(b"\0")]
    except GitError:
        return ""  # outside git the tree is a digest of everything
    folders = [name for name in names if name.endswith("/") and not is_dropping(name.rstrip("/"))]
    kept = [name for name in folders if not (root / name / "pyvenv.cfg").is_file()]
    return sources_digest(root, kept) if kept else ""


def _of_system(resolved: Resolved, environ: Mapping[str, str]) -> str:
    """Return a digest of what lies in the system's folders of packages that the environment sees."""
    assert resolved.env is not None
    ran = run([resolved.env.python, "-c", _PATHS], environ, _PATHS_TIMEOUT_S)
    if not ran.ok:
        return os.urandom(8).hex()  # nothing is equal to what is not known
    told: list[object] = []
    for folder in ran.out.splitlines():
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            told += sorted(
                (folder, entry.name, entry.stat().st_mtime_ns) for entry in entries if entry.name != "__pycache__"
            )
    return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest()


def remembered(root: Path, cell: str, key: str) -> str | None:
    """Return the name of the evidence of a pass under ``key``, None where there is none."""
    try:
        passed = decode(_place(root, cell).read_bytes(), Passed)
    except (OSError, msgspec.DecodeError):
        return None
    return passed.evidence if passed.key == key else None


def remember(root: Path, cell: str, key: str, evidence: str) -> None:
    """Keep that the cell passed under ``key``. Where that cannot be written the cell runs again, no more."""
    place = _place(root, cell)
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(Passed(key=key, evidence=evidence)))
        beside.replace(place)


def forget(root: Path, cell: str) -> None:
    """Forget that the cell passed."""
    with contextlib.suppress(OSError):
        _place(root, cell).unlink(missing_ok=True)


def still_good(evidence: Evidence, matrix: Matrix, identity: Identity, cell: str) -> bool:
    """Tell whether a record is what it was remembered as: whole, of this cell, tree and matrix, and finished."""
    return (
        evidence.cell == cell
        and evidence.tree == identity.tree
        and evidence.matrix_digest == matrix.digest
        and evidence.state == "finished"
        and not evidence.partial
    )


def _place(root: Path, cell: str) -> Path:
    return root / ".envmatrix" / "cache" / "passed" / f"{cell}.json"
