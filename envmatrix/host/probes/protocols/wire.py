"""What the protocols share: addresses out of URLs, connections with a deadline, the errors that servers answer with."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec


class RefusedError(Exception):
    """The server answered, and it is of no use; the text is the server's own, or says what was missing."""


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server is. ``socket`` is a path and goes before ``host``; ``shown`` is how a message names it, without
    the password.
    """

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    database: str = ""
    socket: str = ""

    @property
    def shown(self) -> str:
        """The socket, or host and port."""
        return self.socket or f"{self.host}:{self.port}"


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said: its version, and what was not proved ("" when everything was)."""

    version: str = ""
    note: str = ""


class Speaker(Protocol):
    """Speaks a protocol far enough to know that the server is of use.

    :raises RefusedError: the server says no
    :raises OSError: there is no connection, or it ends before the answer
    """

    def __call__(self, address: Address, deadline: float, environ: Mapping[str, str]) -> Spoken:
        """Speak to the server at ``address`` until the monotonic time ``deadline``."""
        ...


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One protocol. ``daemons`` are the programs that serve it, which say their version when called with
    ``version`` (() for one that would start instead); ``sockets`` is where distributions put its socket, ``unit`` what
    systemd calls it.
    """

    speak: Speaker
    port: int
    daemons: tuple[str, ...] = ()
    version: tuple[str, ...] = ("--version",)
    sockets: tuple[str, ...] = ()
    unit: str = ""


def address_of(url: str, port: int, sockets: Sequence[str] = ()) -> Address:
    """The address that a URL names, with its socket as SQLAlchemy and libpq name it: ``?unix_socket=``, ``?host=/dir``.

    Without a port of its own, "localhost" is the first of ``sockets`` that exists, as for the databases' own clients.

    :raises ValueError: for a URL that is none
    """
    parts = urlsplit(url if "//" in url else f"//{url}")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host, number = parts.hostname or query.get("host", "localhost"), parts.port or int(query.get("port", port))
    path = query.get("unix_socket") or query.get("unix_sock", "")
    if host.startswith("/") or query.get("host", "").startswith("/"):
        path = f"{query['host']}/.s.PGSQL.{number}"
    if not path and parts.scheme in ("unix", "redis+unix", "redis+socket"):
        path = unquote(parts.path)
    if not path and host == "localhost" and not parts.port:
        path = next((one for one in sockets if Path(one).is_socket()), "")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=number,
        user=unquote(parts.username or query.get("user", "")),
        password=unquote(parts.password or query.get("password", "")),
        database=unquote(parts.path.lstrip("/")) if parts.scheme not in ("unix",) else "",
        socket=path,
    )


def remaining(deadline: float) -> float:
    """The seconds that are left, never none: a limit of 0 would mean no limit to a socket."""
    return max(0.01, deadline - time.monotonic())


def connect(address: Address, deadline: float) -> socket.socket:
    """A connection to the server, whose every wait ends at the deadline.

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
    """Exactly ``size`` bytes.

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


def line(connection: socket.socket, deadline: float, limit: int = 4096) -> str:
    """The next line, without its end; what came so far where the server hangs up or says more than ``limit`` bytes."""
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
