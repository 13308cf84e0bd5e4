"""Who a connection is, and how it comes to be the platform again; the role, and what finds a bare table."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.checks import CheckMessage
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.test import APIClient

from accounts import row_security
from accounts.models import Membership, Tenant, User
from accounts.models.tenancy import TenantQuerySet
from accounts.planner import planner_inform
from accounts.policies import SecureRows
from accounts.row_checks import rows_are_secured, tables_are_secured
from accounts.row_security import ROLE, as_platform, as_tenant, current, settle
from accounts.streams import streamed
from accounts.tenant_role import RoleRefused, tenant_role_ensure
from tests.builders import make_key, make_tenant

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("secured")]
WHO = "SELECT current_user, current_setting('app.tenant', true)"
LOGIN = "skyledger"


def who(asked: Any = connection) -> tuple[str, str]:
    with asked.cursor() as cursor:
        cursor.execute(WHO)
        role, tenant = cursor.fetchone()
        return role, tenant or ""


@pytest.fixture
def another(transactional_db: None) -> Iterator[Any]:
    """A second connection of the same settings."""
    made = connection.copy()
    yield made
    made.close()


def test_a_tenant_within_a_tenant_ends_where_it_began(acme: Tenant, rival: Tenant) -> None:
    seen = [who()]
    with as_tenant(acme):
        seen.append(who())
        with as_tenant(rival.pk):
            seen.append(who())
        with as_platform():
            seen.append(who())
        seen.append(who())
    mine, theirs, platform = (ROLE, str(acme.pk)), (ROLE, str(rival.pk)), (LOGIN, "")
    assert [*seen, who()] == [platform, mine, theirs, platform, mine, platform]


def test_a_transaction_that_fails_takes_nobody_along(acme: Tenant, rival: Tenant) -> None:
    with as_tenant(acme):
        with pytest.raises(DatabaseError), transaction.atomic(), as_tenant(rival):
            connection.cursor().execute("SELECT 1 / 0")
        assert who() == (ROLE, str(acme.pk))
    with pytest.raises(DatabaseError), transaction.atomic(), as_tenant(acme):
        connection.cursor().execute("SELECT 1 / 0")
    assert who() == (LOGIN, "")
    with as_tenant(acme):
        assert who() == (ROLE, str(acme.pk))


@pytest.mark.parametrize("path", ["/me", "/webhooks", "/webhooks/nothing", "/statements?limit=x"])
def test_a_request_leaves_its_tenant(path: str, owner: User, client_for: Callable[..., APIClient]) -> None:
    client_for(owner).get(f"/api/v1{path}")
    assert (current(), who()) == (None, (LOGIN, ""))


def test_calls_of_one_tenant_in_a_row_tell_no_connection(
    transactional_db: None, client_for: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call after another tenant's tells one; none tells that it is over."""
    told, execute = [], psycopg.Connection.execute

    def spy(raw: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if query == row_security.SWITCH:
            told.append(params[1])
        return execute(raw, query, params, **options)

    def asked(key: str, times: int) -> list[str]:
        told.clear()
        for _ in range(times):
            assert client_for(key).get("/api/v1/meters").status_code == 200
        return list(told)

    (_, mine), (rival, theirs) = [make_key(make_tenant(slug), "read") for slug in ("a", "b")]
    monkeypatch.setattr(psycopg.Connection, "execute", spy)
    default: Any = connection
    default.close()
    default.close_pool()  # it may have grown; a new one lends one or two by turns
    asked(theirs, 1)  # keys are read as the platform
    asked(mine, 3)
    assert asked(mine, 3) == []
    assert asked(theirs, 1) == [str(rival.tenant_id)]
    assert (current(), who()) == (None, (LOGIN, ""))


def test_a_request_gives_a_tenants_connection_back(
    transactional_db: None, acme: Tenant, rival: Tenant
) -> None:
    def view(_: HttpRequest) -> HttpResponse:
        row_security.enter(acme.pk)
        assert who() == (ROLE, str(acme.pk))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        row_security.RowSecurityMiddleware(view)(HttpRequest())
    assert (connection.connection, current()) == (None, None)
    with as_tenant(rival):
        assert who() == (ROLE, str(rival.pk))


@pytest.mark.parametrize("path", ["/api/v1/webhooks", "/console/webhooks"])
def test_a_view_and_a_page_ask_as_the_tenant(
    path: str,
    acme: Tenant,
    owner: User,
    client_for: Callable[..., APIClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    filtered = TenantQuerySet.for_tenant

    def seeing(rows: Any, tenant: Tenant) -> Any:
        seen.append(who())
        return filtered(rows, tenant)

    monkeypatch.setattr(TenantQuerySet, "for_tenant", seeing)
    client = client_for(owner)
    client.force_login(owner)
    assert client.get(path).status_code == 200
    assert set(seen) == {(ROLE, str(acme.pk))}


def test_what_is_streamed_is_asked_as_the_tenant(acme: Tenant) -> None:
    with as_tenant(acme):
        answer: Any = streamed(RequestFactory().get("/"), (" ".join(who()).encode() for _ in "ab"))
    told = list(answer)
    assert told == [f"{ROLE} {acme.pk}".encode()] * 2
    assert who() == (LOGIN, "")


def test_a_person_chooses_among_all_their_tenants(
    owner: User, rival: Tenant, client_for: Callable[..., APIClient]
) -> None:
    Membership.objects.create(tenant=rival, user=owner, role="viewer")
    client = client_for(None)
    client.force_login(owner)
    assert {b"Acme", b"Rival"} == {
        name for name in (b"Acme", b"Rival") if name in client.get("/console/tenants").content
    }


def test_a_connection_is_told_when_it_opens_and_when_it_is_lent_again(another: Any, acme: Tenant) -> None:
    with as_tenant(acme):
        assert who(another) == (ROLE, str(acme.pk))
        another.close()
        assert who(another) == (ROLE, str(acme.pk))
    another.close()  # its owner was not told, as it is none of Django's own
    for _ in range(3):
        assert who(another) == (LOGIN, "")
        another.close()


def test_a_connection_that_cannot_be_told_is_closed(
    another: Any, acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    another.ensure_connection()
    raw = another.connection
    monkeypatch.setattr(row_security, "SWITCH", "SELECT 1 / (%s = %s)::int")
    monkeypatch.setattr(row_security, "current", lambda: acme.pk)
    with pytest.raises(DatabaseError):
        settle(another)
    assert (another.connection, raw.closed) == (None, True)


def test_without_row_security_nobody_is_told(acme: Tenant, settings: Any) -> None:
    settings.DATABASE_ROW_SECURITY = False
    with as_tenant(acme):
        assert who() == (LOGIN, "")


def test_a_login_that_may_not_make_the_role_is_told_what_to_ask_for(another: Any, acme: Tenant) -> None:
    plain: Any = connection.copy()
    plain.settings_dict = connection.settings_dict | {"USER": "plain", "PASSWORD": "plain"}
    plain.settings_dict["OPTIONS"] = connection.settings_dict["OPTIONS"] | {"pool": False}
    with another.cursor() as cursor:
        cursor.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        try:
            with pytest.raises(RoleRefused, match=f'GRANT {ROLE} TO "plain"'):
                tenant_role_ensure(plain)
            cursor.execute(f"GRANT {ROLE} TO plain")
            tenant_role_ensure(plain)
            with as_tenant(acme):
                settle(plain)
                assert who(plain) == (ROLE, str(acme.pk))
        finally:
            plain.close()
            cursor.execute("DROP ROLE plain")


def test_the_role_is_let_at_a_table_that_is_new(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE new_things (id serial)")
        tenant_role_ensure(connection)
        cursor.execute(
            f"SELECT has_table_privilege('{ROLE}', 'new_things', 'SELECT'),"
            f" has_sequence_privilege('{ROLE}', 'new_things_id_seq', 'USAGE'),"
            f" has_table_privilege('{ROLE}', 'accounts_auditentry', 'UPDATE')"
        )
        assert cursor.fetchone() == (True, True, False)


def test_the_planner_is_told_once_of_everybodys_rows_and_of_tags(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM pg_statistic WHERE starelid = 'builds_platform'::regclass")
        cursor.execute("ALTER FUNCTION jsonb_contains(jsonb, jsonb) NOT LEAKPROOF")
        for _ in range(2):
            planner_inform(connection)
        cursor.execute(
            "SELECT null_frac FROM pg_stats WHERE tablename = 'builds_platform' AND attname = 'tenant_id'"
        )
        assert cursor.fetchone() == (1.0,)
        cursor.execute("SELECT proleakproof FROM pg_proc WHERE proname = 'jsonb_contains'")
        assert cursor.fetchone() == (True,)


def faults() -> list[tuple[str, str]]:
    found: list[CheckMessage] = tables_are_secured(None, databases=["default"])
    return [(str(said.id), said.msg) for said in found]


def test_the_check_finds_a_table_without_policy(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults() == []
    with connection.schema_editor() as editor:
        SecureRows("Webhook").database_backwards("accounts", editor, _State, _State)
    assert faults() == [("accounts.E007", "PostgreSQL shows accounts.Webhook's rows to every tenant.")]
    monkeypatch.setattr("accounts.row_checks._is_migrating", lambda _: True)
    assert faults() == []
    with connection.schema_editor() as editor:
        for _ in range(2):
            SecureRows("Webhook").database_forwards("accounts", editor, _State, _State)
    monkeypatch.undo()
    assert faults() == []


def test_a_cluster_of_citus_has_no_policies_and_misses_none(db: None, settings: Any) -> None:
    settings.DATABASE_DISTRIBUTED = True
    with connection.schema_editor() as editor:
        SecureRows("Webhook").database_backwards("accounts", editor, _State, _State)
        SecureRows("Webhook").database_forwards("accounts", editor, _State, _State)
    assert faults() == []
    settings.DATABASE_DISTRIBUTED = False
    assert [id_ for id_, _ in faults()] == ["accounts.E007"]


def test_a_deployment_without_it_is_warned(settings: Any) -> None:
    assert rows_are_secured(None) == []
    settings.DATABASE_ROW_SECURITY = False
    assert [said.id for said in rows_are_secured(None)] == ["accounts.W001"]


class _State:
    from django.apps import apps
