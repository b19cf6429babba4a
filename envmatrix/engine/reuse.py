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
from envmatrix.engine.sourcetree import sources_digest
from envmatrix.evidence.identity import Identity
from envmatrix.evidence.model import Evidence
from envmatrix.host.run import run
from envmatrix.plan import Runnable
from envmatrix.util.state_dir import state_path

_PATHS = (
    "import sys; found = [path for path in sys.path if not path.startswith(sys.prefix) and 'packages' in path];"
    " print(*found, sep='\\n')"
)
_PATHS_TIMEOUT_S = 20.0


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A pass that may be shown again: the digest of all that it followed from, and the evidence's name."""

    key: str
    evidence: str


class Around:
    """What lies around the environments of a run, each part looked at once, when it is first asked for.

    ``identity`` is that of the project as it is then: before the first cell, or after the last.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], identity: Identity) -> None:
        self.environ = environ
        self._root, self._identity = root, identity
        self._ignored: str | None = None
        self._systems: dict[str, str] = {}

    def ignored(self) -> str:
        """Return a digest of the folders that git ignores and tests could read all the same."""
        if self._ignored is None:
            self._ignored = _ignored_folders(self._root, self._identity)
        return self._ignored

    def system(self, interpreter: str, python: str) -> str:
        """Return a digest of the system's packages that environments of ``interpreter`` see; ``python`` is of one."""
        if interpreter not in self._systems:
            self._systems[interpreter] = _of_system(python, self.environ)
        return self._systems[interpreter]


def reuse_key(
    matrix: Matrix,
    planned: Runnable,
    identity: Identity,
    around: Around,
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
    if why := _not_comparable(matrix, planned):
        return "", why
    root, environ = Path(matrix.project.root), around.environ
    if kept is None:
        decision = warm.decide(warm.inputs_for(matrix, planned, environ), state_path(root, "cache"))
        if decision.kept is None:
            return "", decision.reason
        kept = decision.kept
    resolved = kept.resolved
    if outside := [name for name, editable in resolved.local if editable and not Path(name).is_relative_to(root)]:
        return "", f"it uses {outside[0]} as it lies there, outside of the project"
    assert resolved.variables is not None and resolved.env is not None
    variables = resolved.variables
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
        around.ignored(),
        around.system(planned.interpreter.path, resolved.env.python) if planned.sees_system else "",
    )
    return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest(), ""


def _not_comparable(matrix: Matrix, planned: Runnable) -> str:
    """Return why nothing can be said of what the cell's outcome follows from, "" where something can."""
    profile = matrix.profiles[planned.cell.profile]
    if not profile.reuse:
        return f"the profile {profile.name} says reuse = false"
    if planned.cell.services:
        return "it has services"
    for name in (finding.capability for finding in planned.findings):
        capability = matrix.capabilities.get(name)
        if name == "network" or (capability is not None and (capability.probe == "network" or capability.service)):
            return f"it needs {name}"
    return ""


def _ignored_folders(root: Path, identity: Identity) -> str:
    below = f"{identity.folder}/" if identity.folder else ""
    names = [name.removeprefix(below) for name in identity.ignored_folders if name.startswith(below)]
    kept = [name for name in names if not (root / name / "pyvenv.cfg").is_file()]
    return sources_digest(root, kept) if kept else ""


def _of_system(python: str, environ: Mapping[str, str]) -> str:
    ran = run([python, "-c", _PATHS], environ, _PATHS_TIMEOUT_S)
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
    """Keep that the cell passed under ``key``. Where that cannot be written the cell runs again, no more.

    So it does where somebody reads half of the file, which is no JSON. Renaming a file over another would have some
    file systems bring it to the disk, for each cell at the end of a run.
    """
    place, content = _place(root, cell), msgspec.json.encode(Passed(key=key, evidence=evidence))
    with contextlib.suppress(OSError):
        place.unlink(missing_ok=True)
        try:
            place.write_bytes(content)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


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
        and not evidence.has_moved
    )


def _place(root: Path, cell: str) -> Path:
    return state_path(root, "cache", "passed", f"{cell}.json")
