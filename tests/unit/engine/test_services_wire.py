import pytest

from envmatrix.engine.services.wire import (
    Address,
    Reply,
    WireError,
    parse_memcached_stats,
    parse_mysql_greeting,
    parse_redis_info,
    parse_url,
    without_password,
)


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
    assert parse_url(name, url) == address


@pytest.mark.parametrize("url", ["", "localhost", "localhost:3306", "mysql:db"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValueError, match="is no URL"):
        parse_url("mysql", url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:secret@db/x", "mysql://u:***@db/x"),
        ("redis://:secret@db", "redis://:***@db"),
        ("mysql://u@db/x", "mysql://u@db/x"),
        ("redis://db", "redis://db"),
    ],
)
def test_a_password_is_never_shown(url, shown):
    assert without_password(url) == shown


def test_greeting_of_mariadb_and_mysql():
    assert parse_mysql_greeting(b"\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\0rest") == Reply(version="10.11.19")
    assert parse_mysql_greeting(b"\x0a8.0.36\0rest") == Reply(version="8.0.36")


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (b"\xff\x69\x04Host 'h' is not allowed", "Host 'h' is not allowed"),
        (b"SSH-2.0-x", "not greet"),
        (b"", "not greet"),
    ],
)
def test_a_server_that_refuses_or_is_another(packet, words):
    with pytest.raises(WireError, match=words):
        parse_mysql_greeting(packet)


def test_redis_and_memcached_count_their_connections():
    info = "# Server\r\nredis_version:7.0.15\r\nprocess_id:12\r\n# Stats\r\ntotal_connections_received:5\r\n"
    assert parse_redis_info(info) == Reply(version="7.0.15", pid=12, connections=5)
    stats = ["STAT pid 9", "STAT version 1.6.18", "STAT total_connections 3"]
    assert parse_memcached_stats(stats) == Reply(version="1.6.18", pid=9, connections=3)


def test_memcached_that_is_something_else():
    with pytest.raises(WireError, match="not answer as memcached"):
        parse_memcached_stats(["HTTP/1.1 400 Bad Request"])
