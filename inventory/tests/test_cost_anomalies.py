"""Planted days are found and steady ones are not; what was said of one holds for its like."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pytest

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory import anomalies
from inventory.models import AnomalyFeedback, AnomalyThresholds
from inventory.rows import CostRow
from inventory.services.bulk import Sent, resources_bulk
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource
from tests.browser import browser

URL: Final = "/api/v1/costs/anomalies"
LAST: Final = date(2026, 3, 31)


def usual(day: date) -> int:
    return 60 if day.weekday() >= 5 else 100


def days(count: int = 90, odd: dict[str, Any] | None = None, **fields: Any) -> list[CostRow]:
    """Costs up to LAST that repeat each week, but for the odd days."""
    every = [LAST - timedelta(days=n) for n in range(count)]
    return [bill(day, (odd or {}).get(day.isoformat(), usual(day)), **fields) for day in every]


def found(api: Any, **query: Any) -> list[tuple[str, ...]]:
    items = api.get(URL, query).json()["items"]
    return [(one["service"], one["start"], one["last"], one["impact"], one["status"]) for one in items]


def test_one_odd_day_is_found_with_its_service_and_in_the_total(
    api: Any, acme: Tenant, rival: Tenant
) -> None:
    load(acme, [*days(odd={"2026-03-25": "350.5"}), *days(service_name="S3")])
    load(rival, days(odd={"2026-03-20": 9999}))
    body = api.get(URL).json()
    (first, second) = body["items"]
    assert first | second == {**first, **second}
    assert (first["service"], first["account"], second["service"], second["account"]) == ("", "", "EC2", "7")
    assert {name: second[name] for name in ("currency", "start", "last", "actual", "expected", "impact")} == {
        "currency": "USD", "start": "2026-03-25", "last": "2026-03-25", "actual": "350.5",
        "expected": "100", "impact": "250.5",
    }  # fmt: skip
    assert (second["status"], second["note"], second["causes"]) == ("open", "", [])
    assert (body["total"], body["deviations"], body["percent"], body["minimum"]) == (2, 3.5, 15, "10")


def test_days_in_a_row_are_one_and_a_fall_is_one_too(api: Any, acme: Tenant) -> None:
    odd = {"2026-03-10": 300, "2026-03-11": 200, "2026-03-12": 0, "2026-03-14": 300}
    load(acme, days(odd=odd))
    assert [row[1:4] for row in found(api) if row[0]] == [
        ("2026-03-10", "2026-03-11", "300"),
        ("2026-03-14", "2026-03-14", "240"),
        ("2026-03-12", "2026-03-12", "-100"),
    ]


@pytest.mark.parametrize("amount", [100, 109, 114, 91])
def test_what_is_small_is_no_anomaly(api: Any, acme: Tenant, amount: int) -> None:
    load(acme, days(odd={"2026-03-25": amount}))
    assert found(api) == []


def test_a_weekend_is_held_against_weekends() -> None:
    series = np.array([[60.0 if n % 7 > 4 else 100.0 for n in range(63)]])
    series[0, 61] = 100  # a Sunday that costs as much as a Monday
    result = anomalies.find(series, 0, deviations=3.5, share=0.15, minimum=10)
    assert np.argwhere(result.unusual).tolist() == [[0, 61]]
    assert result.expected[0, 61] == pytest.approx(60)


def test_noise_is_not_found_and_what_stands_out_of_it_is() -> None:
    rng = np.random.default_rng(11)
    base = np.array([600.0 if n % 7 > 4 else 1000.0 for n in range(120)])
    series = base * rng.lognormal(0, 0.06, (40, 120))
    truth = {(row, 100 + row % 15) for row in range(0, 40, 2)}
    for row, day in truth:
        series[row, day] *= 1.9
    result = anomalies.find(series, 60, deviations=3.5, share=0.15, minimum=10)
    flagged = {(int(row), int(day)) for row, day in np.argwhere(result.unusual)}
    assert truth <= flagged
    assert len(flagged - truth) <= 0.015 * 40 * 60


def test_later_days_change_nothing() -> None:
    rng = np.random.default_rng(5)
    series = rng.lognormal(4, 0.4, (3, 90))
    asked = {"deviations": 2.0, "share": 0.1, "minimum": 1.0}
    whole = anomalies.find(series, 30, **asked)
    part = anomalies.find(series[:, :70], 30, **asked)
    assert (whole.unusual[:, :70] == part.unusual).all()
    assert not whole.unusual[:, : anomalies.LEAST].any()


def test_credits_and_new_services(api: Any, acme: Tenant) -> None:
    odd = {"2026-03-25": -500}
    load(acme, [*days(odd=odd), *days(3, service_name="New"), *days(3, service_name="Tiny", odd={})[:0]])
    rows = {row[0]: row[1:4] for row in found(api)}
    assert rows["EC2"] == ("2026-03-25", "2026-03-25", "-600")
    assert rows["New"] == ("2026-03-29", "2026-03-31", "260")


def test_purchases_and_short_histories_are_not_judged(api: Any, acme: Tenant) -> None:
    bought = bill("2026-03-25", 5000, charge_category="Purchase")
    load(acme, [*days(), bought])
    assert found(api) == []
    load(acme, days(20, odd={"2026-03-31": 5000}))
    assert found(api) == []


def judge(api: Any, day: str, status: str, **fields: Any) -> Any:
    body = {"currency": "USD", "service": "EC2", "account": "7", "day": day, "status": status, **fields}
    return api.post(f"{URL}/feedback", body)


def test_what_is_said_of_one_holds_for_its_like(api: Any, acme: Tenant) -> None:
    load(acme, days(odd={"2026-03-03": 300, "2026-03-17": 380, "2026-03-24": 900, "2026-03-26": 0}))
    answer = judge(api, "2026-03-03", "expected", note="Batch run.")
    assert (answer.status_code, answer.json()["status"]) == (201, "expected")
    of_ec2 = {row[1]: row[4] for row in found(api) if row[0] == "EC2"}
    assert of_ec2 == {
        "2026-03-03": "expected", "2026-03-17": "expected", "2026-03-24": "open", "2026-03-26": "open",
    }  # fmt: skip
    assert {row[4] for row in found(api) if not row[0]} == {"open"}
    judge(api, "2026-03-17", "acknowledged")
    assert [row[1] for row in found(api, status="acknowledged")] == ["2026-03-17"]
    judge(api, "2026-03-03", "resolved")
    assert AnomalyFeedback.objects.count() == 2
    changes = (
        AuditEntry.objects.filter(action="anomaly.judged").order_by("id").values_list("changes", flat=True)
    )
    assert [change["status"] for change in changes] == [
        ["open", "expected"], ["open", "acknowledged"], ["expected", "resolved"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "fields", [{"service": "S3"}, {"account": ""}, {"currency": "EUR"}, {"day": "2026-03-02"}]
)
def test_what_is_no_anomaly_cannot_be_judged(api: Any, acme: Tenant, fields: dict[str, str]) -> None:
    load(acme, days(odd={"2026-03-03": 300}))
    assert judge(api, **{"day": "2026-03-03", "status": "expected", **fields}).status_code == 404
    assert AnomalyFeedback.objects.count() == 0


def test_what_changed_about_its_resources_just_before_is_told(api: Any, acme: Tenant) -> None:
    mine: dict[str, Any] = {"resource_id": "i-1"}
    load(acme, [*days(odd={"2026-03-25": 350}, **mine), *days(service_name="S3", resource_id="i-2")])
    by = SYSTEM.enter("acme")
    rows = [
        resource(1, cloud_account_id="7", created_at="2026-03-24T05:00:00Z"),
        resource(2, cloud_account_id="7", created_at="2026-03-24T05:00:00Z"),
        resource(3, cloud_account_id="7", created_at="2026-03-22T05:00:00Z"),
    ]
    resources_bulk(by=by, sent=Sent(rows))
    total, ec2 = api.get(URL).json()["items"]
    told = [(cause["resource_id"], cause["kind"], cause["at"]) for cause in ec2["causes"]]
    assert told == [("i-1", "created", "2026-03-24T05:00:00Z")]
    assert {cause["resource_id"] for cause in total["causes"]} == {"i-1", "i-2"}


def test_thresholds_of_a_tenant_are_set_in_the_back_office(
    api: Any, acme: Tenant, staff: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    load(acme, days(odd={"2026-03-25": 350}))
    form = {"tenant": str(acme.pk), "deviations": 35, "percent": 15, "minimum": "300"}
    client = browser(staff)
    assert client.post("/admin/inventory/anomalythresholds/add/", form).status_code == 302
    assert (AnomalyThresholds.objects.get().minimum, found(api)) == (Decimal(300), [])
    row = AnomalyThresholds.objects.get()
    client.post(f"/admin/inventory/anomalythresholds/{row.pk}/change/", {**form, "minimum": "200"})
    with django_assert_max_num_queries(20):
        assert len(found(api)) == 2
    assert AuditEntry.objects.filter(action="anomaly_thresholds.set").count() == 2


def test_a_window_is_asked_for(api: Any, acme: Tenant) -> None:
    load(acme, days(150, odd={"2026-01-20": 300, "2026-01-21": 300, "2026-03-31": 300}))
    window = {"start": "2026-01-15", "end": "2026-01-31"}
    assert [row[1] for row in found(api, **window) if row[0]] == ["2026-01-20"]
    assert found(api, start="2026-01-21", end="2026-01-31") == []  # it began before
    assert found(api, start="2027-01-01") == []
    assert found(api, end="0001-01-01") == []
    assert len(found(api, start="0001-01-01", end="9999-12-31")) == 4


def test_no_anomaly_begins_on_the_first_day_of_all(api: Any, acme: Tenant) -> None:
    load(acme, days())
    said = {"currency": "USD", "service": "EC2", "account": "7", "day": "0001-01-01", "status": "expected"}
    assert api.post(f"{URL}/feedback", said, format="json").status_code == 404
