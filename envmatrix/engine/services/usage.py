"""How many connections a daemon of ours saw from others than ourselves: the proof that the tests used it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec

from envmatrix.engine.services import processes
from envmatrix.engine.services.model import ServiceInfo
from envmatrix.host.protocols.connection import Address, RefusedError
from envmatrix.host.protocols.servers import SERVERS, address_of, identify


def count(info: ServiceInfo) -> int | None:
    """The connections that ``info`` has seen since it was handed over, our own questions not among them.

    None where it cannot be told: a server that is not ours (others may use it too), or one that no longer answers.
    """
    if not info.ours:
        return None
    total = _total(info)
    return None if total is None else max(0, total - info.baseline)


def alive(info: ServiceInfo) -> bool:
    """Whether the daemon is still the process that was started; a server that is not ours is asked for an answer."""
    if info.ours:
        return processes.identity(info.pid) == info.started
    try:
        identify(info.name, address_of(SERVERS.get(info.name), info.url))
    except (OSError, RefusedError):
        return False
    return True


def with_baseline(info: ServiceInfo) -> ServiceInfo:
    """``info`` with what its daemon has counted up to now."""
    return msgspec.structs.replace(info, baseline=_total(info) or 0)


def _total(info: ServiceInfo) -> int | None:
    """What the daemon counted, less one for each time that it was asked."""
    if info.name == "postgresql":
        return _logged(Path(info.folder) / "server.log")
    try:
        counted = _asked_mysql(info) if info.name == "mysql" else identify(info.name, _address(info)).connections
    except (OSError, ValueError, RefusedError, subprocess.SubprocessError):
        return None
    return None if counted is None else counted - _asked(info)


def _address(info: ServiceInfo) -> Address:
    return Address(host=info.host, port=info.port)


def _asked(info: ServiceInfo) -> int:
    """How often we have asked, this time included; kept in the daemon's folder as the asking may be in any process."""
    path = Path(info.folder) / "asked"
    with path.open("ab") as opened:
        opened.write(b".")
        return os.fstat(opened.fileno()).st_size + 1


def _logged(log: Path) -> int | None:
    """Connections in PostgreSQL's log (log_connections is on)."""
    try:
        return log.read_bytes().count(b"connection authorized: ")
    except OSError:
        return None


def _asked_mysql(info: ServiceInfo) -> int:
    """The server's status variable Connections, read with its own client, which pifpaf needs too."""
    query = "SHOW GLOBAL STATUS LIKE 'Connections'"
    command = [info.client, "--no-defaults", "-S", info.socket, "-u", "root", "-N", "-B", "-e", query]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, stdin=subprocess.DEVNULL)
    return int(done.stdout.split()[-1])
