"""A real terminal of 80 x 24 for tests, in tmux."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest


class Screen:
    """A shell in a terminal of 80 x 24."""

    def __init__(self, folder, environ, socket, shell):
        self.tmux = ("tmux", "-L", socket, "-f", os.devnull)
        self.environ = environ
        self._tmux("new-session", "-d", "-x", "80", "-y", "24", "-c", str(folder), f"env PS1='$ ' {shell}")
        self._tmux("set-option", "-g", "history-limit", "2000")
        self.wait(r"^\$")

    def _tmux(self, *words):
        done = subprocess.run([*self.tmux, *words], env=self.environ, capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, line, key="Enter"):
        # The shell has to wait at its prompt: a terminal shows what is typed earlier twice.
        self._tmux("send-keys", "-l", "clear; tmux wait-for -S cleared")
        self._tmux("send-keys", "Enter")
        self._tmux("wait-for", "cleared")
        self.wait(r"\A\$\s*\Z")
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", key)

    def press(self, key):
        self._tmux("send-keys", key)

    def shown(self):
        return self._tmux("capture-pane", "-p").rstrip("\n")

    def wait(self, pattern, timeout_s=60):
        """Return the screen as soon as the pattern is on it."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            shown = self.shown()
            if re.search(pattern, shown, re.MULTILINE):
                return shown
            time.sleep(0.1)
        raise AssertionError(f"{pattern!r} did not appear:\n{self.shown()}")

    def close(self):
        subprocess.run([*self.tmux, "kill-server"], env=self.environ, check=False)


@pytest.fixture
def screen(clean_env, tmp_path):
    opened = []

    def start(folder, shell="bash --norc"):
        path = f"{Path(sys.executable).parent}:{clean_env['PATH']}"
        environ = {**clean_env, "PATH": path, "TERM": "xterm-256color", "TMUX_TMPDIR": str(tmp_path)}
        opened.append(Screen(folder, environ, f"screen{len(opened)}", shell))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
