"""What a profile file must keep to beyond its shape: one function per key, each yields paths and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from envmatrix.config import tox_settings
from envmatrix.config.capabilities import python_of
from envmatrix.config.inheritance import TOX, is_env_name, texts
from envmatrix.config.model import Capability
from envmatrix.config.schema import ProfileFile
from envmatrix.config.tox import python_versions
from envmatrix.util.text import hint, nearest, quoted
from envmatrix.util.toml import KeyPath

Fault = tuple[KeyPath, str]

_FACTOR = re.compile(r"[A-Za-z0-9_.]+")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*(?:-[A-Za-z0-9_.]+)*")
IDENTIFIER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508's identifier
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DECLARE = "declare it in profiles/capabilities.toml"


def name_fault(name: str) -> str:
    """Return what is wrong with a profile's name, "" where it can begin the names of tox environments."""
    if name == "ALL":
        return "tox takes 'ALL' for every environment; rename the file"
    if not _NAME.fullmatch(name):
        return f"{name!r} cannot begin the name of a tox environment; rename the file to letters, digits, '_', '.', '-'"
    part = next((part for part in name.split("-") if python_versions.claimed(part)), "")
    if part:
        return f"tox would take {part!r} in this name for a Python; rename the file and use [axes] python instead"
    return ""


def faults(file: ProfileFile, capabilities: Mapping[str, Capability]) -> Iterator[Fault]:
    """Yield what is wrong in one file by itself."""
    known = tuple(capabilities)
    for number, text in enumerate(file.requires):
        if message := requirement_fault(text, known):
            yield ("requires", number), message
    for number, name in enumerate(file.services):
        if message := _service_fault(name, capabilities):
            yield ("services", number), message
    yield from _tox_envs(file)
    yield from _axes(file)
    for number, entry in enumerate(file.skips):
        if message := pattern_fault(entry.match):
            yield ("skips", number, "match"), message
    for name in file.service_env:
        if not _VARIABLE.fullmatch(name):
            yield ("service_env", name), f"{name!r} is no name of an environment variable"
    yield from tox_settings.faults(file.env)


def _service_fault(name: str, capabilities: Mapping[str, Capability]) -> str:
    services = [known for known, capability in capabilities.items() if capability.service]
    if name in services:
        return ""
    if name in capabilities:
        return f"{name!r} is no service that could be started; put it into requires"
    return f"no service is called {name!r}{hint(name, services, otherwise=f'services: {quoted(services)}')}"


def _tox_envs(file: ProfileFile) -> Iterator[Fault]:
    for number, word in enumerate(texts(file.extends)):
        if word.startswith(TOX) and not is_env_name(word.removeprefix(TOX)):
            path: KeyPath = ("extends",) if isinstance(file.extends, str) else ("extends", number)
            yield path, f'{word!r} names no tox environment; write it like "tox:py311-mysql"'


def requirement_fault(text: str, known: Iterable[str]) -> str:
    """Return what is wrong with an entry of ``requires``, "" where nothing is."""
    if IDENTIFIER.fullmatch(text):
        return capability_fault(text, known)  # what most of them are, and worth no import
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return f'{text!r} is no requirement; write a capability with versions and markers, like "libvirt>=9"'
    if requirement.url or requirement.extras:
        return f"{text!r} has an extra or a URL, which a capability cannot have; name the capability alone"
    if requirement.marker and "extra" in str(requirement.marker):
        return f"{text!r} has a marker on an extra, which never holds for a host; use another marker"
    return capability_fault(requirement.name, known)


def capability_fault(name: str, known: Iterable[str]) -> str:
    """Return what to do about a capability that nobody knows, "" where it is known."""
    if name in known or python_of(name):
        return ""
    near = nearest(name, known)
    return f"no capability is called {name!r}; {f'did you mean {near!r}? Else ' if near else ''}{DECLARE}"


def pattern_fault(pattern: str) -> str:
    """Return what is wrong with a regular expression, "" where it compiles."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}"
    return ""


def _axes(file: ProfileFile) -> Iterator[Fault]:
    for axis, values in file.axes.items():
        if not _FACTOR.fullmatch(axis):
            yield ("axes", axis), "cannot name an axis; use letters, digits and '_'"
            continue
        if axis != "python" and (axis in ("py", "pythons") or nearest(axis, ("python",), cutoff=0.8)):
            yield ("axes", axis), "is no axis of versions; did you mean 'python'?"
            continue
        for number, value in enumerate(values):
            message = "is written twice; drop one of the two" if value in values[:number] else _value_fault(axis, value)
            if message:
                yield ("axes", axis, number), f"{value!r} {message}"


def _value_fault(axis: str, value: str) -> str:
    if axis == "python":
        return "" if python_versions.is_version(value) else f"is no Python version; {python_versions.HOW}"
    if not _FACTOR.fullmatch(value):
        return "cannot be a tox factor; use letters, digits, '_' and '.'"
    if python_versions.claimed(value):
        return f"would be taken for a Python by tox; put Pythons into axes.python, or write '{axis}{value}'"
    return ""
