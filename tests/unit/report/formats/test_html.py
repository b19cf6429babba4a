import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import msgspec
import pytest
import report_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st

from envmatrix.report import render
from envmatrix.report.formats.html import SCRIPTS, embed_json
from envmatrix.report.formats.html_data import build_data
from envmatrix.verdict.model import CellVerdict, RanNowhere, SeenIn

HOSTILE = "</script><img src=x onerror=alert(1)><!-- {{data}} \x1b[31m \u202e \u2028"


class Elements(HTMLParser):
    """What a browser makes of a page: its elements with attributes, and the text of scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.texts = {}
        self.open = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.open = f"{tag} {dict(attrs).get('type', '')}".strip()

    def handle_endtag(self, tag):
        self.open = ""

    def handle_data(self, text):
        self.texts[self.open] = self.texts.get(self.open, "") + text


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_policy_allows_nothing_but_the_page_itself():
    page = render("html", samples.report())
    found = Elements(page)
    policy = next(attrs["content"] for tag, attrs in found.found if attrs.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    for name, kind in (("script", "script"), ("style", "style")):
        digest = base64.b64encode(hashlib.sha256(found.texts[name].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_nothing_is_loaded_and_nothing_is_made_of_text():
    page = render("html", samples.report())
    assert not re.search(r"https?://|@import|url\(", page)
    assert not [attrs for _, attrs in Elements(page).found if {"src", "style", "onclick"} & set(attrs)]
    for name in SCRIPTS:
        script = (files("envmatrix.report") / "assets" / name).read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|fetch\(", script)


def test_hostile_text_stays_inside_the_data():
    expected = [tag for tag, _ in Elements(render("html", samples.renamed("name"))).found]
    page = render("html", samples.renamed(HOSTILE))
    assert [tag for tag, _ in Elements(page).found] == expected
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", page)


@settings(max_examples=30)
@given(st.text(st.characters(), max_size=40))
def test_any_text_makes_the_same_elements(name):
    page = render("html", samples.renamed(name))
    tags = [tag for tag, _ in Elements(page).found]
    assert (tags.count("script"), tags.count("img")) == (2, 0)
    assert data_of(page)["cells"]


def test_the_data_says_what_each_test_did_in_each_cell():
    data = data_of(render("html", samples.report()))
    cells = {cell["name"]: cell for cell in data["cells"]}
    at = data["tests"].index("hypervisor.tests.test_libvirt.DriverTest.test_0")
    assert (cells["libvirt-py311"]["outcomes"][at], cells["restricted-py311"]["outcomes"][at]) == ("p", "s")
    _, reason, kind, capability, _ = next(entry for entry in cells["restricted-py311"]["why"] if entry[0] == at)
    assert (data["reasons"][reason], kind, capability) == (samples.NO_LIBVIRT, "capability", "libvirt")
    assert cells["libvirt-py312"]["outcomes"] == ""
    assert cells["libvirt-py311"]["log"].endswith("AssertionError: 'web-1' != 'web'")


def test_cells_are_in_natural_order():
    cells = tuple(CellVerdict(name=f"full-py3{i}", profile="full", state="passed") for i in (10, 9, 12))
    names = [cell["name"] for cell in build_data(samples.report(verdict=samples.verdict(cells=cells)))["cells"]]
    assert names == ["full-py39", "full-py310", "full-py312"]


def test_stale_evidence_is_not_in_the_heat_map():
    cell = CellVerdict(name="libvirt-py311", profile="libvirt", state="stale", evidence="jenkins-libvirt-libvirt-py311")
    built = build_data(samples.report(verdict=samples.verdict(cells=(cell,), ran_nowhere=())))
    assert (built["tests"], built["cells"][0]["outcomes"]) == ([], "")


def test_without_scripts_the_report_is_there_as_text():
    page = render("html", samples.report())
    assert "FAILED (1 test in 1 cell)" in page


@pytest.mark.parametrize(("text", "shown"), [("</script>", '"\\u003c/script\\u003e"'), ("&\u2028", '"\\u0026\\u2028"')])
def test_embedded_json_cannot_end_its_element(text, shown):
    assert embed_json(text) == shown
    assert json.loads(embed_json(text)) == text


def test_what_other_hosts_reported_is_told_beside_the_record_that_decides():
    other = samples.evidence("libvirt-py311", "laptop", samples.driver_tests(2), 5, partial="-k driver")
    data = build_data(samples.report(evidence=(*samples.records(), other)))
    cell = next(cell for cell in data["cells"] if cell["name"] == "libvirt-py311")
    assert cell["others"] == [["laptop", "2026-11-23T10:05:00Z", "finished", "2 passed", "-k driver"]]
    assert cell["host"]["name"] == "jenkins-libvirt"


def test_a_cell_that_did_not_run_owes_the_tests_that_its_profile_or_its_capability_would_run():
    seen = (SeenIn(cell="restricted-py311", reason="no", class_="capability"),)
    names = {"a": "libvirt", "b": "mysql, other", "c": "ceph", "d": ""}
    nowhere = tuple(RanNowhere(test=name, seen_in=seen, would_run=would) for name, would in names.items())
    report = samples.report()
    data = build_data(
        msgspec.structs.replace(report, verdict=msgspec.structs.replace(report.verdict, ran_nowhere=nowhere))
    )
    owes = {cell["name"]: [data["tests"][test] for test in cell["owes"]] for cell in data["cells"]}
    assert owes == {"libvirt-py311": [], "libvirt-py312": ["a"], "mysql-py311": ["b"], "restricted-py311": []}
