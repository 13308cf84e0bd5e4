"""Resources come in rows; what changes about them is written down."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.tenants import tenant_lock
from inventory.models import Import, Resource, ResourceChange
from inventory.rows import ResourceRow
from inventory.services.accounts import AccountName, cloud_accounts_take
from inventory.services.runs import import_close, import_open

Key = tuple[str, str]
Changes = dict[str, list[Any]]
TOLD: Final = (
    "resource_type", "region", "state", "name", "tags", "utilization", "details", "cost_daily",
    "cost_monthly", "currency", "created_at",
)  # fmt: skip
WRITTEN: Final = (*TOLD, "cloud_account", "last_seen_at", "updated_at")


@transaction.atomic
def resources_upsert(
    *,
    by: Principal,
    tenant: Tenant,
    rows: Sequence[ResourceRow],
    origin: Import.Origin,
    source: str,
) -> Import:
    """Write resources by (provider, resource_id), as if one after the other: of equal ones the last stays.

    What a row does not tell stays as it is; tags are replaced as a whole. Each resource that is new or
    changes gets one entry of its history. The import returned counts `updated` without `unchanged`.
    """
    run = import_open(by=by, tenant=tenant, kind=Import.Kind.RESOURCES, origin=origin, source=source)
    resources_write(by=by, run=run, rows=rows)
    import_close(by=by, run=run, action="resources.bulk")
    return run


def resources_write(*, by: Principal, run: Import, rows: Sequence[ResourceRow]) -> None:
    """Write some rows of an import and add to its counts, in the caller's transaction."""
    tenant = tenant_lock(run.tenant)
    accounts = cloud_accounts_take(tenant=tenant, named=((r.provider, r.account_id, "") for r in rows))
    known = _known(tenant, rows)
    fold = _Fold(tenant, known, accounts, timezone.now())
    for row in rows:
        fold.take(row)
    fold.write()
    ResourceChange.objects.bulk_create(_history(by, run, fold))
    run.rows += len(rows)
    run.inserted += len(fold.new)
    run.unchanged += fold.unchanged
    run.updated += len(rows) - len(fold.new) - fold.unchanged


def _known(tenant: Tenant, rows: Iterable[ResourceRow]) -> dict[Key, Resource]:
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        ids[row.provider].add(row.resource_id)
    resources = Resource.objects.for_tenant(tenant)
    found: dict[Key, Resource] = {}
    for provider, wanted in ids.items():
        for resource in resources.filter(provider=provider, resource_id__in=wanted):
            found[resource.provider, resource.resource_id] = resource
    return found


class _Fold:
    """What rows, one after the other, make of the resources that are there."""

    def __init__(
        self, tenant: Tenant, known: dict[Key, Resource], accounts: dict[AccountName, UUID], now: datetime
    ) -> None:
        self.tenant, self.known, self.accounts, self.now = tenant, known, accounts, now
        self.new: dict[Key, Resource] = {}
        self.changes: defaultdict[Key, Changes] = defaultdict(dict)
        self.unchanged = 0

    def take(self, row: ResourceRow) -> None:
        resource = self.known.get(row.key)
        if resource is None:
            self.known[row.key] = self.new[row.key] = self._made(row)
            return
        before = self.changes[row.key]
        changed = False
        for name, value in self._told(row).items():
            old = getattr(resource, name)
            if old != value:
                changed = True
                before.setdefault(name, [old, None])[1] = value
                setattr(resource, name, value)
        self.unchanged += not changed

    def _told(self, row: ResourceRow) -> dict[str, Any]:
        told = {name: value for name in TOLD if (value := getattr(row, name)) is not None}
        if row.account_id:
            told["cloud_account_id"] = self.accounts[row.provider, row.account_id]
        return told

    def _made(self, row: ResourceRow) -> Resource:
        default = {"currency": self.tenant.currency, "created_at": self.now}
        seen = {"first_seen_at": self.now, "last_seen_at": self.now, "updated_at": self.now}
        fields = {**default, **seen, **self._told(row)}
        return Resource(tenant=self.tenant, provider=row.provider, resource_id=row.resource_id, **fields)

    def history(self) -> dict[Key, Changes]:
        """What is different in the end about each resource that was there; all of them, changed or not."""
        return {
            key: {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
            for key, changes in self.changes.items()
            if key not in self.new
        }

    def write(self) -> None:
        seen, changed = [], []
        for key, changes in self.history().items():
            resource = self.known[key]
            resource.last_seen_at = self.now
            if changes:
                resource.updated_at = self.now
                changed.append(resource)
            else:
                seen.append(resource.pk)
        rows = Resource.objects.for_tenant(self.tenant)
        rows.filter(pk__in=seen).update(last_seen_at=self.now)
        rows.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["tenant", "provider", "resource_id"],
            update_fields=WRITTEN,
        )
        rows.bulk_create(self.new.values())


def _history(by: Principal, run: Import, fold: _Fold) -> list[ResourceChange]:
    kinds = ResourceChange.Kind
    steps: list[tuple[Key, str, Changes]] = [(key, kinds.CREATED, {}) for key in fold.new]
    steps += [(key, kinds.CHANGED, changes) for key, changes in fold.history().items() if changes]
    return [
        ResourceChange(
            tenant=run.tenant,
            resource=fold.known[key],
            kind=kind,
            at=fold.now,
            actor=by.actor,
            source_import=run,
            changes={
                name.removesuffix("_id"): [_plain(value) for value in pair] for name, pair in changes.items()
            },
        )
        for key, kind, changes in steps
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return Decimal(canonical(value))
    return str(value) if isinstance(value, UUID) else value
