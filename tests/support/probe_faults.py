"""Faults made for real: an interpreter that is free to be broken, and the sentences that docs/faults.md promises."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.model import Answer, Finding, PythonRequest
from envmatrix.host.survey import survey

DOCS = Path(__file__).parents[2] / "docs/faults.md"
_TEXT = DOCS.read_text("utf-8")  # before a test becomes a user who may not read the checkout
LIMIT_S = 2.0
NOBODY = 65534


def promised() -> dict[str, tuple[str, str]]:
    """The table of docs/faults.md: by fault, the message and the remedy; "…" stands for whatever differs."""
    rows = [line.strip().strip("|").split(" | ") for line in _TEXT.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): (row[2].strip(), row[3].strip(" —")) for row in rows}


def matches(pattern: str, text: str) -> bool:
    """Debian's Python has its packages in folders called dist-packages."""
    written = ".*".join(re.escape(part) for part in pattern.split("…"))
    return bool(re.fullmatch(written.replace(r"site\-packages", r"(?:site|dist)\-packages"), text, re.DOTALL))


def check_says(fault: str, finding: Finding, status: str) -> None:
    """The finding has that status, and says what docs/faults.md promises for the fault."""
    message, remedy = promised()[fault]
    assert finding.status == status, finding
    assert matches(message, finding.message), finding.message
    assert matches(remedy, finding.remedy), finding.remedy


def relocated(folder: Path) -> Path:
    """A Python of its own below ``folder``: a copy of this one's executable, its standard library, no packages."""
    base = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    version = sysconfig.get_python_version()
    (folder / "bin").mkdir(parents=True)
    library = folder / f"lib/python{version}"
    library.mkdir(parents=True)
    shutil.copy2(base, folder / f"bin/python{version}")
    for entry in Path(sysconfig.get_path("stdlib")).iterdir():
        if entry.name not in ("site-packages", "dist-packages", "sitecustomize.py"):
            (library / entry.name).symlink_to(entry)
    return folder / f"bin/python{version}"


def packages_of(python: Path) -> Path:
    """The first folder in which that Python looks for packages; made where it is not there."""
    code = "import site; print(site.getsitepackages()[0])"
    found = Path(subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip())
    assert found.is_relative_to(python.parents[1]), found
    found.mkdir(parents=True, exist_ok=True)
    return found


def answer_of(
    request: PythonRequest, *capabilities: Capability, environ: dict[str, str], limit_s: float = LIMIT_S
) -> Answer:
    """The survey's answer, which has to come soon after the time limit at the latest."""
    started = time.monotonic()
    answer = survey([request], {one.name: one for one in capabilities}, environ=environ, timeout_s=limit_s)[request]
    assert time.monotonic() - started < limit_s + 2.5
    return answer


def finding_of(capability: Capability, environ: dict[str, str], requirement: str = "", **request: object) -> Finding:
    """What the survey finds of a capability that depends on no interpreter."""
    asked = PythonRequest(requires=(requirement or capability.name,), **request)  # type: ignore[arg-type]
    found = answer_of(asked, capability, environ=environ).findings
    return next(one for one in found if one.capability == capability.name)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Run as a user who may do nothing special."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def daemon(
    *argv: str | Path, ready: Path | int, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that runs until the end of the block; ``ready`` is the socket or the port that it listens on."""
    import socket

    process = subprocess.Popen(
        [str(word) for word in argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env
    )
    try:
        for _attempt in range(600):
            kind, where = (
                (socket.AF_UNIX, str(ready)) if isinstance(ready, Path) else (socket.AF_INET, ("127.0.0.1", ready))
            )
            with socket.socket(kind) as probe, contextlib.suppress(OSError):
                probe.connect(where)
                break
            assert process.poll() is None, f"{argv[0]} ended with {process.returncode}"
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
