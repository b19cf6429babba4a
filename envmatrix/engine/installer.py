"""Says in a sentence why an environment could not be built, from the installer's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envmatrix.config.model import Capability
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
    r"|50[0234] (?:Server Error|Bad Gateway|Service)|error sending request for url|dns error|operation timed out"
)
_NO_WHEEL = re.compile(
    r"Failed (?:to build|building wheel for) [`'\"]?([\w.-]+)|Could not build wheels? for ([\w.-]+)"
    r"|Failed to build `?([\w.-]+?)(?:==[^`\s]+)?`"
)
_NO_DISTRIBUTION = re.compile(
    r"No matching distribution found for ([^\s(]+)|Could not find a version that satisfies the requirement ([^\s(]+)"
)
_CONFLICT = re.compile(r"ResolutionImpossible|conflicting dependencies|No solution found when resolving")


def explain_install(
    said: str, capabilities: Mapping[str, Capability], *, system_site_packages: bool = False
) -> RanReason:
    """Return the reason of a failed installation; ``detail`` is the installer's own last lines.

    ``system_site_packages`` says whether the environment would have taken the system's own distribution if there were
    one: then to install that one is the remedy.
    """
    detail = "\n".join(_own_words(said)[-TAIL_LINES:])
    if "No space left on device" in said:
        return RanReason(
            code="disk_full", message="the disk is full", remedy="free some space and run again", detail=detail
        )
    if built := _NO_WHEEL.search(said):
        return _cannot_build(next(filter(None, built.groups())), said, capabilities, system_site_packages, detail)
    if _UNREACHABLE.search(said):
        return RanReason(
            code="index_unreachable",
            message="the package index could not be reached",
            remedy="check the network and the index that pip is configured for, then run again",
            detail=detail,
        )
    if absent := _NO_DISTRIBUTION.search(said):
        name = next(filter(None, absent.groups()))
        return RanReason(
            code="no_distribution",
            message=f"{name} has no distribution that this Python and this index can give",
            remedy=f"check the name and the version of {name} in deps, or the Python of the cell",
            detail=detail,
        )
    if _CONFLICT.search(said):
        return RanReason(
            code="conflict",
            message="the requirements of the environment contradict each other",
            remedy="loosen one of those that the installer names below",
            detail=detail,
        )
    return RanReason(
        code="install_failed", message="the installer failed", remedy="see its own words below", detail=detail
    )


def _own_words(said: str) -> list[str]:
    kept, frame = [], False
    for line in said.splitlines():
        bare = line.strip()
        if bare.startswith('File "') or (frame and not bare.startswith(("Traceback", "File"))):
            frame = bare.startswith('File "')  # a frame of a traceback is a line that names it and a line of code
            continue
        frame = False
        if bare.strip("^~ ") and not bare.startswith(("WARNING: ", "[notice]", "[end of output]", "note: This error")):
            kept.append(line.rstrip())
    return kept


def _cannot_build(
    name: str, said: str, capabilities: Mapping[str, Capability], system_site_packages: bool, detail: str
) -> RanReason:
    missing = list(dict.fromkeys(found for shape in _MISSING_FILES for found in shape.findall(said)))
    capability = _capability_of(name, capabilities)
    message = f"{name} has no wheel for this Python and cannot be built here"
    if missing:
        message += f" ({', '.join(missing)} not found)"
    headers = _development_packages(capability, missing)
    remedy = f"install {' and '.join(headers)}" if headers else f"install what building {name} needs"
    if capability is not None and capability.module:
        own = " ".join(capability.packages.get("apt", ())) or f"the system's package of {capability.module}"
        if system_site_packages:
            remedy = f"install {own}, which this environment will then use; or, to build it, {remedy}"
        else:
            remedy += ", or run the profile `full`, which uses the system's own"
    return RanReason(
        code="cannot_build",
        capability=capability.name if capability else "",
        message=message,
        remedy=remedy,
        detail=detail,
    )


def _capability_of(name: str, capabilities: Mapping[str, Capability]) -> Capability | None:
    wanted = re.sub(r"[-_.]+", "-", name).lower()
    for capability in capabilities.values():
        if wanted in {
            re.sub(r"[-_.]+", "-", capability.distribution).lower(),
            f"{capability.module}-python",
            capability.module,
        }:
            return capability
    return None


def _development_packages(capability: Capability | None, missing: list[str]) -> list[str]:
    packages = []
    if capability is not None and capability.module:
        packages.append(f"{capability.module}-dev")
    packages += [name for name in missing if name in {"pkg-config", "gcc"} and name not in packages]
    if capability is not None and capability.module and "pkg-config" not in packages:
        packages.append("pkg-config")
    if not packages and missing:
        packages = [f"the development files of {name.removesuffix('.h')}" for name in missing]
    return packages
