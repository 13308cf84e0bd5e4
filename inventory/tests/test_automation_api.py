"""/automation-rules as their clients use them, the older service's among them."""

from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from accounts.models import Tenant, User
from inventory.models import AutomationRule, AutomationRun
from inventory.tests.automation import fleet, registered, rule, work
from tests.builders import make_user

pytestmark = pytest.mark.django_db
URL: Final = "/api/v1/automation-rules"
OLDER: Final = {
    "name": "Stop dev instances nightly",
    "rule_type": "scheduling",
    "is_enabled": True,
    "match_criteria": {"tag:env": "dev"},
    "action_type": "stop",
    "cron_schedule": "0 2 * * *",
}


@pytest.fixture
def admin(client_for: Callable[..., APIClient], owner: User) -> APIClient:
    return client_for(owner)


def test_an_older_client_creates_and_lists_rules(admin: APIClient, acme: Tenant) -> None:
    made = admin.post("/automation-rules", {**OLDER, "organization_id": str(acme.pk)}, format="json")
    assert made.status_code == 201, made.data
    body = made.json()
    assert OLDER.items() <= body.items()
    assert body["organization_id"] == str(acme.pk)
    assert body["trigger"] == {"type": "cron", "cron": "0 2 * * *", "time_zone": "UTC"}
    assert (body["actions"], body["problem"], body["requires_approval"]) == ([{"type": "stop"}], "", True)
    admin.post(URL, {"name": "Bare", "rule_type": "cleanup"}, format="json")
    listed = admin.get("/automation-rules").json()
    assert [one["name"] for one in listed] == ["Bare", OLDER["name"]]
    assert (listed[0]["match_criteria"], listed[0]["action_type"], listed[0]["cron_schedule"]) == (
        {},
        None,
        None,
    )
    assert listed[0]["problem"] == "actions: give a list of 1 to 5."


def test_words_of_the_older_service_that_mean_nothing_here_are_kept_and_never_done(
    admin: APIClient, acme: Tenant
) -> None:
    fleet(acme)
    given = {**OLDER, "action_type": "delete_volumes", "match_criteria": {"idle_days": 7, "cost": 1.5}}
    made = admin.post(URL, given, format="json").json()
    assert (made["action_type"], made["match_criteria"]) == ("delete_volumes", {"idle_days": 7, "cost": 1.5})
    assert made["problem"].startswith("actions: there is no action 'delete_volumes'")
    plan = admin.post(f"{URL}/{made['id']}/plan").json()
    assert (plan["state"], plan["targets"], plan["message"]) == ("refused", [], made["problem"])


def test_a_rule_is_planned_looked_at_approved_and_taken_back(
    admin: APIClient, acme: Tenant, client_for: Callable[..., APIClient]
) -> None:
    fleet(acme)
    second = client_for(make_user("second", acme, "admin"))
    with registered() as aws:
        made = admin.post(URL, {**OLDER, "cron_schedule": None}, format="json").json()
        preview = admin.get(f"{URL}/{made['id']}/preview").json()
        assert [preview[name] for name in ("matched", "fleet", "allowed", "problem")] == [2, 12, 2, ""]
        assert [one["resource_id"] for one in preview["resources"]] == ["i-1", "i-2"]
        plan = admin.post(f"{URL}/{made['id']}/plan")
        assert plan.status_code == 201
        run = f"{URL}/{made['id']}/runs/{plan.json()['id']}"
        first = plan.json()["targets"][0]
        assert {name: first[name] for name in ("action", "resource_id", "why", "expects", "state")} == {
            "action": {"type": "stop"}, "resource_id": "i-1", "why": "tag:env is dev",
            "expects": {"state": "running"}, "state": "planned",
        }  # fmt: skip
        assert admin.post(f"{run}/approve").status_code == 403
        assert second.post(f"{run}/approve", {"hash": "x"}, format="json").status_code == 409
        approved = second.post(f"{run}/approve", {"hash": plan.json()["hash"]}, format="json")
        assert (approved.status_code, approved.json()["state"]) == (200, "approved")
        work(AutomationRun.objects.get())
        seen = admin.get(run).json()
        assert (seen["message"], seen["targets"][0]["inverse"]) == (
            "2 done, 0 skipped, 0 failed", {"type": "start"}
        )  # fmt: skip
        undo = admin.post(f"{run}/undo")
        assert (undo.status_code, undo.json()["undoes"]) == (201, seen["id"])
        work(AutomationRun.objects.get(pk=undo.json()["id"]))
        assert [what for what, _ in aws.calls] == ["stop", "stop", "start", "start"]
    listed = admin.get(f"{URL}/{made['id']}/runs").json()
    assert (listed["total"], [one["state"] for one in listed["items"]]) == (2, ["completed", "completed"])
    assert admin.post(f"{run}/undo").status_code == 409


def test_a_plan_is_rejected_with_a_reason(admin: APIClient, acme: Tenant) -> None:
    fleet(acme)
    made = rule(acme, actions=[{"type": "tag", "key": "a", "value": "b"}])
    run = f"{URL}/{made.pk}/runs/{admin.post(f'{URL}/{made.pk}/plan').json()['id']}"
    rejected = admin.post(f"{run}/reject", {"reason": "Too early."}, format="json").json()
    assert (rejected["state"], rejected["message"], rejected["decided_by"]) == (
        "rejected", "Too early.", "user:owner@example.com"
    )  # fmt: skip
    assert admin.post(f"{run}/reject").status_code == 409


def test_only_admins_write_and_plan(
    acme: Tenant, client_for: Callable[..., APIClient], key: Callable[..., str], member: User
) -> None:
    fleet(acme)
    made = rule(acme, actions=[{"type": "tag", "key": "a", "value": "b"}])
    for who in (key("write"), member, key("read")):
        client = client_for(who)
        answers = [
            client.post(URL, OLDER, format="json"),
            client.patch(f"{URL}/{made.pk}", {"is_enabled": False}, format="json"),
            client.delete(f"{URL}/{made.pk}"),
            client.post(f"{URL}/{made.pk}/plan"),
        ]
        assert [answer.status_code for answer in answers] == [403] * 4
        assert client.get(f"{URL}/{made.pk}/preview").json()["matched"] == 2
    run = client_for(key("admin")).post(f"{URL}/{made.pk}/plan").json()
    refused = client_for(key("admin")).post(f"{URL}/{made.pk}/runs/{run['id']}/approve")
    assert (refused.status_code, refused.json()["message"]) == (
        403, "A person approves it, who has signed in; a key cannot."
    )  # fmt: skip


def test_the_maker_of_a_key_does_not_approve_what_it_planned(
    acme: Tenant, client_for: Callable[..., APIClient], admin: APIClient
) -> None:
    fleet(acme)
    secret = admin.post("/api/v1/api-keys", {"name": "robot", "scopes": ["admin"]}, format="json").json()[
        "key"
    ]
    made = rule(acme, actions=[{"type": "tag", "key": "a", "value": "b"}])
    run = client_for(secret).post(f"{URL}/{made.pk}/plan").json()
    assert admin.post(f"{URL}/{made.pk}/runs/{run['id']}/approve").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "x", "cron_schedule": "every night"}, "trigger"),
        ({"name": "x", "trigger": {"type": "moon"}}, "trigger"),
        ({"name": "x", "filter": "nope = 1"}, "filter"),
        ({"name": "x", "actions": [{"type": "reboot"}]}, "actions"),
        ({"name": "x", "max_percent": 0}, "max_percent"),
        ({"name": "x", "match_criteria": [1]}, "match_criteria"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(admin: APIClient, body: dict[str, Any], field: str) -> None:
    answer = admin.post(URL, body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert not AutomationRule.objects.exists()


def test_a_rule_is_changed_and_deleted(admin: APIClient, acme: Tenant) -> None:
    made = admin.post(URL, OLDER, format="json").json()
    url = f"{URL}/{made['id']}"
    changed = admin.patch(
        url, {"match_criteria": {"cost_daily": 1.5}, "max_targets": 3}, format="json"
    ).json()
    assert (changed["version"], changed["max_targets"], changed["match_criteria"]) == (
        2,
        3,
        {"cost_daily": 1.5},
    )
    assert admin.patch(url, {"cron_schedule": None}, format="json").json()["trigger"] == {"type": "manual"}
    assert admin.post(URL, OLDER, format="json").status_code == 409
    assert (admin.delete(url).status_code, admin.get(url).status_code) == (204, 404)


def test_a_run_is_found_under_its_own_rule_alone(admin: APIClient, acme: Tenant) -> None:
    fleet(acme)
    made = rule(acme, actions=[{"type": "tag", "key": "a", "value": "b"}])
    other = rule(acme, name="Other")
    run = admin.post(f"{URL}/{made.pk}/plan").json()["id"]
    assert admin.get(f"{URL}/{made.pk}/runs/{run}").status_code == 200
    assert admin.get(f"{URL}/{other.pk}/runs/{run}").status_code == 404
    assert admin.get(f"{URL}/{uuid4()}/runs").status_code == 404
