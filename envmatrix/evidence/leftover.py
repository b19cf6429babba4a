"""What a cell's commands left running. Apart from the record, because the helper that starts cells loads this alone."""

from __future__ import annotations

import msgspec


class LeftOver(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process that was still running when the commands of its cell had ended, and that was killed.

    ``forked`` says that it never executed a program of its own: ``argv`` is then its parent's. ``by_test`` says that a
    test session started it.
    """

    pid: int
    argv: tuple[str, ...] = ()
    forked: bool = False
    by_test: bool = False
