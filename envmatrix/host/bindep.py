"""A project's bindep.txt: which system packages it names for a platform.

Only names and platform selectors matter here, and those are two lines of grammar (docs.opendev.org/opendev/bindep); the
bindep package would bring a parser generator into every start of the tool.
"""

from __future__ import annotations

import re
from pathlib import Path

from envmatrix.host.platforms import os_release

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
    own = {os_release().get("ID", ""), *os_release().get("ID_LIKE", "").split()} - {""}
    if own & words or (manager == "apt" and "ubuntu" in own):
        return (words | own) - ({"debian"} if os_release().get("ID") == "ubuntu" else set())
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
    asked = [word.strip("()") for word in selectors if "platform:" in word]
    wanted = {word.removeprefix("platform:") for word in asked if not word.startswith("!")}
    refused = {word.removeprefix("!platform:") for word in asked if word.startswith("!")}
    return not (refused & on) and (not wanted or bool(wanted & on))
