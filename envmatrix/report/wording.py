"""The words, numbers and safe spellings that all formats share."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from envmatrix.util.text import count, listed, short_digest
from envmatrix.verdict.model import CellVerdict, Tests, Verdict

MOST_CHARACTERS = 4000

STATES = ("failed", "inconclusive", "blocked", "owed", "stale", "not_relevant", "passed")
STATE_WORDS = {state: state.replace("_", " ") for state in STATES}

# Controls, and everything that reorders, hides or breaks text where it is shown (Unicode's bidirectional controls,
# zero-width characters, separators, tags, surrogates). Names and reasons come from evidence that others wrote.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
# Azure, older GitHub runners and TeamCity act on "##[…]" and "##word[…]" anywhere in a line of output.
_SERVICE_MESSAGE = re.compile(r"##(?=\w*\[)")


def make_visible(text: str) -> str:
    """The text on one line with every control, escape and invisible character spelt out (``\\x1b``, ``\\u202e``).

    Nobody reads a name of more than :data:`MOST_CHARACTERS`: the rest of it is counted.
    """
    if len(text) > MOST_CHARACTERS:
        rest = len(text) - MOST_CHARACTERS
        return f"{make_visible(text[:MOST_CHARACTERS])}… ({rest:,} more characters)"
    if text.isascii() and text.isprintable() and "##" not in text:
        return text
    return _SERVICE_MESSAGE.sub(r"#\\x23", _HIDDEN.sub(lambda found: _spell_character(found[0]), text))


def visible_lines(text: str, last: int = 0) -> list[str]:
    """The lines of a longer text, each visible, tabs as spaces; with ``last``, the last so many and a note of the rest.

    Colours (SGR sequences) are dropped instead of spelt out: runners write them and they carry no content.
    """
    recent = text[-500 * last :] if last else text  # of a very long text only the end is worth the work
    plain = re.sub(r"\x1b\[[0-9;]*m", "", recent).replace("\r\n", "\n").expandtabs(4)
    lines = [make_visible(line.rstrip()) for line in plain.strip("\n").split("\n")]
    before = len(lines) - last + text.count("\n", 0, len(text) - len(recent))
    if last and before > 0:
        return [f"(… {count(before, 'line')} before)", *lines[-last:]]
    return lines if any(lines) else []


def _spell_character(character: str) -> str:
    code = ord(character)
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return known or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def count_columns(text: str) -> int:
    """How many terminal columns the text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def duration(seconds: float) -> str:
    """Seconds for a reader: ``0.42 s``, ``12.3 s``, ``4 min 05 s``, ``2 h 03 min``."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def short(digest: str) -> str:
    """The first 12 characters of a git id or a digest, whose prefix ("sha256:") stays."""
    return make_visible(short_digest(digest))


def total(tests: Tests) -> int:
    """How many tests were seen, in whatever way they ended."""
    return executed(tests) + tests.skipped + tests.deselected


def executed(tests: Tests) -> int:
    """How many tests really ran."""
    return tests.passed + tests.failed + tests.error + tests.xfailed + tests.xpassed


def others(tests: Tests) -> dict[str, int]:
    """The rarer outcomes that are not zero, by their words."""
    named = {"xfailed": tests.xfailed, "xpassed": tests.xpassed, "deselected": tests.deselected}
    return {word: number for word, number in named.items() if number}


def has_run(cell: CellVerdict) -> bool:
    """Whether the cell has numbers to show: it was run, and not only tried."""
    tried = cell.state == "inconclusive" and not total(cell.tests)
    return cell.state in ("passed", "failed", "inconclusive", "stale") and not tried


def waits_for(cell: CellVerdict) -> str:
    """What a cell that did not run waits for: its capabilities, else the codes of its reasons, as one phrase."""
    named = {make_visible(reason.capability or reason.code) for reason in cell.reasons}
    return ", ".join(sorted(name for name in named if name and name != cell.state))


def states(verdict: Verdict) -> list[str]:
    """The cells in words, passed first: ``2 of 3 cells passed``, ``1 blocked (libvirt)``."""
    counted: Counter[str] = Counter(cell.state for cell in verdict.cells)
    phrases = [f"{counted['passed']:,} of {count(len(verdict.cells), 'cell')} passed"]
    for state in STATES[:-1]:
        if counted[state]:
            why = {waits_for(cell) for cell in verdict.cells if cell.state == state and state in ("blocked", "owed")}
            listed = ", ".join(sorted(filter(None, why)))
            phrases.append(f"{counted[state]} {STATE_WORDS[state]}" + (f" ({listed})" if listed else ""))
    return phrases


def summary(verdict: Verdict) -> str:
    """The verdict in one line, as every format ends or begins with it."""
    return _sentence(verdict, [*states(verdict), *_extra(verdict)])


def last_lines(verdict: Verdict, width: int) -> tuple[str, str]:
    """The verdict in a line that has the width, and the counts for which it has no room, "" where it has it for all."""
    parts = [*states(verdict), *_extra(verdict)]
    fits = len(parts)
    while fits > 1 and count_columns(_sentence(verdict, parts[:fits])) > width:
        fits -= 1
    return ", ".join(parts[fits:]), _sentence(verdict, parts[:fits])


def _extra(verdict: Verdict) -> list[str]:
    extra = [count(len(verdict.breaches), "breach")] if verdict.breaches else []
    if verdict.ran_nowhere:
        extra.append(f"{count(len(verdict.ran_nowhere), 'test')} ran nowhere")
    return extra


def _sentence(verdict: Verdict, parts: list[str]) -> str:
    return f"{verdict.verdict}: {', '.join(parts)} - exit {verdict.exit_code}"


def not_run(verdict: Verdict) -> str:
    """One line that says what did not run, which is what a green mark usually hides."""
    missing = [cell for cell in verdict.cells if cell.state in ("blocked", "owed", "inconclusive", "stale")]
    aside = sum(cell.state == "not_relevant" for cell in verdict.cells)
    skipped = sum(cell.tests.skipped + cell.tests.deselected for cell in verdict.cells)
    silent = sum(breach.code == "host_missing" for breach in verdict.breaches)
    parts = []
    if verdict.dirty:
        parts.append("the commit as it is (this is of a checkout with changes that are not committed)")
    if missing:
        named = listed(f"{make_visible(cell.name)} ({_why(cell)})" for cell in missing)
        parts.append(f"{len(missing):,} of {count(len(verdict.cells), 'cell')}: {named}")
    if silent:
        parts.append(f"{count(silent, 'expected report')} did not come")
    if verdict.ran_nowhere:
        parts.append(f"{count(len(verdict.ran_nowhere), 'test')} ran nowhere")
    if skipped:
        parts.append(f"{count(skipped, 'skip')} in cells that ran")
    if aside:
        parts.append(f"{count(aside, 'cell')} not relevant to the change")
    if parts:
        return f"Not run: {'; '.join(parts)}."
    tests = sum(total(cell.tests) for cell in verdict.cells)
    if not verdict.cells or not tests:
        return "Not run: everything; no test of any cell ran."
    return f"Not run: nothing; all of {count(len(verdict.cells), 'cell')} and {count(tests, 'test')} ran."


def _why(cell: CellVerdict) -> str:
    waits = waits_for(cell)
    return f"{STATE_WORDS[cell.state]}: {waits}" if waits else STATE_WORDS[cell.state]
