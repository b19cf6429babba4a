"""Profile files become profiles: the built-in ones and the project's own, every problem of every file at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from envmatrix.config import checks, kinship, layers, shape, toxfile, whole
from envmatrix.config.builtin import BUILTIN
from envmatrix.config.declared import declared
from envmatrix.config.layers import Catalogue, Layer
from envmatrix.config.lines import Lines
from envmatrix.config.model import Capability, Profile, Project
from envmatrix.config.reading import Document, Unreadable, read_toml
from envmatrix.config.schema import ProfileFile
from envmatrix.errors import ConfigError, Problem

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
    tox = toxfile.read_tox_file(root)
    problems = [Problem(file=tox.name, line=tox.error_line, message=tox.error)] if tox and tox.error else []
    capabilities = {**BUILTIN, **_declared(root, problems)}
    catalogue = Catalogue(
        own=_layers(root / "profiles", "profiles", capabilities, problems),
        built_in=_layers(BUILT_IN, "built-in profiles", capabilities, problems),
    )
    words = toxfile.words_of([tox.sections, tox.table]) if tox else frozenset()
    factors = toxfile.factors_of(tox)
    profiles: dict[str, Profile] = {}
    for layer in kinship.sound_layers(catalogue, problems):
        profile = layers.compose(layers.chain(layer, catalogue))
        subject = whole.Subject(profile=profile, layer=layer, tox=tox, words=words | factors, factors=factors)
        problems += [layer.document.problem(path, message) for path, message in whole.faults(subject)]
        profiles[profile.name] = profile
    if not problems:
        problems += kinship.name_clashes(profiles, catalogue)
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
    if not toxfile.is_there(path) and not _is_link(path):  # a folder that cannot be read is told where it is listed
        return {}
    try:
        document = read_toml(path, f"profiles/{CAPABILITIES}")
    except Unreadable as error:
        problems.append(error.problem)
        return {}
    found, faults = declared(document, BUILTIN)
    problems += faults
    return found


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:
        return False


def _layers(folder: Path, label: str, capabilities: dict[str, Capability], problems: list[Problem]) -> dict[str, Layer]:
    """Return the profile files of a folder by name; what is wrong in them goes to ``problems``."""
    found: dict[str, Layer] = {}
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
        found[path.stem] = _layer(path.stem, document, folder is BUILT_IN, capabilities, problems)
    return found


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
    found = list(shape.differences(shape.shape_of(ProfileFile), document.data))
    found += checks.faults(shape.sound(ProfileFile, document.data, found), capabilities)
    problems += [document.problem(path, message) for path, message in found]
    keys = frozenset(document.data) - {path[0] for path, _ in found}
    file = shape.sound(ProfileFile, document.data, found)
    return Layer(name=name, built_in=built_in, document=document, file=file, keys=keys)
