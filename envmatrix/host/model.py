"""The values that probing gives."""

from __future__ import annotations

from typing import Literal

import msgspec


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """A Python that environments can be made from.

    ``path`` is its executable, absolute and not resolved through pyenv's shims; ``version`` is "3.11.2";
    ``origin`` is where it was found: "path", "system" (the operating system's own), "pyenv", "uv", "homebrew", "other".
    """

    path: str
    version: str
    implementation: str = "cpython"
    origin: str = "other"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What probing one capability gave.

    ``where`` is a file, a URL or a socket; ``interpreter`` is the executable that was asked, "" where none matters;
    ``message`` says what was seen, with the error itself where broken; ``remedy`` what to do about it, "" for ok;
    ``installed`` that nothing has to be installed for it, as of a server that does not run.
    """

    capability: str
    status: Literal["ok", "absent", "broken"]
    version: str = ""
    where: str = ""
    message: str = ""
    remedy: str = ""
    interpreter: str = ""
    installed: bool = False


class PythonRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a cell asks of a host. Equal requests are answered once.

    ``python`` is a pinned version ("3.11", "3.13t", "pypy3.10") or "", ``spec`` further tox specs in order of
    preference (base_python), ``requires_python`` the project's specifier. Requirements are as the profile wrote them.
    """

    python: str = ""
    spec: tuple[str, ...] = ()
    requires_python: str = ""
    system_site_packages: bool = False
    requires: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An interpreter considered for a request, what was found in it, and why it will not do ("" when it will)."""

    interpreter: Interpreter
    findings: tuple[Finding, ...] = ()
    refused: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The host's answer to a request: candidates in order of preference up to the first that will do, and what was
    found of the capabilities that depend on no interpreter.
    """

    request: PythonRequest
    candidates: tuple[Candidate, ...] = ()
    findings: tuple[Finding, ...] = ()


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies a host in evidence. ``name`` is $ENVMATRIX_HOST or the machine's host name, which many machines
    may have; ``id`` tells those apart.
    """

    name: str
    system: str  # "Linux", "Darwin"
    release: str  # kernel release
    distribution: str  # "debian 12", "macos 14.5"
    machine: str  # "x86_64"
    cpus: int
    memory_mb: int
    user: str
    id: str = ""
