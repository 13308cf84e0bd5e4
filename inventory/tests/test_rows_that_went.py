"""What somebody else deleted meanwhile is not found any more, and nothing is told of it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from accounts.errors import NotFound
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from inventory.models import Folder, FolderPermission, Recommendation
from inventory.services.accounts import cloud_account_create, cloud_account_delete, cloud_account_update
from inventory.services.allocations import (
    allocation_rule_create,
    allocation_rule_delete,
    allocation_rule_update,
)
from inventory.services.automation_rules import rule_delete, rule_update
from inventory.services.budgets import budget_create, budget_delete, budget_update
from inventory.services.folder_permissions import folder_permission_change, folder_permission_revoke
from inventory.services.folders import folder_delete, folder_update
from inventory.services.products import product_create, product_delete, product_update
from inventory.services.profiles import profile_create, profile_delete
from inventory.services.recommendations import recommendation_dismiss
from inventory.services.views import saved_view_create, saved_view_delete, saved_view_update
from inventory.tests.automation import rule

NAMED: Final = {"changes": {"name": "other"}}


def folder(tenant: Tenant) -> Folder:
    return Folder.objects.get_or_create(tenant=tenant, name="Shops")[0]


def right(tenant: Tenant) -> FolderPermission:
    return FolderPermission.objects.create(tenant=tenant, folder=folder(tenant), email="a@example.com")


def told(tenant: Tenant) -> Recommendation:
    fields = {"rule": "idle", "subject": tenant.pk, "description": "d", "recommendation_type": "cleanup"}
    return Recommendation.objects.create(tenant=tenant, currency="USD", **fields)


MADE: Final[dict[str, Callable[[Tenant], Any]]] = {
    "account": lambda t: cloud_account_create(by=SYSTEM, tenant=t, provider="aws", account_id="1"),
    "budget": lambda t: budget_create(by=SYSTEM, tenant=t, name="n", amount=Decimal(1), currency="USD"),
    "view": lambda t: saved_view_create(by=SYSTEM, tenant=t, name="n", kind="costs"),
    "profile": lambda t: profile_create(by=SYSTEM, tenant=t, name="n", kind="costs", columns={}),
    "folder": folder,
    "permission": right,
    "row": told,
    "product": lambda t: product_create(
        by=SYSTEM.enter(t.slug), tenant=t, folder_id=folder(t).pk, name="n"
    ),
    "rule": rule,
    "allocation": lambda t: allocation_rule_create(
        by=SYSTEM, tenant=t, name="n", filter="provider = aws", targets=[{"folder_id": folder(t).pk}]
    ),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.every_case
@pytest.mark.parametrize(
    ("name", "verb", "given"),
    [
        ("account", cloud_account_update, NAMED),
        ("account", cloud_account_delete, {}),
        ("budget", budget_update, NAMED),
        ("budget", budget_delete, {}),
        ("view", saved_view_update, NAMED),
        ("view", saved_view_delete, {}),
        ("profile", profile_delete, {}),
        ("folder", folder_update, NAMED),
        ("folder", folder_delete, {}),
        ("permission", folder_permission_change, {"level": "edit"}),
        ("permission", folder_permission_revoke, {}),
        ("row", recommendation_dismiss, {"reason": "r"}),
        ("product", product_update, NAMED),
        ("product", product_delete, {}),
        ("rule", rule_update, NAMED),
        ("rule", rule_delete, {}),
        ("allocation", allocation_rule_update, NAMED),
        ("allocation", allocation_rule_delete, {}),
    ],
)
def test_it_is_not_found(acme: Tenant, name: str, verb: Any, given: dict[str, Any]) -> None:
    made = MADE[name](acme)
    type(made).objects.filter(pk=made.pk).delete()
    before = ActivityEntry.objects.count()
    with pytest.raises(NotFound):
        verb(by=SYSTEM.enter(acme.slug), **{"rule" if name == "allocation" else name: made}, **given)
    assert ActivityEntry.objects.count() == before
