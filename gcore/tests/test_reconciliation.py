"""Gcore's figures beside our own: what matches, and each way in which they may not."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, Delivery, Tenant
from accounts.services.sending import deliver
from gcore.client import Expense, Price
from gcore.models import ClientMapping, FeatureMeter, ProviderImport, Reconciliation
from gcore.queries.reconciliation import Comparison, Line, comparison
from gcore.reconciliation_files import comparison_xlsx
from gcore.services.expenses import Found, expenses_store
from gcore.services.reconciliation import reconcile, reconcile_all
from gcore.tests.provided import MARCH, came_in, march, use
from gcore.tests.reports import map_client
from inventory.models import CostLine
from usage.models import Meter

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapping(acme: Tenant) -> ClientMapping:
    return map_client(acme)


def lines(tenant: Tenant, month: date = MARCH) -> dict[str, Line]:
    return {line.feature_id: line for line in comparison(tenant=tenant, month=month).lines}


def test_features_match_are_missing_extra_or_differ(acme: Tenant, mapping: ClientMapping) -> None:
    came_in(mapping, *march(1, 2))
    for feature, theirs, own in [
        ("1", "100", "99.00"),  # just within one per cent
        ("2", "100", "101.01"),
        ("3", "100", None),
        ("4", None, "7"),
        ("5", "0", "0"),
    ]:
        if theirs is not None:
            use(acme, date(2026, 3, 1), feature, theirs, "GB")
        if own is not None:
            use(acme, date(2026, 3, 2), feature, own)
    found = lines(acme)
    assert {id: line.findings for id, line in found.items()} == {
        "1": (),
        "2": ("differs",),
        "3": ("missing",),
        "4": ("extra",),
        "5": (),
    }
    two = found["2"]
    assert (two.provider, two.own, two.difference) == (Decimal(100), Decimal("101.01"), Decimal("1.01"))
    assert (two.percent, two.unit, two.feature_name, two.measured_by) == (
        Decimal("1.01"), "GB", "Feature 2", "default",
    )  # fmt: skip
    assert comparison(tenant=acme, month=MARCH).counts == {
        "matched": 2, "differs": 1, "missing": 1, "extra": 1,
    }  # fmt: skip


def test_only_days_that_have_all_come_in_are_compared(acme: Tenant, mapping: ClientMapping) -> None:
    came_in(mapping, *march(3, 4, 6))
    came_in(mapping, *march(5), state="waiting")
    ProviderImport.objects.filter(day=date(2026, 3, 5), kind="waap").update(state="completed")
    for day in range(2, 8):
        use(acme, date(2026, 3, day), "92", "10", "GB")
        use(acme, date(2026, 3, day), "92", "10")
    found = comparison(tenant=acme, month=MARCH)
    assert (found.starts_on, found.ends_on, found.is_whole) == (date(2026, 3, 3), date(2026, 3, 5), False)
    (line,) = found.lines
    assert (line.provider, line.own, line.findings) == (Decimal(20), Decimal(20), ())


def test_nothing_is_compared_while_nothing_has_come_in(acme: Tenant, mapping: ClientMapping) -> None:
    use(acme, date(2026, 3, 3), "92", "10")
    found = comparison(tenant=acme, month=MARCH)
    assert (found.starts_on, found.ends_on, found.lines) == (MARCH, MARCH, [])
    assert reconcile(tenant=acme, month=MARCH) is None


def test_another_tenants_and_other_providers_usage_is_not_ours(
    acme: Tenant, rival: Tenant, mapping: ClientMapping
) -> None:
    came_in(mapping, *march(1))
    use(acme, date(2026, 3, 1), "92", "10", "GB")
    use(rival, date(2026, 3, 1), "92", "10")
    use(acme, date(2026, 3, 1), "92", "10", service_provider="aws")
    assert lines(acme)["92"].findings == ("missing",)
    assert lines(rival) == {}


def test_a_meter_of_the_tenants_own_takes_the_defaults_place(acme: Tenant, mapping: ClientMapping) -> None:
    meter = Meter.objects.create(
        tenant=acme, slug="edge-bytes", name="Bytes", aggregation="sum", value="metrics.usage",
        filter='service_type = "edge"',
    )  # fmt: skip
    FeatureMeter.objects.create(tenant=acme, feature_id="92", meter=meter, factor=Decimal("0.000000001"))
    came_in(mapping, *march(1))
    use(acme, date(2026, 3, 1), "92", "12.5", "GB")
    use(acme, date(2026, 3, 1), "92", "3")
    use(acme, date(2026, 3, 1), "sent", "12500000000", service_type="edge", service_provider="own")
    line = lines(acme)["92"]
    assert (line.own, line.measured_by, line.findings) == (Decimal("12.5"), "edge-bytes", ())
    Meter.objects.update(is_active=False)
    assert (lines(acme)["92"].own, lines(acme)["92"].measured_by) == (Decimal(3), "default")


def test_a_unit_that_changed_is_told_and_units_are_never_added(acme: Tenant, mapping: ClientMapping) -> None:
    came_in(mapping, *(date(2026, 2, day) for day in range(1, 29)), *march(*range(1, 8)))
    for feature, before, now in [("1", "GB", ["MB"]), ("2", "GB", ["GB", "MB"]), ("3", "GB", ["GB"])]:
        for day in range(1, 29):
            use(acme, date(2026, 2, day), feature, "1", before)
        for day in range(1, 8):
            use(acme, date(2026, 3, day), feature, "1", now[day % len(now)])
            use(acme, date(2026, 3, day), feature, "1")
    found = lines(acme)
    assert {id: line.findings for id, line in found.items()} == {
        "1": ("unit_changed",), "2": ("unit_changed",), "3": (),
    }  # fmt: skip
    assert (found["1"].provider, found["1"].before) == (Decimal(7), None)
    assert (found["2"].provider, found["2"].unit, found["2"].difference) == (None, "GB, MB", None)
    assert (found["3"].provider, found["3"].before) == (Decimal(7), Decimal(7))


@pytest.mark.parametrize(
    ("daily", "days", "jumps"),
    [("2", 7, False), ("2.01", 7, True), ("0.5", 7, False), ("0.49", 7, True), ("9", 6, False)],
)
def test_a_jump_is_measured_by_the_day_and_after_a_week(
    acme: Tenant, mapping: ClientMapping, daily: str, days: int, jumps: bool
) -> None:
    came_in(mapping, *(date(2026, 2, day) for day in range(19, 29)), *march(*range(1, days + 1)))
    for day in range(19, 29):
        use(acme, date(2026, 2, day), "92", "1", "GB")
    for day in range(1, days + 1):
        use(acme, date(2026, 3, day), "92", daily, "GB")
        use(acme, date(2026, 3, day), "92", daily)
    assert ("jump" in lines(acme)["92"].findings) is jumps


def test_a_feature_that_is_used_no_more_has_jumped_to_nothing(acme: Tenant, mapping: ClientMapping) -> None:
    came_in(mapping, date(2026, 2, 1), *march(*range(1, 8)))
    use(acme, date(2026, 2, 1), "92", "1", "GB")
    line = lines(acme)["92"]
    assert (line.provider, line.before, line.findings) == (Decimal(0), Decimal(7), ("jump",))


def expense(money: str, **fields: Any) -> Expense:
    usual: dict[str, Any] = {
        "id": "1", "client_id": 829449, "client_name": "", "product": "CDN", "feature_id": 92,
        "feature_name": "Delivery", "region": "", "for_date": MARCH, "period_start": MARCH,
        "period_end": date(2026, 4, 1), "money": Decimal(money), "tax": Decimal("9.9"), "currency": "EUR",
        "usage": Decimal(31), "unit": "GB", "rule": "commit", "deleted": False,
    }  # fmt: skip
    return Expense(**{**usual, **fields})


def price(**fields: Any) -> dict[int, Price]:
    usual: dict[str, Any] = {"feature_id": 92, "unit": "GB", "currency": "EUR", "value": Decimal("0.5")}
    return {92: Price(**{**usual, **fields})}


@pytest.mark.parametrize(
    ("charged", "known", "recomputed", "findings"),
    [
        ([expense("15.5")], price(), "15.5", ()),
        ([expense("15.00"), expense("0.5", id="2")], price(), "15.5", ()),
        ([expense("16")], price(), "15.5", ("price_differs",)),
        ([expense("16")], price(unit="MB"), None, ()),
        ([expense("16")], price(currency="USD"), None, ()),
        ([expense("8"), expense("8", id="2", currency="USD")], price(), None, ()),
        ([expense("16")], {}, None, ()),
    ],
)
def test_usage_times_price_is_held_against_what_was_charged(
    acme: Tenant,
    mapping: ClientMapping,
    charged: list[Any],
    known: Any,
    recomputed: str | None,
    findings: tuple[str, ...],
) -> None:
    came_in(mapping, *march(*range(1, 32)))
    for day in range(1, 32):
        use(acme, date(2026, 3, day), "92", "1", "GB")
        use(acme, date(2026, 3, day), "92", "1")
    expenses_store(mapping=mapping, month=MARCH, found=Found(charged, known))
    line = lines(acme)["92"]
    assert line.recomputed == (None if recomputed is None else Decimal(recomputed))
    assert line.findings == findings
    ProviderImport.objects.filter(day=date(2026, 3, 31)).delete()
    assert (lines(acme)["92"].billed, lines(acme)["92"].findings) == (None, ())  # the month is not whole
    assert CostLine.objects.count() == 2 * len(charged)


@pytest.fixture
def compared(acme: Tenant, mapping: ClientMapping) -> Comparison:
    came_in(mapping, *march(1))
    use(acme, date(2026, 3, 1), "92", "100.10", "GB")
    use(acme, date(2026, 3, 1), "92", "90")
    use(acme, date(2026, 3, 1), "94", "5", "pcs")
    use(acme, date(2026, 3, 1), "94", "5")
    return comparison(tenant=acme, month=MARCH)


def test_the_api_answers_as_json_csv_and_xlsx(
    compared: Comparison, client_for: Any, key: Any, stranger_key: str
) -> None:
    client: APIClient = client_for(key("read"))
    answer = client.get("/reports/reconciliation?month=2026-03")
    assert answer.status_code == 200
    body = answer.json()
    assert body["counts"] == {"differs": 1, "matched": 1}
    assert (body["starts_on"], body["ends_on"], body["is_whole"]) == ("2026-03-01", "2026-03-02", False)
    assert body["lines"][0] == {
        "status": "differs", "findings": ["differs"], "feature_id": "92", "feature_name": "Feature 92",
        "product": "cdn", "unit": "GB", "provider": "100.1", "own": "90", "measured_by": "default",
        "difference": "-10.1", "percent": "-10.09", "before": None, "price": None, "recomputed": None,
        "billed": None, "currency": "",
    }  # fmt: skip
    lax = client.get("/api/v1/reports/reconciliation/?month=2026-03&tolerance=10.1").json()
    assert lax["counts"] == {"matched": 2}
    sheet = load_workbook(
        io.BytesIO(client.get("/reports/reconciliation?month=2026-03&format=xlsx").content)
    ).active
    rows = list(sheet.values)
    assert rows[1][:4] == ("differs", "92", "Feature 92", "cdn")
    assert rows[1][5:7] == (100.1, 90)
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:P3")
    text = client.get("/reports/reconciliation?month=2026-03", HTTP_ACCEPT="text/csv").content.decode()
    assert text.splitlines()[1].startswith("differs,92,Feature 92,cdn,GB,100.1,90,default,-10.1,-10.09,")
    assert client_for(stranger_key).get("/reports/reconciliation?month=2026-03").json()["lines"] == []


def test_what_is_reckoned_is_a_number_in_a_spreadsheet(compared: Comparison) -> None:
    line = replace(compared.lines[0], before=Decimal("1577.59221290322580645161"))
    sheet = load_workbook(io.BytesIO(comparison_xlsx(replace(compared, lines=[line])))).active
    assert list(sheet.values)[1][10] == 1577.59221290323


@pytest.mark.parametrize("query", ["", "month=2026-13", "month=2026-03&tolerance=-1", "month=2026-03&jump=x"])
def test_a_question_that_makes_no_sense_is_refused(client_for: Any, key: Any, query: str) -> None:
    answer = client_for(key("read")).get(f"/reports/reconciliation?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "validation_error")


def test_an_answer_takes_as_many_questions_however_many_features(acme: Tenant, compared: Comparison) -> None:
    with CaptureQueriesContext(connection) as few:
        comparison(tenant=acme, month=MARCH)
    for feature in range(200, 230):
        use(acme, date(2026, 3, 1), str(feature), "1", "GB")
    with CaptureQueriesContext(connection) as many:
        comparison(tenant=acme, month=MARCH)
    assert len(many) == len(few)


def raised() -> list[str]:
    found = ActivityEntry.objects.filter(type__startswith="reconciliation.")
    return list(found.order_by("seq").values_list("type", flat=True))


def test_new_problems_are_told_once_and_their_end_too(acme: Tenant, compared: Comparison) -> None:
    Tenant.objects.filter(pk=acme.pk).update(contact_email="ops@acme.example")
    acme.refresh_from_db()
    reconcile(tenant=acme, month=MARCH)
    reconcile(tenant=acme, month=MARCH)
    assert raised() == ["reconciliation.raised"]
    payload = ActivityEntry.objects.get(type="reconciliation.raised").payload
    assert payload["problems"] == [
        {"feature_id": "92", "feature_name": "Feature 92", "findings": ["differs"]}
    ]
    assert Delivery.objects.filter(kind="mail", target="ops@acme.example").count() == 1
    kept = Reconciliation.objects.get()
    assert (kept.problems, kept.counts) == (["92 differs"], {"differs": 1, "matched": 1})
    use(acme, date(2026, 3, 1), "94", "0.5")
    reconcile(tenant=acme, month=MARCH)
    assert raised() == ["reconciliation.raised"] * 2
    use(acme, date(2026, 3, 1), "92", "10.10")
    use(acme, date(2026, 3, 1), "94", "-0.5")
    reconcile(tenant=acme, month=MARCH)
    assert raised() == ["reconciliation.raised"] * 2 + ["reconciliation.resolved"]
    assert Reconciliation.objects.get().problems == []


def test_who_meters_nothing_of_gcores_is_not_told_that_all_is_missing(
    acme: Tenant, mapping: ClientMapping
) -> None:
    came_in(mapping, *march(1))
    use(acme, date(2026, 3, 1), "92", "100", "GB")
    reconcile(tenant=acme, month=MARCH)
    assert Reconciliation.objects.get().counts == {"missing": 1}
    assert raised() == []


def test_the_month_before_is_compared_until_its_tenth_day_is_over(acme: Tenant, compared: Comparison) -> None:
    for now, months in [
        (datetime(2026, 3, 5, tzinfo=UTC), 1),
        (datetime(2026, 4, 10, 23, tzinfo=UTC), 1),
        (datetime(2026, 4, 11, tzinfo=UTC), 0),
    ]:
        assert reconcile_all(now=now) == months


def test_the_mail_reads_well(acme: Tenant, compared: Comparison) -> None:
    acme.contact_email = "ops@acme.example"
    acme.save()
    reconcile(tenant=acme, month=MARCH)
    deliver(delivery_id=Delivery.objects.get().pk)
    (letter,) = mail.outbox
    assert letter.subject == "Gcore and our figures differ: 2026-03 (acme)"
    assert "92 Feature 92: differs" in letter.body
