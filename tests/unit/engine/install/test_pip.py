import pytest

from envmatrix.engine.install.pip import MOST, capture_pip_log, disable_compiling, is_install_command


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/env/bin/python -I -m pip install six", True),
        ("pip3.11 install -r requirements.txt", True),
        ("/usr/bin/uv --quiet pip install six", True),
        ("uv sync --locked", True),
        ("sh -c cd x && pip install .", True),
        ("python -m pytest tests/install", False),
        ("pip list", False),
        ("python -m pipeline install", False),
    ],
)
def test_commands_that_get_packages(command, expected):
    assert is_install_command(command.split()) is expected


def test_the_log_is_read_and_removed(tmp_path):
    variables, log = {"A": "1"}, tmp_path / "pip.log"
    with capture_pip_log(variables, log) as unfetched:
        assert variables["PIP_LOG"] == str(log)
        assert unfetched() is None
        lines = [
            f"2026-01-01T00:00:00,000 Could not fetch URL http://i/{n}/: connection error: x - skipping"
            for n in range(9)
        ]
        lines += [
            "2026 Could not fetch URL http://i/a/: 404 Client Error: Not Found for url: http://i/a/ - skipping"
        ] * 2
        log.write_text("\n".join([*lines, "Looking in indexes: http://i"]))
        found = unfetched()
    assert found[0] == "http://i/0/: connection error: x"
    assert found[MOST:] == ["http://i/a/: 404 Client Error: Not Found for url: http://i/a/"]
    assert (variables, log.exists()) == ({"A": "1"}, False)


def test_a_log_of_the_users_own_is_read_from_where_it_ended(tmp_path):
    log = tmp_path / "own.log"
    log.write_text("Could not fetch URL http://old/: connection error - skipping\n")
    variables = {"PIP_LOG": str(log)}
    with capture_pip_log(variables, tmp_path / "pip.log") as unfetched:
        assert unfetched() is None
        with log.open("a") as file:
            file.write("Looking in indexes\n")
        assert unfetched() == []
    assert variables == {"PIP_LOG": str(log)}
    assert log.exists()


def test_pip_compiles_nothing_unless_somebody_has_said_how_he_wants_it(tmp_path):
    variables = {"HOME": str(tmp_path)}
    with disable_compiling(variables):
        assert variables == {"HOME": str(tmp_path), "PIP_COMPILE": "0"}
    assert variables == {"HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("place", "variable"),
    [
        (".config/pip/pip.conf", ""),
        (".pip/pip.conf", ""),
        ("a/pip/pip.conf", "XDG_CONFIG_HOME"),
        ("a/pip/pip.conf", "XDG_CONFIG_DIRS"),
        ("a", "PIP_CONFIG_FILE"),
    ],
)
def test_so_does_one_in_a_configuration_of_pip(tmp_path, place, variable):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[install]\nno-compile = false\n")
    variables = {"HOME": str(tmp_path)} | ({variable: str(tmp_path / "a")} if variable else {})
    with disable_compiling(variables):
        assert "PIP_COMPILE" not in variables
    path.write_text("[install]\nuser = false\n# compile = 1\n")
    with disable_compiling(variables):
        assert variables["PIP_COMPILE"] == "0"


@pytest.mark.parametrize("said", ["PIP_COMPILE", "PIP_NO_COMPILE", "PYTHONDONTWRITEBYTECODE"])
def test_a_word_of_the_users_own_about_bytecode_stands(tmp_path, said):
    variables = {"HOME": str(tmp_path), said: "1"}
    with disable_compiling(variables):
        assert variables == {"HOME": str(tmp_path), said: "1"}
    assert variables == {"HOME": str(tmp_path), said: "1"}
