"""Lays a profile over a tox environment: a loader that speaks before the project's own sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tox.config.loader.api import AppendOverridesError, ConfigLoadArgs, Override
from tox.config.loader.toml import TomlLoader

from envmatrix.engine.install import backend
from envmatrix.engine.job.environ import LEAKS, PIP_LEAKS
from envmatrix.engine.job.model import JOB_VARIABLE, Overlay

if TYPE_CHECKING:
    from tox.config.loader.section import Section
    from tox.config.main import Config
    from tox.session.state import State


class OverlayLoader(TomlLoader):
    """Values of a profile as native tox TOML: plain ones replace the project's, appended ones are added to them.

    Substitutions, ``{ replace = … }`` tables and ``-x`` work as in a tox.toml, because this is tox's own loader; a key
    that is only appended to lets the value come from the next loader, by the mechanism that tox has for ``-x k+=v``.
    """

    def __init__(
        self,
        section: Section,
        overrides: list[Override],
        content: Mapping[str, Any],
        appends: Mapping[str, tuple[Any, ...]],
        sources: Mapping[str, str],
    ) -> None:
        super().__init__(section, overrides, content, {}, set())
        self.appends = dict(appends)
        self.sources = dict(sources)

    def load(  # noqa: D102 - the base class documents it
        self,
        key: str,
        of_type: Any,
        factory: Any,
        conf: Config | None,
        args: ConfigLoadArgs,
        all_keys: Any = (),
    ) -> Any:
        names = [key, *(name for name in all_keys if name != key)]
        added = next((self.appends[name] for name in names if name in self.appends), ())
        built = [self.build(key, of_type, factory, conf, raw, args) for raw in added]
        try:
            value: Any = super().load(key, of_type, factory, conf, args, all_keys)
        except AppendOverridesError as only_appends:
            only_appends.appends[:0] = built
            raise
        except KeyError:
            if built:
                raise AppendOverridesError(key, built, args) from None
            raise
        if built and not any(not override.append for name in names for override in self.overrides.get(name, ())):
            return AppendOverridesError(key, built, args).apply(value)
        return value

    def found_keys(self) -> set[str]:  # noqa: D102 - the base class documents it
        return super().found_keys() | set(self.appends)


def seed_loaders(state: State, overlay: Overlay) -> None:
    """Put the overlay's loaders before all others of its environment; has to happen before tox defines environments."""
    backend.keep_own_programs_out()
    conf = state.conf
    section = conf._src.get_tox_env_section(overlay.name)[0]
    content = {setting.key: setting.replace for setting in overlay.settings if setting.replaces}
    appends = {setting.key: setting.appends for setting in overlay.settings if setting.appends}
    sources = {setting.key: setting.source for setting in overlay.settings}
    if overlay.python:
        _choose_python(state, overlay, content, sources)
    overrides = conf.overrides.get(section.key, [])
    loaders: list[Any] = [OverlayLoader(section, overrides, content, appends, sources)]
    if overlay.tox_env and overlay.tox_env != overlay.name:
        loaders += _find_loaders(state, overlay.tox_env)
    conf.memory_seed_loaders[overlay.name].extend(loaders)


def _find_loaders(state: State, name: str) -> Iterator[Any]:
    """Yield what tox reads an environment of the project's own from, without what every environment inherits."""
    conf, source = state.conf, state.conf._src
    # tox maps generative sections to the environments that they name only while it lists all environments
    for _ in source.envs(conf.core):
        pass
    section, bases, _ = source.get_tox_env_section(name)
    inherited = source.get_tox_env_section("")[1]
    generating = source.get_base_sections([base for base in bases if base not in inherited], section)
    for item in (section, *generating):
        if (loader := source.get_loader(item, conf.overrides)) is not None:
            yield loader


def _choose_python(state: State, overlay: Overlay, content: dict[str, Any], sources: dict[str, str]) -> None:
    content["base_python"] = [overlay.python]
    if "virtualenv_spec" not in content and (spec := _pin_virtualenv(overlay.python_version)):
        content["virtualenv_spec"] = spec
        sources["virtualenv_spec"] = f"envmatrix: the last that makes environments of Python {overlay.python_version}"
    sources["base_python"] = "chosen by envmatrix for what the profile requires"
    # Under ignore_base_python_conflict the environment's name wins over base_python; discovery is then led by
    # `--discover`, which tox and virtualenv try first.
    discover = list(getattr(state.conf.options, "discover", None) or [])
    state.conf.options.discover = [overlay.python, *(path for path in discover if path != overlay.python)]
    # For the whole session, because environments with different runners cannot share a packaging environment.
    if "runner" not in content:
        uv = backend.may_use_uv(state, overlay, content)
        state.conf.options.default_runner = backend.UV_RUNNER if uv else "virtualenv"
        if uv:
            backend.honour_chosen_python(overlay)


# The first release of virtualenv that no longer makes environments of a Python, or brings no pip that it can run
# (virtualenv's changelog). tox pins an older one
# by itself only where base_python is a version, which a path is not.
_DROPPED = (((3, 6), "virtualenv<20.22.0"), ((3, 7), "virtualenv<20.27.0"), ((3, 8), "virtualenv<21.5.0"))


def _pin_virtualenv(version: str) -> str:
    """Return the requirement of the virtualenv that still knows this Python, "" where the installed one does."""
    import virtualenv
    from packaging.requirements import Requirement

    try:
        minor = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        return ""
    for last, spec in _DROPPED:
        if minor <= last:
            return "" if virtualenv.__version__ in Requirement(spec).specifier else spec
    return ""


def seal_environment(env_conf: Any, overlay: Overlay, variables: Mapping[str, str]) -> None:
    """Set the variables of the cell, and for an isolated one shut out what the caller's environment would let in."""
    added = dict(variables)
    # A tox that the tests themselves start is no part of this run, whatever `pass_env = *` passes on.
    shut_out = (JOB_VARIABLE, *LEAKS, *PIP_LEAKS) if overlay.isolated else (JOB_VARIABLE,)
    blocked = env_conf["disallow_pass_env"]
    blocked.extend(name for name in shut_out if name not in blocked)
    if not overlay.user_site:
        # What the user has installed for himself is on no other host, with the system's packages or without.
        added.setdefault("PYTHONNOUSERSITE", "1")
    if added:
        env_conf["set_env"].update(added, override=True)
