"""Compilers and headers: a C file is compiled, linked and run; pkg-config finds a library and its headers."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.query import clean
from envmatrix.host.model import Finding
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.probes.program import version_in
from envmatrix.util.subprocess import run

SOURCE = '#include <stdio.h>\nint main(void) { return puts("envmatrix") < 0; }\n'


def probe(capability: Capability, context: Context) -> Finding:
    """Build and run a program that uses the C library's headers with ``$CC``, else cc, gcc or clang."""
    path = context.environ.get("PATH", "")
    names = [shlex.split(context.environ["CC"])] if context.environ.get("CC") else [["cc"], ["gcc"], ["clang"]]
    result = next(((program, *name[1:]) for name in names if (program := shutil.which(name[0], path=path))), None)
    if not result:
        tried = ", ".join(name[0] for name in names)
        return absent(capability, f"{capability.name}: no C compiler ({tried}) is in PATH.")
    environ, limit = clean(context.environ), context.limit_s(capability)
    with tempfile.TemporaryDirectory(prefix="envmatrix-cc-") as folder:
        source, binary = Path(folder) / "probe.c", Path(folder) / "probe"
        source.write_text(SOURCE)
        built = run((*result, str(source), "-o", str(binary)), environ, limit)
        ran = run((str(binary),), environ, limit) if built.ok else built
    if not ran.ok:
        what = "does not compile the smallest program" if not built.ok else "makes programs that do not run"
        output = ran.failure or _error(ran.err) or f"exit code {ran.code}"
        message = f"{capability.name}: {result[0]} {what}: {output}."
        return broken(capability, message, "Install the C library's headers and the linker with it.", where=result[0])
    version = version_in(run((*result, "-dumpfullversion", "-dumpversion"), environ, limit).out)
    return ok(
        capability, f"{capability.name} {version}: {result[0]} builds and runs.", version=version, where=result[0]
    )


def headers(capability: Capability, context: Context) -> Finding:
    """The library ``capability.value`` with its headers, as pkg-config knows it (libvirt, mariadb, libffi)."""
    name, library = capability.name, capability.value or capability.name
    path = context.environ.get("PATH", "")
    program = next((matches for item in ("pkg-config", "pkgconf") if (matches := shutil.which(item, path=path))), "")
    if not program:
        return absent(capability, f"{name}: there is no pkg-config to ask for '{library}'.", "Install pkg-config.")
    environ = {**context.environ}
    ran = run((program, "--print-errors", "--modversion", library), environ, context.limit_s(capability))
    if not ran.ok:
        message = f"{name}: {program} does not find '{library}': {ran.failure or _error(ran.err) or ran.last_line}."
        return absent(capability, message, f"Install the headers of {library}, or set PKG_CONFIG_PATH.")
    version = ran.out.strip()
    return ok(capability, f"{name} {version}: {program} finds '{library}'.", version=version, where=program)


def _error(text: str) -> str:
    """The first line of a compiler's errors that says "error" or "not found", else the first line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line or "not found" in line), lines[0] if lines else "")
