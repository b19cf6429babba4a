"""Run git without prompts, locks and the caller's repository variables.

Whether the file system keeps executable bits is tried out, because ``core.fileMode`` may come from another machine.
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
def has_executable_bits(folder: Path) -> bool:
    """Return whether the file system of ``folder`` keeps the executable bit of files.

    True if that cannot be tried: users notice a false difference, but nobody notices a missed one.
    """
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        # A file without a name changes no directory, and is gone when it is closed.
        return _can_switch_bit(os.open(folder, flags | os.O_TMPFILE, _MODES[0]))
    except AttributeError:  # not Linux
        return _has_executable_bits_of_named(folder)
    except OSError as error:
        return (
            _has_executable_bits_of_named(folder)
            if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL)
            else True
        )


def _has_executable_bits_of_named(folder: Path) -> bool:
    path = folder / f".envmatrix-probe-{os.urandom(6).hex()}~"  # a name that never counts as content
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODES[0])
    except OSError:
        return True
    try:
        return _can_switch_bit(handle)
    finally:
        with suppress(OSError):
            path.unlink()


def _can_switch_bit(handle: int) -> bool:
    """Clear and set the executable bit of an open file, close it, and return whether the file system kept both."""
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

# These variables select git's repository, index, objects and pathspecs: the list of `git rev-parse --local-env-vars`
# without GIT_CONFIG_*, which carry `safe.directory` in containers. git sets them for hooks, and they would redirect
# every command here to the hook's repository and index.
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
# A server's pre-receive hook finds the pushed objects, which are not in the repository yet, through these variables
# (git-receive-pack(1)).
_QUARANTINE: Final = {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}
# No replaced objects, no grafted parents and no lazily fetched objects: they would change the content of a commit id.
_VARIABLES: Final = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
}
# A repository's settings start programs (fsmonitor, hooks) and let git overlook files on disk. They help developers,
# but falsify the identity of the tested content. A split index would be written next to the real one.
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
    """git failed: ``str()`` is the first line of its error, ``missing`` is true if git is not installed.

    ``program`` names a program that git needs, for example for a filter, and that is not installed.
    """

    def __init__(self, message: str, *, missing: bool = False, program: str = "") -> None:
        self.missing, self.program = missing, program
        super().__init__(message)

    def suggest_remedy(self, root: Path) -> str:
        """Return the fix as the end of a sentence; "" if the arguments were wrong."""
        if self.missing:
            return "install git"
        if self.program:
            return f"install {self.program}, or unset the filter that starts it (git config --get-regexp '^filter\\.')"
        if "dubious ownership" in str(self):
            return f"if you trust its owner, run: git config --global --add safe.directory {root}"
        return ""


def start_git(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start git and return its process, for ``finish_git``.

    Raises GitError: when git is not installed or the directory does not exist.
    """
    scrubbed = LOCAL_VARIABLES - _QUARANTINE if os.environ.get("GIT_QUARANTINE_PATH") else LOCAL_VARIABLES
    clean = {name: value for name, value in os.environ.items() if name not in scrubbed}
    modes = ("-c", "core.fileMode=true") if has_executable_bits(cwd) else ()
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
        message = "git is not on PATH" if cwd.is_dir() else f"the directory {cwd} does not exist"
        raise GitError(message, missing=True) from error
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from error


def finish_git(process: subprocess.Popen[bytes], *, stdin: bytes = b"") -> bytes:
    """Wait for a git process and return its output.

    Raises GitError: when git failed or took longer than the time limit.
    """
    try:
        out, err = process.communicate(stdin, timeout=TIME_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise GitError(f"git did not answer in {TIME_LIMIT_S:.0f} s") from error
    if process.returncode and (program := find_absent_program(err)):
        message = f"a filter of the repository needs {program}, which is not installed"
        raise GitError(f"{message} ({extract_complaint(err)})", program=program)
    if process.returncode:
        raise GitError(extract_complaint(err) or f"git exited with {process.returncode}")
    return out


def run_git(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """Run git and return its output.

    Raises GitError: when git cannot be started, fails or takes too long.
    """
    return finish_git(start_git(arguments, cwd=cwd, env=env), stdin=stdin)


def extract_complaint(stderr: bytes) -> str:
    """Return the first line of an error output that names an error, else its first line."""
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith(("fatal:", "error:"))]
    line = (wrong or lines or [""])[0].removeprefix("fatal: ").removeprefix("error: ").strip()
    return "".join(character if character.isprintable() else "?" for character in line)


def find_absent_program(stderr: bytes) -> str:
    """Return the program that a shell or git did not find; "" if none is missing."""
    match = _ABSENT.search(stderr)
    return next((name for name in match.groups() if name), b"").decode(errors="replace") if match else ""
