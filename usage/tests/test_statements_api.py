"""Statements over HTTP."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from usage.models import Adjustment, Statement, StatementLine, UsageEvent
from usage.tests.bills import ACCEPTED, close, make_rule, make_usage

Client = Callable[..., APIClient]
STATEMENTS = "/api/v1/statements"
TEN = {"units": "10", "rate": "0.25", "amount": "2.5", "up_to": None}


@pytest.fixture
def month(acme: Tenant) -> Tenant:
    make_rule(acme)
    make_usage(acme, "a", 10, billing_info={"total_cost": 2})
    return acme


def test_a_month_is_previewed_closed_and_read(client_for: Client, owner: User, month: Tenant) -> None:
    client = client_for(owner)
    preview = client.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()
    assert (preview["status"], preview["totals"], preview["pending"]) == ("open", {"USD": "2.50"}, 0)
    assert preview["complete_through"] is not None
    (line,) = preview["lines"]
    assert line == {
        "rule_id": line["rule_id"],
        "service_type": "llm_service",
        "service_provider": "openai",
        "model": "gpt-4",
        "unit": "tokens",
        "scheme": "per_unit",
        "starts_at": "2026-03-01T00:00:00Z",
        "ends_at": "2026-04-01T00:00:00Z",
        "quantity": "10",
        "unit_price": "0.25",
        "unrounded": "2.5",
        "amount": "2.50",
        "currency": "USD",
        "explanation": {"before": "0", "steps": [TEN], "minimum": "0"},
        "billed_by_sender": {"USD": "2"},
        "explain": "/api/v1/usage/explain?tenant_id=acme&start_date=2026-03-01T00%3A00%3A00Z"
        "&end_date=2026-04-01T00%3A00%3A00Z&service_type=llm_service&service_provider=openai&model=gpt-4"
        f"&rule_id={line['rule_id']}&metric=tokens",
    }
    assert not Statement.objects.exists()
    made = client.post(STATEMENTS, {"month": "2026-03"})
    assert made.status_code == 201, made.content
    statement = made.json()
    assert (statement["number"], statement["month"], statement["totals"]) == (1, "2026-03", {"USD": "2.50"})
    known = {**line, "explain": f"{line['explain']}&as_of={quote(statement['as_of'])}"}
    assert (statement["lines"], statement["adjustments"]) == ([known], [])
    assert statement["rules"][0]["terms"]["tiers"][0]["rate"] == "0.25"
    assert client.get(f"{STATEMENTS}/{statement['id']}").json() == statement
    (listed,) = client.get(STATEMENTS).json()["items"]
    assert {**statement, **listed} == statement
    assert client.post(STATEMENTS, {"month": "2026-03"}).status_code == 409
    again = client.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()
    assert (again["status"], again["lines"]) == ("closed", [line])


def test_the_preview_tells_what_was_known(client_for: Client, viewer: User, month: Tenant) -> None:
    client = client_for(viewer)
    make_usage(month, "late", 4, received_at=datetime(2026, 4, 20, tzinfo=UTC))

    def known(as_of: str) -> Any:
        answer = client.get(f"{STATEMENTS}/preview", {"month": "2026-03", "as_of": as_of}).json()
        return answer["totals"].get("USD"), answer["as_of"]

    assert known("2026-03-30T00:00:00Z") == (None, "2026-03-30T00:00:00Z")
    assert known("2026-04-01") == ("2.50", "2026-04-01T00:00:00Z")
    assert known("2026-04-21T00:00:00+02:00") == ("3.50", "2026-04-20T22:00:00Z")


@pytest.mark.parametrize(
    "query",
    [{}, {"month": "March"}, {"month": "2026-13"}, {"month": "0000-01"}, {"month": "2026-03", "as_of": "x"}],
)
def test_a_month_has_one_form(client_for: Client, viewer: User, query: dict[str, str]) -> None:
    answer = client_for(viewer).get(f"{STATEMENTS}/preview", query)
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")


@pytest.mark.parametrize("month_", ["0001-01", "9999-12"])
def test_the_ends_of_the_calendar_are_refused(client_for: Client, owner: User, month_: str) -> None:
    assert client_for(owner).get(f"{STATEMENTS}/preview", {"month": month_}).status_code == 400
    assert client_for(owner).post(STATEMENTS, {"month": month_}).status_code == 400


def test_an_adjustment_is_made_once(client_for: Client, owner: User, month: Tenant) -> None:
    client = client_for(owner)
    path = f"{STATEMENTS}/{close(month).pk}"
    nothing = client.post(f"{path}/adjustments", {})
    assert (nothing.status_code, nothing.json()) == (200, {"adjustment": None})
    UsageEvent.objects.update(ended_at=datetime.now(UTC))
    made = client.post(f"{path}/adjustments", {"reason": "voided by mistake"})
    assert made.status_code == 201
    adjustment = made.json()["adjustment"]
    assert (adjustment["number"], adjustment["reason"]) == (1, "voided by mistake")
    assert adjustment["totals"] == {"USD": "-2.50"}
    (line,) = adjustment["lines"]
    assert (line["quantity"], line["unrounded"], line["amount"]) == ("-10", "-2.5", "-2.50")
    assert line["billed_by_sender"] == {"USD": "-2"}
    assert client.post(f"{path}/adjustments", {}).status_code == 200
    assert client.get(f"{path}/adjustments").json() == [adjustment] == client.get(path).json()["adjustments"]
    assert client.get(f"{path}/verify").json()["valid"] is True


def test_verify_names_what_was_changed(client_for: Client, viewer: User, month: Tenant) -> None:
    statement = close(month)
    path = f"{STATEMENTS}/{statement.pk}/verify"
    right = {"valid": True, "digest": statement.digest, "problems": []}
    assert client_for(viewer).get(path).json() == right
    StatementLine.objects.update(quantity=Decimal(9))
    assert client_for(viewer).get(path).json() == {
        "valid": False,
        "digest": statement.digest,
        "problems": ["the digest of the statement is not that of its content"],
    }


def test_only_admins_close_and_adjust(client_for: Client, member: User, month: Tenant) -> None:
    statement = close(month)
    client = client_for(member)
    assert client.get(STATEMENTS).json()["total"] == 1
    assert client.post(STATEMENTS, {"month": "2026-02"}).status_code == 403
    assert client.post(f"{STATEMENTS}/{statement.pk}/adjustments", {}).status_code == 403
    assert (Statement.objects.count(), Adjustment.objects.count()) == (1, 0)


@pytest.fixture
def evil(acme: Tenant) -> Statement:
    """A statement whose texts are formulas and whose numbers are longer than a spreadsheet's."""
    make_rule(acme, tiers=[{"rate": "0.123456789012345678"}])
    make_usage(acme, "a", 1, service_provider="=HYPERLINK(1)", metadata={"model": "@cmd"})
    make_usage(acme, "b", 2, service_provider="-2+3", metadata={"model": "x\ty"})
    statement = close(acme)
    make_usage(
        acme, "c", 4, service_provider="-2+3", metadata={"model": "x\ty"}, received_at=datetime.now(UTC)
    )
    return statement


def test_csv_and_xlsx_hold_every_line_and_no_formula(
    client_for: Client, owner: User, evil: Statement
) -> None:
    client = client_for(owner)
    path = f"{STATEMENTS}/{evil.pk}"
    assert client.post(f"{path}/adjustments", {}).status_code == 201
    answer = client.get(path, {"format": "csv"})
    assert answer["Content-Type"] == "text/csv"
    assert answer["Content-Disposition"] == 'attachment; filename="statement-acme-2026-03.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    told = [(row["document"], row["service_provider"], row["quantity"], row["amount"]) for row in rows]
    assert told == [
        ("statement 1", "'-2+3", "2", "0.25"),
        ("statement 1", "'=HYPERLINK(1)", "1", "0.12"),
        ("adjustment 1", "'-2+3", "4", "0.49"),
    ]
    assert rows[1]["unrounded"] == "0.123456789012345678"
    assert rows[1]["model"] == "'@cmd"

    book = openpyxl.load_workbook(io.BytesIO(client.get(path, {"format": "xlsx"}).content))
    sheet: Any = book.active
    header, *lines = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    found = [dict(zip(header, line, strict=True)) for line in lines]
    assert [line["service_provider"] for line in found] == ["-2+3", "=HYPERLINK(1)", "-2+3"]
    assert [line["amount"] for line in found] == [0.25, 0.12, 0.49]
    assert found[1]["unrounded"] == "0.123456789012345678"  # a binary fraction would lose digits


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ({}, "text/csv", "text/csv"),
        ({}, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
         "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ({"format": "json"}, "text/csv", "application/json"),
        ({}, "*/*", "application/json"),
    ],
)  # fmt: skip
def test_the_form_of_the_answer(
    client_for: Client, owner: User, month: Tenant, query: dict[str, str], accept: str, content_type: str
) -> None:
    answer = client_for(owner, accept=accept).get(f"{STATEMENTS}/{close(month).pk}", query)
    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)


def test_an_unknown_form_is_refused(client_for: Client, owner: User, month: Tenant) -> None:
    answer = client_for(owner).get(f"{STATEMENTS}/{close(month).pk}", {"format": "pdf"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "format")


def test_a_stranger_finds_none(client_for: Client, stranger: User, month: Tenant) -> None:
    statement = close(month)
    client = client_for(stranger)
    assert client.get(STATEMENTS).json()["total"] == 0
    for path in ("", "/adjustments", "/verify", "?format=csv"):
        assert client.get(f"{STATEMENTS}/{statement.pk}{path}").status_code == 404
    assert client.get(f"{STATEMENTS}/preview", {"month": "2026-03"}).json()["lines"] == []
    assert client.post(f"{STATEMENTS}/{statement.pk}/adjustments", {}).status_code == 404
    assert statement.as_of > ACCEPTED
