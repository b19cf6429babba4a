"""Asks tox what its environments are: in another process, because the verbs that ask may not load it."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from envmatrix.config.tox.file import READ_BY_TOX
from envmatrix.engine.job.environ import describe_installation, make_tox_environ
from envmatrix.engine.job.model import JOB_VARIABLE, Job, Overlay, read_events, write_job
from envmatrix.errors import EnvmatrixError
from envmatrix.plan import ToxEnv
from envmatrix.util.sealed import read_sealed, write_sealed

if TYPE_CHECKING:
    from envmatrix.engine.launcher.client import Launcher

TIMEOUT_S = 120.0
KEPT_ANSWERS = 50  # of plans: for each set of names that somebody asks for, and each state of the tox file
_OLDEST_MINOR = 7
# How the errors of a setting begin that needs an interpreter which is not found: tox skips such an environment.
_NO_INTERPRETER = ("Skip(", "NoInterpreter(")
_REPR = re.compile(r"\w+\(([\"'])(.*)\1\)", re.DOTALL)
_PLAN_KEYS = ("base_python", "system_site_packages", "platform", "commands", "depends", "description")


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """The effective settings of one environment and where each comes from; ``problem`` is tox's where it has none.

    ``lacks_interpreter`` says that settings are left out that need an interpreter which tox does not find.

    ``sources`` maps a key to "file:[section]", a profile's "file:line", "-x / TOX_OVERRIDE" or "tox's default".
    """

    name: str
    settings: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problem: str = ""
    lacks_interpreter: bool = False


def describe_environments(
    root: Path,
    overlays: Sequence[Overlay],
    *,
    keys: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    starts: Launcher | None = None,
) -> dict[str, Described]:
    """Return what tox makes of each environment, by name; ``keys`` narrows the settings (and saves time).

    ``starts`` is a helper that has tox loaded, where there is one.
    """
    try:
        described = _describe_together(root, overlays, keys, environ, starts)
        if any(one.lacks_interpreter for one in described.values()):
            described = _describe_together(root, overlays, keys, environ, starts, discover=_usable_pythons(environ))
        return described
    except _ToxRefusedError as refused:
        if len(overlays) == 1:
            return {overlays[0].name: Described(name=overlays[0].name, problem=str(refused))}
    # One environment that tox refuses makes it refuse all: ask for each.
    return {
        name: element
        for overlay in overlays
        for name, element in describe_environments(root, [overlay], keys=keys, environ=environ, starts=starts).items()
    }


def _usable_pythons(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the interpreters of this host that tox may be told to look at: at one that is too old it gives up."""
    from envmatrix.host.interpreters.finder import places

    versions = ((place, re.match(r"\D*3\.(\d+)", place.hint)) for place in places(environ) if not place.dead)
    return tuple(place.path for place, version in versions if version and int(version[1]) >= _OLDEST_MINOR)


class _ToxRefusedError(Exception):
    pass


def _describe_together(
    root: Path,
    overlays: Sequence[Overlay],
    keys: Sequence[str],
    environ: Mapping[str, str],
    starts: Launcher | None,
    *,
    discover: Sequence[str] = (),
) -> dict[str, Described]:
    import tempfile

    from envmatrix.engine.launcher.client import Spawner  # a plan whose answers are kept starts nothing
    from envmatrix.engine.launcher.request import ProcessRequest
    from envmatrix.engine.launcher.runner import Stopper, run_process

    with tempfile.TemporaryDirectory(prefix="envmatrix-describe-") as folder:
        events, job_file, answer = (Path(folder) / name for name in ("events", "job.json", "answer.json"))
        write_job(Job(mode="describe", overlays=tuple(overlays), events=str(events)), job_file)
        argv = [str(job_file), "config", "--format", "json", "-o", str(answer)]
        argv += ["-e", ",".join(overlay.name for overlay in overlays)]
        if discover:
            argv += ["--discover", *discover]
        if keys:  # for a plan, which makes nothing: uv makes an environment to tell where its site-packages are
            argv += ["--runner", "virtualenv", "-k", *keys]
        output = bytearray()
        ended = run_process(
            starts or Spawner(),
            ProcessRequest(
                kind="tox",
                argv=tuple(argv),
                cwd=str(root),
                environ={**make_tox_environ(environ), JOB_VARIABLE: str(job_file), "NO_COLOR": "1"},
                mark=(JOB_VARIABLE, str(job_file)),
            ),
            output=output.extend,
            stopper=Stopper(
                interrupted=lambda: False, killed=lambda: False, deadline=time.monotonic() + TIMEOUT_S, grace_s=0.0
            ),
        )
        if ended.cause:
            raise EnvmatrixError(
                f"tox said nothing of its environments for {TIMEOUT_S:.0f} s; try `tox config -e {overlays[0].name}`"
            )
        details = list(read_events(events))
        document = _read_answer(answer, ended.code, details, output.decode("utf-8", "replace"))
        sources = {event["cell"]: event["sources"] for event in details if event["event"] == "sources"}
    environments = document.get("env", {})
    return {
        overlay.name: _described(overlay.name, environments.get(overlay.name, {}), sources.get(overlay.name, {}))
        for overlay in overlays
    }


def _described(name: str, answer: Mapping[str, Any], sources: dict[str, str]) -> Described:
    """Return what tox answered of one environment, in which a setting that it could not read is a dict of its error."""
    settings: dict[str, Any] = {}
    refusals: list[str] = []
    for key, value in answer.items():
        if isinstance(value, dict) and set(value) == {"error"}:
            refusals.append(str(value["error"]))
        else:
            settings[key] = value
    others = [_unwrap(text) for text in refusals if not text.startswith(_NO_INTERPRETER)]
    return Described(
        name=name,
        settings=settings,
        sources=sources,
        problem=f"tox: {others[0]}" if others else "",
        lacks_interpreter=len(others) < len(refusals),
    )


def _unwrap(error: str) -> str:
    """Return the words in the ``repr`` of an exception."""
    match = _REPR.fullmatch(error)
    return " ".join((match[2] if match else error).split())[:1000]


def _read_answer(answer: Path, code: int, events: Sequence[dict[str, Any]], output: str) -> dict[str, Any]:
    """Return what tox wrote; raises _ToxRefusedError where it wrote nothing.

    It ends with an error, too, where it wrote of some settings why it could not read them.
    """
    import json

    try:
        document = json.loads(answer.read_bytes())
    except (OSError, ValueError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("env"), dict):
        return document
    refused = next((event["message"] for event in events if event["event"] == "refused"), "")
    # of a tox that was started to have what the project requires, or that stopped at a setting
    handled = output.partition("HandledError|")[2] or _explain_provisioning(output) or _last_refusal(output)
    without_root = "\n".join(line for line in output.splitlines() if not line.startswith("ROOT: "))
    sentence = " ".join((refused or handled or without_root or output).split()) or f"exit code {code}"
    raise _ToxRefusedError(f"tox: {sentence[:1000]}")


def _explain_provisioning(output: str) -> str:
    """Return why the tox that the project requires could not be made, "" where none was or it could."""
    if not re.search(r"ROOT: exit \d+ ", output):
        return ""
    from envmatrix.engine.install.failure import explain_install

    why = explain_install(output, {}).message
    return f"what the project asks of tox itself (requires, min_version) could not be installed: {why}"


def _last_refusal(output: str) -> str:
    """Return the line in which tox says why it stopped, "" where there is none: it may tell of commands before."""
    result = [line for line in output.splitlines() if re.search(r"failed to load|Error\b|^# Exception", line)]
    return result[-1] if result else ""


def plan_facts(
    root: Path, overlays: Sequence[Overlay], cache: Path | None, tox_file: str, starts: Launcher | None = None
) -> dict[str, ToxEnv]:
    """Return what a plan needs to know of environments that only tox knows, by name; ``starts`` as in ``describe``.

    The answer is kept in ``cache`` under a digest of everything it depends on: the tox file, the overlays, tox's own
    variables, and what is installed beside it; any difference asks tox again.
    """
    if not overlays:
        return {}
    place = cache / f"tox-{_cache_key(root, overlays, tox_file)}.json" if cache is not None else None
    if place is not None:
        try:
            return read_sealed(place, dict[str, ToxEnv])
        except (OSError, msgspec.DecodeError):
            pass  # no answer yet, or a broken one: ask
    facts = {
        name: _make_tox_env(entry)
        for name, entry in describe_environments(root, overlays, keys=_PLAN_KEYS, starts=starts).items()
    }
    if place is not None:
        _save_facts(place, facts)
    return facts


def _make_tox_env(described: Described) -> ToxEnv:
    settings = described.settings
    return ToxEnv(
        name=described.name,
        base_python=tuple(settings.get("base_python") or ()),
        system_site_packages=bool(settings.get("system_site_packages")),
        platform=str(settings.get("platform") or ""),
        commands=len(settings.get("commands") or ()),
        depends=tuple(settings.get("depends") or ()),
        description=str(settings.get("description") or ""),
        problem=described.problem,
    )


def _cache_key(root: Path, overlays: Sequence[Overlay], tox_file: str) -> str:
    digest = hashlib.sha256()
    for name in sorted({tox_file, *READ_BY_TOX} - {""}):
        path = root / name
        digest.update(f"{name}\0".encode() + (path.read_bytes() if path.is_file() else b""))
    digest.update(msgspec.json.encode(tuple(overlays)))
    relevant = sorted(item for item in os.environ.items() if item[0].startswith(("TOX_", "VIRTUALENV_")))
    digest.update(repr((relevant, describe_installation(), sys.executable, str(root))).encode())
    return digest.hexdigest()[:32]


def _save_facts(place: Path, facts: dict[str, ToxEnv]) -> None:
    try:
        write_sealed(place, facts)
        answers = sorted(place.parent.glob("tox-*.json"), key=lambda answer: answer.stat().st_mtime)
        for old in answers[:-KEPT_ANSWERS]:
            old.unlink(missing_ok=True)
    except OSError:
        pass  # a read-only checkout: the next plan asks tox again
