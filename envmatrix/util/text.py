"""Sentences of every part of the tool: lists, counts, and near misses of known words."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Return the first names, and how many there are besides."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return f"{shown} and {len(every) - limit} more" if len(every) > limit else shown


def quoted(words: Iterable[str]) -> str:
    """Return words for a sentence: ``'a', 'b' and 'c'``, sorted; "none" where there are none."""
    quoted = [repr(word) for word in sorted(words)]
    if len(quoted) < 2:
        return "".join(quoted) or "none"
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def count(number: int, noun: str) -> str:
    """Return ``1 test``, ``4,000 tests``, ``2 breaches``."""
    plural = noun if number == 1 else f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"
    return f"{number:,} {plural}"


def printable(text: str, limit: int = 200) -> str:
    """Return text that is safe on a terminal and in a log: what cannot be printed is shown as "?", the rest cut."""
    clean = "".join(character if character.isprintable() else "?" for character in text[: limit + 1])
    return clean if len(clean) <= limit else f"{clean[:limit]}…"


def short_digest(digest: str, length: int = 12) -> str:
    """Return the first characters of a git id or a digest, whose prefix ("sha256:") stays."""
    kind, colon, value = digest.rpartition(":")
    return f"{kind}{colon}{value[:length]}"


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.7) -> str:
    """Return the known word closest to ``word``, "" where none is close (difflib's ratio under ``cutoff``)."""
    import difflib

    close_matches = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=cutoff)
    return close_matches[0] if close_matches else ""


def hint(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return ``; did you mean 'x'?`` where a known word is close, else ``; `` and ``otherwise``, or nothing."""
    near = nearest(word, known)
    if near:
        return f"; did you mean {near!r}?"
    return f"; {otherwise}" if otherwise else ""
