"""Signals that end the command in order: Ctrl-C, SIGTERM and SIGHUP are KeyboardInterrupt from the first line on."""

from __future__ import annotations

import signal

TYPE_CHECKING = False  # as in typing, whose import takes longer than this module
if TYPE_CHECKING:
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_RETRY_S = 0.01


def raise_on_signals() -> None:
    """Raise KeyboardInterrupt for each of the signals from now on, but not for one that the caller ignores (nohup)."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise_interrupt)
    signal.signal(signal.SIGALRM, _repeat_interrupt)


def ignore_signals() -> None:
    """Ignore the signals from now on: the process has said everything and is about to exit."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but in the middle of an import only after that has ended.

    Python can lose an exception there, with a lock that other threads wait for, and one of 150 interrupts in the first
    moments of the command crashed an extension module that was loading.
    """
    if _is_importing(frame):
        signal.setitimer(signal.ITIMER_REAL, _RETRY_S)
        return
    raise KeyboardInterrupt


def _repeat_interrupt(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT if signal.getsignal(signal.SIGINT) != signal.SIG_IGN else signal.SIGTERM)


def _is_importing(frame: FrameType | None) -> bool:
    """Tell whether this frame, or one that waits for it, is of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
