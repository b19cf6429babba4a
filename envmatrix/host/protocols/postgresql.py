"""PostgreSQL: the start of its protocol says whether a server is there and lets this user in; psql asks for the rights.

Source: PostgreSQL's "Frontend/Backend Protocol", Start-up and Message Formats.
"""

from __future__ import annotations

import getpass
import shutil
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from envmatrix.host.protocols.connection import Address, RefusedError, Reply, connect, receive, remaining
from envmatrix.util.subprocess import run

QUERY = "SELECT current_setting('server_version'), (rolcreatedb OR rolsuper) FROM pg_roles WHERE rolname = current_user"


def postgresql(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """Start a session, then log in and ask whether the role may create databases; the note says what was not proved."""
    user = address.user or getpass.getuser()
    version = _start(address, user, deadline)
    client = shutil.which("psql", path=environ.get("PATH"))
    if not client:
        return Reply(version=version, note="the role's rights are unknown because the program `psql` is missing")
    database = address.database or "postgres"
    where = str(Path(address.socket).parent) if address.socket else address.host
    ran = run(
        (client, "-XAtw", "-h", where, "-p", str(_port(address)), "-U", user, f"-d{database}", "-c", QUERY),
        {**environ, "PGPASSWORD": address.password},
        remaining(deadline),
    )
    if not ran.ok:
        raise RefusedError(ran.failure or ran.last_line)
    version, _bar, may = ran.out.strip().partition("|")
    if may != "t":
        raise RefusedError(f"the role '{user}' may not create databases")
    return Reply(version=version.split(" ")[0])


def identify(connection: socket.socket, address: Address, deadline: float) -> Reply:
    """Send an SSLRequest, which every PostgreSQL server answers with one letter and none logs as a connection."""
    del address
    connection.sendall(struct.pack("!ii", 8, 80877103))
    if receive(connection, deadline, 1) not in (b"S", b"N"):
        raise RefusedError("it does not answer as a PostgreSQL server does")
    return Reply()


def _port(address: Address) -> int:
    """The port that a socket's name holds: .s.PGSQL.5433."""
    number = address.socket.rpartition(".")[2]
    return int(number) if number.isdigit() else address.port


def _start(address: Address, user: str, deadline: float) -> str:
    """Ask for a session up to the point where a password would be asked for; the version where the server told it.

    :raises RefusedError: with the server's own error ("no pg_hba.conf entry for host …", 'role "…" does not exist')
    """
    expected = f"user\0{user}\0database\0{address.database or 'postgres'}\0\0".encode()
    version = ""
    with connect(address, deadline) as connection:
        connection.sendall(struct.pack(">II", len(expected) + 8, 196608) + expected)
        while True:
            kind, payload = _message(connection, deadline)
            if kind == b"E":
                raise RefusedError(_error(payload))
            if kind == b"S" and payload.startswith(b"server_version\0"):
                version = payload.split(b"\0")[1].decode().split(" ")[0]
            if kind == b"Z" or (kind == b"R" and payload[:4] != b"\0\0\0\0"):
                return version


def _message(connection: socket.socket, deadline: float) -> tuple[bytes, bytes]:
    head = receive(connection, deadline, 5)
    size = struct.unpack(">I", head[1:])[0]
    if head[:1] not in b"ESRZKNv" or not 4 <= size < 2**20:
        raise RefusedError(f"it does not speak PostgreSQL's protocol: {head!r}")
    return head[:1], receive(connection, deadline, size - 4)


def _error(payload: bytes) -> str:
    fields = {field[:1]: field[1:].decode("utf-8", "replace") for field in payload.split(b"\0") if field}
    return fields.get(b"M", "an error without a message")
