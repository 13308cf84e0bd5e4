"""Rules are set off by time, by what holds, by what happened, each time once, and by nothing of their own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine
from django.core import mail
from django.db import transaction

from accounts.models import ActivityEntry, Delivery, Tenant, User
from accounts.principals import SYSTEM
from accounts.services.logs import record
from accounts.services.sending import deliver
from inventory.models import AutomationRule, AutomationRun, Budget, Resource
from inventory.services.automation_rules import rule_update
from inventory.services.automation_triggers import rules_fire
from inventory.services.recommendations import recommendation_dismiss, recommendation_open
from inventory.tests.automation import TAG, fleet, machine, person, rule, work
from inventory.triggers import last_due, read_trigger

pytestmark = pytest.mark.django_db
NOW: Final = datetime(2026, 3, 27, 18, 59, 30, tzinfo=UTC)  # a Friday, 19:59 in Berlin
NIGHTLY: Final = {"type": "cron", "cron": "0 20 * * 1-5", "time_zone": "Europe/Berlin"}


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def automatic(tenant: Tenant, trigger: dict[str, Any], **fields: Any) -> AutomationRule:
    return rule(tenant, trigger=trigger, **{"actions": [TAG], "requires_approval": False, **fields})


def happened(tenant: Tenant, type: str, **payload: Any) -> None:
    with transaction.atomic():
        record(tenant=tenant, type=type, by=SYSTEM, payload=payload)


@pytest.mark.parametrize(
    ("cron", "zone", "now", "due"),
    [
        ("0 20 * * 1-5", "Europe/Berlin", "2026-03-27T18:59:59", "2026-03-26T19:00:00"),
        ("0 20 * * 1-5", "Europe/Berlin", "2026-03-27T19:00:00", "2026-03-27T19:00:00"),
        ("0 20 * * 1-5", "Europe/Berlin", "2026-03-30T17:59:00", "2026-03-27T19:00:00"),
        ("0 20 * * 1-5", "Europe/Berlin", "2026-03-30T18:00:00", "2026-03-30T18:00:00"),  # summer time
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T12:00:00", "2026-03-29T01:00:00"),  # 02:30 was none
        ("*/5 * * * *", "UTC", "2026-03-27T18:59:59", "2026-03-27T18:55:00"),
    ],
)  # fmt: skip
def test_the_last_moment_of_a_schedule(cron: str, zone: str, now: str, due: str) -> None:
    trigger = read_trigger({"type": "cron", "cron": cron, "time_zone": zone})
    found = last_due(trigger, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_schedule_fires_once_at_its_moment(acme: Tenant, clock: Any) -> None:
    fleet(acme)
    automatic(acme, NIGHTLY)
    assert rules_fire() == 0
    clock.shift(40)
    assert (rules_fire(), rules_fire()) == (1, 0)
    run = AutomationRun.objects.get()
    assert (run.state, run.cause, run.planned_by) == (
        "approved", "due at 2026-03-27 19:00 UTC", "automation"
    )  # fmt: skip
    assert work(run).message == "2 done, 0 skipped, 0 failed"
    clock.shift(timedelta(days=3))
    assert rules_fire() == 0  # nothing is left to tag
    assert AutomationRun.objects.count() == 1


def test_a_missed_moment_is_made_up_for_unless_it_is_long_ago(acme: Tenant, clock: Any) -> None:
    fleet(acme)
    automatic(acme, NIGHTLY)
    clock.shift(timedelta(hours=5))
    assert rules_fire() == 1
    AutomationRun.objects.all().delete()
    clock.move_to(datetime(2026, 3, 31, 3, tzinfo=UTC))
    assert rules_fire() == 0
    told = ActivityEntry.objects.get(type="automation_rule.missed").payload
    assert told["due"] == "2026-03-30T18:00:00+00:00"
    assert rules_fire() == 0
    assert not AutomationRun.objects.exists()


def test_a_rule_that_asks_for_approval_only_plans(acme: Tenant, owner: User, clock: Any) -> None:
    fleet(acme)
    rule(acme, by=person(owner, acme), trigger=NIGHTLY, actions=[TAG])
    clock.shift(60)
    assert rules_fire() == 1
    assert AutomationRun.objects.get().state == "waiting"
    assert not Delivery.objects.filter(event_type="approval.requested").exists()  # nobody else is there
    clock.shift(timedelta(days=3))
    assert rules_fire() == 1
    states = AutomationRun.objects.order_by("pk").values_list("state", "message")
    assert list(states) == [("expired", "A newer plan took its place."), ("waiting", "")]


def test_as_long_as_its_conditions_hold(acme: Tenant, clock: Any) -> None:
    automatic(acme, {"type": "level", "minutes": 30}, max_percent=100)
    assert rules_fire() == 0
    machine(acme)
    assert rules_fire() == 1
    work(AutomationRun.objects.get())
    machine(acme, 2)
    clock.shift(timedelta(minutes=29))
    assert rules_fire() == 0
    clock.shift(timedelta(minutes=2))
    assert (rules_fire(), rules_fire()) == (1, 0)


def test_something_happened(acme: Tenant, rival: Tenant) -> None:
    fleet(acme)
    happened(acme, "resources.bulk")
    made = automatic(acme, {"type": "event", "event": "resources.bulk"})
    happened(acme, "costs.bulk")
    happened(rival, "resources.bulk")
    assert rules_fire() == 0
    happened(acme, "resources.bulk")
    happened(acme, "resources.bulk")
    assert (rules_fire(), rules_fire()) == (1, 0)
    assert AutomationRun.objects.get().cause.startswith("resources.bulk, #")
    happened(acme, "resources.bulk")  # while a run is at work: it is looked at after that
    assert rules_fire() == 0
    work(AutomationRun.objects.get())
    Resource.objects.update(tags={"env": "dev"})
    AutomationRule.objects.filter(pk=made.pk).update(max_percent=100, max_targets=100)
    assert rules_fire() == 1


def test_what_rules_do_sets_no_rule_off(acme: Tenant) -> None:
    fleet(acme)
    automatic(acme, {"type": "event", "event": "recommendation.opened"})
    other = rule(acme, name="Other", actions=[{"type": "recommend", "description": "x"}])
    rule_update(by=SYSTEM, rule=other, changes={"trigger": {"type": "level"}, "requires_approval": False})
    assert rules_fire() == 1
    work(AutomationRun.objects.get())
    assert ActivityEntry.objects.filter(type="recommendation.opened").count() == 2
    assert rules_fire() == 0


def test_a_budget_is_crossed(acme: Tenant) -> None:
    fleet(acme)
    budget, other = (
        Budget.objects.create(tenant=acme, name=name, amount=Decimal(1), currency="USD") for name in "ab"
    )
    automatic(acme, {"type": "budget", "budget": str(budget.pk), "percent": 80})
    happened(acme, "budget.crossed", id=str(other.pk), percent=100)
    happened(acme, "budget.crossed", id=str(budget.pk), percent=50)
    assert rules_fire() == 0
    happened(acme, "budget.crossed", id=str(budget.pk), percent=100)
    assert rules_fire() == 1


def test_a_recommendation_is_open(acme: Tenant) -> None:
    first, second = fleet(acme)
    automatic(acme, {"type": "recommendation", "rule": "idle-vm"}, filter="")
    assert rules_fire() == 0
    for resource in (first, second):
        recommendation_open(by=SYSTEM, tenant=acme, rule="idle-vm", resource=resource, description="Idle.")
    assert rules_fire() == 1
    run = AutomationRun.objects.get()
    assert run.targets.count() == 2
    row = first.recommendations.get()
    recommendation_dismiss(by=SYSTEM, row=row, reason="")
    assert work(run).message == "1 done, 1 skipped, 0 failed"


def test_a_rule_that_is_off_or_of_a_closed_tenant_is_not_looked_at(acme: Tenant, rival: Tenant) -> None:
    for tenant in (acme, rival):
        machine(tenant)
        automatic(tenant, {"type": "level"})
    AutomationRule.objects.filter(tenant=acme).update(is_enabled=False)
    rival.is_active = False
    rival.save()
    assert rules_fire() == 0


def test_a_refusal_is_told_once_and_not_every_minute(acme: Tenant, clock: Any) -> None:
    fleet(acme, dev=5, prod=0)
    automatic(acme, {"type": "level"})
    assert rules_fire() == 1
    clock.shift(60)
    assert rules_fire() == 0
    run = AutomationRun.objects.get()
    assert (run.state, run.targets.count()) == ("refused", 0)
    assert run.message == "5 resources of 5 match; the rule may change 1 at a time (10, and 20 % of all)."


def test_the_mails_say_what_there_is_to_approve_and_what_was_done(
    acme: Tenant, owner: User, clock: Any
) -> None:
    fleet(acme)
    rule(acme, trigger=NIGHTLY, actions=[TAG])
    notice = {"type": "notify", "emails": ["ops@acme.example"]}
    automatic(acme, NIGHTLY, name="Told", actions=[{**TAG, "key": "told"}, notice])
    clock.shift(60)
    assert rules_fire() == 2
    work(AutomationRun.objects.get(rule__name="Told"))
    for delivery in Delivery.objects.order_by("pk"):
        deliver(delivery_id=delivery.pk)
    asked, told = mail.outbox
    assert (asked.to, asked.subject) == (["owner@example.com"], "To approve: Nights, 2 actions (acme)")
    assert "before 2026-03-28 19:00 UTC" in asked.body
    assert (told.to, told.subject) == (["ops@acme.example"], "Automation: Told, 2 resources (acme)")
    assert "    aws i-1\n" in told.body
    assert "tag i-2: done. The tag told is 'yes'; it was None." in told.body
