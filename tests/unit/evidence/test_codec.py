"""Evidence is encoded so that it can be read back, and invalid records are refused."""

from __future__ import annotations

import json

import pytest
from store_values import record

from envmatrix.evidence.codec import RejectedError, decode_evidence, encode_evidence, make_evidence_schema
from envmatrix.evidence.model import TestResult as Result


def test_a_record_survives_encoding() -> None:
    evidence = record(tests=(Result(id="t::ä", outcome="failed", reason="x\ny"),))
    assert decode_evidence(encode_evidence(evidence)) == evidence


def test_lone_surrogates_are_escaped() -> None:
    evidence = record(tests=(Result(id="t::\udcff", outcome="passed"),))
    assert decode_evidence(encode_evidence(evidence)).tests[0].id == "t::\\udcff"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("tree", "main", "neither a git tree id nor"),
        ("cell", "", "its cell is empty"),
        ("started", "2026-01-01T00:00:00+02:00", "its started is not a UTC time"),
        ("duration_s", -1.0, "negative or infinite"),
        ("attempt", 0, "less than 1"),
    ],
)
def test_a_record_with_an_impossible_value_is_not_encoded(field: str, value: object, problem: str) -> None:
    with pytest.raises(RejectedError, match=problem):
        encode_evidence(record(**{field: value}))  # type: ignore[arg-type]


def test_a_document_without_a_required_key_is_refused() -> None:
    document = json.loads(encode_evidence(record()))
    del document["tests"]
    with pytest.raises(RejectedError, match="its keys are missing: tests"):
        decode_evidence(json.dumps(document).encode())


def test_a_document_with_a_key_twice_is_refused() -> None:
    data = encode_evidence(record()).rstrip().removesuffix(b"}") + b', "attempt": 1}'
    with pytest.raises(RejectedError, match="'attempt' is there twice"):
        decode_evidence(data)


def test_another_schema_is_named() -> None:
    with pytest.raises(RejectedError, match="its schema is other/1, and this version reads"):
        decode_evidence(b'{"schema": "other/1"}')


def test_the_schema_document_has_the_schema_as_title() -> None:
    assert make_evidence_schema()["title"] == "envmatrix/evidence/1"
