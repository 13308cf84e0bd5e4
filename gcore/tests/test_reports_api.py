"""Reports over HTTP, as the older service's callers and the contract know them."""

import base64
import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from unittest.mock import Mock

import openpyxl
import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from gcore import report_files
from gcore.api import waiting
from gcore.models import ClientMapping, ReportBundle, ReportJob
from gcore.report_files import XLSX
from gcore.simulator import Simulator
from gcore.tests.reports import CLIENT, STRANGER, again, map_client, work

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
BODY: Final = {"gcore_user_id": CLIENT, "start_date": "2025-09-01", "end_date": "2025-09-24"}
ALL: Final = ("cdn", "cloud", "waap")


@pytest.fixture(autouse=True)
def mapped(acme: Tenant, gcore_simulator: Simulator) -> None:
    map_client(acme)


@pytest.fixture
def api_client(client_for: Client, key: Callable[..., str]) -> APIClient:
    return client_for(key("write"))


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_a_report_is_answered_as_the_older_service_did(api_client: APIClient, at_work: list[float]) -> None:
    answer = api_client.post("/reports/cloud", BODY)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    report = answer.json()
    assert list(report) == ["uuid", "status", "count", "data"]
    assert (report["status"], report["count"], len(report["data"])) == ("completed", 4, 4)
    assert report["data"][0] == {
        "Client ID": "829449",
        "Company name": "SDG Test 2",
        "Feature ID": "2362",
        "Feature name": "Block Storage (Standard) - Gb",
        "Metric value": report["data"][0]["Metric value"],
        "Unit name": "GBM",
    }
    assert Decimal(report["data"][0]["Metric value"]) > 0
    assert at_work == [0.25]
    for again_answer in (
        api_client.get(f"/reports/gcore/{report['uuid']}"),
        api_client.generic(
            "GET", f"/reports/gcore/{report['uuid']}", '{"format": "json"}', "application/json"
        ),
        api_client.post(f"/reports/gcore/{report['uuid']}/download"),
        api_client.post("/api/v1/reports/cloud/", BODY),
    ):
        assert again_answer.json() == report


def test_without_an_end_in_time_the_answer_says_where_to_look(
    api_client: APIClient, clock: time_machine.Traveller
) -> None:
    answer = api_client.post("/api/v1/reports/cloud", BODY, headers={"Prefer": "wait=0"})
    job = ReportJob.objects.get()
    assert (answer.status_code, answer["Location"], answer["Retry-After"]) == (
        202, f"/api/v1/reports/gcore/{job.pk}", "1",
    )  # fmt: skip
    assert answer.json() == {"uuid": str(job.pk), "status": "requested", "count": 0, "data": []}
    assert api_client.get(answer["Location"]).status_code == 202
    assert api_client.post(f"{answer['Location']}/download", headers={"Prefer": "wait=0"}).status_code == 202
    accepts_csv = {"Prefer": "respond-async", "Accept": "text/csv"}
    assert api_client.post("/reports/cloud", BODY, headers=accepts_csv).json() == answer.json()
    ReportJob.objects.update(next_poll_at=timezone.now() + timedelta(seconds=60))  # a worker is at it
    assert api_client.get(answer["Location"])["Retry-After"] == "10"
    work(job, clock)
    assert api_client.get(answer["Location"]).json()["count"] == 4


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/*, application/pdf", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("application/json;q=0.5, text/csv;q=0.9", "text/csv"),
        ("application/json, text/csv", "text/csv"),
        (f"text/csv, {XLSX}", XLSX),
        (f"text/csv, {XLSX};q=0.9", "text/csv"),
    ],
)
def test_the_form_that_the_caller_likes_best(
    api_client: APIClient, at_work: list[float], accept: str, given: str
) -> None:
    answer = api_client.post("/reports/cdn", BODY, headers={"Accept": accept})
    assert (answer.status_code, answer["Content-Type"]) == (200, given)


@pytest.mark.parametrize(
    ("prefer", "pauses"),
    [(None, 20), ("wait=3", 3), ("wait=0", 0), ("wait=100000", 60), ("respond-async, wait=5", 5), ("x", 20)],
)
def test_how_long_a_caller_waits(
    api_client: APIClient, monkeypatch: pytest.MonkeyPatch, prefer: str | None, pauses: int
) -> None:
    made: list[float] = []
    monkeypatch.setattr(waiting, "sleep", made.append)
    monkeypatch.setattr(waiting, "monotonic", lambda: float(len(made)))
    answer = api_client.post("/reports/cdn", BODY, headers={"Prefer": prefer} if prefer else {})
    assert (answer.status_code, len(made)) == (202, pauses)


def test_those_who_wait_hold_no_connection(
    api_client: APIClient, monkeypatch: pytest.MonkeyPatch, at_work: list[float]
) -> None:
    connection = Mock(in_atomic_block=False)
    monkeypatch.setattr(waiting, "connection", connection)
    assert api_client.post("/reports/cdn", BODY).status_code == 200
    assert len(connection.close.mock_calls) == len(at_work) == 1


def test_those_who_wait_leave_threads_to_the_others(
    api_client: APIClient, monkeypatch: pytest.MonkeyPatch, at_work: list[float]
) -> None:
    monkeypatch.setattr(waiting.SEATS, "_value", 0)
    assert api_client.post("/reports/cdn", BODY).status_code == 202
    assert at_work == []


@pytest.mark.every_case
@pytest.mark.parametrize("form", ["json", "csv", "xlsx", "csv envelope", "excel envelope"])
def test_each_form_has_the_same_rows_and_sum(
    api_client: APIClient, at_work: list[float], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    plain = api_client.post("/reports/cloud", BODY).json()
    path = f"/reports/gcore/{plain['uuid']}"
    if form == "json":
        monkeypatch.setattr(report_files, "STREAMED", 0)
        answer = api_client.get(path)
        assert answer.streaming
        assert json.loads(content(answer)) == plain
    elif form.endswith("envelope"):
        told = api_client.post(f"{path}/download", {"format": form.split()[0].upper()}).json()
        assert (told["count"], told["status"]) == (4, "completed")
        if form == "csv envelope":
            assert csv_rows(told["data"]) == plain["data"]
        else:
            file = base64.b64decode(told["data"]["data"])
            assert {**told["data"], "data": ""} == {
                "content_type": XLSX, "size_bytes": len(file), "format": "excel", "data": "",
            }  # fmt: skip
            assert xlsx_rows(file)["Cloud"] == plain["data"]
    else:
        media_type = "text/csv" if form == "csv" else XLSX
        answer = api_client.get(path, headers={"Accept": media_type})
        assert answer["Content-Type"] == media_type
        name = f"gcore-cloud-829449-2025-09-01-2025-09-24.{form}"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        read = csv_rows(content(answer).decode()) if form == "csv" else xlsx_rows(content(answer))["Cloud"]
        assert read == plain["data"]


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def xlsx_rows(file: bytes) -> dict[str, list[dict[str, str]]]:
    """By sheet, its numbers as texts of four places."""
    book = openpyxl.load_workbook(io.BytesIO(file))
    found = {}
    for sheet in book.worksheets:
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref == sheet.dimensions
        header, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
        place = header.index("Metric value")
        assert all(isinstance(row[place], int | float) for row in rows)
        texts = [[f"{v:.4f}" if n == place else v for n, v in enumerate(row)] for row in rows]
        found[sheet.title] = [dict(zip(header, row, strict=True)) for row in texts]
    return found


def test_the_documented_csv(api_client: APIClient, at_work: list[float]) -> None:
    answer = api_client.post("/reports/cloud", BODY, headers={"Accept": "text/csv"})
    first, second, *_ = answer.content.decode().split("\r\n")
    assert first == "Client ID,Company name,Feature ID,Feature name,Metric value,Unit name"
    assert second.startswith("829449,SDG Test 2,2362,Block Storage (Standard) - Gb,")


def test_all_products_at_once(api_client: APIClient, at_work: list[float]) -> None:
    report = api_client.post("/reports/all", BODY).json()
    assert list(report) == ["uuid", "status", "count", "data", "products"]
    assert report["status"] == "completed"
    assert {name: told["status"] for name, told in report["products"].items()} == dict.fromkeys(
        ALL, "completed"
    )
    assert (
        report["count"] == len(report["data"]) == sum(told["count"] for told in report["products"].values())
    )
    assert [row["Product"] for row in report["data"]] == ["CDN"] * 3 + ["Cloud"] * 4 + ["WAAP"] * 2
    path = f"/reports/gcore/{report['uuid']}"
    text = content(api_client.get(path, headers={"Accept": "text/csv"})).decode()
    assert text.startswith(
        "Client ID,Company name,Feature ID,Feature name,Metric value,Product,Unit name\r\n"
    )
    assert csv_rows(text) == report["data"]
    sheets = xlsx_rows(content(api_client.get(path, headers={"Accept": XLSX})))
    assert [(name, len(rows)) for name, rows in sheets.items()] == [("CDN", 3), ("Cloud", 4), ("WAAP", 2)]
    assert [row for rows in sheets.values() for row in rows] == [
        {name: value for name, value in row.items() if name != "Product"} for row in report["data"]
    ]


def test_the_three_are_asked_for_before_any_is_finished(api_client: APIClient) -> None:
    answer = api_client.post("/reports/all", BODY, headers={"Prefer": "wait=0"})
    assert answer.status_code == 202
    assert answer.json()["status"] == "requested"
    assert sorted(ReportJob.objects.values_list("product", "state")) == [(p, "requested") for p in ALL]


def test_a_product_that_failed_is_named(
    api_client: APIClient, at_work: list[float], gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(hidden_products=["WAAP"])
    report = api_client.post("/reports/all", BODY).json()
    assert (report["status"], report["count"], len(report["data"])) == ("partial", 7, 7)
    assert report["error"] == "WAAP: Gcore lists no features of WAAP."
    failed = report["products"]["waap"]
    assert (failed["status"], failed["count"], failed["error"]) == (
        "failed", 0, "Gcore lists no features of WAAP.",
    )  # fmt: skip
    path = f"/reports/gcore/{report['uuid']}"
    for accept in ("text/csv", XLSX):
        answer = api_client.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
        assert answer.json()["errors"] == [{"field": "waap", "message": "Gcore lists no features of WAAP."}]
    assert api_client.post(f"{path}/download", {"format": "csv"}).json()["status"] == "partial"


@pytest.mark.parametrize(
    ("knobs", "status", "code", "message"),
    [
        ({"outcome": "Failed", "notes": ["No data"]}, 502, "upstream_error", "make the report: No data"),
        ({"outcome": "Stuck"}, 504, "upstream_timeout", "It was not finished within 600 s."),
        ({"outcome": "Cancelled"}, 409, "conflict", "Gcore cancelled the report."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("product", ["cloud", "all"])
def test_a_report_without_rows(
    api_client: APIClient, at_work: list[float], gcore_simulator: Simulator,
    knobs: Any, status: int, code: str, message: str, product: str,
) -> None:  # fmt: skip
    gcore_simulator.state.set_knobs(**knobs)
    answer = api_client.post(f"/reports/{product}", BODY)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert message in answer.json()["message"]
    shown = api_client.get(f"/reports/gcore/{answer.json()['uuid']}")
    assert (shown.status_code, shown.json()["count"], shown.json()["data"]) == (200, 0, [])
    assert message in shown.json()["error"]
    assert api_client.post(f"/reports/gcore/{answer.json()['uuid']}/download").status_code == status


def test_what_a_refused_file_began_with_is_for_staff(
    api_client: APIClient, client_for: Client, staff: User, at_work: list[float], gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(table=[["Company", "Usage"], ["Someone Else", "7"]])
    answer = api_client.post("/reports/cloud", BODY)
    assert answer.status_code == 502
    assert "there is no column for client id" in answer.json()["message"]
    path = f"/reports/gcore/{answer.json()['uuid']}"
    assert b"Someone" not in answer.content + api_client.get(path).content
    told = client_for(staff, x_tenant_id="acme").get(path).json()
    assert told["first_lines"] == "Company,Usage\nSomeone Else,7"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start_date": "2025-13-45"}, "start_date"),
        ({"start_date": "2025-02-29"}, "start_date"),
        ({"start_date": "20250901"}, "start_date"),
        ({"end_date": "2025-09-24T00:00:00Z"}, "end_date"),
        ({"end_date": "2025-08-31"}, "end_date"),
        ({"end_date": None}, "end_date"),
        ({"gcore_user_id": ""}, "gcore_user_id"),
        ({"gcore_user_id": "829449 OR 1=1"}, "gcore_user_id"),
        ({"format": "pdf"}, "format"),
    ],
)
def test_what_cannot_be_asked_for(api_client: APIClient, change: dict[str, Any], field: str) -> None:
    answer = api_client.post("/reports/cdn", {**BODY, **change})
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert answer.json()["errors"][0]["field"] == field
    assert not ReportJob.objects.exists()


def test_a_number_is_a_client_id_too(api_client: APIClient) -> None:
    body = {**BODY, "gcore_user_id": 829449}
    assert api_client.post("/reports/cdn", body, headers={"Prefer": "wait=0"}).status_code == 202


def test_refresh_asks_gcore_anew(api_client: APIClient, at_work: list[float]) -> None:
    first = api_client.post("/reports/cdn", BODY).json()["uuid"]
    assert api_client.post("/reports/cdn", BODY).json()["uuid"] == first
    assert api_client.post("/reports/cdn?refresh=true", BODY).json()["uuid"] != first
    assert api_client.post("/reports/cdn?refresh=perhaps", BODY).status_code == 400


def test_only_clients_that_are_mapped(
    api_client: APIClient, client_for: Client, staff: User, viewer: User, at_work: list[float]
) -> None:
    for product in (*ALL, "all"):
        answer = api_client.post(f"/reports/{product}", {**BODY, "gcore_user_id": STRANGER})
        assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
    assert not ReportJob.objects.exists()
    answer = client_for(staff, x_tenant_id="acme").post("/reports/cloud", {**BODY, "gcore_user_id": STRANGER})
    assert answer.json()["data"][0]["Company name"] == "Nordwind Media GmbH"
    path = f"/reports/gcore/{answer.json()['uuid']}"
    assert api_client.get(path).status_code == 404
    assert api_client.post(f"{path}/download").status_code == 404
    assert api_client.delete(path).status_code == 404
    assert api_client.get("/reports").json()["total"] == 0
    assert client_for(viewer).post("/reports/cdn", BODY).status_code == 403


def test_a_mapping_that_ends_closes_the_reports_too(api_client: APIClient, at_work: list[float]) -> None:
    one, many = (api_client.post(f"/reports/{product}", BODY).json()["uuid"] for product in ("cdn", "all"))
    ClientMapping.objects.all().delete()
    for uuid in (one, many):
        assert api_client.get(f"/reports/gcore/{uuid}").status_code == 404


def test_a_stranger_finds_nothing(
    api_client: APIClient, client_for: Client, stranger: User, rival: Tenant, at_work: list[float]
) -> None:
    map_client(rival)  # the same client, and yet not the other tenant's reports
    one, many = (api_client.post(f"/reports/{product}", BODY).json()["uuid"] for product in ("cdn", "all"))
    theirs = client_for(stranger)
    for uuid in (one, many):
        assert theirs.get(f"/reports/gcore/{uuid}").status_code == 404
        assert theirs.delete(f"/reports/gcore/{uuid}").status_code == 404
    assert theirs.get("/reports").json()["total"] == 0
    assert ReportJob.objects.count() == 3


def test_the_list(api_client: APIClient, at_work: list[float]) -> None:
    api_client.post("/reports/all", BODY)
    listed = api_client.get("/reports").json()
    assert (listed["total"], [item["product"] for item in listed["items"]]) == (3, ["waap", "cloud", "cdn"])
    (cloud,) = api_client.get("/reports", {"product": "cloud", "status": "completed"}).json()["items"]
    assert (cloud["gcore_user_id"], cloud["progress"], cloud["count"], cloud["error"]) == (CLIENT, 100, 4, "")
    assert api_client.get("/reports", {"gcore_user_id": STRANGER}).json()["total"] == 0
    assert api_client.get("/reports", {"status": "odd"}).status_code == 400


def test_a_report_is_called_off_and_removed(api_client: APIClient, at_work: list[float]) -> None:
    no_wait = {"Prefer": "wait=0"}
    uuid = api_client.post("/reports/cdn", BODY, headers=no_wait).json()["uuid"]
    assert api_client.delete(f"/reports/gcore/{uuid}").status_code == 204
    assert api_client.get(f"/reports/gcore/{uuid}").json()["status"] == "cancelled"
    assert api_client.delete(f"/reports/gcore/{uuid}").status_code == 204
    assert api_client.get(f"/reports/gcore/{uuid}").status_code == 404
    everything = api_client.post("/reports/all", BODY).json()
    cdn = f"/reports/gcore/{everything['products']['cdn']['uuid']}"
    assert api_client.delete(cdn).status_code == 409
    assert api_client.delete(f"/reports/gcore/{everything['uuid']}").status_code == 204
    assert (ReportJob.objects.count(), ReportBundle.objects.count()) == (0, 0)


def test_no_text_of_theirs_becomes_a_formula(
    api_client: APIClient, at_work: list[float], gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(oddities=["formulas"])
    report = api_client.post("/reports/cloud", BODY).json()
    assert report["data"][0]["Company name"] == "=HYPERLINK(SDG Test 2)"
    path = f"/reports/gcore/{report['uuid']}"
    text = content(api_client.get(path, headers={"Accept": "text/csv"})).decode()
    assert csv_rows(text)[0]["Company name"] == "'=HYPERLINK(SDG Test 2)"
    book = openpyxl.load_workbook(io.BytesIO(content(api_client.get(path, headers={"Accept": XLSX}))))
    assert all(cell.data_type != "f" for row in book.worksheets[0].iter_rows() for cell in row)
    assert book.worksheets[0]["B2"].value == "=HYPERLINK(SDG Test 2)"


def test_a_report_of_no_rows(api_client: APIClient, at_work: list[float], gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(oddities=["empty"])
    report = api_client.post("/reports/cloud", BODY).json()
    assert (report["status"], report["count"], report["data"]) == ("completed", 0, [])
    path = f"/reports/gcore/{report['uuid']}"
    assert len(content(api_client.get(path, headers={"Accept": "text/csv"})).decode().split("\r\n")) == 2
    assert api_client.get(f"{path}?format=excel").json()["count"] == 0


def test_the_same_call_again_by_its_key(api_client: APIClient, at_work: list[float]) -> None:
    first = api_client.post("/reports/cdn?refresh=true", BODY, headers={"Idempotency-Key": "a"})
    second = api_client.post("/reports/cdn?refresh=true", BODY, headers={"Idempotency-Key": "a"})
    assert (second["Idempotency-Replayed"], second.json()) == ("true", first.json())
    assert ReportJob.objects.count() == 1
    assert again(ReportJob.objects.get()).state == "completed"
