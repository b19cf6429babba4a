"""What verbs share: options, and how values reach the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Function = TypeVar("Function", bound=Callable[..., Any])


def complete_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete profiles and cells."""
    from envmatrix.cli.completing import names

    return names(ctx, param, incomplete)


def complete_formats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the formats of reports."""
    from envmatrix.cli.completing import formats

    return formats(ctx, param, incomplete)


def profiles_argument(function: Function) -> Function:
    """Take PROFILE…: profile names, cell names and tox:NAME."""
    return click.argument("names", metavar="[PROFILE]...", nargs=-1, shell_complete=complete_names)(function)


def json_option(function: Function) -> Function:
    """Take --json: the document on stdout, and nothing else there."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print the JSON document on stdout, and nothing else there."
    )(function)


def verbosity_options(function: Function) -> Function:
    """Take -q and -v after the verb too, where people look for them."""

    def note(sign: int) -> Callable[[click.Context, click.Parameter, int], None]:
        def callback(ctx: click.Context, param: click.Parameter, value: int) -> None:
            settings = ctx.find_root().obj
            if settings is not None:
                settings.verbosity += sign * value

        return callback

    louder = click.option("-v", "--verbose", count=True, expose_value=False, callback=note(1), help="Say more.")
    quieter = click.option("-q", "--quiet", count=True, expose_value=False, callback=note(-1), help="Say less.")
    return louder(quieter(function))


def use_color(stream: TextIO | None = None) -> bool:
    """Tell whether to colour: --color or --no-color, else NO_COLOR, else whether ``stream`` (stdout) is a terminal."""
    settings = click.get_current_context().find_root().obj
    if settings is not None and settings.color is not None:
        return bool(settings.color)
    if os.environ.get("NO_COLOR"):
        return False
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def verbosity() -> int:
    """Return how much to say: 0 is normal, below is less, above is more."""
    settings = click.get_current_context().find_root().obj
    return settings.verbosity if settings is not None else 0


def width(stream: TextIO | None = None) -> int:
    """Return the width in columns of the terminal behind a stream, stdout if none is named; 80 where there is none."""
    import shutil

    return shutil.get_terminal_size((80, 24)).columns if (stream or sys.stdout).isatty() else 80


def fitted_to_terminal(text: str) -> str:
    """Return the text, on a terminal with lines of its width that break between words and not within a command."""
    text = text.encode("utf-8", "backslashreplace").decode()  # of a file's name that is no text, as it will be shown
    if not sys.stderr.isatty():
        return text
    from envmatrix.report.page import fitted

    columns = width(sys.stderr)
    lines = [line if len(line) <= columns else fitted(line, columns, "", "  ") for line in text.split("\n")]
    return "\n".join("\n".join(line) if isinstance(line, list) else line for line in lines)


_AGAIN_S = 0.01


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for an interrupt, so that what asks the host ends with those who ask.

    One that whoever started this process chose to ignore, or that somebody here listens to already, stays as it is.
    None is raised in the middle of an import: Python would lose it there, with a lock that all other threads wait for.
    """
    import signal

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _imports(frame):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        raise KeyboardInterrupt

    defaults = (signal.SIG_DFL, signal.default_int_handler)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    before = {one: handler for one in numbers if (handler := signal.getsignal(one)) in defaults}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        late = signal.SIGALRM in before and signal.setitimer(signal.ITIMER_REAL, 0)[0] > 0
        for number, handler in before.items():
            signal.signal(number, handler)
        if late:
            signal.raise_signal(signal.SIGINT)


def _imports(frame: FrameType | None) -> bool:
    """Tell whether this frame, or one that waits for it, is of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def start() -> Path:
    """Return the folder that the verb works in."""
    return Path.cwd()
