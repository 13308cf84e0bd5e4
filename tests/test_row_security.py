"""What PostgreSQL itself keeps from a tenant, whatever the code forgets."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Delivery, Tenant
from accounts.models.tenancy import TenantQuerySet
from accounts.row_checks import tenants_models
from accounts.row_security import ROLE, SWITCH, as_tenant
from builds.models import Platform, StateCode, StateTemplate
from inventory.models import CostLine
from tests.full_tenant import MARK, filled, tenant_fill
from tests.rows import make_row
from tests.test_strangers import OPERATIONS

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("secured")]
# Why a model of ours has no tenant: a person may belong to several.
OF_NO_TENANT: Final = {
    "accounts.User": "a person",
    "accounts.User_groups": "of a person",
    "accounts.User_user_permissions": "of a person",
    "accounts.SecondFactor": "of a person",
    "accounts.RefreshToken": "of a person",
    "accounts.FederatedIdentity": "of a person",
    "gcore.GcoreAccount": "the platform's own accounts with Gcore, which all tenants' reports come from",
}
ROOMS: Final = ("accounts", "usage", "builds", "inventory", "gcore")
MODELS: Final = sorted(tenants_models(), key=lambda model: model._meta.label)
REFUSED: Final = "row-level security"


def owner_of(row: Any) -> Any:
    """The tenant that a row is of."""
    if isinstance(row, Tenant):
        return row
    return row.template.tenant if isinstance(row, StateCode) else row.tenant


def unchanged(row: Any) -> dict[str, Any]:
    """A change of a column to what it is."""
    column = next(f.name for f in row._meta.concrete_fields if not f.primary_key and f.name != "tenant")
    return {column: models.F(column)}


@pytest.fixture
def pairs(db: None) -> dict[type[models.Model], tuple[Any, Any]]:
    """Of each model a row of one tenant and a row of another."""
    return {model: (make_row(model), make_row(model)) for model in MODELS}


@pytest.fixture
def no_tenant(pairs: Any) -> Iterator[None]:
    """As the tenants' role, which was told no tenant."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(SWITCH, [ROLE, ""])
        yield
        transaction.set_rollback(True)


def test_every_model_is_a_tenants_or_there_is_a_reason() -> None:
    ours = {m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in ROOMS}
    assert {model._meta.label for model in ours - set(MODELS)} == OF_NO_TENANT.keys()
    assert len(MODELS) > 70


def test_who_says_no_tenant_sees_and_changes_nothing(pairs: Any, no_tenant: None) -> None:
    for model, (row, _) in pairs.items():
        mine, same = model._base_manager.filter(pk=row.pk), unchanged(row)
        assert not mine.exists(), model
        with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
            row.save(force_insert=True)
        if model is not AuditEntry:
            assert mine.update(**same) == 0, model
            assert mine._raw_delete("default") == 0, model


def test_a_tenant_sees_and_changes_its_own_rows_alone(pairs: Any) -> None:
    for model, (mine, other) in pairs.items():
        with as_tenant(owner_of(mine)):
            same = unchanged(mine)
            both = model._base_manager.filter(pk__in=[mine.pk, other.pk])
            assert [str(row.pk) for row in both] == [str(mine.pk)], model
            with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
                other.save(force_insert=True)
            if model is AuditEntry:
                continue
            assert both.filter(pk=other.pk).update(**same) == 0, model
            assert both.filter(pk=other.pk)._raw_delete("default") == 0, model
            assert both.update(**same) == 1, model
        assert model._base_manager.filter(pk=other.pk).exists(), model


def test_a_tenant_gives_no_row_away(pairs: Any) -> None:
    for model, (mine, other) in pairs.items():
        if model in (Tenant, StateCode, AuditEntry):
            continue
        rows = model._base_manager.filter(pk=mine.pk)
        with as_tenant(mine.tenant), pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
            rows.update(tenant=other.tenant)


def test_what_is_everybodys_is_read_and_not_changed(acme: Tenant) -> None:
    shared = make_row(Platform)
    Platform.objects.filter(pk=shared.pk).update(tenant=None)
    codes = StateCode.objects.filter(template__slug="standard")
    number = codes.count()
    with as_tenant(acme):
        assert Platform.objects.filter(pk=shared.pk).exists()
        assert codes.count() == number > 0
        for rows in (
            Platform.objects.filter(pk=shared.pk),
            codes,
            StateTemplate.objects.filter(slug="standard"),
        ):
            assert rows._raw_delete("default") == 0
            with pytest.raises(DatabaseError, match=REFUSED), transaction.atomic():
                make_row(Platform, None)
        assert codes.update(retry_max=9) == 0
    assert codes.count() == number


def test_what_a_tenant_does_may_be_logged_and_mailed_as_nobodys_and_is_not_read(acme: Tenant) -> None:
    with as_tenant(acme):
        AuditEntry.objects.create(actor="system", action="x.y")
        Delivery.objects.create(kind="mail", target="a@example.com", event_type="x.y")
        assert not AuditEntry.objects.filter(tenant=None).exists()
        assert not Delivery.objects.filter(tenant=None).exists()
    assert AuditEntry.objects.filter(tenant=None, action="x.y").count() == 1
    assert Delivery.objects.filter(tenant=None).count() == 1


@pytest.mark.parametrize("change", [{"action": "z"}, None])
def test_no_tenant_rewrites_the_audit_log(acme: Tenant, change: dict[str, str] | None) -> None:
    AuditEntry.objects.create(tenant=acme, actor="system", action="x.y")
    mine = AuditEntry.objects.filter(tenant=acme)
    with as_tenant(acme), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        mine.update(**change) if change else mine._raw_delete("default")


def told(client: APIClient, secrets: dict[str, str]) -> list[str]:
    """The paths that answer with something of acme's."""
    found = []
    for method, path in OPERATIONS:
        if method == "get":
            address = filled(path, secrets)
            answer = client.get(address).getvalue().decode()
            for given in ("{event_id}", "{email}"):
                answer = answer.replace(secrets[given], "")
            if MARK in answer:
                found.append(path)
    return found


def test_views_that_forget_the_tenant_tell_nothing_of_another(
    stranger_key: str,
    client_for: Callable[..., APIClient],
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
) -> None:
    secrets = tenant_fill()
    monkeypatch.setattr(TenantQuerySet, "for_tenant", lambda rows, tenant: rows.all())
    client = client_for(stranger_key)
    client.raise_request_exception = False
    assert told(client, secrets) == []
    settings.DATABASE_ROW_SECURITY = False
    assert len(told(client, secrets)) > 50


def test_the_planner_knows_whose_rows_it_looks_for_in_each_table(acme: Tenant) -> None:
    lines = CostLine.objects.for_tenant(acme).filter(charge__provider="aws").values("charge__service_name")
    with as_tenant(acme):
        plan = lines.explain()
    assert "InitPlan" not in plan
    assert plan.count("current_setting") == 1  # one test for the whole query
    assert plan.count(f"tenant_id = '{acme.pk}'") >= 3  # of lines, charges and days
