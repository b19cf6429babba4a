"""Inside the finished environment, before the first command: the proof, the scripts, the recorders."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion
from tox.tox_env.errors import Fail

from envmatrix.engine.job import Events, Job, RequiredModule
from envmatrix.evidence.recorders import environment, install

if TYPE_CHECKING:
    from tox.tox_env.api import ToxEnv

PROOF_TIMEOUT_S = 60.0
_PAYLOAD = Path(__file__).parent / "payload" / "envmatrix_proof.py"


def recorder_variables(job: Job, env_conf: Any, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the recorders in the environment know where to write and what to watch."""
    set_env = env_conf["set_env"]
    base = dict(caller) | {key: set_env.load(key) for key in ("PYTEST_PLUGINS", "PYTEST_ADDOPTS") if key in set_env}
    isolated = any(overlay.isolated for overlay in job.overlays if overlay.name == job.cell)
    variables: dict[str, str] = environment(
        Path(job.record_dir),
        base=base,
        watch=tuple(module.module for module in job.modules),
        promised=job.promised,
        profile=job.profile,
        check_origin=isolated,
        project=Path(job.project),
        watch_addresses=job.addresses,
    )
    return variables


def prepare(job: Job, tox_env: ToxEnv) -> None:
    """Prove that the environment is what the plan said, give it the scripts its commands need, and install recorders.

    Raises tox's Fail with the reason, so that no command runs, when the proof does not hold.
    """
    events = Events(job.events)
    commands = [command for key in ("commands_pre", "commands", "commands_post") for command in tox_env.conf[key]]
    events.add("commands", count=len(tox_env.conf["commands"]), argv=[list(map(str, c.args)) for c in commands])
    wanted = sorted({str(command.args[0]) for command in commands if "/" not in str(command.args[0])})
    proof = _ask(tox_env, job.modules, wanted)
    events.add("proof", **proof)
    mismatches = _mismatches(job, proof)
    if mismatches:
        events.add("mismatch", reasons=mismatches)
        raise Fail("envmatrix: " + "; ".join(reason["message"] for reason in mismatches))
    _write_scripts(tox_env, wanted, proof["scripts"], events)
    install(Path(tox_env.conf["env_site_packages_dir"]))
    events.add("ready")


def _ask(tox_env: ToxEnv, modules: tuple[RequiredModule, ...], scripts: list[str]) -> dict[str, Any]:
    """Run the payload with the environment's python, variables and folder, and return its answer."""
    with tempfile.TemporaryDirectory(prefix="envmatrix-proof-") as name:
        question, answer = Path(name) / "question.json", Path(name) / "answer.json"
        question.write_text(json.dumps({"modules": [_as_dict(module) for module in modules], "scripts": scripts}))
        # -c puts the folder of the commands first on sys.path, as `python -m pytest` does: what would shadow a module
        # for the tests shadows it here.
        code = (
            f"p = {str(_PAYLOAD)!r}; n = {{'__name__': 'envmatrix_proof'}};"
            f" exec(compile(open(p).read(), p, 'exec'), n); n['main']({str(question)!r}, {str(answer)!r})"
        )
        ended = _run([str(tox_env.conf["env_python"]), "-B", "-W", "ignore", "-c", code], tox_env)
        try:
            result = json.loads(answer.read_text())
        except (OSError, ValueError):
            raise Fail(f"envmatrix: the environment's python does not answer: {ended}") from None
        answered = {module["module"] for module in result["modules"]}
        missing = next((module for module in modules if module.module not in answered), None)
        if missing is not None:
            result["modules"].append(_as_dict(missing) | {"file": "", "version": "", "error": ended})
        return dict(result)


def _as_dict(module: RequiredModule) -> dict[str, str]:
    return {name: getattr(module, name) for name in ("capability", "module", "version", "distribution")}


def _run(argv: list[str], tox_env: ToxEnv) -> str:
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


def _mismatches(job: Job, proof: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    if job.python_version and proof["version"] != job.python_version:
        found.append(
            {
                "code": "env_mismatch",
                "message": f"the environment runs Python {proof['version']}, the plan chose {job.python_version}",
                "remedy": "remove the environment's folder (`tox -r` or `envmatrix run --recreate`) and run again",
            }
        )
    asked = {module.module: module for module in job.modules}
    for answer in proof["modules"]:
        message = _module_mismatch(asked[answer["module"]], answer)
        if message:
            module = asked[answer["module"]]
            found.append(
                {"code": "env_mismatch", "capability": module.capability, "message": message, "remedy": module.remedy}
            )
    return found


def _module_mismatch(module: RequiredModule, answer: dict[str, str]) -> str:
    if answer["error"]:
        return f"{module.capability}: `import {module.module}` fails inside the finished environment: {answer['error']}"
    if module.origin and not _same_file(module.origin, answer["file"]):
        return (
            f"{module.capability}: the plan saw {module.module} in {module.origin}, but the environment imports it from"
            f" {answer['file'] or 'nowhere'}: something shadows it (a wheel, a file of the project, PYTHONPATH)"
        )
    if module.specifier:
        try:
            fits = SpecifierSet(module.specifier).contains(answer["version"], prereleases=True)
        except InvalidVersion:
            fits = False
        if not fits:
            return (
                f"{module.capability}: the environment has {module.module} {answer['version'] or 'of unknown version'},"
                f" the profile requires {module.capability}{module.specifier}"
            )
    return ""


def _same_file(one: str, other: str) -> bool:
    return bool(other) and Path(one).resolve() == Path(other).resolve()


def _write_scripts(tox_env: ToxEnv, wanted: list[str], entry_points: Mapping[str, str], events: Events) -> None:
    """Give the environment the console scripts that its commands name and that only its metadata knows.

    With system site-packages pip finds a dependency "already satisfied" and leaves its script to the system, whose
    interpreter is another; a script from elsewhere on PATH would test with the wrong packages.
    """
    folder, python = Path(tox_env.conf["env_bin_dir"]), str(tox_env.conf["env_python"])
    for name in wanted:
        if (folder / name).exists():
            continue
        if name not in entry_points:
            _refuse_foreign_python(tox_env, name)
            continue
        module, _, attribute = entry_points[name].partition(":")
        attribute = attribute.split("[")[0].strip()
        (folder / name).write_text(
            f"#!{python}\n# by envmatrix: the distribution is the system's, the script has to be this environment's\n"
            f"import sys\nfrom {module.strip()} import {attribute.split('.')[0]}\nsys.exit({attribute}())\n"
        )
        (folder / name).chmod(0o755)
        events.add("script", name=name, entry_point=entry_points[name])


def _refuse_foreign_python(tox_env: ToxEnv, name: str) -> None:
    # tox itself refuses what allowlist_externals does not name; a test runner that it does name would still be that of
    # another Python.
    runners = ("pytest", "py.test", "stestr", "unittest", "nose2", "coverage", "trial", "ward", "green")
    allowed = any(fnmatch(name, pattern) for pattern in tox_env.conf["allowlist_externals"])
    if allowed and name in runners:
        raise Fail(
            f"envmatrix: {name} is not installed in this environment, and allowlist_externals would run the one"
            f" of another Python from PATH; add it to deps, or call it as {shlex.join(['python', '-m', name])}"
        )
