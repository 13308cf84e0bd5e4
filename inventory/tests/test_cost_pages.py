"""The explorer of costs in the console, its forecast and its unusual days."""

from datetime import date, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.test import Client

from accounts.exact import canonical
from accounts.models import Membership, Tenant, User
from inventory.models import AnomalyFeedback, ExchangeRate, SavedView
from inventory.queries.dimensions import dimension_names, narrowed
from inventory.tests.bills import bill, load
from tests.browser import Page, browser
from tests.builders import make_user

URL: Final = "/console/costs"
MARCH: Final = {"first": "2026-03-01", "last": "2026-03-31"}


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def march(tenant: Tenant) -> None:
    load(
        tenant,
        [
            bill("2026-03-10", "10", region="us-east-1", tags={"env": "prod"}),
            bill("2026-03-11", "30", service_name="S3"),
            bill("2026-03-11", "-5", service_name="S3", charge_category="Credit"),
            bill("2026-03-12", "7", currency="EUR", provider="azure", service_name="VM"),
        ],
    )


def cells(response: Any) -> list[tuple[str, ...]]:
    """The rows of the table: the labels, currency, and the amount that is ranked."""
    return [
        (*(label for _, label, _ in row.cells), row.part.currency, canonical(row.part.sums.effective))
        for row in response.context["rows"]
    ]


@pytest.mark.parametrize("page", ["", "/forecast", "/anomalies"])
def test_without_costs_each_page_says_what_to_do_next(person: Client, acme: Tenant, page: str) -> None:
    seen = shown(person.get(f"{URL}{page}"))
    assert "No costs yet" in seen
    assert 'href="/console/imports">Send a file' in seen


def test_parts_add_up_in_each_currency(person: Client, acme: Tenant) -> None:
    march(acme)
    answer = person.get(URL, MARCH)
    assert cells(answer) == [("VM", "EUR", "7"), ("S3", "USD", "25"), ("EC2", "USD", "10")]
    totals = {total.currency: canonical(total.sums.effective) for total, _ in answer.context["totals"]}
    assert totals == {"EUR": "7", "USD": "35"}
    assert [one.currency for one, _ in answer.context["charts"]] == ["EUR", "USD"]
    usd = answer.context["charts"][1][0]
    assert usd.names == ["S3", "EC2"]
    assert [(step, [canonical(n) for n in amounts]) for step, amounts in usd.steps if any(amounts)] == [
        ("2026-03-10", ["0", "10"]), ("2026-03-11", ["25", "0"]),
    ]  # fmt: skip
    assert len(usd.steps) == 31
    assert "71.4 %" in shown(answer)


def test_several_dimensions_show_what_has_none_of_one(person: Client, acme: Tenant) -> None:
    march(acme)
    answer = person.get(URL, {**MARCH, "group_by": ["tag:env", "region"], "filter": "provider = aws"})
    assert cells(answer) == [
        ("unallocated", "unallocated", "USD", "25"), ("prod", "us-east-1", "USD", "10"),
    ]  # fmt: skip
    assert "<em>unallocated</em>" in shown(answer)
    assert "<option selected>tag:env</option>" in shown(answer)
    exports = answer.context["exports"]
    assert "group_by=tag%3Aenv%2Cregion" in exports["table"]
    for part in ("start=2026-03-01", "end=2026-04-01", "filter=provider", "tenant_id=acme"):
        assert part in exports["lines"]
    link = answer.context["rows"][1].cells[0][2]
    assert link == '(provider = aws) and tag:env = "prod"'
    assert cells(person.get(URL, {**MARCH, "filter": link})) == [("EC2", "USD", "10")]
    rest = answer.context["rows"][0].cells[0][2]
    assert rest == "(provider = aws) and not exists tag:env"
    assert cells(person.get(URL, {**MARCH, "filter": rest})) == [("S3", "USD", "25")]


def test_nothing_to_group_by_shows_the_whole(person: Client, acme: Tenant) -> None:
    march(acme)
    answer = person.get(URL, {**MARCH, "group_by": ["", ""]})
    assert cells(answer) == [("EUR", "7"), ("USD", "35")]
    assert [one.names for one, _ in answer.context["charts"]] == [["all"], ["all"]]


def test_all_may_be_counted_in_one_currency(person: Client, acme: Tenant) -> None:
    march(acme)
    assert "All in EUR" not in shown(person.get(URL))
    ExchangeRate.objects.create(
        tenant=acme, currency="EUR", to_currency="USD", valid_from=date(2026, 3, 1), rate=2
    )
    answer = person.get(URL, {**MARCH, "currency": "USD"})
    assert cells(answer) == [("S3", "USD", "25"), ("VM", "USD", "14"), ("EC2", "USD", "10")]
    assert answer.context["charts"][0][0].steps[11] == ("2026-03-12", [0, 14, 0])
    ExchangeRate.objects.all().delete()
    assert "There is no rate for EUR" in shown(person.get(URL, {**MARCH, "currency": "USD"}))


def test_beyond_four_parts_a_chart_has_one_for_the_rest(person: Client, acme: Tenant) -> None:
    load(acme, [bill("2026-03-10", n + 1, service_name=f"s{n}") for n in range(7)])
    series = person.get(URL, MARCH).context["charts"][0][0]
    assert series.names == ["s6", "s5", "s4", "s3", "other"]
    assert [int(amount) for amount in series.steps[9][1]] == [7, 6, 5, 4, 6]


def test_a_long_span_goes_by_months(person: Client, acme: Tenant) -> None:
    load(acme, [bill("2026-01-31", 1), bill("2026-02-01", 2), bill("2026-02-28", 3)])
    series = person.get(URL, {"first": "2025-12-01", "last": "2026-03-31"}).context["charts"][0][0]
    assert [(step, int(amounts[0])) for step, amounts in series.steps] == [
        ("2025-12", 0), ("2026-01", 1), ("2026-02", 5), ("2026-03", 0),
    ]  # fmt: skip


def test_it_begins_with_the_days_up_to_the_last_that_has_costs(person: Client, acme: Tenant) -> None:
    march(acme)
    answer = person.get(URL)
    assert answer.context["span"] == (date(2026, 2, 11), date(2026, 3, 13))
    names = [name for name, _, _ in answer.context["near"]]
    assert names == ["March 2026", "February 2026", "30 days", "90 days", "12 months", "All"]
    assert [now for _, _, now in answer.context["near"]] == [False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"first": "2026-03-31", "last": "2026-03-01"}, "The days end before they begin."),
        ({"last": "9999-12-30"}, "Give days of the years 1970 to 2199."),
        ({"first": "0001-01-01"}, "Give days of the years 1970 to 2199."),
        ({"first": "yesterday"}, "Enter a valid date."),
        ({"cost": "guessed"}, "Select a valid choice."),
        ({"currency": "XXX"}, "Select a valid choice."),
        ({"group_by": "colour"}, "is none of"),
        ({"group_by": ["service", "service"]}, "names something twice"),
        ({"view": "nothing"}, "there is no saved view"),
        ({"filter": "region ="}, "region =\n        ↑"),
        ({"filter": "day = soon"}, "a date such as 2026-03-10"),
    ],
)
def test_what_cannot_be_asked_is_said(person: Client, acme: Tenant, asked: dict[str, Any], told: str) -> None:
    march(acme)
    answer = person.get(URL, asked)
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert 'name="filter"' in shown(answer)


def test_a_view_holds_the_filter_and_the_grouping(person: Client, acme: Tenant) -> None:
    march(acme)
    given = {
        "kind": "costs",
        "do": "create",
        "name": "Ours",
        "filter": "provider = aws",
        "group_by": ["tag:env", "month"],
    }
    opened = person.post("/console/views", given, follow=True)
    assert SavedView.objects.get().group_by == "tag:env,month"
    assert cells(opened) == [("unallocated", "2026-03", "USD", "25"), ("prod", "2026-03", "USD", "10")]


def test_days_that_are_not_over_are_marked(person: Client, acme: Tenant) -> None:
    with time_machine.travel("2026-03-12T12:00Z", tick=False):
        march(acme)
        answer = person.get(URL, MARCH)
    assert "Not told to the end yet: 12 Mar" in shown(answer)
    chart = answer.context["charts"][1][1]
    assert [column.label for column in chart.columns if column.mark == "partial"] == ["12 Mar"]


def test_dimensions_name_tags_and_what_owns(acme: Tenant) -> None:
    load(acme, [bill("2026-03-10", 1, tags={"env": "prod", "cost center": "a"})])
    names = dimension_names(acme)
    assert names[:7] == [
        "service", "account", "provider", "region", "resource", "charge_category", "service_category",
    ]  # fmt: skip
    assert {"folder", "product", 'tag:"cost center"', "tag:env", "month", "day", "sku_id"} < set(names)
    assert len(names) == len(set(names))
    assert narrowed("", "month", "2026-03") == ""
    assert narrowed("a = 1", 'tag:"cost center"', 'x"y') == '(a = 1) and tag:"cost center" = "x\\"y"'


def two_months(tenant: Tenant, last: date) -> None:
    """Sixty days of 100, but for 400 on the last but one."""
    days = [last - timedelta(days=n) for n in range(60)]
    load(tenant, [bill(day, 400 if n == 1 else 100) for n, day in enumerate(days)])


def test_a_forecast_shows_what_was_and_what_may_be(person: Client, acme: Tenant) -> None:
    last = date(2026, 3, 20)
    load(acme, [bill(last - timedelta(days=n), 100) for n in range(60)])
    answer = person.get(f"{URL}/forecast")
    chart = answer.context["chart"]
    assert (len(chart.columns), chart.columns[29].total) == (60, 100)
    assert [column.mark for column in chart.columns].count("guess") == 30
    assert all(column.range is not None for column in chart.columns[30:])
    assert answer.context["found"].month.total.amount == 3100
    assert "3,100.00" in shown(answer)
    assert "March 2026 may come to" in shown(answer)
    assert "Nothing to go by" in shown(person.get(f"{URL}/forecast", {"filter": "provider = gcp"}))
    wrong = person.get(f"{URL}/forecast", {"filter": "provider"})
    assert (wrong.status_code, wrong.context["pointer"]) == (400, "        ↑")


def test_an_unusual_day_is_shown_and_answered(person: Client, acme: Tenant, viewer: User) -> None:
    two_months(acme, date(2026, 3, 20))
    seen = person.get(f"{URL}/anomalies")
    assert [(one.service, one.start, int(one.impact)) for one, _ in seen.context["items"]] == [
        ("", date(2026, 3, 19), 300), ("EC2", date(2026, 3, 19), 300),
    ]  # fmt: skip
    assert "+300.00" in shown(seen)
    said = {
        "currency": "USD",
        "service": "EC2",
        "account": "7",
        "day": "2026-03-19",
        "status": "expected",
        "note": "a sale",
    }
    assert browser(viewer).post(f"{URL}/anomalies", said).status_code == 403
    assert "Answer" not in shown(browser(viewer).get(f"{URL}/anomalies"))
    answered = person.post(f"{URL}/anomalies?status=expected", said, follow=True)
    assert answered.redirect_chain == [(f"{URL}/anomalies?status=expected", 302)]
    assert [(one.service, one.note) for one, _ in answered.context["items"]] == [("EC2", "a sale")]
    assert AnomalyFeedback.objects.get().status == "expected"
    none = person.post(f"{URL}/anomalies", {**said, "day": "2026-03-01"})
    assert none.status_code == 404
    assert "No anomaly of this service and account begins on this day." in shown(none)
    assert person.post(f"{URL}/anomalies", {**said, "status": "odd"}).status_code == 400
    assert AnomalyFeedback.objects.count() == 1


def test_days_without_anomalies_say_so(person: Client, acme: Tenant) -> None:
    two_months(acme, date(2026, 3, 20))
    asked = {"first": "2026-03-01", "last": "2026-03-10"}
    assert "Nothing unusual" in shown(person.get(f"{URL}/anomalies", asked))
    assert person.get(f"{URL}/anomalies", {"first": "x"}).status_code == 400


@pytest.mark.parametrize("page", ["", "/forecast", "/anomalies"])
def test_strangers_and_guests_see_nothing(acme: Tenant, stranger: User, page: str) -> None:
    march(acme)
    guest = make_user("guest", acme, Membership.Role.GUEST)
    for user in (stranger, guest):
        seen = browser(user).get(f"{URL}{page}")
        assert seen.status_code == 200
        assert "No costs yet" in shown(seen)


def test_queries_do_not_grow_with_costs(
    person: Client, acme: Tenant, django_assert_max_num_queries: Any
) -> None:
    march(acme)
    pages = [
        (URL, {**MARCH, "group_by": ["service", "tag:env"]}),
        (f"{URL}/forecast", {}),
        (f"{URL}/anomalies", {}),
    ]
    few = []
    for url, asked in pages:
        with django_assert_max_num_queries(24) as queries:
            person.get(url, asked)
        few.append(len(queries))
    load(acme, [bill(date(2026, 3, 1) + timedelta(days=n), 5, service_name=f"s{n % 9}", tags={"env": f"e{n}"})
                for n in range(28)], source="more")  # fmt: skip
    for (url, asked), count in zip(pages, few, strict=True):
        with django_assert_max_num_queries(count):
            person.get(url, asked)
