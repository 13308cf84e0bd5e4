"""An alert is raised once, told, acknowledged and resolved."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from accounts.errors import Conflict, ValidationFailed
from accounts.models import ActivityEntry, Delivery, Tenant
from accounts.principals import SYSTEM
from accounts.wire import encode
from usage import ledger
from usage.models import Alert
from usage.queries.alerts import alert_reading
from usage.services.alerts import (
    alert_acknowledge,
    alert_create,
    alert_delete,
    alert_evaluate,
    alert_resolve,
    alert_update,
    alerts_evaluate,
)
from usage.tests.documents import row

pytestmark = pytest.mark.django_db
NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)


def send(tenant: Tenant, *, minutes_ago: float = 1, **fields: Any) -> None:
    moment = NOW - timedelta(minutes=minutes_ago)
    rows = ledger.read_rows(encode([row(f"{moment.isoformat()}-{fields}", timestamp=moment, **fields)]))
    assert ledger.store([ledger.Lot(str(tenant.pk), NOW, rows, "1-1")]) == [[ledger.Status.STORED]]


def alert(tenant: Tenant, **fields: Any) -> Alert:
    given = {"name": "busy", "measure": "usage", "threshold": Decimal(2), "emails": ["ops@acme.example"]}
    return alert_create(by=SYSTEM, tenant=tenant, **{**given, **fields})


def status(watched: Alert) -> str:
    watched.refresh_from_db()
    return str(watched.status)


def told() -> list[str]:
    """What the activity says and what was mailed, in order."""
    entries = ActivityEntry.objects.filter(type__startswith="alert.").exclude(type="alert.created")
    mails = Delivery.objects.filter(kind=Delivery.Kind.MAIL)
    return [*entries.order_by("seq").values_list("type", flat=True), *mails.values_list("target", flat=True)]


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("fields", "value", "points"),
    [
        ({}, Decimal(4), 4),
        ({"filter": 'user_id = "ben"'}, Decimal(1), 1),
        ({"metric": "n"}, Decimal("6.3"), 4),
        ({"metric": "n", "window_minutes": 5}, Decimal("3.3"), 3),
        ({"measure": "cost", "currency": "EUR"}, Decimal("0.5"), 4),
        ({"measure": "cost", "currency": "USD"}, Decimal("1.25"), 4),
        ({"measure": "error_rate"}, Decimal("0.5"), 4),
        ({"measure": "error_rate", "filter": 'user_id = "ben"'}, Decimal(1), 1),
        ({"measure": "error_rate", "filter": 'user_id = "nobody"'}, None, 0),
        ({"measure": "latency"}, Decimal(900), 4),
        ({"measure": "latency", "filter": "metrics.n < 1"}, Decimal(100), 2),
        ({"measure": "latency", "metric": "n"}, Decimal(3), 4),
    ],
)
def test_what_an_alert_reads(
    acme: Tenant, rival: Tenant, fields: dict[str, Any], value: Decimal | None, points: int
) -> None:
    send(
        acme,
        minutes_ago=1,
        metrics={"n": Decimal("0.1"), "latency_ms": 100},
        billing_info={"total_cost": "1"},
    )
    send(
        acme,
        minutes_ago=2,
        metrics={"n": Decimal("0.2"), "status_code": 503},
        billing_info={"total_cost": 0.25},
    )
    send(
        acme, minutes_ago=3, metrics={"n": 3, "latency_ms": 900}, user_id="ben", metadata={"status": "error"}
    )
    send(acme, minutes_ago=10, metrics={"n": 3}, billing_info={"total_cost": "0.5", "currency": "EUR"})
    send(acme, minutes_ago=60.1, metrics={"n": 100}, billing_info={"total_cost": 100})
    send(acme, minutes_ago=0, metrics={"n": 1000})  # the window ends before now
    send(rival, metrics={"n": 1000})
    assert alert_reading(alert(acme, **fields), NOW) == (value, points)


def test_it_is_raised_once_and_resolved_once(acme: Tenant) -> None:
    watched = alert(acme)
    send(acme, minutes_ago=50)
    assert (alert_evaluate(alert=watched, now=NOW), status(watched)) == (False, "resolved")
    send(acme, minutes_ago=40)
    assert (alert_evaluate(alert=watched, now=NOW), status(watched)) == (True, "active")
    assert (watched.value, watched.raised_at, watched.evaluated_at) == (Decimal(2), NOW, NOW)
    assert alert_evaluate(alert=watched, now=NOW + timedelta(minutes=1)) is False
    assert alert_evaluate(alert=watched, now=NOW + timedelta(minutes=11)) is True
    assert status(watched) == "resolved"
    assert told() == ["alert.raised", "alert.resolved", "ops@acme.example", "ops@acme.example"]
    payload = ActivityEntry.objects.get(type="alert.raised").payload
    assert (payload["value"], payload["threshold"], payload["status"]) == ("2", "2", "active")


def test_within_its_cooldown_it_is_not_raised_again(acme: Tenant) -> None:
    watched = alert(acme, threshold=Decimal(1), cooldown_minutes=30, window_minutes=1)
    for minutes, expected in ((0, "active"), (5, "resolved"), (29, "resolved"), (30, "active")):
        send(acme, minutes_ago=0.5 - minutes) if minutes != 5 else None
        alert_evaluate(alert=watched, now=NOW + timedelta(minutes=minutes))
        assert (minutes, status(watched)) == (minutes, expected)


def test_two_evaluators_raise_it_once(acme: Tenant) -> None:
    watched = alert(acme, threshold=Decimal(1))
    stale = Alert.objects.select_related("tenant").get(pk=watched.pk)
    send(acme)
    assert [alert_evaluate(alert=one, now=NOW) for one in (watched, stale)] == [True, False]
    assert told() == ["alert.raised", "ops@acme.example"]


def test_an_acknowledged_alert_resolves_by_itself(acme: Tenant) -> None:
    watched = alert(acme, threshold=Decimal(1))
    with pytest.raises(Conflict):
        alert_acknowledge(by=SYSTEM, alert=watched)
    send(acme)
    alert_evaluate(alert=watched, now=NOW)
    alert_acknowledge(by=SYSTEM, alert=watched)
    assert (alert_evaluate(alert=watched, now=NOW), status(watched)) == (False, "acknowledged")
    assert alert_evaluate(alert=watched, now=NOW + timedelta(hours=2)) is True
    assert status(watched) == "resolved"
    with pytest.raises(Conflict):
        alert_resolve(by=SYSTEM, alert=watched)


def test_too_few_events_cross_nothing(acme: Tenant) -> None:
    watched = alert(acme, measure="error_rate", threshold=Decimal("0.5"), min_points=2)
    send(acme, metrics={"status_code": 500})
    assert alert_evaluate(alert=watched, now=NOW) is False
    send(acme, minutes_ago=2)
    assert alert_evaluate(alert=watched, now=NOW) is True
    assert watched.value == Decimal("0.5")


@pytest.mark.parametrize(("operator", "crossed"), [(">=", True), (">", False), ("<=", True), ("<", False)])
def test_on_the_threshold(acme: Tenant, operator: str, crossed: bool) -> None:
    watched = alert(acme, threshold=Decimal(1), operator=operator)
    send(acme)
    assert alert_evaluate(alert=watched, now=NOW) is crossed


def test_silence_can_be_watched(acme: Tenant) -> None:
    watched = alert(acme, operator="<", threshold=Decimal(1), min_points=1)
    assert alert_evaluate(alert=watched, now=NOW) is False  # fewer points than asked for
    quiet = alert(acme, name="quiet", operator="<", threshold=Decimal(1), min_points=0)
    assert alert_evaluate(alert=quiet, now=NOW) is True


def test_another_definition_starts_anew(acme: Tenant) -> None:
    watched = alert(acme, threshold=Decimal(1))
    send(acme)
    alert_evaluate(alert=watched, now=NOW)
    changed = alert_update(by=SYSTEM, alert=watched, changes={"threshold": Decimal(5)})
    assert (changed.status, changed.raised_at) == ("resolved", None)
    unchanged = alert_update(by=SYSTEM, alert=watched, changes={"threshold": Decimal(5)})
    assert unchanged.updated_at == changed.updated_at


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"filter": "user_id ="}, "filter"),
        ({"metric": "a b"}, "metric"),
        ({"measure": "latency", "window_minutes": 1441}, "window_minutes"),
        ({"window_minutes": 44641}, "window_minutes"),
        ({"emails": ["nobody"]}, "emails"),
        ({"emails": ["a@example.com"] * 21}, "emails"),
        ({"operator": "="}, "operator"),
        ({"currency": "euro"}, "currency"),
    ],
)
def test_a_definition_that_is_wrong(acme: Tenant, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        alert(acme, **fields)
    assert refused.value.body("r")["errors"][0]["field"] == field
    assert Alert.objects.count() == 0


def test_a_name_is_taken_once(acme: Tenant, rival: Tenant) -> None:
    alert(acme)
    alert(rival)
    with pytest.raises(Conflict):
        alert(acme)


def test_one_that_cannot_be_read_stops_no_other(acme: Tenant) -> None:
    broken, good = alert(acme, name="broken"), alert(acme, name="good", threshold=Decimal(1))
    off = alert(acme, name="off", threshold=Decimal(1), is_active=False)
    Alert.objects.filter(pk=broken.pk).update(filter="(")
    send(acme)
    assert alerts_evaluate(now=NOW) == 1
    assert [status(one) for one in (broken, good, off)] == ["resolved", "active", "resolved"]


def test_one_that_is_deleted_meanwhile_is_nobodys(acme: Tenant) -> None:
    watched = alert(acme, threshold=Decimal(1))
    stale = Alert.objects.select_related("tenant").get(pk=watched.pk)
    alert_delete(by=SYSTEM, alert=watched)
    assert alert_evaluate(alert=stale, now=NOW) is False
    send(acme)
    assert alert_evaluate(alert=stale, now=NOW) is False
    assert told() == ["alert.deleted"]
