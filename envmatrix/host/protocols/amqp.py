"""RabbitMQ: AMQP 0-9-1 up to the end of the login (source: the AMQP 0-9-1 specification, sections 1.4 and 4.2)."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Mapping

from envmatrix.host.protocols.connection import Address, RefusedError, Reply, connect, receive

HEADER = b"AMQP\x00\x00\x09\x01"
START, START_OK, TUNE, CLOSE = (10, 10), (10, 11), (10, 30), (10, 50)


def rabbitmq(address: Address, deadline: float, environ: Mapping[str, str]) -> Reply:
    """The server's start, whose properties name its version, then a login (guest where the URL names nobody)."""
    with connect(address, deadline) as connection:
        connection.sendall(HEADER)
        method, body = _frame(connection, deadline)
        if method != START:
            raise RefusedError(f"it does not start with Connection.Start but with {method}")
        version = re.search(rb"\x07versionS....([\w.+-]+)", body, re.DOTALL)
        connection.sendall(_start_ok(address.user or "guest", address.password or "guest"))
        try:
            method, body = _frame(connection, deadline)
        except ConnectionError:
            raise RefusedError(f"it refuses the login of '{address.user or 'guest'}'") from None
        if method == CLOSE:
            raise RefusedError(body[3 : 3 + body[2]].decode("utf-8", "replace"))
        if method != TUNE:
            raise RefusedError(f"it answers the login with {method}")
    return Reply(version=version[1].decode() if version else "")


def _frame(connection: socket.socket, deadline: float) -> tuple[tuple[int, int], bytes]:
    """The next method's class and number, and its arguments."""
    head = receive(connection, deadline, 7)
    if head[:4] == b"AMQP":
        raise RefusedError("it speaks another version of AMQP than 0-9-1")
    kind, _channel, size = struct.unpack(">BHI", head)
    if kind != 1 or size > 2**20:
        raise RefusedError(f"it does not speak AMQP: {head!r}")
    payload = receive(connection, deadline, size + 1)
    class_, method = struct.unpack(">HH", payload[:4])
    return (class_, method), payload[4:-1]


def _start_ok(user: str, password: str) -> bytes:
    answer = f"\0{user}\0{password}".encode()
    arguments = struct.pack(">I", 0) + b"\x05PLAIN" + struct.pack(">I", len(answer)) + answer + b"\x05en_US"
    payload = struct.pack(">HH", *START_OK) + arguments
    return struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce"
