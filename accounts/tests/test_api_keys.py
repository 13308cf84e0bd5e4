"""API keys over HTTP: shown once, rotated with an overlap, revoked, never stronger than their maker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.keyring import hash_key, keyring
from accounts.models import ActivityEntry, ApiKey, AuditEntry, Tenant, User
from tests.builders import make_key

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
Key = Callable[..., str]


def works(client_for: Client, text: str) -> bool:
    return client_for(text).get("/auth/me").status_code == 200


def test_a_key_is_shown_once_and_kept_as_a_keyed_hash(client_for: Client, owner: User, acme: Tenant) -> None:
    body = {"name": "billing", "scopes": ["ingest", "read"], "expires_at": "2999-01-01T00:00:00Z"}
    answer = client_for(owner).post("/api-keys", body, format="json")
    assert answer.status_code == 201, answer.content
    assert answer["Cache-Control"] == "no-store"
    text = answer.json()["key"]
    assert text.startswith(f"sky_{answer.json()['prefix']}_")
    row = ApiKey.objects.get()
    assert (row.tenant, row.created_by, row.key_hash) == (acme, owner, hash_key(text))
    assert works(client_for, text)

    (listed,) = client_for(owner).get("/api-keys").json()["items"]
    assert (listed["name"], listed["scopes"], listed["is_active"]) == ("billing", ["ingest", "read"], True)
    read = client_for(owner).get(f"/api-keys/{row.pk}")
    for kept in (listed, read.json(), *AuditEntry.objects.values(), *ActivityEntry.objects.values()):
        assert text not in str(kept)
        assert row.key_hash not in str(kept)
    assert ActivityEntry.objects.get().type == "api_key.created"


def test_only_admins_deal_with_keys(
    client_for: Client, key: Key, member: User, viewer: User, acme: Tenant
) -> None:
    row, _ = make_key(acme, "read")
    before = ApiKey.objects.count()
    for who in (member, viewer, key("write"), key("read"), key("ingest"), key("build")):
        client = client_for(who)
        assert client.get("/api-keys").status_code == 403
        assert client.get(f"/api-keys/{row.pk}").status_code == 403
        assert client.post("/api-keys", {"name": "x"}, format="json").status_code == 403
        assert client.post(f"/api-keys/{row.pk}/rotate").status_code == 403
        assert client.delete(f"/api-keys/{row.pk}").status_code == 403
    assert ApiKey.objects.filter(revoked_at=None).count() == before + 4


def test_keys_of_another_tenant_are_404(
    client_for: Client, stranger: User, stranger_key: str, acme: Tenant
) -> None:
    row, text = make_key(acme, "read")
    for who in (stranger, stranger_key):
        client = client_for(who)
        assert str(row.pk) not in client.get("/api-keys").content.decode()
        assert client.get(f"/api-keys/{row.pk}").status_code == 404
        assert client.post(f"/api-keys/{row.pk}/rotate").status_code == 404
        assert client.delete(f"/api-keys/{row.pk}").status_code == 404
        assert client.post("/api-keys", {"name": "x", "tenant_id": "acme"}, format="json").status_code == 403
    assert works(client_for, text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", ["root"]),
        ("scopes", []),
        ("scopes", "read"),
        ("expires_at", "2001-01-01T00:00:00Z"),
        ("expires_at", "tomorrow"),
        ("name", ""),
        ("name", "x" * 256),
    ],
)
def test_what_does_not_fit_is_400(client_for: Client, owner: User, field: str, value: Any) -> None:
    answer = client_for(owner).post("/api-keys", {"name": "x", field: value}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not ApiKey.objects.exists()


def test_limits_are_the_platforms_to_set(client_for: Client, owner: User, staff: User) -> None:
    body = {"name": "fast", "rate_limit": 5000}
    assert client_for(owner).post("/api-keys", body, format="json").status_code == 403
    answer = client_for(staff, x_tenant_id="acme").post("/api-keys", body, format="json")
    assert (answer.status_code, answer.json()["rate_limit"]) == (201, 5000)


def test_a_revoked_key_is_refused_at_once_here(
    client_for: Client, owner: User, acme: Tenant, committed: Any
) -> None:
    row, text = make_key(acme, "read")
    assert works(client_for, text)
    with committed(execute=True):
        assert client_for(owner).delete(f"/api-keys/{row.pk}").status_code == 204
    assert not works(client_for, text)
    row.refresh_from_db()
    first = row.revoked_at
    assert client_for(owner).delete(f"/api-keys/{row.pk}").status_code == 204
    row.refresh_from_db()
    assert row.revoked_at == first
    assert ActivityEntry.objects.filter(type="api_key.revoked").count() == 1


def test_the_old_key_lives_on_for_the_overlap(
    client_for: Client, owner: User, acme: Tenant, committed: Any
) -> None:
    with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as clock:
        row, old = make_key(acme, "read", "ingest", rate_limit=7)
        with committed(execute=True):
            answer = client_for(owner).post(
                f"/api-keys/{row.pk}/rotate", {"overlap_seconds": 60}, format="json"
            )
        assert answer.status_code == 201
        new = answer.json()["key"]
        assert (answer.json()["rotated_from"], answer.json()["scopes"], answer.json()["rate_limit"]) == (
            str(row.pk), ["read", "ingest"], 7,
        )  # fmt: skip
        assert (works(client_for, old), works(client_for, new)) == (True, True)
        clock.shift(61)
        assert (works(client_for, old), works(client_for, new)) == (False, True)
        assert client_for(owner).post(f"/api-keys/{row.pk}/rotate").status_code == 409


def test_a_rotated_key_lives_as_long_as_the_old_one_did(
    client_for: Client, owner: User, acme: Tenant
) -> None:
    with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as clock:
        row, _ = make_key(acme, "read", expires_at=datetime(2026, 3, 31, tzinfo=UTC))
        clock.shift(timedelta(days=29, hours=12))
        answer = client_for(owner).post(f"/api-keys/{row.pk}/rotate")
        assert answer.json()["expires_at"] == "2026-04-29T12:00:00Z"
        row.refresh_from_db()
        assert row.expires_at == datetime(2026, 3, 31, tzinfo=UTC)  # an overlap of a day never prolongs it


def test_no_overlap_revokes(client_for: Client, owner: User, acme: Tenant, committed: Any) -> None:
    row, old = make_key(acme, "read")
    assert works(client_for, old)
    with committed(execute=True):
        client_for(owner).post(f"/api-keys/{row.pk}/rotate", {"overlap_seconds": 0}, format="json")
    assert not works(client_for, old)
    row.refresh_from_db()
    assert row.revoked_at is not None


@pytest.mark.parametrize("seconds", [-1, 7 * 86400 + 1, "soon"])
def test_an_overlap_has_bounds(client_for: Client, owner: User, acme: Tenant, seconds: Any) -> None:
    row, _ = make_key(acme, "read")
    answer = client_for(owner).post(f"/api-keys/{row.pk}/rotate", {"overlap_seconds": seconds}, format="json")
    assert answer.status_code == 400
    assert ApiKey.objects.count() == 1


def test_nobody_rotates_anothers_personal_token(
    client_for: Client, owner: User, member: User, acme: Tenant
) -> None:
    """The successor would act in the person's name; revoking it is enough for an admin."""
    row, text = make_key(acme, "read", user=member)
    assert client_for(owner).post(f"/api-keys/{row.pk}/rotate").status_code == 403
    assert client_for(text).get("/auth/me").status_code == 200
    assert client_for(owner).delete(f"/api-keys/{row.pk}").status_code == 204


def test_lists_are_filtered(client_for: Client, owner: User, member: User, acme: Tenant) -> None:
    make_key(acme, "read", name="alpha", user=member)
    make_key(acme, "read", name="beta", revoked_at="2026-01-01T00:00:00Z")

    def names(query: str) -> list[str]:
        return sorted(item["name"] for item in client_for(owner).get(f"/api-keys?{query}").json()["items"])

    assert names("") == ["alpha", "beta"]
    assert names("revoked=true") == ["beta"]
    assert names("revoked=false") == ["alpha"]
    assert names("name=ALP") == ["alpha"]
    assert names(f"user={member.pk}") == ["alpha"]


def test_a_forgotten_key_is_read_again(client_for: Client, acme: Tenant) -> None:
    row, text = make_key(acme, "read")
    assert works(client_for, text)
    ApiKey.objects.filter(pk=row.pk).update(revoked_at="2026-01-01T00:00:00Z")
    assert works(client_for, text)  # known for a few seconds
    keyring.forget(row.pk)
    assert not works(client_for, text)


def test_live_keys_are_those_that_are_active(acme: Tenant, rival: Tenant) -> None:
    past, future = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
    live = [make_key(acme, "read")[0], make_key(acme, "read", expires_at=future)[0]]
    ended = [
        make_key(acme, "read", expires_at=past)[0],
        make_key(acme, "read", revoked_at=past)[0],
        make_key(acme, "read", revoked_at=past, expires_at=future)[0],
    ]
    make_key(rival, "read")
    assert set(ApiKey.objects.for_tenant(acme).live()) == set(live)
    assert [key.is_active for key in (*live, *ended)] == [True, True, False, False, False]
