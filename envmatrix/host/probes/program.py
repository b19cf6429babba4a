"""Programs: found in PATH, started, and asked for their version."""

from __future__ import annotations

import re
import shlex
import shutil

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.query import clean
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.remedies import install_hint
from envmatrix.util.subprocess import run

_VERSION = re.compile(r"\d+(\.\d+)+([a-z]+\d*)?|\b\d+\b")


def probe(capability: Capability, context: Context) -> Finding:
    """The program runs with its version arguments (``--version`` where none are set) and ends with exit code 0."""
    name = capability.program
    path = shutil.which(name, path=context.environ.get("PATH", ""))
    if not path:
        hint = install_hint(capability, context.environ) or f"Install {name}."
        message = f"{capability.name}: no program '{name}' in PATH."
        return absent(capability, message, f"{hint} Or add its folder to PATH.")
    arguments = shlex.split(capability.version or "--version")
    ran = run((path, *arguments), clean(context.environ), context.limit_s(capability))
    command = shlex.join((name, *arguments))
    if ran.failure:
        return broken(capability, f"{capability.name}: `{command}` of {path} {ran.failure}.", _mend(path), where=path)
    if ran.code:
        output = f": {ran.last_line}" if ran.last_line else " and said nothing"
        end = f"was ended by signal {-ran.code}" if ran.code < 0 else f"ended with exit code {ran.code}"
        return broken(capability, f"{capability.name}: `{command}` of {path} {end}{output}.", _mend(path), where=path)
    version = version_in(ran.out or ran.err)
    return ok(capability, f"{capability.name} {version} runs from {path}.", version=version, where=path)


def version_in(text: str) -> str:
    """The first thing that looks like a version in what a program said; "" where there is none."""
    match = _VERSION.search(text)
    return match[0] if match else ""


def _mend(path: str) -> str:
    return f"Run {path} by hand to see what it needs, or put a working one before it in PATH."
