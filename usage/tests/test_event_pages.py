"""Events in the console: filtered, paged, and one by one."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Tenant, User
from tests.browser import Page, browser
from usage.models import UsageEvent
from usage.pages.events import PAGE

EVENTS = "/console/events"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def make_event(tenant: Tenant, event_id: str, timestamp: datetime = NOON, **fields: object) -> UsageEvent:
    values = {"user_id": "anna", "service_type": "compute", "service_provider": "aws", "event_type": "hours"}
    return UsageEvent.objects.create(
        tenant=tenant, event_id=event_id, timestamp=timestamp, **{**values, **fields}
    )


def shown(client_html: str, *ids: str) -> list[str]:
    return [event_id for event_id in ids if f">{event_id}<" in client_html]


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["early", "late", "jonas"]),
        ("service_type=storage", ["late"]),
        ("user_id=jonas", ["jonas"]),
        ("first=2026-03-10&last=2026-03-10", ["jonas"]),
        ("first=2026-03-11", ["late"]),
        ("last=2026-03-09", ["early"]),
        ("service_type=storage&user_id=jonas", []),
    ],
)
def test_filters(acme: Tenant, viewer: User, query: str, found: list[str]) -> None:
    make_event(acme, "early", NOON - timedelta(days=1))
    make_event(acme, "late", NOON + timedelta(days=1), service_type="storage")
    make_event(acme, "jonas", user_id="jonas")
    html = browser(viewer).get(f"{EVENTS}?{query}").content.decode()
    assert shown(html, "early", "late", "jonas") == found


def test_a_day_is_a_day_of_the_viewer(acme: Tenant, viewer: User) -> None:
    User.objects.filter(pk=viewer.pk).update(timezone="Asia/Tokyo")
    make_event(acme, "tenth", datetime(2026, 3, 9, 15, 0, tzinfo=UTC))
    make_event(acme, "ninth", datetime(2026, 3, 9, 14, 59, 59, tzinfo=UTC))
    html = browser(viewer).get(f"{EVENTS}?first=2026-03-10").content.decode()
    assert shown(html, "tenth", "ninth") == ["tenth"]


def test_older_events_follow_without_gap_or_repetition(acme: Tenant, viewer: User) -> None:
    for number in range(PAGE + 3):
        make_event(acme, f"e-{number}", NOON)  # all at one moment: only the id tells them apart
    client = browser(viewer)
    first = client.get(f"{EVENTS}?user_id=anna")
    second = client.get(f"{EVENTS}?{first.context['following']}")
    ids = [event.event_id for page in (first, second) for event in page.context["page"].events]
    assert len(ids) == len(set(ids)) == PAGE + 3
    assert "Older events" not in second.content.decode()


def test_htmx_gets_the_rows_alone(acme: Tenant, viewer: User) -> None:
    make_event(acme, "e-1")
    client = browser(viewer)
    part = client.get(EVENTS, headers={"hx-request": "true"}).content.decode()
    assert shown(part, "e-1") == ["e-1"]
    assert "<html" not in part
    again = client.get(EVENTS, headers={"hx-request": "true", "hx-history-restore-request": "true"})
    assert "<html" in again.content.decode()


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("first=yesterday", 200, "Enter a valid date"),
        ("first=2026-03-10&last=2026-03-09", 200, "ends before it begins"),
        ("user_id=%00", 200, "Null characters are not allowed"),
        ("cursor=nonsense", 400, "not a cursor that this service gave"),
    ],
)
def test_a_wrong_filter_is_explained(acme: Tenant, viewer: User, query: str, status: int, says: str) -> None:
    make_event(acme, "e-1")
    response = browser(viewer).get(f"{EVENTS}?{query}")
    html = response.content.decode()
    assert response.status_code == status
    assert says in html
    assert shown(html, "e-1") == []


def test_empty_lists_say_what_to_do(acme: Tenant, viewer: User) -> None:
    client = browser(viewer)
    assert "Send the first one" in client.get(EVENTS).content.decode()
    assert "Widen the time range" in client.get(f"{EVENTS}?user_id=nobody").content.decode()


def test_an_event_shows_exact_values_as_text(acme: Tenant, viewer: User) -> None:
    event = make_event(
        acme,
        "e-1",
        metrics={"items": 1234567, "note": "<script>alert(1)</script>"},
        billing_info={"total_cost": "0.10", "currency": "EUR"},
        metadata={"a": {"b": None}},
    )
    response = browser(viewer).get(f"{EVENTS}/{event.pk}")
    html = response.content.decode()
    assert "1,234,567" in html
    assert "0.10 EUR" in html
    assert "&lt;script&gt;" in html
    assert Page(response).blocked == []


def test_another_tenants_event_is_not_there(acme: Tenant, stranger: User) -> None:
    event = make_event(acme, "e-1")
    assert browser(stranger).get(f"{EVENTS}/{event.pk}").status_code == 404
    assert shown(browser(stranger).get(EVENTS).content.decode(), "e-1") == []
