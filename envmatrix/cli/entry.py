"""The first lines of the command: standard streams and signals are in order before anything else is loaded."""

from __future__ import annotations

import os
import sys

from envmatrix.console.signals import ignore_signals, raise_on_signals

TYPE_CHECKING = False  # as in typing, whose import takes longer than this module
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit; see ``cli.errors.end_with``."""
    try:
        raise_on_signals()
        _open_streams()
        from envmatrix.cli.main import main as run_command

        run_command()
    except KeyboardInterrupt:  # while modules were loaded, or after the verb has ended
        ignore_signals()
        os.write(2, b"\nenvmatrix: interrupted\n")
        sys.exit(130)


def _open_streams() -> None:
    """Open the null device in place of each standard stream that the caller closed (`>&-`, some daemons).

    The next file that is opened would have its number, and Python has None in its place.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this stream's
            setattr(sys, name, os.fdopen(nowhere, mode, closefd=False))
