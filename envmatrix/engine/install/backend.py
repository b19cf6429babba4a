"""Inside tox: whether uv builds an environment, through tox-uv, or virtualenv and pip do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envmatrix.engine.install.pip_config import is_true, read_settings
from envmatrix.util.files import read_text

if TYPE_CHECKING:
    from tox.session.state import State

    from envmatrix.engine.job.model import Overlay

UV_RUNNER = "uv-venv-runner"
_OLDEST = (3, 8)  # the oldest Python that uv works with (its documentation, "Python versions")

# What a project says when it counts on pip or virtualenv being there.
_NEEDS_PIP = re.compile(r"\b(?:pip|install_command|virtualenv_spec|always_copy|alwayscopy|easy_install|piptools)\b")
_PIP_SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONSTRAINT")
_UV_SOURCES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_NO_INDEX",
    "UV_CONSTRAINT",
    "UV_CONFIG_FILE",
)


def may_use_uv(state: State, overlay: Overlay, content: Mapping[str, Any]) -> bool:
    """Tell whether uv may build the environment: tox-uv is there, the environment sees nothing of the system, and
    neither the project nor the user counts on pip.

    With system site-packages uv installs its own copy of what the system has, or fails to build it.
    """
    if overlay.sees_system or not _is_uv_registered() or not _is_supported_by_uv(overlay.python_version):
        return False
    return not _needs_pip(read_text(state.conf.src_path), content) and not _has_pip_sources_only(os.environ)


def _is_uv_registered() -> bool:
    from tox.tox_env.register import REGISTER

    return UV_RUNNER in REGISTER.env_runners


def _is_supported_by_uv(version: str) -> bool:
    try:
        return tuple(int(part) for part in version.split(".")[:2]) >= _OLDEST
    except ValueError:
        return False


def _needs_pip(text: str, content: Mapping[str, Any]) -> bool:
    return bool(_NEEDS_PIP.search(text) or _NEEDS_PIP.search(repr(dict(content))))


def _has_pip_sources_only(environ: Mapping[str, str]) -> bool:
    """Tell whether pip was told where packages come from and uv was not: it would look in another place."""
    if any(environ.get(name) for name in _UV_SOURCES):
        return False
    # tox passes XDG_* on only where pass_env names them, so that pip may read other files than this process would
    passed = {name: value for name, value in environ.items() if not name.startswith("XDG_")}
    return any(environ.get(name) for name in _PIP_SOURCES) or any(
        _has_own_index(read_settings(seen)) for seen in (environ, passed)
    )


def _has_own_index(settings: Mapping[str, str]) -> bool:
    """Tell whether pip's settings replace the index, or add one of the network."""
    if settings.get("index-url") or is_true(settings.get("no-index", "")):
        return True
    return "http" in settings.get("extra-index-url", "")


def keep_own_programs_out() -> None:
    """Let tox-uv put uv alone on the commands' PATH, and not the folder of this tool's own programs in which it is.

    A test that looks for mypy, pytest or python there would find the tool's, on hosts that have tox-uv.
    """
    if not _is_uv_registered():
        return
    from tox_uv._venv import UvVenv

    plain = UvVenv.prepend_env_var_path
    if hasattr(plain, "__wrapped__"):
        return

    @wraps(plain)
    def prepend_env_var_path(self: Any) -> list[Path]:
        uv, known = Path(self.uv), os.environ.get("PATH", "").split(os.pathsep)
        local = uv.parent
        return [
            _link_program_alone(self.venv_dir, uv) if path == local and str(local) not in known else path
            for path in plain(self)
        ]

    UvVenv.prepend_env_var_path = prepend_env_var_path  # type: ignore[method-assign]


def _link_program_alone(env: Path, program: Path) -> Path:
    folder = env / "uv-alone"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / program.name
    if not link.is_symlink() or link.readlink() != program:
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    return folder


_chosen: dict[str, tuple[str, str]] = {}


def honour_chosen_python(overlay: Overlay) -> None:
    """Make tox-uv use the interpreter that was chosen by its path, and build anew when it becomes another.

    It reads a version out of the environment's name and takes the first such Python of PATH, so it could take another
    one than the plan's. The proof inside the environment would find that, this prevents it.
    """
    from tox_uv._venv import UvVenv

    _chosen[overlay.name] = (overlay.python, overlay.python_version)
    plain, cache = UvVenv._get_python, UvVenv.python_cache
    if hasattr(plain, "__wrapped__"):
        return

    @wraps(plain)
    def _get_python(self: Any, base_python: list[str]) -> Any:
        result = plain(self, base_python)
        if result is None or self.conf.name not in _chosen:
            return result
        return replace(result, extra={**result.extra, "executable": _chosen[self.conf.name][0]})

    @wraps(cache)
    def python_cache(self: Any) -> dict[str, Any]:
        matches: dict[str, Any] = cache(self)
        return matches | ({"chosen": list(_chosen[self.conf.name])} if self.conf.name in _chosen else {})

    UvVenv._get_python = _get_python  # type: ignore[method-assign]
    UvVenv.python_cache = python_cache  # type: ignore[method-assign]
