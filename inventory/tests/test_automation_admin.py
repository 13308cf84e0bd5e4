"""Automation in the back office: rules written by the services, what they would match, and their runs."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import AutomationRule, AutomationRun
from inventory.services.automation_plans import rule_plan
from inventory.tests.automation import TAG, fleet, rule, work
from tests.browser import browser

RULES = "/admin/inventory/automationrule/"
RUNS = "/admin/inventory/automationrun/"


@pytest.fixture
def desk(staff: User) -> Client:
    return browser(staff)


def chosen(desk: Client, url: str, action: str, row: Any, confirmed: str = "yes") -> Any:
    body = {"action": action, "_selected_action": [str(row.pk)], "confirmed": confirmed}
    return desk.post(url, body, follow=True)


def test_a_rule_is_written_by_the_services(desk: Client, acme: Tenant, staff: User) -> None:
    given = {
        "tenant": str(acme.pk), "name": "Nights", "rule_type": "", "is_enabled": "on", "match_criteria": "{}",
        "trigger": json.dumps({"type": "cron", "cron": "0 2 * * *"}), "filter": "tag:env = dev",
        "actions": json.dumps([TAG]), "max_targets": "10", "max_percent": "20", "requires_approval": "on",
        "runs-TOTAL_FORMS": "0", "runs-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert desk.post(f"{RULES}add/", given).status_code == 302
    made = AutomationRule.objects.get()
    assert (made.trigger["time_zone"], made.authors, made.created_by) == (
        "UTC", [str(staff.pk)], f"user:{staff.email}"
    )  # fmt: skip
    del given["tenant"]
    given |= {"runs-TOTAL_FORMS": "0", "filter": "nope = 1"}
    page = desk.post(f"{RULES}{made.pk}/change/", given, follow=True)
    assert "expected one of account" in page.content.decode()
    desk.post(f"{RULES}{made.pk}/change/", given | {"filter": "tag:env = prod"})
    made.refresh_from_db()
    assert (made.filter, made.version) == ("tag:env = prod", 2)
    assert desk.post(f"{RULES}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    actions = AuditEntry.objects.filter(action__startswith="automation_rule").order_by("id")
    assert [entry.action.partition(".")[2] for entry in actions] == ["created", "updated", "deleted"]


def test_what_a_rule_would_match_now(desk: Client, acme: Tenant, member: User) -> None:
    fleet(acme, dev=3)
    made = rule(acme, actions=[TAG])
    url = f"{RULES}{made.pk}/matches/"
    page = desk.get(url).content.decode()
    assert "<strong>3</strong> of the 13 resources of" in page
    assert "A plan would be refused: 3 resources of 13 match; the rule may change 2 at a time" in page
    assert page.count("i-prod") == 0
    assert all(f">i-{number}</a>" in page for number in (1, 2, 3))
    assert url in desk.get(RULES).content.decode()
    assert browser(member).get(url).status_code == 302
    assert not AutomationRun.objects.exists()


def test_a_rule_is_planned_approved_and_taken_back_there(desk: Client, acme: Tenant, staff: User) -> None:
    fleet(acme)
    made = rule(acme, actions=[TAG])
    assert "This concerns" in chosen(desk, RULES, "plan", made, confirmed="").content.decode()
    assert not AutomationRun.objects.exists()
    chosen(desk, RULES, "plan", made)
    mine = AutomationRun.objects.get()
    page = chosen(desk, RUNS, "approve", mine).content.decode()
    assert "Nothing was done. Who wrote the rule or asked for the plan does not approve it." in page
    run = rule_plan(by=SYSTEM, rule=made)
    chosen(desk, RUNS, "approve", run)
    assert work(run).message == "2 done, 0 skipped, 0 failed"
    assert "tag:env is dev" in desk.get(f"{RUNS}{run.pk}/change/").content.decode()
    chosen(desk, RUNS, "undo", run)
    undo = AutomationRun.objects.get(undoes=run)
    assert (work(undo).message, undo.decided_by) == ("2 done, 0 skipped, 0 failed", f"user:{staff.email}")
    other = rule_plan(by=SYSTEM, rule=made)
    chosen(desk, RUNS, "reject", other)
    other.refresh_from_db()
    assert other.state == "rejected"
