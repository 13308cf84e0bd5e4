"""What is past its time goes, all else stays, and each job tells what it removed."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.urls import reverse
from prometheus_client import REGISTRY

from accounts.models import (
    ActivityEntry,
    AuditEntry,
    Delivery,
    IdempotentCall,
    Invitation,
    RefreshToken,
    RetentionPolicy,
    Tenant,
    User,
)
from accounts.principals import SYSTEM
from accounts.queries import activity_last
from accounts.services import cleaning
from accounts.services.cleaning import JOBS, Job, Sweep, clean_up
from accounts.services.retention import retention_set
from accounts.tasks import clean_up as clean_up_task
from accounts.tests.outbox import START, happen
from tests.browser import browser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock(settings: Any) -> Any:
    settings.ACTIVITY_RETENTION_DAYS = settings.DELIVERY_RETENTION_DAYS = 30
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def removed(**options: Any) -> dict[str, int]:
    """What each job that found something removed."""
    return {report.job.name: report.removed for report in clean_up(by=SYSTEM, **options) if report.removed}


def told() -> list[tuple[str, Any, Any]]:
    rows = AuditEntry.objects.filter(action__endswith=".cleared").order_by("id").select_related("tenant")
    return [(row.action, row.tenant and row.tenant.slug, row.changes) for row in rows]


def deliveries(tenant: Tenant | None, *states: str) -> None:
    for state in states:
        Delivery.objects.create(tenant=tenant, kind="mail", target="a@x.com", event_type="x.y", state=state)


def leave_something(tenant: Tenant, user: User) -> None:
    """Of each kind something that ends within 30 days."""
    for _ in range(3):
        happen(tenant)
    deliveries(tenant, "delivered", "failed", "pending")
    deliveries(None, "delivered")
    Session.objects.create(session_key="s", session_data="", expire_date=START + 14 * DAY)
    RefreshToken.objects.create(user=user, family=user.pk, expires_at=START + 7 * DAY)
    IdempotentCall.objects.create(pk="k", tenant=tenant, actor="a", fingerprint="f", started_at=START)


def test_each_job_takes_what_is_past_its_time_and_says_so(acme: Tenant, owner: User, clock: Any) -> None:
    leave_something(acme, owner)
    before = AuditEntry.objects.count()
    assert removed() == {}
    assert AuditEntry.objects.count() == before
    clock.shift(30 * DAY)
    assert removed() == {"idempotency": 1, "refresh_token": 1, "session": 1}
    clock.shift(timedelta(seconds=1))
    expected = {"activity": 3, "delivery": 3}
    counted = {name: REGISTRY.get_sample_value("cleared_total", {"job": name}) or 0 for name in expected}
    assert removed(dry_run=True) == expected
    assert ActivityEntry.objects.count() == 3
    clean_up_task()
    assert {
        name: (REGISTRY.get_sample_value("cleared_total", {"job": name}) or 0) - counted[name]
        for name in expected
    } == expected
    assert Delivery.objects.get().state == "pending"
    assert not ActivityEntry.objects.exists()
    assert activity_last(acme) == 3
    happen(acme)
    assert ActivityEntry.objects.get().seq == 4
    assert removed() == {}
    assert told() == [
        ("idempotency.cleared", None, {"removed": [0, 1]}),
        ("refresh_token.cleared", None, {"removed": [0, 1]}),
        ("session.cleared", None, {"removed": [0, 1]}),
        ("activity.cleared", "acme", {"removed": [0, 3]}),
        ("delivery.cleared", "acme", {"removed": [0, 2]}),
        ("delivery.cleared", None, {"removed": [0, 1]}),
    ]


def test_the_audit_log_is_for_ever(acme: Tenant, clock: Any) -> None:
    AuditEntry.objects.create(tenant=acme, actor="a", action="x.y")
    clock.shift(36_500 * DAY)
    clean_up(by=SYSTEM)
    assert AuditEntry.objects.filter(action="x.y").count() == 1


def test_a_tenant_may_have_times_of_its_own(acme: Tenant, rival: Tenant, clock: Any) -> None:
    retention_set(by=SYSTEM, tenant=acme, days={"activity_days": 7, "delivery_days": 60})
    for tenant in (acme, rival):
        happen(tenant)
        deliveries(tenant, "failed")
    clock.shift(8 * DAY)
    clean_up(by=SYSTEM)
    kept = ActivityEntry.objects.filter(type="test.done").values_list("tenant__slug", flat=True)
    assert list(kept) == ["rival"]
    clock.shift(23 * DAY)
    clean_up(by=SYSTEM)
    assert not ActivityEntry.objects.exists()
    assert list(Delivery.objects.values_list("tenant__slug", flat=True)) == ["acme"]


def test_activity_goes_from_the_oldest_on_and_leaves_no_gap(
    acme: Tenant, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a clock went wrong for a moment, and over several batches."""
    monkeypatch.setattr("accounts.services.clearing.BATCH", 2)
    for _ in range(7):
        happen(acme)
    ActivityEntry.objects.filter(seq=6).update(ts=START + 20 * DAY)
    clock.shift(31 * DAY)
    assert removed() == {"activity": 5}
    assert sorted(ActivityEntry.objects.values_list("seq", flat=True)) == [6, 7]


def test_invitations_are_told_of_for_a_while(acme: Tenant, clock: Any) -> None:
    Invitation.objects.create(tenant=acme, email="a@example.com", role="viewer", expires_at=START)
    clock.shift(90 * DAY)
    assert removed() == {}
    clock.shift(timedelta(seconds=1))
    assert removed() == {"invitation": 1}


def test_a_run_that_has_no_time_left_leaves_the_rest(acme: Tenant, owner: User, clock: Any) -> None:
    leave_something(acme, owner)
    clock.shift(31 * DAY)
    over = Sweep(deadline=0.0)
    assert [count for job in JOBS.values() for _, count in job.remove(over) if count] == []
    assert ActivityEntry.objects.count() == 3


def test_batches_are_bounded(acme: Tenant, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "BATCH", 2)
    deliveries(acme, *["failed"] * 5)
    clock.shift(31 * DAY)
    assert removed() == {"delivery": 5}


def test_a_job_that_fails_keeps_no_other_from_being_done(
    acme: Tenant, owner: User, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(sweep: Sweep) -> Any:
        yield None, 2
        raise DatabaseError("away")

    monkeypatch.setitem(JOBS, "a_bad_one", Job("a_bad_one", "nothing", fails))
    leave_something(acme, owner)
    clock.shift(31 * DAY)
    out = StringIO()
    with pytest.raises(CommandError, match=r"Not done to the end: a_bad_one \(DatabaseError\)"):
        call_command("clean_up", stdout=out)
    assert "session                   1  expired browser sessions" in out.getvalue()
    assert ("a_bad_one.cleared", None, {"removed": [0, 2]}) in told()


def test_the_command_only_counts_when_it_is_told_to(acme: Tenant, owner: User, clock: Any) -> None:
    leave_something(acme, owner)
    clock.shift(31 * DAY)
    for _ in range(2):
        out = StringIO()
        call_command("clean_up", "--dry-run", "--json", stdout=out)
        counts = json.loads(out.getvalue())
        assert counts.keys() == JOBS.keys()
        assert (counts["activity"], counts["delivery"], counts["session"]) == (3, 3, 1)
    assert told() == []
    out = StringIO()
    call_command("clean_up", "--dry-run", stdout=out)
    assert out.getvalue().splitlines()[0] == "job            would remove  what"


def test_it_is_on_the_schedule() -> None:
    tasks = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    assert tasks.count(clean_up_task.name) == 1


def test_staff_set_the_times_and_it_is_written_down(acme: Tenant, staff: User) -> None:
    office = browser(staff)
    answer = office.post(
        reverse("admin:accounts_retentionpolicy_add"), {"tenant": acme.pk, "activity_days": "7"}
    )
    assert answer.status_code == 302
    policy = RetentionPolicy.objects.get()
    assert (policy.tenant, policy.activity_days, policy.delivery_days) == (acme, 7, None)
    page = reverse("admin:accounts_retentionpolicy_change", args=[policy.pk])
    assert office.post(page, {"activity_days": "9"}).status_code == 302
    assert office.post(page, {"activity_days": "0"}).status_code == 200
    entries = AuditEntry.objects.filter(action="retention.changed").order_by("id")
    assert [entry.changes for entry in entries] == [{"activity_days": [None, 7]}, {"activity_days": [7, 9]}]
    with pytest.raises(ValidationError):
        retention_set(by=SYSTEM, tenant=acme, days={"report_days": 36_501})
