"""The factors that a tox configuration uses: those in environment names and those in conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

_MOST = 2000  # alternatives read of one expression: enough for any hand-written file, little enough for a hostile one
_CONDITION = re.compile(r"^\s*([!\w{},. -]+):(?:\s|$)")
_GROUP = re.compile(r"\{([^{}]*)\}")
_TOML_CONDITION = re.compile(r"\bfactor(?:\.(\w+)|\[\s*['\"]([\w.]+)['\"]\s*\])")


def of_ini(sections: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the factors of an ini file's sections, some of them more than once."""
    yield from _of_ini_names(sections)
    yield from of_ini_conditions(sections)


def of_toml(table: dict[str, Any]) -> Iterator[str]:
    """Yield the factors of a TOML configuration, some of them more than once."""
    yield from _of_toml_names(table)
    yield from of_toml_conditions(table)


def of_names(sections: dict[str, dict[str, str]], table: dict[str, Any]) -> Iterator[str]:
    """Yield the factors that the names of environments have, in ini sections and in a TOML configuration."""
    yield from _of_ini_names(sections)
    yield from _of_toml_names(table)


def listed_envs(sections: dict[str, dict[str, str]], table: dict[str, Any]) -> frozenset[str] | None:
    """Return the environments that env_list and labels name; None where that is written as more than plain names."""
    result: set[str] = set()
    for name in ("tox", "tox:tox"):
        keys = sections.get(name, {})
        for key in ("env_list", "envlist", "labels"):
            words = re.split(r"[,\s=]+(?![^{}]*\})", keys.get(key, ""))
            result.update(alternative for word in words for alternative in _alternatives(word))
    values = [table.get("env_list", table.get("envlist", []))]
    labels = table.get("labels")
    values += labels.values() if isinstance(labels, dict) else ()
    for value in values:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return None
        result.update(value)
    return frozenset(result)


def _of_ini_names(sections: dict[str, dict[str, str]]) -> Iterator[str]:
    for name, keys in sections.items():
        if name.startswith("testenv:"):
            yield from _of_expression(name.removeprefix("testenv:"))
        if name in ("tox", "tox:tox"):
            yield from _of_expression(keys.get("env_list") or keys.get("envlist") or "")


def of_ini_conditions(sections: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the factors on which lines of an ini file's settings depend."""
    for name, keys in sections.items():
        if name.startswith(("testenv", "tox")):
            for value in keys.values():
                yield from _of_conditions(value)


def _of_toml_names(table: dict[str, Any]) -> Iterator[str]:
    yield from _of_envs(table.get("env_list", table.get("envlist")))
    for key in ("env", "env_base"):
        envs = table.get(key)
        for name, env in envs.items() if isinstance(envs, dict) else ():
            yield from name.split("-")
            if key == "env_base" and isinstance(env, dict):
                yield from _of_envs(env.get("factors"))


def _of_expression(text: str) -> Iterator[str]:
    """Yield the factors of "py{311,312}-{mysql,redis}, pep8" without writing out the product of its groups."""
    for env in re.split(r"[,\s]+(?![^{}]*\})", text):
        for piece in re.split(r"-(?![^{}]*\})", env):
            for word in _alternatives(piece):
                yield from word.strip("!").split("-")


def _alternatives(piece: str) -> Iterator[str]:
    parts = _GROUP.split(piece)  # text, group, text, group, …, text
    options = [
        [part] if number % 2 == 0 else [word.strip() for word in part.split(",")] for number, part in enumerate(parts)
    ]
    return ("".join(words) for words in islice(product(*options), _MOST))


def _of_conditions(value: str) -> Iterator[str]:
    for line in value.splitlines():
        if match := _CONDITION.match(line):
            yield from _of_expression(match[1])


def _of_envs(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.split("-")
    elif isinstance(value, list):
        for item in value:
            yield from _of_envs(item)
    elif isinstance(value, dict):  # {product = [...]}, {values = [...]}, or a labelled group
        for item in value.values():
            yield from _of_envs(item)


def of_toml_conditions(value: object) -> Iterator[str]:
    """Yield the factors for which the conditions in a TOML value ask."""
    if isinstance(value, str):
        for matches in _TOML_CONDITION.finditer(value):
            yield matches[1] or matches[2]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from of_toml_conditions(item)
