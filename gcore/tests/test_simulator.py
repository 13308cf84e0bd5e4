"""The simulator itself, over HTTP: what it serves, what can be set, and that it is the same every time."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests

from gcore.simulator import API_TOKEN, CUSTOMER_TOKEN, PASSWORD, USERNAME, Simulator, beside
from gcore.simulator.files import ODDITIES, XLSX

MONTH = {"date_from": "2026-10-01", "date_to": "2026-10-31"}


class Caller:
    """Asks the simulator with a permanent token, or with what is given."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, method: str, path: str, token: str = f"APIKey {API_TOKEN}", **more: Any) -> Any:
        headers = {"Authorization": token} if token else {}
        headers |= more.pop("headers", {})
        return requests.request(method, self.url + path, headers=headers, timeout=10, **more)

    def control(self, path: str, body: dict[str, Any]) -> requests.Response:
        return requests.post(f"{self.url}/_control/{path}", json=body, timeout=10)

    def report(
        self, accept: str = "text/csv", path: str = "/billing/org/v1/reports", **parameters: Any
    ) -> Any:
        body = {
            "template_code": "ResellerStatistics",
            "parameters": {**MONTH, "features": [92], **parameters},
        }
        create = "/billing/v1/org/files/report" if "files" in path else path
        made = self("POST", create, json=body)
        assert made.status_code == 201, made.text
        return self("GET", f"{path}/{made.json()['uuid']}/download", headers={"Accept": accept})

    def table(self, **given: Any) -> list[list[str]]:
        text = self.report(**given).content.decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline="")))


def _text(cell: Any) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


@pytest.fixture
def ask(gcore_simulator: Simulator) -> Caller:
    return Caller(gcore_simulator.url)


def test_login_and_refresh_are_as_gcores(ask: Caller) -> None:
    def post(path: str, **body: str) -> tuple[int, Any]:
        answer = ask("POST", f"/iam/auth/jwt/{path}", token="", json=body)
        return answer.status_code, answer.json()

    assert post("login", username=USERNAME) == (400, {"errors": {"password": ["This field is required"]}})
    assert post("login", username=USERNAME, password="x")[0] == 400
    status, pair = post("login", username=USERNAME, password=PASSWORD)
    assert (status, set(pair)) == (200, {"access", "refresh"})
    assert ask("GET", "/iam/clients/me", token=f"Bearer {pair['access']}").json()["id"] == 800001
    assert ask("GET", "/iam/clients/me", token=f"Bearer {pair['refresh']}").status_code == 401
    assert post("refresh")[0] == 400
    assert post("refresh", refresh=pair["refresh"])[0] == 200
    assert post("refresh", refresh=pair["refresh"]) == (401, {"detail": "Token is invalid or expired"})


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "Authentication credentials were not provided."),
        ("APIKey 1001_nonsense", "Bad token: nonsense"),
        (f"Bearer {API_TOKEN}", "Given token not valid for any token type"),
    ],
)
def test_bad_tokens_are_refused_in_gcores_words(ask: Caller, token: str, words: str) -> None:
    answer = ask("GET", "/iam/clients/me", token=token)
    assert (answer.status_code, answer.json()) == (401, {"detail": words})


def test_its_clock_ends_tokens(ask: Caller) -> None:
    body = {"username": USERNAME, "password": PASSWORD}
    access = ask("POST", "/iam/auth/jwt/login", token="", json=body).json()["access"]

    def status() -> int:
        return int(ask("GET", "/iam/clients/me", token=f"Bearer {access}").status_code)

    assert (status(), ask.control("clock", {"advance": 3590}).status_code, status()) == (200, 200, 200)
    ask.control("clock", {"advance": 20})
    assert status() == 401
    answer = ask.control("clock", {"now": "2025-09-24T12:00:00+00:00"})
    assert datetime.fromisoformat(answer.json()["now"]).date() == datetime(2025, 9, 24, tzinfo=UTC).date()
    assert ask.control("clock", {"now": "yesterday"}).status_code == 400


@pytest.mark.parametrize("path", ["/billing/v1/org/files", "/billing/org/v1/reports"])
def test_the_same_month_is_the_same_file(ask: Caller, gcore_simulator: Simulator, path: str) -> None:
    first = ask.report(path=path, features=[92, 2362]).content
    gcore_simulator.state.reset()
    assert ask.report(path=path, features=[92, 2362]).content == first
    assert ask.report(path=path, features=[92, 2362], date_to="2026-10-30").content != first


def test_a_task_made_on_one_path_is_seen_on_the_other(ask: Caller) -> None:
    body = {"template_code": "ResellerStatistics", "parameters": MONTH}
    made = ask("POST", "/billing/v1/org/files/report", json=body).json()
    seen = ask("GET", f"/billing/org/v1/reports/{made['uuid']}").json()
    assert seen["parameters"] == {**MONTH, "type": "ResellerStatistics"}
    assert ask("GET", "/billing/org/v1/reports").json()["count"] == 1
    other = ask("GET", f"/billing/org/v1/reports/{made['uuid']}", token=f"APIKey {CUSTOMER_TOKEN}")
    assert other.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"template_code": "Other", "parameters": MONTH},
        {"template_code": "ResellerStatistics"},
        {"template_code": "ResellerStatistics", "parameters": {**MONTH, "date_from": "2026-13-01"}},
        {"template_code": "ResellerStatistics", "parameters": {**MONTH, "date_from": "2026-11-01"}},
    ],
)
def test_a_report_that_makes_no_sense_is_refused(ask: Caller, body: Any) -> None:
    assert ask("POST", "/billing/org/v1/reports", json=body).status_code == 400


def test_groups_decide_which_columns_are_filled(ask: Caller) -> None:
    plain = ask.table()[1:]
    regions = ask.table(group_by=["client", "region"])[1:]
    resources = ask.table(group_by=["client", "region", "resource"])[1:]
    assert (len(plain), len(regions), len(resources)) == (3, 6, 6)
    assert plain[0][5:9] == ["", "", "", ""]
    assert regions[0][5:7] != ["", ""] == regions[0][7:9]
    assert all(resources[0])
    assert sum(float(row[4]) for row in plain) == pytest.approx(sum(float(row[4]) for row in resources))


def test_json_and_xlsx_hold_the_same_rows(ask: Caller) -> None:
    header, *rows = ask.table()
    found = ask.report(accept="application/json").json()
    assert found["headers"] == header
    assert [[_text(cell) for cell in row] for row in found["rows"]] == rows
    sheet = openpyxl.load_workbook(io.BytesIO(ask.report(accept=XLSX).content)).active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == header
    assert f"{sheet['E2'].value:.4f}" == rows[0][4]


def test_lists_are_bare_or_in_pages(ask: Caller, gcore_simulator: Simulator) -> None:
    assert len(ask("GET", "/iam/clients").json()) == 4
    page = ask("GET", "/iam/clients?limit=3").json()
    assert (page["count"], len(page["results"]), page["previous"]) == (4, 3, None)
    assert page["next"] == "/iam/clients?limit=3&offset=3"
    assert isinstance(ask("GET", "/billing/v3/report_features").json(), list)
    gcore_simulator.state.set_knobs(envelopes=True)
    assert ask("GET", "/billing/v3/report_features").json()["count"] == 10


def test_each_oddity_spoils_the_file_in_its_own_way(ask: Caller) -> None:
    plain = ask.table()
    seen = {}
    for name in ODDITIES:
        assert ask.control("knobs", {"oddities": [name]}).status_code == 204
        seen[name] = ask.table()
        if name == "bom":
            assert ask.report().content.startswith(b"\xef\xbb\xbfClient ID,")
    metrics = {name: [row[4] for row in table[1:]] for name, table in seen.items() if len(table[-1]) == 10}
    assert seen["bom"] == plain
    assert seen["empty"] == plain[:1]
    assert seen["quoted"][1][1] == 'SDG Test 2, "Inc."\nSecond line'
    assert seen["formulas"][1][1] == "=HYPERLINK(SDG Test 2)"
    assert all("," in metric for metric in metrics["thousands"])
    assert (metrics["zero"][0], metrics["negative"][0]) == ("0.0000", "-12.5000")
    assert (metrics["blank"][0], metrics["garbled"][0]) == ("", "n/a")
    assert "Client ID" not in seen["no_client_column"][0]
    assert seen["unknown_layout"][0][0] == "Column 0"
    assert [row[:2] for row in seen["blocks"][:3]] == [
        ["800001", "Skyledger Reseller"], ["Account ID", "Company name"], ["829449", "SDG Test 2"],
    ]  # fmt: skip
    ask.control("knobs", {"oddities": ["repeated_header"]})
    assert ask.table(features=[92, 94])[5] == plain[0]


def test_a_unit_changes_from_a_month_to_the_next(ask: Caller) -> None:
    ask.control("knobs", {"units": {"92 2026-10": "MB"}})
    september = ask.table(date_from="2026-09-01", date_to="2026-09-30")
    assert (september[1][9], ask.table()[1][9]) == ("GB", "MB")


def test_a_file_of_any_size_or_text_can_be_asked_for(ask: Caller) -> None:
    ask.control("knobs", {"rows": 5000})
    table = ask.table()
    assert len(table) == 5001
    assert len({(row[0], row[2], row[7]) for row in table}) == 5001
    assert {row[0] for row in ask.table(client_id=829517)[1:]} == {"829517"}
    ask.control("knobs", {"file": "anything\n"})
    assert ask.report().text == "anything\n"
    ask.control("knobs", {"file": None, "table": [["A"], [1]]})
    assert ask.table() == [["A"], ["1"]]


def test_control_takes_json_as_curl_sends_it(ask: Caller) -> None:
    as_a_form = {"Content-Type": "application/x-www-form-urlencoded"}
    knobs = f"{ask.url}/_control/knobs"
    assert requests.post(knobs, data='{"job_polls": 3}', headers=as_a_form, timeout=5).status_code == 204
    assert requests.get(f"{ask.url}/_control/", timeout=5).json()["knobs"]["job_polls"] == 3


def test_control_tells_its_state_and_refuses_what_it_does_not_know(ask: Caller) -> None:
    ask("GET", "/iam/clients/me")
    ask.control("faults", {"path": "/x", "status": 503, "times": 2})
    look = requests.get(f"{ask.url}/_control/", timeout=5).json()
    assert look["calls"] == ["GET /iam/clients/me"]
    assert [fault["times"] for fault in look["faults"]] == [2]
    assert (ask("GET", "/x").status_code, ask("GET", "/y").status_code) == (503, 404)
    for path, body in (("knobs", {"speed": 1}), ("faults", {"kind": 1}), ("knobs", {"oddities": ["x"]})):
        refused = ask.control(path, body)
        assert refused.status_code == 400, path
        assert "nknown" in refused.json()["message"]
    assert ask.control("tasks/none", {"outcome": "Failed"}).status_code == 404
    ask.control("reset", {})
    assert requests.get(f"{ask.url}/_control/", timeout=5).json()["calls"] == []


def test_a_task_can_be_made_to_end_otherwise(ask: Caller, gcore_simulator: Simulator) -> None:
    body = {"template_code": "ResellerStatistics", "parameters": MONTH}
    path = f"/billing/org/v1/reports/{ask('POST', '/billing/org/v1/reports', json=body).json()['uuid']}"
    ask.control(f"tasks/{path.rpartition('/')[2]}", {"outcome": "Failed", "notes": ["no rates"]})
    answer = ask("GET", path).json()
    assert (answer["status"], answer["processing_notes"]["errors"]) == ("Failed", ["no rates"])
    assert ask("DELETE", path).status_code == 204
    assert ask("GET", path).status_code == 404


def test_beside_the_platform_its_reports_outlive_it(tmp_path: Path) -> None:
    file = tmp_path / "gcore-simulator.json"
    with beside(file) as gcore:
        assert gcore.url in file.read_text()
        body = {"template_code": "ResellerStatistics", "parameters": MONTH}
        made = Caller(gcore.url)("POST", "/billing/org/v1/reports", json=body).json()
        assert made["status"] == "Pending"
    assert not file.exists()
    with beside(file) as gcore:
        seen = Caller(gcore.url)("GET", f"/billing/org/v1/reports/{made['uuid']}")
        assert seen.json()["created_at"] == made["created_at"]


def test_forms_are_taken_too_and_other_bodies_are_not(ask: Caller) -> None:
    pair = ask("POST", "/iam/auth/jwt/login", token="", data={"username": USERNAME, "password": PASSWORD})
    assert pair.status_code == 200
    for body in (b"{", b"[]"):
        answer = ask("POST", "/iam/auth/jwt/login", token="", data=body)
        assert (answer.status_code, answer.json()["message"][:16]) == (400, "JSON parse error")
    assert ask("GET", "/iam/clients?limit=many").status_code == 400
