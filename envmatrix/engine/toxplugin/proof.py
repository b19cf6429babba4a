"""A finished environment before its first command: the proof, the scripts, the recorders. Here tox is not needed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import msgspec

from envmatrix.engine.job.model import EventLog, Job, RequiredModule
from envmatrix.evidence.recorders import install_recorders, recorder_environment
from envmatrix.evidence.runners import is_runner

_PAYLOAD = Path(__file__).with_name("proof_script.py")


class RefusedError(Exception):
    """The environment is not what was promised, or cannot be asked: no command may run."""


class FinishedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """A finished environment: where its python, scripts and packages are, and what it will run with."""

    python: str
    bin_dir: str
    site_packages: str
    allowlist: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]  # those of all phases
    count: int  # of those of the phase "commands"


def recorder_variables(job: Job, base: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the recorders in the environment know where to write and what to watch."""
    isolated = any(overlay.isolated for overlay in job.overlays if overlay.name == job.cell)
    variables: dict[str, str] = recorder_environment(
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


def prove_environment(
    job: Job,
    env: FinishedEnvironment,
    events: EventLog,
    execute: Callable[[list[str]], str],
    *,
    known: dict[str, Any] | None = None,
) -> None:
    """Prove that the environment is what the plan said, give it the scripts its commands need, and install recorders.

    ``execute`` runs a command as one of the environment's and returns a phrase that says how it ended. ``known`` is the
    answer of an earlier proof, where nothing that it could tell can have changed. Raises
    RefusedError with the reason, so that no command runs, when the proof does not hold.
    """
    events.write_event("commands", count=env.count, argv=[list(command) for command in env.commands])
    expected = sorted({command[0] for command in env.commands if "/" not in command[0]})
    proof = known if known is not None else _run_proof_script(env, job, expected, execute)
    events.write_event("proof", **proof)
    mismatches = _find_mismatches(job, proof)
    if mismatches:
        events.write_event("mismatch", reasons=mismatches)
        raise RefusedError("; ".join(reason["message"] for reason in mismatches))
    _write_scripts(env, expected, proof["scripts"], events)
    install_recorders(Path(env.site_packages))
    events.write_event("ready")


def _run_proof_script(
    env: FinishedEnvironment, job: Job, scripts: list[str], execute: Callable[[list[str]], str]
) -> dict[str, Any]:
    """Run the payload with the environment's python, variables and folder, and return its answer."""
    import json
    import tempfile

    with tempfile.TemporaryDirectory(prefix="envmatrix-proof-") as name:
        question, answer = Path(name) / "question.json", Path(name) / "answer.json"
        modules = [_as_dict(module) for module in job.modules]
        question.write_text(json.dumps({"modules": modules, "scripts": scripts, "project": job.project}))
        # -c puts the folder of the commands first on sys.path, as `python -m pytest` does: what would shadow a module
        # for the tests shadows it here.
        code = (
            f"p = {str(_PAYLOAD)!r}; n = {{'__name__': 'envmatrix_proof'}};"
            f" exec(compile(open(p).read(), p, 'exec'), n); n['main']({str(question)!r}, {str(answer)!r})"
        )
        ended = execute([env.python, "-B", "-W", "ignore", "-c", code])
        try:
            result = json.loads(answer.read_text())
        except (OSError, ValueError):
            raise RefusedError(f"the environment's python does not answer: {ended}") from None
        answered = {module["module"] for module in result["modules"]}
        missing = next((module for module in job.modules if module.module not in answered), None)
        if missing is not None:
            result["modules"].append(_as_dict(missing) | {"file": "", "version": "", "error": ended})
        return dict(result)


def _as_dict(module: RequiredModule) -> dict[str, str]:
    return {name: getattr(module, name) for name in ("capability", "module", "version", "distribution")}


def _find_mismatches(job: Job, proof: dict[str, Any]) -> list[dict[str, str]]:
    matches = []
    if job.python_version and proof["version"] != job.python_version:
        matches.append(
            {
                "code": "env_mismatch",
                "message": f"the environment runs Python {proof['version']}, the plan chose {job.python_version}",
                "remedy": "remove the environment's folder (`tox -r` or `envmatrix run --recreate`) and run again",
            }
        )
    requested = {module.module: module for module in job.modules}
    for answer in proof["modules"]:
        message = _describe_mismatch(requested[answer["module"]], answer)
        if message:
            module = requested[answer["module"]]
            matches.append(
                {"code": "env_mismatch", "capability": module.capability, "message": message, "remedy": module.remedy}
            )
    return matches


def _describe_mismatch(module: RequiredModule, answer: dict[str, str]) -> str:
    if answer["error"]:
        return f"{module.capability}: `import {module.module}` fails inside the finished environment: {answer['error']}"
    if module.origin and not _is_same_file(module.origin, answer["file"]):
        return (
            f"{module.capability}: the plan saw {module.module} in {module.origin}, but the environment imports it from"
            f" {answer['file'] or 'nowhere'}: something shadows it (a wheel, a file of the project, PYTHONPATH)"
        )
    if module.specifier:
        from packaging.specifiers import SpecifierSet
        from packaging.version import InvalidVersion

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


def _is_same_file(path: str, other: str) -> bool:
    return bool(other) and Path(path).resolve() == Path(other).resolve()


def _write_scripts(
    env: FinishedEnvironment, names: list[str], entry_points: Mapping[str, str], events: EventLog
) -> None:
    """Give the environment the console scripts that its commands name and that only its metadata knows.

    With system site-packages pip finds a dependency "already satisfied" and leaves its script to the system, whose
    interpreter is another; a script from elsewhere on PATH would test with the wrong packages.
    """
    folder, python = Path(env.bin_dir), env.python
    for name in names:
        if os.path.exists(f"{env.bin_dir}/{name}"):  # noqa: PTH110 - of nearly all, in each cell
            continue
        if name not in entry_points:
            _refuse_foreign_python(env, name)
            continue
        module, _, attribute = entry_points[name].partition(":")
        attribute = attribute.split("[")[0].strip()
        (folder / name).write_text(
            f"#!{python}\n# by envmatrix: the distribution is the system's, the script has to be this environment's\n"
            f"import sys\nfrom {module.strip()} import {attribute.split('.')[0]}\nsys.exit({attribute}())\n"
        )
        (folder / name).chmod(0o755)
        events.write_event("script", name=name, entry_point=entry_points[name])


def _refuse_foreign_python(env: FinishedEnvironment, name: str) -> None:
    # tox itself refuses what allowlist_externals does not name; a test runner that it does name would still be that of
    # another Python.
    allowed = any(fnmatch(name, pattern) for pattern in env.allowlist)
    if allowed and (is_runner(name) or name == "coverage"):
        raise RefusedError(
            f"{name} is not installed in this environment, and allowlist_externals would run the one"
            f" of another Python from PATH; add it to deps, or call it as {shlex.join(['python', '-m', name])}"
        )
