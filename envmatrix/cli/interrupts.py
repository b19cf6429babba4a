"""Interrupts that come while modules are loaded, or while the host is asked."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_S = 0.01


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but none in the middle of an import: then, a little later.

    Python may lose it there, with a lock that all other threads wait for, and some extension modules crash.
    """
    if _imports(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        return
    raise KeyboardInterrupt


def _again(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # for whoever listens by now


_DEFAULTS = (signal.SIG_DFL, signal.default_int_handler, _interrupt, _again)


def spare_imports() -> None:
    """Raise no Ctrl-C in the middle of an import from now on; where whoever started this ignores it, that stays."""
    _listen((signal.SIGINT,))


def _listen(numbers: tuple[signal.Signals, ...]) -> dict[signal.Signals, object]:
    """Take these signals for an interrupt where nobody listens to them yet, and return who did before."""
    found = {one: signal.getsignal(one) for one in (*numbers, signal.SIGALRM)}
    before = {one: handler for one, handler in found.items() if handler in _DEFAULTS}
    for number in before:
        signal.signal(number, _again if number == signal.SIGALRM else _interrupt)
    return dict(before)


@contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for an interrupt, so that what asks the host ends with those who ask.

    One that whoever started this process chose to ignore, or that somebody here listens to already, stays as it is.
    """
    before = _listen((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        late = signal.SIGALRM in before and signal.setitimer(signal.ITIMER_REAL, 0)[0] > 0
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if late:
            signal.raise_signal(signal.SIGINT)


def _imports(frame: FrameType | None) -> bool:
    """Tell whether this frame, or one that waits for it, is of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
