"""Runs inside the interpreter that is asked, never in the tool: what it is, and which modules really import in it.

Any CPython or PyPy from 3.7 on has to run this file, so it uses nothing newer and only the standard library. The
question is JSON on standard input, the answer is JSON in the file that the question names. Every module is imported in
a forked child of its own process group: one that hangs, crashes, exits, forks or floods its output costs only itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # importing typing would cost every interpreter some milliseconds
if TYPE_CHECKING:
    from typing import Any

TEXT_LIMIT = 1000  # characters of an error that are kept
OUTPUT_LIMIT = 2000  # bytes of a module's output that are kept; the rest is read and dropped


def import_module(question: dict[str, Any]) -> dict[str, Any]:
    """Import one module and open what it is asked to open.

    :returns: status, origin and version, or the error: its type, its text, the module that was not found
    """
    name = question["module"]
    try:
        module = __import__(name, fromlist=["__name__"])
        matches = {"status": "ok", "origin": origin_of(module), "version": version_of(module, question)}
    except BaseException as error:
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        absent = missing is not None and (name == missing or name.startswith(missing + "."))
        return {"status": "absent" if absent else "broken", "missing": missing or "", **described(error)}
    try:
        if question.get("open"):
            names = {name.partition(".")[0]: sys.modules[name.partition(".")[0]], "url": question.get("url", "")}
            eval(question["open"], names)
    except BaseException as error:
        return {**matches, "status": "unusable", **described(error)}
    return matches


def described(error: BaseException) -> dict[str, str]:
    """The type and the text of an exception, shortened."""
    try:
        text = str(error)
    except Exception as unprintable:
        text = "<%s while printing it>" % type(unprintable).__name__
    return {"type": type(error).__name__, "text": text[:TEXT_LIMIT]}


def origin_of(module: Any) -> str:
    """The file that a module came from; the folder of a namespace package, "" for a built-in module."""
    file = getattr(module, "__file__", None)
    if file:
        return os.path.abspath(str(file))
    folders = list(getattr(module, "__path__", None) or [""])
    return str(folders[0])


def version_of(module: Any, question: dict[str, Any]) -> str:
    """The version by the question's expression, else by the distribution's metadata, else by ``__version__``."""
    if question.get("version"):
        top = question["module"].partition(".")[0]
        return as_version(eval(question["version"], {top: sys.modules[top]}))
    try:
        from importlib import metadata
    except ImportError:  # before Python 3.8
        return as_version(getattr(module, "__version__", ""))
    try:
        return str(metadata.version(question.get("distribution") or question["module"].partition(".")[0]))
    except Exception:
        return as_version(getattr(module, "__version__", ""))


def as_version(value: Any) -> str:
    """A version as text: (1, 2) is "1.2"; from 1,000,000 on a number is libvirt's, 9002001 is "9.2.1"."""
    if isinstance(value, (tuple, list)):
        return ".".join(str(part) for part in value)
    if isinstance(value, int) and value >= 1000000:
        return "%d.%d.%d" % (value // 1000000, value // 1000 % 1000, value % 1000)
    return str(value)


def in_child(question: dict[str, Any], result: int, output: int) -> None:
    """The forked child's whole life; it never returns."""
    local = os.getpid()
    os.setpgid(0, 0)  # a group of its own, in a session that the tool can find and end as a whole
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except Exception as error:  # no limit on core files is no reason not to import
        os.write(2, str(error).encode())
    answer = import_module(question)
    if os.getpid() == local:  # a module that forked at import comes by here twice
        os.write(result, json.dumps(answer).encode())
    os._exit(0)


class Child:
    """One module's import under way."""

    def __init__(self, question: dict[str, Any]) -> None:
        self.result, result = os.pipe()
        self.output, output = os.pipe()
        self.answer = b""
        self.said = b""
        self.code: int | None = None
        self.deadline = question["deadline"]
        self.pid = os.fork()
        if not self.pid:
            try:
                in_child(question, result, output)
            finally:  # a module that closed our pipes must not make the child go on as if it were the parent
                os._exit(1)
        os.close(result)
        os.close(output)
        os.set_blocking(self.result, False)
        os.set_blocking(self.output, False)

    def drain(self) -> None:
        """Take what the child has written so far."""
        self.answer += read_all(self.result)
        self.said = (self.said + read_all(self.output))[-OUTPUT_LIMIT:]

    def wait(self) -> None:
        """Note that the child ended, or end it when its time is over."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        late = not pid and time.monotonic() > self.deadline
        if late:
            kill_group(self.pid)
            pid, status = os.waitpid(self.pid, 0)
        if pid:
            self.code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self.drain()
            kill_group(self.pid)  # whatever it started
            self.late = late

    def told(self) -> dict[str, Any]:
        """The child's answer, or how it ended without one."""
        text_output = self.said.decode("utf-8", "replace").strip()[-TEXT_LIMIT:]
        if self.answer:
            return {**json.loads(self.answer.decode()), "said": text_output}
        status = "hung" if self.late else "ended"
        return {"status": status, "code": self.code, "said": text_output}


def read_all(pipe: int) -> bytes:
    """What can be read now without waiting, at most a megabyte of it."""
    data = b""
    while len(data) < 1000000:
        try:
            chunk = os.read(pipe, 65536)
        except BlockingIOError:
            break
        if not chunk:
            break
        data += chunk
    return data


def kill_group(pid: int) -> None:
    """End a process group, if there still is one."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def import_all(questions: dict[str, Any]) -> dict[str, Any]:
    """Import every module side by side; the answers by capability."""
    children = {name: Child(question) for name, question in questions.items()}
    running = list(children.values())
    while running:
        pipes = [pipe for child in running for pipe in (child.result, child.output)]
        readable = select.select(pipes, [], [], 0.02)[0]
        for child in running:
            child.drain()
            child.wait()
        running = [child for child in running if child.code is None]
        if readable and running:
            time.sleep(0.002)  # a pipe at its end is always readable
    return {name: child.told() for name, child in children.items()}


def basics() -> dict[str, str]:
    """What an environment cannot do without, where it does not work: pip needs ssl to fetch and zlib to unpack."""
    missing = {}
    for name, works in (("ssl", "_ssl"), ("zlib", "zlib")):  # _ssl loads the library; ssl itself takes far longer
        try:
            __import__(works)
        except Exception as error:
            missing[name] = described(error)["text"]
    if not is_there("ssl"):
        missing["ssl"] = "No module named 'ssl'"
    return missing


def is_there(name: str) -> bool:
    """Whether a module of the standard library is on the path, without loading it."""
    from importlib.machinery import PathFinder

    return PathFinder.find_spec(name) is not None


def know_environment() -> None:
    """Let an interpreter that was started with ``-S`` know that it is a virtual environment's: site tells it so."""
    folder = os.path.dirname(sys.executable or "")
    marks = [os.path.join(place, "pyvenv.cfg") for place in (folder, os.path.dirname(folder))]
    if sys.flags.no_site and any(os.path.exists(mark) for mark in marks):
        import site

        site.main()


def main() -> None:
    """Read the question, write the answer."""
    know_environment()
    question = json.loads(sys.stdin.read())
    answer = {
        "version": "%d.%d.%d" % sys.version_info[:3] + suffix(),
        "implementation": sys.implementation.name,
        "implementation_version": "%d.%d.%d" % sys.implementation.version[:3],
        "free_threaded": "free-threading" in sys.version,
        "executable": sys.executable,
        "base_executable": getattr(sys, "_base_executable", None) or sys.executable,
        "is_venv": sys.prefix != sys.base_prefix,
        "path": [entry for entry in sys.path if entry],
        "missing": basics(),
        "ensurepip": is_there("ensurepip"),  # what `python -m venv` installs pip with
        "modules": import_all(question["modules"]),
    }
    with open(question["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)


def suffix() -> str:
    """What follows the release in a pre-release's version: "rc1"."""
    level = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info.releaselevel, "")
    return "%s%d" % (level, sys.version_info.serial) if level else ""


if __name__ == "__main__":
    main()
