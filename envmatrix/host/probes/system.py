"""The kernel: its release, a sysctl, a feature.

Locales and time zones: set or looked up, in a process of their own for a locale belongs to a whole process.

Privileges: being root, and becoming it without a password.

What there is to use: memory, disk and processors, as versions that a requirement compares (``memory>=4096``).

Environment variables: set, and not empty.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import zoneinfo
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.query import clean
from envmatrix.host.model import Finding
from envmatrix.host.platform import cpus as cpu_count
from envmatrix.host.platform import memory_mb
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.util.subprocess import run


def probe(capability: Capability, context: Context) -> Finding:
    """The release as version (``kernel>=6.1``); with a ``value``, a file system or a module that the kernel has now."""
    name, feature, release = capability.name, capability.value, platform.release()
    if not feature:
        return ok(capability, f"{name}: {platform.system()} {release}.", version=release)
    for file, column in (("/proc/filesystems", -1), ("/proc/modules", 0)):
        try:
            names = {line.split()[column] for line in Path(file).read_text("utf-8").splitlines() if line.split()}
        except OSError:
            continue
        if feature in names:
            return ok(capability, f"{name}: the kernel {release} has '{feature}'.", version=release, where=file)
    if Path("/sys/module", feature.replace("-", "_")).is_dir():
        return ok(capability, f"{name}: the kernel {release} has '{feature}'.", version=release, where="/sys/module")
    message = f"{name}: the kernel {release} has neither a file system nor a loaded module '{feature}'."
    return absent(capability, message, f"Load it: modprobe {feature}.")


def sysctl(capability: Capability, context: Context) -> Finding:
    """A kernel setting: ``net.ipv4.ip_forward=1`` has to have that value, ``vm.swappiness`` only to be there.

    The version is the value, so that a requirement may compare it.
    """
    key, equals, expected = capability.value.partition("=")
    path = Path("/proc/sys", *key.strip().split("."))
    try:
        value = " ".join(path.read_text("utf-8").split())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return absent(
            capability,
            f"{capability.name}: this kernel has no setting '{key}'.",
            "Use another kernel.",
            where=str(path),
        )
    except OSError as error:
        message = f"{capability.name}: '{key}' cannot be read by uid {os.geteuid()}: {error.strerror}."
        return broken(capability, message, "Probe it as root.", where=str(path))
    if equals and value != " ".join(expected.split()):
        message = f"{capability.name}: {key} is {value}, not {expected.strip()}."
        return broken(
            capability, message, f"Set it: sysctl -w {key}={expected.strip()}.", version=value, where=str(path)
        )
    return ok(capability, f"{capability.name}: {key} is {value}.", version=value, where=str(path))


_SET = """
import locale, sys
for name in sys.argv[1:]:
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        continue
    print(name, locale.nl_langinfo(locale.CODESET))
    break
"""


def locale(capability: Capability, context: Context) -> Finding:
    """The locale ``capability.value`` can be set; "UTF-8" stands for any that encodes so."""
    name, target = capability.name, capability.value or "UTF-8"
    names = ("C.UTF-8", "en_US.UTF-8", "C.utf8") if target == "UTF-8" else (target,)
    ran = run((sys.executable, "-I", "-S", "-c", _SET, *names), clean(context.environ), context.limit_s(capability))
    if not ran.ok:
        return broken(
            capability,
            f"{name}: setting {target} {ran.failure or 'fails'}: {ran.last_line}.",
            "Repair the C library's locales.",
        )
    result, _, encoding = ran.out.strip().partition(" ")
    if not result:
        remedy = (
            f"Generate it: localedef -i {target.partition('.')[0]} -f UTF-8 {target}, or install a package of locales."
        )
        return absent(capability, f"{name}: the locale {target} cannot be set.", remedy)
    return ok(capability, f"{name}: {result} can be set and encodes as {encoding}.", where=result)


def timezone(capability: Capability, context: Context) -> Finding:
    """The time zone ``capability.value`` can be looked up."""
    name, expected_value = capability.name, capability.value or "UTC"
    if not zoneinfo.TZPATH:
        return absent(capability, f"{name}: this system has no time zone database.", "Install the package tzdata.")
    try:
        zoneinfo.ZoneInfo.no_cache(expected_value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        message = f"{name}: the time zone {expected_value} is not in this system's database."
        return absent(capability, message, "Install the package tzdata, or correct the zone's name.")
    except OSError as error:
        return broken(
            capability, f"{name}: the time zone {expected_value} cannot be read: {error.strerror}.", "Reinstall tzdata."
        )
    return ok(capability, f"{name}: {expected_value} is known.", where=expected_value)


def root(capability: Capability, context: Context) -> Finding:
    """Whether this process has root's user id."""
    if os.geteuid():
        message = f"{capability.name}: this process runs as uid {os.geteuid()}."
        return absent(capability, message, "Run envmatrix as root, on a host or in a container kept for that.")
    return ok(capability, f"{capability.name}: this process runs as root.")


def sudo(capability: Capability, context: Context) -> Finding:
    """Whether ``sudo -n`` runs a command as root without asking anybody."""
    program = shutil.which("sudo", path=context.environ.get("PATH", ""))
    if not program:
        return absent(capability, f"{capability.name}: there is no program 'sudo' in PATH.")
    ran = run((program, "-n", "id", "-u"), context.environ, context.limit_s(capability))
    if ran.ok and ran.out.strip() == "0":
        return ok(capability, f"{capability.name}: {program} makes this user root without a password.", where=program)
    output = ran.failure or ran.last_line or f"exit code {ran.code}"
    message = f"{capability.name}: `{program} -n id -u` does not make this user root: {output}."
    return broken(capability, message, "Allow it in /etc/sudoers.d: USER ALL=(ALL) NOPASSWD: ALL.", where=program)


def memory(capability: Capability, context: Context) -> Finding:
    """The memory in MiB that processes can still have; the version is that number."""
    available, limit = _available_mb(), _limit_mb()
    free = min(available, limit) if limit else available
    if not free:
        return broken(
            capability, f"{capability.name}: the system does not say how much there is.", "Require it elsewhere."
        )
    return ok(capability, f"{capability.name}: {free} MiB can be used.", version=str(free))


def disk(capability: Capability, context: Context) -> Finding:
    """The space in MiB that is free where ``capability.value`` says, else in the current folder and the temporary one;
    a file is written there and removed.
    """
    folders = (
        [Path(capability.value)] if capability.value else [Path.cwd(), Path(context.environ.get("TMPDIR", "/tmp"))]
    )
    free: dict[int, Path] = {}
    for folder in folders:
        try:
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".envmatrix-") as file:
                file.write(b"1")
                file.flush()
            facts = os.statvfs(folder)
        except OSError as error:
            message = f"{capability.name}: nothing can be written in {folder}: {error.strerror}."
            return broken(capability, message, f"Make {folder} writable, and make room on it.", where=str(folder))
        free[facts.f_bavail * facts.f_frsize // 2**20] = folder
    least = min(free)
    return ok(
        capability,
        f"{capability.name}: {least} MiB are free in {free[least]}.",
        version=str(least),
        where=str(free[least]),
    )


def cpus(capability: Capability, context: Context) -> Finding:
    """The processors that this process may use; the version is their number."""
    return ok(capability, f"{capability.name}: {cpu_count()} can be used.", version=str(cpu_count()))


def _available_mb() -> int:
    """Linux's own estimate of what can be had without swapping (proc(5), MemAvailable), elsewhere all there is."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return memory_mb()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:")), memory_mb())


def _limit_mb() -> int:
    """What the control group leaves, 0 where it sets no limit (kernel documentation, cgroup-v2, memory.max)."""
    try:
        group = Path("/proc/self/cgroup").read_text("ascii").strip().rpartition("::")[2]
        folder = Path(f"/sys/fs/cgroup{group}")
        limit, used = ((folder / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
        return max(1, (int(limit) - int(used)) // 2**20) if limit.isdigit() else 0
    except (OSError, ValueError):
        return 0


def probe_variable(capability: Capability, context: Context) -> Finding:
    """Whether ``capability.env`` is set; its value is not repeated, for it may be a secret."""
    name = capability.env
    if context.environ.get(name):
        return ok(capability, f"{capability.name}: ${name} is set.", where=f"${name}")
    state = "set, but empty" if name in context.environ else "not set"
    remedy = f"Set {name} where envmatrix is started, and let it through to the tests with pass_env."
    return absent(capability, f"{capability.name}: the environment variable {name} is {state}.", remedy)
