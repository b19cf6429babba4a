"""Services: a server is there when it speaks its protocol with us and lets us do what tests do."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from envmatrix.config.model import Capability
from envmatrix.host.ask import clean
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.probes.program import version_in
from envmatrix.host.probes.protocols import PROTOCOLS
from envmatrix.host.probes.protocols.wire import Address, RefusedError, Service, address_of
from envmatrix.host.remedy import install_hint
from envmatrix.host.run import run

# Folders where distributions put daemons and that an ordinary user's PATH lacks.
_DAEMON_FOLDERS = (
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/libexec",
    "/opt/homebrew/bin",
    "/usr/share/zookeeper/bin",
)


def probe(capability: Capability, context: Context) -> Finding:
    """The server at ``$ENVMATRIX_<NAME>_URL``, else at the capability's ``url``, else where one listens by default.

    Where the run starts the service itself and nobody points to a server, its program is asked for instead.
    """
    service = PROTOCOLS.get(capability.service)
    if service is None:
        known = ", ".join(sorted(PROTOCOLS))
        message = f"{capability.name}: no protocol is called '{capability.service}'."
        return broken(capability, message, f"Name one of these as its service: {known}.")
    variable = variable_of(capability.name)
    url = context.environ.get(variable) or capability.url
    if capability.name in context.started and not url:
        return _startable(capability, service, context)
    try:
        address = address_of(url or "//localhost", service.port, service.sockets)
    except ValueError as error:
        return broken(capability, f"{capability.name}: '{url}' is no URL: {error}.", f"Correct its url, or {variable}.")
    return _spoken(capability, service, address, context)


def variable_of(name: str) -> str:
    """The environment variable by which a user points to a server: ENVMATRIX_MYSQL_URL."""
    return f"ENVMATRIX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_URL"


def _spoken(capability: Capability, service: Service, address: Address, context: Context) -> Finding:
    name, place = capability.name, address.shown
    point = f"or point {variable_of(name)} to a server that does"
    try:
        spoken = service.speak(address, context.deadline(capability), context.environ)
    except RefusedError as error:
        message = f"{name}: the server at {place} answers, but is of no use: {error}."
        return broken(capability, message, f"Give the tests' user what it needs there, {point}.", where=place)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        return _nobody(capability, service, address, context, error)
    except TimeoutError:
        limit = context.limit_s(capability)
        message = f"{name}: the server at {place} did not answer within {limit:g} s."
        return broken(capability, message, f"Restart the server, {point}.", where=place)
    except PermissionError:
        message = f"{name}: this user (uid {os.geteuid()}) may not open {place}."
        return broken(capability, message, f"Let the user read and write that socket, {point}.", where=place)
    except OSError as error:
        message = f"{name}: no talking to {place}: {error.strerror or error}."
        return broken(capability, message, f"Look whether a {name} server listens there, {point}.", where=place)
    note = f" Mind that {spoken.note}." if spoken.note else ""
    return ok(capability, f"{name} {spoken.version} answers at {place}.{note}", version=spoken.version, where=place)


def _nobody(capability: Capability, service: Service, address: Address, context: Context, error: OSError) -> Finding:
    """No server listens; whether one is installed makes the difference for the remedy."""
    name = capability.name
    program = daemon_of(service, context.environ)
    why = error.strerror or str(error)
    if program:
        message = f"{name}: no server answers at {address.shown} ({why}), though {program} is installed."
        remedy = f'Start it (systemctl start {service.unit}), or have each run start its own: services = ["{name}"].'
    else:
        message = f"{name}: no server answers at {address.shown} ({why}), and none is installed."
        point = f"point {variable_of(name)} to a server."
        remedy = _either(install_hint(capability, context.environ), point)
    found = absent(capability, message, remedy, where=address.shown)
    return msgspec.structs.replace(found, installed=bool(program))


def _either(install: str, point: str) -> str:
    return f"{install} Or {point}" if install else point[:1].upper() + point[1:]


def _startable(capability: Capability, service: Service, context: Context) -> Finding:
    program = daemon_of(service, context.environ)
    name = capability.name
    if not program:
        names = " or ".join(service.daemons)
        message = f"{name}: the run would start a server of its own, but there is no program {names}."
        point = f"point {variable_of(name)} to a server."
        return absent(capability, message, _either(install_hint(capability, context.environ), point))
    if not service.version:
        return ok(capability, f"{name} is started by the run, from {program}.", where=program)
    ran = run((program, *service.version), clean(context.environ), context.limit_s(capability))
    if not ran.ok:
        message = f"{name}: `{program} --version` {ran.failure or f'ends with exit code {ran.code}: {ran.last_line}'}."
        return broken(capability, message, f"Reinstall {program}.", where=program)
    version = version_in(ran.out or ran.err)
    return ok(capability, f"{name} {version} is started by the run, from {program}.", version=version, where=program)


def daemon_of(service: Service, environ: Mapping[str, str]) -> str:
    """The server's program, in PATH or where distributions put it; "" where there is none."""
    path = os.pathsep.join([environ.get("PATH", ""), *_DAEMON_FOLDERS, *_versioned()])
    return next((found for name in service.daemons if (found := shutil.which(name, path=path))), "")


def _versioned() -> Iterator[str]:
    """PostgreSQL's own folders, the newest version first."""
    folders = [*Path("/").glob("usr/lib/postgresql/*/bin"), *Path("/").glob("usr/pgsql-*/bin")]
    yield from map(str, sorted(folders, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))], reverse=True))
