"""What a requirement names on this disk: folders, archives, projects that are used as they lie there.

Inside tox: an environment is built anew where something on this disk that it was built from is no longer the same.

tox compares the lines of requirements. ``./lib`` is the same line whatever lies in the folder, and so are an archive
that was built again and a constraints file that a variable names: what is installed would be of another content than
the evidence says. Nor does tox look at where an environment was made: in a copied checkout, or in a work directory that
two checkouts share, an editable installation still leads to the other checkout.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from envmatrix.engine.install.readiness import disable_uv_cache
from envmatrix.engine.install.source_tree import digest_tree, find_top, list_tracked_leftovers
from envmatrix.util.files import is_there
from envmatrix.vcs.content import UNSURE_FOLDERS, hash_content

METADATA = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in")  # what says how a package is built, and of what
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)")
_TAIL = re.compile(r"(?:\s+;|\s+#|\s+--).*$")
_EXTRAS = re.compile(r"\[[^\]]*\]$")
# How a path leaves the folder of the file that says it, and what computes one: once that is the file's own folder.
_ABOVE = re.compile(r"(?:\.\./)+|[\"'=]\s*\.\.(?=[\"'\s]|$)|pardir|\.parents\b", re.MULTILINE)
_PARENT = re.compile(r"\bdirname\b|\.parent\b")
_ABSOLUTE = re.compile(r"[\"'=\s](/[^\"'\s]+)")
_ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")


def parse_local_path(line: str, root: Path) -> tuple[Path, bool] | None:
    """Return what a requirement line names on this disk, and whether it is taken as it lies there (``-e``)."""
    editable = _EDITABLE.match(line)
    text = line[editable.end() :] if editable else line
    text = _TAIL.sub("", text).strip().strip("'\"")
    if " file:" in text or text.startswith("file:") or "@file:" in text:
        text = unquote(re.sub(r"^.*?file:(?://)?", "", text).split("#")[0])
    elif "://" in text or " @ " in text:
        return None
    text = _EXTRAS.sub("", text)
    if "/" not in text and text != "." and not text.endswith(_ARCHIVES):
        return None
    path = (root / text).resolve()
    return (path, editable is not None) if path.exists() else None


def names_files_above(root: Path, metadata: bytes, *, top: Path | None) -> bool:
    """Tell whether the metadata of a project in ``root`` name files outside of ``top``, or may compute such paths.

    What computes a path is followed nowhere: it is taken to stay below ``top`` where that lies above the project.
    """
    text = metadata.decode("utf-8", "replace")
    depth = len(root.resolve().relative_to(top.resolve()).parts) if top is not None else 0
    if any(item.count("../") > depth or not depth for item in _ABOVE.findall(text)):
        return True
    if not depth and len(_PARENT.findall(text)) > 1:
        return True
    absolute = [Path(name) for name in _ABSOLUTE.findall(text)]
    return any(path.is_absolute() and not path.is_relative_to(top or root) and is_there(path) for path in absolute)


def _read_metadata(project: Path) -> bytes:
    return b"\n".join((project / name).read_bytes() for name in METADATA if (project / name).is_file())


def find_build_root(path: Path) -> tuple[Path, str]:
    """Return the folder below which all lies that a project in ``path`` is built from, and the text of its metadata.

    It is the project's own folder, or the repository around it where the metadata name files above that folder.
    """
    metadata = _read_metadata(path)
    above = names_files_above(path, metadata, top=None)
    return (find_top(path) or path) if above else path, metadata.decode("utf-8", "replace")


def digest_local_path(path: Path, editable: bool) -> str:
    """Return a digest of names, sizes and times that changes with everything that was installed from a local path."""
    if path.is_dir() and not editable:
        return digest_tree(*find_build_root(path))
    facts = []
    for file in [path / name for name in METADATA] if editable else [path]:
        if file.is_file():
            stat = file.stat()
            facts.append((str(file), stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


_CONSTRAINTS = ("PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_BUILD_CONSTRAINT", "UV_CONSTRAINT", "UV_OVERRIDE")


def watch_installations() -> None:
    """Make every installation of this tox session look at what it was made from first."""
    from tox.tox_env.python.api import Python
    from tox.tox_env.python.pip.pip_install import Pip

    _watch_place(Python)
    _watch_installer(Pip)
    with contextlib.suppress(ImportError):
        from tox_uv._installer import UvInstaller

        _watch_installer(UvInstaller)


def _watch_place(python: Any) -> None:
    """Make tox recreate an environment that was made at another path or for another checkout."""
    from tox.tox_env.errors import Recreate

    plain = getattr(python._setup_env, "__wrapped__", python._setup_env)

    @wraps(plain)
    def setup_env(self: Any) -> None:
        now = {"env_dir": str(self.env_dir.resolve()), "root": str(Path(self.core["tox_root"]).resolve())}
        with self.cache.compare(now, "envmatrix", "place") as (same, old):
            if not same:
                known = old or {"env_dir": _read_activated_directory(self.env_dir) or now["env_dir"]}
                differing = sorted(path for name, path in known.items() if path != now[name])
                if differing:
                    raise Recreate(f"it was made for another place: {', '.join(differing)}")
        plain(self)

    python._setup_env = setup_env


def _read_activated_directory(env_dir: Path) -> str:
    """Return the directory for which virtualenv or uv wrote bin/activate, "" where that cannot be read from it."""
    try:
        script = (env_dir / "bin" / "activate").read_text(errors="replace")
    except OSError:
        return ""
    match = re.search(r"^\s*VIRTUAL_ENV=(['\"]?)(/[^\n$]*?)\1$", script, re.MULTILINE)
    return str(Path(match[2]).resolve()) if match else ""


def _watch_installer(installer: Any) -> None:
    from tox.tox_env.errors import Recreate
    from tox.tox_env.python.pip.req_file import PythonDeps

    if "install" not in vars(installer):
        return
    plain = getattr(installer.install, "__wrapped__", installer.install)

    @wraps(plain)
    def install(self: Any, arguments: Any, section: str, of_type: str) -> Any:
        if not isinstance(arguments, PythonDeps):
            return plain(self, arguments, section, of_type)
        variables = self._env.environment_variables
        now = dict(_digest_sources(arguments, Path(self._env.core["toxinidir"]), variables))
        known = self._env.cache._content.get(section, {})
        built = isinstance(known, dict) and of_type in known
        with self._env.cache.compare(now, section, f"envmatrix {of_type}") as (same, old):
            if built and now and not same:
                changed = sorted(name for name, digest in now.items() if not old or old.get(name) != digest)
                raise Recreate(f"changed since it was built: {', '.join(changed)}")
        with disable_uv_cache(variables, needed=bool(now)):
            return plain(self, arguments, section, of_type)

    installer.install = install


def _digest_sources(arguments: Any, root: Path, environ: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each thing on this disk that the environment is built from, with a digest of its content."""
    try:
        _, lines = arguments.unroll()
    except Exception:  # the installation itself tells what is wrong with it
        return
    for line in lines:
        if not line.startswith("-c ") and (result := parse_local_path(line, root)) is not None:
            yield line, _digest_content(*result)
    for name in _CONSTRAINTS:
        for file in environ.get(name, "").split():
            if "://" not in file and (path := root / file).is_file():
                yield f"{name}={file}", hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_content(path: Path, editable: bool) -> str:
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not editable:
        folder, metadata = find_build_root(path)
        tracked = list_tracked_leftovers(folder)
        known = UNSURE_FOLDERS if tracked is None else {name for name in UNSURE_FOLDERS if name in metadata}
        return hash_content(folder, known=known, more=tracked or ())[0]
    return hashlib.sha256(_read_metadata(path)).hexdigest()
