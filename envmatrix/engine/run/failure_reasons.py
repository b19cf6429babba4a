"""Why a cell's run ended as it did: its state, and the reasons where it did not simply finish."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envmatrix.config.tox.file import ToxFile, read_tox_file
from envmatrix.config.tox.keys import OF_TOX_3, is_referred_to, known
from envmatrix.config.tox.typos import idle, misspelt
from envmatrix.engine.install.pip import is_install_command
from envmatrix.engine.launcher.runner import EndedProcess
from envmatrix.engine.run.events import CellRun, SortedEvents
from envmatrix.evidence.model import RanReason, RunState
from envmatrix.util.text import nearest

if TYPE_CHECKING:
    from envmatrix.engine.run.cell import RunContext


def state_of(events: SortedEvents, ended: EndedProcess) -> RunState:
    """Return the state of a run whose process ended."""
    if ended.cause == "timed_out":
        return "timed_out"
    if ended.cause == "interrupted" or events.interrupted:
        return "interrupted"
    if events.result is None:
        return "crashed" if not events.refused and not events.failed else "not_built"
    if events.result["skipped"]:
        return "skipped_by_tox"
    return "finished" if events.ready else "not_built"


def reasons_of(
    context: RunContext, run: CellRun, events: SortedEvents, state: RunState, ended: EndedProcess | None
) -> tuple[RanReason, ...]:
    """Return why the run did not simply finish, () where it did."""
    return (
        () if events.mismatches and state == "not_built" else tuple(_explain_ending(context, run, events, state, ended))
    )


def _explain_ending(
    context: RunContext, run: CellRun, events: SortedEvents, state: RunState, ended: EndedProcess | None
) -> Iterator[RanReason]:
    if state == "timed_out":
        during = " ".join(events.pending["argv"]) if events.pending else "tox"
        what = "still running" if events.ready else "the environment was still not built"
        yield RanReason(
            code="timed_out" if events.ready else "install_timed_out",
            message=f"{what} after {run.profile.timeout_s:.0f} s, in `{during}`",
            remedy=f"raise timeout_s of the profile {run.profile.name}, or find what hangs",
        )
    elif state == "skipped_by_tox":
        text = events.reasons[-1]["detail"] if events.reasons else "tox skipped it"
        code = "platform" if "platform" in text else "no_interpreter" if "interpreter" in text else "skipped_by_tox"
        remedy = "run it on a host of that platform, or correct platform in the tox file" if code == "platform" else ""
        yield RanReason(code=code, message=f"tox skipped it: {text}", remedy=remedy)
    elif state == "not_built":
        yield _not_built(context, run, events)
    elif state == "finished":
        yield from _installing_command(context, run, events)
        yield from _not_executed(context, events)
    elif state == "crashed" and ended is not None:
        message = f"the process that ran tox ended with {_exit_phrase(ended.code)}"
        # Nothing of ours sends SIGKILL to a run that nobody stopped: the kernel was short of memory, or a person did.
        code = "killed" if ended.code == -signal.SIGKILL else "crashed"
        yield RanReason(code=code, message=message, detail=_read_log_tail(run))


def _not_built(context: RunContext, run: CellRun, events: SortedEvents) -> RanReason:
    if events.failed:
        if events.failed[-1]["not_started"]:
            name = events.failed[-1]["argv"][0]
            remedy = (
                f"install {name}, or correct install_command in {context.matrix.project.tox_file or 'the tox file'}"
            )
            return RanReason(code="command_missing", message=_not_started(events.failed[-1]), remedy=remedy)
        reason = _explain_failed_install(context, run, events.failed[-1])
        if events.failed[-1]["cell"] == _PROVISION and reason.code in ("no_distribution", "conflict"):
            remedy = f"correct requires or min_version in {context.matrix.project.tox_file or 'the tox file'}"
            if "envmatrix" in reason.message:
                remedy += (
                    ", which keeps envmatrix out; an environment may name a virtualenv of its own: virtualenv_spec"
                )
            return RanReason(
                code=reason.code, message=f"for tox itself: {reason.message}", remedy=remedy, detail=reason.detail
            )
        return reason
    if events.arguments_unused:
        return _arguments_unused(context, run)
    if events.refused:
        return RanReason(code="tox_refused", message=f"tox refused: {events.refused}", remedy="see `tox config`")
    if events.reasons:
        return _in_toxs_words(context, events.reasons[-1])
    return RanReason(code="tox_failed", message="tox ended before the environment was ready")


def _in_toxs_words(context: RunContext, last: dict[str, Any]) -> RanReason:
    """The reason in tox's own last words, with what to do where that is known."""
    lines = [line for line in last["detail"].splitlines() if line.strip()] or [last["message"]]
    if unreached := re.search(r"<urlopen error (?:\[[^]]*\] )?(.+?)>", lines[0]):
        return RanReason(
            code="index_unreachable",
            message=f"a requirements or constraints file that deps name by a URL was not got: {unreached[1]}",
            remedy="check the network, or name a file of this host (often a variable does: see the deps)",
            detail="\n".join(lines[:15]),
        )
    code = (
        "build_failed" if "Backend" in last["kind"] else "no_interpreter" if "interpreter" in lines[0] else "tox_failed"
    )
    message, remedy = lines[0], _WRITABLE.get(last["kind"], "")
    if code == "build_failed" and _IS_NO_PACKAGE.search(lines[0]):
        remedy = _NO_PACKAGE
    if code == "no_interpreter":  # the cell has its own already, which the plan chose
        cut = _cut_off_path(context)  # virtualenv makes no environment there, and tox says that of the interpreter
        message, remedy = (message, cut) if cut else (f"the packaging environment: {message}", _PACKAGING)
    return RanReason(code=code, message=message, remedy=remedy, detail="\n".join(lines[1:][-15:]))


def _arguments_unused(context: RunContext, run: CellRun) -> RanReason:
    local = run.profile.env.get("commands")
    where = local.source if local is not None else context.matrix.project.tox_file or "the tox file"
    place = "{posargs}" if where.endswith((".ini", ".cfg")) else '{ replace = "posargs", extend = true }'
    return RanReason(
        code="arguments_unused",
        message=f"the arguments after -- ({' '.join(context.posargs)}) reach no command, so no command was run",
        remedy=f"run it without them, or write {place} into the commands of {where}",
    )


def _explain_failed_install(context: RunContext, run: CellRun, command: dict[str, Any]) -> RanReason:
    from envmatrix.engine.install.failure import explain_install  # many patterns, of use where an installation failed

    return explain_install(
        command["out"] + "\n" + command["err"],
        context.matrix.capabilities,
        unfetched=command.get("unfetched"),
        system_site_packages=run.profile.system_site_packages is True,
    )


def _installing_command(context: RunContext, run: CellRun, events: SortedEvents) -> Iterator[RanReason]:
    """The reason where a command of the project's own, as those of commands_pre, could not reach the index."""
    failed = next((event for event in events.commands if event["code"] and not event["ignored"]), None)
    if failed is not None and is_install_command(failed["argv"]):
        reason = _explain_failed_install(context, run, failed)
        if reason.code == "index_unreachable":
            yield reason


def _not_executed(context: RunContext, events: SortedEvents) -> Iterator[RanReason]:
    """The commands that no process could be made of, and whatever else made tox fail although all that ran went well.

    Without the latter a cell that tox itself calls failed could pass.
    """
    tox_file = context.matrix.project.tox_file or "tox's file"
    for event in events.commands:
        if event["not_started"]:
            name = event["argv"][0]
            remedy = f"install {name} on this host, or correct it in {tox_file}, or add what brings it to deps"
            if not name:
                remedy = f"correct it in {tox_file}: a substitution in it gave nothing"
            elif "{" in name:
                remedy = f"correct the reference in {tox_file}: tox found nothing of that name"
            message = _not_started(event)
            yield RanReason(code="command_missing", message=message, remedy=remedy)
    code = (events.result or {}).get("code", 0)
    if not code or any(_counts_as_failed(event) for event in events.commands):
        return
    text = events.reasons[-1]["detail"].splitlines()[0] if events.reasons and events.reasons[-1]["detail"] else ""
    if refused := _NOT_ALLOWED.match(text):
        message = f"tox did not run `{refused[1]}`: it is not installed in the environment, nor allowed from elsewhere"
        remedy = f"add what brings it to deps, or name it in allowlist_externals of {tox_file}; where only some factors"
        remedy += " have it in deps, run an environment of the project's own (`envmatrix list --tox`)"
        yield RanReason(code="command_missing", message=message, remedy=_cut_off_path(context) or remedy)
    else:
        what = text or "it gave no reason"
        message = f"tox ended with exit code {code} although no command of its own failed: {what}"
        yield RanReason(code="tox_failed", message=message)


def _cut_off_path(context: RunContext) -> str:
    """Return what to do about a folder of environments that cannot be named in PATH, "" where it can."""
    place = context.environ.get("TOX_WORK_DIR") or context.matrix.project.root
    if os.pathsep not in place:
        return ""
    return (
        f"{os.pathsep!r} in {place} ends a folder's name in PATH, so that nothing in an environment is found: move the"
        " checkout, or let TOX_WORK_DIR name another folder"
    )


def _not_started(event: dict[str, Any]) -> str:
    name, why = event["argv"][0], event["not_started"]
    return f"`{name}` could not be started: {(why.partition('] ')[2] or why).removesuffix(f': {name!r}')}"


def _counts_as_failed(event: dict[str, Any]) -> bool:
    return not event["ignored"] and (bool(event["not_started"]) or (event["code"] != 0) != event["inverted"])


_PROVISION = ".tox"  # the environment of a tox that the project's `requires` asks for
_NOT_ALLOWED = re.compile(r"(.*) is not allowed, use allowlist_externals to allow it")
_IS_NO_PACKAGE = re.compile(r"Multiple top-level packages discovered .*'profiles'")
_NO_PACKAGE = (
    "setuptools takes the folder profiles for a package: name the project's own in pyproject.toml, as in"
    ' [tool.setuptools] packages = ["NAME"], or [tool.setuptools.packages.find] include = ["NAME*"]'
)
_WRITABLE = dict.fromkeys(
    ("PermissionError", "OSError"),
    "make the folder writable, or keep tox's environments elsewhere: TOX_WORK_DIR=FOLDER",
)
_PACKAGING = "install that Python, or let base_python of the packaging environment (.pkg) name one that is here"

# tox-uv reads these: they choose an interpreter, which is chosen already, or add packages that nobody asked for.
_OF_TOX_UV = frozenset({"uv_python_preference", "uv_seed"})


def unread_settings(
    context: RunContext, run: CellRun, events: SortedEvents
) -> tuple[tuple[RanReason, ...], tuple[str, ...]]:
    """Return the settings that nothing reads: those that look misspelt as reasons, the others as notes.

    A key that tox knows and does not read here (skip_install where nothing is packaged) is neither, nor is one that
    other settings refer to.
    """
    tox = read_tox_file(Path(context.matrix.project.root)) if events.result else None
    if tox is None or tox.error:
        unread, notes = [], []
    else:
        unread = [_make_unused_setting(sentence) for sentence in dict.fromkeys(_find_misspelt_words(context, run, tox))]
        notes = [f"{tox.name}: {sentence}" for sentence in idle(tox)]
    for key in (events.result or {}).get("unused", ()):
        tox_file = Path(context.matrix.project.root, context.matrix.project.tox_file or "tox.ini")
        where = run.profile.env[key].source if key in run.profile.env else context.matrix.project.tox_file or "tox"
        near = nearest(key, known(), cutoff=0.75)
        if key in known() or key in _OF_TOX_UV or is_referred_to(tox_file, key):
            continue
        if key in OF_TOX_3 or (not near and key not in run.profile.env):
            notes.append(
                f"{where}: nothing reads the key {key!r} (a key of an old tox, or of a plugin that is not here)"
            )
            continue
        message = f"{where}: nothing reads the key {key!r}"
        unread.append(_make_unused_setting(f"{message}; did you mean {near!r}?" if near else message))
    return tuple(unread), tuple(notes)


def _make_unused_setting(sentence: str) -> RanReason:
    remedy = "correct it, remove it, or install the tox plugin that reads it"
    return RanReason(code="unused_setting", message=sentence, remedy=remedy)


def _find_misspelt_words(context: RunContext, run: CellRun, tox: ToxFile) -> Iterator[str]:
    """Yield what of the project's tox file applies to nothing because a word in it is misspelt."""
    profiles = context.matrix.profiles.values()
    values = {value for profile in profiles for axis in profile.axes.values() for value in axis}
    names = {factor for profile in profiles for factor in profile.name.split("-")}
    for env in dict.fromkeys((run.profile.tox_env or run.planned.cell.name, run.planned.cell.name)):
        for sentence in misspelt(tox, env, known=values | names):
            yield f"{tox.name}: {sentence}"


def _exit_phrase(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _read_log_tail(run: CellRun) -> str:
    try:
        text = (run.folder / "output.log").read_bytes()[-4000:].decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-15:])
