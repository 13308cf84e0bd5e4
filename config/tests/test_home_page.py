"""The console's overview."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import Tenant, User
from accounts.pages.charts import Bar, round_up, stacked_bars
from builds.tests.builders import make_build
from inventory.models import Recommendation
from inventory.overview import Spend
from inventory.tests.bills import bill, load
from tests.browser import browser
from tests.builders import make_key, make_user
from usage.models import UsageEvent
from usage.overview import overview
from usage.tests.sums import mark


def make_events(tenant: Tenant, service: str, *moments: datetime) -> None:
    for number, moment in enumerate(moments):
        UsageEvent.objects.create(
            tenant=tenant, event_id=f"{service}-{number}", timestamp=moment, service_type=service
        )
        mark(tenant, moment)


def test_figures_count_the_tenant_alone(acme: Tenant, rival: Tenant, owner: User, member: User) -> None:
    now = timezone.now()
    make_events(acme, "compute", now, now - timedelta(hours=23), now - timedelta(days=20))
    make_events(acme, "old", now - timedelta(days=40))
    make_events(rival, "compute", now)
    make_key(acme, "read")
    make_key(acme, "read", revoked_at=now)
    make_key(acme, "read", expires_at=now - timedelta(days=1))
    context = browser(owner).get("/console/").context
    usage = context["usage"]
    assert (usage.last_day, usage.total, usage.services) == (2, 3, [("compute", 3)])
    assert context["active_keys"] == 1


def test_a_tenant_without_events_is_told_how_to_send_one(acme: Tenant, owner: User) -> None:
    html = browser(owner).get("/console/").content.decode()
    assert "Send the first event" in html
    assert "curl -X POST http://testserver/api/v1/events" in html
    assert "<svg" not in html
    make_events(acme, "compute", timezone.now())
    html = browser(owner).get("/console/").content.decode()
    assert "Send the first event" not in html
    assert "<svg" in html


def test_days_are_days_of_the_current_zone(acme: Tenant) -> None:
    with timezone.override("Asia/Tokyo"):
        today = timezone.localdate()
        midnight = timezone.make_aware(datetime.combine(today, datetime.min.time()))
        make_events(acme, "compute", midnight, midnight - timedelta(seconds=1))
        days = dict(overview(acme).days)
    assert (days[today], days[today - timedelta(days=1)]) == ([1], [1])
    assert len(days) == 30


def test_more_services_than_series_are_added_up(acme: Tenant) -> None:
    now = timezone.now()
    for number in range(7):
        make_events(acme, f"s{number}", *[now] * (7 - number))
    seen = overview(acme)
    assert seen.services == [("s0", 7), ("s1", 6), ("s2", 5), ("s3", 4), ("other", 6)]
    assert seen.days[-1] == (datetime.now(UTC).date(), [7, 6, 5, 4, 6])


def test_spend_is_told_by_currency_for_the_latest_month_and_the_one_before(
    acme: Tenant, rival: Tenant, viewer: User
) -> None:
    client = browser(viewer)
    assert "Import a bill" in client.get("/console/").content.decode()
    load(
        acme,
        [bill("2026-02-28", "0.1"), bill("2026-03-01", "1000.25"), bill("2026-03-02", "7", currency="EUR")],
    )
    load(acme, [bill("2026-01-31", "5")], "older")
    load(rival, [bill("2026-04-01", "99")])
    found = client.get("/console/").context["parts"]["spend"][1]
    assert (found.month, found.before) == (date(2026, 3, 1), date(2026, 2, 1))
    assert found.spends == [
        Spend("USD", Decimal("1000.25"), Decimal("0.1")),
        Spend("EUR", Decimal(7), None),
    ]
    assert "1,000.25" in client.get("/console/").content.decode()


def test_what_would_save_most_comes_first(acme: Tenant, rival: Tenant, viewer: User) -> None:
    def say(tenant: Tenant, saving: str, currency: str = "USD", status: str = "open") -> None:
        Recommendation.objects.create(
            tenant=tenant, rule="idle_machine", subject=uuid7(), native_id=f"i-{saving}",
            saving_monthly=Decimal(saving), currency=currency, status=status, description="Idle.",
        )  # fmt: skip

    for saving, currency in (("5", "USD"), ("900", "EUR"), ("70.5", "USD"), ("1", "USD"), ("2", "USD")):
        say(acme, saving, currency)
    say(acme, "5000", status="dismissed")
    say(rival, "6000")
    html = browser(viewer).get("/console/").content.decode()
    places = [html.find(f">i-{saving}<") for saving in ("70.5", "5", "2", "1")]
    assert places == sorted(places)
    assert -1 not in places
    assert "70.50 USD" in html
    assert "i-5000" not in html
    assert "i-6000" not in html


def test_builds_are_counted_and_the_parts_follow_the_stream(
    acme: Tenant, rival: Tenant, viewer: User
) -> None:
    now = timezone.now()
    make_build(acme, "runs")
    make_build(acme, "broke", status="failed", ended_at=now)
    make_build(acme, "broke-long-ago", status="failed", ended_at=now - timedelta(days=8))
    make_build(rival, "theirs")
    client = browser(viewer)
    html = client.get("/console/").content.decode()
    assert "<strong>1</strong> running, <strong>1</strong> failed" in html
    assert 'data-live="build" hx-get="/console?part=builds"' in html
    part = client.get("/console/?part=builds", headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part
    assert [name for name in ("runs", "broke", "broke-long-ago", "theirs") if f">{name}<" in part] == [
        "runs",
        "broke",
    ]
    unknown = client.get("/console/?part=nothing", headers={"hx-request": "true"}).content.decode()
    assert "<html" in unknown


def test_a_guest_goes_to_what_is_shared(acme: Tenant) -> None:
    answer = browser(make_user("guest", acme, "guest")).get("/console/")
    assert answer.headers["Location"] == "/console/resources"


def test_bars_fill_the_scale() -> None:
    chart = stacked_bars([Bar("a", [30, 10]), Bar("b", [0, 0]), Bar("c", [0, 20])])
    assert (chart.top, [column.total for column in chart.columns]) == (40, [40, 0, 20])
    assert [(p.series, p.y, p.height) for p in chart.columns[0].parts] == [(0, 25.0, 75.0), (1, 0.0, 25.0)]
    assert chart.columns[1].parts == []


def test_bars_below_nothing_hang_from_its_line() -> None:
    chart = stacked_bars(
        [Bar("a", [Decimal("30"), Decimal("-10")]), Bar("b", [], Decimal("-9"), Decimal(28))]
    )
    assert (chart.top, chart.bottom, chart.zero) == (40, -10, 80.0)
    assert [(p.series, p.y, p.height) for p in chart.columns[0].parts] == [(0, 20.0, 60.0), (1, 80.0, 20.0)]
    assert chart.columns[0].range is None
    guess = chart.columns[1].range
    assert guess is not None
    assert (guess.y, guess.height) == (24.0, 74.0)


@pytest.mark.parametrize(
    ("value", "top"),
    [
        (0, "2"), (1, "2"), (7, "8"), (98, "100"), (101, "200"), (4500, "5000"),
        (Decimal(0), "1"), (Decimal("0.031"), "0.04"), (Decimal("4500.2"), "5000"), (Decimal("0.99"), "1.0"),
    ],
)  # fmt: skip
def test_an_axis_ends_on_a_round_number(value: int | Decimal, top: str) -> None:
    assert str(round_up(value)) == top
