"""pifpaf's drivers, made private: another user than root, loopback or socket only, a log, fast and throw-away data.

Imported by the keeper alone: pifpaf and its dependencies are heavy.
"""

from __future__ import annotations

import inspect
import os
import pwd
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pifpaf import drivers
from pifpaf.drivers import memcached, mysql, postgresql, redis

from envmatrix.engine.services import as_user
from envmatrix.host.protocols.servers import CLIENT, CONTROL, DAEMON, INITIALISER, SERVERS, STARTS, Start

Options = dict[str, Any]
_DRIVERS: dict[str, type[drivers.Driver]] = {
    "mysql": mysql.MySQLDriver,
    "postgresql": postgresql.PostgreSQLDriver,
    "redis": redis.RedisDriver,
    "memcached": memcached.MemcachedDriver,
}


class Private(drivers.Driver):  # type: ignore[misc]
    """What every service's driver gets in addition; stands between it and pifpaf's base driver."""

    name: str
    programs: dict[str, str]  # by role
    log: Path
    account: pwd.struct_passwd | None = None
    daemon_pid: int = 0

    def _setUp(self) -> None:  # noqa: N802 - the hook's name in fixtures
        super()._setUp()
        # pifpaf tells mysqld who it is; a container's user may have no name
        name = self.account.pw_name if self.account else _name_of(os.geteuid())
        os.environ.update(LOGNAME=name, USER=name)

    def _exec(self, command: list[str], **options: Any) -> Any:
        if command == ["pg_config", "--bindir"]:  # asks for development files, and names a directory of its own choice
            return None, str(Path(self.programs[CONTROL]).parent).encode()
        self._hand_over()
        role = _role_of(self.name, command[0])
        adapted = _ADAPT[self.name](self, role, [self.programs[role], *command[1:]], options)
        prefix = [sys.executable, "-I", "-S", str(as_user.__file__), *self._ids()]
        process, output = super()._exec([*prefix, *adapted], **options)
        if options.get("wait_for_line") or options.get("wait_for_port"):
            self.daemon_pid = process.pid
        return process, output

    def server_log(self) -> Path:
        """A log that the daemon itself writes, outside its data, which pifpaf removes when the start fails."""
        path = self.log.with_name("server.log")
        path.touch(mode=0o600)
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)
        return path

    def _ids(self) -> list[str]:
        return ["-", "-"] if self.account is None else [str(self.account.pw_uid), str(self.account.pw_gid)]

    def _hand_over(self) -> None:
        if self.account is not None:
            for path in (self.tempdir, *(str(p) for p in Path(self.tempdir).glob("*"))):
                os.chown(path, self.account.pw_uid, self.account.pw_gid, follow_symlinks=False)

    def _log_output(self, appname: str, pid: int, data: bytes) -> None:
        del appname, pid
        with self.log.open("ab") as log:
            log.write(data)


def make(
    name: str, programs: dict[str, str], *, root: Path, log: Path, port: int, account: pwd.struct_passwd | None
) -> Private:
    """Make pifpaf's driver of a server private: its data below ``root``, what its ``programs`` print in ``log``.

    ``port`` is a loopback port, or what names the socket in a folder of its own (PostgreSQL).
    """
    base = _DRIVERS[name]
    local = {"name": name, "programs": programs, "log": log, "account": account}
    cls = type(f"Private{base.__name__}", (base, Private), local)
    options: Options = {"port": port} if "port" in inspect.signature(base).parameters else {}
    driver: Private = cls(tmp_rootdir=str(root), **options)
    return driver


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def account_for(start: Start) -> pwd.struct_passwd | None:
    """Return the user that the daemon runs as: None for this one, another where this is root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((known[user] for user in start.users if user in known), None)


def _name_of(uid: int) -> str:
    return next((entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid), str(uid))


def _role_of(name: str, program: str) -> str:
    """Return the role of the program that pifpaf calls, by whichever of its names or paths."""
    called = Path(program).name
    tools = STARTS[name].tools.items()
    return next((role for role, tool in tools if called in tool.names), DAEMON)


def _mysql(driver: Private, role: str, command: list[str], options: Options) -> list[str]:
    del driver
    if role == INITIALISER:
        command.append("--skip-test-db")
    elif role == CLIENT:
        # pifpaf starts without grant tables; tests that CREATE USER or GRANT need them
        command[-1] = "FLUSH PRIVILEGES; ALTER USER 'root'@'localhost' IDENTIFIED BY ''; " + command[-1]
    elif options.get("wait_for_line"):
        options["wait_for_line"] = rf"({'|'.join(SERVERS['mysql'].daemons)}): ready for connections"
        command += ["--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"]
    return command


def _postgresql(driver: Private, role: str, command: list[str], options: Options) -> list[str]:
    del role, options
    if command[-1] == "initdb":
        command[command.index("-o") + 1] = "-Atrust -Upostgres -EUTF8"
    elif command[-1] == "start":
        command[command.index("-o") + 1] += " -c log_connections=on -c log_disconnections=off"
        command[-1:] = ["-l", str(driver.server_log()), "start"]
    return command


def _redis(driver: Private, role: str, command: list[str], options: Options) -> list[str]:
    del role
    path = Path(driver.tempdir) / STARTS[driver.name].socket
    private = f'bind 127.0.0.1\nunixsocket {path}\nunixsocketperm 700\nsave ""\nappendonly no\n'
    options["stdin"] = options["stdin"] + private.encode()
    return command


def _memcached(driver: Private, role: str, command: list[str], options: Options) -> list[str]:
    del driver, role, options
    return [*command, "-l", "127.0.0.1"]


_ADAPT: dict[str, Callable[[Private, str, list[str], Options], list[str]]] = {
    "mysql": _mysql,
    "postgresql": _postgresql,
    "redis": _redis,
    "memcached": _memcached,
}
