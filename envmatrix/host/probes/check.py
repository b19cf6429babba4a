"""Checks: a project's own Python snippet or command, which says by its end whether the capability is there."""

from __future__ import annotations

import shlex
import shutil
import sys

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.finder import system_python
from envmatrix.host.interpreters.query import clean
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.probes.program import version_in
from envmatrix.util.subprocess import run

ABSENT = 77  # the exit code by which automake's tests, too, say that they cannot run here


def probe(capability: Capability, context: Context) -> Finding:
    """Run the check: exit code 0 is ok (what it prints first is the version), 77 is absent, anything else broken.

    A snippet runs in the operating system's own interpreter, for which its packages install modules; where there is
    none, in the tool's. A command is a list and is not given to a shell.
    """
    name, check = capability.name, capability.check
    interpreter = ""
    if isinstance(check, str):
        interpreter = system_python() or sys.executable
        argv: tuple[str, ...] = (interpreter, "-B", "-I", "-c", check)
        shown = f"the check of {name} in {interpreter}"
    else:
        program = shutil.which(check[0], path=context.environ.get("PATH", ""))
        if not program:
            message = f"{name}: its check needs the program '{check[0]}', which is not in PATH."
            return absent(capability, message, f"Install {check[0]}, or add its folder to PATH.")
        argv, shown = (program, *check[1:]), f"the check `{shlex.join(check)}`"
    ran = run(argv, clean(context.environ), context.limit_s(capability))
    output = f": {ran.last_line}" if ran.last_line else ""
    remedy = f"See what the check asks for ({capability.origin or 'profiles/capabilities.toml'}) and provide it."
    if ran.failure:
        return broken(capability, f"{name}: {shown} {ran.failure}{output}.", remedy, interpreter=interpreter)
    if ran.code == ABSENT:
        return absent(
            capability, f"{name}: {shown} says that it is not there{output}.", remedy, interpreter=interpreter
        )
    if ran.code:
        end = f"was ended by signal {-ran.code}" if ran.code < 0 else f"ended with exit code {ran.code}"
        return broken(capability, f"{name}: {shown} {end}{output}.", remedy, interpreter=interpreter)
    version = version_in(ran.out.splitlines()[0]) if ran.out.strip() else ""
    return ok(capability, f"{name}: {shown} passes{output}.", version=version, interpreter=interpreter)
