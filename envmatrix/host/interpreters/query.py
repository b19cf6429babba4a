"""Asks one interpreter, in one process, what it is and which modules import in it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.config.model import Capability
from envmatrix.util.json import decode
from envmatrix.util.subprocess import Ran, run

SCRIPT = Path(__file__).with_name("query_script.py")
MIN_VERSION = (3, 7)
GRACE_S = 1.0  # what an interpreter may take beside its modules' time limits, to say which of them were too slow

# Nothing but the interpreter's own site-packages may be seen, as in an environment made from it: the user's site (-s),
# PYTHON* (-E) and the current folder stay out. "-I" would say the same, but Python 2 could not say its version then.
_BOOTSTRAP = """
import sys
sys.path[:] = [entry for entry in sys.path if entry]
if sys.version_info < {minimum}:
    sys.stderr.write("too old: %d.%d.%d" % sys.version_info[:3])
    sys.exit(3)
exec(compile(open({script!r}).read(), {script!r}, "exec"))
"""

# What a module has to do beyond being imported before it is of use: an expression over the module and ``url``.
OPENS: Mapping[str, str] = {"libvirt": "libvirt.open(url).close()"}


class ModuleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What importing one module came to.

    ``status``: ok; absent (the module itself was not found); broken (any other error); unusable (imported, but what it
    has to open does not open); hung; ended (the interpreter was gone: ``code`` is its exit code, negative: the signal).
    """

    status: str
    origin: str = ""
    version: str = ""
    type: str = ""
    text: str = ""
    missing: str = ""
    code: int = 0
    said: str = ""


class InterpreterAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an interpreter said of itself; ``failure`` is why it said nothing. ``modules`` is keyed by capability."""

    failure: str = ""
    version: str = ""
    implementation: str = "cpython"
    implementation_version: str = ""
    free_threaded: bool = False
    executable: str = ""
    base_executable: str = ""
    is_venv: bool = False
    path: tuple[str, ...] = ()
    missing: dict[str, str] = {}
    ensurepip: bool = True
    modules: dict[str, ModuleAnswer] = {}


def ask(
    executable: str, modules: Sequence[Capability], environ: Mapping[str, str], timeout_s: float = 10.0
) -> InterpreterAnswer:
    """Start an interpreter once and have it import every module of ``modules``, each in a child of its own.

    :param timeout_s: of each import; a capability that sets its own limit keeps that
    :returns: what it said; an interpreter that does not start, or never ends, gives the reason in ``failure``
    """
    import tempfile

    questions = {capability.name: _question(capability, timeout_s) for capability in modules}
    limit = max((limit_s(capability, timeout_s) + GRACE_S for capability in modules), default=timeout_s)
    code = _BOOTSTRAP.format(minimum=MIN_VERSION, script=str(SCRIPT))
    # What site-packages have run at every start (.pth files) can take longer than all the rest: only modules need them.
    flags = ("-B", "-E", "-s") if questions else ("-B", "-E", "-s", "-S")
    handle, answer = tempfile.mkstemp(prefix="envmatrix-asked-")
    os.close(handle)
    try:
        ran = run(
            (executable, *flags, "-c", code),
            clean(environ),
            limit,
            stdin=msgspec.json.encode({"modules": questions, "answer": answer}).decode(),
        )
        data = Path(answer).read_bytes()
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(answer).unlink()
    if ran.ok and data:
        return decode(data, InterpreterAnswer)
    return InterpreterAnswer(failure=_failure(ran))


def limit_s(capability: Capability, timeout_s: float) -> float:
    """The time limit of a probe in seconds: the capability's own where it sets one, else ``timeout_s``."""
    return capability.timeout_s if capability.timeout_s != Capability(name="").timeout_s else timeout_s


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would make one interpreter behave like another."""
    return {key: value for key, value in environ.items() if not key.startswith(("PYTHON", "__PYVENV"))}


def _question(capability: Capability, timeout_s: float) -> dict[str, Any]:
    opens = OPENS.get(capability.module, "") if capability.url else ""
    return {
        "module": capability.module,
        "distribution": capability.distribution,
        "version": capability.version,
        "open": opens,
        "url": capability.url,
        "deadline": time.monotonic() + limit_s(capability, timeout_s),  # the clock is the same in every process
    }


def _failure(ran: Ran) -> str:
    if ran.err.startswith("too old: "):
        return f"is Python {ran.err.removeprefix('too old: ')}; environments can be made from 3.7 on"
    if ran.failure:
        return ran.failure
    end = f"was ended by signal {-ran.code}" if ran.code < 0 else f"ended with exit code {ran.code}"
    output = f": {ran.last_line}" if ran.last_line else " and said nothing"
    return f"does not start: it {end}{output}"
