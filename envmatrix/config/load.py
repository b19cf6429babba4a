"""profiles/capabilities.toml: the capabilities that a project declares, over those that are built in.

Profile files become profiles: the built-in ones and the project's own, every problem of every file at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config import checks, inheritance, profile_checks, schema
from envmatrix.config.capabilities import BUILTIN, python_of
from envmatrix.config.checks import IDENTIFIER, Fault, pattern_fault
from envmatrix.config.inheritance import Catalogue, Layer, texts
from envmatrix.config.model import Capability, Profile, Project
from envmatrix.config.schema import PROBES, CapabilityTable, ProfileFile
from envmatrix.config.tox import file as tox_file
from envmatrix.errors import ConfigError, Problem
from envmatrix.util.files import is_there
from envmatrix.util.json import convert
from envmatrix.util.text import quoted
from envmatrix.util.toml import Document, Lines, Unreadable, read_toml


def declared(document: Document, built_in: dict[str, Capability]) -> tuple[dict[str, Capability], list[Problem]]:
    """Return the capabilities of a document by name, and what is wrong with it.

    A table with a built-in capability's name changes the keys that it holds and leaves the others.
    """
    result: dict[str, Capability] = {}
    problems: list[Problem] = []
    for name, table in document.data.items():
        faults = list(_faults(name, table, built_in))
        problems += [document.problem((name, *path), message) for path, message in faults]
        # known even where faulty, so that the profiles which require it are not reported as well
        bad = {path[0] for path, _ in faults if path}
        usable = isinstance(table, dict) and all(path for path, _ in faults)
        given = {key: value for key, value in table.items() if key not in bad} if usable else {}
        result[name] = _capability(name, given, document, built_in)
    return result, problems


def _faults(name: str, table: object, built_in: dict[str, Capability]) -> Iterator[Fault]:
    if not IDENTIFIER.fullmatch(name):
        yield (), f"{name!r} cannot be required; use letters, digits, '.', '_' and '-'"
    elif python_of(name):
        yield (), "every pythonX.Y is known already; drop this table"
    matches = list(schema.differences(schema.shape_of(CapabilityTable), table))
    yield from matches
    if not isinstance(table, dict):
        return
    probes = [key for key in PROBES if key in table]
    if len(probes) > 1:
        yield (), f"has {quoted(probes)}; a capability is probed in one way, keep one of them"
    elif probes and probes != ["service"] and name in built_in and built_in[name].service:
        yield (), f"is a built-in service, which profiles start; give what has {quoted(probes)} another name"
    elif not probes and name not in built_in and not matches:
        yield (), f"does not say how it is probed; give it one of {quoted(PROBES)}"
    reasons = table.get("skip_reasons")
    for number, pattern in enumerate(reasons if isinstance(reasons, list) else ()):
        if isinstance(pattern, str) and (message := pattern_fault(pattern)):
            yield ("skip_reasons", number), message


def _capability(name: str, table: dict[str, Any], document: Document, built_in: dict[str, Capability]) -> Capability:
    given = convert(table, CapabilityTable)
    changes: dict[str, Any] = {key: getattr(given, key) for key in table}
    if "packages" in changes:
        changes["packages"] = {installer: texts(names) for installer, names in given.packages.items()}
    base = built_in.get(name, Capability(name=name))
    if any(key in changes for key in PROBES):  # another way of probing: what the built-in one asks does not apply
        base = Capability(name=name, packages=base.packages, skip_reasons=base.skip_reasons)
    return msgspec.structs.replace(base, origin=document.source((name,)), **changes)


BUILT_IN = Path(__file__).parent.parent / "profiles"
CAPABILITIES = "capabilities.toml"


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a project's configuration says: every profile and capability by name, ``own`` are the project's profiles."""

    project: Project
    profiles: dict[str, Profile]
    own: tuple[str, ...]
    capabilities: dict[str, Capability]
    words: frozenset[str] = frozenset()
    factors: frozenset[str] = frozenset()


def load(project: Project) -> Loaded:
    """Return the profiles and capabilities of a project, those built in among them.

    Raises ConfigError with all problems of all files.
    """
    root = Path(project.root)
    tox = tox_file.read_tox_file(root)
    problems = [Problem(file=tox.name, line=tox.error_line, message=tox.error)] if tox and tox.error else []
    capabilities = {**BUILTIN, **_declared(root, problems)}
    catalogue = Catalogue(
        own=_layers(root / "profiles", "profiles", capabilities, problems),
        built_in=_layers(BUILT_IN, "built-in profiles", capabilities, problems),
    )
    words = tox_file.words_of([tox.sections, tox.table]) if tox else frozenset()
    factors = tox_file.factors_of(tox)
    profiles: dict[str, Profile] = {}
    for layer in inheritance.sound_layers(catalogue, problems):
        profile = inheritance.compose(inheritance.chain(layer, catalogue))
        subject = profile_checks.Subject(profile=profile, layer=layer, tox=tox, words=words | factors, factors=factors)
        problems += [layer.document.problem(path, message) for path, message in profile_checks.faults(subject)]
        profiles[profile.name] = profile
    if not problems:
        problems += inheritance.name_clashes(profiles, catalogue)
    if problems:
        raise ConfigError(problems)
    return Loaded(
        project=project,
        profiles=profiles,
        own=tuple(sorted(catalogue.own)),
        capabilities=capabilities,
        words=words | factors,
        factors=factors,
    )


def _declared(root: Path, problems: list[Problem]) -> dict[str, Capability]:
    path = root / "profiles" / CAPABILITIES
    if not is_there(path) and not _is_link(path):  # a folder that cannot be read is told where it is listed
        return {}
    try:
        document = read_toml(path, f"profiles/{CAPABILITIES}")
    except Unreadable as error:
        problems.append(error.problem)
        return {}
    entry, faults = declared(document, BUILTIN)
    problems += faults
    return entry


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:
        return False


def _layers(folder: Path, label: str, capabilities: dict[str, Capability], problems: list[Problem]) -> dict[str, Layer]:
    """Return the profile files of a folder by name; what is wrong in them goes to ``problems``."""
    result_value: dict[str, Layer] = {}
    for path in _files(folder, label, problems):
        file = f"{label}/{path.name}"
        if message := checks.name_fault(path.stem):
            problems.append(Problem(file=file, message=message))
            continue
        try:
            document = read_toml(path, file)
        except Unreadable as error:
            problems.append(error.problem)
            document = Document(label=file, data={}, places=Lines(""))
        result_value[path.stem] = _layer(path.stem, document, folder is BUILT_IN, capabilities, problems)
    return result_value


def _files(folder: Path, label: str, problems: list[Problem]) -> list[Path]:
    """Return the profile files of a folder; what cannot be listed, or has nearly the right name, is a problem."""
    if folder.is_symlink() and not folder.exists():
        problems.append(Problem(file=label, message="is a link to nothing; correct or remove it"))
    try:
        names = sorted(path for path in (folder.iterdir() if folder.is_dir() else ()) if not path.name.startswith("."))
    except OSError as error:
        problems.append(Problem(file=label, message=f"cannot be listed: {(error.strerror or str(error)).lower()}"))
        return []
    for path in names:
        if path.suffix != ".toml" and path.suffix.lower() in (".toml", ".tml", ".tom"):
            message = f"would not be read under this name; rename it to {path.stem}.toml"
            problems.append(Problem(file=f"{label}/{path.name}", message=message))
    return [path for path in names if path.suffix == ".toml" and path.name != CAPABILITIES]


def _layer(
    name: str, document: Document, built_in: bool, capabilities: dict[str, Capability], problems: list[Problem]
) -> Layer:
    found = list(schema.differences(schema.shape_of(ProfileFile), document.data))
    found += checks.faults(schema.sound(ProfileFile, document.data, found), capabilities)
    problems += [document.problem(path, message) for path, message in found]
    keys = frozenset(document.data) - {path[0] for path, _ in found}
    file = schema.sound(ProfileFile, document.data, found)
    return Layer(name=name, built_in=built_in, document=document, file=file, keys=keys)
