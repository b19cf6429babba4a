import json
import random
import re

import jsonschema
import msgspec
import pytest
import report_samples as samples
from hypothesis import given
from hypothesis import strategies as st

from envmatrix.evidence.model import Evidence
from envmatrix.plan import Reason
from envmatrix.report import host, plan, render
from envmatrix.report.formats.json import dump_document
from envmatrix.report.schemas import SCHEMAS
from envmatrix.verdict.model import Verdict


def validate(name, text):
    document = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name]())
    jsonschema.validate(document, SCHEMAS[name]())
    return document


def test_the_verdict_has_the_keys_that_others_build_on():
    document = validate("verdict", render("json", samples.report()))
    assert list(document)[:9] == [
        "schema",
        "verdict",
        "exit_code",
        "tree",
        "commit",
        "dirty",
        "matrix_digest",
        "cells",
        "breaches",
    ]
    assert list(document["cells"][0]["tests"]) == [
        "passed",
        "failed",
        "error",
        "skipped",
        "xfailed",
        "xpassed",
        "deselected",
    ]
    assert document["ran_nowhere"][0]["seen_in"][0]["class"] == "unexpected"


def test_every_list_is_sorted_whatever_order_it_came_in():
    judged = samples.verdict()
    rng = random.Random(7)
    shuffled = {
        name: tuple(rng.sample(getattr(judged, name), len(getattr(judged, name))))
        for name in ("cells", "breaches", "ran_nowhere")
    }
    other = samples.report(verdict=samples.verdict(**shuffled))
    assert render("json", other) == render("json", samples.report())


def test_without_a_comparison_there_is_no_drift():
    document = validate("verdict", render("json", samples.passing()))
    assert "drift" not in document


def test_the_document_decodes_into_the_verdict_again():
    assert msgspec.json.decode(render("json", samples.passing()), type=Verdict) == samples.passing().verdict


def test_controls_that_json_leaves_raw_are_escaped():
    text = render("json", samples.renamed("\x9b31m\u202e\x7f"))
    assert "\\u009b31m\\u202e\\u007f" in text


@given(st.text(st.characters(), max_size=40))
def test_any_text_survives_the_round_trip(name):
    document = json.loads(render("json", samples.renamed(name)))
    assert document["ran_nowhere"][0]["test"] == name


def test_the_plan_document():
    document = validate("plan", plan.render_json(samples.plan()))
    assert [(cell["name"], cell["state"]) for cell in document["cells"]] == [
        ("libvirt-py311", "runnable"),
        ("libvirt-py312", "blocked"),
        ("mysql-py311", "not_relevant"),
    ]
    assert document["cells"][0]["interpreter"] == {"path": "/usr/bin/python3.11", "version": "3.11.2"}
    assert document["cells"][2]["reasons"][0]["message"] == "no changed path matches db/** (1 changed path)"


def test_the_plan_as_text_ends_with_what_is_blocked():
    shown = plan.render_text(samples.plan())
    line, matrix = (
        "1 of 3 cells can run on this host, 1 blocked (libvirt), 1 not relevant",
        "matrix sha256:0f3c5d7a9b1e",
    )
    assert shown.splitlines()[-2:] == [matrix, line]
    assert plan.render_text(samples.plan(), width=120).splitlines()[-1] == f"{line}; {matrix}"
    assert "remedy: apt-get install python3-libvirt" in shown


def test_the_host_document():
    findings, facts = samples.host()
    document = validate("host", host.render_json(findings, facts, {"libvirt": ["b", "a"]}, ["apt-get install x"]))
    assert [finding["capability"] for finding in document["findings"]] == ["libvirt", "mysql", "python3.11"]
    assert document["blocks"] == {"libvirt": ["a", "b"]}


def test_the_host_as_text_says_what_each_finding_blocks():
    findings, facts = samples.host()
    blocked = {Reason(code="absent", capability="libvirt", message="no module"): ["libvirt-py312", "libvirt-py311"]}
    shown = host.render_text(findings, facts, blocked, ["apt-get install python3-libvirt"])
    assert "  libvirt  absent\n    no module\n    blocks: libvirt-py311, libvirt-py312\n" in shown
    assert "TO UNBLOCK ALL OF IT\n  apt-get install python3-libvirt\n" in shown
    assert shown.splitlines()[-1] == "1 ok, 1 absent, 1 broken; 2 cells blocked"


def test_what_nothing_asks_for_is_named_and_told_on_demand():
    findings, facts = samples.host()
    shown = " ".join(host.render_text(findings, facts).split())
    assert "no cell here waits for it: libvirt (broken), mysql. `envmatrix doctor NAME` says why" in shown
    assert "remedy:" not in shown
    assert host.render_text(findings, facts, shown=("mysql",)).count("remedy:") == 1
    assert host.render_text(findings, facts, everything=True).count("remedy:") == 2


def test_what_several_interpreters_say_of_a_module_is_one_row():
    findings, facts = samples.host()
    broken = next(found for found in findings if found.capability == "libvirt")
    absent = [msgspec.structs.replace(broken, status="absent", interpreter=f"/opt/{i}/python") for i in range(6)]
    shown = host.render_text([*absent, *findings], facts, everything=True)
    assert shown.count("libvirt  broken\n    undefined symbol") == 1
    assert re.search(r"^  libvirt +broken +- +7 interpreters$", shown, re.MULTILINE)
    assert "Nor will 6 other interpreters do." in " ".join(shown.split())


@pytest.mark.parametrize("record", samples.records(), ids=lambda record: record.cell)
def test_evidence_meets_its_schema(record):
    assert validate("evidence", msgspec.json.encode(record))["schema"] == "envmatrix/evidence/1"
    assert msgspec.json.decode(msgspec.json.encode(record), type=Evidence) == record


def test_a_service_message_in_a_name_is_data_and_no_command() -> None:
    names = ["##[error]x", "###vso[task]", "##teamcity[x]", "## heading"]
    text = dump_document({"names": names})
    assert json.loads(text)["names"] == names
    assert not re.search(r"##\w*\[", text)
