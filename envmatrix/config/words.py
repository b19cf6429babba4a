"""Near misses: which of the known words a user probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.7) -> str:
    """Return the known word closest to ``word``, "" where none is close (difflib's ratio under ``cutoff``)."""
    import difflib

    found = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=cutoff)
    return found[0] if found else ""


def hint(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return ``; did you mean 'x'?`` where a known word is close, else ``; `` and ``otherwise``, or nothing."""
    near = nearest(word, known)
    if near:
        return f"; did you mean {near!r}?"
    return f"; {otherwise}" if otherwise else ""


def listed(words: Iterable[str]) -> str:
    """Return words for a sentence: ``'a', 'b' and 'c'``, sorted; "none" where there are none."""
    quoted = [repr(word) for word in sorted(words)]
    if len(quoted) < 2:
        return "".join(quoted) or "none"
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"
