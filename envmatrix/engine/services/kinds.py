"""The services that envmatrix can start: one entry of ``KINDS`` each, started by the pifpaf driver of the same name."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known of a service beside pifpaf's driver.

    ``programs`` are groups of alternatives, one of each group is needed; ``paths`` are patterns below / of folders
    that hold them; ``daemons`` are the names that its processes have; ``users`` are who it may run as when we are
    root, in order of preference; ``url`` is filled by the fields of ServiceInfo; ``stop`` is the signal that ends the
    daemon at once without leaving shared memory behind.
    """

    name: str
    programs: tuple[tuple[str, ...], ...]
    daemons: tuple[str, ...]
    users: tuple[str, ...]
    packages: dict[str, str]
    url: str
    takes_port: bool = False
    socket: str = ""
    user: str = ""
    database: str = ""
    default_port: int = 0
    stop: int = signal.SIGKILL
    paths: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="mysql",
            programs=(
                ("mysqld", "mariadbd"),
                ("mysql", "mariadb"),
                ("mysql_install_db", "mariadb-install-db", "mysqld"),
            ),
            daemons=("mysqld", "mariadbd"),
            users=("mysql", "nobody"),
            packages={"apt": "mariadb-server", "dnf": "mariadb-server", "pacman": "mariadb", "brew": "mariadb"},
            url="mysql+pymysql://root@localhost/pifpaf?unix_socket={socket}",
            socket="mysql.socket",
            user="root",
            database="pifpaf",
            default_port=3306,
        ),
        Kind(
            name="postgresql",
            programs=(("pg_config",), ("initdb",)),
            daemons=("postgres",),
            users=("postgres", "nobody"),
            packages={
                "apt": "postgresql",
                "dnf": "postgresql-server",
                "pacman": "postgresql",
                "brew": "postgresql",
            },
            url="postgresql://postgres@/postgres?host={host}&port={port}",
            socket=".s.PGSQL.5432",
            user="postgres",
            database="postgres",
            default_port=5432,
            stop=signal.SIGQUIT,
            paths=("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin"),
        ),
        Kind(
            name="redis",
            programs=(("redis-server",),),
            daemons=("redis-server", "redis-check-rdb"),
            users=("redis", "nobody"),
            packages={"apt": "redis-server", "dnf": "redis", "pacman": "valkey", "brew": "redis"},
            url="redis://127.0.0.1:{port}",
            takes_port=True,
            socket="redis.socket",
            default_port=6379,
        ),
        Kind(
            name="memcached",
            programs=(("memcached",),),
            daemons=("memcached",),
            users=("memcache", "memcached", "nobody"),
            packages={"apt": "memcached", "dnf": "memcached", "pacman": "memcached", "brew": "memcached"},
            url="memcached://127.0.0.1:{port}",
            takes_port=True,
            default_port=11211,
        ),
    )
}

# Folders where distributions put daemons and that an ordinary user's PATH lacks.
EXTRA_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec", "/opt/homebrew/bin", "/opt/homebrew/sbin")


def search_path(kind: Kind, environ: Mapping[str, str]) -> str:
    """The PATH on which the programs of ``kind`` are looked for: the caller's, then the distributions' own folders.

    Of several versions side by side (PostgreSQL) the newest comes first.
    """
    found = [str(path) for pattern in kind.paths for path in Path("/").glob(pattern)]
    own = sorted(found, key=_by_version, reverse=True)
    return os.pathsep.join([environ.get("PATH", os.defpath), *own, *EXTRA_PATHS])


def _by_version(path: str) -> list[int]:
    return [int(digits) for digits in "".join(c if c.isdigit() else " " for c in path).split()]


def missing_programs(kind: Kind, path: str) -> tuple[str, ...]:
    """The first name of every group of programs of which none is on ``path``."""
    return tuple(group[0] for group in kind.programs if not any(shutil.which(program, path=path) for program in group))


def remedy(kind: Kind) -> str:
    """The command that installs the service with this host's package manager, or points to a running server."""
    installers = {"apt": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S", "brew": "brew install"}
    programs = {"apt": "apt-get", "dnf": "dnf", "pacman": "pacman", "brew": "brew"}
    installer = next((name for name, program in programs.items() if shutil.which(program)), "apt")
    return (
        f"{installers[installer]} {kind.packages[installer]}, or point ENVMATRIX_{kind.name.upper()}_URL to a server."
    )
