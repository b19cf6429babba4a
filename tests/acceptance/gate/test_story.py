"""The story that the tool exists for, told by the example with real tox and real libvirt, in every kind of host."""

import pytest

SWITCH = "import os\n\nimport pytest\n\nif not os.environ.get('HYPERVISOR_TEST_URL'):\n"
SWITCH += "    pytest.skip('no hypervisor was named', allow_module_level=True)\n"
LIBVIRT = {"tests/test_libvirt_driver.py", "tests/test_libvirt_errors.py"}


@pytest.fixture
def green_in_tox(stock_tox):
    """``green_in_tox(project, python)``: stock tox ends green with that interpreter and the system's packages."""

    def check(project, python, **more):
        settings = ("testenv.system_site_packages=true", f"testenv.base_python={python}")
        result = stock_tox("-e", "py", *(part for item in settings for part in ("-x", item)), cwd=project, **more)
        assert result.returncode == 0, result

    return check


def files(tests):
    return {test.partition("::")[0] for test in tests}


def cells(result):
    return {cell["name"]: cell for cell in result.json["cells"]}


def test_a_host_without_the_bindings(example, green_in_tox, envmatrix, without_libvirt, system_python):
    green_in_tox(example, system_python, within=without_libvirt)
    result = envmatrix("run", "--json", cwd=example, within=without_libvirt)
    assert result.returncode == 3, result
    assert {name: cell["state"] for name, cell in cells(result).items()} == {
        "libvirt": "blocked", "mysql": "passed", "unit": "passed",
    }  # fmt: skip
    assert "python3-libvirt" in cells(result)["libvirt"]["reasons"][0]["remedy"]
    nowhere = result.json["ran_nowhere"]
    assert files(entry["test"] for entry in nowhere if not entry["test"].startswith("tests.")) <= LIBVIRT
    assert {entry["would_run"] for entry in nowhere} == {"libvirt"}
    assert {seen["class"] for entry in nowhere for seen in entry["seen_in"]} == {"capability"}
    assert len(nowhere) == 3, result  # a module that skips itself stands for its three tests


def test_bindings_that_are_there_and_tests_that_skip_all_the_same(example, git, green_in_tox, envmatrix, system_python):
    for name in LIBVIRT:
        path = example / name
        path.write_text(SWITCH + path.read_text())
    git("commit", "-qam", "Tests that want to be told where the hypervisor is", cwd=example)
    env = {"HYPERVISOR_TEST_URL": "test:///default"}
    green_in_tox(example, system_python, env=env)  # tox does not pass the variable on

    result = envmatrix("run", "libvirt", "--json", cwd=example, env=env)
    assert result.returncode == 3, result
    breaches = {breach["code"]: breach for breach in result.json["breaches"]}
    assert breaches.keys() == {"must_run", "capability_unused"}
    assert "no hypervisor was named" in breaches["must_run"]["message"]
    assert files(entry["test"] for entry in result.json["ran_nowhere"] if not entry["would_run"]) == LIBVIRT

    profile = example / "profiles" / "libvirt.toml"
    profile.write_text(profile.read_text() + '\n[env]\npass_env = { append = ["HYPERVISOR_TEST_URL"] }\n')
    mended = envmatrix("run", "libvirt", "--json", cwd=example, env=env)
    assert mended.returncode == 0, mended
    assert cells(mended)["libvirt"]["tests"]["passed"] == 12
