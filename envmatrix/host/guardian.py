"""Ends what a process has started when that is killed itself: a shell that waits for its end, and for nothing else.

A process that is forked asks the kernel to end it with its parent (Linux). One that is spawned without a copy of its
parent's memory, which takes a tenth of the time, cannot ask, and whoever executes a program of somebody else's cannot
answer for it. A shell is what a kill by name (``pkill -9 envmatrix``) spares.
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
[ "$groups" = ' ' ] && exit
for group in $groups; do
    kill -s KILL -- "-$group" 2>/dev/null
done
for stat in /proc/[0-9]*/stat; do
    read -r line <"$stat" || continue
    pid=${line%% *}
    set -- ${line##*) }
    case "$groups" in
        *" $4 "*) kill -s KILL "$pid" ;;
    esac
done 2>/dev/null
"""


class Guardian:
    """Kills every process group that has begun and not ended, as soon as this process is gone, however it went.

    A group whose leader leads a session takes the rest of that with it, where the kernel tells who is in it (/proc).
    """

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
