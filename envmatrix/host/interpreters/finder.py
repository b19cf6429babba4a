"""Where interpreters are on this host, listed without starting any: PATH, pyenv, uv, the system's folders, Homebrew.

python-discovery reads the specs (``parse_specs``), but its own search starts with the interpreter that runs the tool,
leaves out what does not start, and forwards what a started one prints; here every candidate that is turned down has a
reason.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from envmatrix.util.files import is_there

_NAME = re.compile(r"(?P<impl>python|pypy|graalpy)(?P<version>3(\.\d+)*t?)?")
_INSTALL = re.compile(
    r"(?P<impl>python|cpython|pypy|graalpy|)-?(?P<version>\d+\.\d+(\.\d+)?t?)(?P<free>\+freethreaded)?(-.*)?"
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An executable that is or should be a Python. ``hint`` is the spec that its name stands for ("3.11", "pypy3.10"),
    "" where the name does not say; ``dead`` is why it need not even be started.
    """

    path: str
    origin: str = "other"
    hint: str = ""
    dead: str = ""


def places(environ: Mapping[str, str], *, system_first: bool = False, root: Path = Path("/")) -> Iterator[Place]:
    """Every Python of the host, each once, in order of preference.

    :param system_first: the operating system's own first, then the others of its folder; else all in order of PATH,
        pyenv, uv, the system's folders, Homebrew
    :param root: where the system's own folders are, another one in tests
    """
    seen: set[str] = set()
    if system_first:
        groups = (_system(root), _folder(root / "usr/bin"), _path(environ))
    else:
        groups = (_path(environ), iter(()), iter(()))
    later = (_pyenv(environ), _uv(environ), _system(root), _folder(root / "usr/bin"), _others(root))
    local = os.path.realpath(system_python(root) or "/nowhere")
    for group in (*groups, *later):
        for place in group:
            real = place.path if place.dead else os.path.realpath(place.path)
            if real not in seen:
                seen.add(real)
                yield msgspec.structs.replace(place, origin="system") if real == local else place


def system_python(root: Path = Path("/")) -> str:
    """The interpreter that the operating system's package manager installs modules for, "" where there is none."""
    names = {
        "darwin": ("opt/homebrew/bin/python3", "usr/local/bin/python3", "usr/bin/python3"),
        "linux": ("usr/bin/python3",),
    }.get(sys.platform, ("usr/local/bin/python3", "usr/pkg/bin/python3", "usr/bin/python3"))
    return next((named(root / name) for name in names if os.access(root / name, os.X_OK)), "")


def named(path: Path) -> str:
    """The same executable by the name that says its version, where the same folder has it: python3 -> python3.11."""
    real = Path(os.path.realpath(path))
    return str(real if real.parent == Path(os.path.realpath(path.parent)) else path)


def hint_of(path: str) -> str:
    """What the name of an executable, or of the one that it links to, says of its version."""
    for name in (Path(path).name, Path(os.path.realpath(path)).name):
        match = _NAME.fullmatch(name)
        if match and match["version"] and "." in match["version"]:
            return f"{'' if match['impl'] == 'python' else match['impl']}{match['version']}"
    return ""


def _system(root: Path) -> Iterator[Place]:
    if ours := system_python(root):
        yield Place(path=ours, origin="system", hint=hint_of(ours))


def _path(environ: Mapping[str, str]) -> Iterator[Place]:
    for entry in dict.fromkeys(environ.get("PATH", "").split(os.pathsep)):
        folder = Path(entry)
        if entry and folder.is_absolute():
            if folder.name == "shims" and is_there(folder.parent / "versions"):
                yield from _shims(folder, environ)
            else:
                yield from _folder(folder, origin="path")


def _folder(folder: Path, origin: str = "other") -> Iterator[Place]:
    """The Pythons of a folder: those without a version in their name first, then the newest."""
    try:
        names = [entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    except OSError:
        return
    for name in sorted(names, key=_newest_first):
        yield from _executable(folder / name, origin)


def _executable(path: Path, origin: str) -> Iterator[Place]:
    if path.is_symlink() and not is_there(path):
        yield Place(
            path=str(path),
            origin=origin,
            hint=hint_of(str(path)),
            dead=f"links to {path.readlink()}, which is not there",
        )
    elif path.is_file() and os.access(path, os.X_OK):
        in_venv = (path.parent.parent / "pyvenv.cfg").is_file()  # virtualenv goes to the base as well
        chosen = os.path.realpath(path) if in_venv else named(path)
        yield Place(path=chosen, origin=origin, hint=hint_of(chosen))


def _newest_first(name: str) -> tuple[bool, str, list[int], str]:
    match = _NAME.fullmatch(name)
    assert match
    numbers = [-int(part) for part in re.findall(r"\d+", match["version"] or "")]
    return (len(numbers) > 1, {"python": ""}.get(match["impl"], match["impl"]), numbers, name)


def _shims(folder: Path, environ: Mapping[str, str]) -> Iterator[Place]:
    """What pyenv's shims stand for now. A shim is never used itself: it may mean something else in another folder."""
    active = _active(environ, folder.parent)
    names = [entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name)]
    for name in sorted(names, key=_newest_first):
        real = [folder.parent / "versions" / version / "bin" / name for version in active]
        result = next((path for path in real if is_there(path)), None)
        if result:
            yield Place(
                path=named(result), origin="pyenv", hint=_version_of(result.parent.parent.name) or hint_of(str(result))
            )
        elif name not in {place.name for place in _behind(folder, name, environ)}:
            versions = ", ".join(active) or "none"
            why = f"is a pyenv shim that leads nowhere: no active version ({versions}) has {name}"
            yield Place(path=str(folder / name), origin="pyenv", hint=hint_of(str(folder / name)), dead=why)


def _behind(folder: Path, name: str, environ: Mapping[str, str]) -> list[Path]:
    """Where else in PATH pyenv would find that program when the version "system" is active."""
    entries = [Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if entry]
    if "system" not in _active(environ, folder.parent):
        return []
    return [entry / name for entry in entries if entry != folder and (entry / name).is_file()]


def _active(environ: Mapping[str, str], root: Path) -> list[str]:
    """pyenv's active versions: $PYENV_VERSION, else the nearest .python-version, else pyenv's global version file."""
    if environ.get("PYENV_VERSION"):
        return environ["PYENV_VERSION"].split(":")
    here = Path.cwd()
    for file in (*(folder / ".python-version" for folder in (here, *here.parents)), root / "version"):
        if file.is_file():
            lines = file.read_text("utf-8", "replace").splitlines()
            return [word for line in lines if not line.startswith("#") for word in line.split()]
    return ["system"]


def _pyenv(environ: Mapping[str, str]) -> Iterator[Place]:
    root = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/nowhere")) / ".pyenv")
    yield from _installs(root / "versions", "pyenv")


def _uv(environ: Mapping[str, str]) -> Iterator[Place]:
    home = Path(environ.get("HOME", "/nowhere"))
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    yield from _installs(Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python"), "uv")


def _installs(folder: Path, origin: str) -> Iterator[Place]:
    """One interpreter per installation folder, newest version first."""
    try:
        installs = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return
    for install in sorted(
        installs, key=lambda entry: ([-int(n) for n in re.findall(r"\d+", entry.name)[:3]], entry.name)
    ):
        hint = _version_of(install.name)
        matches = [install / "bin" / name for name in ("python3", "python", "pypy3", "pypy", "graalpy")]
        path = next((path for path in matches if is_there(path)), None)
        if path:
            yield Place(path=named(path), origin=origin, hint=hint or hint_of(str(path)))
        elif hint:
            yield Place(path=str(matches[0]), origin=origin, hint=hint, dead=f"is not there, though {install} is")


def _version_of(install: str) -> str:
    match = _INSTALL.fullmatch(install)
    if not match:
        return ""
    implementation = {"cpython": "", "python": ""}.get(match["impl"], match["impl"])
    return f"{implementation}{match['version']}{'t' if match['free'] else ''}"


def _others(root: Path) -> Iterator[Place]:
    for folder in (root / "usr/local/bin", root / "opt/homebrew/bin", root / "home/linuxbrew/.linuxbrew/bin"):
        yield from _folder(folder, origin="homebrew" if "brew" in str(folder) else "other")
    for pattern in ("opt/homebrew", "usr/local", "home/linuxbrew/.linuxbrew"):
        for folder in sorted((root / pattern / "opt").glob("python@*/bin")):
            yield from _folder(folder, origin="homebrew")
