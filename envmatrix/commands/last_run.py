"""The report of a run, kept in the run's folder so that ``envmatrix report`` can show it again in another format."""

from __future__ import annotations

from pathlib import Path

import msgspec

from envmatrix.errors import EnvmatrixError
from envmatrix.report import Report
from envmatrix.util.files import write_atomically
from envmatrix.util.json import decode

NAME = "report.json"


class NoRunError(EnvmatrixError):
    """There is no run to report on."""


def write_report(report: Report, folder: Path) -> None:
    """Write ``report`` without its evidence and logs, which are in the store, into the folder of its run.

    Raises EnvmatrixError where that cannot be written.
    """
    bare = msgspec.structs.replace(report, evidence=(), logs={})
    try:
        write_atomically(folder / NAME, msgspec.json.encode(bare))
    except OSError as error:
        raise EnvmatrixError(f"{folder / NAME} cannot be written: {error.strerror}") from error


def read_report(folder: Path) -> Report:
    """Return the report that ``write_report`` wrote. Raises NoRunError where there is none, or a damaged one."""
    try:
        return decode((folder / NAME).read_bytes(), Report)
    except (OSError, msgspec.DecodeError) as error:
        raise NoRunError(f"{folder / NAME} cannot be read: {error}; run `envmatrix run` again") from error
