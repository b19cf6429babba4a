"""MySQL and MariaDB: the server's greeting says its version; a client logs in and makes and drops a database.

The greeting is read with the standard library (source: MySQL's "Connection Phase", Protocol::HandshakeV10); the login
is left to ``mariadb``, ``mysql`` or PyMySQL, whichever there is: there are too many ways to log in to rewrite them.
"""

from __future__ import annotations

import importlib
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from envmatrix.host.protocols.connection import Address, RefusedError, Reply, connect, receive, remaining
from envmatrix.util.subprocess import run


def mysql(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """Read the greeting, log in, create a database and drop it; the note says when no client was there to log in."""
    version = _greeting(address, deadline)
    name = f"envmatrix_probe_{os.urandom(4).hex()}"
    statements = (f"CREATE DATABASE {name}", f"DROP DATABASE {name}")
    client = next((path for item in ("mariadb", "mysql") if (path := shutil.which(item, path=environ.get("PATH")))), "")
    if client:
        _by_client(client, address, deadline, environ, statements)
    elif not _by_pymysql(address, deadline, statements):
        return Reply(version=version, note="no login was tried, because the program `mysql` and PyMySQL are missing")
    return Reply(version=version)


def identify(connection: socket.socket, address: Address, deadline: float) -> Reply:
    """Read the version from the greeting, without what MariaDB and distributions append to it."""
    del address
    return Reply(version=_receive_greeting(connection, deadline).partition("-")[0])


def _greeting(address: Address, deadline: float) -> str:
    with connect(address, deadline) as connection:
        return _receive_greeting(connection, deadline)


def _receive_greeting(connection: socket.socket, deadline: float) -> str:
    head = receive(connection, deadline, 4)
    size = int.from_bytes(head[:3], "little")
    return parse_greeting(receive(connection, deadline, size) if size < 4096 else head)


def parse_greeting(payload: bytes) -> str:
    """Return the version in the server's first packet.

    :raises RefusedError: it begins with an error ("Host '…' is not allowed to connect"), or is no MySQL server
    """
    if payload[:1] == b"\xff":
        raise RefusedError(payload[3:].decode("utf-8", "replace").lstrip("#").strip())
    if payload[:1] != b"\x0a" or b"\0" not in payload:
        raise RefusedError(f"it does not greet as a MySQL or MariaDB server does: {payload[:20]!r}")
    version = payload[1 : payload.index(b"\0")].decode("ascii", "replace")
    return version.removeprefix("5.5.5-")  # what MariaDB 10 puts before its own, for old replicas


def _by_client(
    client: str, address: Address, deadline: float, environ: Mapping[str, str], statements: Sequence[str]
) -> None:
    where = ("--protocol=socket", f"--socket={address.socket}")
    if not address.socket:
        where = ("--protocol=tcp", f"--host={address.host}", f"--port={address.port}")  # type: ignore[assignment]
    user = (f"--user={address.user}",) if address.user else ()
    ran = run(
        (client, "--no-defaults", *where, *user, "--batch", f"--execute={'; '.join(statements)}"),
        {**environ, "MYSQL_PWD": address.password},
        remaining(deadline),
    )
    if not ran.ok:
        raise RefusedError(ran.failure or ran.last_line)


def _by_pymysql(address: Address, deadline: float, statements: Sequence[str]) -> bool:
    """The same through PyMySQL; False where the tool's own Python does not have it."""
    try:
        driver: Any = importlib.import_module("pymysql")
    except ImportError:
        return False
    where = {"unix_socket": address.socket} if address.socket else {"host": address.host, "port": address.port}
    user = address.user or os.environ.get("USER", "root")
    try:
        connection = driver.connect(user=user, password=address.password, connect_timeout=remaining(deadline), **where)
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except driver.MySQLError as error:
        raise RefusedError(str(error)) from error
    return True
