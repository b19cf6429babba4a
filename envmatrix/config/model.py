"""The values that configuration is turned into: profiles, cells, capabilities. All frozen, all serialisable."""

from __future__ import annotations

import datetime
from typing import Any, Literal

import msgspec


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What the profiles of one inheritance chain make of one tox key.

    ``replace`` stands instead of the project's own value when ``replaces`` is true; each of ``appends`` is then added,
    in order. ``source`` is ``file:line`` of the last profile that spoke, for ``explain``.
    """

    key: str
    replaces: bool = False
    replace: Any = None
    appends: tuple[Any, ...] = ()
    source: str = ""


class SkipRule(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[skips]]`` entry: skips known and accepted. ``match`` is a regular expression searched in the reason.

    ``tests`` narrows it to test ids (glob patterns, empty: every test). From ``expires`` on it counts no more.
    """

    match: str
    owner: str
    expires: datetime.date
    tests: tuple[str, ...] = ()


class FlakyRule(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[flaky]]`` entry: tests (glob patterns of ids) that may fail and then pass when they are run again.

    From ``expires`` on it counts no more.
    """

    tests: tuple[str, ...]
    owner: str
    expires: datetime.date


class Relevant(msgspec.Struct, frozen=True, kw_only=True):
    """``[relevant]``: glob patterns of paths; a change that touches none of them does not need the profile."""

    paths: tuple[str, ...] = ()


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """``[gate]``: what the gate asks of the profile. ``expect`` names hosts that have to report."""

    required: bool = False
    min_tests: int = 1
    expect: tuple[str, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One profile after inheritance.

    ``origin`` is what a user is told (``profiles/libvirt.toml``, ``built-in profile 'full'``, ``tox environment
    'py311'``); ``tox_env`` is the project's own environment that it stands on, "" for the project's base environment.
    ``sources`` maps a dotted key to ``file:line`` of where its value was written.
    """

    name: str
    origin: str
    description: str = ""
    tox_env: str = ""
    requires: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    service_env: dict[str, str] = {}  # environment variable -> template such as "{mysql.url}"
    must_run: tuple[str, ...] = ()
    results: tuple[str, ...] = ()  # glob patterns of JUnit XML files that the commands write
    axes: dict[str, tuple[str, ...]] = {}
    exclude: tuple[dict[str, str], ...] = ()
    include: tuple[dict[str, str], ...] = ()
    env: dict[str, Setting] = {}
    skips: tuple[SkipRule, ...] = ()
    flaky: tuple[FlakyRule, ...] = ()
    unexpected_skips: Literal["report", "refuse"] = "report"
    unused: Literal["refuse", "allow"] = "refuse"
    timeout_s: float | None = None
    relevant: Relevant = Relevant()
    gate: Gate = Gate()
    sources: dict[str, str] = {}

    @property
    def base_python(self) -> tuple[str, ...]:
        """The interpreters that the profile's own settings ask for, in order of preference; () where they do not."""
        for key in ("base_python", "basepython"):
            if key in self.env and self.env[key].replaces:
                value = self.env[key].replace
                return tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str) else ()
        return ()

    @property
    def system_site_packages(self) -> bool | None:
        """What the profile says of system site-packages; None where it leaves that to the project."""
        for key in ("system_site_packages", "sitepackages"):
            if key in self.env and self.env[key].replaces:
                return bool(self.env[key].replace)
        return None


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a profile's product: one tox environment, named ``name``.

    ``python`` is the version that the cell is pinned to ("3.11"), "" where any Python of the host will do, or one of
    those that ``base_python`` names;
    ``requires`` are those of the profile whose markers may still depend on the interpreter.
    """

    name: str
    profile: str
    axes: dict[str, str] = {}
    python: str = ""
    base_python: tuple[str, ...] = ()
    tox_env: str = ""
    requires: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    system_site_packages: bool | None = None


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """A capability that a project declares in profiles/capabilities.toml, or a built-in one in the same words.

    Exactly one of ``module``, ``program``, ``service``, ``device``, ``env``, ``check`` and ``probe`` says how it is
    probed; ``probe`` names one of the host room's (sysctl, locale, timezone, pkg-config, network…) or a third party's,
    and ``value`` is what it is asked about ("vm.overcommit_memory=1", "de_DE.UTF-8").
    ``packages`` maps an installer (apt, dnf, pacman, brew, pip) to package names. ``skip_reasons`` are regular
    expressions: a skip whose reason one of them finds is about this capability.
    """

    name: str
    origin: str = ""
    module: str = ""
    distribution: str = ""  # the distribution whose metadata gives the version, where the module does not
    version: str = ""  # an expression in the module ("libvirt.getVersion()") or arguments of the program ("--version")
    program: str = ""
    service: str = ""
    device: str = ""
    env: str = ""
    check: str | tuple[str, ...] = ""  # a Python snippet, or a command as a list
    probe: str = ""
    value: str = ""
    url: str = ""  # where a service is, or what libvirt opens
    timeout_s: float = 10.0
    exclusive: bool = False
    packages: dict[str, tuple[str, ...]] = {}
    skip_reasons: tuple[str, ...] = ()


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """What a project folder says of itself, read without tox.

    ``tox_file`` is the file that tox would read, relative to ``root`` ("" where there is none); ``requires_python`` is
    the project's own specifier ("" where it states none); ``base_python`` what its base tox environment asks for.
    """

    root: str
    tox_file: str = ""
    requires_python: str = ""
    base_python: tuple[str, ...] = ()


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that configuration says, expanded: the answer of ``config.load``."""

    project: Project
    profiles: dict[str, Profile]
    capabilities: dict[str, Capability]
    cells: tuple[Cell, ...]
    digest: str  # "sha256:…" over profiles, axes and the tox settings that matter: the same on every host
