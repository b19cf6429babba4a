"""Programs, devices, variables, checks and the like that are not what they should be, each made for real."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from probe_faults import as_nobody, check_says, finding_of

from envmatrix.config.capabilities import BUILTIN
from envmatrix.config.model import Capability
from envmatrix.host.inventory import probe_all

ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nowhere"}


def program(folder: Path, text: str) -> dict[str, str]:
    (folder / "tool").write_text(text)
    (folder / "tool").chmod(0o755)
    return {**ENVIRON, "PATH": f"{folder}:{ENVIRON['PATH']}"}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("program-fails", "#!/bin/sh\necho 'no licence found' >&2\nexit 3\n"),
        ("program-hangs", "#!/bin/sh\nsleep 60\n"),
        ("program-floods-and-hangs", "#!/bin/sh\nyes\n"),
        ("program-crashes", "#!/bin/sh\nkill -SEGV $$\n"),
        ("program-does-not-start", "#!/nowhere/sh\n"),
        ("program-too-old", "#!/bin/sh\necho 'tool 1.2.3'\n"),
    ],
)
def test_a_program_that_does_not_work_is_broken(fault: str, text: str, tmp_path: Path) -> None:
    tool = Capability(name="tool", program="tool", packages={"apt": ("tool-cli",)})
    check_says(fault, finding_of(tool, program(tmp_path, text), "tool>=2"), "broken")


def test_what_a_hanging_program_started_ends_with_it(tmp_path: Path) -> None:
    text = f"#!/bin/bash\nset -m\nsleep 61 &\necho $! >{tmp_path}/pid\nwait\n"
    assert finding_of(Capability(name="tool", program="tool"), program(tmp_path, text)).status == "broken"
    status = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/status")
    for _attempt in range(100):
        if not status.exists() or "State:\tZ" in status.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(status.read_text())


def test_a_program_that_is_nowhere_is_absent() -> None:
    tool = Capability(name="tool", program="tool-of-nobody", packages={"apt": ("tool-cli",)})
    check_says("program-absent", finding_of(tool, ENVIRON), "absent")


def test_devices(tmp_path: Path) -> None:
    check_says("device-absent", finding_of(Capability(name="fpga", device=f"{tmp_path}/fpga0"), ENVIRON), "absent")
    (tmp_path / "fpga1").write_text("")
    check_says("device-is-a-file", finding_of(Capability(name="fpga", device=f"{tmp_path}/fpga1"), ENVIRON), "broken")
    os.mknod(tmp_path / "fpga2", 0o600 | 0o020000, os.makedev(239, 77))
    check_says(
        "device-without-driver", finding_of(Capability(name="fpga", device=f"{tmp_path}/fpga2"), ENVIRON), "broken"
    )
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    with as_nobody():
        finding = finding_of(Capability(name="fpga", device=f"{tmp_path}/fpga2"), ENVIRON)
    check_says("device-not-permitted", finding, "broken")


@pytest.mark.parametrize(("fault", "environ"), [("variable-unset", {}), ("variable-empty", {"TOKEN": ""})])
def test_a_variable_without_a_value_is_absent(fault: str, environ: dict[str, str]) -> None:
    check_says(fault, finding_of(Capability(name="token", env="TOKEN"), {**ENVIRON, **environ}), "absent")


def test_the_value_of_a_variable_is_not_repeated() -> None:
    finding = finding_of(Capability(name="token", env="TOKEN"), {**ENVIRON, "TOKEN": "s3cret"})
    assert finding.status == "ok"
    assert "s3cret" not in repr(finding)


@pytest.mark.parametrize(
    ("fault", "status", "check"),
    [
        ("check-fails", "broken", "import sys; sys.exit('the cluster is down')"),
        ("check-says-absent", "absent", ("sh", "-c", "echo 'no card in this machine'; exit 77")),
        ("check-hangs", "broken", "import time; time.sleep(60)"),
        ("check-raises", "broken", "raise OSError('no such bus')"),
        ("check-without-its-program", "absent", ("program-of-nobody", "--check")),
    ],
)
def test_a_check_that_does_not_pass(fault: str, status: str, check: str | tuple[str, ...]) -> None:
    check_says(
        fault,
        finding_of(Capability(name="cluster", check=check, origin="profiles/capabilities.toml:1"), ENVIRON),
        status,
    )


@pytest.mark.parametrize(
    ("fault", "status", "probe", "value"),
    [
        ("sysctl-other-value", "broken", "sysctl", "kernel.pid_max=1"),
        ("sysctl-absent", "absent", "sysctl", "kernel.nonsense"),
        ("kernel-feature-absent", "absent", "kernel", "nonsensefs"),
        ("locale-absent", "absent", "locale", "tlh_QO.UTF-8"),
        ("timezone-absent", "absent", "timezone", "Qo'noS/First_City"),
        ("network-refused", "absent", "network", "127.0.0.1:1"),
        ("network-unknown-name", "broken", "network", "nowhere.invalid:80"),
        ("headers-absent", "absent", "pkg-config", "nonsense"),
        ("disk-not-there", "broken", "disk", "/nowhere"),
        ("probe-unknown", "broken", "telepathy", "x"),
    ],
)
def test_other_facts_of_a_host(fault: str, status: str, probe: str, value: str) -> None:
    check_says(fault, finding_of(Capability(name="needed", probe=probe, value=value), ENVIRON), status)


def test_what_there_is_too_little_of() -> None:
    check_says("memory-too-little", finding_of(BUILTIN["memory"], ENVIRON, "memory>=1000000000"), "broken")
    check_says("kernel-too-old", finding_of(BUILTIN["kernel"], ENVIRON, "kernel>=999"), "broken")


def test_a_compiler_that_does_not_compile_is_broken(tmp_path: Path) -> None:
    environ = {**program(tmp_path, "#!/bin/sh\necho 'fatal error: stdio.h: No such file' >&2\nexit 1\n"), "CC": "tool"}
    check_says("compiler-without-headers", finding_of(BUILTIN["compiler"], environ), "broken")
    check_says("compiler-absent", finding_of(BUILTIN["compiler"], {"PATH": "/nowhere", "HOME": "/"}), "absent")


def test_privileges() -> None:
    assert finding_of(BUILTIN["root"], ENVIRON).status == "ok"
    with as_nobody():
        check_says("root-absent", finding_of(BUILTIN["root"], ENVIRON), "absent")
    check_says("sudo-absent", finding_of(BUILTIN["sudo"], {**ENVIRON, "PATH": "/nowhere"}), "absent")


def test_sudo_that_asks_is_broken(tmp_path: Path) -> None:
    environ = program(tmp_path, "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    (tmp_path / "tool").rename(tmp_path / "sudo")
    check_says("sudo-asks", finding_of(BUILTIN["sudo"], environ), "broken")


def test_docker_without_its_daemon_is_absent(tmp_path: Path) -> None:
    environ = {**ENVIRON, "DOCKER_HOST": f"unix://{tmp_path}/docker.sock"}
    check_says("docker-not-running", finding_of(BUILTIN["docker"], environ), "absent")


def test_everything_together_is_quick_sorted_and_explained() -> None:
    probe_all({}, os.environ)  # what is read from the disk for the first time is not the probes' doing
    started = time.monotonic()
    findings = probe_all({}, os.environ)
    assert time.monotonic() - started < 3  # benchmarks/probes.py measures; this only notices a probe that waits
    assert [one.capability for one in findings] == sorted(one.capability for one in findings)
    assert {one.capability for one in findings} >= set(BUILTIN)
    assert not [one for one in findings if not one.message.endswith(".") or (one.status != "ok") != bool(one.remedy)]
