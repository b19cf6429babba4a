"""Becomes another user and then a program: ``python as_user.py UID GID PROGRAM ARGUMENT…`` (UID "-": stay as we are).

Run as a script by the keeper, so that a daemon that refuses root needs no right to read envmatrix's own environment.
On Linux the program also dies with the keeper that started it. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>; cleared by a change of user, hence set after it


def main(arguments: list[str]) -> int:
    """Replace this process by the program; comes back, with 127 and a line on stderr, only where that cannot be."""
    uid, gid, *command = arguments
    # all that needs Python's own library comes before the change: the other user may not be allowed to read it
    program = next((path for path in _places(command[0]) if os.access(path, os.X_OK)), command[0])
    libc = ctypes.CDLL(None)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    os.umask(0o077)
    if sys.platform == "linux":
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execv(program, command)
    except OSError as error:
        sys.stderr.write(f"{program}: {error.strerror} (as user {os.geteuid()})\n")
    return 127


def _places(program: str) -> list[str]:
    return [program] if os.sep in program else [f"{folder}/{program}" for folder in os.get_exec_path()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
