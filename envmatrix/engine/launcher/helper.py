"""Starts the helper process of a run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping

from envmatrix.engine.job.environ import LEAKS

# What tox does in assert statements has to happen: an optimized python runs no tox (4.67) that installs anything.
OPTIMIZE = "PYTHONOPTIMIZE"
END_NOW = signal.SIGUSR1  # what the helper is sent to end everything at once
Helper = tuple[subprocess.Popen[bytes], socket.socket]


def is_possible(environ: Mapping[str, str]) -> bool:
    """Tell whether a helper would load the same tox as a new process: not if PYTHONPATH and the like have a say."""
    return hasattr(os, "fork") and sys.platform == "linux" and not any(environ.get(name) for name in LEAKS[:2])


def take_helper(environ: Mapping[str, str]) -> Helper | None:
    """Start the helper and return it with the socket to it; None where no process can be started.

    Where the main thread starts it, it also ends with this process while it loads tox and reads no socket. The kernel
    takes the end of any other thread for that of the process.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    owner = os.getpid() if threading.current_thread() is threading.main_thread() else 0
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "envmatrix.engine.launcher.server", str(theirs.fileno()), str(owner)],
            env={name: value for name, value in environ.items() if name not in (*LEAKS, OPTIMIZE)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except OSError:
        ours.close()  # no more processes: spawning will say so in its own words
        return None
    finally:
        theirs.close()
    return process, ours
