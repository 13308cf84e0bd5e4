"""The bulk calls: the good rows are written, the bad ones told."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from django.db import transaction

from accounts.errors import PermissionRefused, ValidationFailed
from accounts.models import Scope, Tenant
from accounts.principals import Principal, is_named
from inventory.columns import BadRow, RowError, cost_row, resource_row
from inventory.models import Import
from inventory.rows import CostRow, ResourceRow
from inventory.services.accounts import cloud_accounts_find
from inventory.services.costs import cost_lines_upsert
from inventory.services.resources import resources_upsert

MOST_ROWS: Final = 10_000
NAMES: Final = ("organization_id", "tenant_id")
Row = TypeVar("Row")


class Bulk(NamedTuple):
    """What became of the rows of a call; `unchanged` is a part of `updated`."""

    inserted: int
    updated: int
    unchanged: int
    errors: list[dict[str, Any]]


class Sent(NamedTuple):
    """`organization` and `account` count for the rows that name none themselves."""

    items: list[Any]
    organization: str = ""
    account: str = ""


def resources_bulk(*, by: Principal, sent: Sent) -> Bulk:
    """Write rows of resources, each into the tenant that it names; all good ones or, on a failure, none.

    Errors: 400 more than MOST_ROWS, or no row that is valid; 403 a tenant that is not the caller's.
    """

    def reader(tenant: Tenant) -> Callable[[Any], ResourceRow]:
        accounts = cloud_accounts_find(tenant=tenant)
        return lambda item: resource_row(item, accounts)

    def write(by: Principal, rows: list[tuple[int, ResourceRow]]) -> Import:
        return resources_upsert(
            by=by, tenant=by.home, rows=[row for _, row in rows], origin=Import.Origin.API, source="api"
        )

    return _bulk(by, sent, reader, write)


def costs_bulk(*, by: Principal, sent: Sent) -> Bulk:
    """Write rows of costs, each into the tenant that it names; all good ones or, on a failure, none.

    Errors: as of `resources_bulk`.
    """

    def reader(tenant: Tenant) -> Callable[[Any], CostRow]:
        accounts = cloud_accounts_find(tenant=tenant)
        return lambda item: cost_row(item, accounts, tenant.currency)

    def write(by: Principal, rows: list[tuple[int, CostRow]]) -> Import:
        return cost_lines_upsert(by=by, tenant=by.home, rows=rows)

    return _bulk(by, sent, reader, write)


def _bulk(
    by: Principal,
    sent: Sent,
    reader: Callable[[Tenant], Callable[[Any], Row]],
    write: Callable[[Principal, list[tuple[int, Row]]], Import],
) -> Bulk:
    if len(sent.items) > MOST_ROWS:
        raise ValidationFailed.field("items", f"give at most {MOST_ROWS} rows.")
    doors = _Doors(by, sent.organization, reader)
    rows: defaultdict[str, list[tuple[int, Row]]] = defaultdict(list)
    errors: list[dict[str, Any]] = []
    for index, item in enumerate(sent.items):
        try:
            slug = doors.enter(_named(item))
            row = doors.readers[slug](_with_account(item, sent.account))
            rows[slug].append((index + 1, row))
        except BadRow as bad:
            errors += [{"index": index, "field": e.field, "message": e.message} for e in bad.errors]
    if not rows:
        raise ValidationFailed(
            "No row is valid.", errors=errors, extra={"inserted": 0, "updated": 0, "unchanged": 0}
        )
    with transaction.atomic():
        runs = [write(doors.callers[slug], mine) for slug, mine in sorted(rows.items())]
    unchanged = sum(run.unchanged for run in runs)
    updated = sum(run.updated for run in runs) + unchanged
    return Bulk(sum(run.inserted for run in runs), updated, unchanged, errors)


def _named(item: Any) -> str:
    """The tenant that a row names; empty when it names none."""
    names = {str(item[name]) for name in NAMES if item.get(name)} if isinstance(item, dict) else set()
    if len(names) > 1:
        raise BadRow([RowError("organization_id", "The row names two tenants.")])
    return names.pop() if names else ""


def _with_account(item: Any, account: str) -> Any:
    if account and isinstance(item, dict) and not item.get("cloud_account_id"):
        return {**item, "cloud_account_id": account}
    return item


class _Doors:
    """The tenants that the rows of a call name, each entered once."""

    def __init__(self, by: Principal, default: str, reader: Callable[[Tenant], Callable[[Any], Any]]) -> None:
        self.by, self.default, self.reader = by, default, reader
        self.slugs: dict[str, str] = {}
        self.callers: dict[str, Principal] = {}
        self.readers: dict[str, Callable[[Any], Any]] = {}

    def enter(self, name: str) -> str:
        """The slug of the tenant of that name; 403 unless the caller may write there."""
        if name not in self.slugs:
            caller = self._entered(name or self.default)
            caller.require(Scope.WRITE)
            slug = self.slugs[name] = caller.home.slug
            self.callers[slug] = caller
            self.readers.setdefault(slug, self.reader(caller.home))
        return self.slugs[name]

    def _entered(self, name: str) -> Principal:
        if self.by.tenant is None:
            return self.by.enter(name or None)
        if name and not is_named(self.by.tenant, name):
            raise PermissionRefused("A row names a tenant that this credential does not act in.")
        return self.by
