"""The first lines of the command: what takes longest to get ready is started before anything else is loaded."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

_PERHAPS = ("--staged", "--changed-since", "--reuse", "--help", "-h")  # it may be that nothing has to run


def runs(argv: Sequence[str]) -> bool:
    """Tell whether the arguments look like a run that will start processes; a wrong guess costs a process, no more."""
    own = list(argv[: argv.index("--")] if "--" in argv else argv)
    return "run" in own[:8] and not any(word.startswith(_PERHAPS) for word in own)


def _open_streams() -> None:
    """Let what was closed by whoever started this process (`>&-`, some daemons) lead nowhere.

    The next file that is opened would have its number, and Python has None in its place.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this stream's
            setattr(sys, name, os.fdopen(nowhere, mode, closefd=False))


def main() -> None:
    """Run the command line; see ``main.main``."""
    # What is loaded and read here stays: looking for garbage among it ten times takes a twentieth of a short run.
    gc.set_threshold(50_000, 20, 20)
    _open_streams()
    if runs(sys.argv[1:]):
        from envmatrix.engine.helper import fork_early

        fork_early(os.environ)
    from envmatrix.cli.main import main as command

    command()
