"""Devices: a device file is there when it opens for reading and writing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok


def probe(capability: Capability, context: Context) -> Finding:
    """Open ``capability.device`` and close it again, without waiting for whatever is behind it."""
    name, path = capability.name, Path(capability.device)
    try:
        if not stat.S_ISCHR(path.stat().st_mode) and not stat.S_ISBLK(path.stat().st_mode):
            message = f"{name}: {path} is no device file."
            return broken(capability, message, "Remove it and let the kernel make the device.", where=str(path))
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except FileNotFoundError:
        remedy = f"Load the kernel module that makes {path}; in a virtual machine or container, pass it through."
        return absent(capability, f"{name}: there is no {path}.", remedy, where=str(path))
    except PermissionError:
        owner = _group(path)
        message = (
            f"{name}: this user (uid {os.geteuid()}) may not open {path}{f', its group {owner} may' if owner else ''}."
        )
        remedy = (
            f"Add the user to the group {owner}: usermod -aG {owner} USER." if owner else f"Let the user open {path}."
        )
        return broken(capability, message, remedy, where=str(path))
    except OSError as error:
        message = f"{name}: {path} is there and does not open: {error.strerror}."
        remedy = f"Look in the kernel's log for what is behind {path}; nothing drives it on this host."
        return broken(capability, message, remedy, where=str(path))
    return ok(capability, f"{name}: {path} opens for reading and writing.", where=str(path))


def _group(path: Path) -> str:
    """The group that may read and write the file, "" where none may or it has no name."""
    try:
        return path.group() if path.stat().st_mode & 0o060 == 0o060 else ""
    except (KeyError, OSError):
        return ""
