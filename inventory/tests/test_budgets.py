"""A budget's thresholds on what was spent and on the forecast are each told once in a period."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine

from accounts.exact import canonical
from accounts.models import ActivityEntry, Delivery, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import Budget, BudgetNotice, ExchangeRate
from inventory.queries.budgets import budget_standing
from inventory.rows import CostRow
from inventory.services.budgets import budget_create, budgets_evaluate
from inventory.tests.bills import bill, load
from tests.browser import browser

URL: Final = "/api/v1/budgets"
NOW: Final = datetime(2026, 3, 11, 12, tzinfo=UTC)
MARCH: Final = {
    "name": "March", "amount": "1000", "currency": "USD", "emails": ["ops@acme.example"],
    "thresholds": [{"percent": 50, "of": "actual"}, {"percent": 100, "of": "actual"},
                   {"percent": 100, "of": "forecast"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def days(amount: int, last: date = date(2026, 3, 10), count: int = 40, **fields: Any) -> list[CostRow]:
    return [bill(last - timedelta(days=n), amount, **fields) for n in range(count)]


def made(tenant: Tenant, **fields: Any) -> Budget:
    return budget_create(by=SYSTEM, tenant=tenant, **{**MARCH, "amount": Decimal(1000), **fields})


def told() -> list[tuple[str, int, str]]:
    entries = ActivityEntry.objects.filter(type="budget.crossed").order_by("seq")
    return [(entry.payload["of"], entry.payload["percent"], entry.payload["value"]) for entry in entries]


def test_each_threshold_is_told_once_by_activity_and_mail(acme: Tenant, rival: Tenant, clock: Any) -> None:
    load(acme, days(50))
    load(rival, days(5000))
    made(acme)
    assert budgets_evaluate() == 2
    assert told() == [("actual", 50, "500"), ("forecast", 100, "1550")]
    assert budgets_evaluate() == 0
    mails = Delivery.objects.filter(kind=Delivery.Kind.MAIL)
    assert [(mail.target, mail.event_type) for mail in mails] == [("ops@acme.example", "budget.crossed")] * 2
    load(acme, days(100))
    assert budgets_evaluate() == 1
    assert told()[2] == ("actual", 100, "1000")
    clock.move_to(datetime(2026, 4, 10, 12, tzinfo=UTC))
    load(acme, days(50, date(2026, 4, 9), 70))
    assert budgets_evaluate() == 1  # another period, of which 450 are spent and 1500 to come
    assert told()[3] == ("forecast", 100, "1500")


def test_a_forecast_of_the_first_days_is_not_told(acme: Tenant, clock: Any) -> None:
    load(acme, days(50, date(2026, 3, 4)))
    budget = made(acme)
    clock.move_to(datetime(2026, 3, 5, 12, tzinfo=UTC))
    assert budget_standing(budget).forecast == 1550
    assert budgets_evaluate() == 0
    clock.move_to(datetime(2026, 3, 6, 12, tzinfo=UTC))
    assert budgets_evaluate() == 1


def test_what_was_spent_is_told_to_the_last_digit(acme: Tenant) -> None:
    ExchangeRate.objects.create(
        tenant=acme, currency="USD", to_currency="CHF", valid_from="2026-01-01",
        rate=Decimal("1.123456789012345678"),
    )  # fmt: skip
    amounts = (Decimal("12345678901.5"), Decimal("0.00000000000001"))
    load(acme, [bill(f"2026-03-0{day}", amount) for day, amount in enumerate(amounts, 1)])
    found = budget_standing(made(acme, currency="CHF"), NOW).actual
    assert canonical(found) == "13869836776.85665305990932395156789012345678"


@pytest.mark.parametrize(
    ("fields", "actual"),
    [
        ({}, "700"),
        ({"cost": "effective"}, "500"),
        ({"filter": "service_name = S3"}, "100"),
        ({"period": "quarter"}, "2700"),
        ({"currency": "CHF"}, "1400"),
    ],
)
def test_what_counts(acme: Tenant, fields: dict[str, str], actual: str) -> None:
    ExchangeRate.objects.create(
        tenant=acme, currency="USD", to_currency="CHF", valid_from="2026-01-01", rate=Decimal(2)
    )
    load(
        acme,
        [
            *days(60, effective_cost=Decimal(40)),
            *days(10, count=30, service_name="S3"),
            *days(7, currency="EUR", count=5),
        ],
    )
    standing = budget_standing(made(acme, **fields))
    left_out = [] if "filter" in fields else ["EUR"]
    assert (standing.actual, standing.left_out) == (Decimal(actual), left_out)


def test_without_costs_there_is_nothing_to_tell(acme: Tenant) -> None:
    budget = made(acme)
    standing = budget_standing(budget)
    assert (standing.actual, standing.forecast) == (Decimal(0), None)
    assert budgets_evaluate() == 0


def test_old_costs_say_nothing_of_now(acme: Tenant) -> None:
    load(acme, days(100, date(2024, 6, 30)))
    standing = budget_standing(made(acme))
    assert (standing.actual, standing.forecast) == (Decimal(0), None)


def test_one_that_cannot_be_read_stops_no_other(acme: Tenant) -> None:
    load(acme, days(50))
    broken, off = made(acme, name="broken"), made(acme, name="off", is_active=False)
    made(acme)
    Budget.objects.filter(pk=broken.pk).update(filter="(")
    assert budgets_evaluate() == 2
    assert not BudgetNotice.objects.filter(budget__in=[broken, off]).exists()


def test_over_the_api(api: Any, acme: Tenant) -> None:
    load(acme, days(50))
    made_now = api.post(URL, MARCH)
    assert (made_now.status_code, made_now.json()["amount"], made_now.json()["period"]) == (
        201,
        "1000",
        "month",
    )
    assert api.post(URL, MARCH).status_code == 409
    url = f"{URL}/{made_now.json()['id']}"
    budgets_evaluate()
    standing = api.get(f"{url}/standing").json()
    notices = [(notice["of"], notice["percent"], notice["value"]) for notice in standing.pop("notices")]
    assert sorted(notices) == [("actual", 50, "500"), ("forecast", 100, "1550")]
    assert standing == {
        "start": "2026-03-01", "end": "2026-04-01", "amount": "1000", "currency": "USD", "actual": "500",
        "percent": "50", "forecast": "1550", "missing_rates": [],
    }  # fmt: skip
    assert api.patch(url, {"amount": "2000", "thresholds": []}).json()["amount"] == "2000"
    assert [row["name"] for row in api.get(URL).json()["items"]] == ["March"]
    assert api.delete(url).status_code == 204
    assert (Budget.objects.count(), BudgetNotice.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1.000000000000001"}, "amount"),
        ({"currency": "euro"}, "currency"),
        ({"filter": "colour = red"}, "filter"),
        ({"period": "week"}, "period"),
        ({"emails": ["nobody"]}, "emails.0"),
        ({"thresholds": [{"percent": 0, "of": "actual"}]}, "thresholds.0.percent"),
        ({"thresholds": [{"percent": 50, "of": "hope"}]}, "thresholds.0.of"),
    ],
)
def test_a_definition_that_is_wrong(api: Any, fields: dict[str, Any], field: str) -> None:
    answer = api.post(URL, {**MARCH, **fields}, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert Budget.objects.count() == 0


def test_in_the_back_office(staff: User, acme: Tenant) -> None:
    client = browser(staff)
    form = {
        "tenant": str(acme.pk), "name": "Ops", "amount": "10", "currency": "USD", "period": "month",
        "cost": "billed", "filter": "", "thresholds": '[{"percent": 80, "of": "actual"}]', "emails": "[]",
        "is_active": "on",
    }  # fmt: skip
    assert client.post("/admin/inventory/budget/add/", form).status_code == 302
    budget = Budget.objects.get()
    wrong = {**form, "thresholds": '[{"percent": "80"}]'}
    client.post(f"/admin/inventory/budget/{budget.pk}/change/", wrong)
    client.post(f"/admin/inventory/budget/{budget.pk}/change/", {**form, "amount": "20"})
    budget.refresh_from_db()
    assert (budget.amount, budget.thresholds) == (20, [{"percent": 80, "of": "actual"}])
    load(acme, days(50))
    budgets_evaluate()
    assert client.get("/admin/inventory/budgetnotice/?q=acme").context["cl"].result_count == 1
    client.post(f"/admin/inventory/budget/{budget.pk}/delete/", {"post": "yes"})
    assert Budget.objects.count() == 0
