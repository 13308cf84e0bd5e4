"""The first page of the back office: figures of all tenants, each with the list behind it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Delivery, Tenant, User
from builds.tests.builders import make_build
from config import figures
from inventory.tests.bills import bill, load
from tests.browser import Page, browser
from tests.builders import make_user
from usage.models import DeadLetter, Rollup, UsageEvent

pytestmark = pytest.mark.django_db
INDEX = "/admin/"


def shown(user: User) -> Any:
    cache.clear()
    return browser(user).get(INDEX).context["figures"]


def numbers(links: Any) -> dict[str, int]:
    return {link.label: link.number for link in links}


def make_rollup(tenant: Tenant, start: datetime, count: int, level: str = "hour_total") -> None:
    Rollup.objects.create(
        tenant=tenant, level=level, start=start, service_type="x", service_provider="y", event_type="z",
        user_id="", count=count,
    )  # fmt: skip


def test_an_empty_platform_says_what_to_do_next(staff: User) -> None:
    answer = browser(staff).get(INDEX)
    page = answer.content.decode()
    assert "Tenants send theirs to <code>/api/v1/events</code>" in page
    assert "No bill of this month yet." in page
    assert Page(answer).blocked == []
    found = answer.context["figures"]
    assert not any(numbers([*found["waiting"], *found["failed"], *found["phases"]]).values())


def test_events_are_counted_by_hour_of_all_tenants(staff: User, acme: Tenant, rival: Tenant) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    make_rollup(acme, hour, 3)
    make_rollup(rival, hour, 4)
    make_rollup(acme, hour - timedelta(hours=23), 5)
    make_rollup(acme, hour - timedelta(hours=24), 100)
    make_rollup(acme, hour, 100, level="hour")
    columns = shown(staff)["events"].columns
    assert [column.total for column in columns] == [5, *([0] * 22), 7]
    assert columns[-1].label == f"{hour:%H}:00"


def test_what_failed_is_as_many_as_the_list_behind_it(staff: User, acme: Tenant) -> None:
    now = timezone.now()
    for state, at in (("failed", now), ("pending", now), ("failed", now - timedelta(days=9))):
        Delivery.objects.create(
            pk=figures.first_id(at + timedelta(milliseconds=len(state))), tenant=acme, kind="mail",
            target="a@example.com", event_type="x.y", state=state, created_at=at,
        )  # fmt: skip
    for status in ("dead", "replayed"):
        DeadLetter.objects.create(tenant=acme, entry_id=status, payload="[]", reason="x", status=status)
    make_build(acme, "old", state_code=20, status="failed", ended_at=now - timedelta(days=9))
    make_build(acme, "new", state_code=20, status="failed", ended_at=now)
    found = shown(staff)
    assert numbers(found["failed"]) == {
        "Gcore reports": 0, "Gcore imports": 0, "Imports": 0, "Builds": 1, "Messages and mails": 1,
        "Dead letters": 1,
    }  # fmt: skip
    for link in [*found["failed"], *found["waiting"], *found["phases"]]:
        listed = browser(staff).get(link.url)
        assert listed.status_code == 200, link.url
        assert listed.context["cl"].result_count == link.number, link.url


def test_open_builds_stand_in_their_phases(staff: User, acme: Tenant, rival: Tenant) -> None:
    make_build(acme, "one", state_code=20, status="in_progress")
    make_build(rival, "two", state_code=20, status="in_progress")
    make_build(rival, "done", state_code=20, status="failed")
    make_build(rival, "waits")
    assert {name: count for name, count in numbers(shown(staff)["phases"]).items() if count} == {
        "queued": 1, "build": 2,
    }  # fmt: skip


def test_what_was_spent_is_kept_apart_by_currency(staff: User, acme: Tenant, rival: Tenant) -> None:
    first = timezone.now().date().replace(day=1)
    load(acme, [bill(first, "10.5", currency="EUR")])
    load(rival, [bill(first, "2.25", currency="EUR"), bill(first, 3)])
    assert shown(staff)["spent"].amounts == {"EUR": Decimal("12.75"), "USD": Decimal(3)}


def test_the_page_asks_little_and_for_a_minute_nothing_more(staff: User) -> None:
    client = browser(staff)
    client.get(INDEX)
    cache.clear()
    with CaptureQueriesContext(connection) as cold:
        client.get(INDEX)
    with CaptureQueriesContext(connection) as warm:
        client.get(INDEX)
    assert (len(cold) <= 18, len(warm) <= 4) == (True, True)


def test_somebody_sees_figures_of_the_lists_that_are_theirs(acme: Tenant) -> None:
    DeadLetter.objects.create(tenant=acme, entry_id="1", payload="[]", reason="x")
    support = make_user("support", is_staff=True, staff_role="support")
    assert numbers(shown(support)["failed"])["Dead letters"] == 1
    found = shown(make_user("bare", is_staff=True))
    assert (found["events"], found["spent"], found["failed"], found["phases"]) == (None, None, [], [])


def test_arrivals_are_counted_by_their_ids(staff: User, acme: Tenant) -> None:
    now = timezone.now()
    UsageEvent.objects.create(tenant=acme, event_id="now", timestamp=now - timedelta(days=3))
    UsageEvent.objects.create(
        tenant=acme, event_id="before", timestamp=now, pk=figures.first_id(now - timedelta(minutes=2))
    )
    assert numbers(shown(staff)["waiting"])["Events stored in the last minute"] == 1
