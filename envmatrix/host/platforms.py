"""Which operating system this is, and which installer it has. Read from /etc/os-release once."""

from __future__ import annotations

import functools
import platform
import shutil
import sys
from collections.abc import Mapping

# os-release IDs and ID_LIKE words of the distributions that use an installer (freedesktop.org, os-release(5)).
_INSTALLERS: Mapping[str, str] = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "arch": "pacman",
}


@functools.cache
def os_release() -> Mapping[str, str]:
    """/etc/os-release as a mapping; empty where there is none, as on macOS."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def installer(environ: Mapping[str, str]) -> str:
    """The installer of this host: apt, dnf, pacman or brew; "" where it is none of them."""
    if sys.platform == "darwin":
        return "brew"
    release = os_release()
    for word in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        if word in _INSTALLERS:
            return _INSTALLERS[word]
    return "brew" if shutil.which("brew", path=environ.get("PATH")) else ""
