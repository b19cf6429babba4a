"""What the protocols share: URLs parsed to addresses, connections with a deadline, and the errors of servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec


class RefusedError(Exception):
    """The server answered and refuses, or is of another kind; the text is its own, or says what was missing."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is: at ``socket``, or where that is "" at ``host`` and ``port``."""

    scheme: str = ""
    host: str = ""
    port: int = 0
    socket: str = ""
    user: str = ""
    password: str = ""
    database: str = ""

    @property
    def shown(self) -> str:
        """The socket, or host and port: the name of the place in a message, without the password."""
        return self.socket or f"{self.host}:{self.port}"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said of itself: its version and process, and how many connections it has counted.

    ``pid`` is 0 and ``connections`` None where it does not say; ``note`` says what was not proved, "" for nothing.
    """

    version: str = ""
    note: str = ""
    pid: int = 0
    connections: int | None = None


class Speaker(Protocol):
    """Speaks a protocol far enough to know that the server is of use.

    :raises RefusedError: the server says no
    :raises OSError: there is no connection, or it ends before the answer
    """

    def __call__(self, address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
        """Speak to the server at ``address`` until the monotonic time ``deadline``."""
        ...


class Identifier(Protocol):
    """Asks a connected server for its version, process and connections, without a login where it answers without one.

    :raises RefusedError: the server is of another kind, or says no
    :raises OSError: the connection ends before the answer
    """

    def __call__(self, connection: socket.socket, address: Address, deadline: float) -> Reply:
        """Ask the server at the other end of ``connection`` until the monotonic time ``deadline``."""
        ...


def parse_url(url: str, port: int, sockets: Sequence[str] = ()) -> Address:
    """Parse the URL of a server, with its socket as SQLAlchemy and libpq name it: ``?unix_socket=``, ``?host=/dir``.

    Without a port of its own, "localhost" is the first of ``sockets`` that exists, as for the databases' own clients.

    :raises ValueError: for text that is not a URL
    """
    if "//" not in url:
        raise ValueError("it lacks the scheme, as in tcp://HOST:PORT")
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host = query.get("host") or parts.hostname or "localhost"
    number = int(query.get("port") or parts.port or port)
    by_path = parts.scheme in ("unix", "redis+unix", "redis+socket")
    path = query.get("unix_socket") or query.get("unix_sock") or (unquote(parts.path) if by_path else "")
    if host.startswith("/"):
        path = f"{host}/.s.PGSQL.{number}"
    if not path and host == "localhost" and not (parts.port or "port" in query):
        path = next((item for item in sockets if Path(item).is_socket()), "")
    return Address(
        scheme=parts.scheme,
        host="" if path else host,
        port=0 if path else number,
        socket=path,
        user=unquote(parts.username or query.get("user", "")),
        password=unquote(parts.password or query.get("password", "")),
        database="" if by_path else unquote(parts.path.lstrip("/")),
    )


def hide_password(url: str) -> str:
    """Return the URL as it may be shown."""
    head, result, rest = url.partition("://")
    secret, at, place = rest.rpartition("@")
    user = secret.partition(":")
    return f"{head}{result}{user[0]}{':***' if user[1] else ''}{at}{place}"


def remaining(deadline: float) -> float:
    """The seconds that are left, never none: a limit of 0 would mean no limit to a socket."""
    return max(0.01, deadline - time.monotonic())


def connect(address: Address, deadline: float) -> socket.socket:
    """Connect to the server; every wait of the connection ends at the deadline.

    :raises OSError: when there is none
    """
    if not address.socket:
        return socket.create_connection((address.host, address.port), remaining(deadline))
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(remaining(deadline))
        connection.connect(address.socket)
    except BaseException:
        connection.close()
        raise
    return connection


def receive(connection: socket.socket, deadline: float, size: int) -> bytes:
    """Read exactly ``size`` bytes.

    :raises ConnectionError: when the server hangs up before
    """
    data = b""
    while len(data) < size:
        connection.settimeout(remaining(deadline))
        chunk = connection.recv(min(65536, size - len(data)))
        if not chunk:
            raise ConnectionError(f"the server hung up after {len(data)} bytes")
        data += chunk
    return data


def read_line(connection: socket.socket, deadline: float, limit: int = 4096) -> str:
    """Read the next line, without its end.

    It is cut off where the server hangs up or says more than ``limit`` bytes.
    """
    data = b""
    while not data.endswith(b"\n") and len(data) < limit:
        connection.settimeout(remaining(deadline))
        chunk = connection.recv(1)
        if not chunk:
            break
        data += chunk
    if not data:
        raise ConnectionError("the server hung up without an answer")
    return data.decode("utf-8", "replace").rstrip("\r\n")
