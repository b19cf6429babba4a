"""What may be written in a profile file and in capabilities.toml: the structs are the source of validation and of the
JSON Schema.
"""

import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from envmatrix.util.json import schema as json_schema

Text = Annotated[str, Meta(min_length=1)]
Texts = tuple[Text, ...]
Values = Annotated[tuple[Text, ...], Meta(min_length=1)]
Point = Annotated[dict[str, Text], Meta(min_length=1)]


class SkipEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A skip that is known and accepted until a date."""

    match: Annotated[Text, Meta(description="Regular expression, searched in the reason of the skip.")]
    owner: Annotated[Text, Meta(description="Who answers for it.")]
    expires: Annotated[datetime.date, Meta(description="The day from which on it counts as an unexpected skip.")]
    tests: Annotated[Texts, Meta(description="Glob patterns of test ids that it is narrowed to.")] = ()


class FlakyEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tests that are known to fail now and then, accepted until a date where they pass when they are run again."""

    tests: Annotated[Values, Meta(description="Glob patterns of test ids.")]
    owner: Annotated[Text, Meta(description="Who answers for it.")]
    expires: Annotated[
        datetime.date, Meta(description="The day from which on a test that failed and then passed fails its cell.")
    ]


class RelevantTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which changes need the profile."""

    paths: Annotated[Texts, Meta(description="Glob patterns; a change that touches none of them needs no run.")] = ()


class GateTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gate asks of the profile."""

    required: Annotated[bool, Meta(description="The gate needs evidence of every cell of this profile.")] = False
    min_tests: Annotated[int, Meta(ge=0, description="Fewer executed tests than this are a breach.")] = 1
    expect: Annotated[Texts, Meta(description="Names of hosts, or patterns, that have to report.")] = ()


class ProfileFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An environment to test in: its axes, what it requires of a host, and what must run in it."""

    description: Annotated[str, Meta(description="One sentence for lists.")] = ""
    extends: Annotated[
        Text | Texts,
        Meta(description='Profiles to stand on, merged left to right, or an environment of the project: "tox:NAME".'),
    ] = ()
    requires: Annotated[
        Texts,
        Meta(description="Capabilities of the host, with PEP 440 specifiers and PEP 508 markers. Adds to inherited."),
    ] = ()
    services: Annotated[
        Texts, Meta(description='Daemons to run around the commands, such as "mysql". Adds to inherited.')
    ] = ()
    service_env: Annotated[
        dict[str, str],
        Meta(description='Variables for the commands, by name, with templates such as "{mysql.url}".'),
    ] = {}
    must_run: Annotated[Texts, Meta(description="Glob patterns of test ids that have to execute. Adds.")] = ()
    results: Annotated[
        Text | Texts, Meta(description="Glob patterns of JUnit XML files that the commands write. Adds.")
    ] = ()
    unexpected_skips: Annotated[
        Literal["report", "refuse"], Meta(description="Whether skips that nothing explains are a breach.")
    ] = "report"
    unused: Annotated[
        Literal["refuse", "allow"],
        Meta(description="Whether a required capability that no test used is a breach."),
    ] = "refuse"
    timeout_s: Annotated[
        Annotated[float, Meta(gt=0)] | msgspec.UnsetType, Meta(description="Seconds that one cell may take.")
    ] = msgspec.UNSET
    axes: Annotated[
        dict[str, Values],
        Meta(description='Dimensions: "python" holds versions, the values of all others reach tox as factors.'),
    ] = {}
    exclude: Annotated[tuple[Point, ...], Meta(description="Points of the product that are left out.")] = ()
    include: Annotated[tuple[Point, ...], Meta(description="Points beside the product.")] = ()
    env: Annotated[
        dict[str, Any],
        Meta(
            description="tox settings in tox's own TOML, laid over the project's: a plain value replaces, "
            "{ append = [...] } adds."
        ),
    ] = {}
    skips: Annotated[tuple[SkipEntry, ...], Meta(description="Known and accepted skips.")] = ()
    flaky: Annotated[
        tuple[FlakyEntry, ...], Meta(description="Known and accepted flaky tests: failed, then passed when run again.")
    ] = ()
    relevant: Annotated[RelevantTable, Meta(description="Which changes need the profile.")] = RelevantTable()
    gate: Annotated[GateTable, Meta(description="What the gate asks of the profile.")] = GateTable()


class CapabilityTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named fact that a host may have, and how it is found out. One table per capability, named by it."""

    module: Annotated[str, Meta(description="Python module to import.")] = ""
    distribution: Annotated[str, Meta(description="Distribution whose metadata gives the module's version.")] = ""
    version: Annotated[
        str, Meta(description='Expression in the module, or arguments of the program, such as "--version".')
    ] = ""
    program: Annotated[str, Meta(description="Program to find and to start.")] = ""
    service: Annotated[str, Meta(description="Protocol to connect with.")] = ""
    device: Annotated[str, Meta(description="Device file to open.")] = ""
    env: Annotated[str, Meta(description="Environment variable that has to be set.")] = ""
    check: Annotated[str | Texts, Meta(description="A Python snippet, or a command as a list.")] = ""
    probe: Annotated[str, Meta(description="Name of a probe: sysctl, locale, network, or a third party's.")] = ""
    value: Annotated[str, Meta(description='What the probe is asked about, such as "vm.swappiness=1".')] = ""
    url: Annotated[str, Meta(description="Where the service is, or what the module opens.")] = ""
    timeout_s: Annotated[float, Meta(gt=0, description="Seconds that the probe may take.")] = 10.0
    exclusive: Annotated[bool, Meta(description="Only one cell at a time may use it.")] = False
    packages: Annotated[
        dict[str, Text | Texts], Meta(description="What to install, by installer: apt, dnf, pacman, brew, pip.")
    ] = {}
    skip_reasons: Annotated[Texts, Meta(description="Regular expressions of skip reasons that are about it.")] = ()


PROBES = ("module", "program", "service", "device", "env", "check", "probe")
_TYPES: dict[str, Any] = {"profile": ProfileFile, "capabilities": dict[str, CapabilityTable]}
_TITLES = {"profile": "envmatrix profile", "capabilities": "envmatrix capabilities"}


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file: "profile" or "capabilities". Raises KeyError."""
    document = json_schema(_TYPES[name])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": _TITLES[name], **document}
