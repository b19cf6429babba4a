"""No secret of an address is left, however it is written."""

from __future__ import annotations

import pytest

from envmatrix.util.redaction import redact_url, redact_urls


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sftp://host/evidence", "sftp://host/evidence"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("s3://key:secret@bucket/a", "s3://bucket/a"),
        ("sftp://user:p@ss@host/x", "sftp://host/x"),
        ("sftp://user:p/ss@host/x", "sftp://host/x"),
        ("sftp://user:/p@s/s@host:22/x", "sftp://host:22/x"),
        ("sftp://to@ken@host/x", "sftp://host/x"),
        ("https://host/x?token=secret", "https://host/x"),
        ("simplecache::s3://k:s@bucket/x", "simplecache::s3://bucket/x"),
    ],
)
def test_what_is_shown_of_an_address(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_addresses_within_a_text() -> None:
    text = "cannot reach sftp://u:p@a/b@host/x, nor 'https://h/x?sig=s3cret': see https://example.org/a"
    shown = redact_urls(text)
    assert not any(secret in shown for secret in ("p@a", "u:", "s3cret"))
    assert shown.endswith("see https://example.org/a")
