"""``[env]``: tox settings in tox's own TOML, checked, and laid over one another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from envmatrix.config.model import Setting
from envmatrix.config.schema import kind_of
from envmatrix.config.tox.keys import EnvKey, known, present
from envmatrix.util.text import nearest
from envmatrix.util.toml import KeyPath

_JSON_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (str, "string"),
    (int, "integer"),
    (float, "number"),
    (list, "array"),
    (dict, "object"),
)
_WORDS = {
    "boolean": "true or false",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a table",
}


def faults(env: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and a sentence for what is wrong in one file's [env]."""
    seen: dict[str, str] = {}
    for key, value in env.items():
        name = present(key)
        if name in seen:
            yield ("env", key), f"is tox's other name of {seen[name]!r}, which is set here too; keep one of them"
        seen[name] = key
        if key in known():
            yield from _value_faults(known()[key], key, value)
        elif near := nearest(key, known(), cutoff=0.8):
            yield ("env", key), f"tox has no such key; did you mean {near!r}?"
        elif is_append(value):
            yield from _value_faults(EnvKey(name=key), key, value)


def is_append(value: object) -> bool:
    """Say whether a value is ``{ append = … }``."""
    return isinstance(value, dict) and set(value) == {"append"} and isinstance(value["append"], list | dict)


def merged(inherited: Setting | None, key: str, value: Any, source: str) -> Setting:
    """Return what a profile's value makes of what it inherits: a plain value replaces, ``append`` adds."""
    if not is_append(value):
        return Setting(key=key, replaces=True, replace=value, source=source)
    before = inherited or Setting(key=key)
    return Setting(
        key=key,
        replaces=before.replaces,
        replace=before.replace,
        appends=(*before.appends, value["append"]),
        source=source,
    )


def _value_faults(key: EnvKey, name: str, value: Any) -> Iterator[tuple[KeyPath, str]]:
    if is_append(value):
        if not key.appendable:
            yield ("env", name), f"holds {_expected(key)}, so there is nothing to append to; write the value itself"
            return
        target = dict if key.types == {"object"} else list
        if key.types and not isinstance(value["append"], target):
            expected = "a table" if target is dict else "a list"
            yield ("env", name, "append"), f"expected {expected}, not {kind_of(value['append'])}"
            return
        yield from _part_faults(key, ("env", name, "append"), value["append"])
    elif isinstance(value, dict) and "append" in value and key.types != {"object"}:
        yield ("env", name), "expected { append = [...] } and nothing beside it"
    elif isinstance(value, dict) and key.types and "object" not in key.types and "replace" not in value:
        near = next(filter(None, (nearest(word, ("append", "replace")) for word in value)), "")
        meant = f"; did you mean {near!r}?" if near else ""
        yield ("env", name), f"expected {_expected(key)}, or a table with 'append' or 'replace'{meant}"
    elif not _fits(key, value):
        remedy = "; put it in brackets" if "array" in key.types and isinstance(value, str) else ""
        yield ("env", name), f"expected {_expected(key)}, not {kind_of(value)}{remedy}"
    else:
        yield from _part_faults(key, ("env", name), value)


def _part_faults(key: EnvKey, path: KeyPath, value: object) -> Iterator[tuple[KeyPath, str]]:
    """Yield what tox could not take of what a list or a table holds. A table may always be one of tox's own."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not key.parts or (isinstance(value, dict) and "replace" in value):
        return
    for place, part in parts:
        if key.parts == "lists" and isinstance(part, list):
            yield from _part_faults(EnvKey(name=key.name, parts="texts"), (*path, place), part)
        elif key.parts == "lists" and not isinstance(part, dict):
            remedy = "; write each command as a list of its words" if isinstance(part, str) else ""
            yield (*path, place), f"expected a list, not {kind_of(part)}{remedy}"
        elif key.parts == "texts" and not isinstance(part, str | dict):
            yield (*path, place), f"expected text, not {kind_of(part)}; write it in quotes"


def _fits(key: EnvKey, value: object) -> bool:
    """Say whether tox could take the value. A table may always be one of tox's own { replace = … }."""
    if not key.types or isinstance(value, dict):
        return True
    result = next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "")
    return result in key.types or (result == "integer" and "number" in key.types)


def _expected(key: EnvKey) -> str:
    return " or ".join(_WORDS[name] for name in sorted(key.types))
