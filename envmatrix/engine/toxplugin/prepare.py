"""Inside tox, in the finished environment, before the first command: hands over to what is done without tox."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tox.tox_env.errors import Fail

from envmatrix.engine.install import bytecode
from envmatrix.engine.job.model import PHASES, EventLog, Job
from envmatrix.engine.toxplugin import capture, proof
from envmatrix.engine.toxplugin.observe import has_used_arguments
from envmatrix.errors import EnvmatrixError

if TYPE_CHECKING:
    from tox.tox_env.api import ToxEnv

PROOF_TIMEOUT_S = 60.0


def recorder_variables(job: Job, env_conf: Any, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the recorders in the environment know where to write and what to watch."""
    set_env = env_conf["set_env"]
    base = dict(caller) | {key: set_env.load(key) for key in ("PYTEST_PLUGINS", "PYTEST_ADDOPTS") if key in set_env}
    return proof.recorder_variables(job, base)


def prepare_environment(job: Job, tox_env: ToxEnv) -> Callable[[], None]:
    """Prove, complete and equip the environment, and write down what its commands will run with.

    Return what is to be called after its commands.
    Raises tox's Fail with the reason, so that no command runs, when the proof does not hold, or when the caller's
    arguments would change nothing of what runs.
    """
    finished, events = _describe_environment(tox_env), EventLog(job.events)
    if job.arguments and not has_used_arguments():
        events.write_event("arguments_unused")
        raise Fail("envmatrix: the arguments after -- reach no command")
    try:
        proof.prove_environment(job, finished, events, lambda argv: _run_in_environment(argv, tox_env))
    except (proof.RefusedError, EnvmatrixError) as refused:
        raise Fail(f"envmatrix: {refused}") from None
    capture.write_resolved(job, tox_env)
    cache = bytecode.bytecode_directory(job.project)
    new = bytecode.link_cached_bytecode(finished.site_packages, cache)
    return lambda: bytecode.cache_bytecode(finished.site_packages, cache) if new else None


def _describe_environment(tox_env: ToxEnv) -> proof.FinishedEnvironment:
    phases = {key: tox_env.conf[key] for key in PHASES}
    return proof.FinishedEnvironment(
        python=str(tox_env.conf["env_python"]),
        bin_dir=str(tox_env.conf["env_bin_dir"]),
        site_packages=capture.find_site_packages(tox_env),
        allowlist=tuple(tox_env.conf["allowlist_externals"]),
        commands=tuple(tuple(map(str, command.args)) for commands in phases.values() for command in commands),
        count=len(phases["commands"]),
    )


def _run_in_environment(argv: list[str], tox_env: ToxEnv) -> str:
    """Run ``argv`` as a command of the environment; return a phrase that says how it ended."""
    folder = Path(tox_env.conf["change_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=tox_env.environment_variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROOF_TIMEOUT_S,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return f"it was still importing after {PROOF_TIMEOUT_S:.0f} s"
    except OSError as error:
        return str(error)
    if done.returncode < 0:
        return f"the import killed the process with signal {-done.returncode}"
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return last[0]
