from envmatrix.config.tox.keys import is_referred_to

INI = "[testenv]\nbase_commands = pytest\ndepz = pytest\n[testenv:a]\ncommands = {[testenv]base_commands:x}\n"
TOML = '[env_run_base]\nown = ["pytest"]\ndeps = { replace = "ref", of = ["env_run_base", "own"] }\n'


def test_a_key_that_others_refer_to_is_read_through_them(tmp_path):
    (tmp_path / "tox.ini").write_text(INI)
    (tmp_path / "tox.toml").write_text(TOML)
    assert is_referred_to(tmp_path / "tox.ini", "base_commands")
    assert is_referred_to(tmp_path / "tox.toml", "own")


def test_a_key_that_nobody_refers_to(tmp_path):
    (tmp_path / "tox.ini").write_text(INI)
    assert not is_referred_to(tmp_path / "tox.ini", "depz")
    assert not is_referred_to(tmp_path / "tox.ini", "commands")
    assert not is_referred_to(tmp_path / "missing.ini", "depz")
