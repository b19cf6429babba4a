"""The servers that envmatrix knows, one record each: for probing, planning, remedies and starting alike."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from envmatrix.host.protocols import mysql, postgresql, text_and_http
from envmatrix.host.protocols.amqp import rabbitmq
from envmatrix.host.protocols.connection import Address, Identifier, RefusedError, Reply, Speaker, connect, parse_url
from envmatrix.util.subprocess import run

DAEMON: Final = "daemon"
CLIENT: Final = "client"
CONTROL: Final = "control"
INITIALISER: Final = "initialiser"

# Directories where distributions put daemons and that the PATH of an ordinary user lacks.
_DAEMON_FOLDERS: Final = (
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/libexec",
    "/opt/homebrew/bin",
    "/opt/homebrew/sbin",
)


class StartError(Exception):
    """envmatrix cannot start a server on this host; the text says why. ``code`` is unknown or program_missing."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A program that a start needs in addition to the daemon, by its names in order of preference.

    ``needed_by`` is a word in the version line of the daemons that need it; "" where all do.
    """

    names: tuple[str, ...]
    needed_by: str = ""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """How envmatrix starts a private server of a kind, in addition to the pifpaf driver of that name.

    ``tools`` are by role. ``home`` is the role of the program that takes all others from its own directory. ``users``
    are the accounts that the daemon may run as under root, in order of preference. ``url`` is filled by the fields of
    ServiceInfo. ``stop`` is the signal that ends the daemon at once without leaving shared memory behind.
    ``other_names`` are names of the daemon's process that are not names of its program.
    """

    users: tuple[str, ...]
    url: str
    tools: dict[str, Tool] = {}
    home: str = ""
    takes_port: bool = False
    socket: str = ""
    user: str = ""
    database: str = ""
    stop: int = signal.SIGKILL
    other_names: tuple[str, ...] = ()


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server.

    ``speak`` proves that a server is of use, ``identify`` asks it who it is; None: it is only connected to. ``daemons``
    are the names of its program in order of preference, ``folders`` patterns below / of directories that hold it.
    ``sockets`` is where distributions put its socket, ``unit`` its name in systemd. ``packages`` are by installer;
    ``same_packages`` matches the names of all packages that provide the same. ``start`` is None for a server that
    envmatrix cannot start.
    """

    name: str
    speak: Speaker
    port: int
    identify: Identifier | None = None
    daemons: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    unit: str = ""
    packages: dict[str, tuple[str, ...]] = {}
    same_packages: str = ""
    start: Start | None = None


_ALL: Final = (
    Server(
        name="mysql",
        speak=mysql.mysql,
        identify=mysql.identify,
        port=3306,
        daemons=("mariadbd", "mysqld"),
        sockets=("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"),
        unit="mariadb",
        packages={
            "apt": ("mariadb-server",),
            "dnf": ("mariadb-server",),
            "pacman": ("mariadb",),
            "brew": ("mariadb",),
        },
        same_packages=r"(default-)?(mysql|mariadb)(-(community-)?server)?(-core)?(-[\d.]+)?",
        start=Start(
            tools={
                CLIENT: Tool(names=("mariadb", "mysql")),
                # MySQL initialises its data directory itself
                INITIALISER: Tool(names=("mariadb-install-db", "mysql_install_db"), needed_by="MariaDB"),
            },
            users=("mysql", "nobody"),
            url="mysql+pymysql://root@localhost/pifpaf?unix_socket={socket}",
            socket="mysql.socket",
            user="root",
            database="pifpaf",
        ),
    ),
    Server(
        name="postgresql",
        speak=postgresql.postgresql,
        identify=postgresql.identify,
        port=5432,
        daemons=("postgres",),
        folders=("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin"),
        sockets=("/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432"),
        unit="postgresql",
        packages={
            "apt": ("postgresql",),
            "dnf": ("postgresql-server",),
            "pacman": ("postgresql",),
            "brew": ("postgresql",),
        },
        same_packages=r"postgresql(-server)?(-?[\d.]+)?",
        start=Start(
            tools={CONTROL: Tool(names=("pg_ctl",)), INITIALISER: Tool(names=("initdb",))},
            home=CONTROL,
            users=("postgres", "nobody"),
            url="postgresql://postgres@/postgres?host={host}&port={port}",
            socket=".s.PGSQL.5432",
            user="postgres",
            database="postgres",
            stop=signal.SIGQUIT,
        ),
    ),
    Server(
        name="redis",
        speak=text_and_http.redis,
        identify=text_and_http.identify_redis,
        port=6379,
        daemons=("redis-server", "valkey-server"),
        unit="redis",
        packages={"apt": ("redis-server",), "dnf": ("valkey",), "pacman": ("valkey",), "brew": ("redis",)},
        same_packages=r"(redis|valkey)(-server)?",
        start=Start(
            users=("redis", "valkey", "nobody"),
            url="redis://127.0.0.1:{port}",
            takes_port=True,
            socket="redis.socket",
            other_names=("redis-check-rdb", "valkey-check-rdb"),
        ),
    ),
    Server(
        name="memcached",
        speak=text_and_http.memcached,
        identify=text_and_http.identify_memcached,
        port=11211,
        daemons=("memcached",),
        unit="memcached",
        packages={
            "apt": ("memcached",),
            "dnf": ("memcached",),
            "pacman": ("memcached",),
            "brew": ("memcached",),
        },
        same_packages="memcached",
        start=Start(
            users=("memcache", "memcached", "nobody"),
            url="memcached://127.0.0.1:{port}",
            takes_port=True,
        ),
    ),
    Server(
        name="rabbitmq",
        speak=rabbitmq,
        port=5672,
        daemons=("rabbitmq-server",),
        unit="rabbitmq-server",
        packages={
            "apt": ("rabbitmq-server",),
            "dnf": ("rabbitmq-server",),
            "pacman": ("rabbitmq",),
            "brew": ("rabbitmq",),
        },
        same_packages="rabbitmq(-server)?",
    ),
    Server(
        name="etcd",
        speak=text_and_http.etcd,
        port=2379,
        daemons=("etcd",),
        unit="etcd",
        packages={"apt": ("etcd-server",), "dnf": ("etcd",), "brew": ("etcd",)},
        same_packages="etcd(-server)?",
    ),
    Server(
        name="zookeeper",
        speak=text_and_http.zookeeper,
        port=2181,
        daemons=("zkServer.sh",),
        folders=("usr/share/zookeeper/bin",),
        unit="zookeeper",
        packages={"apt": ("zookeeperd",), "brew": ("zookeeper",)},
        same_packages="zookeeper(d|-server)?",
    ),
    Server(name="http", speak=text_and_http.web, port=80),
    Server(name="tcp", speak=text_and_http.tcp, port=0),
)
SERVERS: Final[Mapping[str, Server]] = MappingProxyType({server.name: server for server in _ALL})
STARTS: Final[Mapping[str, Start]] = MappingProxyType(
    {server.name: server.start for server in _ALL if server.start is not None}
)


def url_variable(name: str) -> str:
    """Return the environment variable by which a user points to the server called ``name``: ENVMATRIX_MYSQL_URL."""
    return f"ENVMATRIX_{variable_part(name)}_URL"


def variable_part(name: str) -> str:
    """Return a server's name as a part of a variable's: ``my-db`` is ``MY_DB``."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def process_names() -> dict[str, int]:
    """Return the names that the processes of startable daemons have, with the signal that stops each."""
    names = {service: (*SERVERS[service].daemons, *start.other_names) for service, start in STARTS.items()}
    return {name: STARTS[service].stop for service in STARTS for name in names[service]}


def search_path(server: Server, environ: Mapping[str, str]) -> str:
    """Return the PATH on which the server's programs are looked for: the caller's, then the distributions' directories.

    Of several versions side by side (PostgreSQL) the newest comes first.
    """
    result = [str(path) for pattern in server.folders for path in Path("/").glob(pattern)]
    local = sorted(result, key=_version_in, reverse=True)
    return os.pathsep.join([environ.get("PATH", os.defpath), *local, *_DAEMON_FOLDERS])


def _version_in(path: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", path)]


def find_daemon(server: Server, environ: Mapping[str, str]) -> str:
    """Return the path of the server's program; "" where none is installed."""
    return _find(server.daemons, search_path(server, environ))


def find_programs(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the paths of all programs that a start of the server ``name`` needs, by role.

    The plan and the run both ask this function: a cell is runnable exactly where its services find their programs.

    :raises StartError: envmatrix cannot start a server of that name, or a program is missing
    """
    start = STARTS.get(name)
    if start is None:
        message = f"envmatrix cannot start the service {name!r}; it can start {', '.join(sorted(STARTS))}"
        raise StartError(message, code="unknown")
    server = SERVERS[name]
    path = search_path(server, environ)
    if not start.home:
        return _find_all(server, start, path)
    problems: list[StartError] = []
    for home in _homes(start.tools[start.home].names, path):
        try:
            return _find_all(server, start, home)
        except StartError as error:
            problems.append(error)
    raise problems[0] if problems else _missing([start.tools[start.home].names])


def _homes(names: tuple[str, ...], path: str) -> dict[str, None]:
    """Return the real directories of the programs called ``names`` on ``path``, each once and in order."""
    matches = (_find(names, folder) for folder in path.split(os.pathsep) if folder)
    return dict.fromkeys(str(Path(program).resolve().parent) for program in matches if program)


def _find_all(server: Server, start: Start, path: str) -> dict[str, str]:
    programs = {DAEMON: _find(server.daemons, path)}
    programs.update({role: _find(tool.names, path) for role, tool in start.tools.items()})
    names = {DAEMON: server.daemons, **{role: tool.names for role, tool in start.tools.items()}}
    missing = [
        names[role] for role, program in programs.items() if not program and _is_needed(role, start, programs[DAEMON])
    ]
    if missing:
        raise _missing(missing, place=path if start.home else "")
    return {role: program for role, program in programs.items() if program}


def _is_needed(role: str, start: Start, daemon: str) -> bool:
    word = start.tools[role].needed_by if role in start.tools else ""
    if not word or not daemon:
        return not word
    return word in run((daemon, "--version"), {"LC_ALL": "C"}, 10.0).out


def _missing(groups: list[tuple[str, ...]], *, place: str = "") -> StartError:
    listed = " and ".join(" or ".join(names) for names in groups)
    where = f" in {place}" if place else ""
    return StartError(f"there is no program {listed}{where}", code="program_missing")


def _find(names: tuple[str, ...], path: str) -> str:
    """Return the first program of one of the names on ``path``; of several in one directory the first by name."""
    folders = [folder for folder in path.split(os.pathsep) if folder]
    return next((entry for folder in folders for name in names if (entry := shutil.which(name, path=folder))), "")


def address_of(server: Server | None, url: str) -> Address:
    """Return the address that a URL of the server names, or its usual place for "".

    :raises ValueError: for text that is not a URL
    """
    if server is None:
        return parse_url(url, 0)
    return parse_url(url or "//localhost", server.port, server.sockets)


def identify(name: str, address: Address, *, timeout_s: float = 5.0) -> Reply:
    """Ask the server at ``address`` who it is; one of a kind that cannot be asked is only connected to.

    :raises OSError: nobody listens there
    :raises RefusedError: it is not a ``name``, or does not answer
    """
    deadline = time.monotonic() + timeout_s
    ask = SERVERS[name].identify if name in SERVERS else None
    with connect(address, deadline) as connection:
        try:
            return ask(connection, address, deadline) if ask is not None else Reply()
        except TimeoutError as error:
            raise RefusedError(f"it listens, and said nothing to {name}'s protocol for {timeout_s:.0f} s") from error
        except (ValueError, KeyError, IndexError) as error:
            raise RefusedError(f"it does not speak {name}'s protocol ({error})") from error
