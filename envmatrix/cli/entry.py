"""The first lines of the command: what takes longest to get ready is started before anything else is loaded."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

TYPE_CHECKING = False  # as in typing, which takes longer to load than all of this
if TYPE_CHECKING:
    from typing import NoReturn

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


def main() -> NoReturn:
    """Run the command line and exit; see ``leaving.end_with``."""
    # What is loaded and read here stays: looking for garbage among it ten times takes a twentieth of a short run.
    gc.set_threshold(50_000, 20, 20)
    _open_streams()
    try:
        _command()
    except KeyboardInterrupt:  # before anybody listens
        os.write(2, b"\nenvmatrix: interrupted\n")
        os._exit(130)


def _load_msgspec() -> None:
    """Load msgspec with what typing has itself.

    It asks typing_extensions first, which old Pythons need and tox brings along; with what that loads in its turn, it
    takes as long as all the rest of msgspec.
    """
    name = "typing_extensions"
    blocked = name not in sys.modules
    if blocked:
        sys.modules[name] = None  # type: ignore[assignment]  # so Python is told that there is none
    try:
        import msgspec  # noqa: F401
    finally:
        if blocked:
            del sys.modules[name]


def _command() -> NoReturn:
    argv = sys.argv[1:]
    if runs(argv):
        from envmatrix.engine.helper import fork_early

        fork_early(os.environ)
    from envmatrix.cli.interrupts import spare_imports

    spare_imports()
    _load_msgspec()
    if "run" in argv[:8]:
        from envmatrix.cli.quick import understood

        quick = understood(argv, os.environ)
        if quick is not None:
            from envmatrix.cli.leaving import end_with

            end_with(quick.run, "run")
    from envmatrix.cli.main import main as command

    command()
