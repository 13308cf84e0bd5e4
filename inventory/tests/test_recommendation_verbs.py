"""What people say of a recommendation holds, is told once, and refuses what makes no sense."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Conflict, ValidationFailed
from accounts.models import ActivityEntry, AuditEntry, Tenant
from accounts.principals import SYSTEM
from inventory.models import Recommendation, Resource
from inventory.queries.recommendations import counted_ids, open_recommendations
from inventory.services.bulk import Sent, resources_bulk
from inventory.services.recommendations import (
    recommendation_dismiss,
    recommendation_done,
    recommendation_open,
    recommendation_reopen,
    recommendation_snooze,
)
from inventory.tests.rows import resource

VERBS = {
    "snooze": lambda **given: recommendation_snooze(until=timezone.now() + timedelta(days=1), **given),
    "dismiss": recommendation_dismiss,
    "done": recommendation_done,
    "reopen": recommendation_reopen,
}


def opened(tenant: Tenant, number: int = 1, **fields: Any) -> Recommendation:
    resources_bulk(by=SYSTEM.enter(tenant.slug), sent=Sent([resource(number)]))
    found = Resource.objects.get(tenant=tenant, resource_id=f"i-{number}")
    told = {"rule": "custom:1", "description": "Look at it.", **fields}
    return recommendation_open(by=SYSTEM, tenant=tenant, resource=found, **told)[0]


def test_the_same_is_opened_once(acme: Tenant) -> None:
    row = opened(acme, saving_monthly=Decimal("12.5"))
    found = Resource.objects.get()
    again, is_new = recommendation_open(
        by=SYSTEM, tenant=acme, rule="custom:1", resource=found, description="Other words."
    )
    assert (again.pk, is_new, again.description) == (row.pk, False, "Look at it.")
    assert ActivityEntry.objects.filter(type="recommendation.opened").count() == 1
    recommendation_done(by=SYSTEM, row=row, reason="Done.")
    again, is_new = recommendation_open(
        by=SYSTEM, tenant=acme, rule="custom:1", resource=found, description="Again."
    )
    assert (again.pk, is_new, again.status, again.description) == (row.pk, True, "open", "Again.")


@pytest.mark.parametrize(
    ("before", "allowed"),
    [
        ("open", {"snooze", "dismiss", "done"}),
        ("snoozed", {"snooze", "dismiss", "done", "reopen"}),
        ("dismissed", {"reopen"}),
        ("done", {"reopen"}),
        ("closed", {"done"}),
    ],
)
def test_what_may_be_said_when(acme: Tenant, before: str, allowed: set[str]) -> None:
    row = opened(acme)
    for name, verb in VERBS.items():
        Recommendation.objects.filter(pk=row.pk).update(status=before)
        count = AuditEntry.objects.count()
        if name in allowed:
            moved = verb(by=SYSTEM, row=row, reason="So.")
            assert (moved.status_reason, moved.status_by) == ("So.", "system")
            assert AuditEntry.objects.latest("id").changes == {"status": [before, moved.status]}
            continue
        with pytest.raises(Conflict):
            verb(by=SYSTEM, row=row, reason="So.")
        assert AuditEntry.objects.count() == count


@pytest.mark.parametrize("days", [-1, 0, 367])
def test_nobody_puts_off_to_the_past_or_for_years(acme: Tenant, days: int) -> None:
    row = opened(acme)
    with pytest.raises(ValidationFailed, match="366 days"):
        recommendation_snooze(by=SYSTEM, row=row, until=timezone.now() + timedelta(days=days), reason="So.")
    row.refresh_from_db()
    assert row.status == "open"


def test_what_was_put_off_is_open_from_its_moment_on(acme: Tenant) -> None:
    row = opened(acme)
    until = timezone.now() + timedelta(days=1)
    recommendation_snooze(by=SYSTEM, row=row, until=until, reason="Later.")
    assert not open_recommendations(acme, until - timedelta(seconds=1)).exists()
    assert open_recommendations(acme, until).get() == row


def test_of_savings_on_one_resource_the_largest_counts(acme: Tenant) -> None:
    small = opened(acme, saving_monthly=Decimal("9.5"))
    large = opened(acme, rule="custom:2", saving_monthly=Decimal(10))
    other = opened(acme, 2, saving_monthly=Decimal(1))
    opened(acme, 3)
    resources = [row.resource_id for row in Recommendation.objects.all()]
    assert counted_ids(acme, resources) == {large.pk, other.pk}
    recommendation_dismiss(by=SYSTEM, row=large, reason="No.")
    assert counted_ids(acme, resources) == {small.pk, other.pk}
