"""The tox plugin: ``tox -e full-py311`` and ``envmatrix run full`` are the same environment.

Loaded by every tox beside which envmatrix is installed, so everything heavy is imported inside the hooks, and nothing
happens unless a profile's environment is asked for.

How a provisioned tox installs this very envmatrix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from tox.plugin import impl

if TYPE_CHECKING:
    from tox.config.sets import ConfigSet, EnvConfigSet
    from tox.execute.api import Outcome
    from tox.session.state import State
    from tox.tox_env.api import ToxEnv

    from envmatrix.engine.job.model import Job, Overlay


class _Session:
    """What the hooks of one tox session share. tox calls them without a common object, and one session at a time."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.overlays: dict[str, Overlay] = {}
        self.names: tuple[str, ...] = ()
        self.afterwards: Callable[[], None] = lambda: None


_session = _Session()


@impl
def tox_extend_envs() -> Iterator[str]:
    """Name the environments of profiles. A generator: tox reads it after ``tox_add_core_config`` knew what is asked."""
    yield from _session.names


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    """Find the cells that this tox is asked for and lay their profiles over them."""
    from envmatrix.engine.toxplugin.overlay import seed_loaders

    _session.__init__()  # type: ignore[misc]  # a second session in the same process starts afresh
    _keep_plugin_when_provisioned(core_conf)
    _find_overlays(state)
    for overlay in _session.overlays.values():
        seed_loaders(state, overlay)
    if _session.job is not None and _session.job.mode == "run":
        from envmatrix.engine.toxplugin.observe import observe_session

        observe_session(_session.job, getattr(state.conf.options, "override", None) or ())
        from envmatrix.engine.install import local_deps, readiness
        from envmatrix.engine.job.model import EventLog

        local_deps.watch_installations()
        readiness.watch_environments(EventLog(_session.job.events))
        if _session.job.packages:
            from envmatrix.engine.install.shared_package import share_built_packages

            share_built_packages(_session.job)


def _find_overlays(state: State) -> None:
    from envmatrix.engine.job.model import current_job

    _session.job = job = current_job()
    if job is not None:
        overlays = job.overlays
        # An environment of the project's own is not ours to define: tox knows it, or says that it does not.
        _session.names = tuple(overlay.name for overlay in overlays if overlay.tox_env != overlay.name)
    else:
        from envmatrix.engine.toxplugin.requested import find_requested_overlays

        overlays, _session.names = find_requested_overlays(state)
    _session.overlays = {overlay.name: overlay for overlay in overlays}


def _keep_plugin_when_provisioned(core_conf: ConfigSet) -> None:
    # A project's `requires` or `min_version` may make tox run itself again in an environment of its own; the cells
    # exist there only if this plugin does.

    requires = core_conf["requires"]
    if not any(requirement.name == "envmatrix" for requirement in requires):
        requires.append(self_requirement())


@impl
def tox_add_env_config(env_conf: EnvConfigSet, state: State) -> None:
    """Seal the environment of a cell, and set the variables that its services and recorders need."""
    overlay = _session.overlays.get(env_conf.env_name or "")
    if overlay is None:
        return
    from envmatrix.engine.toxplugin.overlay import seal_environment

    job = _session.job
    variables = dict(job.variables) if job is not None else {}
    if job is not None and job.mode == "run" and job.record_dir:
        from envmatrix.engine.toxplugin.prepare import recorder_variables

        variables |= recorder_variables(job, env_conf, os.environ)
    if job is not None and job.mode == "describe":
        from envmatrix.engine.toxplugin.provenance import write_sources

        write_sources(job, env_conf, state)
    seal_environment(env_conf, overlay, variables)


@impl
def tox_before_run_commands(tox_env: ToxEnv) -> None:
    """Prove the finished environment and put the recorders in, before the first command."""
    job = _session.job
    if job is None or job.mode != "run" or tox_env.conf.name != job.cell:
        return
    from envmatrix.engine.toxplugin.prepare import prepare_environment

    _session.afterwards = prepare_environment(job, tox_env)


@impl
def tox_after_run_commands(tox_env: ToxEnv, exit_code: int, outcomes: list[Outcome]) -> None:
    """Keep what the next environments can use."""
    _session.afterwards()


def self_requirement() -> Requirement:
    """Return a requirement that installs the envmatrix that is running: by URL where it was installed from one (a
    checkout, an archive, a version control system; PEP 610's direct_url.json), else by its exact version.
    """
    local = distribution("envmatrix")
    url = _direct_url(local)
    return Requirement(f"envmatrix @ {url}" if url else f"envmatrix=={local.version}")


def _direct_url(distribution: Distribution) -> str:
    try:
        document: Any = json.loads(distribution.read_text("direct_url.json") or "null")
    except ValueError:
        return ""
    if not isinstance(document, dict) or not isinstance(url := document.get("url"), str):
        return ""
    if isinstance(vcs := document.get("vcs_info"), dict):
        return f"{vcs.get('vcs')}+{url}@{vcs.get('commit_id')}"
    return url
