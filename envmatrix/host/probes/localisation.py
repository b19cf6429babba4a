"""Locales and time zones: set or looked up, in a process of their own for a locale belongs to a whole process."""

from __future__ import annotations

import sys
import zoneinfo

from envmatrix.config.model import Capability
from envmatrix.host.ask import clean
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.run import run

_SET = """
import locale, sys
for name in sys.argv[1:]:
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        continue
    print(name, locale.nl_langinfo(locale.CODESET))
    break
"""


def locale(capability: Capability, context: Context) -> Finding:
    """The locale ``capability.value`` can be set; "UTF-8" stands for any that encodes so."""
    name, wanted = capability.name, capability.value or "UTF-8"
    names = ("C.UTF-8", "en_US.UTF-8", "C.utf8") if wanted == "UTF-8" else (wanted,)
    ran = run((sys.executable, "-I", "-S", "-c", _SET, *names), clean(context.environ), context.limit_s(capability))
    if not ran.ok:
        return broken(
            capability,
            f"{name}: setting {wanted} {ran.failure or 'fails'}: {ran.last_line}.",
            "Repair the C library's locales.",
        )
    found, _, encoding = ran.out.strip().partition(" ")
    if not found:
        remedy = (
            f"Generate it: localedef -i {wanted.partition('.')[0]} -f UTF-8 {wanted}, or install a package of locales."
        )
        return absent(capability, f"{name}: the locale {wanted} cannot be set.", remedy)
    return ok(capability, f"{name}: {found} can be set and encodes as {encoding}.", where=found)


def timezone(capability: Capability, context: Context) -> Finding:
    """The time zone ``capability.value`` can be looked up."""
    name, wanted = capability.name, capability.value or "UTC"
    if not zoneinfo.TZPATH:
        return absent(capability, f"{name}: this system has no time zone database.", "Install the package tzdata.")
    try:
        zoneinfo.ZoneInfo.no_cache(wanted)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        message = f"{name}: the time zone {wanted} is not in this system's database."
        return absent(capability, message, "Install the package tzdata, or correct the zone's name.")
    except OSError as error:
        return broken(
            capability, f"{name}: the time zone {wanted} cannot be read: {error.strerror}.", "Reinstall tzdata."
        )
    return ok(capability, f"{name}: {wanted} is known.", where=wanted)
