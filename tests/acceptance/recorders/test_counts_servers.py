"""oslo.db without a server, with one and with two: what is said to wait for a server does run with it."""

import pytest
from counting import compare, evidence_of

PROFILES = {
    "bare": 'extends = "restricted"\n',
    # a profile called "mysql" would switch the project's own factor of that name on, which starts another server
    "mariadb": 'extends = "mysql"\n',
    "servers": 'extends = "bare"\nservices = ["mysql", "postgresql"]\n[service_env]\nOS_TEST_DBAPI_ADMIN_CONNECTION ='
    ' "{mysql.url};postgresql+psycopg2://{postgresql.address};sqlite://"\n',
}


@pytest.fixture
def oslo_db(source, tmp_path, constraints):
    root = source("oslo.db==18.1.1", tmp_path / "src")
    (root / "profiles").mkdir()
    for name, lines in PROFILES.items():
        (root / "profiles" / f"{name}.toml").write_text(f'description = "With what this is called"\n{lines}')
    return root, {"TOX_CONSTRAINTS_FILE": constraints, "PBR_VERSION": "18.1.1"}


def waiting(tests, *capabilities):
    return {test.id for test in tests if test.skip_class == "capability" and test.capability in capabilities}


def executed(tests):
    return {test.id for test in tests if test.outcome in ("passed", "failed", "error", "xfailed", "xpassed")}


def test_what_waits_for_a_server_is_what_runs_with_it(oslo_db, envmatrix):
    root, env = oslo_db
    result = envmatrix("run", "--json", cwd=root, env=env, timeout_s=1500)
    assert result.returncode == 0, result
    verdict = {cell["name"]: cell for cell in result.json["cells"]}
    assert {name: cell["state"] for name, cell in verdict.items()} == dict.fromkeys(PROFILES, "passed")
    records = {name: evidence_of(root, cell["evidence"]) for name, cell in verdict.items()}
    for record in records.values():
        comparison = compare(root, record)
        assert (comparison.tests, comparison.differences) == (579, [])

    bare, mariadb, servers = (records[name].tests for name in PROFILES)
    assert len(waiting(bare, "mysql")) == 85
    assert waiting(bare, "mysql") == executed(mariadb) - executed(bare)
    assert len(waiting(bare, "postgresql")) == 55
    assert waiting(bare, "postgresql") == waiting(mariadb, "postgresql") == executed(servers) - executed(mariadb)

    skipped_in_all = {test.id for test in bare} - executed(bare) - executed(mariadb) - executed(servers)
    assert {entry["test"] for entry in result.json["ran_nowhere"]} == skipped_in_all
    assert len(skipped_in_all) == 4


def test_a_profile_that_promises_mysql_is_not_green_without_a_server(oslo_db, envmatrix):
    root, env = oslo_db
    nobody = {"ENVMATRIX_MYSQL_URL": "mysql+pymysql://root@127.0.0.1:1/none"}
    result = envmatrix("run", "bare", "mariadb", "--json", cwd=root, env={**env, **nobody}, timeout_s=900)
    assert result.returncode == 3, result
    assert {cell["name"]: cell["state"] for cell in result.json["cells"]} == {"bare": "passed", "mariadb": "blocked"}
    waits = [entry for entry in result.json["ran_nowhere"] if "mariadb" in entry["would_run"].split(", ")]
    assert len(waits) == 85, result
