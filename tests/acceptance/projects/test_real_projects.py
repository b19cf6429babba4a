"""Real projects from their source archives, with no configuration of envmatrix's in them."""

import sys

import pytest

DRIVERS = 'extends = "restricted"\n[axes]\nbackend = ["mysql", "redis", "memcached"]\n'


@pytest.fixture
def virtualbmc(source, tmp_path, constraints, other_python, path_first):
    root = source("virtualbmc==3.3.0", tmp_path / "src")
    return root, {"TOX_CONSTRAINTS_FILE": constraints, "PBR_VERSION": "3.3.0", "PATH": path_first(other_python)}


def test_virtualbmc_runs_whole_on_the_interpreter_that_has_the_bindings(virtualbmc, envmatrix, system_python):
    root, env = virtualbmc
    plan = envmatrix("plan", "full", "--json", cwd=root, env=env)
    assert plan.json["cells"][0]["interpreter"]["path"] == str(system_python)
    result = envmatrix("run", "full", "--json", cwd=root, env=env, timeout_s=600)
    assert result.returncode == 0, result
    assert result.json["verdict"] == "passed"
    assert result.json["cells"][0]["tests"] == {
        "passed": 66, "failed": 0, "error": 0, "skipped": 0, "xfailed": 0, "xpassed": 0, "deselected": 0,
    }  # fmt: skip


def test_virtualbmc_restricted_says_what_cannot_be_built_and_what_to_do(virtualbmc, envmatrix):
    root, env = virtualbmc
    result = envmatrix("run", "restricted", "--json", cwd=root, env=env, timeout_s=600)
    assert result.returncode == 3, result
    (cell,) = result.json["cells"]
    assert cell["state"] == "inconclusive"
    (reason,) = cell["reasons"]
    assert reason["message"].startswith("libvirt-python has no wheel for this Python and cannot be built here")
    assert "libvirt-dev and pkg-config" in reason["remedy"]
    assert "`full`" in reason["remedy"]


def test_virtualbmc_on_a_host_without_the_package_is_not_green(virtualbmc, execute, tmp_path):
    root, env = virtualbmc
    empty = tmp_path / "empty"
    empty.mkdir()
    # a mount namespace in which nothing of the distribution's Python packages is there
    hidden = f"mount --bind {empty} /usr/lib/python3/dist-packages && exec {sys.executable} -m envmatrix run --json"
    result = execute("unshare", "-m", "sh", "-c", f"{hidden} full libvirt", cwd=root, env=env, timeout_s=600)
    assert result.returncode == 3, result
    cells = {cell["name"]: cell for cell in result.json["cells"]}
    assert cells["full"]["state"] == "inconclusive"
    assert cells["libvirt"]["state"] == "blocked"
    assert all("python3-libvirt" in cell["reasons"][0]["remedy"] for cell in cells.values()), result


def test_tooz_is_listed_planned_and_explained_and_a_short_profile_reaches_its_factors(
    source, envmatrix, tmp_path, constraints
):
    root = source("tooz==9.1.0", tmp_path / "src")
    env = {"TOX_CONSTRAINTS_FILE": constraints, "PBR_VERSION": "9.1.0"}
    listed = envmatrix("list", "--tox", "--json", cwd=root, env=env)
    assert {"tox:py311-mysql", "tox:py311-redis", "tox:pep8"} <= set(listed.json["tox_environments"])
    assert envmatrix("plan", "tox:py311-mysql", cwd=root, env=env).returncode == 0
    (root / "profiles").mkdir()
    (root / "profiles" / "drivers.toml").write_text(DRIVERS)
    plan = envmatrix("plan", "--json", cwd=root, env=env)
    assert [cell["name"] for cell in plan.json["cells"]] == ["drivers-memcached", "drivers-mysql", "drivers-redis"]
    for name in ("mysql", "redis", "memcached"):
        explained = envmatrix("explain", f"drivers-{name}", "--json", cwd=root, env=env)
        settings = {one["key"]: one for one in explained.json["settings"]}
        assert settings["set_env"]["value"]["TOOZ_TEST_DRIVERS"] == name
        assert settings["set_env"]["source"] == "tox.ini [testenv] setenv"
        assert settings["system_site_packages"]["source"].startswith("built-in profiles/restricted.toml")
