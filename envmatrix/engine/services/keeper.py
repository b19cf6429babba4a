"""The process that starts one daemon, keeps it while its owner lives, and removes it with all it wrote.

``python -m envmatrix.engine.run.services REQUEST``: the answer is one line of JSON on stdout. It ends the daemon
when its stdin says so or closes, when its owner is gone (however that ended), and on SIGTERM, SIGINT and SIGHUP.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import msgspec

from envmatrix.engine.services import processes, registry
from envmatrix.engine.services.model import ServiceInfo
from envmatrix.host.protocols.connection import Address
from envmatrix.host.protocols.servers import CLIENT, DAEMON, SERVERS, STARTS, identify
from envmatrix.util.json import decode

ATTEMPTS = 5


class KeeperRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner asks for: the registry's entry, where the entry is, and the programs to start it with, by role."""

    entry: registry.ServiceEntry
    work_dir: str
    programs: dict[str, str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The service, or why there is none, with the daemon's last lines."""

    info: ServiceInfo | None = None
    error: str = ""
    tail: str = ""


class Stop(BaseException):
    """The owner, or a signal, wants the daemon gone."""


def main(request_file: str) -> int:
    """Serve one request to its end; 0 where the daemon ran."""
    request = decode(Path(request_file).read_bytes(), KeeperRequest)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    threading.Thread(target=_watch, args=(request.entry,), daemon=True).start()
    try:
        answer = _started(request)
        os.write(1, msgspec.json.encode(answer) + b"\n")
        while answer.info is not None:
            signal.pause()
    except Stop:
        return 0
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        registry.bury(Path(request.work_dir), request.entry)
    return 1


def _stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Stop


def _watch(entry: registry.ServiceEntry) -> None:
    """Wait until stdin speaks or closes, or the owner is gone; children of the owner may hold stdin open for ever."""
    watched = [sys.stdin.fileno()]
    with contextlib.suppress(OSError, AttributeError):
        watched.append(os.pidfd_open(entry.owner_pid))
    while entry.owner_lives() and not select.select(watched, [], [], 1.0)[0]:
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _started(request: KeeperRequest) -> Answer:
    """Start the daemon, on another port where somebody else took the first one."""
    start = STARTS[request.entry.service]
    folder = Path(request.entry.folder)
    log = folder / "log"
    error = ""
    from envmatrix.engine.services import drivers as private  # heavy, and needed by the keeper alone

    for _ in range(ATTEMPTS if start.takes_port else 1):
        log.write_bytes(b"")
        port = private.free_port() if start.takes_port else SERVERS[request.entry.service].port
        try:
            return Answer(info=_start(request, port))
        except Exception as problem:  # pifpaf's drivers raise whatever their programs run into
            error = _sentence(problem)
        tail = last_lines(log.read_bytes())
        processes.end(request.entry.token, request.entry.folder)
        if not (re.search(r"in use|another process", f"{error} {tail}") or private.is_taken(port)):
            break
    return Answer(error=error, tail=last_lines(_all_logs(folder)))


def _start(request: KeeperRequest, port: int) -> ServiceInfo:
    from envmatrix.engine.services import drivers as private

    name, folder, programs = request.entry.service, Path(request.entry.folder), request.programs
    start = STARTS[name]
    logging.getLogger("pifpaf.drivers").setLevel(logging.DEBUG)  # makes pifpaf read what the programs print
    driver = private.make(
        name, programs, root=folder, log=folder / "log", port=port, account=private.account_for(start)
    )
    driver.setUp()
    data = Path(driver.tempdir)
    info = ServiceInfo(
        name=name,
        url="",
        host=str(data) if name == "postgresql" else "127.0.0.1" if start.takes_port else "localhost",
        port=int(getattr(driver, "port", 0)),
        socket=str(data / start.socket) if start.socket else "",
        user=start.user,
        database=start.database,
        pid=driver.daemon_pid or int((data / "postmaster.pid").read_text().split()[0]),
        folder=str(folder),
        client=programs.get(CLIENT, ""),
    )
    if not processes.identity(info.pid):
        raise RuntimeError(f"{programs[DAEMON]} ended at once")
    reply = identify(name, address_of(info))
    if reply.pid not in (0, info.pid):
        raise RuntimeError(f"port {info.port} is in use by another process, {reply.pid}")
    return msgspec.structs.replace(
        info,
        url=start.url.format(**msgspec.structs.asdict(info)),
        version=reply.version or _logged_version(folder),
        started=processes.identity(info.pid),
    )


def address_of(info: ServiceInfo) -> Address:
    """Where to ask the daemon itself: by its port where it has one, so that a foreign one there is found."""
    if info.socket and not STARTS[info.name].takes_port:
        return Address(socket=info.socket)
    return Address(host=info.host, port=info.port)


def _logged_version(folder: Path) -> str:
    with contextlib.suppress(OSError):
        match = re.search(r"starting PostgreSQL ([\d.]+)", (folder / "server.log").read_text(errors="replace"))
        return match[1] if match else ""
    return ""


def _sentence(problem: BaseException) -> str:
    """The first cause that pifpaf's nested error lists name, without the output that the log has too."""
    while problem.args and isinstance(problem.args[0], tuple) and isinstance(problem.args[0][1], BaseException):
        problem = problem.args[0][1]
    text = str(problem).partition("\nOutput: ")[0] or type(problem).__name__
    return re.sub(r"Error while running command: \[.*as_user\.py', '[^']*', '[^']*', '([^']+)'.*", r"\1 failed", text)


def _all_logs(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for name in ("log", "server.log") if (path := folder / name).is_file())


def last_lines(log: bytes, count: int = 15) -> str:
    """The last ``count`` lines that say something, each at most 300 characters."""
    lines = [line.rstrip()[:300] for line in log.decode(errors="replace").splitlines() if line.strip()]
    return "\n".join(lines[-count:])
