"""Servers that do not run, do not answer, or do not let the tests do what they need: real ones of each kind."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from probe_faults import as_nobody, check_says, daemon, finding_of, free_port

from envmatrix.config.capabilities import BUILTIN
from envmatrix.host.model import Finding

ENVIRON = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nowhere"}


def found(name: str, url: str, requirement: str = "") -> Finding:
    return finding_of(BUILTIN[name], {**ENVIRON, f"ENVMATRIX_{name.upper()}_URL": url}, requirement)


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A port at which somebody accepts; it answers so and hangs up, or says nothing for None."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _address = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(answer or b"")

        if answer is not None:
            threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


SERVICES = ("mysql", "postgresql", "redis", "memcached", "rabbitmq", "etcd", "zookeeper")


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_says_nothing_is_broken(name: str) -> None:
    with answering(None) as port:
        check_says("service-silent", found(name, f"{name}://127.0.0.1:{port}"), "broken")


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_speaks_something_else_is_broken(name: str) -> None:
    with answering(b"220 mail.example.org ESMTP ready, and quite a lot more to say\r\n") as port:
        check_says("service-other-protocol", found(name, f"{name}://127.0.0.1:{port}"), "broken")


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_hangs_up_is_broken(name: str) -> None:
    with answering(b"") as port:
        assert found(name, f"{name}://127.0.0.1:{port}").status == "broken"


def test_a_server_that_is_installed_and_does_not_run_is_absent() -> None:
    check_says("service-not-running", found("redis", f"redis://127.0.0.1:{free_port()}"), "absent")


def test_a_server_that_is_not_installed_is_absent() -> None:
    url = {"ENVMATRIX_REDIS_URL": f"redis://127.0.0.1:{free_port()}"}
    check_says("service-not-installed", finding_of(BUILTIN["zookeeper"], ENVIRON), "absent")
    assert url


def test_a_url_that_is_none_is_broken() -> None:
    check_says("service-url-wrong", found("redis", "redis://127.0.0.1:port"), "broken")


def test_services_that_the_run_starts_need_only_their_program() -> None:
    for name in ("mysql", "postgresql", "redis", "memcached"):
        finding = finding_of(BUILTIN[name], ENVIRON, services=(name,))
        assert finding.status == "ok", finding
        assert finding.version[:1].isdigit()
    finding = finding_of(BUILTIN["redis"], ENVIRON, "redis>=99", services=("redis",))
    check_says("service-too-old-to-start", finding, "broken")


def test_the_url_of_a_service_is_whole_because_the_tests_are_given_it() -> None:
    with answering(b"") as port:
        environ = {**ENVIRON, "ENVMATRIX_REDIS_URL": f"127.0.0.1:{port}"}
        finding = finding_of(BUILTIN["redis"], environ, services=("redis",))
        assert (finding.status, "it lacks the scheme" in finding.message) == ("broken", True)
        assert "lacks the scheme" not in finding_of(BUILTIN["redis"], environ).message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that every user may enter, with a path short enough for a socket."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="em-", dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_redis(folder: Path) -> None:
    port = free_port()
    where = ("--port", str(port), "--dir", folder, "--unixsocket", folder / "redis.sock", "--unixsocketperm", "700")
    with daemon("redis-server", *where, "--requirepass", "hunter2", ready=port):
        finding = found("redis", f"redis://:hunter2@127.0.0.1:{port}", "redis>=5")
        assert (finding.status, finding.where) == ("ok", f"127.0.0.1:{port}")
        assert "hunter2" not in repr(finding)
        assert found("redis", f"unix://:hunter2@localhost{folder}/redis.sock").status == "ok"
        check_says("service-password-missing", found("redis", f"redis://127.0.0.1:{port}"), "broken")
        check_says("service-password-wrong", found("redis", f"redis://:wrong@127.0.0.1:{port}"), "broken")
        check_says("service-too-old", found("redis", f"redis://:hunter2@127.0.0.1:{port}", "redis>=99"), "broken")
        with as_nobody():
            finding = found("redis", f"unix://{folder}/redis.sock")
        check_says("service-socket-not-permitted", finding, "broken")
    with daemon("redis-server", "--port", str(port), "--dir", folder, "--replicaof", "127.0.0.1 1", ready=port):
        check_says("service-read-only", found("redis", f"redis://127.0.0.1:{port}"), "broken")


def test_memcached(folder: Path) -> None:
    port = free_port()
    with daemon("memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(port), ready=port):
        finding = found("memcached", f"memcached://127.0.0.1:{port}", "memcached>=1.5")
        assert finding.status == "ok"


def test_mysql(folder: Path) -> None:
    data, path = folder / "data", folder / "mysql.sock"
    data.mkdir()
    shutil.chown(data, "mysql")
    shutil.chown(folder, "mysql")
    install = ("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=mysql", "--skip-test-db")
    subprocess.run([*install, "--auth-root-authentication-method=normal"], check=True, capture_output=True)
    start = ("mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={path}", "--user=mysql", "--skip-networking")
    with daemon(*start, f"--pid-file={folder}/pid", ready=path):
        grant = "CREATE USER 'reader'@'localhost' IDENTIFIED BY 'x'; GRANT SELECT ON *.* TO 'reader'@'localhost'"
        subprocess.run(["mysql", "--no-defaults", f"--socket={path}", "-uroot", "-e", grant], check=True)
        url = f"mysql+pymysql://{{}}@localhost/?unix_socket={path}"
        finding = found("mysql", url.format("root"), "mysql>=10")
        assert (finding.status, finding.where) == ("ok", str(path))
        check_says("mysql-no-create", found("mysql", url.format("reader:x")), "broken")
        check_says("mysql-password-wrong", found("mysql", url.format("reader:y")), "broken")
        check_says("mysql-too-old", found("mysql", url.format("root"), "mysql>=99"), "broken")
        left = subprocess.run(
            ["mysql", "--no-defaults", f"--socket={path}", "-uroot", "-Ne", "SHOW DATABASES LIKE 'envmatrix%'"],
            check=True,
            capture_output=True,
        )
        assert left.stdout == b""
        path.chmod(0o700)
        with as_nobody():
            finding = found("mysql", url.format("root"))
        check_says("mysql-socket-not-permitted", finding, "broken")


def test_postgresql(folder: Path) -> None:
    binaries = Path(
        subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True).stdout.strip()
    )
    shutil.chown(folder, "postgres")
    as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
    initdb = (*as_postgres, binaries / "initdb", "-D", folder / "data", "-A", "trust", "--no-sync")
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
    start = (*as_postgres, binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c")
    with daemon(*start, "fsync=off", ready=folder / ".s.PGSQL.5432"):
        url = f"postgresql://{{}}@/postgres?host={folder}"
        subprocess.run(["psql", "-h", folder, "-U", "postgres", "-c", "CREATE ROLE plain LOGIN"], check=True)
        finding = found("postgresql", url.format("postgres"), "postgresql>=12")
        assert (finding.status, finding.where) == ("ok", f"{folder}/.s.PGSQL.5432")
        check_says("postgresql-no-createdb", found("postgresql", url.format("plain")), "broken")
        check_says("postgresql-no-role", found("postgresql", url.format("stranger")), "broken")
        nopsql = {**ENVIRON, "PATH": "/nowhere", "ENVMATRIX_POSTGRESQL_URL": url.format("plain")}
        check_says("postgresql-no-client", finding_of(BUILTIN["postgresql"], nopsql), "ok")
