"""What the plan says of a service and what the run makes of it agree, on hosts that have only some of its programs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from envmatrix.host.protocols.servers import CLIENT, DAEMON, StartError, find_programs

INI = "[tox]\nskipsdist = true\n[testenv]\ncommands = python -m unittest -v test_it\n"
HEAD = "import os, socket, struct, unittest\n\nclass Case(unittest.TestCase):\n    def test_it(self):\n"
CONNECT = """        line = socket.socket(socket.AF_UNIX)
        line.connect(os.environ["WHERE"])
        line.close()
"""
TESTS = {
    "mysql": CONNECT,
    "postgresql": """        body = b"user\\0postgres\\0database\\0postgres\\0\\0"
        line = socket.socket(socket.AF_UNIX)
        line.connect(os.environ["WHERE"])
        line.sendall(struct.pack("!ii", len(body) + 8, 196608) + body)
        self.assertEqual(line.recv(1), b"R")
        line.close()
""",
    "rabbitmq": CONNECT,
    "redis": """        with socket.create_connection(("127.0.0.1", int(os.environ["WHERE"]))) as line:
            line.sendall(b"INFO server\\r\\n")
            self.assertIn("/valkey-server", line.recv(65536).decode())
""",
}
WHERE = {"redis": "{redis.port}"}


def location(program: str) -> str:
    """Return the real file behind a program of this host, in PATH or where PostgreSQL has it."""
    folders = [*map(str, Path("/usr/lib/postgresql").glob("*/bin")), "/usr/sbin", "/usr/bin"]
    found = shutil.which(program, path=":".join(folders))
    assert found, f"this host has no {program}"
    return str(Path(found).resolve())


@pytest.fixture
def extra() -> Iterator[Path]:
    """A directory for further programs, which every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="emextra"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def planned_and_run(project, envmatrix, tmp_path, clean_env, extra) -> Callable[..., tuple[Any, Any, Path]]:
    """``planned_and_run("redis", without=("redis-server",))``: the cell in the plan and in the run, and the project.

    Both commands run in a mount namespace in which an empty file covers each of the programs. Needs root.
    """

    def run(service: str, *, without: tuple[str, ...]) -> tuple[Any, Any, Path]:
        nothing = tmp_path / "empty"
        nothing.touch()
        cover = "".join(f"mount --bind {nothing} {location(program)} && " for program in without)
        within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", f'{cover}exec "$@"', "partial-host")
        where = WHERE.get(service, f"{{{service}.socket}}")
        profile = f'extends = "restricted"\nservices = ["{service}"]\n[service_env]\nWHERE = "{where}"\n'
        root = project({"tox.ini": INI, "profiles/data.toml": profile, "test_it.py": HEAD + TESTS[service]})
        env = {"PATH": f"{extra}:{clean_env['PATH']}"}
        plan = envmatrix("plan", "data", "--json", cwd=root, env=env, within=within)
        ran = envmatrix("run", "data", "--json", cwd=root, env=env, within=within)
        (planned,), (told,) = plan.json["cells"], ran.json["cells"]
        assert (planned["state"] == "runnable") == (ran.returncode == 0), f"{plan}\n{ran}"
        return planned, told, root

    return run


def assert_blocked(planned: Any, told: Any, root: Path, *words: str) -> None:
    """Assert that both name the same reason with these words and a remedy, and that nothing was started."""
    assert planned["state"] == told["state"] == "blocked"
    (reason,), (again,) = planned["reasons"], told["reasons"]
    assert (reason["message"], reason["remedy"]) == (again["message"], again["remedy"])
    assert [word for word in words if word not in f"{reason['message']} {reason['remedy']}"] == []
    assert not (root / ".envmatrix" / "services").exists()


def test_a_host_with_valkey_only_starts_it(planned_and_run, extra):
    shutil.copy2(location("redis-server"), extra / "valkey-server")
    planned, told, _root = planned_and_run("redis", without=("redis-server",))
    assert (planned["state"], told["state"]) == ("runnable", "passed")
    assert not [process for process in psutil.process_iter(["exe"]) if process.info["exe"] == f"{extra}/valkey-server"]


def test_a_host_without_redis_and_valkey_is_blocked(planned_and_run):
    assert_blocked(*planned_and_run("redis", without=("redis-server",)), "redis-server or valkey-server", "Install it")


def test_postgresql_without_initdb_is_blocked(planned_and_run):
    told = planned_and_run("postgresql", without=("initdb",))
    assert_blocked(*told, "no program initdb in /usr/lib/postgresql", "install postgresql", "ENVMATRIX_POSTGRESQL_URL")


def test_postgresql_of_clients_only_is_blocked(planned_and_run):
    assert_blocked(*planned_and_run("postgresql", without=("initdb", "postgres", "pg_ctl")), "no program pg_ctl")


def test_postgresql_needs_no_development_files(planned_and_run):
    planned, told, _root = planned_and_run("postgresql", without=("pg_config",))
    assert (planned["state"], told["state"]) == ("runnable", "passed")


def test_mariadb_without_its_client_is_blocked(planned_and_run):
    assert_blocked(*planned_and_run("mysql", without=("mariadb",)), "no program mariadb or mysql", "mariadb-server")


def test_mariadb_without_what_initialises_it_is_blocked(planned_and_run):
    told = planned_and_run("mysql", without=("mariadb-install-db",))
    assert_blocked(*told, "no program mariadb-install-db or mysql_install_db", "mariadb-server")


def test_mariadb_under_its_own_names_only_is_started(planned_and_run, extra):
    for program in ("mariadbd", "mariadb", "mariadb-install-db"):
        (extra / program).symlink_to(location(program))
    planned, told, _root = planned_and_run("mysql", without=())
    assert (planned["state"], told["state"]) == ("runnable", "passed")


def test_only_the_daemon_itself_tells_mysql_from_mariadb(extra):
    """Both are called mysqld; the first initialises its data directory itself, the second needs another program."""
    daemon = extra / "mysqld"
    daemon.symlink_to(location("mariadbd"))
    (extra / "mysql").symlink_to(location("mariadb"))
    with pytest.raises(StartError, match=r"no program mariadb-install-db or mysql_install_db$"):
        find_programs("mysql", {"PATH": str(extra)})
    daemon.unlink()
    daemon.write_text("#!/bin/sh\necho 'mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)'\n")
    daemon.chmod(0o755)
    assert find_programs("mysql", {"PATH": str(extra)}) == {DAEMON: str(daemon), CLIENT: str(extra / "mysql")}


def test_a_server_that_cannot_be_started_is_blocked_though_it_is_installed(planned_and_run, extra):
    (extra / "rabbitmq-server").symlink_to("/bin/true")
    told = planned_and_run("rabbitmq", without=())
    assert_blocked(*told, "envmatrix cannot start the service 'rabbitmq'", "Point ENVMATRIX_RABBITMQ_URL")
