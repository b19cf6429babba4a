import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import envmatrix
from envmatrix.config.capabilities import BUILTIN
from envmatrix.engine.services import drivers
from envmatrix.host.protocols.servers import (
    CLIENT,
    CONTROL,
    DAEMON,
    INITIALISER,
    SERVERS,
    STARTS,
    Server,
    StartError,
    find_programs,
    process_names,
    url_variable,
)
from envmatrix.host.remedies import COMMANDS

PACKAGE = Path(envmatrix.__file__).parent
BARE = ("http", "tcp")  # protocols of no server in particular


@pytest.mark.parametrize("server", [SERVERS[name] for name in SERVERS if name not in BARE], ids=lambda one: one.name)
def test_every_server_is_complete(server: Server) -> None:
    assert server.port and server.daemons and server.unit and server.same_packages
    assert server.packages.keys() <= COMMANDS.keys()
    assert all(server.packages.values())
    assert BUILTIN[server.name].service == server.name
    assert not BUILTIN[server.name].packages, "a second table of packages"


@pytest.mark.parametrize("name", STARTS)
def test_every_server_that_is_started_is_complete(name: str) -> None:
    server, start = SERVERS[name], STARTS[name]
    assert server.identify is not None
    assert server.packages.keys() == {"apt", "dnf", "pacman", "brew"}
    assert start.users[-1] == "nobody"
    assert start.url.partition("{")[1] and (start.takes_port or start.socket)
    assert not start.home or start.home in start.tools
    assert name in drivers._DRIVERS and name in drivers._ADAPT
    assert set(server.daemons) <= process_names().keys()


def test_every_service_that_is_built_in_has_a_record() -> None:
    assert {item.service for item in BUILTIN.values() if item.service} == SERVERS.keys() - set(BARE)


def strings(path: Path) -> Iterator[str]:
    """Yield the string literals of a module that are not docstrings."""
    tree = ast.parse(path.read_text())
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts:
            yield node.value


def test_no_other_table_names_the_programs_of_servers() -> None:
    programs = {name for server in SERVERS.values() for name in server.daemons}
    programs |= {name for start in STARTS.values() for tool in start.tools.values() for name in tool.names}
    words = programs - SERVERS.keys()  # memcached and etcd are called as their protocols are
    words -= {"initdb", "mariadb", "mysql"}  # also pg_ctl's own word, and what projects call their servers
    assert {"valkey-server", "mariadbd", "mysqld", "postgres", "pg_ctl", "mariadb-install-db"} <= words
    allowed = {
        "postgres": {
            "host/protocols/postgresql.py",
            "verdict/skips/capability_names.py",
            "commands/init/scan_tests.py",
            "commands/init/profiles.py",
        }
    }
    found = {
        (str(path.relative_to(PACKAGE)), text)
        for path in PACKAGE.rglob("*.py")
        if path.name != "servers.py"
        for text in strings(path)
        if text in words and str(path.relative_to(PACKAGE)) not in allowed.get(text, ())
    }
    assert found == set()


@pytest.mark.parametrize("name", ["mysql", "my-db", "my.db2"])
def test_the_variable_of_a_url_is_one_that_a_shell_can_set(name: str) -> None:
    assert url_variable(name).isidentifier()
    assert url_variable("my-db") == "ENVMATRIX_MY_DB_URL"


def make_folder(folder: Path, *programs: str) -> Path:
    """Return the folder, with executable files of these names."""
    folder.mkdir()
    for name in programs:
        (folder / name).touch(0o755)
    return folder


def test_a_callers_own_programs_go_before_the_systems(tmp_path: Path) -> None:
    own = make_folder(tmp_path / "own", "mysqld", "mysql", "mysql_install_db")
    later = make_folder(tmp_path / "later", "mariadbd", "mariadb", "mariadb-install-db")
    assert find_programs("mysql", {"PATH": f"{own}:{later}"}) == {
        DAEMON: f"{own}/mysqld",
        CLIENT: f"{own}/mysql",
        INITIALISER: f"{own}/mysql_install_db",
    }


def test_of_two_names_in_one_directory_the_current_one_is_taken(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "bin", "mysqld", "mariadbd", "mysql", "mariadb", "mariadb-install-db")
    assert find_programs("mysql", {"PATH": str(folder)})[DAEMON] == f"{folder}/mariadbd"


def test_postgresql_is_taken_from_one_directory(tmp_path: Path) -> None:
    """pg_ctl takes initdb and postgres from its own directory, so what else is in PATH does not help it."""
    partial = make_folder(tmp_path / "partial", "pg_ctl", "postgres")
    others = make_folder(tmp_path / "others", "initdb")
    whole = make_folder(tmp_path / "whole", "pg_ctl", "initdb", "postgres")
    links = make_folder(tmp_path / "links")
    (links / "pg_ctl").symlink_to(whole / "pg_ctl")
    assert find_programs("postgresql", {"PATH": f"{partial}:{others}:{links}"}) == {
        DAEMON: f"{whole}/postgres",
        CONTROL: f"{whole}/pg_ctl",
        INITIALISER: f"{whole}/initdb",
    }


def test_a_server_that_is_only_probed_is_not_started() -> None:
    with pytest.raises(StartError, match=r"'rabbitmq'; it can start memcached, mysql, postgresql, redis$") as caught:
        find_programs("rabbitmq", {})
    assert caught.value.code == "unknown"
