"""Lines of bills come in rows: one by one over the API, or a whole span of days that a source tells anew."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction

from accounts.errors import ValidationFailed
from accounts.exact import EXACT, canonical_document
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.tenants import tenant_lock
from accounts.wire import encode
from inventory.models import Charge, CostDay, CostLine, Import
from inventory.rows import CHARGE_FIELDS, LINE_FIELDS, CostRow, charge_id, line_id
from inventory.services.accounts import cloud_accounts_take
from inventory.services.runs import import_close, import_open

DEFAULT_SOURCE: Final = "bills"  # of the API, and of files that name no other
PER_STATEMENT: Final = 5_000
Numbered = tuple[int, CostRow]


class DayKey(NamedTuple):
    """What names one live CostDay of a source."""

    provider: str
    billing_account_id: str
    period_start: datetime
    day: date


@transaction.atomic
def cost_lines_upsert(*, by: Principal, tenant: Tenant, rows: Sequence[Numbered]) -> Import:
    """Write (row number, row) by rows.NATURAL_KEY, as if one after the other: of equal keys the last stays.

    They are added to the live days of DEFAULT_SOURCE. A line that says what it said before keeps the import
    that it came with. The import returned counts `updated` without `unchanged`.
    """
    tenant = tenant_lock(tenant)
    run = import_open(
        by=by, tenant=tenant, kind=Import.Kind.COSTS, origin=Import.Origin.API, source=DEFAULT_SOURCE,
        rows=len(rows),
    )  # fmt: skip
    days = days_take(run=run, rows=[row for _, row in rows])
    lines = lines_of(run=run, rows=rows, days=days)
    for line, (_, row) in zip(lines, rows, strict=True):
        line.pk = line_id(line.cost_day_id, row)
    changed = _fold(run, lines)
    CostLine.objects.for_tenant(tenant).filter(pk__in=list(changed)).delete()
    CostLine.objects.bulk_create(changed.values())
    run.totals = totals_of(row for _, row in rows)
    import_close(by=by, run=run, action="costs.bulk")
    return run


@transaction.atomic
def cost_lines_replace(
    *, by: Principal, tenant: Tenant, source: str, start: date, end: date, rows: Iterable[CostRow]
) -> Import:
    """Let the rows be all that `source` tells of charges beginning in [start, end), UTC days.

    What it told of those days before is removed for good; days without rows end up empty, other sources are
    left alone. The same rows for the same span again change nothing, and return the import that brought
    them. Errors: 400 a row outside the span.
    """
    tenant = tenant_lock(tenant)
    numbered = list(enumerate(rows, start=1))
    outside = next((n for n, row in numbered if not start <= day_of(row) < end), None)
    if outside is not None:
        raise ValidationFailed.field("charge_start", f"row {outside} is not in [{start}, {end}).")
    sha256 = _digest(start, end, numbered)
    imports = Import.objects.for_tenant(tenant).filter(kind=Import.Kind.COSTS, source=source)
    last: Import | None = imports.filter(state=Import.State.APPLIED).order_by("-id").first()
    if last is not None and last.sha256 == sha256:
        return last
    run = import_open(
        by=by, tenant=tenant, kind=Import.Kind.COSTS, origin=Import.Origin.PROVIDER, source=source,
        sha256=sha256, rows=len(numbered), inserted=len(numbered),
    )  # fmt: skip
    run.removed = _remove(tenant, source, start, end)
    days = days_take(run=run, rows=[row for _, row in numbered])
    for place in range(0, len(numbered), PER_STATEMENT):
        chunk = numbered[place : place + PER_STATEMENT]
        CostLine.objects.bulk_create(lines_of(run=run, rows=chunk, days=days))
    run.totals = totals_of(row for _, row in numbered)
    import_close(by=by, run=run, action="costs.replaced", start=str(start), end=str(end))
    return run


def day_of(row: CostRow) -> date:
    return row.charge_start.astimezone(UTC).date()


def day_key(row: CostRow) -> DayKey:
    provider, account, start, _ = row.bill
    return DayKey(provider, account, start, day_of(row))


def days_take(*, run: Import, rows: Iterable[CostRow]) -> dict[DayKey, CostDay]:
    """The live days of the import's source that the rows belong to, made where there is none."""
    wanted = {day_key(row): row for row in rows}
    live = CostDay.objects.for_tenant(run.tenant).filter(source=run.source, is_live=True)
    found = {
        DayKey(day.provider, day.billing_account_id, day.period_start, day.day): day
        for day in live.filter(day__in={key.day for key in wanted})
    }
    missing = {
        key: CostDay(
            tenant=run.tenant, source=run.source, source_import=run, period_end=row.bill[3], **key._asdict()
        )
        for key, row in wanted.items()
        if key not in found
    }
    CostDay.objects.bulk_create(missing.values())
    return {**found, **missing}


def charges_take(*, tenant: Tenant, rows: Iterable[CostRow]) -> list[UUID]:
    """The charge of each row, in their order; those that are new, and their accounts, are made."""
    ids: list[UUID] = []
    first: dict[UUID, CostRow] = {}
    for row in rows:
        charge = charge_id(tenant.pk, row)
        ids.append(charge)
        first.setdefault(charge, row)
    charges = Charge.objects.for_tenant(tenant)
    known = set(charges.filter(pk__in=list(first)).values_list("pk", flat=True))
    missing = {charge: row for charge, row in first.items() if charge not in known}
    accounts = cloud_accounts_take(tenant=tenant, named=(_account(row) for row in missing.values()))
    charges.bulk_create(
        [
            Charge(
                pk=charge,
                tenant=tenant,
                cloud_account_id=accounts.get((row.provider, row.account_id)),
                **{name: getattr(row, name) for name in CHARGE_FIELDS},
            )
            for charge, row in missing.items()
        ],
        ignore_conflicts=True,
    )
    return ids


def _account(row: CostRow) -> tuple[str, str, str]:
    return (
        row.provider,
        row.account_id,
        row.sub_account_name if row.sub_account_id else row.billing_account_name,
    )


def lines_of(*, run: Import, rows: Sequence[Numbered], days: Mapping[DayKey, CostDay]) -> list[CostLine]:
    """Unsaved lines of the rows, in their order; their charges are made."""
    charges = charges_take(tenant=run.tenant, rows=(row for _, row in rows))
    return [
        CostLine(
            tenant=run.tenant,
            cost_day=days[day_key(row)],
            charge_id=charge,
            source_import=run,
            row_number=number,
            **{name: getattr(row, name) for name in LINE_FIELDS} | {"effective_cost": _effective(row)},
        )
        for (number, row), charge in zip(rows, charges, strict=True)
    ]


def _effective(row: CostRow) -> Decimal:
    return row.billed_cost if row.effective_cost is None else row.effective_cost


def _fold(run: Import, lines: Sequence[CostLine]) -> dict[UUID, CostLine]:
    """The lines that are new or say something else than what is stored; counts each line of `lines`."""
    current: dict[UUID, CostLine] = CostLine.objects.for_tenant(run.tenant).in_bulk(
        list({line.pk for line in lines})
    )
    changed: dict[UUID, CostLine] = {}
    for line in lines:
        before = current.get(line.pk)
        if before is None:
            run.inserted += 1
        elif _said(before) == _said(line):
            run.unchanged += 1
            continue
        else:
            run.updated += 1
        current[line.pk] = changed[line.pk] = line
    return changed


def _said(line: CostLine) -> tuple[Any, ...]:
    return (line.charge_id, *(getattr(line, name) for name in LINE_FIELDS))


def totals_of(rows: Iterable[CostRow]) -> dict[str, Decimal]:
    """The billed cost of rows by currency."""
    totals: dict[str, Decimal] = {}
    for row in rows:
        add_total(totals, row.currency, row.billed_cost)
    return totals


def add_total(totals: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    totals[currency] = EXACT.add(totals.get(currency, Decimal(0)), amount)


def _remove(tenant: Tenant, source: str, start: date, end: date) -> int:
    """Delete what a source told of these days; how many lines that were."""
    days = CostDay.objects.for_tenant(tenant).filter(source=source, day__gte=start, day__lt=end)
    removed, _ = CostLine.objects.for_tenant(tenant).filter(cost_day__in=list(days)).delete()
    days.delete()
    return removed


def _digest(start: date, end: date, rows: Iterable[Numbered]) -> str:
    digest = hashlib.sha256(f"{start}/{end}".encode())
    for _, row in rows:
        digest.update(encode([canonical_document(getattr(row, name)) for name in row.__slots__]))
    return digest.hexdigest()
