"""Tenants and keys from the command line and from API_KEYS."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from accounts.errors import ValidationFailed
from accounts.management.commands import create_tenant
from accounts.models import ApiKey, AuditEntry, Membership, Tenant, User
from accounts.services.keys import api_keys_seed

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue().strip()


def test_a_tenant_and_its_key_are_two_commands(client_for: Client, member: User) -> None:
    said = json.loads(run("create_tenant", "nova", "--currency", "EUR", "--owner", member.email, "--json"))
    tenant = Tenant.objects.get(slug="nova")
    assert (said["id"], tenant.currency, tenant.name) == (str(tenant.pk), "EUR", "nova")
    assert Membership.objects.get(tenant=tenant).role == "owner"

    text = run("create_api_key", "nova", "--scopes", "read,ingest")
    assert client_for(text).get("/auth/me").json()["scopes"] == ["ingest", "read"]
    said = json.loads(run("create_api_key", str(tenant.pk), "--expires-in-days", "1", "--json"))
    assert client_for(said["key"]).get("/auth/me").status_code == 200
    assert ApiKey.objects.get(pk=said["id"]).expires_at is not None


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["create_tenant", "acme"], "already"),
        (["create_tenant", "not a slug"], "slug"),
        (["create_tenant", "nova", "--currency", "euro"], "ISO 4217"),
        (["create_tenant", "nova", "--owner", "nobody@example.com"], "no account"),
        (["create_api_key", "nowhere"], "no active tenant"),
        (["create_api_key", "acme", "--scopes", "root"], "Give one or more of"),
        (["create_api_key", "acme", "--expires-in-days", "0"], "future"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(acme: Tenant, args: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        run(*args)
    assert (Tenant.objects.count(), ApiKey.objects.count()) == (1, 0)


def test_api_keys_are_seeded_once(client_for: Client, acme: Tenant, settings: Any) -> None:
    settings.API_KEYS = ["plain-key-1", "key-of-acme:acme", "narrow-key-1:acme:read+ingest"]
    assert api_keys_seed() == 3
    assert api_keys_seed() == 0

    def said(key: str) -> tuple[str, list[str]]:
        body = client_for(key).get("/auth/me").json()
        return body["tenants"][0]["slug"], body["scopes"]

    assert said("plain-key-1") == ("default", ["build", "ingest", "read", "write"])
    assert said("key-of-acme") == ("acme", ["build", "ingest", "read", "write"])
    assert said("narrow-key-1") == ("acme", ["ingest", "read"])


def test_a_seeded_key_that_was_revoked_stays_so(client_for: Client, settings: Any) -> None:
    settings.API_KEYS = ["plain-key-1"]
    api_keys_seed()
    ApiKey.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert api_keys_seed() == 0
    assert client_for("plain-key-1").get("/auth/me").status_code == 401


@pytest.mark.full
@pytest.mark.django_db(transaction=True)
def test_processes_that_start_at_once_seed_once(settings: Any) -> None:
    settings.API_KEYS = ["plain-key-1", "plain-key-2:nova"]
    gate = Barrier(4)

    def start(_: int) -> int:
        gate.wait()
        try:
            return api_keys_seed()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(start, range(4))) == 2
    assert sorted(Tenant.objects.values_list("slug", flat=True)) == ["default", "nova"]
    assert ApiKey.objects.count() == 2
    assert AuditEntry.objects.filter(action="tenant.created", actor="system").count() == 2


def test_a_seeded_tenant_has_a_proper_slug(settings: Any) -> None:
    settings.API_KEYS = ["plain-key-1:not a slug"]
    with pytest.raises(ValidationError, match="slug"):
        api_keys_seed()
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("entry", ["short", "kéy-with-accent", "x" * 256])
def test_what_cannot_be_a_key_stops_the_start(settings: Any, entry: str) -> None:
    settings.API_KEYS = [entry]
    with pytest.raises(ValidationFailed, match="8 to 255"):
        api_keys_seed()
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("kind", [OperationalError, psycopg.OperationalError])
def test_a_database_that_is_away_ends_a_command_in_a_sentence(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**given: Any) -> None:
        raise kind("connection refused")

    monkeypatch.setattr(create_tenant, "tenant_create", away)
    with pytest.raises(CommandError, match="The database does not do it: connection refused"):
        call_command("create_tenant", "acme")
