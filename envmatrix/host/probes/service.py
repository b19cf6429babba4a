"""Services: a server is there when it speaks its protocol with us and lets us do what tests do."""

from __future__ import annotations

import os

import msgspec

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.query import clean
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.probes.program import version_in
from envmatrix.host.protocols.connection import Address, RefusedError
from envmatrix.host.protocols.servers import (
    DAEMON,
    SERVERS,
    STARTS,
    Server,
    StartError,
    address_of,
    find_daemon,
    find_programs,
    url_variable,
)
from envmatrix.host.remedies import server_hint, url_hint
from envmatrix.util.subprocess import run


def probe(capability: Capability, context: Context) -> Finding:
    """The server at ``$ENVMATRIX_<NAME>_URL``, else at the capability's ``url``, else where one listens by default.

    Where the run starts the service itself and nobody points to a server, its programs are looked for instead.
    """
    server = SERVERS.get(capability.service)
    if server is None:
        known = ", ".join(sorted(SERVERS))
        message = f"{capability.name}: no protocol is called '{capability.service}'."
        return broken(capability, message, f"Name one of these as its service: {known}.")
    variable = url_variable(capability.name)
    url = context.environ.get(variable) or capability.url
    started = capability.name in context.started
    if started and not url:
        return _startable(capability, context)
    if url and "//" not in url and not started:
        url = f"//{url}"  # the tests are given the URL of a service: that one has to be whole
    try:
        address = address_of(server, url)
    except ValueError as error:
        return broken(capability, f"{capability.name}: '{url}' is no URL: {error}.", f"Correct its url, or {variable}.")
    return _spoken(capability, server, address, context)


def _spoken(capability: Capability, server: Server, address: Address, context: Context) -> Finding:
    name, place = capability.name, address.shown
    point = f"or point {url_variable(name)} to a server that does"
    try:
        spoken = server.speak(address, context.deadline(capability), context.environ)
    except RefusedError as error:
        message = f"{name}: the server at {place} answers, but is of no use: {error}."
        return broken(capability, message, f"Give the tests' user what it needs there, {point}.", where=place)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        return _nobody(capability, server, address, context, error)
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


def _nobody(capability: Capability, server: Server, address: Address, context: Context, error: OSError) -> Finding:
    """No server listens; whether one is installed makes the difference for the remedy."""
    name = capability.name
    program = find_daemon(server, context.environ)
    why = error.strerror or str(error)
    if program:
        message = f"{name}: no server answers at {address.shown} ({why}), though {program} is installed."
        remedy = f"Start it (systemctl start {server.unit})"
        remedy += f', or have each run start its own: services = ["{name}"].' if name in STARTS else "."
    else:
        message = f"{name}: no server answers at {address.shown} ({why}), and none is installed."
        remedy = server_hint(capability, context.environ)
    result = absent(capability, message, remedy, where=address.shown)
    return msgspec.structs.replace(result, installed=bool(program))


def _startable(capability: Capability, context: Context) -> Finding:
    name = capability.name
    try:
        program = find_programs(name, context.environ)[DAEMON]
    except StartError as error:
        message = f"{name}: the run would start a server of its own, but {error}."
        if error.code == "unknown":  # no package would help
            return msgspec.structs.replace(absent(capability, message, url_hint(name)), installed=True)
        return absent(capability, message, server_hint(capability, context.environ))
    ran = run((program, "--version"), clean(context.environ), context.limit_s(capability))
    if not ran.ok:
        message = f"{name}: `{program} --version` {ran.failure or f'ends with exit code {ran.code}: {ran.last_line}'}."
        return broken(capability, message, f"Reinstall {program}.", where=program)
    version = version_in(ran.out or ran.err)
    return ok(capability, f"{name} {version} is started by the run, from {program}.", version=version, where=program)
