import pytest

from envmatrix.engine.services import ServiceError, ServiceInfo, unknown_fields
from envmatrix.engine.services.model import environment

MYSQL = ServiceInfo(
    name="mysql", url="mysql+pymysql://root@localhost/pifpaf?unix_socket=/s", host="localhost", socket="/s"
)
REDIS = ServiceInfo(name="redis", url="redis://127.0.0.1:7001", host="127.0.0.1", port=7001, version="7.0")


def test_defaults_name_the_service_and_leave_out_what_it_has_not():
    assert environment({}, [MYSQL]) == {
        "ENVMATRIX_MYSQL_URL": MYSQL.url,
        "ENVMATRIX_MYSQL_HOST": "localhost",
        "ENVMATRIX_MYSQL_SOCKET": "/s",
    }


def test_several_services_fill_one_variable():
    env = environment({"OS_TEST_DBAPI_ADMIN_CONNECTION": "{mysql.url};{redis.url}"}, [MYSQL, REDIS])
    assert env["OS_TEST_DBAPI_ADMIN_CONNECTION"] == f"{MYSQL.url};redis://127.0.0.1:7001"


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{redis.host}:{redis.port}", "127.0.0.1:7001"),
        ("mysql+mysqldb://{mysql.address}", "mysql+mysqldb://root@localhost/pifpaf?unix_socket=/s"),
        ("port={mysql.port}", "port="),
        ("{redis.version}", "7.0"),
        ('{"json": "{redis.port}"}', '{"json": "7001"}'),
        ("{} {{x}} ${HOME}", "{} {{x}} ${HOME}"),
    ],
)
def test_a_template_leaves_other_braces_alone(template, value):
    assert environment({"X": template}, [MYSQL, REDIS])["X"] == value


def test_an_unknown_field_is_named_with_what_there_is():
    with pytest.raises(ServiceError, match=r"service_env\.X: \{redis\.uri\} cannot be filled.*redis.*url"):
        environment({"X": "{redis.uri}"}, [REDIS])


def test_unknown_fields_of_a_template():
    assert unknown_fields("{redis.url} {mysql.url} {redis.x}", ["redis"]) == ("{mysql.url}", "{redis.x}")
