"""Rules of showback: made, changed and removed by those who may write in the tenant."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.filters import read_filter
from inventory.models import AllocationRule, AllocationTarget, Folder, Product
from inventory.queries.owners import charge_properties
from inventory.queries.showback import FULL

MOST: Final = 100  # of a tenant: all are asked of every charge
MOST_TARGETS: Final = 100
FIXED: Final = AllocationRule.Method.FIXED
Targets = Sequence[dict[str, Any]]


@transaction.atomic
def allocation_rule_create(
    *, by: Principal, tenant: Tenant, targets: Targets, **fields: Any
) -> AllocationRule:
    """A new rule. Each target is {"folder_id" or "product_id"}, of fixed shares with "share", a percentage.

    Errors: 400 a field or target; 409 the name is taken or there are too many.
    """
    tenant = tenant_lock(tenant)
    if AllocationRule.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} rules of showback.")
    rule = AllocationRule(tenant=tenant, **fields)
    _save(rule)
    _aim(rule, targets)
    _log(by, "allocation_rule.created", rule)
    return rule


@transaction.atomic
def allocation_rule_update(*, by: Principal, rule: AllocationRule, changes: dict[str, Any]) -> AllocationRule:
    """Change it; `targets` are replaced as a whole. Errors: as of `allocation_rule_create`, and 404."""
    tenant_lock(rule.tenant)
    row = row_locked(rule)
    changes = dict(changes)
    targets = changes.pop("targets", None)
    before = {name: [getattr(row, name), value] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    _save(row)
    if targets is None:
        _check(row, targets_of(row))
    else:
        before["targets"] = [_told(targets_of(row)), _told(targets)]
        _aim(row, targets)
    _log(by, "allocation_rule.updated", row, before)
    return row


@transaction.atomic
def allocation_rule_delete(*, by: Principal, rule: AllocationRule) -> None:
    """Errors: 404."""
    row = row_locked(rule)
    _log(by, "allocation_rule.deleted", row)
    row.delete()


def targets_of(rule: AllocationRule) -> list[dict[str, Any]]:
    return [dict(target) for target in rule.targets.values("folder_id", "product_id", "share")]


def _save(rule: AllocationRule) -> None:
    row_check(rule)
    read_filter(rule.filter, charge_properties(rule.tenant))
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise Conflict(f"There is a rule of showback {rule.name!r} already.") from error


def _aim(rule: AllocationRule, targets: Targets) -> None:
    _check(rule, targets)
    for model, name in ((Folder, "folder_id"), (Product, "product_id")):
        ids = {target[name] for target in targets if target.get(name)}
        if model.objects.for_tenant(rule.tenant).filter(pk__in=ids).count() < len(ids):
            raise ValidationFailed.field("targets", f"there is no such {name.removesuffix('_id')}.")
    rule.targets.all().delete()
    AllocationTarget.objects.bulk_create(
        AllocationTarget(tenant=rule.tenant, rule=rule, **target) for target in targets
    )


def _check(rule: AllocationRule, targets: Targets) -> None:
    if not 1 <= len(targets) <= MOST_TARGETS:
        raise ValidationFailed.field("targets", f"give 1 to {MOST_TARGETS}.")
    if any(bool(target.get("folder_id")) == bool(target.get("product_id")) for target in targets):
        raise ValidationFailed.field("targets", "each is a folder or a product.")
    if len({target.get("folder_id") or target["product_id"] for target in targets}) < len(targets):
        raise ValidationFailed.field("targets", "names something twice.")
    shares: list[Decimal | None] = [target.get("share") for target in targets]
    if rule.method != FIXED:
        if any(share is not None for share in shares):
            raise ValidationFailed.field("targets", "only fixed shares have a share.")
        return
    if any(share is None or share <= 0 for share in shares) or sum(filter(None, shares)) > FULL:
        raise ValidationFailed.field("targets", "fixed shares are above 0 and together at most 100.")


def _told(targets: Targets) -> list[dict[str, str]]:
    return [{name: _plain(value) for name, value in target.items() if value} for target in targets]


def _plain(value: UUID | Decimal) -> str:
    return canonical(value) if isinstance(value, Decimal) else str(value)


def _log(by: Principal, action: str, rule: AllocationRule, changes: dict[str, Any] | None = None) -> None:
    deed(by=by, action=action, tenant=rule.tenant, subject=rule, changes=changes, payload={"name": rule.name})
