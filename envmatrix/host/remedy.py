"""What to install: per finding, and one command line per package manager for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host import bindep
from envmatrix.host.capabilities import find
from envmatrix.host.model import Finding, Interpreter
from envmatrix.host.platforms import installer

COMMANDS: Mapping[str, str] = {
    "apt": "apt-get install",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "brew": "brew install",
    "pip": "python -m pip install",
}

# Packages that provide the same thing: where a project's bindep.txt names one of them, that one is meant.
_SAME: Mapping[str, re.Pattern[str]] = {
    "mysql": re.compile(r"(default-)?(mysql|mariadb)(-(community-)?server)?(-core)?(-[\d.]+)?"),
    "postgresql": re.compile(r"postgresql(-server)?(-?[\d.]+)?"),
    "redis": re.compile(r"(redis|valkey)(-server)?"),
    "libvirt": re.compile(r"(python3?-libvirt|libvirt-python3?)"),
    "zookeeper": re.compile(r"zookeeper(d|-server)?"),
    "etcd": re.compile(r"etcd(-server)?"),
}


def packages(capability: Capability, manager: str, named: Iterable[str] = ()) -> tuple[str, ...]:
    """The packages that give a capability, as the project's bindep.txt calls them (``named``) where it does."""
    known = capability.packages.get(manager, ())
    same = _SAME.get(capability.name)
    meant = tuple(sorted({name for name in named if same and same.fullmatch(name)}))
    return meant if known and meant else known


def install_hint(capability: Capability, environ: Mapping[str, str]) -> str:
    """The sentence that says how this host's installer gets the capability; "" where it has no package for it."""
    manager = installer(environ)
    names = packages(capability, manager)
    return f"Install it: {COMMANDS[manager]} {' '.join(names)}." if names else ""


def pip_hint(capability: Capability, interpreter: Interpreter) -> str:
    """The sentence that says how pip gets the capability into an interpreter; "" where it is on no package index."""
    names = capability.packages.get("pip", ())
    return f"Install it: {interpreter.path} -m pip install {' '.join(names)}." if names else ""


def remedies(
    findings: Iterable[Finding], capabilities: Mapping[str, Capability], project_root: str | Path | None = None
) -> dict[str, str]:
    """One command line per package manager that installs everything which the findings show absent.

    What is broken, or installed and not running, is not installed again; its finding says what to do. pip is named
    only for what no system package of the others gives. The keys are sorted; ``host.platforms.installer`` says which
    one is this host's.

    :param project_root: the folder whose bindep.txt is asked for the packages' names
    """
    missing = sorted({finding.capability for finding in findings if _lacks(finding)})
    wanted = [capability for name in missing if (capability := find(name, capabilities))]
    commands = {}
    for manager in sorted(COMMANDS):
        named = bindep.packages(project_root, manager) if project_root else ()
        names = {name for one in wanted if _by(one, manager) for name in packages(one, manager, named)}
        if names:
            commands[manager] = f"{COMMANDS[manager]} {' '.join(sorted(names))}"
    return commands


def _lacks(finding: Finding) -> bool:
    return finding.status == "absent" and not finding.installed


def _by(capability: Capability, manager: str) -> bool:
    return manager != "pip" or not (capability.packages.keys() - {"pip"})
