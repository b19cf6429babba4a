"""Ends the commands of a helper that was killed (Linux): a shell that waits for the helper's end, and for nothing else.

A process that is forked asks the kernel to end it with its parent. One that is spawned without a copy of its parent's
memory, which takes a tenth of the time, cannot ask. A shell is what a kill by name (``pkill -9 envmatrix``) spares.
"""

from __future__ import annotations

import contextlib
import os
import signal

_SHELL = "/bin/sh"
_SCRIPT = """
trap '' INT TERM HUP
groups=' '
while read -r what group; do
    case "$what $groups" in
        begun*) groups="$groups$group " ;;
        ended*" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do
    kill -s KILL -- "-$group" 2>/dev/null
done
"""


class Guardian:
    """Kills every process group that has begun and not ended, as soon as this process is gone, however it went."""

    def __init__(self) -> None:
        """Start it. Raises OSError where that is not possible, and NotImplementedError where sessions are unknown."""
        told, tell = os.pipe()
        try:
            self.pid = os.posix_spawn(
                _SHELL,
                [_SHELL, "-c", _SCRIPT],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, told, 0), *((os.POSIX_SPAWN_DUP2, 1, out) for out in (1, 2))],
                setsid=True,
                setsigdef=[signal.SIGPIPE, signal.SIGCHLD],
            )
        except BaseException:
            os.close(tell)
            raise
        finally:
            os.close(told)
        self._tell = tell

    def alive(self) -> bool:
        """Tell whether it is still there."""
        try:
            return os.waitpid(self.pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return False

    def begun(self, group: int) -> None:
        """Note that a process group is to end with this process. Raises OSError where the guardian is gone."""
        os.write(self._tell, b"begun %d\n" % group)

    def ended(self, group: int) -> None:
        """Note that nothing is left of a process group."""
        with contextlib.suppress(OSError):
            os.write(self._tell, b"ended %d\n" % group)

    def close(self) -> None:
        """Let it go, and wait for its end; what is noted as begun is killed."""
        os.close(self._tell)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
