"""`envmatrix init` in projects of many kinds: what it proposes loads and can be planned, and what exists stays."""

import tomllib

import pytest

UNITTEST = "import unittest\n\nclass Tests(unittest.TestCase):\n    def test_it(self):\n        pass\n"
PYTEST = "import pytest\n\n@pytest.mark.skipif(True, reason='{}')\ndef test_it():\n    pass\n"
REASON = 'requires /dev/kvm \\x1b[2J\\n"""\\u202e'
HOSTILE = f"import pytest\n\n@pytest.mark.skipif(True, reason='{REASON}')\ndef test_it(): pass\n"
ADDRESS = "import os\nURL = os.environ.get('{}')\n# {}\ndef test_it(): pass\n"
PROJECTS = {
    "nothing": ({}, {"tox.ini", "profiles/unit.toml"}),
    "unittest": ({"test_a.py": UNITTEST}, {"tox.ini", "profiles/unit.toml"}),
    "stestr": ({".stestr.conf": "[DEFAULT]\ntest_path=.\n"}, {"tox.ini", "profiles/unit.toml"}),
    "kvm": ({"test_a.py": PYTEST.format("requires /dev/kvm")}, {"tox.ini", "profiles/unit.toml", "profiles/kvm.toml"}),
    "hostile": ({"test_a.py": HOSTILE}, {"tox.ini", "profiles/unit.toml", "profiles/kvm.toml"}),
    "foreign": ({"test_a.py": PYTEST.format("guestfs is not installed")}, {"tox.ini", "profiles/unit.toml"}),
    "redis": (
        {"tests/test_a.py": ADDRESS.format("REDIS_URL", "")},
        {"tox.ini", "profiles/unit.toml", "profiles/redis.toml"},
    ),
    "postgresql": (
        {
            "tests/test_a.py": ADDRESS.format("TEST_DATABASE_URL", "postgresql://"),
            "tox.ini": "[testenv:a-postgresql]\n",
        },
        {"profiles/unit.toml", "profiles/postgresql.toml"},
    ),
    "compounds": (
        {
            "test_a.py": PYTEST.format("requires redis-entraid"),
            "test_b.py": "import pytest\npytest.importorskip('etcd')\ndef test_it(): pass\n",
        },
        {"tox.ini", "profiles/unit.toml"},
    ),
    "selfstarted": (
        {
            "tests/__init__.py": ADDRESS.format("TEST_URL", "redis"),
            "run-tests.sh": "exec pifpaf run $1 -- python -m unittest\n",
            "tox.ini": "[testenv]\ncommands = {toxinidir}/run-tests.sh\nset_env =\n    mysql: A=1\n    redis: A=2\n",
        },
        {"profiles/unit.toml", "profiles/services.toml"},
    ),
    "requirement": (
        {"requirements.txt": "requests\nlibvirt-python>=9  # bindings\n", "setup.py": ""},
        {"tox.ini", "profiles/unit.toml", "profiles/libvirt.toml"},
    ),
    "promised": (
        {"test_a.py": PYTEST.format("no kvm"), "profiles/own.toml": 'requires = ["kvm"]\n', "tox.ini": "[testenv]\n"},
        set(),
    ),
}


def files(project):
    return {str(path.relative_to(project)): path.read_bytes() for path in project.rglob("*.*") if path.is_file()}


@pytest.mark.parametrize("name", PROJECTS)
def test_what_is_proposed_loads_and_nothing_that_exists_changes(project, envmatrix, name):
    given, expected = PROJECTS[name]
    root = project(given)
    before = files(root)
    said = envmatrix("init", "--dry-run", cwd=root)
    assert (said.returncode, files(root)) == (0, before), said
    result = envmatrix("init", cwd=root)
    assert result.returncode == 0, result
    after = files(root)
    assert {place: after[place] for place in before} == before
    assert {place for place in after if not place.startswith(".git/")} - set(before) == expected
    for place in expected:
        assert place in result.stdout
        if place.endswith(".toml"):
            tomllib.loads(after[place].decode())
    listed = envmatrix("list", "--json", cwd=root)
    assert listed.returncode == 0, listed
    plan = envmatrix("plan", "--json", cwd=root)
    assert plan.returncode in (0, 3), plan
    assert {cell["profile"] for cell in plan.json["cells"]} >= {
        place.removeprefix("profiles/").removesuffix(".toml") for place in expected if place.startswith("profiles/")
    }
    again = envmatrix("init", cwd=root)
    assert "nothing to write" in again.stdout, again


def test_the_examples_profiles_are_found_again(example, envmatrix, git):
    for name in ("libvirt", "mysql", "unit"):
        (example / "profiles" / f"{name}.toml").unlink()
    (example / "tox.ini").unlink()
    assert envmatrix("init", cwd=example).returncode == 0
    libvirt = tomllib.loads((example / "profiles" / "libvirt.toml").read_text())
    assert libvirt["extends"] == "libvirt"
    assert libvirt["must_run"] == ["*test_libvirt_driver*", "*test_libvirt_errors*LibvirtErrorsTest*"]
    mysql = tomllib.loads((example / "profiles" / "mysql.toml").read_text())
    assert (mysql["extends"], mysql["service_env"]) == ("mysql", {"DATABASE_URL": "{mysql.url}"})


def test_services_that_the_project_starts_itself_are_an_axis_and_are_not_started_twice(project, envmatrix):
    root = project(PROJECTS["selfstarted"][0])
    assert envmatrix("init", cwd=root).returncode == 0
    written = tomllib.loads((root / "profiles" / "services.toml").read_text())
    assert written["axes"] == {"service": ["mysql", "redis"]}
    assert "services" not in written
    again = envmatrix("init", cwd=root)
    assert "nothing to write" in again.stdout, again


def test_a_written_tox_file_runs_the_tests_that_are_there(project, envmatrix):
    root = project({"test_a.py": UNITTEST})
    assert envmatrix("init", cwd=root).returncode == 0
    result = envmatrix("run", cwd=root)
    assert result.returncode == 0, result
    assert "passed: 1 of 1 cell passed" in result.stdout


def test_profiles_that_are_broken_are_said_before_anything_is_written(project, envmatrix):
    root = project({"profiles/a.toml": "extends = 3\n"})
    result = envmatrix("init", cwd=root)
    assert result.returncode == 2
    assert "profiles/a.toml:1: extends" in result.stderr
    assert not (root / "tox.ini").exists()


def test_what_cannot_be_written_is_not_called_written(project, envmatrix):
    root = project({"profiles": "no folder\n", "test_it.py": "def test(): pass\n"})
    result = envmatrix("init", cwd=root)
    assert result.returncode == 2, result
    assert "profiles is no folder; rename it" in result.stderr
    assert "wrote" not in result.stdout


def test_a_build_that_takes_the_profiles_for_a_package_is_told(project, envmatrix):
    build = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    files = {"pyproject.toml": f"{build}[project]\nname = 'thing'\nversion = '1'\n", "thing/__init__.py": ""}
    root = project({**files, "tests/test_it.py": UNITTEST, "tox.ini": "[testenv]\ncommands = python -m unittest\n"})
    assert "setuptools would take the folder profiles" in " ".join(envmatrix("init", cwd=root).stdout.split())
    found = envmatrix("run", "--json", "full", cwd=root)
    assert found.returncode == 3, found
    (reason,) = found.json["cells"][0]["reasons"]
    assert reason["code"] == "build_failed"
    assert "setuptools takes the folder profiles for a package" in reason["remedy"]
    named = '[tool.setuptools.packages.find]\ninclude = ["thing*"]\n'
    (root / "pyproject.toml").write_text(files["pyproject.toml"] + named)
    assert "setuptools" not in envmatrix("init", cwd=root).stdout
    found = envmatrix("run", "--json", "full", cwd=root)
    assert found.json["cells"][0]["reasons"][0]["code"] != "build_failed", found
