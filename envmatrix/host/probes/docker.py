"""Docker: its daemon answers to this user (source: Docker Engine API, /_ping and /version)."""

from __future__ import annotations

import json
import os
import shutil
import socket

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.protocols.connection import remaining

SOCKET = "/var/run/docker.sock"


def probe(capability: Capability, context: Context) -> Finding:
    """Ask the daemon at ``$DOCKER_HOST`` (a socket or tcp://), else at its usual socket, for its version."""
    name = capability.name
    host = context.environ.get("DOCKER_HOST") or capability.url or f"unix://{SOCKET}"
    timeout_s = remaining(context.deadline(capability))
    try:
        version = _version(host, timeout_s)
    except (FileNotFoundError, ConnectionRefusedError):
        program = shutil.which("docker", path=context.environ.get("PATH", ""))
        tail = f"though {program} is installed" if program else "and docker is not installed"
        remedy = "Start it (systemctl start docker), or point DOCKER_HOST to a daemon." if program else ""
        return absent(capability, f"{name}: no daemon answers at {host}, {tail}.", remedy, where=host)
    except PermissionError:
        message = f"{name}: this user (uid {os.geteuid()}) may not open {host}."
        remedy = "Add the user to the group docker: usermod -aG docker USER, then log in again."
        return broken(capability, message, remedy, where=host)
    except (OSError, ValueError) as error:
        message = f"{name}: the daemon at {host} does not answer as docker does: {error or type(error).__name__}."
        return broken(capability, message, "Restart the daemon, or correct DOCKER_HOST.", where=host)
    return ok(capability, f"{name} {version} answers at {host}.", version=version, where=host)


def _version(host: str, timeout_s: float) -> str:
    kind, _, rest = host.partition("://")
    if kind not in ("unix", "tcp"):
        raise ValueError(f"DOCKER_HOST is '{host}'; unix:// and tcp:// can be probed")
    import http.client  # brings the mail and TLS libraries along, and few hosts need it

    connection = http.client.HTTPConnection("localhost" if kind == "unix" else rest, timeout=timeout_s)
    try:
        if kind == "unix":
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(timeout_s)
            connection.sock.connect(rest)
        connection.request("GET", "/version")
        answer = json.loads(connection.getresponse().read(2**20))
    except http.client.HTTPException as error:
        raise ValueError(str(error) or type(error).__name__) from error
    finally:
        connection.close()
    return str(answer["Version"]) if isinstance(answer, dict) and "Version" in answer else ""
