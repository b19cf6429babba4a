import os
import sqlite3
import uuid
from urllib.parse import parse_qs, urlsplit

import pymysql
import pytest

from hypervisor import schema

URL = os.environ.get("DATABASE_URL", "mysql://hypervisor:hypervisor@127.0.0.1/")


def connect_to_mysql():
    url = urlsplit(URL)
    options = {key: values[-1] for key, values in parse_qs(url.query).items()}
    return pymysql.connect(
        host=url.hostname or "127.0.0.1",
        port=url.port or 3306,
        user=url.username or "root",
        password=url.password or "",
        unix_socket=options.get("unix_socket"),
        connect_timeout=2,
    )


@pytest.fixture
def sqlite():
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture
def mysql():
    try:
        connection = connect_to_mysql()
    except pymysql.err.OperationalError:
        pytest.skip("MySQL backend unavailable")
    database = f"hypervisor_{uuid.uuid4().hex}"
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {database}")
    connection.select_db(database)
    yield connection
    cursor.execute(f"DROP DATABASE {database}")
    connection.close()


@pytest.fixture(params=["sqlite", "mysql"])
def connection(request):
    return request.getfixturevalue(request.param)


def test_an_empty_database_is_brought_up_to_date(connection):
    schema.upgrade(connection)
    assert schema.version(connection) == len(schema.MIGRATIONS)


def test_an_upgrade_is_done_once(connection):
    schema.upgrade(connection)
    schema.upgrade(connection)
    assert schema.version(connection) == len(schema.MIGRATIONS)


def test_memory_is_kept_in_whole_megabytes(connection):
    schema.upgrade(connection, 1)
    cursor = connection.cursor()
    cursor.execute("INSERT INTO guests (name, memory_kb) VALUES ('web', 1048), ('db', 2047)")
    schema.upgrade(connection)
    cursor.execute("SELECT name, memory_mb FROM guests ORDER BY name")
    assert [tuple(row) for row in cursor.fetchall()] == [("db", 1), ("web", 1)]
