"""What is installed beside tox: cheap to look at, and different whenever tox could answer differently.

What must not reach an isolated environment from the caller's own; apart, so that no tox is imported for the list.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from envmatrix import __version__
from envmatrix.vcs.git import LOCAL_VARIABLES


@functools.cache
def describe_installation() -> list[object]:
    """Return what changes when something is installed beside tox, or envmatrix itself is edited.

    As it was when first asked: what this process and its helper have loaded stays what it is.
    """
    result: list[object] = [__version__, sys.version, sys.prefix]
    for entry in sys.path:
        with contextlib.suppress(OSError):
            result.append((entry, Path(entry).stat().st_mtime_ns))
    for directory, _, names in os.walk(Path(__file__).parents[2]):
        result += sorted((name, os.stat(f"{directory}/{name}").st_mtime_ns) for name in names if name.endswith(".py"))  # noqa: PTH116
    return result


# Variables that would let something of the system or of the user into an environment that is to have none of it.
LEAKS = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "VIRTUALENV_SYSTEM_SITE_PACKAGES")

# PIP_INDEX_URL and the like stay: where packages come from is the host's affair, what is importable is the profile's.
PIP_LEAKS = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_PYTHON", "PIP_NO_DEPS", "PIP_REQUIREMENT")

# Options of tox that a caller may have set for sessions of his own (tox reads TOX_NAME and TOXNAME): which file, which
# environments, whether to run the commands, which package to install. A cell says all that itself.
_OWN_SESSIONS = (
    "CONFIG_FILE",
    "ROOT_DIR",
    "ENV",
    "SKIP_ENV",
    "LABELS",
    "FACTORS",
    "NO_TEST",
    "PACKAGE_ONLY",
    "INSTALL_PKG",
    "SKIP_PKG_INSTALL",
    "DEVELOP",
)
# In a hook these mean the repository that the hook is of: a test's `git init` elsewhere would change that one. What the
# caller configures for all of git (GIT_CONFIG_COUNT, which no hook sets) stays.
_OF_HOOKS = LOCAL_VARIABLES | {"GIT_CONFIG", "GIT_CONFIG_PARAMETERS"}
_DROPPED = _OF_HOOKS | {f"{start}{name}" for name in _OWN_SESSIONS for start in ("TOX_", "TOX")}
_PLUGINS_OFF = "TOX_DISABLED_EXTERNAL_PLUGINS"


def make_tox_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's variables for a tox that runs or describes cells.

    Left out are those that name another tox file or environments, and those of a git hook; this plugin is on.
    ``TOX_OVERRIDE``, ``TOX_WORK_DIR`` and the like stay.
    """
    remaining = {name: value for name, value in environ.items() if name not in _DROPPED}
    if _PLUGINS_OFF in remaining:
        names = [name.strip() for name in remaining[_PLUGINS_OFF].split(",")]
        remaining[_PLUGINS_OFF] = ",".join(name for name in names if name != "envmatrix")
    return remaining
