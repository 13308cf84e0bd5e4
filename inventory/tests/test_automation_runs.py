"""An approved plan is done target by target, each as it is found then, and can be taken back."""

from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine
from django.utils import timezone

from accounts.errors import Conflict
from accounts.models import ActivityEntry, AuditEntry, Delivery, Tenant, User, Webhook
from accounts.principals import SYSTEM, Principal
from inventory import tasks
from inventory.adapters import Power
from inventory.models import AutomationRun, Recommendation, Resource, ResourceChange
from inventory.services import automation_power, automation_steps
from inventory.services.automation_plans import rule_plan
from inventory.services.automation_rules import rule_update
from inventory.services.automation_runs import run_approve, run_undo
from inventory.services.automation_steps import run_step
from inventory.services.automation_targets import LeaseLost, lease_renew
from inventory.services.recommendations import recommendation_done
from inventory.tasks import fire_automation, sweep_automation
from inventory.tests.automation import (
    STOP,
    TAG,
    FakeProvider,
    done,
    fates,
    fleet,
    person,
    registered,
    rule,
    work,
)

pytestmark = pytest.mark.django_db
NOTIFY: Final = {"type": "notify", "emails": ["ops@acme.example"]}
RECOMMEND: Final = {"type": "recommend", "description": "Look at it.", "priority": "high"}


@pytest.fixture
def aws() -> Any:
    with registered() as fake:
        yield fake


@pytest.fixture
def by(owner: User, acme: Tenant) -> Principal:
    return person(owner, acme)


def test_each_target_is_done_once_and_told(acme: Tenant, aws: FakeProvider, by: Principal) -> None:
    first, _ = fleet(acme)
    run = done(rule(acme), by)
    assert (run.state, run.message) == ("completed", "2 done, 0 skipped, 0 failed")
    assert aws.calls == [("stop", "i-1"), ("stop", "i-2")]
    assert fates(run) == [(f"stop i-{n}", "done", "It is STOPPED.") for n in (1, 2)]
    first.refresh_from_db()
    change = ResourceChange.objects.get(resource=first)
    assert (first.state, change.actor, change.changes) == (
        "stopped", "automation:Nights", {"state": ["running", "stopped"]}
    )  # fmt: skip
    kinds = ActivityEntry.objects.filter(type__startswith="automation_run").order_by("seq")
    assert [k.type.split(".")[1] for k in kinds] == ["planned", "approved", "completed"]
    assert ActivityEntry.objects.filter(type="automation_target.done").count() == 2
    assert AuditEntry.objects.filter(action="automation_target.acting").count() == 2


def test_a_resource_that_goes_while_it_is_acted_on_ends_its_target(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    first, _ = fleet(acme)
    aws.heeds = False
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    assert run_step(run_id=run.pk)
    assert [fate[1] for fate in fates(run)] == ["acting", "acting"]
    first.delete()
    aws.powers["i-2"] = Power.STOPPED
    assert work(run).message == "1 done, 0 skipped, 1 failed"
    assert fates(run)[0] == ("stop i-1", "failed", "The resource is gone; it is not known what became of it.")


def test_nothing_is_done_for_an_inactive_tenant(acme: Tenant, aws: FakeProvider, by: Principal) -> None:
    fleet(acme)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    Tenant.objects.filter(pk=acme.pk).update(is_active=False)
    assert not run_step(run_id=run.pk)
    sweep_automation()
    assert (aws.calls, {fate[1] for fate in fates(run)}) == ([], {"planned"})
    Tenant.objects.filter(pk=acme.pk).update(is_active=True)
    assert work(run).message == "2 done, 0 skipped, 0 failed"


def test_undo_starts_what_was_stopped_unless_it_changed_since(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    fleet(acme)
    run = done(rule(acme), by)
    aws.powers["i-2"] = Power.RUNNING
    undo = work(run_undo(by=by, run=run))
    assert aws.calls[2:] == [("start", "i-1")]
    assert fates(undo) == [
        ("start i-2", "skipped", "At aws it is RUNNING by now."),
        ("start i-1", "done", "It is RUNNING."),
    ]
    assert Resource.objects.get(resource_id="i-1").state == "running"
    for again in (run, undo):
        with pytest.raises(Conflict):
            run_undo(by=by, run=again)


def test_tags_are_written_and_taken_back(acme: Tenant, by: Principal) -> None:
    first, second = fleet(acme)
    Resource.objects.filter(pk=first.pk).update(tags={"env": "dev", "review": "no", "n": 1})
    run = done(rule(acme, actions=[TAG]), by)
    assert [r.tags for r in Resource.objects.filter(tags__env="dev").order_by("pk")] == [
        {"env": "dev", "review": "yes", "n": 1}, {"env": "dev", "review": "yes"},
    ]  # fmt: skip
    Resource.objects.filter(pk=second.pk).update(tags={"env": "dev", "review": "seen"})
    undo = work(run_undo(by=by, run=run))
    assert undo.message == "1 done, 1 skipped, 0 failed"
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.tags, second.tags) == (
        {"env": "dev", "review": "no", "n": 1}, {"env": "dev", "review": "seen"}
    )  # fmt: skip


def drifted(what: str, resource: Resource, aws: FakeProvider) -> None:
    match what:
        case "conditions":
            Resource.objects.filter(pk=resource.pk).update(tags={"env": "prod"})
        case "gone":
            resource.delete()
        case "stopped":
            aws.powers[resource.resource_id] = Power.STOPPED
        case "other":
            aws.powers[resource.resource_id] = Power.OTHER
        case "busy":
            aws.busy.add(resource.resource_id)


@pytest.mark.parametrize(
    ("what", "result"),
    [
        ("conditions", "It does not meet the conditions any more."),
        ("gone", "The resource is gone."),
        ("stopped", "At aws it is STOPPED by now."),
        ("other", "At aws it is OTHER by now."),
        ("busy", "At aws it is RUNNING by now, and something is at it."),
    ],
)
def test_what_drifted_since_the_plan_is_skipped(
    acme: Tenant, aws: FakeProvider, by: Principal, what: str, result: str
) -> None:
    first, _ = fleet(acme)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    drifted(what, first, aws)
    run = work(run)
    assert fates(run)[0] == ("stop i-1", "skipped", result)
    assert aws.calls == [("stop", "i-2")]
    assert run.message == "1 done, 1 skipped, 0 failed"


def test_a_tag_that_changed_since_the_plan_is_left(acme: Tenant, by: Principal) -> None:
    first, _ = fleet(acme)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme, actions=[TAG])))
    Resource.objects.filter(pk=first.pk).update(tags={"env": "dev", "review": "mine"})
    assert work(run).message == "1 done, 1 skipped, 0 failed"
    first.refresh_from_db()
    assert first.tags["review"] == "mine"


def test_conditions_that_nobody_understands_any_more_are_met_by_nothing(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    fleet(acme)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    run.definition = {**run.definition, "filter": "nope = 1"}
    run.save()
    run = work(run)
    assert (aws.calls, run.message) == ([], "0 done, 2 skipped, 0 failed")
    assert fates(run)[0][2].startswith("filter: at character 1: expected one of account")


def test_switching_the_rule_off_stops_its_run(acme: Tenant, aws: FakeProvider, by: Principal) -> None:
    fleet(acme)
    made = rule(acme)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=made))
    rule_update(by=SYSTEM, rule=made, changes={"is_enabled": False})
    run = work(run)
    assert (aws.calls, run.message) == ([], "0 done, 2 skipped, 0 failed")


def test_the_next_action_waits_for_the_one_before_on_the_same_resource(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    """The conditions hold no more once the machine is stopped; the tag is for what was stopped."""
    first, second = fleet(acme)
    aws.powers["i-2"] = Power.STOPPED
    run = done(rule(acme, filter="tag:env = dev and state = running", actions=[STOP, TAG, NOTIFY]), by)
    assert [(what, state) for what, state, _ in fates(run)] == [
        ("stop i-1", "done"), ("stop i-2", "skipped"), ("tag i-1", "done"), ("tag i-2", "skipped"),
        ("notify", "done"),
    ]  # fmt: skip
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.tags.get("review"), second.tags.get("review")) == ("yes", None)
    mail = Delivery.objects.get(event_type="automation.notice")
    assert [one["state"] for one in mail.payload["done"]] == ["done", "skipped", "done", "skipped"]


def test_a_provider_that_is_away_is_asked_again_and_then_left(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    fleet(acme, dev=1)
    aws.away = True
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    assert run_step(run_id=run.pk)
    assert fates(run) == [("stop i-1", "planned", "It does not answer.")]
    run = work(run)
    assert fates(run) == [("stop i-1", "failed", "Nothing was done: It does not answer.")]
    assert (run.message, aws.calls) == ("0 done, 0 skipped, 1 failed", [])


def test_a_provider_that_is_away_for_a_moment_costs_nothing(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    fleet(acme, dev=1)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    aws.away = True
    run_step(run_id=run.pk)
    aws.away = False
    assert (work(run).message, aws.calls) == ("1 done, 0 skipped, 0 failed", [("stop", "i-1")])


def test_what_the_provider_refuses_or_does_not_do_has_failed(
    acme: Tenant, aws: FakeProvider, by: Principal
) -> None:
    fleet(acme, dev=1)
    aws.refusal = "No."
    run = done(rule(acme), by)
    assert fates(run) == [("stop i-1", "failed", "No.")]
    aws.refusal, aws.heeds = "", False
    run = done(run.rule, by)
    assert fates(run) == [("stop i-1", "failed", "aws took it on as job-1, but: no such luck")]
    assert aws.calls == [("stop", "i-1")]
    with pytest.raises(Conflict):
        run_undo(by=by, run=run)


def test_a_machine_that_never_gets_there_is_given_up(acme: Tenant, aws: FakeProvider, by: Principal) -> None:
    fleet(acme, dev=1)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    run_step(run_id=run.pk)
    aws.busy.add("i-1")
    assert not run_step(run_id=run.pk)  # it is not due yet
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        run = work(run)
    assert fates(run) == [("stop i-1", "failed", "It is still STOPPED after 0:30:00.")]


def test_recommendations_are_opened_and_taken_back(acme: Tenant, by: Principal) -> None:
    fleet(acme)
    made = rule(acme, actions=[RECOMMEND])
    run = done(made, by)
    rows = Recommendation.objects.order_by("pk")
    assert [(r.rule, r.native_id, r.description, r.priority) for r in rows] == [
        (f"automation:{made.pk}", f"i-{n}", "Look at it.", "high") for n in (1, 2)
    ]
    assert done(made, by).message == "0 done, 2 skipped, 0 failed"
    recommendation_done(by=by, row=rows[0], reason="")
    undo = work(run_undo(by=by, run=run))
    assert undo.message == "1 done, 1 skipped, 0 failed"
    assert [r.status for r in rows.all()] == ["done", "dismissed"]


def test_a_message_goes_to_people_and_to_a_webhook_of_the_tenants(
    acme: Tenant, rival: Tenant, by: Principal
) -> None:
    fleet(acme)
    ours = Webhook.objects.create(tenant=acme, url="https://a.example/", events=["never.told"])
    theirs = Webhook.objects.create(tenant=rival, url="https://b.example/")
    run = done(rule(acme, actions=[{**NOTIFY, "webhook": str(ours.pk)}]), by)
    assert run.message == "1 done, 0 skipped, 0 failed"
    sent = Delivery.objects.filter(event_type="automation.notice").order_by("pk")
    assert [(d.kind, d.target) for d in sent] == [
        ("mail", "ops@acme.example"), ("webhook", "https://a.example/")
    ]  # fmt: skip
    assert sent[0].payload["resources"] == ["aws i-1", "aws i-2"]
    assert fates(run)[0][2] == f"Handed over for ops@acme.example, the webhook {ours.pk}."
    run = done(rule(acme, name="Theirs", actions=[{"type": "notify", "webhook": str(theirs.pk)}]), by)
    assert run.message == "0 done, 0 skipped, 1 failed"
    assert Delivery.objects.filter(event_type="automation.notice").count() == 2


def test_one_worker_has_a_run_at_a_time(acme: Tenant, aws: FakeProvider, by: Principal) -> None:
    fleet(acme)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    held = automation_steps._claim(run.pk)
    assert held is not None
    assert not run_step(run_id=run.pk)
    AutomationRun.objects.filter(pk=run.pk).update(next_step_at=timezone.now())
    assert work(run).state == "completed"
    with pytest.raises(LeaseLost):
        lease_renew(held)
    assert len(aws.calls) == 2


def test_a_worker_that_slept_asks_for_nothing(
    acme: Tenant, aws: FakeProvider, by: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked at the machine, and another did the whole run before it went on."""
    fleet(acme, dev=1)
    run = run_approve(by=by, run=rule_plan(by=SYSTEM, rule=rule(acme)))
    begin = automation_power._begin
    slept: list[int] = []

    def sleeps(*args: Any) -> None:
        if not slept:
            slept.append(1)
            AutomationRun.objects.filter(pk=run.pk).update(next_step_at=timezone.now())
            work(run)
        begin(*args)

    monkeypatch.setattr(automation_power, "_begin", sleeps)
    assert not run_step(run_id=run.pk)
    assert (aws.calls, fates(run)) == ([("stop", "i-1")], [("stop i-1", "done", "It is STOPPED.")])


def test_the_sweep_goes_on_with_a_run_itself_while_no_worker_can_be_asked(
    acme: Tenant, aws: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(acme)
    rule(acme, trigger={"type": "level"}, requires_approval=False)
    fire_automation()
    answers = iter((True, False))  # the worker that was asked first died
    monkeypatch.setattr(tasks, "step_ask", lambda run_id: next(answers))
    sweep_automation()
    assert aws.calls == []
    sweep_automation()
    assert aws.calls == [("stop", "i-1"), ("stop", "i-2")]
