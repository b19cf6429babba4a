"""One way to run git: quiet, without locks, with the caller's own repository variables out of the way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

TIME_LIMIT_S: Final = 300.0

# What `git rev-parse --local-env-vars` names, but for GIT_CONFIG_*: those carry `safe.directory` in containers. A hook
# is started with these variables set, and they would point every question at the hook's repository and index.
_SCRUBBED: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_GRAFT_FILE",
        "GIT_ICASE_PATHSPECS",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# What a server's pre-receive hook needs to see what is pushed: it is not in the repository yet (git-receive-pack(1)).
_QUARANTINE: Final = {"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}
# fsmonitor is a program named by the repository; a split index would be written beside the real one.
_SETTINGS: Final = ("-c", "core.fsmonitor=false", "-c", "core.splitIndex=false", "-c", "core.quotePath=false")


class GitError(Exception):
    """git could not answer; ``str()`` is its own first line of complaint, ``missing`` says that there is no git."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        self.missing = missing
        super().__init__(message)

    def remedy(self, root: Path) -> str:
        """What would let git answer, as the end of a sentence; "" where the question was at fault."""
        if self.missing:
            return "install git"
        if "dubious ownership" in str(self):
            return f"if you trust its owner, run: git config --global --add safe.directory {root}"
        return ""


def start(arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A running git; hand it to ``finish``. Raises GitError where there is no git or no such folder."""
    scrubbed = _SCRUBBED - _QUARANTINE if os.environ.get("GIT_QUARANTINE_PATH") else _SCRUBBED
    clean = {name: value for name, value in os.environ.items() if name not in scrubbed}
    clean |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        return subprocess.Popen(
            ["git", *_SETTINGS, *arguments],
            cwd=cwd,
            env={**clean, **(env or {})},
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
