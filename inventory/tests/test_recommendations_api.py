"""The older service's list keeps its shape; what people say, thresholds, totals and verdicts beside it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
import time_machine

from accounts.models import AuditEntry, Membership, Tenant
from accounts.principals import SYSTEM
from inventory.models import Folder, FolderPermission, Product, Recommendation, Resource
from inventory.services.recommending import recommendations_compute
from inventory.tests.test_recommending import NOW, billed, stock
from tests.builders import make_user

URL: Final = "/api/v1/recommendations"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def found(acme: Tenant) -> dict[tuple[str, str], Recommendation]:
    """Two idle machines in acme: i-1 is billed 12 a day, i-2 is estimated at 2.4."""
    stock(acme, 1, 2)
    billed(acme, 1)
    recommendations_compute(by=SYSTEM, tenant=acme)
    return {(row.native_id, row.rule): row for row in Recommendation.objects.all()}


def test_the_list_is_the_older_services_array_with_more(api: Any, found: Any) -> None:
    answer = api.get(URL, {"rule": "idle_machine"})
    second, first = answer.json()
    row = found["i-1", "idle_machine"]
    assert (answer.headers["X-Total-Count"], second["provider_resource_id"]) == ("2", "i-2")
    assert first == {
        "id": str(row.pk), "organization_id": str(row.tenant_id), "resource_id": str(row.resource_id),
        "provider": "aws", "provider_resource_id": "i-1", "rule": "idle_machine",
        "recommendation_type": "cleanup", "priority": "high", "risk": "medium", "confidence": "high",
        "potential_savings_monthly": "365", "currency": "USD", "basis": "spend", "counted": True,
        "description": "CPU was 1 % on average and 4 % at most, the network 100 B/s, in 14 days.",
        "action_items": ["Stop the machine", "Delete it when nobody misses it"], "missing": [],
        "status": "open", "snoozed_until": None, "opened_at": "2026-03-31T12:00:00Z",
        "created_at": "2026-03-31T12:00:00Z", "updated_at": "2026-03-31T12:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"i-1 idle_machine", "i-1 off_hours", "i-2 idle_machine", "i-2 off_hours"}),
        ({"priority": "high"}, {"i-1 idle_machine"}),
        ({"least": "100"}, {"i-1 idle_machine", "i-1 off_hours"}),
        ({"recommendation_type": "scheduling", "filter": "resource_id = i-2"}, {"i-2 off_hours"}),
        ({"status": "dismissed"}, set()),
        ({"limit": "1"}, {"i-2 off_hours"}),
        ({"skip": "3"}, {"i-1 idle_machine"}),
    ],
)
def test_it_is_asked_by(api: Any, found: Any, query: dict[str, str], names: set[str]) -> None:
    rows = api.get(URL, query).json()
    assert {f"{row['provider_resource_id']} {row['rule']}" for row in rows} == names


def test_it_is_asked_by_resource_and_bad_questions_are_refused(api: Any, found: Any) -> None:
    rows = api.get(URL, {"resource_id": str(found["i-1", "off_hours"].resource_id)}).json()
    assert [(row["rule"], row["counted"]) for row in rows] == [("off_hours", False), ("idle_machine", True)]
    for query in ({"priority": "urgent"}, {"resource_id": "i-1"}, {"filter": "x ="}, {"status": "x"}):
        assert api.get(URL, query).status_code == 400


def test_what_people_say_is_kept_with_author_and_reason(api: Any, found: Any, clock: Any) -> None:
    row = found["i-1", "idle_machine"]
    url = f"{URL}/{row.pk}"
    assert api.post(f"{url}/dismiss", {}).status_code == 400
    assert api.post(f"{url}/snooze", {"reason": "So.", "until": NOW - timedelta(1)}).status_code == 400
    until = NOW + timedelta(days=1)
    body = api.post(f"{url}/snooze", {"reason": "Later.", "until": until}).json()
    assert (body["status"], body["status_reason"], body["counted"]) == ("snoozed", "Later.", False)
    assert body["status_by"].startswith("key:")
    assert len(api.get(URL).json()) == 3
    clock.move_to(until)
    assert (len(api.get(URL).json()), api.get(url).json()["status"]) == (4, "open")
    for verb, status, code in (
        ("done", "done", 200), ("done", "done", 409), ("reopen", "open", 200), ("dismiss", "dismissed", 200),
        ("snooze", "dismissed", 409),
    ):  # fmt: skip
        answer = api.post(f"{url}/{verb}", {"reason": verb, "until": until + timedelta(days=1)})
        assert (answer.status_code, api.get(url).json()["status"]) == (code, status)


def test_one_tells_its_evidence_and_the_other_ways_to_save_the_same(api: Any, found: Any) -> None:
    body = api.get(f"{URL}/{found['i-1', 'idle_machine'].pk}").json()
    assert body["evidence"]["figures"] == {
        "cpu": "1", "cpu_max": "4", "network": "100", "days": "14", "coverage": "99"
    }  # fmt: skip
    assert body["evidence"]["cost_daily"] == "12"
    assert body["evidence"]["thresholds"] == {
        "days": 14, "coverage": 90, "cpu": 5, "cpu_max": 15, "network": 1000
    }  # fmt: skip
    alternatives = [(one["rule"], one["potential_savings_monthly"]) for one in body["alternatives"]]
    assert (alternatives, body["realised"]) == ([("off_hours", "182.5")], [])


def test_totals_count_each_resource_once(api: Any, found: Any) -> None:
    body = api.get(f"{URL}/summary").json()
    assert body["totals"] == [
        {"currency": "USD", "resources": "438", "gross": "657", "commitments": "0", "recommendations": 4}
    ]
    assert (body["realised"], body["last_run"]["opened"]) == ([], 4)


def test_what_each_rule_says_of_one_resource(
    api: Any, found: Any, stranger_key: str, client_for: Any
) -> None:
    stock_id = str(Resource.objects.get(resource_id="i-1").pk)
    rows = {row["rule"]: row for row in api.get(f"{URL}/verdicts", {"resource_id": stock_id}).json()}
    assert {rule: row["verdict"] for rule, row in rows.items()} == {
        "idle_machine": "found", "oversized_machine": "fine", "off_hours": "found", "stopped_machine": "fine",
        "old_generation": "fine", "untagged": "fine", "no_owner": "fine", "region_outlier": "fine",
    }  # fmt: skip
    assert rows["idle_machine"]["potential_savings_monthly"] == "365"
    Resource.objects.update(details={})
    rows = {row["rule"]: row for row in api.get(f"{URL}/verdicts", {"resource_id": stock_id}).json()}
    assert (rows["old_generation"]["verdict"], rows["old_generation"]["missing"]) == (
        "undetermined", ["details:size"],
    )  # fmt: skip
    assert client_for(stranger_key).get(f"{URL}/verdicts", {"resource_id": stock_id}).status_code == 404
    for query in ({}, {"resource_id": "x"}):
        refused = api.get(f"{URL}/verdicts", query)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "resource_id")


def test_refreshing_computes_and_is_listed(api: Any, acme: Tenant, settings: Any) -> None:
    stock(acme, 1)
    answer = api.post(f"{URL}/refresh")
    assert answer.status_code in {200, 202}
    run = api.get(f"{URL}/runs").json()["items"][0]
    assert run["id"] == answer.json()["id"]
    assert api.get(f"{URL}/runs/{run['id']}").json()["state"] in {"running", "done"}


def test_thresholds_are_read_by_all_and_set_by_admins(
    api: Any, acme: Tenant, rival: Tenant, key: Callable[..., str], client_for: Any
) -> None:
    admin, url = client_for(key("admin")), f"{URL}/rules/idle_machine"
    assert api.patch(url, {"is_enabled": False}).status_code == 403
    body = admin.patch(url, {"thresholds": {"cpu": "7.5", "days": 30}}).json()
    assert body["thresholds"]["cpu"] == {"value": "7.5", "default": "5"}
    assert admin.patch(url, {"thresholds": {"days": None}}).json()["thresholds"]["days"]["value"] == "14"
    admin.patch(f"{URL}/rules/untagged", {"thresholds": {"keys": ["cost"]}, "is_enabled": False})
    rules = {rule["rule"]: rule for rule in api.get(f"{URL}/rules").json()}
    assert len(rules) == 17
    assert rules["untagged"]["thresholds"]["keys"] == {"value": ["cost"], "default": ["env", "team"]}
    assert (rules["untagged"]["is_enabled"], rules["idle_machine"]["is_enabled"]) == (False, True)
    assert rules["idle_machine"]["thresholds"]["cpu"]["value"] == "7.5"
    assert AuditEntry.objects.filter(action="recommendation_rule.set", tenant=acme).count() == 3


@pytest.mark.parametrize(
    ("rule", "body", "status"),
    [
        ("nothing", {"is_enabled": True}, 404),
        ("idle_machine", {"thresholds": {"x": 1}}, 400),
        ("idle_machine", {"thresholds": {"cpu": "many"}}, 400),
        ("idle_machine", {"thresholds": {"cpu": -1}}, 400),
        ("commitment_coverage", {"thresholds": {"days": 10**9}}, 400),
        ("commitment_coverage", {"thresholds": {"percent": 101}}, 400),
        ("idle_machine", {"thresholds": {"cpu": "NaN"}}, 400),
        ("idle_machine", {"thresholds": {"cpu": True}}, 400),
        ("idle_machine", {"thresholds": [1]}, 400),
        ("untagged", {"thresholds": {"keys": "env"}}, 400),
        ("untagged", {"thresholds": {"keys": []}}, 400),
        ("untagged", {"thresholds": {"keys": [1]}}, 400),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(
    key: Callable[..., str], client_for: Any, rule: str, body: Any, status: int
) -> None:
    assert client_for(key("admin")).patch(f"{URL}/rules/{rule}", body).status_code == status


def test_a_guest_sees_what_is_said_of_what_is_shared(acme: Tenant, found: Any, client_for: Any) -> None:
    guest = make_user("guest", acme, Membership.Role.GUEST, email_verified=True)
    folder = Folder.objects.create(tenant=acme, name="Shared")
    Product.objects.create(tenant=acme, folder=folder, name="P", resource_filter="resource_id = i-2")
    FolderPermission.objects.create(tenant=acme, folder=folder, email=guest.email, level="view")
    client = client_for(guest)
    rows = client.get(URL).json()
    assert {row["provider_resource_id"] for row in rows} == {"i-2"}
    assert len(rows) == 2
    seen, hidden = rows[0]["id"], found["i-1", "idle_machine"].pk
    assert client.get(f"{URL}/{seen}").status_code == 200
    assert client.get(f"{URL}/{hidden}").status_code == 404
    assert client.post(f"{URL}/{seen}/dismiss", {"reason": "No."}).status_code == 403
    for path in ("summary", "runs", "rules", "verdicts"):
        assert client.get(f"{URL}/{path}").status_code == 403
