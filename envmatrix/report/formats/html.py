"""One HTML file that holds everything and asks the network for nothing: the assets and the data, stitched together."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files
from typing import Final

from envmatrix.report.formats import text
from envmatrix.report.formats.html_data import build_data
from envmatrix.report.model import Report
from envmatrix.report.wording import make_visible, not_run, short, summary
from envmatrix.util.text import count

SCRIPTS: Final = ("core.js", "overview.js", "tests.js", "minimap.js", "time.js", "cells.js")

# Inside a <script> only these can end the element, open a comment or end a line of JavaScript.
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def render(report: Report) -> str:
    """The page. Its policy allows this one script and this one style, by their digests, and no request at all."""
    style = _read_asset("page.css")
    script = "".join(_read_asset(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash_content(script)}'; style-src '{_hash_content(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    project = next((record.project for record in report.evidence if record.project), "envmatrix")
    plain = text.render(Report(verdict=report.verdict, evidence=report.evidence, drift=report.drift, logs=report.logs))
    parts = {
        "policy": policy,
        "title": html.escape(make_visible(f"{project}: {report.verdict.verdict} - envmatrix")),
        "style": style,
        "script": script,
        "project": html.escape(make_visible(project)),
        "verdict": report.verdict.verdict,
        "summary": html.escape(summary(report.verdict)),
        "not_run": html.escape(not_run(report.verdict)),
        "facts": _render_facts(report),
        "plain": html.escape(plain),
        "data": embed_json(build_data(report)),
    }
    # One pass over the template: what is put in is never searched for places again.
    return _PLACE.sub(lambda found: parts[found[1]], _read_asset("page.html"))


def embed_json(document: object) -> str:
    """The document as JSON for a ``<script type="application/json">``: no text of it can end the element."""
    import msgspec

    encoded = msgspec.json.encode(document).decode()
    return re.sub("[<>&\u2028\u2029]", lambda found: _ESCAPES[found[0]], encoded)


def _read_asset(name: str) -> str:
    return (files("envmatrix.report") / "assets" / name).read_text("utf-8")


def _hash_content(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _render_facts(report: Report) -> str:
    verdict = report.verdict
    hosts = {record.host.name for record in report.evidence if record.host.name}
    result = [
        ("commit", (short(verdict.commit) or "none") + (" and changes" if verdict.dirty else "")),
        ("tree", short(verdict.tree)),
        ("matrix", short(verdict.matrix_digest)),
        ("evidence", f"{count(len(report.evidence), 'record')} of {count(len(hosts), 'host')}"),
        ("exit", str(verdict.exit_code)),
    ]
    return "".join(
        f"<div><dt>{name}</dt><dd>{html.escape(make_visible(value))}</dd></div>" for name, value in result if value
    )
