"""The keys that tox knows for a run environment, read from the JSON Schema that tox ships; tox is not imported.

Which of the keys that tox did not read are read all the same, because other settings refer to them.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from envmatrix.util.json import decode
from envmatrix.util.toml import Unreadable, read_bytes


class EnvKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a tox environment: its present name, and the JSON types that its value may have.

    ``parts`` is what the items of a list or the values of a table are: "lists" (of words, as commands are), "texts", or
    "" where tox's schema does not say.
    """

    name: str
    types: frozenset[str] = frozenset()
    parts: str = ""

    @property
    def appendable(self) -> bool:
        """Say whether ``append`` means something for it: a list or a table of values."""
        return not self.types or bool(self.types & {"array", "object"})


# Keys of tox 3 that tox 4 dropped without a substitute, or renamed: a project that still has them for an old tox
# loses nothing by it (https://tox.wiki/en/latest/upgrading.html).
OF_TOX_3: Final = frozenset(
    {
        "distdir",
        "distribute",
        "distshare",
        "downloadcache",
        "hashseed",
        "indexserver",
        "install_dependency",
        "isolated_build",
        "pip_args",
        "sdistsrc",
        "skip_install",
        "whitelist_externals",
    }
)

# known to tox but absent from its schema (tox/tox_env/python/api.py, tox/tox_env/python/runner.py)
_BESIDE = {
    "wheel_build_env": EnvKey(name="wheel_build_env", types=frozenset({"string"})),
    "ignore_base_python_conflict": EnvKey(name="ignore_base_python_conflict", types=frozenset({"boolean"})),
    "ignore_basepython_conflict": EnvKey(name="ignore_base_python_conflict", types=frozenset({"boolean"})),
}


@cache
def known() -> dict[str, EnvKey]:
    """Return every known key, old names included, with what it is now called. Empty where tox ships no schema."""
    try:
        properties = _properties()["env_run_base"]["properties"]
    except (KeyError, TypeError):
        return {}
    return {**_BESIDE, **{key: _key(key, value, properties) for key, value in properties.items()}}


@cache
def core() -> frozenset[str]:
    """Return the keys and tables that tox knows beside those of an environment. Empty where tox ships no schema."""
    return frozenset({*_properties(), "env_base"}) if _properties() else frozenset()


def _properties() -> dict[str, Any]:
    spec = find_spec("tox")
    if spec is None or spec.origin is None:
        return {}
    try:
        document = decode((Path(spec.origin).parent / "tox.schema.json").read_bytes(), dict[str, Any])
        result: dict[str, Any] = document["properties"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return result


def present(key: str) -> str:
    """Return what tox now calls a key: "set_env" for "setenv"."""
    matches = known().get(key)
    return matches.name if matches else key


def _key(name: str, value: dict[str, Any], properties: dict[str, Any]) -> EnvKey:
    reference = value.get("$ref", "")
    if reference:  # an old name points at the present one
        name = reference.rpartition("/")[2]
        value = properties.get(name, {})
    options = value.get("oneOf", [value])
    types = frozenset(option["type"] for option in options if "type" in option)
    return EnvKey(name=name, types=types, parts=next(filter(None, map(_parts, options)), ""))


def _parts(option: dict[str, Any]) -> str:
    inner = option.get("items", option.get("additionalProperties"))
    if not isinstance(inner, dict):
        return ""
    if any(kind.get("type") == "array" for kind in inner.get("oneOf", ())):
        return "lists"
    return "texts" if inner.get("$ref", "").endswith("/subs") else ""


def is_referred_to(tox_file: Path, key: str) -> bool:
    """Tell whether the file uses the value elsewhere: ``{[testenv]key}``, or ``"key"`` in a TOML reference."""
    try:
        text = read_bytes(tox_file, tox_file.name).decode("utf-8", "replace")
    except Unreadable:
        return False
    word = re.escape(key)
    in_toml, in_ini = rf"replace\s*=\s*[\"']ref[\"'][^}}]*[\"']{word}[\"']", rf"\{{\[[^\]]*\]{word}[:}}]"
    return re.search(in_toml if tox_file.suffix == ".toml" else in_ini, text) is not None
