import pytest

from envmatrix.engine.job.environ import make_tox_environ


@pytest.mark.parametrize(
    "name",
    [
        "TOX_SKIP_ENV",
        "TOXENV",
        "TOX_CONFIG_FILE",
        "TOX_NO_TEST",
        "TOX_LABELS",
        "TOX_SKIP_PKG_INSTALL",
        "TOX_INSTALL_PKG",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_WORK_TREE",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_OBJECT_DIRECTORY",
        "GIT_CONFIG_PARAMETERS",
    ],
)
def test_what_a_caller_set_for_his_own_sessions_does_not_reach_a_cell(name):
    assert make_tox_environ({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_what_says_how_and_where_stays():
    kept = {"TOX_OVERRIDE": "testenv.x=1", "TOX_WORK_DIR": "/w", "TOX_DISCOVER": "/p", "TOX_CONSTRAINTS_FILE": "/c"}
    assert make_tox_environ(kept) == kept


def test_this_plugin_cannot_be_turned_off():
    environ = make_tox_environ({"TOX_DISABLED_EXTERNAL_PLUGINS": "envmatrix, tox-uv"})
    assert environ == {"TOX_DISABLED_EXTERNAL_PLUGINS": "tox-uv"}
