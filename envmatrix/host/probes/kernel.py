"""The kernel: its release, a sysctl, a feature."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok


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
    key, equals, wanted = capability.value.partition("=")
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
    if equals and value != " ".join(wanted.split()):
        message = f"{capability.name}: {key} is {value}, not {wanted.strip()}."
        return broken(capability, message, f"Set it: sysctl -w {key}={wanted.strip()}.", version=value, where=str(path))
    return ok(capability, f"{capability.name}: {key} is {value}.", version=value, where=str(path))
