"""A project's bindep.txt: which system packages it names for a platform.

Only names and platform selectors matter here, and those are two lines of grammar (docs.opendev.org/opendev/bindep); the
bindep package would bring a parser generator into every start of the tool.

What to install: per finding, and one command line per package manager for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from envmatrix.config.capabilities import find
from envmatrix.config.model import Capability
from envmatrix.host.model import Finding, Interpreter
from envmatrix.host.platform import installer, os_release
from envmatrix.host.protocols.servers import SERVERS, Server, url_variable

_LINE = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9+._:-]*)\s*(\[(?P<selectors>[^]]*)\])?")
_FAMILIES = {
    "apt": {"dpkg", "debian"},
    "dnf": {"rpm", "redhat", "fedora"},
    "pacman": {"pacman", "arch"},
    "brew": {"brew", "darwin"},
}


def packages(project_root: str | Path, manager: str) -> tuple[str, ...]:
    """The packages that <project_root>/bindep.txt names for the platforms of an installer, in any profile; sorted."""
    try:
        text = (Path(project_root) / "bindep.txt").read_text("utf-8", "replace")
    except OSError:
        return ()
    return parse(text, platforms(manager))


def platforms(manager: str) -> set[str]:
    """bindep's platform words for an installer; on a host that has it, with the distribution's own."""
    words = set(_FAMILIES.get(manager, set()))
    local = {os_release().get("ID", ""), *os_release().get("ID_LIKE", "").split()} - {""}
    if local & words or (manager == "apt" and "ubuntu" in local):
        return (words | local) - ({"debian"} if os_release().get("ID") == "ubuntu" else set())
    return words


def parse(text: str, on: set[str]) -> tuple[str, ...]:
    """The names of a bindep.txt whose platform selectors admit one of the words of ``on``; sorted, each once."""
    names = set()
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match and _admits((match["selectors"] or "").split(), on):
            names.add(match["name"])
    return tuple(sorted(names))


def _admits(selectors: list[str], on: set[str]) -> bool:
    requested = [word.strip("()") for word in selectors if "platform:" in word]
    expected = {word.removeprefix("platform:") for word in requested if not word.startswith("!")}
    refused = {word.removeprefix("!platform:") for word in requested if word.startswith("!")}
    return not (refused & on) and (not expected or bool(expected & on))


COMMANDS: Mapping[str, str] = {
    "apt": "apt-get install",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "brew": "brew install",
    "pip": "python -m pip install",
}

# Packages that provide the same thing: where a project's bindep.txt names one of them, that one is meant.
_SAME_AS_LIBVIRT = r"(python3?-libvirt|libvirt-python3?)"


def packages_remedy(capability: Capability, manager: str, named: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the packages that provide a capability, as the project's bindep.txt calls them (``named``) where it does.

    Those of a server are in its record, where the capability names none.
    """
    server = _server_of(capability)
    known = capability.packages.get(manager, ())
    if server is not None and not capability.packages:
        known = server.packages.get(manager, ())
    same = server.same_packages if server is not None else _SAME_AS_LIBVIRT if capability.name == "libvirt" else ""
    meant = tuple(sorted({name for name in named if same and re.fullmatch(same, name)}))
    return meant if known and meant else known


def _server_of(capability: Capability) -> Server | None:
    """Return the record of a capability's server; a run starts a service by the capability's own name."""
    if not capability.service:
        return None
    return SERVERS.get(capability.name) or SERVERS.get(capability.service)


def install_hint(capability: Capability, environ: Mapping[str, str]) -> str:
    """Return the sentence that says how this host's installer gets the capability; "" where it has no package."""
    manager = installer(environ)
    names = packages_remedy(capability, manager)
    return f"Install it: {COMMANDS[manager]} {' '.join(names)}." if names else ""


def server_hint(capability: Capability, environ: Mapping[str, str]) -> str:
    """Return the sentences that say how a service gets its server: by an installation, or by a URL."""
    install, point = install_hint(capability, environ), url_hint(capability.name)
    return f"{install} Or p{point[1:]}" if install else point


def url_hint(name: str) -> str:
    """Return the sentence that says how a user points to a server of their own."""
    return f"Point {url_variable(name)} to a server."


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
    target = [capability for name in missing if (capability := find(name, capabilities))]
    commands = {}
    for manager in sorted(COMMANDS):
        named = packages(project_root, manager) if project_root else ()
        names = {name for item in target if _by(item, manager) for name in packages_remedy(item, manager, named)}
        if names:
            commands[manager] = f"{COMMANDS[manager]} {' '.join(sorted(names))}"
    return commands


def _lacks(finding: Finding) -> bool:
    return finding.status == "absent" and not finding.installed


def _by(capability: Capability, manager: str) -> bool:
    return manager != "pip" or not (capability.packages.keys() - {"pip"})
