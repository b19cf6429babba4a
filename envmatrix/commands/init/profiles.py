"""Services that a project's own commands start, each under a factor of its tox file.

Profiles that a project's own tests ask for, as TOML files with the reasons as comments.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from packaging.requirements import Requirement

from envmatrix.commands.init.scan_tests import Skip, Suite, Variable
from envmatrix.config.load import Loaded
from envmatrix.host import remedies
from envmatrix.report.wording import make_visible
from envmatrix.util.files import read_text
from envmatrix.util.text import count
from envmatrix.verdict.skips.phrases import Phrases

_SCRIPT = re.compile(r"[\w./-]+\.sh\b")
_PROFILE = """# Proposed because {where} starts daemons itself, with pifpaf: one cell for each
# factor of {tox} that names one. Where a host lacks the daemon its cell fails; to
# have it blocked with a remedy instead, declare the daemon's program in
# profiles/capabilities.toml, and require it in a profile of its own.
description = "The tests against each service that the project's own commands start"
extends = "restricted"

[axes]
service = {services}
"""


class SelfStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The services by their factors, and the file that starts them; no services where nothing does."""

    where: str = ""
    services: tuple[str, ...] = ()


def self_started(loaded: Loaded) -> SelfStarted:
    """Return what the tox file's commands, or the scripts that it names, start with pifpaf."""
    services = tuple(sorted(name for name in loaded.factors if _is_service(loaded, name)))
    root, tox = Path(loaded.project.root), loaded.project.tox_file
    text = read_text(root / tox) if tox else ""
    scripts = sorted({item.lstrip("/") for item in _SCRIPT.findall(text)})
    where = next((name for name in (tox, *scripts) if name and "pifpaf" in read_text(root / name)), "")
    return SelfStarted(where=where, services=services) if where and services else SelfStarted()


def render_service_profile(started: SelfStarted, loaded: Loaded) -> str:
    """Return a profile with a cell for each of the services."""
    services = json.dumps(list(started.services))
    return _PROFILE.format(where=make_visible(started.where), tox=loaded.project.tox_file, services=services)


def _is_service(loaded: Loaded, name: str) -> bool:
    return name in loaded.capabilities and bool(loaded.capabilities[name].service)


MOST_REASONS = 5
MOST_PATTERNS = 8
_SERVICES = {"mysql": "mysql", "mariadb": "mysql", "postgres": "postgresql", "redis": "redis", "memcache": "memcached"}
_IMPORT = re.compile(r"(?:No module named|could not import) ['\"]([\w.]+)")
_ADDRESS = re.compile(r"(?:^|_)(?:URL|URI|DSN|CONNECTION)$|(?:DATABASE|DB)_URL|TEST_DATABASE$", re.IGNORECASE)
_OSLO_DB = "OS_TEST_DBAPI_ADMIN_CONNECTION"  # oslo.db's own, which the built-in profile sets

_UNIT = """# The whole suite with declared dependencies only: what any laptop can run.
description = "Declared dependencies only"
extends = "restricted"

# Name the versions to make them part of the matrix; without this line any Python of the host will do.
# [axes]
# python = ["3.11", "3.12"]
"""


def render_profiles(loaded: Loaded, suite: Suite) -> Iterator[tuple[str, str]]:
    """Yield what to write: a profile for what any host can run, and one for each thing that only some hosts have.

    What the project's own profiles promise already is not proposed again.
    """
    skips = _by_capability(loaded, suite)
    for name, needed in _by_requirement(loaded).items():
        skips.setdefault(name, []).append(needed)
    variables = _by_service(suite)
    promised = {Requirement(text).name for name in loaded.own for text in loaded.profiles[name].requires}
    promised |= {service for name in loaded.own for service in loaded.profiles[name].services}
    local = self_started(loaded)
    if not loaded.own:
        yield "profiles/unit.toml", _render_unit_profile(loaded, skips)
    if local.services and not promised & set(local.services):
        yield "profiles/services.toml", render_service_profile(local, loaded)
    promised |= set(local.services)  # a second daemon beside the project's own would be used by nothing
    for name in sorted(skips.keys() | variables.keys()):
        if name in loaded.capabilities and name not in promised and name not in ("git", "network", "compiler"):
            yield f"profiles/{name}.toml", _render_profile(loaded, name, skips.get(name, []), variables.get(name, []))


def _by_capability(loaded: Loaded, suite: Suite) -> dict[str, list[Skip]]:
    phrases = Phrases(loaded.capabilities)
    result: dict[str, list[Skip]] = {}
    for skip in suite.skips:
        if name := phrases.find_capability(skip.reason):
            result.setdefault(_find_own_name(name, skip.reason, loaded), []).append(skip)
    return result


def _find_own_name(name: str, reason: str, loaded: Loaded) -> str:
    """Return the capability, or the Python module or compound name that only shares its word: redis-entraid is no
    Redis, and a missing module redis is a dependency of the tests and no server.
    """
    if name not in loaded.capabilities or loaded.capabilities[name].module:
        return name
    if module := _IMPORT.search(reason):
        return f"{module[1]} (a Python module)"
    kinds = "server|daemon|service|broker|database"
    compound = re.search(rf"(?i)\b{re.escape(name)}-(?!{kinds})[a-z][\w-]*", reason)
    return compound[0] if compound else name


def _by_requirement(loaded: Loaded) -> dict[str, Skip]:
    """Return where the project depends on the binding of a capability, which an index can give to few hosts."""
    distributions = {
        capability.distribution: name for name, capability in loaded.capabilities.items() if capability.distribution
    }
    matches: dict[str, Skip] = {}
    for path in sorted(Path(loaded.project.root).glob("*requirements*.txt")):
        for number, line in enumerate(_read_lines(path), 1):
            name = re.split(r"[^A-Za-z0-9._-]", line.strip(), maxsplit=1)[0].lower().replace("_", "-")
            if name in distributions:
                reason = f"depends on {name}, which needs the system's library"
                matches.setdefault(distributions[name], Skip(file=path.name, line=number, reason=reason))
    return matches


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _by_service(suite: Suite) -> dict[str, list[Variable]]:
    entry: dict[str, list[Variable]] = {}
    for variable in suite.variables:
        named = variable.name.lower()
        words = [word for word in _SERVICES if word in named] or variable.words.split()
        if words and _ADDRESS.search(variable.name):
            entry.setdefault(_SERVICES[words[0]], []).append(variable)
    return entry


def _render_unit_profile(loaded: Loaded, skips: dict[str, list[Skip]]) -> str:
    text = _UNIT
    if loaded.project.tox_file:
        text += (
            f"\n# The environments of {loaded.project.tox_file} can be run, counted and judged as they are:\n"
            "#   envmatrix list --tox\n#   envmatrix run tox:NAME\n"
        )
    packages = remedies.packages(loaded.project.root, "apt")
    if packages:
        named = count(len(packages), "package")
        text += f"\n# bindep.txt names {named} for Debian; `envmatrix doctor` says what is missing.\n"
    unknown = sorted(skips.keys() - loaded.capabilities.keys() - sys.stdlib_module_names)
    if unknown:
        text += "\n# Tests also skip without these, which envmatrix does not know. A dependency belongs into the tox\n"
        text += "# file; anything of the host becomes a capability by a table in profiles/capabilities.toml:\n"
        text += "".join(
            f"#   {make_visible(name)}: {_describe_place(skips[name][0])}\n" for name in unknown[:MOST_PATTERNS]
        )
    return text


def _render_profile(loaded: Loaded, name: str, skips: list[Skip], variables: list[Variable]) -> str:
    lines = [f"# Proposed because of what the project says of {name}:"]
    lines += [f"#   {_describe_place(skip)}: {make_visible(skip.reason)[:90]}" for skip in skips[:MOST_REASONS]]
    lines += [
        f"#   {_describe_place(element)}: reads {make_visible(element.name)}" for element in variables[:MOST_REASONS]
    ]
    rest = len(skips[MOST_REASONS:]) + len(variables[MOST_REASONS:])
    lines += [f"#   and {count(rest, 'more place')}"] if rest else []
    factors = sorted(factor for factor in loaded.factors if name in factor)
    if factors:
        lines.append(
            f"# {loaded.project.tox_file} has settings for the factor {factors[0]}. To stand on them, extend an"
        )
        lines.append("# environment of that factor as tox:NAME; `envmatrix list --tox` names them.")
    lines.append(f'description = "The tests that need {name}"')
    lines += _render_foundation(loaded, name)
    lines += _must_run(skips)
    lines += _service_env(name, variables)
    lines += [
        "",
        "# Changes that touch nothing of this do not need the profile:",
        "# [relevant]",
        f'# paths = ["src/**/*{name}*", "tests/**"]',
    ]
    return "\n".join(lines) + "\n"


def _render_foundation(loaded: Loaded, name: str) -> list[str]:
    if name in loaded.profiles:
        return [f'extends = "{name}"  # the profile of that name which envmatrix has built in']
    if name in _SERVICES.values():
        return ['extends = "restricted"', f'services = ["{name}"]  # a private server, started for the commands']
    if loaded.capabilities[name].module:
        return ['extends = "full"  # with the system\'s Python packages', f'requires = ["{name}"]']
    return ['extends = "restricted"', f'requires = ["{name}"]']


def _must_run(skips: Iterable[Skip]) -> list[str]:
    """Return the key for the tests that were seen to skip; where only a helper skips, a comment that says so."""
    patterns = sorted({skip.pattern for skip in skips if skip.pattern})
    if len(patterns) > MOST_PATTERNS:
        patterns = sorted({f"*{pattern.split('*')[1]}*" for pattern in patterns})[:MOST_PATTERNS]
    if not patterns:
        return ['# must_run = ["*the tests that have to run here*"]  # they skip in a helper, so their names are yours']
    listed = "\n".join(f"    {json.dumps(pattern)}," for pattern in patterns)
    return [f"must_run = [  # a skip of these is a breach, here\n{listed}\n]"]


def _service_env(name: str, variables: list[Variable]) -> list[str]:
    names = sorted(
        {
            variable_value.name
            for variable_value in variables
            if variable_value.name != _OSLO_DB and variable_value.name.isidentifier()
        }
    )
    if not names or name not in _SERVICES.values():
        return []
    return ["", "[service_env]", *(f'{name_value} = "{{{name}.url}}"' for name_value in names)]


def _describe_place(found: Skip | Variable) -> str:
    return f"{make_visible(str(Path(found.file)))}:{found.line}"
