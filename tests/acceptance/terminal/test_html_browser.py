"""The HTML report in a real browser: what a reader clicks, types and sees, and that nothing hostile runs."""

import random
import re
import shutil
import sys
import time
from pathlib import Path

import msgspec
import pytest
import report_samples as samples
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

from envmatrix.evidence.model import TestResult as Result
from envmatrix.report import Report, render
from envmatrix.verdict.model import CellVerdict, RanNowhere, SeenIn, Tests, VerdictReason

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = "</script><img src=x onerror='window.owned=1'><b>x</b>\x1b[31m\u202e{{data}}"
CELLS, TESTS = 20, 5000


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, as Debian's chromium and chromium-driver packages install it (bindep.txt)."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver") or "chromedriver")
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a report at a width, on a tab; the browser's console has to stay empty."""

    def open_it(report, tab="overview", width=1280, scheme="light"):
        page = tmp_path / "report.html"
        page.write_text(render("html", report), "utf-8")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get("about:blank")
        browser.get(f"{page.as_uri()}#/{tab}")
        WebDriverWait(browser, 10).until(lambda driver: attribute(driver, "dataset.ready") == "true")
        return browser

    yield open_it
    assert browser.get_log("browser") == []


def attribute(driver, name):
    return driver.execute_script(f"return document.documentElement.{name}")


def all_of(driver, selector):
    return driver.find_elements(By.CSS_SELECTOR, selector)


def one(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def found(driver, text):
    WebDriverWait(driver, 5).until(lambda driver: one(driver, "#found").text == text)


def large():
    """20 cells by 5,000 tests, of which 100 run nowhere."""
    rng = random.Random(5)
    names = [f"tests/unit/test_{i // 40:03d}.py::Test{i // 20}::test_case_{i}" for i in range(TESTS)]
    records, cells = [], []
    for number in range(CELLS):
        tests = tuple(
            Result(
                id=name, outcome="skipped", reason="No module named 'rbd'", skip_class="capability", capability="ceph"
            )
            if i < 100 or (number and i % 3 == 0)
            else Result(id=name, outcome="passed", duration_s=rng.random())
            for i, name in enumerate(names)
        )
        cell = f"full-py3{number}"
        records.append(samples.evidence(cell, "laptop", tests, number))
        passed = sum(test.outcome == "passed" for test in tests)
        counted = Tests(passed=passed, skipped=TESTS - passed)
        cells.append(
            CellVerdict(
                name=cell,
                profile="full",
                state="passed",
                tests=counted,
                duration_s=60.0,
                evidence=records[-1].id,
            )
        )
    seen = (SeenIn(cell="full-py30", reason="No module named 'rbd'", class_="capability"),)
    nowhere = tuple(RanNowhere(test=name, seen_in=seen, would_run="ceph") for name in names[:100])
    judged = samples.verdict(verdict="incomplete", exit_code=3, cells=tuple(cells), ran_nowhere=nowhere, breaches=())
    return Report(verdict=judged, evidence=tuple(records))


def test_the_overview_shows_every_cell_and_what_is_wrong(opened):
    driver = opened(samples.report())
    assert {tile.text.splitlines()[0]: tile.text.splitlines()[1] for tile in all_of(driver, ".tile")} == {
        "libvirt-py311": "failed",
        "libvirt-py312": "blocked",
        "mysql-py311": "inconclusive",
        "restricted-py311": "passed",
    }
    shown = one(driver, "#overview").text
    for words in ("Failed: 1 test", "'web-1' != 'web'", "unexpected_skip", "Ran nowhere: 2 tests", "install_failed"):
        assert words in shown


def test_a_state_is_picked_out_and_a_tile_opens_its_environment(opened):
    driver = opened(samples.report())
    one(driver, ".chip.s-blocked").click()
    assert [tile.get_attribute("data-state") for tile in all_of(driver, ".tile:not(.faded)")] == ["blocked"]
    one(driver, ".tile.s-failed").click()
    shown = one(driver, "#cells").text
    for words in ("cpython 3.11.2", "jenkins-libvirt", "libvirt-python", "python -m unittest", "End of the log"):
        assert words in shown


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("q=defines", ["test_defines"]),
        ("q=nested+hypervisor", ["test_runs"]),
        ("q=windows+jenkins-libvirt", []),
        ("show=nowhere", ["test_runs", "test_lists"]),
        ("show=bad", ["test_defines"]),
        ("capability=libvirt&q=test_5", ["test_5"]),
        ("reason=Requires+Windows", ["test_lists"]),
    ],
)
def test_tests_are_found_by_name_reason_capability_and_host(opened, address, expected):
    driver = opened(samples.report(), f"tests?{address}")
    assert [row.text.splitlines()[-1] for row in all_of(driver, ".row .short")] == expected


def test_filters_are_used_by_mouse_and_cleared(opened):
    driver = opened(samples.report(), "tests")
    found(driver, "21 tests")
    one(driver, "#q").send_keys("libvirt")
    found(driver, "7 of 21 tests")
    Select(one(driver, "#show")).select_by_visible_text("failed or error")
    found(driver, "1 of 21 tests")
    one(driver, "#filters button[type=reset]").click()
    found(driver, "21 tests")
    Select(one(driver, "#host")).select_by_visible_text("jenkins-libvirt")
    found(driver, "20 of 21 tests")
    assert [head.text for head in all_of(driver, ".head span")] == ["libvirt-py311"]
    assert "host=host+jenkins-libvirt" in driver.current_url


def test_skipped_and_ran_nowhere_jump_out(opened):
    driver = opened(samples.report(), "tests?q=test_runs")
    assert "ran nowhere" in one(driver, ".row.nowhere").text
    labels = [box.get_attribute("aria-label") for box in all_of(driver, ".row .box")]
    assert labels == [
        "libvirt-py311: skipped",
        "libvirt-py312: blocked",
        "mysql-py311: inconclusive",
        "restricted-py311: skipped",
    ]
    one(driver, ".row").click()
    assert "would run with a host with a nested hypervisor" in one(driver, "#detail").text


def waits_for_libvirt():
    """A report with tests that ran nowhere because the cell that would run them was blocked."""
    report = samples.report()
    seen = (SeenIn(cell="restricted-py311", reason=samples.NO_LIBVIRT, class_="capability"),)
    names = [test.id for test in samples.driver_tests(3)]
    more = tuple(RanNowhere(test=name, seen_in=seen, would_run="libvirt") for name in names)
    verdict = msgspec.structs.replace(report.verdict, ran_nowhere=(*report.verdict.ran_nowhere, *more))
    rest = tuple(record for record in report.evidence if record.cell != "libvirt-py311")
    return msgspec.structs.replace(report, verdict=verdict, evidence=rest)


def test_a_blocked_cell_has_a_column_that_shows_what_ran_nowhere_because_of_it(opened):
    driver = opened(waits_for_libvirt(), "tests?show=nowhere")
    heads = {head.text: head.get_attribute("title") for head in all_of(driver, ".head .idle")}
    assert heads["libvirt-py312"] == "libvirt-py312: blocked"
    boxes = {box.get_attribute("aria-label"): box for box in all_of(driver, "#row-0 .box")}
    box = boxes["libvirt-py312: would run here, and the cell is blocked"]
    colors = [parts(box.value_of_css_property(name)) for name in ("color", "background-color")]
    light, dark = sorted((luminance(color) for color in colors), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5, colors
    assert box.text == "!"
    one(driver, "#row-0").click()
    assert "would run here, and the cell is blocked in 1 cell" in one(driver, "#detail").text
    Select(one(driver, "#host")).select_by_visible_text("libvirt-py312")
    found(driver, "3 of 20 tests")


def test_the_map_of_few_tests_is_as_high_as_they_need(opened):
    driver = opened(samples.report(), "tests?q=test_runs")
    assert one(driver, "#scroller").size["height"] < 300
    driver = opened(samples.report(), "tests")
    view = "const view = arguments[0]; return [view.scrollHeight, view.clientHeight]"
    whole, shown = driver.execute_script(view, one(driver, "#scroller"))
    assert whole == shown or shown > 300


def test_what_is_to_be_typed_is_set_apart_and_a_log_is_open_at_its_end(opened):
    remedy = "Install it: apt-get install redis-server. Or run `envmatrix plan`."
    reason = VerdictReason(code="absent", message="redis: there is none.", capability="redis", remedy=remedy)
    cell = CellVerdict(name="redis-py311", profile="redis", state="blocked", reasons=(reason,))
    verdict = msgspec.structs.replace(samples.report().verdict, cells=(cell,))
    driver = opened(msgspec.structs.replace(samples.report(), verdict=verdict))
    assert remedy.replace("`", "") in one(driver, "#overview").text
    assert [code.text for code in all_of(driver, ".remedy code")] == ["apt-get install redis-server", "envmatrix plan"]
    report = msgspec.structs.replace(samples.report(), logs={"jenkins-libvirt-libvirt-py311": "line\n" * 150})
    driver = opened(report, "cells")
    left = "const log = arguments[0]; return log.scrollHeight - log.clientHeight - log.scrollTop"
    assert driver.execute_script(left, one(driver, ".log")) < 2


def test_the_page_is_used_by_keyboard(opened):
    driver = opened(samples.report())
    one(driver, "#tab-overview").send_keys(Keys.ARROW_RIGHT)
    assert driver.switch_to.active_element.get_attribute("id") == "tab-tests"
    scroller = one(driver, "#scroller")
    scroller.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    assert scroller.get_attribute("aria-activedescendant") == "row-1"
    assert one(driver, "#row-1").get_attribute("aria-selected") == "true"
    scroller.send_keys(Keys.END)
    assert one(driver, "#detail h3").text.endswith("test_lists")
    scroller.send_keys(Keys.ESCAPE)
    assert not one(driver, "#detail").is_displayed()
    outline = driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_times_and_drift_are_shown(opened):
    driver = opened(samples.report(), "time")
    assert [item.text for item in all_of(driver, "#timeline .host")] == ["jenkins-libvirt", "jenkins-mysql", "laptop"]
    assert len(all_of(driver, "#durations li")) == 3
    one(driver, "#tab-drift").click()
    assert "newly failed: 1" in one(driver, "#drift").text
    assert "vanished: 1" in one(driver, "#drift").text


def test_hostile_names_are_shown_and_never_run(opened):
    for tab in ("overview", "tests", "time", "drift", "cells", "text"):
        driver = opened(samples.renamed(HOSTILE), tab)
        assert driver.execute_script("return window.owned") is None
        assert all_of(driver, "img, b:not(.head b)") == []
        assert "\\x1b" in one(driver, f"#{tab}").text or tab == "time"
        assert "\u202e" not in one(driver, "body").text


def test_no_request_leaves_the_file(opened):
    driver = opened(samples.report(), "tests")
    driver.get_log("performance")
    for tab in all_of(driver, "[role=tab]"):
        tab.click()
    sent = [entry for entry in driver.get_log("performance") if "Network.requestWillBeSent" in entry["message"]]
    assert sent == []


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["overview", "tests", "time", "drift", "cells", "text"])
def test_nothing_is_wider_than_the_screen(opened, tab, scheme, width):
    driver = opened(samples.report(), tab, width, scheme)
    assert attribute(driver, "scrollWidth") <= width
    light = driver.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(246, 247, 249)"
    assert light == (scheme == "light")


def test_a_module_that_was_skipped_whole_is_called_by_its_file(opened):
    whole = Result(id="tests/unit/test_libvirt.py", outcome="skipped", stands_for_module=True)
    record = samples.evidence("full-py311", "laptop", (whole,))
    driver = opened(Report(verdict=samples.passing().verdict, evidence=(record,)), "tests")
    assert one(driver, ".row .id").text.splitlines() == ["test_libvirt.py", "tests/unit"]


def test_the_chosen_tab_is_in_view_on_a_phone(opened):
    driver = opened(samples.report(), "cells", 400)
    sides = "const {left, right} = arguments[0].getBoundingClientRect(); return [left, right]"
    left, right = driver.execute_script(sides, one(driver, "#tab-cells"))
    assert left >= 0
    assert right <= 400
    assert attribute(driver, "scrollTop") == 0  # the page itself did not jump


@pytest.mark.parametrize("name", ["tests/unit/test_it.py::test_a[x::y.z]", "tests.unit.test_it.Tests.test_a"])
def test_slow_tests_are_called_by_their_last_two_parts(opened, name):
    record = samples.evidence("full-py311", "laptop", (Result(id=name, outcome="passed", duration_s=2.0),))
    driver = opened(Report(verdict=samples.passing().verdict, evidence=(record,)), "time")
    shown = all_of(driver, "#time .bars")[-1].text.splitlines()[0]
    assert shown == f"{'test_it.py::test_a[x::y.z]' if '::' in name else 'Tests.test_a'} · full-py311"


def test_expected_and_unexpected_passes_have_letters_of_their_own_and_every_letter_has_contrast(opened):
    driver = opened(samples.report(), "tests")
    boxes = [box for box in all_of(driver, ".legend .box") if box.text]
    assert len({box.text for box in boxes}) == len(boxes)
    for box in boxes:
        colors = [parts(box.value_of_css_property(name)) for name in ("color", "background-color")]
        light, dark = sorted((luminance(color) for color in colors), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (box.text, colors)


def parts(color):
    return [int(number) / 255 for number in re.findall(r"\d+", color)[:3]]


def luminance(color):
    """WCAG 2's relative luminance."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_names_are_readable_on_a_phone(opened):
    driver = opened(samples.passing(), "tests", 400)
    name = one(driver, ".row .short")
    assert name.text == "test_0"
    assert driver.execute_script("return arguments[0].scrollWidth <= arguments[0].clientWidth", name)


def test_20_cells_by_5000_tests_open_in_2_seconds(opened):
    report = large()
    began = time.monotonic()
    render("html", report)
    rendered = time.monotonic() - began
    driver = opened(report, "tests")
    opening = driver.execute_script(
        "const entry = performance.getEntriesByType('navigation')[0]; return entry.loadEventEnd - entry.startTime"
    )
    print(f"\nrendered in {rendered:.2f} s, opened in {opening / 1000:.2f} s")
    assert opening < 2000
    found(driver, "5,000 tests")
    assert len(all_of(driver, ".row")) < 80  # only what is in view exists
    driver.execute_script("document.getElementById('scroller').scrollTop = 1e7")
    WebDriverWait(driver, 5).until(lambda driver: all_of(driver, "#row-4999"))
    Select(one(driver, "#show")).select_by_visible_text("ran nowhere")
    found(driver, "100 of 5,000 tests")
