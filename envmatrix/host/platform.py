"""Which operating system this is, and which installer it has. Read from /etc/os-release once.

What identifies this host in evidence.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from envmatrix.host.model import HostFacts

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


def host_facts(environ: Mapping[str, str]) -> HostFacts:
    """The facts of this host; ``ENVMATRIX_HOST`` names it where it should not be called by its host name."""
    return HostFacts(
        name=environ.get("ENVMATRIX_HOST") or socket.gethostname(),
        system=platform.system(),
        release=platform.release(),
        distribution=_distribution(),
        machine=platform.machine(),
        cpus=cpus(),
        memory_mb=memory_mb(),
        user=_user(environ),
        id="" if environ.get("ENVMATRIX_HOST") else _machine_id(),
    )


def cpus() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> int:
    """The machine's memory in MiB, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (ValueError, OSError):
        return 0


def _machine_id() -> str:
    """Return a word for this machine: what its system calls it is not to be told as it is, says machine-id(5)."""
    for place in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with contextlib.suppress(OSError):
            if facts := Path(place).read_bytes().strip():
                return hashlib.sha256(b"envmatrix " + facts).hexdigest()[:12]
    return ""


def _distribution() -> str:
    release = os_release()
    if release:
        return f"{release.get('ID', 'linux')} {release.get('VERSION_ID', '')}".strip()
    version = platform.mac_ver()[0]
    return f"macos {version}" if version else platform.system().lower()


def _user(environ: Mapping[str, str]) -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's arbitrary user id
        return environ.get("USER", str(os.geteuid()))
