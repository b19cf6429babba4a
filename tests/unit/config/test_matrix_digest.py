from envmatrix.config.matrix import load_matrix

PROFILE = "[axes]\npython = ['3.11', '3.12']\n[env]\nset_env = { A = '1', B = '2' }\n"


def digest(root, tox="[testenv]\ncommands = pytest\n", profile=PROFILE, names=()):
    root.mkdir(exist_ok=True)
    (root / "profiles").mkdir(exist_ok=True)
    (root / "tox.ini").write_text(tox)
    (root / "profiles" / "unit.toml").write_text(profile)
    return load_matrix(root, names).digest


def test_the_digest_is_about_content_and_not_about_places_or_prose(tmp_path):
    first = digest(tmp_path / "a")
    assert first.startswith("sha256:")
    assert first == digest(tmp_path / "b")
    assert first == digest(tmp_path / "a", tox="# comment\r\n\r\n[testenv]\r\ncommands=pytest\r\n")
    assert first == digest(tmp_path / "a", profile=f"# comment\ndescription = 'prose'\n{PROFILE}")
    reordered = "[env]\nset_env = { B = '2', A = '1' }\n[axes]\npython = ['3.11', '3.12']\n"
    assert first == digest(tmp_path / "a", profile=reordered)
    assert first == digest(tmp_path / "a", names=["unit-py312", "unit-py311"])


def test_whatever_changes_an_environment_changes_the_digest(tmp_path):
    digests = [
        digest(tmp_path),
        digest(tmp_path, tox="[testenv]\ncommands = pytest -x\n"),
        digest(tmp_path, profile=PROFILE.replace("'1'", "'3'")),
        digest(tmp_path, profile=PROFILE.replace("'3.12'", "'3.13'")),
        digest(tmp_path, profile=f"timeout_s = 5\n{PROFILE}"),
    ]
    assert len(set(digests)) == len(digests)


def test_what_is_asked_for_does_not_change_the_digest(tmp_path):
    whole = digest(tmp_path)
    assert digest(tmp_path, names=["unit-py311"]) == digest(tmp_path, names=["full", "tox:py311"]) == whole
