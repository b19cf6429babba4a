"""Modules: what importing them in an interpreter came to, as a finding."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

from envmatrix.config.model import Capability
from envmatrix.host.interpreters.query import InterpreterAnswer, ModuleAnswer
from envmatrix.host.model import Finding, Interpreter
from envmatrix.host.probes.base import Context, absent, broken, ok
from envmatrix.host.remedies import install_hint, pip_hint


def probe(capability: Capability, context: Context) -> Finding:
    """The finding about a module in ``context.interpreter``, from what that interpreter told."""
    assert context.interpreter and context.told
    return make_finding(capability, context.interpreter, context.told, context.environ, context.limit_s(capability))


def make_finding(
    capability: Capability,
    interpreter: Interpreter,
    answers: InterpreterAnswer,
    environ: Mapping[str, str],
    timeout_s: float,
) -> Finding:
    """What an interpreter told about a module, in words: ok, absent, or broken with the module's own error."""
    answer = answers.modules.get(capability.name) or ModuleAnswer(status="ended", text="it was not asked")
    place = f"{interpreter.path} ({interpreter.version})"
    if answer.status == "ok":
        leaks = "".join(f" {text}." for text in _elsewhere(capability.module, answers, environ, answer.origin))
        message = f"{capability.name} {answer.version} imports in {place} from {answer.origin}.{leaks}".replace(
            "  ", " "
        )
        return ok(capability, message, version=answer.version, where=answer.origin, interpreter=interpreter.path)
    why = problem(capability, answer, timeout_s)
    text = (
        f"{capability.name}: {why} in {place}" if answer.status == "absent" else f"{capability.name} in {place}: {why}"
    )
    missing = answer.missing or capability.module
    notes = [*_elsewhere(missing, answers, environ, ""), *(_foreign(missing, answers) if answer.missing else ())]
    message = ". ".join([text, *notes]) + "."
    if answer.status == "absent":
        return absent(capability, message, _remedy(capability, interpreter, environ), interpreter=interpreter.path)
    return broken(
        capability,
        message,
        _mend(capability, answer, interpreter, environ),
        version=answer.version,
        where=answer.origin,
        interpreter=interpreter.path,
    )


def problem(capability: Capability, answer: ModuleAnswer, timeout_s: float) -> str:
    """What went wrong with a module, without the place: "no module named 'libvirt'"."""
    module, output = capability.module, f" (it said: {answer.said.splitlines()[-1]})" if answer.said else ""
    if answer.status == "absent":
        return f"no module named '{answer.missing or module}'"
    if answer.status == "hung":
        return f"importing '{module}' did not end within {timeout_s:g} s{output}"
    if answer.status == "ended":
        return f"importing '{module}' {_end(answer.code)}{output}"
    error = f"{answer.type}: {answer.text}" if answer.text else answer.type
    if answer.status == "unusable":
        return f"'{module}' {answer.version} imports, but cannot open {capability.url}: {error}"
    if answer.type == "SystemExit":
        return f"importing '{module}' calls sys.exit({answer.text}){output}"
    return f"importing '{module}' fails with {error}"


def _end(code: int) -> str:
    if code >= 0:
        return f"ended the interpreter with exit code {code}"
    try:
        return f"crashed the interpreter with {signal.Signals(-code).name}"
    except ValueError:
        return f"crashed the interpreter with signal {-code}"


def _elsewhere(module: str, answer: InterpreterAnswer, environ: Mapping[str, str], origin: str) -> Iterator[str]:
    """Sentences, without their full stop, on files of that module that the interpreter does not take.

    Where the module imports (``origin``), only those are named that would come first if they were seen.
    """
    top = module.partition(".")[0]
    version = ".".join(answer.version.split(".")[:2])
    user = Path(environ.get("HOME", "/nowhere")) / f".local/lib/python{version}/site-packages"
    shown = {
        "PYTHONPATH": [Path(entry) for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry],
        "the user's site-packages": [user],
        "the current folder": [Path.cwd()],
    }
    for name, folders in shown.items():
        for file in (file for folder in folders if (file := _file_of(folder, top)) and str(file) != origin):
            yield f"{file} is in {name}, which environments do not see"


def _foreign(module: str, answer: InterpreterAnswer) -> Iterator[str]:
    """Sentences on extension modules of that name that this interpreter passes over."""
    top = module.partition(".")[0]
    for file in (file for entry in answer.path for file in _extensions(Path(entry), top)):
        yield f"{file} is there, but was built for another Python"


def _file_of(folder: Path, top: str) -> Path | None:
    names = (folder / top / "__init__.py", folder / f"{top}.py")
    try:
        return next((path for path in (*names, *_extensions(folder, top)) if path.is_file()), None)
    except OSError:
        return None


def _extensions(folder: Path, top: str) -> list[Path]:
    try:
        return sorted(path for path in folder.glob(f"{top}.*") if path.suffix in (".so", ".pyd"))
    except OSError:
        return []


def _remedy(capability: Capability, interpreter: Interpreter, environ: Mapping[str, str]) -> str:
    """How to get the module into that interpreter: a system package serves the operating system's own only."""
    system, pip = install_hint(capability, environ), pip_hint(capability, interpreter)
    if interpreter.origin in ("system", "homebrew"):
        return system or pip or f"Install what provides the module '{capability.module}' for {interpreter.path}."
    if system and pip:
        return f"{pip} Or use the operating system's own interpreter: {system[0].lower()}{system[1:]}"
    if system and not pip:
        return f"Use the operating system's own interpreter, for which its packages are. {system}"
    return pip or f"Install what provides the module '{capability.module}' for {interpreter.path}."


def _mend(capability: Capability, answer: ModuleAnswer, interpreter: Interpreter, environ: Mapping[str, str]) -> str:
    if answer.status == "unusable":
        return f"Make {capability.url} open for this user, or set another `url` for the capability {capability.name}."
    if answer.missing:
        return f"Install what provides the module '{answer.missing}' for {interpreter.path}, then probe again."
    built = ", built for this Python" if answer.type == "ImportError" else ", or repair it"
    return f"Reinstall the module for {interpreter.path}{built}. {_remedy(capability, interpreter, environ)}"
