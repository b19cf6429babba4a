"""Documents for machines: sorted, indented, the schema's name first, and safe to show on a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from envmatrix.report.model import Report
from envmatrix.verdict.model import Verdict

# JSON escapes C0 by itself; the rest can steer a terminal or hide text just as well and is spelt \uXXXX here. So is the
# second sign of "##[…]" and "##word[…]", on which Azure, older GitHub runners and TeamCity act anywhere in a line.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]|(?<=#)#(?=\\w*\\[)")


def render(report: Report) -> str:
    """The verdict document; with ``drift``, where runs were compared, as one more key."""
    document = msgspec.to_builtins(in_order(report.verdict))
    if report.drift is not None:
        drift = sorted(report.drift, key=lambda change: (change.kind, change.cell, change.test))
        document["drift"] = {"against": report.drift_against, "tests": msgspec.to_builtins(drift)}
    return dump_document(document)


def in_order(verdict: Verdict) -> Verdict:
    """The same verdict with every list sorted, so that equal judgements are equal bytes."""
    cells = [
        msgspec.structs.replace(
            cell,
            reasons=tuple(sorted(cell.reasons, key=lambda reason: (reason.code, reason.capability, reason.message))),
            notes=tuple(sorted(cell.notes)),
        )
        for cell in verdict.cells
    ]
    breaches = [msgspec.structs.replace(breach, tests=tuple(sorted(breach.tests))) for breach in verdict.breaches]
    nowhere = [
        msgspec.structs.replace(
            test, seen_in=tuple(sorted(test.seen_in, key=lambda seen: (seen.cell, seen.class_, seen.reason)))
        )
        for test in verdict.ran_nowhere
    ]
    return msgspec.structs.replace(
        verdict,
        cells=tuple(sorted(cells, key=lambda cell: (cell.name, cell.profile))),
        breaches=tuple(sorted(breaches, key=lambda breach: (breach.code, breach.cell, breach.message))),
        ran_nowhere=tuple(sorted(nowhere, key=lambda test: test.test)),
        notes=tuple(sorted(verdict.notes)),
    )


def dump_document(document: Mapping[str, Any]) -> str:
    """The document as indented JSON with a newline at its end."""
    try:
        text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    except UnicodeEncodeError:  # a lone surrogate, as Python makes of a file name that is not UTF-8
        text = json.dumps(document, indent=2)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"
