"""Whether a file system keeps the executable bit of a file: found by setting one, not by the repository's word.

One way to run git: quiet, without locks, with the caller's own repository variables out of the way.
"""

from __future__ import annotations

import errno
import functools
import os
import re
import stat
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

_MODES: Final = (0o600, 0o700)


@functools.cache
def keeps_modes(folder: Path) -> bool:
    """Return whether files in ``folder`` can be told apart by their executable bit.

    True where that cannot be tried: a difference that is not one is seen by everybody, one that is overlooked by
    nobody.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        # A file without a name changes no directory, and is gone when it is closed.
        return _can_switch(os.open(folder, flags | os.O_TMPFILE, _MODES[0]))
    except AttributeError:  # not Linux
        return _keeps_modes_of_named(folder)
    except OSError as error:
        return _keeps_modes_of_named(folder) if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL) else True


def _keeps_modes_of_named(folder: Path) -> bool:
    path = folder / f".envmatrix-probe-{os.urandom(6).hex()}~"  # a name that never counts as content
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODES[0])
    except OSError:
        return True
    try:
        return _can_switch(handle)
    finally:
        with suppress(OSError):
            path.unlink()


def _can_switch(handle: int) -> bool:
    """Set and clear the bit of an open file, close it, and return whether both were kept."""
    try:
        for mode in _MODES:
            os.fchmod(handle, mode)
            if stat.S_IMODE(os.fstat(handle).st_mode) & stat.S_IXUSR != mode & stat.S_IXUSR:
                return False
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


TIME_LIMIT_S: Final = 300.0

# Variables that say which repository, index, objects or pathspecs git means: those of `git rev-parse --local-env-vars`
# but for GIT_CONFIG_*, which carry `safe.directory` in containers. A hook is started with these variables set,
# and they would point every question at the hook's repository and index.
LOCAL_VARIABLES: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_ATTR_SOURCE",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_GRAFT_FILE",
        "GIT_ICASE_PATHSPECS",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# The variables by which a server's pre-receive hook sees the pushed objects, which are not in the repository yet
# (git-receive-pack(1)).
_QUARANTINE: Final = {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}
# Neither replaced objects, grafted parents nor objects from elsewhere: a commit is what its id says.
_VARIABLES: Final = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}
# Repositories name programs (fsmonitor, hooks), and settings under which git overlooks what is on disk: those are for
# whoever works in a checkout, and wrong for whoever says what was tested. A split index would be written beside the
# real one.
_SETTINGS: Final = tuple(
    argument
    for setting in (
        "advice.graftFileDeprecated=false",
        "core.checkStat=default",
        "core.fsmonitor=false",
        f"core.hooksPath={os.devnull}",
        "core.ignoreCase=false",
        "core.quotePath=false",
        "core.splitIndex=false",
        "core.symlinks=true",
        "core.trustctime=true",
        "core.untrackedCache=false",
    )
    for argument in ("-c", setting)
)


# "git-lfs filter-process: 1: git-lfs: not found" (dash), "… line 1: git-lfs: command not found" (bash), "error: cannot
# run git-lfs: No such file or directory" (git). Those lines come before the one with "fatal:".
_ABSENT: Final = re.compile(
    rb"^(?!fatal:).*: ([\w./+-]+): (?:command )?not found$|cannot (?:run|exec|spawn) '?([\w./+-]+?)'?: No such file",
    re.MULTILINE,
)


class GitError(Exception):
    """git could not answer; ``str()`` is its own first line of complaint, ``missing`` says that there is no git.

    ``program`` is what git was to start and is not installed, such as that of a filter.
    """

    def __init__(self, message: str, *, missing: bool = False, program: str = "") -> None:
        self.missing, self.program = missing, program
        super().__init__(message)

    def remedy(self, root: Path) -> str:
        """What would let git answer, as the end of a sentence; "" where the question was at fault."""
        if self.missing:
            return "install git"
        if self.program:
            return f"install {self.program}, or unset the filter that starts it (git config --get-regexp '^filter\\.')"
        if "dubious ownership" in str(self):
            return f"if you trust its owner, run: git config --global --add safe.directory {root}"
        return ""


def start(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A running git; hand it to ``finish``. Raises GitError where there is no git or no such folder."""
    scrubbed = LOCAL_VARIABLES - _QUARANTINE if os.environ.get("GIT_QUARANTINE_PATH") else LOCAL_VARIABLES
    clean = {name: value for name, value in os.environ.items() if name not in scrubbed}
    modes = ("-c", "core.fileMode=true") if keeps_modes(cwd) else ()
    try:
        return subprocess.Popen(
            ["git", *_SETTINGS, *modes, *arguments],
            cwd=cwd,
            env={**clean, **_VARIABLES, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise GitError("there is no git on PATH" if cwd.is_dir() else f"no folder {cwd}", missing=True) from error
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from error


def finish(process: subprocess.Popen[bytes], *, stdin: bytes = b"") -> bytes:
    """What it wrote. Raises GitError with its complaint when it failed or took longer than the time limit."""
    try:
        out, err = process.communicate(stdin, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise GitError(f"git did not answer in {TIME_LIMIT_S:.0f} s") from error
    if process.returncode and (program := absent_program(err)):
        message = f"git was to start {program}, as a filter of the repository says, and it is not installed"
        raise GitError(f"{message} ({complaint(err)})", program=program)
    if process.returncode:
        raise GitError(complaint(err) or f"git ended with {process.returncode}")
    return out


def git(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """Run git to its end and return what it wrote. Raises GitError."""
    return finish(start(arguments, cwd=cwd, env=env), stdin=stdin)


def complaint(stderr: bytes) -> str:
    """The first line that says what is wrong, else the first line at all."""
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith(("fatal:", "error:"))]
    line = (wrong or lines or [""])[0].removeprefix("fatal: ").removeprefix("error: ").strip()
    return "".join(character if character.isprintable() else "?" for character in line)


def absent_program(stderr: bytes) -> str:
    """Return the program that a shell, or git itself, did not find, "" where none was missing."""
    found = _ABSENT.search(stderr)
    return next((name for name in found.groups() if name), b"").decode(errors="replace") if found else ""
