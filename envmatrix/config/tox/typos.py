"""What of a tox file applies to nothing because a word in it is misspelt: tox passes over all of it without a word.

Only what is one slip of the finger away from what there is counts, numbers and plurals apart: a factor may be meant for
an environment that is written down nowhere, and a section for a tool that is not tox.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator

import msgspec

from envmatrix.config.tox import factors, python_versions
from envmatrix.config.tox import keys as tox_keys
from envmatrix.config.tox.file import ToxFile
from envmatrix.util.text import nearest

_OWN = re.compile(r"testenv:(.+)")


def misspelt(tox: ToxFile, env: str, *, known: Iterable[str] = ()) -> Iterator[str]:
    """Yield a sentence for each word of ``tox`` that the environment ``env`` misses by one letter.

    ``known`` are factors that come from elsewhere, such as the axes of profiles.
    """
    yield from (sentence for sentence, harmless in _core_keys(tox) if not harmless)
    if tox.kind == "ini":
        yield from _sections(tox, env)
    yield from _own_sections(tox, env)
    yield from _conditions(tox, env, frozenset(known))


# Every cell of a run asks the same of one tox file, whose length would be multiplied by their number.
@functools.lru_cache(maxsize=8)
def _core_keys(tox: ToxFile) -> tuple[tuple[str, bool], ...]:
    return tuple(_read_core_keys(tox))


@functools.lru_cache(maxsize=8)
def _factors_named(tox: ToxFile) -> frozenset[str]:
    return frozenset(factors.of_names(tox.sections, tox.table))


@functools.lru_cache(maxsize=8)
def _factors_asked(tox: ToxFile) -> tuple[str, ...]:
    requested = factors.of_toml_conditions(tox.table) if tox.kind == "toml" else factors.of_ini_conditions(tox.sections)
    return tuple(sorted(word for word in set(requested) if not python_versions.claimed(word)))


@functools.lru_cache(maxsize=8)
def _listed_envs(tox: ToxFile) -> frozenset[str] | None:
    return factors.listed_envs(tox.sections, tox.table)


def idle(tox: ToxFile) -> Iterator[str]:
    """Yield a sentence for each misspelt key of tox's own beside which the right one stands: a word for a note."""
    yield from (sentence for sentence, harmless in _core_keys(tox) if harmless)


def _read_core_keys(tox: ToxFile) -> Iterator[tuple[str, bool]]:
    """Yield a sentence for each misspelt key, and whether nothing is lost because the right one is there too."""
    core = tox_keys.core()
    written = {name: tox.sections[name] for name in ("tox", "tox:tox") if name in tox.sections}
    for section, keys in written.items() if tox.kind == "ini" else [("", tox.table)]:
        for key in keys:
            if key in core or key in tox_keys.OF_TOX_3 or key in tox_keys.known() or _is_referred_to(tox, section, key):
                continue
            if near := nearest(key, core, cutoff=0.8):
                where = f" of [{section}]" if section else ""
                yield f"nothing reads the key {key!r}{where}; did you mean {near!r}?", near in keys


def _sections(tox: ToxFile, env: str) -> Iterator[str]:
    for section in tox.sections:
        prefix, colon, name = section.partition(":")
        if prefix == "testenv" or slips(prefix.strip(), "testenv") != 1 or (colon and name.strip() != env):
            continue
        if not _is_referred_to(tox, section):
            yield f"nothing reads the section [{section}]; did you mean [testenv{colon}{name.strip()}]?"


def _own_sections(tox: ToxFile, env: str) -> Iterator[str]:
    """An environment without a section of its own, beside a section that no list of environments names."""
    if tox.kind == "ini":
        local = {match[1].strip(): match[0] for section in tox.sections if (match := _OWN.fullmatch(section))}
    else:
        table = tox.table.get("env")
        local = {name: f"env.{name}" for name in table} if isinstance(table, dict) else {}
    listed = None if env in local else _listed_envs(tox)
    if listed is None:
        return
    for name, section in local.items():
        if name not in listed and is_slip(name, env, shortest=3) and not _is_referred_to(tox, section):
            yield f"[{section}] is for an environment that env_list does not name; did you mean {env!r}?"


def _conditions(tox: ToxFile, env: str, known: frozenset[str]) -> Iterator[str]:
    for word in _factors_asked(tox):
        if word in known or word in env.split("-") or word in _factors_named(tox):
            continue
        if near := next((factor for factor in env.split("-") if is_slip(word, factor)), ""):
            yield f"no environment has the factor {word!r}, on which settings depend; did you mean {near!r}?"


def is_slip(word: str, other: str, *, shortest: int = 4) -> bool:
    """Tell whether one is probably meant to be the other: one letter too many, too few, wrong, or two exchanged.

    Of words of fewer than ``shortest`` letters that cannot be told.
    """
    plain, plain_other = (re.sub(r"[\d.]", "", text) for text in (word, other))
    short, long = sorted((plain, plain_other), key=len)
    return len(short) >= shortest and plain != plain_other and long != f"{short}s" and slips(word, other) == 1


@functools.lru_cache(maxsize=1024)  # every cell of a run asks of the same sections
def slips(word: str, other: str) -> int:
    """Return by how many letters two words differ; exchanged neighbours are one (Damerau and Levenshtein)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        now = [row]
        for column, another in enumerate(other, 1):
            cost = min(now[-1] + 1, last[column] + 1, last[column - 1] + (letter != another))
            if row > 1 and column > 1 and letter == other[column - 2] and word[row - 2] == another:
                cost = min(cost, before[column - 2] + 1)
            now.append(cost)
        before, last = last, now
    return last[-1]


def _is_referred_to(tox: ToxFile, section: str, key: str = "") -> bool:
    """Tell whether other settings take the section's values, or those of one key."""
    if tox.kind == "toml":
        text = msgspec.json.encode(tox.table, enc_hook=str).decode()
        return bool(key) and f'"key":"{key}"' in text
    reference = f"{{[{section}]{key}"
    return any(reference in value for keys in tox.sections.values() for value in keys.values())
