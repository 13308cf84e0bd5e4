"""The console's overview."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import Tenant, User
from accounts.pages.charts import Bar, round_up, stacked_bars
from tests.browser import browser
from tests.builders import make_key
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
    assert (context["active_keys"], context["members"]) == (1, 2)


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
