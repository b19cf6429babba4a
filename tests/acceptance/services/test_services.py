"""Real daemons: each talks to a real client, is private to its cell, and is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg2
import pymysql
import pytest

from envmatrix.engine import services

ALL = ("mysql", "postgresql", "redis", "memcached")


@pytest.fixture
def start(tmp_path):
    def run(*names, cell="full-py311", environ=None, service_env=None, urls=None, timeout_s=60.0):
        return services.start(
            names,
            cell=cell,
            work_dir=tmp_path / ".envmatrix",
            environ={**os.environ, **(environ or {})},
            service_env=service_env or {},
            urls=urls or {},
            timeout_s=timeout_s,
        )

    return run


def nothing_left(*infos):
    return not any(Path(info.folder).exists() or services.alive(info) for info in infos)


def wait_for(condition, within_s=10.0):
    until = time.monotonic() + within_s
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return met


def mysql(info):
    return pymysql.connect(unix_socket=info.socket, user=info.user, database=info.database, autocommit=True)


def talk(info):
    """One round trip by a client that is not ours."""
    if info.name == "mysql":
        with contextlib.closing(mysql(info)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS t (x TEXT)")
            cursor.execute("INSERT INTO t VALUES ('é𝄞')")
            cursor.execute("SELECT x FROM t")
            return cursor.fetchall()[0][0]
    if info.name == "postgresql":
        with contextlib.closing(psycopg2.connect(info.url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 'é𝄞'")
            return cursor.fetchall()[0][0]
    ask, answer = {"redis": (b"PING\r\n", b"+PONG"), "memcached": (b"version\r\n", b"VERSION")}[info.name]
    with socket.create_connection((info.host, info.port), timeout=5) as line:
        line.sendall(ask)
        return "é𝄞" if line.recv(100).startswith(answer) else ""


@pytest.mark.parametrize("name", ALL)
def test_a_client_talks_and_nothing_is_left(start, name, tmp_path):
    with start(name) as running:
        (info,) = running.services
        assert info.ours and services.alive(info)
        assert services.connections(info) == 0
        assert [talk(info), talk(info)] == ["é𝄞"] * 2
        assert services.connections(info) == services.connections(info) == 2
        assert info.version[:1].isdigit()
        assert running.env[f"ENVMATRIX_{name.upper()}_URL"] == info.url
        assert oct(Path(info.folder).stat().st_mode)[-2:] in ("00", "11")
    assert nothing_left(info)
    assert services.clean(tmp_path / ".envmatrix") == ()
    assert list((tmp_path / ".envmatrix").iterdir()) == []


@pytest.mark.parametrize("name", ALL)
def test_daemons_are_nobody_elses(start, name):
    """No root, and nothing that another host could reach."""
    with start(name) as running:
        process = psutil.Process(running.services[0].pid)
        assert process.username() != "root"
        listening = {c.laddr.ip for c in process.net_connections("inet")}
        assert listening <= {"127.0.0.1"}
        assert bool(listening) == (name in ("redis", "memcached"))


def test_all_four_together_and_two_cells_at_once(start):
    def cell(name):
        template = "{mysql.url};{postgresql.url};{redis.url};{memcached.port}"
        with start(*ALL, cell=name, service_env={"URLS": template}) as running:
            assert [talk(info) for info in running.services] == ["é𝄞"] * 4
            return running

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(cell, ["a", "b"])
    assert [info.name for info in one.services] == list(ALL)
    assert not set(one.env["URLS"].split(";")) & set(two.env["URLS"].split(";"))
    assert nothing_left(*one.services, *two.services)


def test_mysql_has_users_grants_and_unicode(start):
    """Test suites make users of their own; pifpaf's daemon alone refuses that."""
    with start("mysql") as running, contextlib.closing(mysql(running.services[0])) as root, root.cursor() as cursor:
        cursor.execute("CREATE DATABASE own")
        cursor.execute("CREATE USER 'citest'@'localhost' IDENTIFIED BY 'secret'")
        cursor.execute("GRANT ALL ON own.* TO 'citest'@'localhost'")
        socket_path = running.services[0].socket
        pymysql.connect(unix_socket=socket_path, user="citest", password="secret", database="own").close()
        with pytest.raises(pymysql.OperationalError, match="denied"):
            pymysql.connect(unix_socket=socket_path, user="citest", password="wrong")
        cursor.execute("SELECT @@character_set_server, (SELECT count(*) FROM mysql.user WHERE user = '')")
        assert cursor.fetchone() == ("utf8mb4", 0)


def test_an_error_in_the_block_stops_the_daemon(start):
    with pytest.raises(ZeroDivisionError), start("redis") as running:
        raise ZeroDivisionError
    assert nothing_left(*running.services)


def test_a_daemon_that_dies_is_noticed(start):
    with start("memcached") as running:
        (info,) = running.services
        psutil.Process(info.pid).kill()
        assert wait_for(lambda: not services.alive(info))
        assert services.connections(info) is None
    assert nothing_left(info)


def test_settings_of_the_user_reach_no_daemon(start, tmp_path):
    (tmp_path / ".my.cnf").write_text("[mysqld]\nport=nonsense\n[client]\nuser=nobody\n")
    strange = {"HOME": str(tmp_path), "MYSQL_HOST": "nowhere.example", "PGPORT": "1", "PGHOST": "nowhere.example"}
    with start("mysql", "postgresql", environ=strange) as running:
        assert [talk(info) for info in running.services] == ["é𝄞"] * 2
        assert [services.connections(info) for info in running.services] == [1, 1]


def test_a_server_that_the_user_points_to_is_used_and_left_running(start):
    with start("redis") as own:
        with start("redis", urls={"redis": own.services[0].url}) as running:
            (info,) = running.services
            assert not info.ours and info.url == own.services[0].url and info.version == own.services[0].version
            assert services.connections(info) is None
            assert services.alive(info) and talk(info)
        assert services.alive(own.services[0])
        with (
            pytest.raises(
                services.ServiceError, match=r"postgresql://u:\*\*\*@127.*said nothing to postgresql's protocol"
            ),
            start("postgresql", urls={"postgresql": own.services[0].url.replace("redis://", "postgresql://u:secret@")}),
        ):
            pass
    with (
        pytest.raises(services.ServiceError, match=r"redis://127.*refused") as caught,
        start("redis", urls={"redis": info.url}),
    ):
        pass
    assert caught.value.code == "unreachable"


def test_a_start_that_takes_too_long_leaves_nothing(start, tmp_path):
    with pytest.raises(services.ServiceError, match="did not answer in time"), start("mysql", timeout_s=0.05):
        pass
    assert services.clean(tmp_path / ".envmatrix") == ()
    assert list((tmp_path / ".envmatrix").iterdir()) == []


@pytest.fixture
def full_disk(tmp_path):
    """A real file system of one megabyte, open to all and short in its path."""
    folder = Path(f"/tmp/emfull{os.getpid()}")
    folder.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=1777", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


@pytest.mark.parametrize("name", ["mysql", "postgresql"])
def test_a_disk_that_is_full_is_said_in_the_daemons_own_words(start, full_disk, name):
    with pytest.raises(services.ServiceError) as caught, start(name, environ={"TMPDIR": str(full_disk)}):
        pass
    assert caught.value.code == "not_started"
    assert f"{name} could not be started for full-py311" in str(caught.value)
    assert "No space left on device" in caught.value.detail or "full" in caught.value.detail
    assert list(full_disk.iterdir()) == []


def test_a_program_that_the_daemons_user_may_not_run(start, tmp_path):
    private = tmp_path / "bin"
    private.mkdir()
    shutil.copy2(shutil.which("redis-server"), private)
    private.chmod(0o700)
    path = f"{private}:{os.environ['PATH']}"
    with (
        pytest.raises(services.ServiceError, match="redis could not be started") as caught,
        start("redis", environ={"PATH": path}),
    ):
        pass
    assert f"{private}/redis-server: Permission denied" in caught.value.detail


@pytest.mark.parametrize(("name", "token"), [("redis", "0a1b2c3d"), ("memcached", "0a1b2c3e")])
def test_a_port_that_somebody_took_in_between(name, token, tmp_path):
    """The keeper is told a port on which another server listens already: it goes on to the next."""
    script = f"""
        import os, socket, sys
        from envmatrix.engine.services import drivers, keeper
        from envmatrix.host.protocols.servers import find_programs
        taken = socket.create_server(("127.0.0.1", 0))
        number = taken.getsockname()[1]
        ports, free_port = [number], drivers.free_port
        drivers.free_port = lambda: ports.pop(0) if ports else free_port()
        answer = keeper._started(keeper.KeeperRequest(entry=keeper.registry.new_entry(
            token={token!r}, service={name!r}, cell="c", folder=keeper.Path(sys.argv[1])), work_dir="/nonexistent",
            programs=find_programs({name!r}, os.environ)))
        print(answer.error or (answer.info.port != number, ports))
        keeper.processes.end({token!r}, sys.argv[1])
    """
    folder = Path(f"/tmp/envmatrix-{name}-{token}")
    folder.mkdir(mode=0o711)
    folder.chmod(0o711)
    env = {**os.environ, "ENVMATRIX_SERVICE_TOKEN": token}
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), folder],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        shutil.rmtree(folder)
    assert done.stdout.strip() == "(True, [])", done.stdout + done.stderr
