"""Inside tox: writes down what it made of the environment, or why that is not enough to run without it."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from envmatrix.engine.install.local_deps import parse_local_path
from envmatrix.engine.job.model import PHASES, Job
from envmatrix.engine.toxplugin.proof import FinishedEnvironment
from envmatrix.engine.toxplugin.resolved import NAME, CommandStep, ResolvedEnvironment, derive_variables, find_program

if TYPE_CHECKING:
    from tox.tox_env.api import ToxEnv

_RUNNERS = {"VirtualEnvRunner", "UvVenvRunner"}
_PLUGINS = ("tox.", "envmatrix.", "tox_uv.")
_INCLUDES = re.compile(r"^\s*(?:-r|-c|--requirements?|--constraints?)(?:\s*=?\s*|(?=\S))(\S+)")


class _UnresolvedError(Exception):
    pass


def write_resolved(job: Job, tox_env: ToxEnv) -> None:
    """Write the resolved environment beside the job's events; what cannot be told becomes a doubt, never an error."""
    try:
        result = _resolve_environment(job, tox_env)
        msgspec.json.encode(result)
    except _UnresolvedError as doubt:
        result = ResolvedEnvironment(doubt=str(doubt))
    except Exception as error:  # another version of tox: then everything goes through it
        result = ResolvedEnvironment(doubt=f"this tox does not tell everything ({type(error).__name__}: {error})")
    with contextlib.suppress(OSError):
        Path(job.events).with_name(NAME).write_bytes(msgspec.json.encode(result))


def _resolve_environment(job: Job, tox_env: ToxEnv) -> ResolvedEnvironment:
    conf = tox_env.conf
    _check_session(job, tox_env)
    _check_package(tox_env)
    # tox marks some values by classes of its own
    environment = {str.__str__(name): str.__str__(value) for name, value in tox_env.environment_variables.items()}
    matches = derive_variables(
        environment,
        os.environ,
        passed=conf["pass_env"],
        refused=[*conf["disallow_pass_env"]],
        set_names=list(conf["set_env"]),
    )
    if matches is None:
        raise _UnresolvedError("how its variables follow from the caller's cannot be told")
    if not _is_seed_pinned() and environment.get("PYTHONHASHSEED") == str(tox_env.options.hash_seed):
        matches = msgspec.structs.replace(matches, drawn=("PYTHONHASHSEED",))
    steps = tuple(_resolve_steps(tox_env, environment))
    files, local = _find_sources(tox_env, environment)
    return ResolvedEnvironment(
        env=FinishedEnvironment(
            python=str(conf["env_python"]),
            bin_dir=str(conf["env_bin_dir"]),
            site_packages=find_site_packages(tox_env),
            allowlist=tuple(conf["allowlist_externals"]),
            commands=tuple(step.argv for step in steps),
            count=len(conf["commands"]),
        ),
        steps=steps,
        variables=matches,
        env_dir=str(conf["env_dir"]),
        tmp_dir=str(conf["env_tmp_dir"]),
        log_dir=str(conf["env_log_dir"]),
        change_dir=str(conf["change_dir"]),
        package=str(conf["package"]),
        files=tuple(sorted(files)),
        local=tuple(sorted(local)),
        ignore_errors=bool(conf["ignore_errors"]),
        ignore_outcome=bool(conf["ignore_outcome"]),
        grace_s=float(conf["interrupt_timeout"]) + float(conf["terminate_timeout"]),
    )


def _is_seed_pinned() -> bool:
    """Tell whether the caller, or the user's own settings of tox, name the hash seed that tox would draw otherwise."""
    from tox.config.cli.env_var import get_env_var
    from tox.config.cli.ini import IniConfig

    if os.environ.get("PYTHONHASHSEED", "") not in {"", "random"}:
        return True
    kind: Any = int | None
    return get_env_var("hash_seed", of_type=kind) is not None or IniConfig().get("hash_seed", kind) is not None


def find_site_packages(tox_env: ToxEnv) -> str:
    """Return the folder of the environment's own packages.

    tox-uv starts the environment's python to tell it, in every session; nearly always only one folder can be it.
    """
    entry = list(Path(tox_env.conf["env_dir"]).glob("lib/*/site-packages"))
    return str(entry[0] if len(entry) == 1 else tox_env.conf["env_site_packages_dir"])


def _check_session(job: Job, tox_env: ToxEnv) -> None:
    from tox.plugin.manager import MANAGER

    conf = tox_env.conf
    if sys.prefix != job.host_prefix:
        raise _UnresolvedError("tox runs in an environment that it provisioned")
    for name, plugin in MANAGER.manager.list_name_plugin():
        module = getattr(plugin, "__name__", type(plugin).__module__)
        if plugin is not None and not f"{module}.".startswith(_PLUGINS):
            raise _UnresolvedError(f"the tox plugin {name} may do more")
    if type(tox_env).__name__ not in _RUNNERS:
        raise _UnresolvedError(f"its runner is {type(tox_env).__name__}")
    for key in ("recreate", "extra_setup_commands", "interrupt_post_commands", "commands_retry"):
        if conf[key]:
            raise _UnresolvedError(f"it sets {key}")
    if getattr(tox_env.options, "override", None):
        raise _UnresolvedError("its settings are overridden")
    if os.environ.get("TOX_LIMITED_SHEBANG"):
        raise _UnresolvedError("TOX_LIMITED_SHEBANG is set")


def _check_package(tox_env: Any) -> None:
    kind = str(tox_env.conf["package"])
    if kind == "external":
        raise _UnresolvedError("its package is what commands of the project build")
    if kind != "skip":
        roots = {env.conf.get_optional("package_root", Path) for env in tox_env.package_envs}
        if {tox_env.core["package_root"], *roots} - {tox_env.core["tox_root"], None}:
            raise _UnresolvedError("its package_root is another directory")


def _resolve_steps(tox_env: ToxEnv, environment: Mapping[str, str]) -> Iterator[CommandStep]:
    allowed = tox_env._allow_externals
    for phase in PHASES:
        for index, command in enumerate(tox_env.conf[phase]):
            argv = tuple(str.__str__(str(part)) for part in command.args)
            if any("TOX_PACKAGE" in part for part in argv):
                raise _UnresolvedError("a command uses the package that tox builds and removes")
            program = find_program(argv[0], environment, str(tox_env.conf["change_dir"]))
            if program is None or not any(fnmatch(argv[0], item) or fnmatch(program, item) for item in allowed):
                raise _UnresolvedError(f"its command {argv[0]} is not one of the environment's nor allowed")
            yield CommandStep(
                run_id=f"{phase}[{index}]",
                argv=argv,
                program=program,
                ignored=command.ignore_exit_code,
                inverted=command.invert_exit_code,
            )


def _find_sources(tox_env: ToxEnv, environment: Mapping[str, str]) -> tuple[set[str], set[tuple[str, bool]]]:
    """Return the files that requirements come from, and what they name on this disk with whether it is editable."""
    root = Path(tox_env.core["tox_root"])
    pending = [(root, line) for line in _requirement_lines(tox_env, environment)]
    files = {str(root / tox_env.conf["pylock"])} if tox_env.conf["pylock"] else set()
    local: set[tuple[str, bool]] = set()
    while pending:
        folder, line = pending.pop()
        if (match := _INCLUDES.match(line)) is None:
            places = (parse_local_path(line, place) for place in dict.fromkeys((root, folder)))
            local |= {(str(place_value[0]), place_value[1]) for place_value in places if place_value is not None}
            continue
        if "://" in match[1] or "$" in match[1]:
            raise _UnresolvedError(f"a requirement comes from {match[1]}")
        file = (folder / match[1].strip("'\"")).resolve()
        if str(file) not in files:
            files.add(str(file))
            pending += [(file.parent, element) for element in file.read_text(errors="replace").splitlines()]
    return files, local


def _requirement_lines(tox_env: ToxEnv, environment: Mapping[str, str]) -> Iterator[str]:
    for key in ("deps", "constraints"):
        try:
            value: Any = tox_env.conf[key]
        except KeyError:
            continue
        yield from value.lines()
    for name, value in environment.items():
        if name.startswith(("PIP_", "UV_")) and name.endswith(("CONSTRAINT", "REQUIREMENT", "OVERRIDE")):
            yield from (f"-c {file}" for file in value.split())
