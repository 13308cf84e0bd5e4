"""Budgets in the console: made, seen, changed and deleted by whoever may."""

from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine
from django.test import Client

from accounts.models import Tenant, User
from inventory.models import Budget
from inventory.tests.bills import bill, load
from tests.browser import Page, browser

URL: Final = "/console/budgets"
FORM: Final = {
    "name": "Clouds", "amount": "100.50", "currency": "USD", "period": "month", "cost": "billed",
    "filter": "provider = aws", "actual": "50, 80 %", "forecast": "100",
    "emails": "a@example.com, b@example.com", "is_active": "on",
}  # fmt: skip


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def test_an_empty_page_says_what_budgets_are_for(person: Client, viewer: User) -> None:
    assert "Make the first one" in shown(person.get(URL))
    assert "Make the first one" not in shown(browser(viewer).get(URL))


def test_a_budget_is_made_changed_and_deleted(person: Client, acme: Tenant) -> None:
    assert "The budget Clouds is saved." in shown(person.post(f"{URL}/new", FORM, follow=True))
    budget = Budget.objects.get()
    assert (budget.tenant, budget.amount, budget.filter) == (acme, Decimal("100.50"), "provider = aws")
    assert budget.thresholds == [
        {"percent": 50, "of": "actual"}, {"percent": 80, "of": "actual"}, {"percent": 100, "of": "forecast"},
    ]  # fmt: skip
    assert budget.emails == ["a@example.com", "b@example.com"]
    form = person.get(f"{URL}/{budget.pk}").context["form"]
    assert (form["amount"].value(), form["actual"].value(), form["forecast"].value()) == (
        "100.5",
        "50, 80",
        "100",
    )
    person.post(f"{URL}/{budget.pk}", {**FORM, "amount": "7", "actual": "", "is_active": ""})
    budget.refresh_from_db()
    assert (budget.amount, budget.thresholds, budget.is_active) == (
        Decimal(7), [{"percent": 100, "of": "forecast"}], False,
    )  # fmt: skip
    assert "not watched" in shown(person.get(URL))
    person.post(f"{URL}/{budget.pk}", {"do": "delete"})
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"amount": "-1"}, 400, "above 0"),
        ({"amount": "much"}, 400, "Enter a number."),
        ({"currency": "euro"}, 400, "three capital letters"),
        ({"actual": "half"}, 400, "Percentages such as"),
        ({"actual": "0"}, 400, "thresholds"),
        ({"emails": "nobody"}, 400, "is no e-mail address"),
        ({"filter": "provider =="}, 400, "provider ==\n          ↑"),
        ({"name": "Taken"}, 409, "already"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(
    person: Client, acme: Tenant, changes: dict[str, str], code: int, told: str
) -> None:
    Budget.objects.create(tenant=acme, name="Taken", amount=1, currency="USD")
    answer = person.post(f"{URL}/new", {**FORM, **changes})
    assert (answer.status_code, Budget.objects.count()) == (code, 1)
    assert told in answer.content.decode()
    shown(answer)


@time_machine.travel("2026-03-11T12:00Z", tick=False)
def test_bars_show_what_is_spent(person: Client, acme: Tenant) -> None:
    load(acme, [bill(f"2026-03-{day:02}", 10) for day in range(1, 11)])
    for name, amount in (("Large", 1000), ("Small", 50)):
        Budget.objects.create(tenant=acme, name=name, amount=amount, currency="USD")
    large, small = person.get(URL).context["rows"]
    assert (large.drawn, large.mark, int(large.standing.actual)) == (10.0, "good", 100)
    assert (small.drawn, small.expected, small.mark) == (100.0, 100.0, "bad")
    seen = shown(person.get(URL))
    assert "200 % spent" in seen
    assert '<rect class="drawn good" width="10.0"' in seen


def test_viewers_change_none_and_strangers_find_none(acme: Tenant, viewer: User, stranger: User) -> None:
    budget = Budget.objects.create(tenant=acme, name="Secret", amount=1, currency="USD")
    one = f"{URL}/{budget.pk}"
    assert "Secret" in shown(browser(viewer).get(URL))
    assert one not in shown(browser(viewer).get(URL))
    for url in (one, f"{URL}/new"):
        assert browser(viewer).get(url).status_code == 403
        assert browser(viewer).post(url, FORM).status_code == 403
    assert "Secret" not in shown(browser(stranger).get(URL))
    assert browser(stranger).get(one).status_code == 404
    assert browser(stranger).post(one, {"do": "delete"}).status_code == 404
    assert Budget.objects.get().name == "Secret"
