"""Who am I, and what happened in my tenant."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, Membership, Tenant, User
from accounts.principals import SYSTEM
from accounts.services.logs import record
from tests.builders import make_key

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
Key = Callable[..., str]


def test_a_person_hears_who_they_are_and_where(
    client_for: Client, owner: User, acme: Tenant, rival: Tenant
) -> None:
    Membership.objects.create(tenant=rival, user=owner, role="viewer")
    body = client_for(owner).get("/auth/me").json()
    assert body == {
        "id": str(owner.pk),
        "kind": "user",
        "email": "owner@example.com",
        "username": None,
        "role": "user",
        "is_active": True,
        "scopes": [],
        "tenants": [
            {"id": str(acme.pk), "slug": "acme", "name": "Acme", "role": "owner"},
            {"id": str(rival.pk), "slug": "rival", "name": "Rival", "role": "viewer"},
        ],
    }


def test_a_key_hears_its_tenant_and_scopes(client_for: Client, acme: Tenant) -> None:
    row, text = make_key(acme, "write")
    body = APIClient(HTTP_AUTHORIZATION=f"Bearer {text}").get("/auth/me").json()
    assert (body["id"], body["kind"], body["role"]) == (str(row.pk), "api_key", "api_key")
    assert body["scopes"] == ["build", "ingest", "read", "write"]
    assert [tenant["slug"] for tenant in body["tenants"]] == ["acme"]


def test_only_the_platform_hears_the_admin_ping(
    client_for: Client, staff: User, owner: User, key: Key, settings: Any
) -> None:
    settings.MASTER_TOKEN = "m" * 40
    assert client_for(staff).get("/auth/admin-ping").json() == {
        "ok": True,
        "message": "You are a platform administrator.",
    }
    master = APIClient(HTTP_AUTHORIZATION="Bearer " + "m" * 40)
    assert master.get("/auth/admin-ping").status_code == 200
    assert master.get("/auth/me").json()["role"] == "admin"
    for who in (owner, key("admin")):
        assert client_for(who).get("/auth/admin-ping").status_code == 403
    assert client_for(None).get("/auth/admin-ping").status_code == 401
    assert APIClient(HTTP_AUTHORIZATION="Bearer " + "m" * 39).get("/auth/admin-ping").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{}, {"HTTP_AUTHORIZATION": "Bearer"}, {"HTTP_AUTHORIZATION": "Basic eDp5"}, {"HTTP_X_API_KEY": ""}],
)
def test_no_credential_is_401_and_says_so(db: None, headers: dict[str, Any]) -> None:
    answer = APIClient(**headers).get("/auth/me")
    assert answer.status_code == 401
    assert answer.json()["error"] == "authentication_required"
    assert answer.json()["message"] == "API key is required. Provide it in X-API-Key or Authorization header."


@pytest.fixture
def history(acme: Tenant, rival: Tenant) -> None:
    with transaction.atomic():
        record(tenant=rival, type="secret.deed", by=SYSTEM, payload={})
        for number in range(1, 6):
            record(tenant=acme, type="test.deed", by=SYSTEM, payload={"n": number})


def test_activity_is_read_on_from_where_one_stopped(
    client_for: Client, viewer: User, acme: Tenant, history: None
) -> None:
    client = client_for(viewer)
    first = client.get("/activity?limit=2").json()
    assert [item["seq"] for item in first["items"]] == [1, 2]
    assert (first["next_since"], first["has_more"]) == (2, True)
    entry = first["items"][0]
    assert entry.pop("ts").endswith("Z")
    assert entry == {
        "seq": 1,
        "type": "test.deed",
        "actor": "system",
        "payload": {"n": 1},
        "organization_id": str(acme.pk),
    }
    rest = client.get("/activity?since=2&limit=1000").json()
    assert ([item["seq"] for item in rest["items"]], rest["next_since"], rest["has_more"]) == (
        [3, 4, 5],
        5,
        False,
    )
    nothing = {"items": [], "next_since": 5, "has_more": False, "resync": False}
    assert client.get("/activity?since=5").json() == nothing


def test_activity_says_what_it_has_forgotten(
    client_for: Client, acme: Tenant, viewer: User, history: None
) -> None:
    ActivityEntry.objects.for_tenant(acme).filter(seq__lte=2).delete()
    client = client_for(viewer)

    def told(query: str) -> tuple[bool, list[int], int]:
        body = client.get(f"/activity{query}").json()
        return body["resync"], [item["seq"] for item in body["items"]], body["next_since"]

    assert told("") == (False, [3, 4, 5], 5)
    assert told("?since=2") == (False, [3, 4, 5], 5)
    assert told("?since=1") == (True, [3, 4, 5], 5)
    assert told("?since=9") == (True, [], 5)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "since=-1", "since=x", "since=99999999999999999999"]
)
def test_activity_takes_bounded_numbers(client_for: Client, viewer: User, query: str) -> None:
    assert client_for(viewer).get(f"/activity?{query}").status_code == 400


def test_activity_of_another_tenant_is_403(
    client_for: Client, stranger: User, key: Key, history: None
) -> None:
    assert client_for(stranger).get("/activity?tenant_id=acme").status_code == 403
    assert client_for(stranger, x_tenant_id="acme").get("/activity").status_code == 403
    assert client_for(key("ingest")).get("/activity").status_code == 403
    assert [item["type"] for item in client_for(stranger).get("/activity").json()["items"]] == ["secret.deed"]
