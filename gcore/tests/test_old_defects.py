"""The thirteen defects of the older service, one test each: each fails on what that service did."""

import base64
import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import openpyxl
import pytest
import time_machine
from django.core.cache import caches
from django.test import Client as Browser
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from gcore.api import waiting
from gcore.client import GcoreClient
from gcore.models import ReportJob
from gcore.report_files import XLSX
from gcore.simulator import Simulator
from gcore.tests.reports import STRANGER, map_client, step, work

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
BODY: Final = {"gcore_user_id": "829449", "start_date": "2025-09-01", "end_date": "2025-09-24"}


@pytest.fixture
def caller(
    acme: Tenant,
    gcore_simulator: Simulator,
    at_work: list[float],
    client_for: Client,
    key: Callable[..., str],
) -> APIClient:
    map_client(acme)
    return client_for(key("write"))


def asked_of(gcore: Simulator, path: str) -> int:
    return sum(call.path.endswith(path) for call in gcore.state.calls)


def test_1_a_file_of_unknown_columns_gives_nobodys_rows(
    caller: APIClient, gcore_simulator: Simulator
) -> None:
    gcore_simulator.state.set_knobs(oddities=["no_client_column"])
    answer = caller.post("/reports/cloud", BODY)
    assert answer.status_code == 502
    assert b"Nordwind" not in answer.content


def test_2_features_of_another_product_never_stand_in(caller: APIClient, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(hidden_products=["WAAP"])
    answer = caller.post("/reports/waap", BODY)
    assert (answer.status_code, answer.json()["message"]) == (502, "Gcore lists no features of WAAP.")
    assert not gcore_simulator.state.tasks


@pytest.mark.parametrize("outcome", ["Cancelled", "SomethingNew"])
def test_3_no_word_of_gcores_is_waited_for_without_end(
    caller: APIClient, gcore_simulator: Simulator, outcome: str
) -> None:
    gcore_simulator.state.set_knobs(outcome=outcome)
    caller.post("/reports/cloud", BODY)
    job = ReportJob.objects.get()
    assert job.state in {"cancelled", "timed_out"}
    assert job.finished_at is not None
    assert (job.finished_at - job.created_at).total_seconds() < 601


@pytest.mark.parametrize(
    ("knobs", "status", "code", "words"),
    [
        ({"outcome": "Failed", "notes": ["No data"]}, 502, "upstream_error", "No data"),
        ({"outcome": "InProgress"}, 504, "upstream_timeout", "not finished within 600 s"),
    ],
)
def test_4_what_went_wrong_at_gcore_has_its_own_code(
    caller: APIClient, gcore_simulator: Simulator, knobs: Any, status: int, code: str, words: str
) -> None:
    gcore_simulator.state.set_knobs(**knobs)
    answer = caller.post("/reports/cloud", BODY)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert words in answer.json()["message"]


def test_4_wrong_credentials_too(caller: APIClient, settings: Any) -> None:
    settings.GCORE_PASSWORD = "not-the-password"
    answer = caller.post("/reports/cloud", BODY)
    assert (answer.status_code, answer.json()["error"]) == (502, "upstream_error")
    assert "No active account found" in answer.json()["message"]
    assert b"not-the-password" not in answer.content


def test_5_a_part_of_all_products_is_no_success(caller: APIClient, gcore_simulator: Simulator) -> None:
    gcore_simulator.state.set_knobs(hidden_products=["CDN"])
    report = caller.post("/reports/all", BODY).json()
    assert (report["status"], report["products"]["cdn"]["status"]) == ("partial", "failed")
    assert report["error"] == "CDN: Gcore lists no features of CDN."
    gcore_simulator.state.set_knobs(hidden_products=["CDN", "CLOUD", "WAAP"])
    assert caller.post("/reports/all?refresh=true", BODY).status_code == 502


def test_6_an_xlsx_is_one(caller: APIClient) -> None:
    told = caller.post("/reports/cloud", {**BODY, "format": "excel"}).json()
    file = caller.post("/reports/cloud", BODY, headers={"Accept": XLSX}).content
    for body in (file, base64.b64decode(told["data"]["data"])):
        sheet = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0]
        assert (sheet.max_row, sheet["A1"].value, sheet["A2"].value) == (5, "Client ID", "829449")
    assert told["data"]["size_bytes"] == len(base64.b64decode(told["data"]["data"]))


def test_7_a_token_that_gcore_refuses_is_replaced(
    caller: APIClient, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    caller.post("/reports/cloud", BODY, headers={"Prefer": "wait=0"})
    job = step(ReportJob.objects.get(), clock)
    gcore_simulator.state.revoke()
    job = work(job, clock)
    assert (job.state, job.row_count) == ("completed", 4)


@pytest.mark.parametrize(
    ("start", "end"),
    [("2025-13-45", "2025-09-24"), ("2025-02-29", "2025-03-01"), ("2025-09-24", "2025-09-01")],
)
def test_8_impossible_periods_never_reach_gcore(
    caller: APIClient, gcore_simulator: Simulator, start: str, end: str
) -> None:
    answer = caller.post("/reports/cdn", {**BODY, "start_date": start, "end_date": end})
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")
    assert (ReportJob.objects.count(), len(gcore_simulator.state.calls)) == (0, 0)


def test_9_status_and_download_show_a_tenant_its_own_client_alone(
    caller: APIClient, client_for: Client, stranger: User, staff: User
) -> None:
    mine = f"/reports/gcore/{caller.post('/reports/cloud', BODY).json()['uuid']}"
    as_csv = caller.get(mine, headers={"Accept": "text/csv"})
    for answer in (caller.get(mine), caller.post(f"{mine}/download"), as_csv):
        assert b"SDG Test 2" in answer.content
        assert b"Nordwind" not in answer.content
    theirs = client_for(staff, x_tenant_id="acme").post("/reports/cloud", {**BODY, "gcore_user_id": STRANGER})
    for who, path in ((client_for(stranger), mine), (caller, f"/reports/gcore/{theirs.json()['uuid']}")):
        assert who.get(path).status_code == 404
        assert who.post(f"{path}/download").status_code == 404


def test_10_a_request_is_held_for_twenty_seconds_at_most(
    caller: APIClient, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(waiting, "sleep", waits.append)
    monkeypatch.setattr(waiting, "monotonic", lambda: sum(waits))
    answer = caller.post("/reports/all", BODY)
    assert (answer.status_code, sum(waits)) == (202, 20)
    for job in ReportJob.objects.all():
        work(job, clock)
    assert caller.get(answer["Location"]).json()["count"] == 9


def test_11_count_is_always_rows(caller: APIClient) -> None:
    uuid = caller.post("/reports/cloud", BODY).json()["uuid"]
    for form in ("json", "csv", "excel"):
        assert caller.post("/reports/cloud", {**BODY, "format": form}).json()["count"] == 4
        assert caller.post(f"/reports/gcore/{uuid}/download", {"format": form}).json()["count"] == 4


def test_12_cold_calls_at_once_sign_in_once(gcore_simulator: Simulator, credentials: Any) -> None:
    gate = threading.Barrier(4)

    def ask() -> str:
        gate.wait()
        return GcoreClient(credentials()).who_am_i().name

    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(ask) for _ in range(4)]
        names = {call.result() for call in calls}
    assert names == {"Skyledger Reseller"}
    assert asked_of(gcore_simulator, "/jwt/login") == 1


def test_13_health_tells_of_a_gcore_that_is_down(gcore_simulator: Simulator, waits: list[float]) -> None:
    health = Browser().get("/health").json()
    assert health["services"]["gcore"] == "up"
    caches["local"].clear()
    gcore_simulator.state.add_fault(status=502, body="<html>Bad Gateway</html>", times=100)
    health = Browser().get("/health").json()
    assert (health["status"], health["services"]["gcore"]) == ("degraded", "down")
