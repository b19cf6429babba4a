"""Start a cell's services, hand them out, and take them away again whatever happens."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from envmatrix.config.capabilities import find
from envmatrix.engine.services import keeper, model, processes, registry, usage
from envmatrix.engine.services.model import Running, ServiceInfo
from envmatrix.errors import ServiceError
from envmatrix.host.protocols.connection import RefusedError, hide_password
from envmatrix.host.protocols.servers import (
    SERVERS,
    StartError,
    address_of,
    find_programs,
    identify,
    search_path,
    url_variable,
)
from envmatrix.host.remedies import server_hint, url_hint
from envmatrix.util.files import TEMPORARY
from envmatrix.util.json import decode

PATIENCE_S = 15.0  # for a keeper that is clearing up
NEXT_RUN_S = 3.0  # the same at the start of a run, where the owner is dead
SOCKET_LIMIT: Final = 100  # a little under sockaddr_un's 104 (macOS) and 108 (Linux) bytes
LONGEST_NAME: Final = len("/envmatrix-postgresql-00000000/tmp00000000/.s.PGSQL.5432")


@contextlib.contextmanager
def start(
    names: Sequence[str],
    *,
    cell: str,
    work_dir: Path,
    environ: Mapping[str, str],
    service_env: Mapping[str, str],
    urls: Mapping[str, str],
    timeout_s: float = 60.0,
) -> Iterator[Running]:
    """Run the block with the services ``names``, each a fresh private daemon of this cell.

    For a service in ``urls`` nothing is started: that server is asked whether it answers, and used. ``work_dir`` is
    where left-overs are noted (the project's .envmatrix); data go to a temporary folder. ``timeout_s`` is for all
    services together, in seconds. Raises ServiceError where one cannot be had; everything is stopped then.
    """
    deadline = time.monotonic() + timeout_s
    registry.reap(work_dir, patience_s=NEXT_RUN_S)
    with contextlib.ExitStack() as stack:
        local = {name: _find_programs(name, cell, environ) for name in dict.fromkeys(names) if name not in urls}
        started = {
            name: stack.enter_context(_Daemon(name, programs, cell, work_dir, environ))
            for name, programs in local.items()
        }
        services = tuple(
            _pointed_at(name, urls[name], deadline) if name in urls else started[name].ready(deadline)
            for name in dict.fromkeys(names)
        )
        yield Running(services=services, env=model.environment(service_env, services))


def pointed_to(names: Sequence[str], environ: Mapping[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    """The servers that the user points to: ENVMATRIX_<SERVICE>_URL in ``environ``, else ``declared`` (capability URLs).

    The answer fits ``urls`` of :func:`start`.
    """
    result = {name: environ.get(url_variable(name)) or declared.get(name) for name in names}
    return {name: url for name, url in result.items() if url}


def _find_programs(name: str, cell: str, environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return find_programs(name, environ)
    except StartError as error:
        capability = find(name, {})
        remedy = server_hint(capability, environ) if capability and error.code != "unknown" else url_hint(name)
        message = f"{name} cannot be started for {cell}: {error}."
        raise ServiceError(name, message, code=error.code, remedy=remedy) from error


def _pointed_at(name: str, url: str, deadline: float) -> ServiceInfo:
    try:
        address = address_of(SERVERS.get(name), url)
        reply = identify(name, address, timeout_s=max(1.0, min(5.0, deadline - time.monotonic())))
    except (OSError, ValueError, RefusedError) as error:
        message = f"The server that {name} is to be found at, {hide_password(url)}, cannot be used: {error}."
        advice = "start it, correct its URL, or leave the URL out for a daemon of envmatrix's own."
        raise ServiceError(name, message, code="unreachable", remedy=advice) from error
    parts = msgspec.structs.asdict(address)
    del parts["scheme"]
    return ServiceInfo(name=name, url=url, version=reply.version, ours=False, **parts)


class _Daemon:
    """One daemon and its keeper, from the entry in the registry to the removal of both."""

    def __init__(
        self, name: str, programs: dict[str, str], cell: str, work_dir: Path, environ: Mapping[str, str]
    ) -> None:
        self.name, self.programs, self.cell, self.work_dir = name, programs, cell, work_dir
        self.path = search_path(SERVERS[name], environ)
        self.base = base_folder(work_dir, environ)
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> _Daemon:
        try:
            self._launch()
        except OSError as error:
            self._leave()
            raise self._failed(f"{error}") from error
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _launch(self) -> None:
        token = secrets.token_hex(4)
        folder = self.base / registry.folder_name(self.name, token)
        self.entry = registry.new_entry(token=token, service=self.name, cell=self.cell, folder=folder)
        grip = registry.register(self.work_dir, self.entry)
        self.stack.callback(os.close, grip)
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            folder.chmod(0o711)  # the daemon's user has to pass, and only to pass
        request = folder / "request.json"
        requested = keeper.KeeperRequest(
            entry=self.entry, work_dir=str(self.work_dir.resolve()), programs=self.programs
        )
        request.write_bytes(msgspec.json.encode(requested))
        with (folder / "stderr").open("wb") as stderr:
            self.keeper = subprocess.Popen(
                [sys.executable, "-I", "-m", __package__, str(request)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
                env=self._environment(folder),
                pass_fds=(grip,),
                start_new_session=True,
            )

    def _environment(self, folder: Path) -> dict[str, str]:
        """Nothing of the caller's: no ~/.my.cnf, PGPORT or MYSQL_HOST may reach the daemon; UTF-8, English messages."""
        locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
        return {
            "PATH": self.path,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LC_ALL": locale,
            processes.MARK: self.entry.token,
        }

    def ready(self, deadline: float) -> ServiceInfo:
        """The daemon, as soon as it answers; raises ServiceError when it does not by ``deadline``."""
        line = self._answer(deadline)
        if line is None:
            raise self._failed("it did not answer in time", detail=self._log())
        try:
            answer = decode(line, keeper.Answer)
        except msgspec.MsgspecError:
            raise self._failed("its keeper ended", detail=self._log()) from None
        if answer.info is None:
            raise self._failed(answer.error, detail=answer.tail)
        return usage.with_baseline(answer.info)

    def _answer(self, deadline: float) -> bytes | None:
        """The keeper's line, b"" when it ended without one, None when the time is over."""
        assert self.keeper.stdout is not None
        left = max(0.0, deadline - time.monotonic())
        if not select.select([self.keeper.stdout], [], [], left)[0]:
            return None
        return self.keeper.stdout.readline()

    def _log(self) -> str:
        folder = Path(self.entry.folder)
        logs = [folder / name for name in ("stderr", "log", "server.log")]
        return keeper.last_lines(b"".join(path.read_bytes() for path in logs if path.is_file()))

    def _failed(self, why: str, *, detail: str = "") -> ServiceError:
        message = f"{self.name} could not be started for {self.cell}: {why.rstrip('.')}."
        return ServiceError(self.name, message, code="not_started", detail=detail)

    def _leave(self) -> None:
        """Stop the keeper, which removes everything; do it ourselves where it does not."""
        process = getattr(self, "keeper", None)
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.write(b"stop\n")
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PATIENCE_S)
            process.stdout.close()
        if hasattr(self, "entry"):
            registry.bury(self.work_dir, self.entry)
        if process is not None:
            process.wait()
        self.stack.close()


def base_folder(work_dir: Path, environ: Mapping[str, str]) -> Path:
    """A folder for the daemons' folders: writable, short enough for a socket's path, open to the daemons' users."""
    expected = [environ.get("TMPDIR", ""), tempfile.gettempdir(), "/tmp", "/var/tmp", str(work_dir.resolve())]
    refused = {}
    for path in (Path(name) for name in expected if name):
        why = _will_not_do(path)
        if not why:
            return path
        refused[str(path)] = why
    listed = "; ".join(f"{path} {why}" for path, why in refused.items())
    remedy = "set TMPDIR to a folder that is writable, short, and open to the users that daemons run as."
    message = f"There is no folder for a service's data: {listed}."
    raise ServiceError("", message, code="refused_by_system", remedy=remedy)


def _will_not_do(path: Path) -> str:
    """Return why a daemon's folder cannot be made here, "" where it can."""
    if not path.is_dir():
        return "is no folder"
    if not os.access(path, os.W_OK | os.X_OK):
        return "is not writable"
    if len(os.fsencode(path)) + LONGEST_NAME > SOCKET_LIMIT:
        return "is too long for a socket's path"
    closed = _closed_to_others(path)
    return f"cannot be reached by other users ({closed} is closed to them)" if closed else ""


def _closed_to_others(path: Path) -> str:
    """Return the first folder on the way that the users of daemons may not enter; they are others only under root."""
    if os.geteuid() != 0:
        return ""
    way = (*reversed(path.absolute().parents), path)
    return next((str(folder) for folder in way if not folder.stat().st_mode & 0o001), "")


def clean(work_dir: Path) -> tuple[registry.ServiceEntry, ...]:
    """Remove every daemon and folder that a killed run left behind in ``work_dir``; what was removed comes back.

    Those of runs that still go on are left alone. Raises nothing for a folder that does not exist.
    """
    removed = registry.reap(work_dir, patience_s=PATIENCE_S)
    state = registry.state_folder(work_dir)
    if state.is_dir() and not registry.entries(work_dir):
        for lock in (*state.glob("*.lock"), *state.glob(f"*{TEMPORARY}")):
            lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            state.rmdir()
    return removed
