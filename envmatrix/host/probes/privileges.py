"""Privileges: being root, and becoming it without a password."""

from __future__ import annotations

import os
import shutil

from envmatrix.config.model import Capability
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.run import run


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
    said = ran.failure or ran.last_line or f"exit code {ran.code}"
    message = f"{capability.name}: `{program} -n id -u` does not make this user root: {said}."
    return broken(capability, message, "Allow it in /etc/sudoers.d: USER ALL=(ALL) NOPASSWD: ALL.", where=program)
