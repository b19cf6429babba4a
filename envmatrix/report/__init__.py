"""A value becomes text in some format, chosen by name. A format is one module and one line in :data:`FORMATS`."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from envmatrix.errors import EnvmatrixError
from envmatrix.report.model import Report

__all__ = ["FORMATS", "Report", "UnknownFormatError", "render"]


class UnknownFormatError(EnvmatrixError):
    """A format was asked for that no module renders."""

    hint = "`envmatrix report --format markdown` shows the last run in one of them"


def _make_renderer(module: str, function: str = "render") -> Callable[[Report], str]:
    def call(report: Report) -> str:
        rendered: str = getattr(importlib.import_module(f"{__name__}.{module}"), function)(report)
        return rendered

    return call


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": _make_renderer("formats.text"),
    "json": _make_renderer("formats.json"),
    "markdown": _make_renderer("formats.markdown"),
    "junit": _make_renderer("formats.junit"),
    "html": _make_renderer("formats.html"),
    "gerrit": _make_renderer("formats.votes", "render_gerrit"),
    "github": _make_renderer("formats.votes", "render_github"),
    "github-check": _make_renderer("formats.votes", "render_github_check"),
    "gitlab": _make_renderer("formats.votes", "render_gitlab"),
}


def render(name: str, report: Report) -> str:
    """The report in the named format, ending with a newline.

    Raises UnknownFormatError for a name that is not in FORMATS.
    """
    if name not in FORMATS:
        raise UnknownFormatError(f"There is no format {name!r}; choose one of {', '.join(sorted(FORMATS))}.")
    return FORMATS[name](report)
