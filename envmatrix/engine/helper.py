"""Starts the helper process of a run. It imports next to nothing itself, so that it can be called before all else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping

from envmatrix.engine.overlay_leaks import LEAKS

Helper = tuple[subprocess.Popen[bytes], socket.socket]
_early: list[Helper] = []


def possible(environ: Mapping[str, str]) -> bool:
    """Tell whether a helper would load the same tox as a new process: not if PYTHONPATH and the like have a say."""
    return hasattr(os, "fork") and sys.platform == "linux" and not any(environ.get(name) for name in LEAKS[:2])


def start_early(environ: Mapping[str, str]) -> None:
    """Start the helper that ``take`` returns; where nobody takes it, it ends with this process."""
    if possible(environ):
        _early.extend(_start(environ))


def take(environ: Mapping[str, str]) -> Helper | None:
    """Return the helper that was started early, or one started now, with the socket to it; None where none starts."""
    started = _early or _start(environ)
    return started.pop() if started else None


def _start(environ: Mapping[str, str]) -> list[Helper]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "envmatrix.engine.forkserver", str(theirs.fileno())],
            env={name: value for name, value in environ.items() if name not in LEAKS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except OSError:
        ours.close()  # no more processes: spawning will say so in its own words
        return []
    finally:
        theirs.close()
    return [(process, ours)]
