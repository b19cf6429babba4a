"""tox looks for hooks in all of its modules twice in each session: what was found of a module is remembered here.

That is pluggy's work, by the name of each attribute; the modules are the same in all children of one helper.
"""

from __future__ import annotations

import types
from functools import wraps
from typing import Any

from pluggy import PluginManager


def remember() -> None:
    """Have this process, and those that are forked from it, look at each attribute of a module once."""
    current = PluginManager.parse_hookimpl_opts
    plain = getattr(current, "__wrapped__", current)
    known: dict[tuple[str, str, str], tuple[types.ModuleType, Any]] = {}

    @wraps(plain)
    def parse(self: PluginManager, plugin: Any, name: str) -> Any:
        if type(self) is not PluginManager or type(plugin) is not types.ModuleType:
            return plain(self, plugin, name)
        key = (self.project_name, plugin.__name__, name)
        found = known.get(key)
        if found is None or found[0] is not plugin:  # two checkouts may each have a toxfile
            found = known[key] = (plugin, plain(self, plugin, name))
        return found[1] and dict(found[1])  # pluggy fills in what is missing

    PluginManager.parse_hookimpl_opts = parse  # type: ignore[method-assign]


def rehearse() -> None:
    """Register everything that a session would, so that the sessions of children need not look."""
    from tox.plugin.manager import Plugin

    Plugin().load_plugins(None)
