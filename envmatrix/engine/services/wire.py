"""Ask a server who it is, in its own protocol and without a client library."""

from __future__ import annotations

import socket
import struct
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from envmatrix.engine.services.kinds import KINDS


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said: its version and pid, and how many connections it has counted (None: it does not say)."""

    version: str = ""
    pid: int = 0
    connections: int | None = None


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a service's URL; ``socket`` is "" where it is reached by host and port."""

    host: str = ""
    port: int = 0
    socket: str = ""
    user: str = ""
    password: str = ""
    database: str = ""


class WireError(Exception):
    """The server did not answer as a server of its kind does; the text says what it did."""


def parse_url(name: str, url: str) -> Address:
    """The parts of a SQLAlchemy, libpq or Redis URL; raises ValueError for what is no URL."""
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        raise ValueError(f"{url!r} is no URL")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    path = query.get("unix_socket", "")
    host = parts.hostname or ""
    if query.get("host", "").startswith("/"):
        path = f"{query['host']}/.s.PGSQL.{query.get('port', '5432')}"
    elif parts.scheme in ("unix", "redis+socket"):
        path, host = parts.path, ""
    else:
        host = query.get("host", host)
    default = KINDS[name].default_port if name in KINDS else 0
    port = int(query.get("port") or parts.port or default)
    return Address(
        host="" if path else host or "localhost",
        port=0 if path else port,
        socket=path,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") if not parts.scheme.endswith(("unix", "socket")) else "",
    )


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    head, found, rest = url.partition("://")
    secret, at, place = rest.rpartition("@")
    user = secret.partition(":")
    return f"{head}{found}{user[0]}{':***' if user[1] else ''}{at}{place}"


def ask(name: str, address: Address, *, timeout_s: float = 5.0) -> Reply:
    """What the server at ``address`` says of itself. Raises OSError where none listens, WireError where it is another.

    A service of unknown kind is only connected to.
    """
    with _connected(address, timeout_s) as line:
        try:
            return _ASK.get(name, _silent)(line, address)
        except TimeoutError as error:
            raise WireError(f"it listens, and said nothing to {name}'s protocol for {timeout_s:.0f} s") from error
        except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
            raise WireError(f"it does not speak {name}'s protocol ({error})") from error


def _connected(address: Address, timeout_s: float) -> socket.socket:
    if not address.socket:
        return socket.create_connection((address.host, address.port), timeout=timeout_s)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(timeout_s)
    try:
        line.connect(address.socket)
    except OSError:
        line.close()
        raise
    return line


def _silent(line: socket.socket, address: Address) -> Reply:
    del line, address
    return Reply()


def _mysql(line: socket.socket, address: Address) -> Reply:
    del address
    with line.makefile("rb") as stream:
        size = int.from_bytes(stream.read(4)[:3], "little")
        return parse_mysql_greeting(stream.read(size))


def parse_mysql_greeting(packet: bytes) -> Reply:
    """The server's first packet: protocol 10 and the version, or 0xff and an error (MySQL's client/server protocol)."""
    if packet[:1] == b"\xff":
        raise WireError(packet[3:].decode(errors="replace").strip())
    if packet[:1] != b"\x0a":
        raise WireError("it does not greet as a MySQL or MariaDB server does")
    return Reply(version=packet[1 : packet.index(b"\0")].decode().removeprefix("5.5.5-").partition("-")[0])


def _postgresql(line: socket.socket, address: Address) -> Reply:
    del address
    line.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest, PostgreSQL's message formats
    answer = line.recv(1)
    if answer not in (b"S", b"N"):
        raise WireError("it does not answer as a PostgreSQL server does")
    return Reply()


def _redis(line: socket.socket, address: Address) -> Reply:
    with line.makefile("rb") as stream:
        if address.password:
            words = [b"AUTH", *([address.user.encode()] if address.user else []), address.password.encode()]
            _send_redis(line, words)
            _expect(stream.readline(), b"+OK")
        _send_redis(line, [b"INFO"])
        head = stream.readline()
        _expect(head, b"$")
        return parse_redis_info(stream.read(int(head[1:])).decode())


def _send_redis(line: socket.socket, words: list[bytes]) -> None:
    body = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    line.sendall(b"*%d\r\n%s" % (len(words), body))


def _expect(answer: bytes, start: bytes) -> None:
    if not answer.startswith(start):
        raise WireError(answer.decode(errors="replace").strip() or "it closed the connection")


def parse_redis_info(text: str) -> Reply:
    """The answer to INFO."""
    info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return Reply(
        version=info["redis_version"],
        pid=int(info["process_id"]),
        connections=int(info["total_connections_received"]),
    )


def _memcached(line: socket.socket, address: Address) -> Reply:
    del address
    line.sendall(b"stats\r\n")
    lines = []
    with line.makefile("rb") as stream:
        while (text := stream.readline().decode().strip()) and text != "END":
            lines.append(text)
    return parse_memcached_stats(lines)


def parse_memcached_stats(lines: list[str]) -> Reply:
    """The answer to ``stats``."""
    words = [line.split(" ", 2) for line in lines if line.startswith("STAT ")]
    stats = {key: value for _, key, value in words}
    if "pid" not in stats:
        raise WireError("it does not answer as memcached does")
    return Reply(version=stats["version"], pid=int(stats["pid"]), connections=int(stats["total_connections"]))


_ASK = {"mysql": _mysql, "postgresql": _postgresql, "redis": _redis, "memcached": _memcached}
