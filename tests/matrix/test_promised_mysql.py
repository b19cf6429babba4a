"""In a cell that promises MySQL: the server that DATABASE_URL names is the cell's own, and probed as it is."""

from urllib.parse import parse_qs, urlsplit

import pymysql
import pytest

from envmatrix.host.model import PythonRequest
from envmatrix.host.survey import survey


@pytest.fixture
def url(caller_environ):
    return caller_environ["DATABASE_URL"]


def test_the_survey_agrees_with_the_server(url, caller_environ):
    parts = urlsplit(url)
    (socket,) = parse_qs(parts.query)["unix_socket"]
    with pymysql.connect(unix_socket=socket, user=parts.username, password=parts.password or "") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone()
    request = PythonRequest(requires=("mysql",))
    answer = survey([request], {}, environ={**caller_environ, "ENVMATRIX_MYSQL_URL": url})[request]
    (finding,) = answer.findings
    assert (finding.status, finding.where) == ("ok", socket)
    assert version.startswith(finding.version)


def test_the_server_is_empty(url):
    parts = urlsplit(url)
    (socket,) = parse_qs(parts.query)["unix_socket"]
    with pymysql.connect(unix_socket=socket, user=parts.username, password=parts.password or "") as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s", (parts.path[1:],))
        assert cursor.fetchone() == (0,)
