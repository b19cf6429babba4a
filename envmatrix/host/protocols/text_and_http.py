"""Servers that speak in lines or over HTTP: redis, memcached, ZooKeeper, etcd; and a bare TCP or HTTP server.

Sources: redis.io/docs (RESP, PING, INFO), memcached's doc/protocol.txt, ZooKeeper's Administrator's Guide (four letter
words), etcd's API reference (/version, /health).
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping, Sequence

from envmatrix.host.protocols.connection import Address, RefusedError, Reply, connect, read_line, receive, remaining


def redis(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """AUTH where there is a password, PING, and INFO for the version; a server that only reads is refused."""
    with connect(address, deadline) as connection:
        _log_in_to_redis(connection, address, deadline)
        answer = _redis(connection, deadline, "PING")
        if answer != "PONG":
            raise RefusedError(f"it answers PING with {answer!r}")
        info = _redis(connection, deadline, "INFO")
    facts = _redis_facts(info)
    if facts.get("role") == "slave" and facts.get("slave_read_only", "1") == "1":
        raise RefusedError("it is a read-only replica")
    return parse_redis_info(info)


def identify_redis(connection: socket.socket, address: Address, deadline: float) -> Reply:
    """AUTH where there is a password, and INFO."""
    _log_in_to_redis(connection, address, deadline)
    return parse_redis_info(_redis(connection, deadline, "INFO"))


def parse_redis_info(text: str) -> Reply:
    """Parse the answer to INFO of Redis or Valkey, which gives the Redis version that it is compatible with as well."""
    facts = _redis_facts(text)
    return Reply(
        version=facts.get("valkey_version") or facts.get("redis_version", ""),
        pid=int(facts.get("process_id", 0)),
        connections=int(facts["total_connections_received"]) if "total_connections_received" in facts else None,
    )


def _redis_facts(text: str) -> dict[str, str]:
    return dict(row.split(":", 1) for row in text.splitlines() if ":" in row)


def _log_in_to_redis(connection: socket.socket, address: Address, deadline: float) -> None:
    if address.password:
        user = [address.user] if address.user else []
        _redis(connection, deadline, "AUTH", *user, address.password)


def _redis(connection: socket.socket, deadline: float, *words: str) -> str:
    parts = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    connection.sendall(f"*{len(words)}\r\n{parts}".encode())
    answer = read_line(connection, deadline)
    if answer.startswith("-"):
        raise RefusedError(answer[1:])
    if answer.startswith("$"):
        return receive(connection, deadline, int(answer[1:]) + 2).decode("utf-8", "replace")
    if not answer.startswith("+"):
        raise RefusedError(f"it does not speak redis' protocol: {answer[:80]!r}")
    return answer[1:]


def memcached(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """``version``, then a value that is stored and deleted again."""
    with connect(address, deadline) as connection:
        connection.sendall(b"version\r\n")
        answer = read_line(connection, deadline)
        if not answer.startswith("VERSION "):
            raise RefusedError(f"it answers `version` with {answer[:80]!r}")
        connection.sendall(b"set envmatrix-probe 0 1 1\r\n1\r\n")
        stored = read_line(connection, deadline)
        if stored != "STORED":
            raise RefusedError(f"it does not store: {stored[:80]}")
        connection.sendall(b"delete envmatrix-probe noreply\r\n")
    return Reply(version=answer.removeprefix("VERSION "))


def identify_memcached(connection: socket.socket, address: Address, deadline: float) -> Reply:
    """``stats``."""
    del address
    connection.sendall(b"stats\r\n")
    lines = []
    while (answer := read_line(connection, deadline)).startswith("STAT "):
        lines.append(answer)
    return parse_memcached_stats([*lines, answer])


def parse_memcached_stats(lines: Sequence[str]) -> Reply:
    """Parse the lines of the answer to ``stats``.

    :raises RefusedError: they are not those of memcached
    """
    words = [line.split(" ", 2) for line in lines if line.startswith("STAT ")]
    stats = {key: value for _, key, value in words}
    if "pid" not in stats:
        raise RefusedError(f"it does not answer as memcached does: {''.join(lines)[:80]!r}")
    return Reply(version=stats["version"], pid=int(stats["pid"]), connections=int(stats["total_connections"]))


def zookeeper(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """The four letter word ``srvr``, which ZooKeeper answers without being told to."""
    with connect(address, deadline) as connection:
        connection.sendall(b"srvr")
        answer = read_line(connection, deadline)
    match = re.match(r"Zookeeper version: ([\d.]+)", answer)
    if not match:
        raise RefusedError(f"it answers `srvr` with {answer[:120]!r}")
    return Reply(version=match[1], note="writing to it was not tried")


def etcd(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """``/version`` for the version, ``/health`` for whether the member has a leader."""
    version = _json(address, deadline, "/version").get("etcdserver", "")
    if not version:
        raise RefusedError("its /version names no etcdserver")
    health = _json(address, deadline, "/health")
    if str(health.get("health")).lower() != "true":
        raise RefusedError(f"it is not healthy: {health.get('reason') or health}")
    return Reply(version=str(version))


def web(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """GET of the URL's path; anything from 400 on is refused."""
    status, _body = _get(address, deadline, f"/{address.database}")
    if status >= 400:
        raise RefusedError(f"it answers GET /{address.database} with HTTP status {status}")
    return Reply()


def tcp(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """A connection, and nothing more."""
    connect(address, deadline).close()
    return Reply(note="only that it accepts a connection was tried")


def _json(address: Address, deadline: float, path: str) -> dict[str, object]:
    status, body = _get(address, deadline, path)
    try:
        data = json.loads(body)
    except ValueError:
        raise RefusedError(f"it answers GET {path} with HTTP status {status} and no JSON") from None
    return data if isinstance(data, dict) else {}


def _get(address: Address, deadline: float, path: str) -> tuple[int, bytes]:
    import http.client  # brings the mail and TLS libraries along, and few hosts need it

    kinds = {"https": http.client.HTTPSConnection}
    connection = kinds.get(address.scheme, http.client.HTTPConnection)(
        address.host, address.port, timeout=remaining(deadline)
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(65536)
    except http.client.HTTPException as error:
        raise RefusedError(f"it does not speak HTTP: {type(error).__name__}: {error}") from error
    finally:
        connection.close()
