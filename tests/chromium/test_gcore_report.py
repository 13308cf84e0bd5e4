"""A report of Gcore from the form to the file, with the simulator for Gcore."""

import csv
from pathlib import Path
from typing import Any


def test_a_report_is_asked_for_watched_and_taken_away(opened: Any) -> None:
    page = opened()
    page.goto("/console/gcore/reports")
    page.get_by_label("Product").select_option("cloud")
    page.get_by_label("From").fill("2025-09-01")
    page.get_by_label("To").fill("2025-09-24")
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name="Ask for the report").click()
    page.get_by_text("The report is asked for.").wait_for()
    row = page.get_by_role("row").filter(has_text="1 Sep 2025 to 24 Sep 2025")
    assert row.get_by_role("link").count() == 0
    row.get_by_text("Ready", exact=True).wait_for(timeout=60_000)
    assert page.evaluate("window.stayed")
    rows = int(row.locator("td[data-label=Rows]").inner_text())
    with page.expect_download() as taken:
        row.get_by_role("link", name="CSV").click()
    assert taken.value.suggested_filename == "gcore-cloud-829517-2025-09-01-2025-09-24.csv"
    lines = list(csv.reader(Path(taken.value.path()).read_text().splitlines()))
    assert (rows > 0, len(lines)) == (True, rows + 1)
    with page.expect_download() as taken:
        row.get_by_role("link", name="XLSX").click()
    assert Path(taken.value.path()).read_bytes()[:2] == b"PK"
    assert page.troubles == []


def test_what_gcore_cannot_tell_is_said_beside_the_form(opened: Any) -> None:
    page = opened()
    page.goto("/console/gcore/reports")
    page.get_by_label("From").fill("2025-09-24")
    page.get_by_label("To").fill("2025-09-01")
    page.get_by_role("button", name="Ask for the report").click()
    page.get_by_text("The report ends before it begins.").wait_for()
    assert page.get_by_label("From").input_value() == "2025-09-24"
