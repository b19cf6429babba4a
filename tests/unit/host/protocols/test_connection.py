import pytest

from envmatrix.host.protocols.connection import hide_password, parse_url


@pytest.mark.parametrize(
    ("url", "shown", "user", "password"),
    [
        ("mysql://u:p%40@db.example.org:3307/x", "db.example.org:3307", "u", "p@"),
        ("mysql+pymysql://root@localhost/pifpaf?unix_socket=/run/a/mysql.socket", "/run/a/mysql.socket", "root", ""),
        ("postgresql://postgres@/postgres?host=/run/pg&port=5433", "/run/pg/.s.PGSQL.5433", "postgres", ""),
        ("unix:///run/redis.sock", "/run/redis.sock", "", ""),
        ("//localhost", "localhost:99", "", ""),
        ("redis://[::1]:6380", "::1:6380", "", ""),
    ],
)
def test_urls_name_servers_in_every_usual_way(url: str, shown: str, user: str, password: str) -> None:
    address = parse_url(url, 99)
    assert (address.shown, address.user, address.password) == (shown, user, password)


@pytest.mark.parametrize(
    "url",
    ["redis://localhost:port", "redis://localhost:99999", "http://[::1", "", "localhost", "localhost:3306", "mysql:db"],
)
def test_what_is_no_url_raises(url: str) -> None:
    with pytest.raises(ValueError):
        parse_url(url, 99)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://u:secret@db/x", "mysql://u:***@db/x"),
        ("redis://:secret@db", "redis://:***@db"),
        ("mysql://u@db/x", "mysql://u@db/x"),
        ("redis://db", "redis://db"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert hide_password(url) == shown
