"""Inside tox: the project's package is built once in a run, and taken by every cell that would build the same."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from functools import wraps
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import Requirement
from tox.tox_env.python.package import EditablePackage, SdistPackage, WheelPackage
from tox.tox_env.python.virtual_env.package.pyproject import Pep517VenvPackager

from envmatrix.engine.install.source_tree import digest_tree, find_top
from envmatrix.engine.job.model import Job
from envmatrix.util.files import write_atomically
from envmatrix.util.json import decode

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (EditablePackage, SdistPackage, WheelPackage)}
_EXTRA = "DIST_EXTRA_CONFIG"  # a configuration file that setuptools reads after all others
_SETTINGS = ("config_settings_build_sdist", "config_settings_build_wheel", "config_settings_build_editable")


class BuiltPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package that a cell of this run built: its class in tox, its file, what it depends on, of which source."""

    kind: str
    file: str
    deps: tuple[str, ...]
    source: str
    settings: dict[str, str] | None = None


def share_built_packages(job: Job) -> None:
    """Make this tox session take what another cell of the run has built, and leave there what it builds itself.

    tox holds a lock on the packaging environment while it builds, so that the others wait for the first.
    """
    current = Pep517VenvPackager.perform_packaging
    plain = getattr(current, "__wrapped__", current)
    folder = Path(job.packages)

    @wraps(plain)
    def perform_packaging(self: Any, for_env: Any) -> Any:
        place = folder / f"{_package_key(job, self, for_env)}.json"
        source = digest_tree(find_top(Path(self.root)) or Path(self.root))
        if (result := _load_package(place, source)) is not None:
            return [result]
        _use_clean_build_directory(self)
        packages = plain(self, for_env)
        with contextlib.suppress(OSError, KeyError):
            _store_package(place, source, packages, digest_tree(find_top(Path(self.root)) or Path(self.root)))
        return packages

    Pep517VenvPackager.perform_packaging = perform_packaging  # type: ignore[method-assign]


def _use_clean_build_directory(packager: Any) -> None:
    """Have setuptools build in a folder of its own, without the modules that an earlier build left there.

    Where it builds in the project's own build/lib, a module that the source no longer has gets into every later wheel.
    Compiled objects stay, which are made anew where their sources are newer. Other backends read no such file.
    """
    base = Path(packager.core["work_dir"]) / "envmatrix-build" / str(packager.conf.name)
    for left in base.glob("lib*"):
        shutil.rmtree(left, ignore_errors=True)
    if _EXTRA in packager.environment_variables:
        return
    with contextlib.suppress(OSError):
        base.mkdir(parents=True, exist_ok=True)
        extra = base / "extra.cfg"
        extra.write_text(f"[build]\nbuild_base = {base}\n")
        packager.conf["set_env"].update({_EXTRA: str(extra)}, override=True)


def _package_key(job: Job, packager: Any, for_env: Any) -> str:
    """Return a digest of everything that makes two cells want different packages."""
    kind = for_env["package"]
    own_python = [overlay.python for overlay in job.overlays] if kind != "sdist" else []
    build_env = for_env["wheel_build_env"] if kind in {"wheel", "editable"} else ""
    settings = [packager.conf.get_optional(name, dict[str, str]) for name in _SETTINGS]
    facts = (packager.conf.name, kind, str(packager.root), build_env, sorted(for_env["extras"]), own_python, settings)
    return hashlib.sha256(repr((type(packager).__name__, facts)).encode()).hexdigest()[:24]


def _load_package(place: Path, source: str) -> Any:
    try:
        built = decode(place.read_bytes(), BuiltPackage)
    except (OSError, msgspec.DecodeError):
        return None
    file = Path(built.file)
    if built.source != source or not file.is_file():
        return None
    deps = [Requirement(text) for text in built.deps]
    if built.kind == "SdistPackage":
        return SdistPackage(file, deps, config_settings=built.settings)
    return _KINDS[built.kind](file, deps)


def _store_package(place: Path, before: str, packages: list[Any], after: str) -> None:
    # A source that changed while it was built is of neither state; several packages are not one file.
    if before != after or len(packages) != 1 or type(packages[0]).__name__ not in _KINDS:
        return
    package = packages[0]
    folder = place.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    remaining = folder / package.path.name
    shutil.copyfile(package.path, remaining)
    built = BuiltPackage(
        kind=type(package).__name__,
        file=str(remaining),
        deps=tuple(str(dep) for dep in package.deps),
        source=after,
        settings=getattr(package, "config_settings", None),
    )
    write_atomically(place, msgspec.json.encode(built))
