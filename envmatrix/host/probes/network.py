"""The network: what can be reached from here."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.protocols.connection import remaining

# An address that documentation uses and nobody has (RFC 5737): a datagram socket that is connected to it sends nothing,
# but finds no way where there is no route out of this host.
NOWHERE = ("192.0.2.1", 9)


def probe(capability: Capability, context: Context) -> Finding:
    """Connect to ``capability.value`` ("host:port") or the host of its ``url``; without either, look for a way out."""
    name = capability.name
    if not capability.value and not capability.url:
        return _way_out(capability)
    target = capability.value or capability.url
    parts = urlsplit(target if "//" in target else f"//{target}")
    try:
        host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        if not host or not port:
            raise ValueError("it names no host and port")
        socket.create_connection((host, port), remaining(context.deadline(capability))).close()
    except ValueError as error:
        return broken(capability, f"{name}: '{target}' cannot be reached: {error}.", 'Write it as "host:port".')
    except socket.gaierror as error:
        message = f"{name}: the name {host} is not known here: {error.strerror}."
        return broken(capability, message, "Set up name resolution (/etc/resolv.conf).", where=f"{host}:{port}")
    except OSError as error:
        message = f"{name}: {host}:{port} cannot be reached: {error.strerror or error}."
        return absent(capability, message, "Look at routes, firewall and proxy.", where=f"{host}:{port}")
    return ok(capability, f"{name}: {host}:{port} accepts a connection.", where=f"{host}:{port}")


def _way_out(capability: Capability) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe_socket:
        try:
            probe_socket.connect(NOWHERE)
        except OSError as error:
            message = f"{capability.name}: there is no route out of this host: {error.strerror}."
            return absent(capability, message, "Bring up an interface with a default route.")
        where = str(probe_socket.getsockname()[0])
    message = f"{capability.name}: this host has a way out, from {where}. Mind that no host was tried."
    return ok(capability, message, where=where)
