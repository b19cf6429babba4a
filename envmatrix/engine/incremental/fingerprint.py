"""Whether a cell's commands can be run without tox: when nothing that tox would look at is other than it was.

After a run through tox, what it resolved is kept with a digest of everything that this follows from. The next run
compares; whatever differs, or cannot be compared, is a reason to go through tox again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config.model import Matrix
from envmatrix.config.tox.file import READ_BY_TOX
from envmatrix.engine.incremental import package_inputs, system_packages
from envmatrix.engine.install import readiness
from envmatrix.engine.install.local_deps import digest_local_path
from envmatrix.engine.install.source_tree import digest_package_names
from envmatrix.engine.job.build import make_planned_overlay
from envmatrix.engine.job.environ import describe_installation
from envmatrix.engine.job.model import Overlay
from envmatrix.engine.toxplugin.resolved import ResolvedEnvironment
from envmatrix.host.model import Interpreter
from envmatrix.plan import Runnable
from envmatrix.util.sealed import read_sealed, write_sealed

_METADATA = (*READ_BY_TOX, "setup.py", "MANIFEST.in")
_ALWAYS = {"PATH", "HOME", "CI", "COLUMNS", "LINES", "XDG_CONFIG_HOME"}
_CHUNK = 1 << 18
_PREFIXES = ("TOX", "VIRTUALENV_", "PIP_", "UV_", "PYTHON", "SETUPTOOLS_", "PBR_")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What reads other files, the terminal, or variables whose names are not written down.
_OPEN_ENDED = re.compile(r"\{glob:|[\"']glob[\"']|\{tty|\bexists\(|\{env:\{|file\||\"file\":")


class ReplayInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell's run follows from, as far as it is known before tox is asked. ``environ`` is what tox is given."""

    root: str
    tox_file: str
    overlay: Overlay
    interpreter: Interpreter
    environ: dict[str, str]
    posargs: tuple[str, ...] = ()
    services: bool = False
    recreate: bool = False


class ReplayRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a run through tox: the parts by name with their digests, and what tox resolved.

    ``proof`` is what the environment answered, where it can answer nothing else while the parts are the same: where it
    promises no module, and everything installed is its own.
    """

    parts: dict[str, str]
    resolved: ResolvedEnvironment
    unused: tuple[str, ...] = ()
    proof: dict[str, Any] | None = None


class ReplayDecision(msgspec.Struct, frozen=True, kw_only=True):
    """Without tox by ``record``, or through tox because of ``reason``, in a new environment with ``recreate``."""

    record: ReplayRecord | None = None
    reason: str = ""
    recreate: bool = False


def collect_inputs(
    matrix: Matrix,
    planned: Runnable,
    environ: Mapping[str, str],
    *,
    posargs: tuple[str, ...] = (),
    recreate: bool = False,
) -> ReplayInputs:
    """Return what the run of a cell follows from."""
    cell, project = planned.cell, matrix.project
    return ReplayInputs(
        root=project.root,
        tox_file=project.tox_file,
        overlay=make_planned_overlay(planned, matrix.profiles[cell.profile]),
        interpreter=planned.interpreter,
        environ=dict(environ),
        posargs=posargs,
        services=bool(cell.services),
        recreate=recreate,
    )


def decide_replay(inputs: ReplayInputs, cache: Path) -> ReplayDecision:
    """Say whether the cell's commands can be run without tox, and if not, why."""
    if inputs.recreate:
        return ReplayDecision(reason="the environment is to be built anew", recreate=True)
    if lost := system_packages.find_lost_packages(cache, inputs.overlay.name):
        return ReplayDecision(reason=f"it was built upon {lost} of the system, gone or changed since", recreate=True)
    if inputs.services:
        return ReplayDecision(reason="its services have new addresses in every run")
    try:
        sealed = read_sealed(_record_path(cache, inputs), ReplayRecord)
    except FileNotFoundError:
        return ReplayDecision(reason="nothing is known of an earlier run through tox")
    except (OSError, msgspec.DecodeError):
        return ReplayDecision(reason="what was kept of the last run cannot be read, it is made anew")
    if sealed.resolved.doubt:
        return ReplayDecision(reason=sealed.resolved.doubt)
    now = compute_digests(inputs, sealed.resolved)
    if isinstance(now, str):
        return ReplayDecision(reason=now)
    changed = sorted(name for name in {*now, *sealed.parts} if now.get(name) != sealed.parts.get(name))
    if changed:
        return ReplayDecision(reason=f"changed since the last run through tox: {', '.join(changed)}")
    return ReplayDecision(record=sealed)


def save_replay_record(
    inputs: ReplayInputs,
    cache: Path,
    before: Mapping[str, str],
    resolved: ResolvedEnvironment,
    *,
    unused: Sequence[str],
    proof: dict[str, Any] | None = None,
) -> None:
    """Keep what tox resolved for the next run, or a doubt for which that goes through tox again.

    ``before`` are the parts as they were before it ran, so that no change is lost.
    """
    now = {} if resolved.doubt else compute_digests(inputs, resolved)
    if isinstance(now, str):
        resolved, now = ResolvedEnvironment(doubt=now), {}
    if any(now[name] != digest for name, digest in before.items() if name in now):
        resolved, now = ResolvedEnvironment(doubt="something changed while tox was running"), {}
    remaining = ReplayRecord(parts=now, resolved=resolved, unused=tuple(unused), proof=proof)
    with contextlib.suppress(OSError):  # a read-only checkout: everything goes through tox
        write_sealed(_record_path(cache, inputs), remaining)


def compute_digests(inputs: ReplayInputs, resolved: ResolvedEnvironment | None) -> dict[str, str] | str:
    """Return the digest of each thing that the run follows from, or a sentence why there can be none.

    Without ``resolved`` only those are returned that are known before tox was asked.
    """
    root = Path(inputs.root)
    names = {name for name in (inputs.tox_file, *READ_BY_TOX) if name}
    texts = {name: _read_bytes(f"{inputs.root}/{name}") for name in sorted(names | set(_METADATA))}
    written = _of_tox(inputs.tox_file, *((name, content) for name, content in texts.items() if name in names))
    laid = msgspec.json.encode(inputs.overlay).decode()
    open_ended, known = _find_words(written)
    more_open_ended, more = _find_words(laid)
    if matches := open_ended or more_open_ended:
        return f"its settings use {matches!r}, which reads more than is compared"
    variables = {
        name: value
        for name, value in inputs.environ.items()
        if name in known or name in more or name in _ALWAYS or name.startswith(_PREFIXES)
    }
    result = {name: _hash_bytes(content) for name, content in texts.items() if content}
    result["place"] = _hash_bytes(os.fsencode(os.path.realpath(inputs.root)))  # what tox resolved holds absolute paths
    result["profile"] = _hash_bytes(laid.encode())
    result["arguments"] = _hash_bytes(repr(inputs.posargs).encode())
    result["interpreter"] = _hash_bytes(repr((inputs.interpreter, _stat_file(inputs.interpreter.path))).encode())
    result["user's tox settings"] = _hash_bytes(_read_bytes(_user_config(inputs.environ)))
    result["tox and its plugins"] = _installed_digest()
    result |= {f"${name}": _hash_bytes(value.encode("utf-8", "surrogateescape")) for name, value in variables.items()}
    if resolved is None:
        result |= {"source folders": digest_package_names(root), "source": package_inputs.source_digest(root, texts)}
    else:
        result |= {name: _hash_bytes(_read_bytes(name)) for name in resolved.files}
        result |= {name: digest_local_path(Path(name), editable) for name, editable in resolved.local}
        result["environment"] = _hash_bytes(repr(_scan_environment(resolved)).encode())
        packaged = package_inputs.compute_digests(root, resolved.package, texts, inputs.environ)
        if isinstance(packaged, str):
            return packaged
        result |= packaged
    return result


@functools.lru_cache(maxsize=64)  # of one text in a run, and of one short one for each cell
def _find_words(text: str) -> tuple[str, frozenset[str]]:
    """Return the first thing in a text that reads more than can be compared, "" for none, and what may be a name."""
    match = _OPEN_ENDED.search(text)
    return (match[0] if match else "", frozenset(_NAME.findall(text)))


@functools.lru_cache(maxsize=8)
def _of_tox(tox_file: str, *files: tuple[str, bytes]) -> str:
    """Return what of the files tox reads."""
    return "\n".join(_part_of_tox(name, content, tox_file) for name, content in files)


def _part_of_tox(name: str, content: bytes, tox_file: str) -> str:
    """Return what of a file tox reads, TOML as JSON so that every key is spelt in one way."""
    if name == "setup.cfg" and name != tox_file:
        return ""
    text = content.decode("utf-8", "replace")
    if not name.endswith(".toml"):
        return text
    try:
        document = tomllib.loads(text)
    except ValueError:
        return text
    of_tox = document.get("tool", {}).get("tox", {}) if name == "pyproject.toml" else document
    return msgspec.json.encode(of_tox, enc_hook=str).decode()


def lasting_proof(proof: dict[str, Any], inputs: ReplayInputs, resolved: ResolvedEnvironment) -> dict[str, Any] | None:
    """Return a proof that holds as long as the parts do, None where the next run has to ask again."""
    local = all(owner == "env" for _, _, owner in proof.get("distributions", ()))
    variables = resolved.variables
    elsewhere = variables is None or any(name in variables.of(inputs.environ) for name in ("PYTHONPATH", "PYTHONHOME"))
    if inputs.overlay.sees_system or proof.get("modules") or not local or elsewhere:
        return None
    return {name: value for name, value in proof.items() if name not in {"event", "time", "monotonic"}}


def _record_path(cache: Path, inputs: ReplayInputs) -> Path:
    return cache / "warm" / f"{inputs.overlay.name}.json"


@functools.cache
def _installed_digest() -> str:
    return _hash_bytes(repr(describe_installation()).encode())


def _hash_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _read_bytes(path: str) -> bytes:
    try:  # a dozen for each cell: a Path for each, and an object for each open file, would cost more than the files
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return b"".join(iter(lambda: os.read(handle, _CHUNK), b""))
    except OSError:
        return b""
    finally:
        os.close(handle)


def _stat_file(path: str) -> tuple[int, int, int, int]:
    """Return what tells one file at the end of all links from every other."""
    try:
        result_value = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return (0, 0, 0, 0)
    return (result_value.st_ino, result_value.st_size, result_value.st_mtime_ns, result_value.st_ctime_ns)


def _user_config(environ: Mapping[str, str]) -> str:
    # tox reads this file or what $TOX_USER_CONFIG_FILE names, which counts as a variable
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    return environ.get("TOX_USER_CONFIG_FILE") or f"{home}/tox/config.ini"


def _scan_environment(resolved: ResolvedEnvironment) -> object:
    """Return what changes when something is installed in the environment, or it is built anew or damaged."""
    assert resolved.env is not None
    listed: list[object] = []
    for place, whole in ((resolved.env.site_packages, False), (resolved.env.bin_dir, True)):
        try:
            with os.scandir(place) as entries:
                listed.append(sorted(_describe_entry(entry, whole) for entry in entries if entry.name != "__pycache__"))
        except OSError:
            listed.append("")
    marks = [_hash_bytes(_read_bytes(f"{resolved.env_dir}/{name}")) for name in ("pyvenv.cfg", ".tox-info.json")]
    return (marks, readiness.is_ready(resolved.env_dir), _stat_file(resolved.env.python), listed)


def _describe_entry(entry: os.DirEntry[str], whole: bool) -> tuple[str, int, int]:
    if whole or entry.name.endswith((".dist-info", ".egg-info", ".pth", ".egg-link")):
        found = entry.stat(follow_symlinks=False)
        return (entry.name, found.st_size, found.st_mtime_ns)
    return (entry.name, 0, 0)
