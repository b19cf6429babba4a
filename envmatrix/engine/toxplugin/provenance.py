"""Inside tox: where each setting of an environment comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from envmatrix.engine.job.model import EventLog, Job
from envmatrix.engine.toxplugin.overlay import OverlayLoader

if TYPE_CHECKING:
    from tox.config.sets import EnvConfigSet
    from tox.session.state import State


def write_sources(job: Job, env_conf: EnvConfigSet, state: State) -> None:
    """Write as an event where each setting of the environment comes from, the last speaker first."""
    root, path = state.conf.core["tox_root"], state.conf.src_path
    file = str(path.relative_to(root) if path.is_relative_to(root) else path)
    sources = {}
    for definition in env_conf.get_configs():
        names = list(definition.keys)
        if facts := "; ".join(_list_sources(names, env_conf.loaders, file)):
            sources[names[0]] = facts
    EventLog(job.events).write_event("sources", cell=env_conf.env_name, sources=sources)


def _list_sources(names: list[str], loaders: list[Any], file: str) -> Iterator[str]:
    """Yield who gives a setting its value, down to the first that does not merely add to what the next one gives."""
    for loader in loaders:
        overrides = [override for name in names for override in loader.overrides.get(name, ())]
        if overrides:
            yield "-x or TOX_OVERRIDE" + (" (adds)" if all(override.append for override in overrides) else "")
            if not all(override.append for override in overrides):
                return
        given = next((name for name in names if name in loader.found_keys()), "")
        if not given:
            continue
        if not isinstance(loader, OverlayLoader):
            yield f"{file} [{loader.section.key}] {given}"
            return
        adds = given in loader.appends and given not in loader.content
        yield _profile_source(loader, given) + (" (adds)" if adds else "")
        if not adds:
            return


def _profile_source(loader: OverlayLoader, key: str) -> str:
    source = loader.sources.get(key, "")
    return f"{source} env.{key}" if ".toml" in source else source
