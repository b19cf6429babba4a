import os
from pathlib import Path

import pytest

from envmatrix.engine import services
from envmatrix.engine.services import keeper, manager
from envmatrix.host.protocols import servers


def test_urls_come_from_the_environment_before_what_is_declared():
    environ = {"ENVMATRIX_MYSQL_URL": "mysql://a", "ENVMATRIX_REDIS_URL": ""}
    declared = {"mysql": "mysql://b", "redis": "redis://c", "memcached": "memcached://d"}
    assert services.pointed_to(["mysql", "redis", "postgresql"], environ, declared) == {
        "mysql": "mysql://a",
        "redis": "redis://c",
    }


def test_a_service_that_cannot_be_started_is_an_error_with_a_way_out(tmp_path):
    with (
        pytest.raises(services.ServiceError, match=r"'rabbitmq'.*memcached, mysql.*ENVMATRIX_RABBITMQ_URL"),
        services.start(["rabbitmq"], cell="c", work_dir=tmp_path, environ={}, service_env={}, urls={}),
    ):
        pass


def test_a_missing_program_is_named_with_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "_DAEMON_FOLDERS", ())
    with (
        pytest.raises(
            services.ServiceError, match=r"no program redis-server or valkey-server.*: .*_REDIS_URL"
        ) as caught,
        services.start(
            ["redis"], cell="c", work_dir=tmp_path, environ={"PATH": str(tmp_path)}, service_env={}, urls={}
        ),
    ):
        pass
    assert caught.value.code == "program_missing"


def test_the_data_folder_is_short_enough_for_a_socket(tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    base = manager.base_folder(tmp_path, {"TMPDIR": str(deep)})
    assert base != deep
    assert len(os.fsencode(base)) + manager.LONGEST_NAME <= manager.SOCKET_LIMIT


def test_the_newest_postgresql_comes_first():
    versions = ["/usr/lib/postgresql/9.6/bin", "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/13/bin"]
    assert sorted(versions, key=servers._version_in, reverse=True)[0] == "/usr/lib/postgresql/15/bin"


def test_last_lines_leave_out_empty_ones_and_cut_long_ones():
    log = b"a\n\n  \nb" + b"x" * 400 + b"\nc\xff\n"
    assert keeper.last_lines(log, 2).splitlines() == ["b" + "x" * 299, "c\ufffd"]


def test_nested_causes_become_one_sentence():
    inner = RuntimeError("Program did not open port 1")
    nested = Exception((Exception, Exception((RuntimeError, inner, None)), None), (OSError, OSError("later"), None))
    assert keeper._sentence(nested) == "Program did not open port 1"
    assert keeper._sentence(ValueError()) == "ValueError"


def test_a_cause_is_short_where_the_log_says_the_rest():
    command = ["/venv/bin/python", "-I", "-S", "/x/as_user.py", "102", "105", "mysql_install_db", "--no-defaults"]
    assert keeper._sentence(RuntimeError(f"Error while running command: {command}")) == "mysql_install_db failed"
    assert keeper._sentence(RuntimeError("Program did not print: `x'\nOutput: b'y'")) == "Program did not print: `x'"


def test_every_server_fits_a_sockets_path():
    longest = max(len(start.socket) for start in servers.STARTS.values())
    assert longest <= len(Path("/.s.PGSQL.5432").name)


def test_a_folder_is_refused_with_what_is_wrong_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    inside = tmp_path / "closed" / "inside"
    inside.mkdir(parents=True)
    inside.parent.chmod(0o700)
    assert manager._closed_to_others(inside) in [str(folder) for folder in (tmp_path, *tmp_path.parents, inside.parent)]
    assert manager._closed_to_others(Path("/usr/bin")) == ""
    assert manager._will_not_do(tmp_path / "none") == "is no folder"
