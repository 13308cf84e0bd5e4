"""Months closed and adjusted. What is closed is never written again; what comes later is added beside it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec
from django.db import IntegrityError, transaction

from accounts.errors import Conflict, Unavailable
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from usage.billing import Line, totals
from usage.differences import differences
from usage.models import Adjustment, AdjustmentLine, Statement, StatementLine
from usage.models.statements import COLUMNS
from usage.queries.statements import Basis, adjustments_of, frozen_basis, lines_of, open_basis
from usage.queries.watermark import complete_through


@transaction.atomic
def statement_close(*, by: Principal, tenant: Tenant, month: date) -> Statement:
    """Freeze a month (its first day): the next number, its lines, its prices, and a digest over them all.

    Errors: 409 the month is not over, is closed already, or has events that were accepted before its end
    and still wait in the queue; 503 the queue cannot be asked.
    """
    now = datetime.now(UTC)
    basis = open_basis(tenant, month)
    if basis.ends_at > now:
        raise Conflict(f"The month is not over before {basis.ends_at.isoformat()}.")
    _refuse_closed(tenant, month)
    as_of = _known_through()
    if as_of < basis.ends_at:
        raise Conflict("Events accepted before the month's end still wait in the queue; try again.")
    lines = lines_of(tenant, basis, as_of)
    tenant_lock(tenant)  # after the sums, which may take a while: from here on numbers are given one by one
    _refuse_closed(tenant, month)
    last = Statement.objects.for_tenant(tenant).order_by("-number").first()
    statement = _statement(by, tenant, basis, last)
    statement.as_of, statement.closed_at, statement.totals = as_of, now, totals(lines)
    rows = [
        StatementLine(tenant=tenant, statement=statement, position=place, **_columns(line))
        for place, line in enumerate(lines, start=1)
    ]
    statement.digest = statement.computed_digest(rows)
    try:
        with transaction.atomic():
            statement.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"{month:%Y-%m} is closed already.") from error
    StatementLine.objects.bulk_create(rows, batch_size=500)
    told = {"number": statement.number, "month": f"{month:%Y-%m}", "digest": statement.digest}
    deed(by=by, action="statement.closed", tenant=tenant, subject=statement, payload=told)
    return statement


@transaction.atomic
def statement_adjust(*, by: Principal, statement: Statement, reason: str = "") -> Adjustment | None:
    """Add what came late, was voided or amended since the last document of the month; None when nothing was.

    Priced by the rules frozen at the close. Errors: 503 the queue cannot be asked.
    """
    tenant = statement.tenant
    stored = Statement.objects.for_tenant(tenant).select_for_update(no_key=True).get(pk=statement.pk)
    earlier = adjustments_of(stored)
    as_of = _known_through()
    if as_of < max(document.as_of for document in (stored, *earlier)):
        return None  # the clocks or the queue know less than they did
    documents = (stored, *earlier)
    billed = [row.line for document in documents for row in document.lines.all()]
    lines = differences(billed, lines_of(tenant, frozen_basis(stored), as_of))
    if not lines:
        return None
    adjustment = Adjustment(
        tenant=tenant,
        statement=stored,
        number=len(earlier) + 1,
        reason=reason,
        as_of=as_of,
        closed_at=datetime.now(UTC),
        closed_by=by.actor,
        totals=totals(lines),
        previous_digest=documents[-1].digest,
    )
    _save_adjustment(adjustment, lines)
    told = {"statement": stored.number, "number": adjustment.number, "digest": adjustment.digest}
    deed(by=by, action="statement.adjusted", tenant=tenant, subject=adjustment, payload=told)
    return adjustment


def _statement(by: Principal, tenant: Tenant, basis: Basis, last: Statement | None) -> Statement:
    return Statement(
        tenant=tenant,
        number=last.number + 1 if last else 1,
        month=basis.month,
        timezone=basis.timezone,
        starts_at=basis.starts_at,
        ends_at=basis.ends_at,
        currency=basis.currency,
        rules=msgspec.to_builtins(basis.rules),
        closed_by=by.actor,
        previous_digest=last.digest if last else "",
    )


def _save_adjustment(adjustment: Adjustment, lines: Sequence[Line]) -> None:
    rows = [
        AdjustmentLine(tenant=adjustment.tenant, adjustment=adjustment, position=place, **_columns(line))
        for place, line in enumerate(lines, start=1)
    ]
    adjustment.digest = adjustment.computed_digest(rows)
    adjustment.save(force_insert=True)
    AdjustmentLine.objects.bulk_create(rows, batch_size=500)


def _columns(line: Line) -> dict[str, object]:
    return {name: getattr(line, name) for name in COLUMNS}


def _refuse_closed(tenant: Tenant, month: date) -> None:
    if Statement.objects.for_tenant(tenant).filter(month=month).exists():
        raise Conflict(f"{month:%Y-%m} is closed already.")


def _known_through() -> datetime:
    through = complete_through()
    if through is None:
        raise Unavailable("The queue cannot be asked what is still to be counted; try again.")
    return through
