"""Projects on which stock tox ends green and envmatrix does not: each is reported for what it is."""

import pytest

PASSING = "import unittest\n\n\nclass Case(unittest.TestCase):\n    def test_one(self):\n        pass\n"
FAILING = PASSING.replace("pass\n", "self.fail('wrong')\n")
BASE = "[tox]\nskipsdist = true\n[testenv]\n"
UNITTEST = "python -m unittest -v test_it"


def codes(result):
    return {breach["code"] for breach in result.json["breaches"]}


def states(result):
    return {cell["name"]: cell["state"] for cell in result.json["cells"]}


def reasons(result, cell):
    (found,) = [one for one in result.json["cells"] if one["name"] == cell]
    return {reason["code"] for reason in found["reasons"]}


@pytest.fixture
def both(project, envmatrix, stock_tox):
    """Run a tox.ini with stock tox and with envmatrix; stock tox has to be green, or the case proves nothing."""

    def run(tox_ini, tox_env, *names, tests=PASSING, **files):
        root = project({"tox.ini": tox_ini, "test_it.py": tests, **files})
        stock = stock_tox("-e", tox_env, cwd=root)
        assert stock.returncode == 0, stock
        return envmatrix("run", "--json", *names, cwd=root)

    return run


def test_a_misspelt_commands_key_runs_nothing(both):
    result = both(f"{BASE}comands = {UNITTEST}\n", "py", "restricted")
    assert result.returncode == 3, result
    assert codes(result) >= {"no_commands", "unused_setting"}
    (unused,) = [breach for breach in result.json["breaches"] if breach["code"] == "unused_setting"]
    assert "tox.ini: nothing reads the key 'comands'; did you mean 'commands'?" in unused["message"]


def test_a_misspelt_key_beside_working_commands_is_told_too(both):
    result = both(f"{BASE}dep = pytest\ncommands = {UNITTEST}\n", "py", "restricted")
    assert result.returncode == 3, result
    assert codes(result) == {"unused_setting"}


def test_no_commands_at_all(both):
    result = both(BASE, "py", "restricted")
    assert result.returncode == 3, result
    assert "no_commands" in codes(result)


def test_a_missing_interpreter_is_blocked_although_tox_may_skip_it(both):
    ini = f"[tox]\nskipsdist = true\nskip_missing_interpreters = true\n[testenv]\ncommands = {UNITTEST}\n"
    result = both(ini, "py311,py27", "tox:py311", "tox:py27")
    assert result.returncode == 3, result
    assert states(result) == {"py311": "passed", "py27": "blocked"}
    assert reasons(result, "py27") == {"no_interpreter"}


def test_a_platform_that_does_not_match_is_blocked(both):
    ini = f"{BASE}commands = {UNITTEST}\n[testenv:win]\nplatform = win32\n"
    result = both(ini, "py,win", "tox:py", "tox:win")
    assert result.returncode == 3, result
    assert states(result) == {"py": "passed", "win": "blocked"}
    assert reasons(result, "win") == {"platform"}


@pytest.mark.parametrize(
    ("settings", "ignored"),
    [(f"commands = - {UNITTEST}\n", "- "), (f"ignore_outcome = true\ncommands = {UNITTEST}\n", "ignore_outcome")],
)
def test_a_failure_that_tox_ignores_is_a_failure(both, settings, ignored):
    result = both(BASE + settings, "py", "restricted", tests=FAILING)
    assert result.returncode == 1, result
    (cell,) = result.json["cells"]
    assert cell["state"] == "failed"
    assert cell["tests"]["failed"] == 1
    assert any(ignored.strip() in note for note in cell["notes"]), cell


@pytest.mark.parametrize("settings", [f"commands = - {UNITTEST}\n", f"ignore_outcome = true\ncommands = {UNITTEST}\n"])
def test_a_required_profile_refuses_what_tox_would_ignore(both, settings):
    files = {"profiles/gate.toml": 'description = "x"\nextends = "restricted"\n[gate]\nrequired = true\n'}
    result = both(BASE + settings, "py", "gate", **files)
    assert result.returncode == 3, result
    assert codes(result) == {"ignored_outcome"}


MISSPELT = {
    "factor of a setting": (
        f"env_list = py311-mysql\n[testenv]\ncommands = {UNITTEST}\nset_env =\n    mysq: A = 1\n",
        "mysql",
    ),
    "factor of a command": (
        f"env_list = py311-mysql\n[testenv]\ncommands =\n    python -c pass\n    msyql: {UNITTEST}\n",
        "mysql",
    ),
    "section": (
        f"env_list = py311-mysql\n[testenv]\ncommands = {UNITTEST}\n[testenvs:py311-mysql]\ndeps = a\n",
        "testenv:",
    ),
    "environment": (
        f"env_list = py311-mysql\n[testenv]\ncommands = {UNITTEST}\n[testenv:py311-mysq]\ndeps = a\n",
        "mysql",
    ),
    "key of tox's own": (
        f"env_list = py311-mysql\nskip_missing_interpreter = true\n[testenv]\ncommands = {UNITTEST}\n",
        "skip_missing_interpreters",
    ),
}


@pytest.mark.parametrize("case", MISSPELT)
def test_what_applies_to_nothing_because_a_word_is_misspelt(case, both):
    settings, meant = MISSPELT[case]
    result = both(f"[tox]\nskipsdist = true\n{settings}", "py311-mysql", "tox:py311-mysql")
    assert result.returncode == 3, result
    (breach,) = result.json["breaches"]
    assert breach["code"] == "unused_setting"
    assert breach["message"].startswith("tox.ini: ")
    assert "did you mean " in breach["message"]
    assert meant in breach["message"]


def test_an_environment_all_of_whose_failures_are_ignored(both):
    lint = f"{BASE}[testenv:lint]\ncommands = - python -c 'raise SystemExit(1)'\n"
    result = both(lint, "lint", "tox:lint")
    assert result.returncode == 3, result
    assert codes(result) == {"ignored_outcome"}


def test_commands_before_the_commands_are_none(both):
    result = both(f"{BASE}[testenv:x]\ncommands_pre = python -c pass\n", "x", "tox:x")
    assert result.returncode == 3, result
    assert codes(result) == {"no_commands"}


RED = {
    "refused after the tests": (f"{UNITTEST}\n    ls", 3, "command_missing", "tox did not run `ls`"),
    "refused before the tests": (f"ls\n    {UNITTEST}", 3, "command_missing", "tox did not run `ls`"),
    "refused though ignored": (f"{UNITTEST}\n    - ls", 3, "command_missing", "tox did not run `ls`"),
    "misspelt": ("pytset", 3, "command_missing", "`pytset` could not be started: No such file or directory"),
    "a reference to nothing": ("{[bse]commands}", 3, "command_missing", "`{[bse]commands}` could not be started"),
    "it was to fail": (
        f"{UNITTEST}\n    ! python -c pass",
        1,
        "command_failed",
        "python -c pass ended with exit code 0",
    ),
}


@pytest.mark.parametrize("case", RED)
def test_what_tox_calls_failed_is_never_green(case, project, envmatrix, stock_tox):
    commands, code, reason, message = RED[case]
    root = project({"tox.ini": f"{BASE}commands =\n    {commands}\n", "test_it.py": PASSING})
    assert stock_tox("-e", "py", cwd=root).returncode != 0
    result = envmatrix("run", "--json", "restricted", cwd=root)
    assert result.returncode == code, result
    (found,) = [one for one in result.json["cells"][0]["reasons"] if one["code"] == reason]
    assert found["message"].startswith(message)
    assert not result.json["breaches"]


def test_a_command_that_is_to_fail_and_does(both):
    result = both(f"{BASE}commands =\n    {UNITTEST}\n    ! python -c 'raise SystemExit(3)'\n", "py", "restricted")
    assert result.returncode == 0, result


def test_a_misspelt_factor_and_a_misspelt_profile_are_usage_errors(project, envmatrix):
    ini = f"{BASE}commands = {UNITTEST}\nset_env =\n    mysql: BACKEND = mysql\n"
    profile = 'description = "x"\nextends = "restricted"\n[axes]\nbackend = ["mysqll"]\n'
    root = project({"tox.ini": ini, "test_it.py": PASSING, "profiles/db.toml": profile})
    factor = envmatrix("run", cwd=root)
    assert factor.returncode == 2
    assert "profiles/db.toml:4: axes.backend[0]" in factor.stderr
    assert "mysql'?" in factor.stderr
    (root / "profiles" / "db.toml").unlink()
    name = envmatrix("run", "restrictd", cwd=root)
    assert name.returncode == 2
    assert "did you mean 'restricted'?" in name.stderr


def test_an_installer_that_is_not_there_is_named(project, envmatrix):
    ini = f"{BASE}deps = pytest\ninstall_command = no-such-installer {{packages}}\ncommands = {UNITTEST}\n"
    root = project({"tox.ini": ini, "test_it.py": PASSING})
    result = envmatrix("run", "--json", "restricted", cwd=root)
    assert result.returncode == 3, result
    (reason,) = result.json["cells"][0]["reasons"]
    assert reason["code"] == "command_missing"
    assert reason["message"] == "`no-such-installer` could not be started: No such file or directory"
    assert reason["remedy"] == "install no-such-installer, or correct install_command in tox.ini"


def test_another_python_that_runs_the_tests_is_no_proof(both):
    ini = (
        f"{BASE}[testenv:x]\nallowlist_externals = /usr/bin/python3\ncommands = /usr/bin/python3 -m unittest test_it\n"
    )
    result = both(ini, "x", "tox:x")
    assert result.returncode == 3, result
    assert codes(result) == {"no_tests"}
