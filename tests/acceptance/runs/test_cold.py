"""Cells whose environments are new: what one of them has got and compiled, the next need not get and compile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from local_index import publish

NAME = "envmatrix_sample"
INI = """\
[tox]
env_list = a, b
[testenv]
skip_install = true
deps = envmatrix-sample
commands = python -c "import envmatrix_sample"
"""


class Files(SimpleHTTPRequestHandler):
    """An index in a folder, whose pages nobody may keep; ``asked`` are the paths that were asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The address of an index with one package, and what was asked of it."""
    publish(tmp_path / "index", NAME, "1.0")
    asked: list[str] = []
    handler = type("Handler", (Files,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(tmp_path / "index")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple", asked
    server.shutdown()
    thread.join()
    server.server_close()


def uv(url: str, cache: Path) -> dict[str, str]:
    """The variables of a uv with nothing but this index and an empty cache; the test's own proxy is no way to it."""
    return {"UV_DEFAULT_INDEX": url, "UV_CACHE_DIR": str(cache), "UV_NO_CONFIG": "1", "NO_PROXY": "127.0.0.1"}


def test_what_is_gone_from_the_cache_is_got_again(envmatrix, project, index, tmp_path):
    url, asked = index
    clear = f"python -c \"import shutil; shutil.rmtree('{tmp_path / 'cache'}')\""
    root = project({"tox.ini": INI.replace("commands = ", f"commands =\n    {clear}\n    ")})
    result = envmatrix("run", "tox:a", "tox:b", cwd=root, env=uv(url, tmp_path / "cache"))
    assert result.returncode == 0, result
    assert sum(path.endswith("/envmatrix-sample/") for path in asked) == 2, asked


def test_what_the_first_cell_had_already_the_next_asks_the_index_for(envmatrix, project, index, tmp_path):
    url, _ = index
    root = project({"tox.ini": INI})
    first = envmatrix("run", "tox:a", cwd=root, env=uv(url, tmp_path / "cache"))
    assert first.returncode == 0, first
    publish(tmp_path / "index", NAME, "2.0")
    publish(tmp_path / "index", "envmatrix_other", "1.0")
    (root / "tox.ini").write_text(INI.replace("deps = ", "deps =\n    envmatrix-other\n    "))
    both = envmatrix("run", "tox:a", "tox:b", cwd=root, env=uv(url, tmp_path / "cache"))
    assert both.returncode == 0, both
    assert list(root.glob(f".tox/a/lib/*/site-packages/{NAME}-1.0.dist-info")), "nothing asked for a newer one there"
    assert list(root.glob(f".tox/b/lib/*/site-packages/{NAME}-2.0.dist-info")), "the cache's page is older than the run"


def test_with_pip_only_what_is_imported_is_compiled(envmatrix, project, index):
    url, _ = index
    root = project({"tox.ini": INI})
    env = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": "/dev/null", "NO_PROXY": "127.0.0.1"}
    result = envmatrix("run", "tox:a", cwd=root, env={**env, "TOX_DISABLED_EXTERNAL_PLUGINS": "tox-uv"})
    assert result.returncode == 0, result
    (package,) = root.glob(f".tox/a/lib/*/site-packages/{NAME}")
    assert [path.name.partition(".")[0] for path in package.glob("__pycache__/*")] == ["__init__"]


def test_where_python_writes_no_bytecode_pip_compiles_all(envmatrix, project, index):
    url, _ = index
    root = project({"tox.ini": INI + "set_env = PYTHONDONTWRITEBYTECODE=1\n"})
    env = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": "/dev/null", "NO_PROXY": "127.0.0.1"}
    result = envmatrix("run", "tox:a", cwd=root, env={**env, "TOX_DISABLED_EXTERNAL_PLUGINS": "tox-uv"})
    assert result.returncode == 0, result
    (package,) = root.glob(f".tox/a/lib/*/site-packages/{NAME}")
    assert sorted(path.name.partition(".")[0] for path in package.glob("__pycache__/*")) == ["__init__", "unused"]
