"""What a profile must keep to after inheritance: parts that are fine alone and not together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from envmatrix.config import cells
from envmatrix.config.checks import Fault
from envmatrix.config.inheritance import Layer
from envmatrix.config.model import Profile, Setting
from envmatrix.config.tox import file, python_versions
from envmatrix.config.tox.file import ToxFile
from envmatrix.util.text import hint, nearest, quoted

MOST_CELLS = 100_000
_TEMPLATE = re.compile(r"\{([A-Za-z0-9_.-]*?)\.[A-Za-z_]\w*\}")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked: a profile, the file that it was written in, and the project's tox file with its words."""

    profile: Profile
    layer: Layer
    tox: ToxFile | None
    words: frozenset[str] = frozenset()
    factors: frozenset[str] = frozenset()


def faults(subject: Subject) -> Iterator[Fault]:
    """Yield what is wrong with a profile as a whole, at the keys of its own file."""
    for check in _CHECKS:
        yield from check(subject)


def _points(subject: Subject) -> Iterator[Fault]:
    """Entries of this file's exclude and include have to name axes, and excludes their values."""
    axes = subject.profile.axes
    for key in ("exclude", "include"):
        for number, point in enumerate(getattr(subject.layer.file, key)):
            for axis, value in point.items():
                path = (key, number, axis)
                if axis not in axes:
                    yield path, f"no axis is called {axis!r}{hint(axis, axes, otherwise=f'axes: {quoted(axes)}')}"
                elif key == "exclude" and value not in axes[axis]:
                    yield path, f"{value!r} is no value of this axis{hint(value, axes[axis])}"
                elif key == "include" and (message := _include_fault(axis, value)):
                    yield path, message


def _include_fault(axis: str, value: str) -> str:
    if axis == "python":
        return "" if python_versions.is_version(value) else f"{value!r} is no Python version; {python_versions.HOW}"
    if not re.fullmatch(r"[A-Za-z0-9_.]+", value) or python_versions.claimed(value):
        return f"{value!r} cannot be a tox factor; use letters, digits, '_' and '.', and no Python's name"
    return ""


def _clashes(subject: Subject) -> Iterator[Fault]:
    """Two meanings of one factor: tox could not tell them apart."""
    profile = subject.profile
    owner = dict.fromkeys(profile.name.split("-"), "part of the profile's name")
    owner.update(dict.fromkeys(profile.tox_env.split("-") if profile.tox_env else (), "part of its tox environment"))
    for axis, values in profile.axes.items():
        if axis == "python":
            continue
        for number, value in enumerate(values):
            if value in owner:
                yield ("axes", axis, number), f"{value!r} is {owner[value]} too, and tox could not tell the two apart"
        owner.update(dict.fromkeys(values, f"a value of axis {axis!r}"))


def _python(subject: Subject) -> Iterator[Fault]:
    env = subject.profile.tox_env
    if "python" in subject.profile.axes and subject.profile.base_python:
        path = ("env", "base_python" if "base_python" in subject.profile.env else "basepython")
        yield path, "the profile has an axis 'python', which says the same; drop one of the two"
    for item in subject.profile.base_python:
        if not isinstance(item, str) or "{" in item:
            message = "has to be plain text here, since the interpreter is chosen before tox is asked"
            yield ("env", "base_python"), message
    if env and "python" in subject.profile.axes and python_versions.pinned_in(env)[1]:
        yield ("axes", "python"), f"tox environment {env!r} names a Python already; drop the axis or extend another one"


def _amount(subject: Subject) -> Iterator[Fault]:
    """A profile without a cell promises nothing, one with too many cannot be meant."""
    profile = subject.profile
    if (count := cells.size(profile)) > MOST_CELLS:
        yield ("axes",), f"gives {count} cells, more than {MOST_CELLS}; split the profile"
    elif next(cells.cells_of(profile), None) is None:
        yield ("exclude",), "leaves no cell of this profile; exclude less, or include a cell"
    else:
        yield from _same_names(profile)


def _same_names(profile: Profile) -> Iterator[Fault]:
    seen: dict[str, dict[str, str]] = {}
    for number, point in enumerate(profile.include):
        axes = {name: point[name] for name in profile.axes if name in point}
        cell = cells.cell_at(profile, axes)
        other = seen.setdefault(cell.name, axes)
        if other != axes:
            yield ("include", number), f"gives a second cell called {cell.name!r}; name all of its axes"


def _service_env(subject: Subject) -> Iterator[Fault]:
    services = subject.profile.services
    if "services" in subject.layer.document.data and "services" not in subject.layer.keys:
        return  # reported already
    for name, template in subject.profile.service_env.items():
        for result in _TEMPLATE.finditer(template):
            if result[1] not in services:
                message = f"{result[0]} names no service of this profile"
                yield (
                    ("service_env", name),
                    message + hint(result[1], services, otherwise=f"services: {quoted(services)}"),
                )


def _factors(subject: Subject) -> Iterator[Fault]:
    """A value that tox's file does not know, but nearly: its conditions would silently not apply."""
    if not subject.tox:
        return
    written = file.words_of([_plain(setting) for setting in subject.profile.env.values()])
    for axis, values in subject.layer.file.axes.items():
        for number, value in enumerate(values if axis != "python" else ()):
            if value in subject.words or value in written:
                continue
            if near := _misspelt(value, subject.factors):
                message = f"{subject.tox.name} uses no factor {value!r}; did you mean {near!r}?"
                yield ("axes", axis, number), message


def misspelt_env(env: str, words: frozenset[str], factors: frozenset[str]) -> str:
    """Return a sentence about a tox environment's name that holds a factor nearly as the tox file has it, or ""."""
    for factor in env.split("-"):
        if factor not in words and not python_versions.claimed(factor) and (near := _misspelt(factor, factors)):
            return f"no tox environment uses the factor {factor!r}; did you mean {near!r}?"
    return ""


def _misspelt(word: str, factors: frozenset[str]) -> str:
    """Return the factor that ``word`` nearly is; numbers apart, since django42 and django52 are two on purpose."""
    near = nearest(word, factors, cutoff=0.8) if word not in factors else ""
    return near if re.sub(r"[\d.]", "", near) != re.sub(r"[\d.]", "", word) else ""


def _tox_env(subject: Subject) -> Iterator[Fault]:
    env = subject.profile.tox_env
    if env and "extends" in subject.layer.keys and (message := misspelt_env(env, subject.words, subject.factors)):
        yield ("extends",), message


def _gate(subject: Subject) -> Iterator[Fault]:
    """What the gate requires must be able to fail."""
    env = subject.profile.env
    if not subject.profile.gate.required:
        return
    ignored = env.get("ignore_outcome")
    if ignored and ignored.replaces and ignored.replace is True:
        message = "a required profile must be able to fail; drop this, or gate.required"
        yield ("env", "ignore_outcome"), message + _from(subject, ignored)
    commands = env.get("commands", Setting(key="commands"))
    for command in _commands(commands):
        if command and command[0][:1] in ("-", "!"):
            shown = " ".join(command)
            message = f"{shown!r} cannot fail as written; drop the leading {command[0][0]!r}, or gate.required"
            yield ("env", "commands"), message + _from(subject, commands)


def _from(subject: Subject, setting: Setting) -> str:
    """Return where an inherited setting was written, "" for one of this file."""
    inherited = not setting.source.startswith(subject.layer.document.label)
    return f" (inherited from {setting.source})" if inherited else ""


def _commands(setting: Setting) -> Iterator[list[str]]:
    for part in (setting.replace, *setting.appends):
        for command in part if isinstance(part, list) else ():
            if isinstance(command, list) and all(isinstance(word, str) for word in command):
                yield command


def _plain(setting: Setting) -> Any:
    return [setting.replace, *setting.appends]


_CHECKS: tuple[Callable[[Subject], Iterator[Fault]], ...] = (
    _points,
    _clashes,
    _python,
    _amount,
    _service_env,
    _factors,
    _tox_env,
    _gate,
)
