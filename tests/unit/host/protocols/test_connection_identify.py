import msgspec
import pytest

from envmatrix.host.protocols.connection import Address, RefusedError, Reply
from envmatrix.host.protocols.mysql import parse_greeting
from envmatrix.host.protocols.servers import SERVERS, address_of
from envmatrix.host.protocols.text_and_http import parse_memcached_stats, parse_redis_info


@pytest.mark.parametrize(
    ("name", "url", "address"),
    [
        (
            "mysql",
            "mysql+pymysql://u:p%40@db:3307/x",
            Address(host="db", port=3307, user="u", password="p@", database="x"),
        ),
        ("mysql", "mysql://root@/x?unix_socket=/run/m.sock", Address(socket="/run/m.sock", user="root", database="x")),
        ("mysql", "mysql://root@db", Address(host="db", port=3306, user="root")),
        ("postgresql", "postgresql:///x?host=/run/pg", Address(socket="/run/pg/.s.PGSQL.5432", database="x")),
        ("postgresql", "postgresql:///x?host=db&port=5433", Address(host="db", port=5433, database="x")),
        ("redis", "redis://:secret@[::1]/3", Address(host="::1", port=6379, password="secret", database="3")),
        ("redis", "unix:///run/redis.sock", Address(socket="/run/redis.sock")),
        ("memcached", "memcached://cache", Address(host="cache", port=11211)),
        ("rabbitmq", "amqp://mq:5672", Address(host="mq", port=5672)),
    ],
)
def test_urls_of_the_usual_clients(name, url, address):
    scheme = url.partition(":")[0]
    assert address_of(SERVERS.get(name), url) == msgspec.structs.replace(address, scheme=scheme)


def test_greeting_of_mariadb_and_mysql():
    assert parse_greeting(b"\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\0rest") == "10.11.19-MariaDB-0+deb12u1"
    assert parse_greeting(b"\x0a8.0.36\0rest") == "8.0.36"


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (b"\xff\x69\x04Host 'h' is not allowed", "Host 'h' is not allowed"),
        (b"SSH-2.0-x", "not greet"),
        (b"", "not greet"),
    ],
)
def test_a_server_that_refuses_or_is_another(packet, words):
    with pytest.raises(RefusedError, match=words):
        parse_greeting(packet)


def test_redis_and_memcached_count_their_connections():
    info = "# Server\r\nredis_version:7.0.15\r\nprocess_id:12\r\n# Stats\r\ntotal_connections_received:5\r\n"
    assert parse_redis_info(info) == Reply(version="7.0.15", pid=12, connections=5)
    valkey = info.replace("redis_version", "valkey_version:8.0.1\r\nredis_version")
    assert parse_redis_info(valkey).version == "8.0.1"
    stats = ["STAT pid 9", "STAT version 1.6.18", "STAT total_connections 3"]
    assert parse_memcached_stats(stats) == Reply(version="1.6.18", pid=9, connections=3)


def test_memcached_that_is_something_else():
    with pytest.raises(RefusedError, match="not answer as memcached"):
        parse_memcached_stats(["HTTP/1.1 400 Bad Request"])
