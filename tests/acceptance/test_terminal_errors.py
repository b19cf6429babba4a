"""Every known error as a person sees it: one sentence, what to do next, the exit code, and no traceback."""

import contextlib
import re
import socket
import threading
from pathlib import Path

import pytest

TOX = "[testenv]\nskip_install = true\ncommands = python -m unittest test_it\n"
TEST = "import unittest\nclass Tests(unittest.TestCase):\n    def test_a(self): pass\n"
BASE = {"tox.ini": TOX, "test_it.py": TEST, "profiles/one.toml": 'extends = "restricted"\n'}
BROKEN_SERVER = "#!/bin/sh\ncase $* in *version*) echo 'Redis server v=7.0.0';; *) echo broken >&2; exit 1;; esac\n"

# class: (files, command, what is read, exit code)
ERRORS = {
    "EnvmatrixError": (BASE, ("-C", "nowhere", "list"), "-C nowhere: there is no such folder", 2),
    "ConfigError": ({**BASE, "profiles/one.toml": "extendz = 3\n"}, ("plan",), "profiles/one.toml:1: extendz", 2),
    "UnknownNameError": (BASE, ("run", "oen"), "oen: no profile and no cell has this name", 2),
    "NothingToRunError": ({}, ("run",), "let `envmatrix init` write one", 2),
    "UnknownFormatError": (BASE, ("run", "--format", "pdf"), "there is no format 'pdf'; choose one of", 2),
    "ToxListError": (
        {**BASE, "tox.ini": "[tox]\nenv_list = {[missing\n" + TOX + "[testenv:a]\nbase = b\n[testenv:b]\nbase = a\n"},
        ("list", "--tox"),
        "tox could not list its environments",
        2,
    ),
    "NoEvidenceError": (BASE, ("report", "deadbeef"), "deadbeef: neither a file nor evidence nor a tree", 2),
    "NoRunError": (BASE, ("report",), "there is no last run here to report on; `envmatrix run` makes one", 2),
    "PruneError": (BASE, ("evidence", "prune"), "say what to keep", 2),
    "UnknownRevisionError": (BASE, ("gate", "deadbeef"), "'deadbeef' is no commit", 2),
    "UnknownBaseError": (BASE, ("plan", "--changed-since", "deadbeef"), "there is no commit 'deadbeef'", 0),
    "StoreUrlError": (BASE, ("evidence", "--store", "nosuch://x", "list"), "the store's address nosuch://x", 2),
    "NotAStoreError": (BASE, ("run", "one", "--store", "tox.ini"), "tox.ini is no folder; name one with --store", 2),
    "UnknownStyleError": (BASE, ("doctor", "--labels", "travis"), "there is no style of labels 'travis'; choose", 2),
    "NoSuchEvidenceError": (BASE, ("evidence", "show", "deadbeef"), "there is no evidence deadbeef", 2),
    "StoreError": (BASE, ("run", "one", "--store", "/dev/null/x"), "this evidence was not kept", 4),
    "InternalError": (BASE, ("run", "one"), "The test recorders cannot be written", 3),
    "UnwritableError": (BASE, ("list",), "make room or send it elsewhere; `envmatrix report` shows", 4),
    "ServiceError": ({**BASE, "profiles/one.toml": 'services = ["redis"]\n'}, ("run", "one"), "redis", 3),
}


LIBVIRT = {**BASE, "profiles/one.toml": 'extends = "libvirt"\n', "libvirt.py": ""}
NOAUTH = b"-NOAUTH Authentication required.\r\n"
REDIS = {**BASE, "profiles/one.toml": 'extends = "restricted"\nrequires = ["redis"]\n'}
STARTED = {**BASE, "profiles/one.toml": 'extends = "restricted"\nservices = ["rabbitmq"]\n'}

# Those that never leave the code and whose sentence another message carries, in the same words.
CARRIED = {
    "Unreadable": ({**BASE, "profiles/two.toml/x": ""}, ("plan",), "profiles/two.toml: is a folder", 2),
    "RejectedError": (
        {**BASE, "bad.json": "{"},
        ("report", "bad.json"),
        "bad.json is not believed: it is not whole",
        2,
    ),
    "UnreadableError": (BASE, ("report", "large.json"), "large.json is not believed: it is larger than", 2),
    "GitError": (BASE, ("run", "one"), "was not used for the identity, the files'", 0),
    "_ToxRefusedError": ({**BASE, "tox.ini": TOX + "deps = {[nosuch]deps}\n"}, ("explain", "one"), "tox: ", 0),
    "_DoubtError": (BASE, ("explain", "one"), "through tox: TOX_LIMITED_SHEBANG is set", 0),
    "envmatrix.engine.prove.RefusedError": (LIBVIRT, ("run", "one"), "env_mismatch", 3),
    "envmatrix.host.protocols.connection.RefusedError": (REDIS, ("plan",), "Authentication required", 3),
    "StartError": (STARTED, ("plan",), "envmatrix cannot start the service 'rabbitmq'; it can start memcached", 3),
}
# Those that say that something ended, and say nothing.
CONTROL = {"_StoppedError", "Stop"}


def errors():
    """All exceptions of the sources, by their known base: those that reach the handler, and the others."""
    sources = Path(__file__).parents[2] / "envmatrix"
    found = [
        (name, base, ".".join(path.relative_to(sources.parent).with_suffix("").parts))
        for path in sources.rglob("*.py")
        for name, base in re.findall(r"^class (\w+)\((\w+)\):", path.read_text(), re.MULTILINE)
    ]
    known = {"EnvmatrixError"}
    while more := {name for name, base, _ in found if base in known} - known:
        known |= more
    inner = [(name, module) for name, base, module in found if base in ("Exception", "BaseException")]
    names = [name for name, _ in inner]
    return known, {name if names.count(name) == 1 else f"{module}.{name}" for name, module in inner} - known


def test_every_class_of_errors_is_shown_here():
    assert errors() == (set(ERRORS), set(CARRIED) | CONTROL)


@pytest.fixture
def server():
    """Starts a server on a port of its own that gives each connection the next of some answers, the last for ever."""
    with contextlib.ExitStack() as stack:

        def start(*answers):
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            threading.Thread(target=answer, args=(listening, list(answers)), daemon=True).start()
            return f"127.0.0.1:{listening.getsockname()[1]}"

        yield start


def answer(listening, answers):
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        said = answers.pop(0) if len(answers) > 1 else answers[0]
        with connection, contextlib.suppress(OSError):
            while connection.recv(4096):
                connection.sendall(said)
                if not said:
                    break


@pytest.mark.parametrize("name", CARRIED)
def test_what_another_message_carries_is_read_there(name, project, envmatrix, server):
    files, command, said, code = CARRIED[name]
    root = project(files)
    env = {}
    if name == "GitError":
        (root / ".git" / "index").write_text("garbage")
    if name == "UnreadableError":
        with (root / "large.json").open("wb") as file:
            file.truncate(1 << 30)
    if name == "_DoubtError":
        env["TOX_LIMITED_SHEBANG"] = "1"
        assert envmatrix("run", "one", cwd=root, env=env).returncode == 0
    if name.startswith("envmatrix.host"):
        env["ENVMATRIX_REDIS_URL"] = f"redis://{server(NOAUTH)}"
    result = envmatrix(*command, cwd=root, env=env)
    assert said in " ".join(result.output.split()), result
    assert result.returncode == code, result
    assert "Traceback" not in result.output
    assert "bug in envmatrix" not in result.output


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_a_sentence_with_the_next_step(name, project, envmatrix, tmp_path):
    files, command, said, code = ERRORS[name]
    root = project(files)
    env = {}
    if name == "InternalError":
        assert envmatrix("run", "one", cwd=root).returncode == 0
        (recorder,) = root.glob(".tox/one/lib/python*/site-packages/_envmatrix")
        for path in recorder.iterdir():
            path.unlink() if path.is_file() else None
        recorder.rename(tmp_path / "moved")
        recorder.write_text("in the way")
    if name == "ServiceError":
        server = tmp_path / "bin" / "redis-server"
        server.parent.mkdir()
        server.write_text(BROKEN_SERVER)
        server.chmod(0o755)
        env["PATH"] = f"{server.parent}:/usr/local/bin:/usr/bin:/bin"
    within = ("sh", "-c", '"$@" >/dev/full', "sh") if name == "UnwritableError" else ()
    result = envmatrix(*command, cwd=root, env=env, within=within)
    assert result.returncode == code, result
    assert said in " ".join(result.output.split()), result
    assert "Traceback" not in result.output
    assert "bug in envmatrix" not in result.output
    if code == 2:
        assert re.search(r"`(envmatrix|git|tox) [^`]+`", result.stderr), result.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("-C", "tox.ini", "plan"), "-C tox.ini: it is no folder"),
        (("evidence", "pull", "nowhere"), "nowhere to take evidence from"),
        (("evidence", "push", "tox.ini"), "tox.ini is no folder"),
        (("gate", "--store", "tox.ini"), "tox.ini is no folder"),
        (("report", "profiles"), "profiles: neither a file nor evidence nor a tree"),
        (("report", "profiles"), "it is a folder: name files in it"),
        (("report", "-o", "nowhere/x.html"), "there is no last run here"),
        (("doctor", "libvrt"), "libvrt: no profile, no cell and no capability has this name; did you mean 'libvirt'?"),
        (("doctor", "redis", "full"), "redis is a capability and full a profile or cell; ask for one kind at a time"),
        (("completion", "csh"), "'csh' is not one of 'bash', 'zsh', 'fish'."),
    ],
)
def test_what_is_no_folder_or_no_file_is_said_with_the_next_step(command, said, project, envmatrix):
    result = envmatrix(*command, cwd=project(BASE))
    assert (result.returncode, said in " ".join(result.stderr.split())) == (2, True), result
    assert re.search(r"[`'](envmatrix) [^`']+[`']", result.stderr), result.stderr


def test_a_report_that_cannot_be_written_says_why(project, envmatrix):
    root = project(BASE)
    assert envmatrix("run", "one", cwd=root).returncode == 0
    result = envmatrix("report", "-o", "nowhere/x.html", cwd=root)
    assert result.returncode == 2, result
    assert "nowhere/x.html cannot be written: there is no folder nowhere; name another file after -o" in result.stderr


def test_a_name_that_is_given_twice_is_told_once(project, envmatrix):
    assert envmatrix("run", "oen", "oen", cwd=project(BASE)).stderr.count("oen") == 1


def test_what_keeps_envmatrix_out_of_the_tox_that_a_project_asks_for_is_one_sentence(project, envmatrix):
    root = project({**BASE, "tox.ini": "[tox]\nrequires = click<8\n" + TOX})
    explained = " ".join(envmatrix("explain", "one", cwd=root).output.split())
    assert "what the project asks of tox itself (requires, min_version) could not be installed: the" in explained
    assert "ROOT" not in explained
    run = " ".join(envmatrix("run", "one", cwd=root).stdout.split())
    assert "for tox itself: the requirements of the environment contradict each other" in run
    assert "correct requires or min_version in tox.ini" in run
