"""Resources in bulk: the older service's calls, what is wrong with rows, and what history is kept."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, AuditEntry, Membership, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import CloudAccount, Import, Resource, ResourceChange
from inventory.services.bulk import MOST_ROWS, Sent, resources_bulk
from inventory.tests.rows import ACCOUNT, resource

BULK = "/api/v1/resources/bulk"
Client = Callable[..., APIClient]


def send(api: Any, *rows: Any, path: str = BULK, **body: Any) -> Any:
    return api.post(path, {"items": list(rows), **body})


def test_the_older_calls_work_as_printed(client_for: Client, member: User, acme: Tenant) -> None:
    api = client_for(member)
    rows = [resource(n, organization_id=str(acme.pk)) for n in (1, 2)]
    answer = send(api, *rows, path="/resources/bulk")
    assert (answer.status_code, answer.json()) == (
        200,
        {"inserted": 2, "updated": 0, "unchanged": 0, "errors": []},
    )
    again = send(api, *rows, path="/resources/bulk")
    assert again.json() == {"inserted": 0, "updated": 2, "unchanged": 2, "errors": []}
    page = api.get("/resources?provider=aws&region=us-east-1&state=running&page=1&size=1").json()
    assert (page["total"], page["page"], page["size"], len(page["items"])) == (2, 1, 1, 1)
    shown = page["items"][0]
    assert {name: shown[name] for name in ("resource_id", "cost_daily", "cost_monthly", "tags")} == {
        "resource_id": "i-2",
        "cost_daily": "2.4",
        "cost_monthly": "72",
        "tags": {"env": "prod", "team": "core"},
    }
    assert (shown["organization_id"], shown["account_id"]) == (str(acme.pk), ACCOUNT)
    assert CloudAccount.objects.get().account_id == ACCOUNT


def test_bad_rows_are_told_with_all_that_is_wrong_and_good_ones_kept(api: Any) -> None:
    bad = resource(2, region="", cost_daily="-1", tags=5, created_at="2025-02-30")
    answer = send(api, resource(1), bad, "text", {"provider": "aws"})
    assert answer.status_code == 200
    assert answer.json()["errors"] == [
        {"index": 1, "field": "region", "message": "It is required."},
        {"index": 1, "field": "tags", "message": 'Give an object such as {"env": "prod"}.'},
        {"index": 1, "field": "cost_daily", "message": "It must not be below 0."},
        {"index": 1, "field": "created_at", "message": "There is no such date."},
        {"index": 2, "field": "", "message": "Give an object."},
        *(
            {"index": 3, "field": name, "message": "It is required."}
            for name in ("resource_id", "resource_type", "region", "state")
        ),
    ]
    assert list(Resource.objects.values_list("resource_id", flat=True)) == ["i-1"]


@pytest.mark.parametrize("rows", [[{"provider": "aws"}], ["x", 1], []])
def test_without_a_valid_row_nothing_is_written(api: Any, rows: list[Any]) -> None:
    answer = send(api, *rows)
    assert answer.status_code == 400
    assert answer.json()["error"] == "validation_error"
    if rows:
        body = answer.json()
        assert (body["inserted"], body["updated"]) == (0, 0)
        assert {error["index"] for error in body["errors"]} == set(range(len(rows)))
    assert not Import.objects.exists()
    assert not ActivityEntry.objects.exists()


def test_a_call_has_a_most(acme: Tenant) -> None:
    with pytest.raises(Exception, match=f"at most {MOST_ROWS} rows"):
        resources_bulk(by=SYSTEM.enter("acme"), sent=Sent([{}] * (MOST_ROWS + 1)))


def test_what_a_row_does_not_tell_stays(api: Any) -> None:
    send(api, resource(1, name="web", utilization={"cpu": 3.5}))
    bare = {
        name: resource(1)[name] for name in ("provider", "resource_id", "resource_type", "region", "state")
    }
    assert send(api, {**bare, "cost_daily": None}).json()["unchanged"] == 1
    kept = Resource.objects.get()
    assert (kept.name, kept.utilization, kept.cost_daily) == ("web", {"cpu": Decimal("3.5")}, Decimal("2.4"))
    assert kept.tags == {"env": "prod", "team": "core"}
    send(api, {**bare, "tags": {}})
    assert Resource.objects.get().tags == {}


def test_history_tells_what_changed_by_which_import(api: Any) -> None:
    send(api, resource(1), resource(2))
    send(api, resource(1, state="stopped", cost_daily="2.50"), resource(2))
    send(api, resource(1, state="stopped", cost_daily="2.5", cloud_account_id="other"))
    first, second, third = Import.objects.order_by("id")
    found = Resource.objects.get(resource_id="i-1")
    steps = api.get(f"/api/v1/resources/{found.pk}/history").json()["items"]
    assert [(step["kind"], step["import_id"]) for step in steps] == [
        ("changed", str(third.pk)),
        ("changed", str(second.pk)),
        ("created", str(first.pk)),
    ]
    assert steps[1]["changes"] == {"state": ["running", "stopped"], "cost_daily": [2.4, 2.5]}
    assert list(steps[0]["changes"]) == ["cloud_account"]
    assert ResourceChange.objects.filter(resource__resource_id="i-2").count() == 1


def test_equal_keys_in_one_call_count_as_if_sent_one_after_the_other(api: Any) -> None:
    answer = send(api, resource(1, state="a"), resource(1, state="b"), resource(1, state="b"))
    assert answer.json() == {"inserted": 1, "updated": 2, "unchanged": 1, "errors": []}
    assert Resource.objects.get().state == "b"
    assert ResourceChange.objects.get().kind == "created"
    answer = send(api, resource(1, state="c"), resource(1, state="d"))
    assert answer.json() == {"inserted": 0, "updated": 2, "unchanged": 0, "errors": []}
    assert ResourceChange.objects.get(kind="changed").changes == {"state": ["b", "d"]}
    send(api, resource(1, state="e"), resource(1, state="d"))
    assert ResourceChange.objects.filter(kind="changed").count() == 1  # in the end nothing was different


def test_the_number_of_queries_does_not_grow_with_the_rows(acme: Tenant) -> None:
    by = SYSTEM.enter("acme")

    def queries(count: int, **fields: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            resources_bulk(by=by, sent=Sent([resource(n, **fields) for n in range(count)]))
        return len(found)

    queries(1)  # the account is made
    few, many = queries(2, state="a"), queries(300, state="b")
    assert many <= few + 2
    assert many < 40
    assert Resource.objects.filter(state="b").count() == 300
    assert queries(300, state="c") <= many
    assert Resource.objects.filter(state="c").count() == 300


def test_one_activity_and_one_audit_entry_per_call(api: Any, acme: Tenant) -> None:
    send(api, resource(1), resource(2), {})
    entry = ActivityEntry.objects.get()
    run = Import.objects.get()
    assert (entry.type, entry.tenant) == ("resources.bulk", acme)
    told = {name: entry.payload[name] for name in ("id", "source", "processed_count", "inserted_total")}
    assert told == {
        "id": str(run.pk), "source": "resources/bulk", "processed_count": 2, "inserted_total": 2,
    }  # fmt: skip
    assert AuditEntry.objects.get().object_id == str(run.pk)
    assert (run.state, run.rows, run.inserted, run.origin) == ("applied", 2, 2, "api")


@pytest.mark.parametrize("how", ["row", "body", "query"])
def test_another_tenant_is_refused_and_nothing_written(
    client_for: Client, member: User, rival: Tenant, how: str
) -> None:
    api = client_for(member)
    row = resource(2, organization_id=str(rival.pk)) if how == "row" else resource(2)
    body = {"organization_id": "rival"} if how == "body" else {}
    path = f"{BULK}?organization_id=rival" if how == "query" else BULK
    assert send(api, row, path=path, **body).status_code == 403
    assert send(api, resource(1), row, path=path, **body).status_code == 403
    assert not Resource.objects.exists()


def test_rows_may_go_to_several_tenants_of_the_caller(
    client_for: Client, member: User, acme: Tenant, rival: Tenant
) -> None:
    Membership.objects.create(tenant=rival, user=member, role=Membership.Role.MEMBER)
    api = client_for(member)
    rows = [resource(1), resource(1, organization_id="rival"), resource(2, tenant_id=str(rival.pk))]
    assert send(api, *rows).json()["inserted"] == 3
    assert Resource.objects.for_tenant(acme).count() == 1
    assert Resource.objects.for_tenant(rival).count() == 2
    assert ActivityEntry.objects.filter(tenant=rival).get().payload["processed_count"] == 2
    assert send(client_for(member, x_tenant_id="acme"), rows[1]).status_code == 403
    both = resource(3, organization_id="acme", tenant_id="rival")
    assert send(api, both).json()["errors"][0]["message"] == "The row names two tenants."


def test_who_only_reads_writes_nothing(client_for: Client, viewer: User, key: Callable[..., str]) -> None:
    for who in (viewer, key("read"), key("ingest")):
        assert send(client_for(who), resource(1)).status_code == 403
    assert send(client_for(None), resource(1)).status_code == 401
    assert not Resource.objects.exists()


def test_an_account_is_named_by_our_id_or_by_the_providers(api: Any, acme: Tenant, rival: Tenant) -> None:
    ours = CloudAccount.objects.create(tenant=acme, provider="aws", account_id="123")
    theirs = CloudAccount.objects.create(tenant=rival, provider="aws", account_id="999")
    named = [str(ours.pk), "123", str(theirs.pk)]
    send(api, *(resource(n, cloud_account_id=name) for n, name in enumerate(named)))
    found = Resource.objects.order_by("resource_id").values_list("cloud_account__account_id", flat=True)
    assert list(found) == ["123", "123", str(theirs.pk)]
    assert not Resource.objects.filter(cloud_account=theirs).exists()
    send(api, {**resource(9), "cloud_account_id": ""}, account_id="456")
    assert Resource.objects.filter(resource_id="i-9", cloud_account__account_id="456").exists()
