"""Words of a tox file that apply to nothing: told where they are one slip away from what there is, and only there."""

import pytest

from envmatrix.config.tox.file import read_tox_file
from envmatrix.config.tox.typos import idle, is_slip, misspelt, slips

TESTENV = "[testenv]\ncommands = pytest\n"
INI = {
    "a factor on which settings depend": (
        f"[tox]\nenv_list = py311-mysql\n{TESTENV}set_env =\n    mysq: A = 1\n",
        "py311-mysql",
        "no environment has the factor 'mysq', on which settings depend; did you mean 'mysql'?",
    ),
    "letters exchanged, negated": (
        f"[tox]\nenv_list = py311-mysql\n{TESTENV}deps =\n    !msyql: attrs\n",
        "py311-mysql",
        "no environment has the factor 'msyql', on which settings depend; did you mean 'mysql'?",
    ),
    "the base section": ("[testnv]\ncommands = pytest\n", "full", "the section [testnv]; did you mean [testenv]?"),
    "a section's beginning": (
        f"{TESTENV}[testenvs:unit]\nset_env = A=1\n",
        "unit",
        "nothing reads the section [testenvs:unit]; did you mean [testenv:unit]?",
    ),
    "a section's name": (
        f"[tox]\nenv_list = unit, lint\n{TESTENV}[testenv:unt]\nset_env = A=1\n",
        "unit",
        "[testenv:unt] is for an environment that env_list does not name; did you mean 'unit'?",
    ),
    "a key of tox's own section": (
        f"[tox]\nrequire = tox-conda\n{TESTENV}",
        "full",
        "nothing reads the key 'require' of [tox]; did you mean 'requires'?",
    ),
}
TOML = {
    "a factor": (
        'env_list = ["py-mysql"]\nenv_run_base.set_env.A = { replace = "if", condition = "factor.mysq", then = "1" }\n',
        "py-mysql",
        "the factor 'mysq'",
    ),
    "a table": ("[env_run_bse]\ncommands = []\n", "full", "the key 'env_run_bse'; did you mean 'env_run_base'?"),
    "an environment": ('env_list = ["unit"]\n[env.unti]\n', "unit", "[env.unti] is for an environment that env_list"),
    "a key": ('env_lst = ["unit"]\n', "unit", "nothing reads the key 'env_lst'; did you mean 'env_list'?"),
}
RIGHT = {
    "numbers are two on purpose": f"[tox]\nenv_list = py311-django42\n{TESTENV}deps =\n    django52: Django>=5.2\n",
    "plurals too": f"[tox]\nenv_list = py311-test\n{TESTENV}deps =\n    tests: attrs\n",
    "an environment that the list does not name": f"[tox]\nenv_list = py311-mysql\n{TESTENV}deps =\n    redis: attrs\n",
    "short words": f"[tox]\nenv_list = py311-dev\n{TESTENV}deps =\n    deb: attrs\n",
    "a section that others refer to": f"{TESTENV}deps = {{[testenv_]deps}}\n[testenv_]\ndeps = attrs\n",
    "sections of other tools": f"{TESTENV}[testing]\na = 1\n[pytest]\ntestpaths = tests\n[gh-actions]\npython = 3.11\n",
    "keys of tox 3": f"[tox]\nisolated_build = true\nskipsdist = true\ntoxworkdir = x\n{TESTENV}",
    "another environment": f"[tox]\nenv_list = unit, lint\n{TESTENV}[testenv:unit]\n[testenv:lnit]\n",
    "an axis of a profile": f"{TESTENV}deps =\n    memcache: attrs\n",
}


def found(tmp_path, name, text, env, known=()):
    (tmp_path / name).write_text(text)
    return list(misspelt(read_tox_file(tmp_path), env, known=known))


@pytest.mark.parametrize("case", INI)
def test_an_ini_file(case, tmp_path):
    text, env, sentence = INI[case]
    (told,) = found(tmp_path, "tox.ini", text, env)
    assert told.endswith(sentence)


@pytest.mark.parametrize("case", TOML)
def test_a_toml_file(case, tmp_path):
    text, env, sentence = TOML[case]
    (told,) = found(tmp_path, "tox.toml", text, env)
    assert sentence in told


@pytest.mark.parametrize("case", RIGHT)
def test_what_may_be_meant_is_not_told(case, tmp_path):
    env = RIGHT[case].partition("env_list = ")[2].partition("\n")[0].partition(",")[0] or "full-memcached"
    assert found(tmp_path, "tox.ini", RIGHT[case], env, known=["memcache"]) == []


@pytest.mark.parametrize(("key", "meant"), [("skipdist", "skipsdist"), ("envlst", "envlist")])
def test_a_key_beside_which_the_right_one_stands_is_a_note(tmp_path, key, meant):
    (tmp_path / "tox.ini").write_text(f"[tox]\nenvlist = full\nskipsdist = true\n{key} = true\n{TESTENV}")
    tox = read_tox_file(tmp_path)
    assert list(misspelt(tox, "full")) == []
    assert list(idle(tox)) == [f"nothing reads the key {key!r} of [tox]; did you mean {meant!r}?"]


def test_only_the_environment_that_misses_it_is_told(tmp_path):
    text = f"[tox]\nenv_list = py311-mysql, py311-redis\n{TESTENV}deps =\n    mysq: attrs\n"
    assert found(tmp_path, "tox.ini", text, "py311-redis") == []


@pytest.mark.parametrize(
    ("word", "other", "number"), [("", "ab", 2), ("mysq", "mysql", 1), ("msyql", "mysql", 1), ("a", "a", 0)]
)
def test_slips(word, other, number):
    assert slips(word, other) == slips(other, word) == number


def test_a_slip_is_one_letter():
    assert is_slip("memcahed", "memcached")
    assert not is_slip("postgres", "postgresql")
