import pytest

from envmatrix.config.project import find_project
from envmatrix.config.tox.file import factors_of, read_tox_file
from envmatrix.errors import ConfigError


def write(root, **files):
    for name, text in files.items():
        (root / name.replace("_", ".", 1)).write_text(text)
    return root


def test_the_nearest_folder_with_a_tox_file(tmp_path):
    write(tmp_path, tox_ini="[testenv]\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner).root == str(tmp_path)
    write(inner.parent, pyproject_toml="[tool.tox]\nenv_list = ['py311']\n")
    assert find_project(inner).root == str(inner.parent)


@pytest.mark.parametrize("content", ["[project]\nname = 'x'\n", "[tool.tox]\n", "[tool]\ntox = 1\n"])
def test_a_pyproject_without_tox_settings_is_no_tox_file(tmp_path, content):
    write(tmp_path, pyproject_toml=content)
    assert find_project(tmp_path).tox_file == ""


def test_the_order_is_that_of_tox(tmp_path):
    order = {
        "tox.toml": "",
        "pyproject.toml": "[tool.tox]\nrequires = []\n",
        "setup.cfg": "[tox:tox]\n",
        "tox.ini": "",
    }
    for name, content in order.items():
        (tmp_path / name).write_text(content)
        assert find_project(tmp_path).tox_file == name


def test_legacy_ini_inside_pyproject(tmp_path):
    write(tmp_path, pyproject_toml='[tool.tox]\nlegacy_tox_ini = """\n[tox]\nenvlist = py311-mysql\n"""\n')
    assert factors_of(read_tox_file(tmp_path)) == {"mysql"}


def test_profiles_and_git_mark_a_project_too(tmp_path):
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    inner = tmp_path / "inner"
    (inner / "profiles").mkdir(parents=True)
    assert find_project(inner).root == str(tmp_path)
    (inner / "profiles" / "unit.toml").write_text("")
    assert find_project(inner / "profiles").root == str(inner)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("pyproject.toml", "[project]\nrequires-python = '>=3.10'\n"),
        ("setup.cfg", "[options]\npython_requires = >=3.10\n"),
        ("setup.cfg", "[metadata]\npython_requires = >=3.10\n"),
    ],
)
def test_the_projects_own_pythons(tmp_path, file, content):
    (tmp_path / file).write_text(content)
    assert find_project(tmp_path).requires_python == ">=3.10"


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("tox.ini", "[testenv]\nbasepython = python3\n", ("python3",)),
        ("tox.ini", "[testenv]\nbase_python =\n  python3.12\n  python3.11\n", ("python3.12", "python3.11")),
        ("tox.ini", "[testenv]\nbasepython = {env:PY}\n", ()),
        ("tox.ini", "[testenv]\nbasepython =\n  pep8: python3.9\n", ()),
        ("tox.toml", "[env_run_base]\nbase_python = ['python3.12']\n", ("python3.12",)),
        ("tox.toml", "[env_run_base]\nbase_python = 'python3'\n", ("python3",)),
        ("tox.toml", "[env_run_base]\nbase_python = 3\n", ()),
    ],
)
def test_the_base_environments_python_where_it_is_plain(tmp_path, file, content, expected):
    (tmp_path / file).write_text(content)
    assert find_project(tmp_path).base_python == expected


def test_factors_of_names_conditions_and_sections(tmp_path):
    write(
        tmp_path,
        tox_ini="[tox]\nenvlist = py{311,312}-{mysql, redis-fast}, lint\n"
        "[testenv]\nsetenv =\n  !slow-etcd: A=1\n  B=https://example.org\n[testenv:db-{pg,maria}]\ncommands = x\n",
    )
    found = factors_of(read_tox_file(tmp_path))
    assert found == {"mysql", "redis", "fast", "lint", "slow", "etcd", "db", "pg", "maria"}


def test_a_start_that_is_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="is no folder"):
        find_project(tmp_path / "nowhere")


def test_a_path_that_no_document_can_hold_is_a_sentence(tmp_path):
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        find_project(folder)
