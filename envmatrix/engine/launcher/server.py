"""The helper that starts cells' processes: ``python -m envmatrix.engine.launcher.server DESCRIPTOR OWNER``.

It loads tox once and forks a child for each cell or command. It has one thread, so that forking is safe, and it is the
reaper of whatever its children leave behind. It goes when the socket to its owner ends, however that came. Its parent,
which does nothing else, then kills what is left, and does so also when the helper or its owner was killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import NoReturn

from envmatrix.engine.launcher import child, leftovers
from envmatrix.engine.launcher.helper import END_NOW
from envmatrix.engine.launcher.request import ProcessRequest, decode_request
from envmatrix.util.prctl import become_reaper, die_with_parent, set_name

# What a tox session of a cell imports, the modules that it registers when it begins among them.
_SESSION = (
    "tox.run",
    "tox.plugin.manager",
    *(
        f"tox.session.cmd.{name}"
        for name in ("depends", "devenv", "exec_", "legacy", "list_env", "quickstart", "schema", "show_config")
    ),
    "tox.session.cmd.man",
    "tox.session.cmd.version_flag",
    "tox.session.cmd.run.sequential",
    "tox.tox_env.python.virtual_env.runner",
    "envmatrix.engine.toxplugin.requested",
    "envmatrix.engine.toxplugin.prepare",
    "envmatrix.engine.toxplugin.observe",
    "envmatrix.engine.toxplugin.overlay",
    "envmatrix.engine.toxplugin.plugin",
)
_UV = ("tox_uv.plugin", "uv")
# What it imports beyond that to build an environment or a package.
_BUILDING = (
    "tox.tox_env.python.virtual_env.package.pyproject",
    "virtualenv.run",
    "virtualenv.seed.embed.via_app_data.via_app_data",
    "virtualenv.create.via_global_ref.builtin.cpython.cpython3",
)


class _Server:
    def __init__(self, owner: socket.socket) -> None:
        self.owner = owner
        self.children: dict[int, tuple[int, ProcessRequest]] = {}  # by pid: where to tell its end, what it was asked
        self.loaded = False
        self.later: list[Callable[[], None]] = []  # what is worth doing while nobody asks for anything

    def serve(self) -> None:
        wake_read, wake_write = os.pipe()
        for descriptor in (wake_read, wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        while True:
            ready = select.select([self.owner.fileno(), wake_read], [], [], 0 if self.later else None)[0]
            if not ready and self.later:
                self.later.pop(0)()
            if wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                self.collect_ended()
            if self.owner.fileno() in ready and not self.take_request():
                return

    def take_request(self) -> bool:
        """Take one request; False when the owner is gone."""
        try:
            head, descriptors, _, _ = socket.recv_fds(self.owner, 8, 2)
            for item in descriptors:  # recv_fds (3.11) passes on no flag that would ask for that
                os.set_inheritable(item, False)
            while head and len(head) < 8:
                head += self.owner.recv(8 - len(head))
            size = int.from_bytes(head, "big")
            data = b""
            while head and len(data) < size:
                chunk = self.owner.recv(size - len(data))
                if not chunk:
                    return False
                data += chunk
        except OSError:
            return False
        if not head:
            return False
        request = decode_request(data)
        if request.kind == "clear":
            self.kill_orphans(request, *descriptors)
            return True
        if request.kind != "exec":
            self.load_modules()
        if request.kind != "preload":
            self.start_child(request, *descriptors)
        return True

    def load_modules(self) -> None:
        if self.loaded:
            return
        self.loaded = True
        gc.disable()  # nothing that is loaded becomes garbage
        for name in (*_SESSION, *self.list_plugins()):
            load_module(name)
        gc.freeze()  # children that never write to these objects share their memory
        gc.enable()
        self.later += [partial(load_module, name) for name in _BUILDING]

    def list_plugins(self) -> tuple[str, ...]:
        """The plugin that most cells will use, where it is installed and not switched off."""
        off = os.environ.get("TOX_DISABLED_EXTERNAL_PLUGINS", "")
        return () if "tox-uv" in off or importlib.util.find_spec("tox_uv") is None else _UV

    def start_child(self, request: ProcessRequest, out: int, report_pipe: int) -> None:
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            child.become_child(request, out, parent)
        os.close(out)
        self.children[pid] = (report_pipe, request)
        write_report(report_pipe, pid=pid)

    def collect_ended(self) -> None:
        """Collect everything that ended; orphans of our children became our own."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in self.children:
                facts, _ = self.children.pop(pid)
                left = bool(self.find_orphans())
                write_report(facts, pid=pid, code=os.waitstatus_to_exitcode(status), left_over=left)
                os.close(facts)

    def find_orphans(self) -> set[int]:
        """What the children left behind; it became our own."""
        return set(leftovers.list_children()) - set(self.children)

    def kill_orphans(self, request: ProcessRequest, report_pipe: int) -> None:
        """Kill the orphans that bear a mark, and tell what they were; where no child runs, none can be another's."""

        def marked() -> list[int]:
            return [
                pid
                for pid in self.find_orphans()
                if not self.children
                or any(leftovers.has_variable(element, *request.mark) for element in leftovers.list_descendants([pid]))
            ]

        write_report(
            report_pipe, pid=0, left=leftovers.to_builtins(leftovers.kill_children(marked, self.collect_ended))
        )
        os.close(report_pipe)


def load_module(name: str) -> None:
    """Import a module so that children find it there."""
    with contextlib.suppress(Exception):  # another version of tox, or a broken one: the child says so in its own words
        importlib.import_module(name)


def write_report(descriptor: int, **report: object) -> None:
    """Write one report (``client.ExitReport``); an owner that listens no more is about to be noticed elsewhere."""
    with contextlib.suppress(OSError):
        os.write(descriptor, json.dumps(report).encode() + b"\n")


def main(descriptor: int, owner: int) -> NoReturn:
    """Serve the owner at the other end of ``descriptor`` until it is gone; ``owner`` is its pid, if its main thread
    started this, else 0.

    The process that serves is a child of this one, which waits for its end, ends what is left, and serves nobody.
    """
    for number in child.IGNORED:
        signal.signal(number, signal.SIG_IGN)
    become_reaper()
    parent, pid = os.getpid(), os.fork()
    try:
        if pid:
            watch_server(pid, owner)
        else:
            die_with_parent(signal.SIGKILL, parent)
            become_reaper()
            os.set_inheritable(descriptor, False)
            _Server(socket.socket(fileno=descriptor)).serve()
    finally:
        os._exit(0)  # the owner waits, and there is nothing to tidy up in here


def watch_server(server: int, owner: int) -> None:
    """Wait until the server has ended, or its owner, and kill all that they started: orphans become our children."""

    def end_server(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended, too, and what it started is killed all the same
            os.kill(server, signal.SIGKILL)

    set_name("watcher")
    signal.signal(END_NOW, end_server)
    if owner:
        die_with_parent(END_NOW, owner)
    os.waitpid(server, 0)
    signal.signal(END_NOW, signal.SIG_IGN)
    leftovers.kill_children(leftovers.list_children, leftovers.collect_zombies)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
