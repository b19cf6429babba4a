import pytest

from envmatrix.config.load import load
from envmatrix.config.matrix import load_matrix
from envmatrix.config.project import find_project
from envmatrix.config.select import UnknownNameError, select
from envmatrix.errors import ConfigError

UNIT = '[axes]\npython = ["3.11", "3.12"]\n'


@pytest.fixture
def project(tmp_path):
    (tmp_path / "tox.ini").write_text("[tox]\nenvlist = py311-{mysql,redis}\n[testenv]\nbasepython = python3\n")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "unit.toml").write_text(UNIT)
    return tmp_path


def names(root, *asked):
    return [cell.name for cell in select(load(find_project(root)), asked).cells]


def test_without_names_the_projects_own_profiles(project):
    assert names(project) == ["unit-py311", "unit-py312"]


def test_profiles_cells_pins_and_tox_environments_each_once(project):
    asked = ["unit-py312", "unit", "full-py39", "full", "tox:py311-mysql", "unit-py312"]
    assert names(project, *asked) == ["unit-py312", "unit-py311", "full-py39", "full", "py311-mysql"]


def test_the_cell_of_a_tox_environment_is_found_by_its_name_in_documents(project):
    selection = select(load(find_project(project)), ["py311-mysql", "tox:py311-mysql", "py"])
    assert [(cell.name, cell.profile) for cell in selection.cells] == [
        ("py311-mysql", "tox:py311-mysql"),
        ("py", "tox:py"),
    ]


@pytest.mark.parametrize("name", ["py311-mysq", "unit-mysql", "full-redis", "mysql-other"])
def test_what_is_only_nearly_a_tox_environment_is_none(project, name):
    with pytest.raises(UnknownNameError, match=name):
        names(project, name)


def test_a_tox_environment_stands_for_itself_and_needs_no_test(project):
    selection = select(load(find_project(project)), ["tox:py311-mysql"])
    (cell,) = selection.cells
    assert (cell.profile, cell.tox_env, cell.python) == ("tox:py311-mysql", "py311-mysql", "3.11")
    assert cell.system_site_packages is None
    assert selection.profiles["tox:py311-mysql"].gate.min_tests == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ful", "ful: no profile and no cell has this name; did you mean 'full'?"),
        ("unit-py313", "unit-py313: no profile and no cell has this name; did you mean 'unit-py312'?"),
        ("fulll-py39", "fulll-py39: no profile and no cell has this name; did you mean 'full-py39'?"),
        ("qqqq", "qqqq: no profile and no cell has this name; `envmatrix list` shows them all"),
        ("tox:py311-mysq", "tox:py311-mysq: no tox environment uses the factor 'mysq'; did you mean 'mysql'?"),
        ("tox:", "tox:: names no tox environment; write it like tox:py311-mysql"),
    ],
)
def test_a_name_that_means_nothing(project, name, message):
    with pytest.raises(UnknownNameError) as caught:
        names(project, name)
    assert str(caught.value) == message


def test_all_names_that_mean_nothing_are_told_at_once(project):
    with pytest.raises(UnknownNameError) as caught:
        names(project, "ful", "unit", "qqqq")
    assert len(str(caught.value).splitlines()) == 2


TOX_FILES = {
    "tox.ini": "[testenv]\ncommands = pytest\n",
    "tox.toml": '[env_run_base]\ncommands = [["pytest"]]\n',
    "pyproject.toml": '[tool.tox.env_run_base]\ncommands = [["pytest"]]\n',
    "setup.cfg": "[tox:tox]\n[testenv]\ncommands = pytest\n",
    "": "",
}


@pytest.mark.parametrize("file", TOX_FILES)
def test_the_same_profiles_give_the_same_cells_whatever_the_tox_file(tmp_path, file):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "unit.toml").write_text(UNIT + '[env]\ncommands = [["pytest"]]\n')
    if file:
        (tmp_path / file).write_text(TOX_FILES[file])
    matrix = load_matrix(tmp_path)
    assert matrix.project.tox_file == file
    assert [cell.name for cell in matrix.cells] == ["unit-py311", "unit-py312"]


def test_a_projects_profile_replaces_a_built_in_one_and_stands_on_it(project):
    (project / "profiles" / "full.toml").write_text('extends = "full"\nrequires = ["git"]\n')
    (project / "profiles" / "capabilities.toml").write_text('[git]\nprogram = "git"\n')
    (cell,) = select(load(find_project(project)), ["full"]).cells
    assert (cell.requires, cell.system_site_packages) == (("git",), True)
    (cell,) = select(load(find_project(project)), ["libvirt"]).cells
    assert cell.requires == ("git", "libvirt")


def test_problems_of_all_files_come_together(project):
    (project / "profiles" / "a.toml").write_text("x = 1\n")
    (project / "profiles" / "b.toml").write_text("y = 1\n")
    with pytest.raises(ConfigError) as caught:
        load(find_project(project))
    assert [problem.file for problem in caught.value.problems] == ["profiles/a.toml", "profiles/b.toml"]


def test_a_built_in_capability_can_be_changed_in_part_or_probed_otherwise(project):
    (project / "profiles" / "capabilities.toml").write_text(
        '[libvirt]\nurl = "qemu:///system"\n[git]\nprogram = "git-lfs"\nversion = "--version"\n'
    )
    found = load(find_project(project)).capabilities
    assert (found["libvirt"].url, found["libvirt"].module) == ("qemu:///system", "libvirt")
    assert (found["git"].program, found["git"].version) == ("git-lfs", "--version")
    assert found["git"].origin == "profiles/capabilities.toml:3"
