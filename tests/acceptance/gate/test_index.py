"""Whether an index answered is told by what happened, not by pip's last words, which are the same in both cases."""

from __future__ import annotations

import socket
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gate_lab import only_index

INI = "[tox]\nskipsdist = true\n[testenv]\n{settings}\ncommands = python -m unittest -v test_it\n"
TESTS = "import unittest\nclass C(unittest.TestCase):\n    def test_it(self): pass\n"
NAME = "envmatrix-has-no-such-package"
WHEEL = f"{NAME.replace('-', '_')}-1.0-py3-none-any.whl"


class Index(BaseHTTPRequestHandler):
    """An index below ``/CODE/``, which answers everything with that code; with 200 it has one version of the package.

    Below ``/recovers/`` the first request of all gets no answer, and later ones 404.
    """

    dropped = False

    def do_GET(self) -> None:
        code = self.path.split("/")[1]
        if code == "recovers" and not Index.dropped:
            Index.dropped = True
            self.connection.close()
            return
        body = f'<html><body><a href="{WHEEL}">{WHEEL}</a></body></html>'.encode() if code == "200" else b"no"
        self.send_response(404 if code == "recovers" else int(code))
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[str]:
    """The address of a small index."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    Index.dropped = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def closed() -> Iterator[str]:
    """The address of a port that is bound and not listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def reason(envmatrix, project):
    """``reason(settings, env)``: the one reason of a cell that could not be built, and the result of its run."""

    def run(settings: str, env: dict[str, str], *options: str):
        files = {"tox.ini": INI.format(settings=settings), "profiles/unit.toml": 'extends = "restricted"\n'}
        root = project(files | {"test_it.py": TESTS})
        result = envmatrix("run", "--json", *(options or ("--retries", "0")), cwd=root, env=env)
        assert result.returncode == 3, result
        (cell,) = result.json["cells"]
        assert cell["state"] == "inconclusive", result
        vote = envmatrix("gate", "--format", "gerrit", cwd=root)
        assert (vote.returncode, vote.json["labels"]) == (3, {"Verified": 0}), vote
        return cell["reasons"][0]["code"], result

    return run


def pip(url: str, **more: str) -> dict[str, str]:
    return only_index(f"{url}/simple", **more)


def uv(url: str) -> dict[str, str]:
    own = {"UV_DEFAULT_INDEX": f"{url}/simple", "UV_NO_CACHE": "1", "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1"}
    return pip(url) | own


DEPS = f"deps = {NAME}"


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ("closed", "index_unreachable"),
        ("502", "index_unreachable"),
        ("503", "index_unreachable"),
        ("403", "index_unreachable"),
        ("404", "no_distribution"),
    ],
)
def test_an_index_without_an_answer_is_told_from_one_that_has_no_such_package(reason, index, closed, where, code):
    found, _ = reason(DEPS, pip(closed if where == "closed" else f"{index}/{where}"))
    assert found == code


def test_a_version_that_the_index_does_not_have_is_no_fault_of_the_index(reason, index):
    assert reason(f"{DEPS}>=2", pip(f"{index}/200"))[0] == "no_distribution"


def test_one_of_two_indexes_without_an_answer_may_have_had_it(reason, index, closed):
    both = pip(f"{index}/404", PIP_EXTRA_INDEX_URL=f"{closed}/simple")
    assert reason(DEPS, both)[0] == "index_unreachable"


def test_a_refusal_beside_an_answer_is_how_an_object_store_says_no(reason, index):
    assert reason(DEPS, pip(f"{index}/404", PIP_EXTRA_INDEX_URL=f"{index}/403/simple"))[0] == "no_distribution"


def test_an_index_that_answered_at_the_second_try_has_answered(reason, index):
    found, result = reason(DEPS, pip(f"{index}/recovers", PIP_RETRIES="2"))
    assert "WARNING: Retrying" in result.stderr
    assert found == "no_distribution"


def test_a_proxy_that_refuses_is_no_answer_of_the_index(reason, closed):
    behind = {"http_proxy": closed, "https_proxy": closed, "no_proxy": "", "NO_PROXY": ""}
    found, _ = reason(DEPS, pip("https://index.example.org", **behind))
    assert found == "index_unreachable"


def test_a_log_that_the_user_asked_for_is_kept(reason, index, tmp_path):
    log = tmp_path / "mine.log"
    log.write_text(f"Could not fetch URL {index}/old: connection error: of another day - skipping\n")
    assert reason(DEPS, pip(f"{index}/404", PIP_LOG=str(log)))[0] == "no_distribution"
    assert f"{index}/404/simple" in log.read_text()


@pytest.mark.parametrize(("where", "code"), [("502", "index_unreachable"), ("404", "command_failed")])
def test_packages_that_the_projects_own_commands_install_count_alike(envmatrix, project, index, where, code):
    """Where the index answered, that the command failed is held against the change."""
    settings = f"commands_pre = python -m pip install {NAME}"
    files = {"tox.ini": INI.format(settings=settings), "profiles/unit.toml": 'extends = "restricted"\n'}
    root = project(files | {"test_it.py": TESTS})
    result = envmatrix("run", "--json", "--retries", "0", cwd=root, env=pip(f"{index}/{where}"))
    assert result.json["cells"][0]["reasons"][0]["code"] == code, result
    vote = envmatrix("gate", "--format", "gerrit", cwd=root)
    assert vote.json["labels"] == {"Verified": 0 if code == "index_unreachable" else -1}, vote


def test_the_next_attempt_succeeds_when_the_index_is_back(envmatrix, project, tmp_path):
    """A port on which nobody listens at first; the wheel is there for the second attempt."""
    wheels = tmp_path / "wheels" / NAME
    wheels.mkdir(parents=True)
    info = WHEEL.partition("-py3")[0] + ".dist-info"
    with zipfile.ZipFile(wheels / WHEEL, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    files = {"tox.ini": INI.format(settings=DEPS), "profiles/unit.toml": 'extends = "restricted"\n'}
    root = project(files | {"test_it.py": TESTS})
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    port = held.getsockname()[1]
    servers = []

    def open_later() -> None:
        while not list(root.glob(".envmatrix/evidence/*/*/*.json")):  # that of the first attempt
            if stop.wait(0.05):
                return
        held.close()
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *args: None})
        servers.append(ThreadingHTTPServer(("127.0.0.1", port), partial(quiet, directory=str(wheels.parent))))
        servers[0].serve_forever()

    stop = threading.Event()
    thread = threading.Thread(target=open_later)
    thread.start()
    env = pip("http://127.0.0.1") | {"PIP_INDEX_URL": f"http://127.0.0.1:{port}"}
    try:
        result = envmatrix("run", "--json", cwd=root, env=env)
    finally:
        stop.set()
        for server in servers:
            server.shutdown()
            server.server_close()
        thread.join()
    assert result.returncode == 0, result
    assert "attempt 2 follows in" in result.stderr
    gate = envmatrix("gate", "--json", cwd=root)
    assert gate.returncode == 0, gate
    for verdict in (result.json, gate.json):
        told = "attempt 2, because of the one before: the package index could not be reached"
        assert told in verdict["cells"][0]["notes"], verdict


@pytest.mark.parametrize(
    ("where", "code"), [("closed", "index_unreachable"), ("502", "index_unreachable"), ("404", "no_distribution")]
)
def test_uv_is_understood_too(reason, index, closed, where, code):
    url = closed if where == "closed" else f"{index}/{where}"
    found, result = reason(DEPS, uv(url))
    assert found == code
    assert "uv pip install" in result.output


def test_uv_names_a_version_that_is_not_there(reason, index):
    assert reason(f"{DEPS}>=2", uv(f"{index}/200"))[0] == "no_distribution"
