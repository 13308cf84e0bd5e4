"""A plan is a frozen list of what would happen and why, and whatever stands against it, nothing is done."""

from typing import Any, Final

import pytest
from django.utils import timezone

from accounts.errors import Conflict, PermissionRefused, ValidationFailed
from accounts.models import ActivityEntry, AuditEntry, Delivery, Membership, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import AutomationRule, AutomationRun, Folder, Product, Resource
from inventory.queries.automation import Definition, rule_preview, rule_targets
from inventory.services.automation_plans import rule_plan
from inventory.services.automation_rules import rule_update
from inventory.services.automation_runs import run_approve, run_reject, run_undo, runs_expire
from inventory.services.automation_steps import run_step
from inventory.tests.automation import TAG, FakeProvider, fleet, machine, person, registered, rule, work
from tests.builders import make_user

pytestmark = pytest.mark.django_db
MANY: Final = "2 resources of 12 match; the rule may change 1 at a time"
NOTIFY: Final = {"type": "notify", "emails": ["ops@acme.example"]}


@pytest.fixture
def aws() -> Any:
    with registered() as fake:
        yield fake


def test_a_plan_lists_what_would_happen_and_why(acme: Tenant, rival: Tenant, aws: FakeProvider) -> None:
    fleet(acme)
    fleet(rival)
    machine(acme, 3, state="stopped")
    run = rule_plan(by=SYSTEM, rule=rule(acme, filter="tag:env = dev and cost_daily < 5 or tag:env = dev"))
    targets = [(str(t), t.state, t.why, t.expects) for t in run.targets.all()]
    why = "tag:env is dev; cost_daily is absent"
    assert targets == [(f"stop i-{n}", "planned", why, {"state": "running"}) for n in (1, 2)]
    assert (run.state, run.matched, run.fleet, run.message, len(run.hash)) == ("waiting", 2, 13, "", 64)
    assert aws.calls == []


def test_a_rule_may_be_about_a_product(acme: Tenant, aws: FakeProvider) -> None:
    fleet(acme)
    folder = Folder.objects.create(tenant=acme, name="Shop")
    Product.objects.create(tenant=acme, folder=folder, name="Web", resource_filter="resource_id = i-2")
    run = rule_plan(by=SYSTEM, rule=rule(acme, filter='product = "Shop/Web" and state = running'))
    targets = [(target.native_id, target.why) for target in run.targets.all()]
    assert (run.state, targets) == ("waiting", [("i-2", "product is as asked for; state is running")])


def test_a_plan_changes_nothing_until_it_is_approved(acme: Tenant, aws: FakeProvider) -> None:
    fleet(acme)
    run = rule_plan(by=SYSTEM, rule=rule(acme, actions=[TAG, {"type": "stop"}, NOTIFY]))
    assert not run_step(run_id=run.pk)
    assert aws.calls == []
    assert not Resource.objects.filter(tags__has_key="review").exists()
    assert not Delivery.objects.filter(event_type="automation.notice").exists()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"max_targets": 1}, f"{MANY} (1, and 20 % of all)."),
        ({"max_percent": 10}, f"{MANY} (10, and 10 % of all)."),
        ({"action_type": "reboot"}, "actions: there is no action 'reboot'; there are "),
        ({"action_type": "notify"}, "actions: give at most 20 emails, or a webhook."),
        ({"action_type": None}, "actions: give a list of 1 to 5."),
        ({"filter": ""}, "filter: the rule has no conditions, and would meet every resource."),
        ({"match_criteria": {"age": 3}}, "match_criteria: at character 1: expected one of account, "),
        ({"filter": "provider = aws and tag:env = dev", "match_criteria": {"state": {}}}, "match_criteria: "),
    ],
)  # fmt: skip
def test_what_stands_against_a_plan_is_said_and_nothing_is_done(
    acme: Tenant, aws: FakeProvider, fields: dict[str, Any], reason: str
) -> None:
    fleet(acme)
    made = rule(acme, **fields)
    run = rule_plan(by=SYSTEM, rule=made)
    assert (run.state, run.targets.count(), aws.calls) == ("refused", 0, [])
    assert run.message.startswith(reason)
    assert rule_preview(made).problem.startswith(reason)
    told = ActivityEntry.objects.get(type="automation_run.planned").payload
    assert (told["state"], told["message"]) == ("refused", run.message)
    with pytest.raises(Conflict):
        run_approve(by=person(make_user("second", acme, "admin"), acme), run=run)


def test_without_an_adapter_nothing_is_planned(acme: Tenant) -> None:
    fleet(acme)
    run = rule_plan(by=SYSTEM, rule=rule(acme))
    assert (run.state, run.message) == ("refused", "Nothing here can start or stop machines at aws.")


def test_one_resource_of_a_small_fleet_is_always_allowed(acme: Tenant, aws: FakeProvider) -> None:
    fleet(acme, dev=1, prod=1)
    assert rule_plan(by=SYSTEM, rule=rule(acme)).state == "waiting"
    machine(acme, 2)
    assert rule_plan(by=SYSTEM, rule=AutomationRule.objects.get()).state == "refused"


def test_caps_are_for_what_changes_and_not_for_messages(acme: Tenant) -> None:
    fleet(acme, dev=5, prod=0)
    run = rule_plan(by=SYSTEM, rule=rule(acme, actions=[NOTIFY]))
    assert (run.state, run.matched, run.targets.get().expects["resources"][0]) == ("waiting", 5, "aws i-1")


def test_what_is_so_already_is_no_target(acme: Tenant) -> None:
    first, second = fleet(acme)
    Resource.objects.filter(pk=first.pk).update(tags={"env": "dev", "review": "yes"})
    run = rule_plan(by=SYSTEM, rule=rule(acme, actions=[TAG]))
    assert run.targets.get().resource == second
    Resource.objects.filter(pk=second.pk).update(tags={"env": "dev", "review": "yes"})
    again = rule_plan(by=SYSTEM, rule=run.rule)
    assert (again.state, again.message) == ("completed", "Nothing matches.")
    run.refresh_from_db()
    assert (run.state, run.message) == ("expired", "A newer plan took its place.")


@pytest.mark.parametrize("size", [2, 40])
def test_what_a_rule_matches_is_one_query_whatever_the_fleet(
    acme: Tenant, django_assert_num_queries: Any, size: int
) -> None:
    fleet(acme, dev=size)
    made = rule(acme, actions=[TAG], filter="tag:env = dev and state in (running, idle)")
    with django_assert_num_queries(3):  # how many there are, how many match, and the first of those
        assert rule_preview(made).matched == size
    with django_assert_num_queries(1):
        list(rule_targets(acme, Definition.of(made)))


def test_the_older_services_criteria_hold_beside_the_filter(acme: Tenant, aws: FakeProvider) -> None:
    fleet(acme, dev=3)
    criteria = {"tag:env": "dev", "resource_id": ["i-1", "i-2"], "state": "running"}
    made = rule(acme, filter="resource_id != i-2", match_criteria=criteria)
    assert [one.resource_id for one in rule_preview(made).resources] == ["i-1"]


def test_only_a_second_person_approves(
    acme: Tenant, aws: FakeProvider, owner: User, admin_user: User, member: User, staff: User
) -> None:
    fleet(acme)
    author, planner, third = person(owner, acme), person(admin_user, acme), make_user("third", acme, "admin")
    run = rule_plan(by=planner, rule=rule(acme, by=author))
    mails = Delivery.objects.filter(event_type="approval.requested").values_list("target", flat=True)
    assert list(mails) == ["third@example.com"]
    for nobody in (author, planner, person(member, acme), SYSTEM):
        with pytest.raises(PermissionRefused):
            run_approve(by=nobody, run=run)
    run.refresh_from_db()
    assert run.state == "waiting"
    approved = run_approve(by=person(third, acme), run=run)
    assert (approved.state, approved.decided_by) == ("approved", "user:third@example.com")
    with pytest.raises(Conflict):
        run_approve(by=person(staff, acme), run=run)
    assert AuditEntry.objects.filter(action="automation_run.approved").count() == 1


def test_whoever_changes_the_rule_does_not_approve_it_either(
    acme: Tenant, aws: FakeProvider, owner: User, admin_user: User
) -> None:
    fleet(acme)
    made = rule(acme, by=person(owner, acme))
    renamed = rule_update(by=person(admin_user, acme), rule=made, changes={"name": "Other"})
    assert (renamed.version, renamed.authors) == (1, [str(owner.pk)])
    changed = rule_update(by=person(admin_user, acme), rule=made, changes={"max_targets": 5})
    assert (changed.version, changed.authors) == (2, [str(owner.pk), str(admin_user.pk)])
    run = rule_plan(by=SYSTEM, rule=changed)
    for author in (owner, admin_user):
        with pytest.raises(PermissionRefused):
            run_approve(by=person(author, acme), run=run)


def test_an_approval_is_for_the_plan_that_was_seen(acme: Tenant, aws: FakeProvider, owner: User) -> None:
    fleet(acme)
    run = rule_plan(by=SYSTEM, rule=rule(acme))
    with pytest.raises(Conflict, match="another one"):
        run_approve(by=person(owner, acme), run=run, hash="0" * 64)
    rule_update(by=SYSTEM, rule=run.rule, changes={"max_targets": 5})
    with pytest.raises(Conflict, match="changed or switched off"):
        run_approve(by=person(owner, acme), run=run, hash=run.hash)


def test_plans_and_approvals_expire(acme: Tenant, aws: FakeProvider, owner: User) -> None:
    fleet(acme)
    run = rule_plan(by=SYSTEM, rule=rule(acme))
    AutomationRun.objects.update(expires_at=timezone.now())
    with pytest.raises(Conflict):
        run_approve(by=person(owner, acme), run=run)
    assert runs_expire() == 1
    again = run_approve(by=person(owner, acme), run=rule_plan(by=SYSTEM, rule=run.rule))
    AutomationRun.objects.filter(pk=again.pk).update(expires_at=timezone.now())
    assert not run_step(run_id=again.pk)
    again.refresh_from_db()
    assert (again.state, again.message, aws.calls) == ("expired", "It was not begun in time.", [])
    assert ActivityEntry.objects.filter(type="automation_run.expired").count() == 2


def test_a_rejected_plan_is_never_done(acme: Tenant, aws: FakeProvider, owner: User) -> None:
    fleet(acme)
    run = run_reject(by=person(owner, acme), run=rule_plan(by=SYSTEM, rule=rule(acme)), reason="Not today.")
    assert (run.state, run.message, run.decided_by) == ("rejected", "Not today.", "user:owner@example.com")
    for verb in (run_approve, run_reject, run_undo):
        with pytest.raises(Conflict):
            verb(by=person(owner, acme), run=run)
    assert not run_step(run_id=run.pk)


def test_a_rule_that_asks_for_no_approval_is_approved_by_anyone_who_may(
    acme: Tenant, aws: FakeProvider, owner: User
) -> None:
    fleet(acme)
    by = person(owner, acme)
    run = work(run_approve(by=by, run=rule_plan(by=by, rule=rule(acme, by=by, requires_approval=False))))
    assert (run.state, run.message) == ("completed", "2 done, 0 skipped, 0 failed")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"trigger": {"type": "cron", "cron": "61 * * * *"}}, "trigger"),
        ({"trigger": {"type": "cron", "cron": "0 2 31 2 *"}}, "trigger"),
        ({"trigger": {"type": "cron", "cron": "0 2 * * *", "time_zone": "Mars"}}, "trigger"),
        ({"trigger": {"type": "cron", "cron": "* * * * * *"}}, "trigger"),
        ({"trigger": {"type": "level", "minutes": 1}}, "trigger"),
        ({"trigger": {"type": "event", "event": "automation_run.completed"}}, "trigger"),
        ({"trigger": {"type": "budget", "budget": "0195a2b0-0000-7000-8000-000000000000"}}, "trigger"),
        ({"trigger": {"type": "manual", "cron": "* * * * *"}}, "trigger"),
        ({"trigger": {"type": "moon"}}, "trigger"),
        ({"filter": "nothing = 1"}, "filter"),
        ({"actions": [{"type": "reboot"}]}, "actions"),
        ({"actions": [{"type": "stop"}, {"type": "start"}]}, "actions"),
        ({"actions": [{"type": "stop"}, {"type": "schedule_stop"}]}, "actions"),
        ({"actions": [{"type": "stop", "force": True}]}, "actions"),
        ({"actions": [{"type": "tag", "key": ""}]}, "actions"),
        ({"actions": [{"type": "notify", "emails": []}]}, "actions"),
        ({"actions": [{"type": "notify", "emails": ["nobody"]}]}, "actions"),
        ({"actions": [{"type": "recommend", "description": "x", "priority": "huge"}]}, "actions"),
        ({"max_percent": 101}, "max_percent"),
        ({"max_targets": 0}, "max_targets"),
    ],
)  # fmt: skip
def test_a_rule_that_could_never_be_right_is_refused(
    acme: Tenant, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rule(acme, **fields)
    assert refused.value.errors[0]["field"] == field
    assert not AutomationRule.objects.exists()


def test_a_name_is_taken_once(acme: Tenant, rival: Tenant) -> None:
    rule(acme)
    rule(rival)
    with pytest.raises(Conflict):
        rule(acme)


def test_admins_role_is_what_counts(acme: Tenant, aws: FakeProvider) -> None:
    fleet(acme)
    run = rule_plan(by=SYSTEM, rule=rule(acme))
    for role in (Membership.Role.MEMBER, Membership.Role.VIEWER):
        with pytest.raises(PermissionRefused):
            run_approve(by=person(make_user(role, acme, role), acme), run=run)
