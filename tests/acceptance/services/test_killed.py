"""However the tool ends, its daemons and folders are gone after it, or after the next run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from envmatrix.engine import services
from envmatrix.engine.services import ServiceInfo, registry

OWNER = """
    import os, sys, time
    from pathlib import Path
    import msgspec
    from envmatrix.engine import services
    of = {"cell": "c", "work_dir": Path(sys.argv[1]), "environ": os.environ, "service_env": {}, "urls": {}}
    with services.start(sys.argv[2:], **of) as running:
        if os.environ.get("FORK") and os.fork() == 0:
            time.sleep(8)
            os._exit(0)
        print(msgspec.json.encode(running.services).decode(), flush=True)
        time.sleep(float(os.environ.get("STAY", "60")))
"""


class Owner:
    """A process of its own that holds services, as the tool does."""

    def __init__(self, work_dir, *names, **environ):
        command = [sys.executable, "-c", textwrap.dedent(OWNER), str(work_dir), *names]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **environ})
        self.infos = msgspec.json.decode(self.process.stdout.readline(), type=tuple[ServiceInfo, ...])

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def keepers(self):
        return [child for child in self.process_children() if "envmatrix.engine.services" in child.cmdline()]

    def process_children(self):
        return psutil.Process(self.process.pid).children()

    def gone(self, within_s):
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if not any(Path(info.folder).exists() or services.alive(info) for info in self.infos):
                return True
            time.sleep(0.05)
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_keeper_clears_up_after_its_owner(tmp_path, number):
    owner = Owner(tmp_path, "mysql", "redis")
    owner.end(number)
    assert owner.gone(10)
    assert services.clean(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("by", ["clean", "next run"])
def test_what_a_killed_tool_and_keeper_leave_is_removed_later(tmp_path, by):
    """Whoever kills everything at once (a host's memory killer, kill -9 of a group) still leaves the registry."""
    owner = Owner(tmp_path, "postgresql", "mysql")
    postgresql = owner.infos[0]
    for keeper in owner.keepers():
        keeper.suspend()
    keepers = owner.keepers()
    assert len(keepers) == 2
    owner.end(signal.SIGKILL)
    for keeper in keepers:
        keeper.kill()
    until = time.monotonic() + 5
    while any(services.processes.identity(keeper.pid) for keeper in keepers) and time.monotonic() < until:
        time.sleep(0.05)
    assert services.alive(postgresql) and Path(postgresql.folder).is_dir()
    assert sorted(entry.service for entry in registry.entries(tmp_path)) == ["mysql", "postgresql"]
    if by == "clean":
        assert sorted(entry.service for entry in services.clean(tmp_path)) == ["mysql", "postgresql"]
    else:
        with services.start([], cell="c", work_dir=tmp_path, environ={}, service_env={}, urls={}):
            pass
    assert owner.gone(0.1)
    assert registry.entries(tmp_path) == ()


def test_a_keeper_that_hangs_is_ended_by_clean(tmp_path, monkeypatch):
    monkeypatch.setattr(services.manager, "PATIENCE_S", 0.5)
    owner = Owner(tmp_path, "redis")
    (keeper,) = owner.keepers()
    keeper.suspend()
    owner.end(signal.SIGKILL)
    assert services.alive(owner.infos[0])
    assert [entry.service for entry in services.clean(tmp_path)] == ["redis"]
    assert owner.gone(0.1)


def test_clean_leaves_a_run_that_goes_on_alone(tmp_path):
    owner = Owner(tmp_path, "redis")
    assert services.clean(tmp_path) == ()
    assert services.alive(owner.infos[0])
    owner.end(signal.SIGTERM)
    assert owner.gone(10)


def test_two_tools_at_once_share_a_work_dir(tmp_path):
    owners = [Owner(tmp_path, "memcached", "redis") for _ in range(2)]
    infos = [info for owner in owners for info in owner.infos]
    assert len({info.port for info in infos}) == 4
    for owner in owners:
        owner.end(signal.SIGTERM)
    assert all(owner.gone(10) for owner in owners)


def test_a_child_of_the_owner_that_lives_on_holds_no_daemon(tmp_path):
    owner = Owner(tmp_path, "redis", FORK="1", STAY="0.1")
    owner.process.wait(timeout=5)
    assert owner.gone(0.1)
    owner.process.stdout.close()


def test_a_killed_keeper_takes_its_daemon_along(tmp_path):
    owner = Owner(tmp_path, "mysql", STAY="60")
    (keeper,) = owner.keepers()
    keeper.kill()
    until = time.monotonic() + 5
    while services.alive(owner.infos[0]) and time.monotonic() < until:
        time.sleep(0.05)
    assert not services.alive(owner.infos[0])
    assert Path(owner.infos[0].folder).is_dir()
    owner.end(signal.SIGINT)
    assert owner.gone(0.1)
