"""Says in a sentence why an environment could not be built, from the installer's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from envmatrix.config.model import Capability
from envmatrix.engine.install.pip import ABSENT
from envmatrix.evidence.model import RanReason

TAIL_LINES = 15

# What a compiler or pkg-config says when development files are missing -> the name that it misses.
_MISSING_FILES = (
    re.compile(r"Package '?([\w.+-]+)'?,? (?:required by|was not found)"),
    re.compile(r"No package '([\w.+-]+)' found"),
    re.compile(r"fatal error: ([\w./+-]+\.h\w*): No such file"),
    re.compile(r"(pkg-config)(?: is required|: (?:command )?not found| command|\b.*No such file)"),
    re.compile(r"(mysql_config|pg_config)\b.*not found"),
    re.compile(r"error: command '[^']*?((?:gcc|cc|clang|g\+\+))' failed: No such file"),
)
_UNREACHABLE = re.compile(
    r"NewConnectionError|Temporary failure in name resolution|Name or service not known|Connection refused"
    r"|ReadTimeoutError|ConnectTimeoutError|Network is unreachable|ProxyError|SSLError|Max retries exceeded"
    r"|ProtocolError|IncompleteRead|RemoteDisconnected|Connection reset by peer|incomplete-download"
    r"|\b5\d\d (?:Server Error|Bad Gateway|Service)|HTTP error (?:408|429|5\d\d)|too many \d+ error responses"
    r"|error sending request for url|dns error|operation timed out|Request failed after \d+ retr"
    r"|HTTP status (?:client|server) error \((?!404|410)\d|network was disabled"
    r"|lack of valid authentication credentials|returned a 403 Forbidden error|Credentials not correct"
    r"|^User for \S+: ",
    re.MULTILINE,
)
# What of those Debian has in which package; elsewhere they are called otherwise, and searched for by that name.
_ON_DEBIAN = {
    "Python.h": "python3-dev",
    "curl-config": "libcurl4-openssl-dev",
    "ffi.h": "libffi-dev",
    "ldap.h": "libldap-dev",
    "lber.h": "libldap-dev",
    "libmemcached/memcached.h": "libmemcached-dev",
    "libpq-fe.h": "libpq-dev",
    "libxml/xmlversion.h": "libxml2-dev",
    "libxml/xpath.h": "libxml2-dev",
    "mariadb": "libmariadb-dev",
    "mysql.h": "libmariadb-dev",
    "mysql_config": "libmariadb-dev",
    "mysqlclient": "libmariadb-dev",
    "openssl/opensslv.h": "libssl-dev",
    "openssl/ssl.h": "libssl-dev",
    "pg_config": "libpq-dev",
    "pg_config.h": "libpq-dev",
    "sasl/sasl.h": "libsasl2-dev",
    "sqlite3.h": "libsqlite3-dev",
    "xmlsec1": "libxmlsec1-dev",
    "yaml.h": "libyaml-dev",
    "zlib.h": "zlib1g-dev",
}
_NO_WHEEL = re.compile(
    r"Failed (?:to build|building wheel for) [`'\"]?([\w.-]+)|Could not build wheels? for ([\w.-]+)"
    r"|Failed to build `?([\w.-]+?)(?:==[^`\s]+)?`"
)
_NO_DISTRIBUTION = re.compile(
    r"No matching distribution found for ([^\s(]+)|Could not find a version that satisfies the requirement ([^\s(]+)"
    r"|([\w.-]+) was not found in the (?:package registry|provided package locations|cache)"
    r"|[Tt]here (?:are no versions|is no version) of ([^\s,]+)|[Bb]ecause only ([\w.-]+)[^,]* (?:is|are) available"
    r"(?!\s+and\s+\S+\s+depends)"
)
_CONFLICT = re.compile(r"ResolutionImpossible|conflicting dependencies|No solution found when resolving")
_CAUSES = re.compile(r"The conflict is caused by:\n((?:[ \t]+\S.*\n?)+)")
_MOST_SIDES = 4  # pip names every version that it tried
_BUILD_REQUIREMENTS = re.compile(r"(?:install|installing|requirements from) .?build(?:-system.requires| dependenc)")
_NOT_ASKED = "is not a trusted or secure host and is being ignored"
_FORBIDDEN = re.compile(r": 403 Client Error")


def explain_install(
    output: str,
    capabilities: Mapping[str, Capability],
    *,
    unfetched: Sequence[str] | None = None,
    system_site_packages: bool = False,
) -> RanReason:
    """Return the reason of a failed installation; ``detail`` is the installer's own last lines.

    ``unfetched`` are the pages of indexes that pip went on without (see pip.listening), None where that is not known.
    ``system_site_packages`` says whether the environment would have taken the system's own distribution if there were
    one: then to install that one is the remedy.
    """
    silent = _select_unanswered_pages(output, unfetched or ())
    detail = "\n".join([*silent, *_drop_noise(output)[-TAIL_LINES:]])
    if "No space left on device" in output:
        return RanReason(
            code="disk_full", message="the disk is full", remedy="free some space and run again", detail=detail
        )
    built, unreachable = _NO_WHEEL.search(output), silent or _is_index_unreachable(output, unfetched)
    if built and not (unreachable and _BUILD_REQUIREMENTS.search(output)):
        return _explain_failed_build(
            next(filter(None, built.groups())), output, capabilities, system_site_packages, detail
        )
    if unreachable:
        return RanReason(
            code="index_unreachable",
            message="the package index could not be reached",
            remedy="check the network and the index that pip is configured for, then run again",
            detail=detail,
        )
    return _explain_refusal(output, detail)


def _explain_refusal(output: str, detail: str) -> RanReason:
    """The reason where the index answered and the installer did not like what it said."""
    if absent := _NO_DISTRIBUTION.search(output):
        name = next(filter(None, absent.groups()))
        return RanReason(
            code="no_distribution",
            message=f"{name} has no distribution that this Python and this index can give",
            remedy=f"check the name and the version of {name} in deps, or the Python of the cell",
            detail=detail,
        )
    if _CONFLICT.search(output):
        return RanReason(
            code="conflict",
            message=f"the requirements of the environment contradict each other{_describe_conflict(output)}",
            remedy="loosen one of those that the installer names below",
            detail=detail,
        )
    return RanReason(
        code="install_failed", message="the installer failed", remedy="see its own words below", detail=detail
    )


def _describe_conflict(output: str) -> str:
    """Return what pip says of each side of a conflict, "" where it says nothing of the kind (uv's words follow)."""
    match = _CAUSES.search(output)
    sides = [line.strip() for line in match[1].splitlines() if line.strip()] if match else []
    requested = [re.sub(r"^The user requested (?:\(constraint\) )?(.+)$", r"\1 is asked for", side) for side in sides]
    return f": {', and '.join(requested[:_MOST_SIDES])}" if requested else ""


def _select_unanswered_pages(output: str, unfetched: Sequence[str]) -> list[str]:
    """Return the pages without which pip cannot know that there is no such distribution.

    That there is no such page is an answer. A refusal (403) is one where another index gave an answer: that is how
    indexes on object stores tell of a package that they do not have.
    """
    if not (_NO_DISTRIBUTION.search(output) or _CONFLICT.search(output)):
        return []
    silent = [line for line in unfetched if not ABSENT.search(line)]
    answered = len(silent) < len(unfetched) or "(from versions: none)" not in output
    return [line for line in silent if not (answered and _FORBIDDEN.search(line))]


def _is_index_unreachable(output: str, unfetched: Sequence[str] | None) -> bool:
    """Tell whether the installer's words say that an index was not reached.

    Where pip has kept a log and named what it lacks, its complaints may be of tries that were repeated with success.
    """
    if _NOT_ASKED in output and "(from versions: none)" in output and not any(map(ABSENT.search, unfetched or ())):
        return True
    if unfetched is not None and _NO_DISTRIBUTION.search(output):
        output = "\n".join(line for line in output.splitlines() if not line.strip().startswith("WARNING: Retrying"))
    return bool(_UNREACHABLE.search(output))


def _drop_noise(output: str) -> list[str]:
    remaining, frame = [], False
    for line in output.splitlines():
        bare = line.strip()
        if bare.startswith('File "') or (frame and not bare.startswith(("Traceback", "File"))):
            frame = bare.startswith('File "')  # a frame of a traceback is a line that names it and a line of code
            continue
        frame = False
        if bare.strip("^~ ") and not bare.startswith(("WARNING: ", "[notice]", "[end of output]", "note: This error")):
            remaining.append(line.rstrip())
    return remaining


def _explain_failed_build(
    name: str, output: str, capabilities: Mapping[str, Capability], system_site_packages: bool, detail: str
) -> RanReason:
    missing = list(dict.fromkeys(item for shape in _MISSING_FILES for item in shape.findall(output)))
    capability = _find_capability(name, capabilities)
    message = f"{name} has no wheel for this Python and cannot be built here"
    if missing:
        message += f" ({', '.join(missing)} not found)"
    headers = _list_development_packages(capability, missing)
    remedy = f"install {' and '.join(headers)}" if headers else f"install what building {name} needs"
    if capability is not None and capability.module:
        local = " ".join(capability.packages.get("apt", ())) or f"the system's package of {capability.module}"
        if system_site_packages:
            remedy = f"install {local}, which this environment will then use; or, to build it, {remedy}"
        else:
            remedy += ", or run the profile `full`, which uses the system's own"
    return RanReason(
        code="cannot_build",
        capability=capability.name if capability else "",
        message=message,
        remedy=remedy,
        detail=detail,
    )


def _find_capability(name: str, capabilities: Mapping[str, Capability]) -> Capability | None:
    expected = re.sub(r"[-_.]+", "-", name).lower()
    for capability in capabilities.values():
        if expected in {
            re.sub(r"[-_.]+", "-", capability.distribution).lower(),
            f"{capability.module}-python",
            capability.module,
        }:
            return capability
    return None


def _list_development_packages(capability: Capability | None, missing: list[str]) -> list[str]:
    packages = []
    if capability is not None and capability.module:
        packages.append(f"{capability.module}-dev")
    packages += [name for name in missing if name in {"pkg-config", "gcc"} and name not in packages]
    if capability is not None and capability.module and "pkg-config" not in packages:
        packages.append("pkg-config")
    if not packages and missing:
        packages = list(dict.fromkeys(_name_development_files(name) for name in missing))
    return packages


def _name_development_files(missing: str) -> str:
    known = _ON_DEBIAN.get(missing)
    return f"{known} (its name on Debian)" if known else f"the development files of {missing.removesuffix('.h')}"
