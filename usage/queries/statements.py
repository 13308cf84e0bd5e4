"""What a month costs by what is known, and whether what was closed is still as it was."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from django.db.models import Q

from accounts.errors import ValidationFailed
from accounts.grammar import EVERYTHING, Filter
from accounts.models import Tenant
from usage.billing import Line, Rule, Usage, bill, totals
from usage.models import Adjustment, PriceRule, Statement
from usage.models.statements import BillLine, Document
from usage.queries.quantities import usage_between

YEARS: Final = range(1970, 2200)  # those of events


@dataclass(frozen=True, slots=True)
class Basis:
    """What a month's bill is made with: its bounds in UTC, the prices, and the currency of what has none."""

    month: date
    timezone: str
    starts_at: datetime
    ends_at: datetime
    currency: str
    rules: list[Rule]


@dataclass(frozen=True, slots=True)
class MonthBill:
    basis: Basis
    lines: list[Line]
    as_of: datetime | None
    statement: Statement | None

    @property
    def totals(self) -> dict[str, str]:
        return totals(self.lines)


def month_bill(*, tenant: Tenant, month: date, as_of: datetime | None = None) -> MonthBill:
    """The bill of a month by the events that counted `as_of` a moment (None: now).

    A closed month is billed by the prices that were frozen with it, an open one by those of today.
    """
    statement = Statement.objects.for_tenant(tenant).filter(month=month).first()
    basis = open_basis(tenant, month) if statement is None else frozen_basis(statement)
    return MonthBill(basis, lines_of(tenant, basis, as_of), as_of, statement)


def lines_of(tenant: Tenant, basis: Basis, as_of: datetime | None) -> list[Line]:
    return bill(
        rules=basis.rules,
        usage=usage_of(tenant, basis, as_of),
        start=basis.starts_at,
        end=basis.ends_at,
        currency=basis.currency,
    )


def usage_of(tenant: Tenant, basis: Basis, as_of: datetime | None, where: Filter = EVERYTHING) -> list[Usage]:
    """The month's usage as its prices see it; `where` as in `usage_between`."""
    changes = {moment for rule in basis.rules for moment in (rule.valid_from, rule.valid_until) if moment}
    inside = sorted(moment for moment in changes if basis.starts_at < moment < basis.ends_at)
    return usage_between(
        tenant=tenant,
        edges=[basis.starts_at, *inside, basis.ends_at],
        units={rule.unit for rule in basis.rules},
        as_of=as_of,
        where=where,
    )


def basis_at(tenant: Tenant, moment: datetime) -> tuple[Basis, Statement | None]:
    """What a moment is billed with: its closed month, or today's prices of its open one.

    Where the tenant moved to another zone, that is not always the calendar's month.
    """
    month = moment.astimezone(ZoneInfo(tenant.timezone)).date().replace(day=1)
    months = (month, _next(month), _previous(month))
    closed = {one.month: one for one in Statement.objects.for_tenant(tenant).filter(month__in=months)}
    found = (
        (frozen_basis(closed[one]) if one in closed else open_basis(tenant, one), closed.get(one))
        for one in months
    )
    return next(one for one in found if one[0].starts_at <= moment < one[0].ends_at)


def open_basis(tenant: Tenant, month: date) -> Basis:
    start, end = month_bounds(tenant, month)
    rules = PriceRule.objects.for_tenant(tenant).filter(is_active=True, valid_from__lt=end)
    rules = rules.filter(Q(valid_until=None) | Q(valid_until__gt=start)).order_by("pk")
    return Basis(month, tenant.timezone, start, end, tenant.currency, [rule.as_rule() for rule in rules])


def frozen_basis(statement: Statement) -> Basis:
    rules = msgspec.convert(statement.rules, list[Rule])
    bounds = (statement.starts_at, statement.ends_at)
    return Basis(statement.month, statement.timezone, *bounds, statement.currency, rules)


def month_bounds(tenant: Tenant, month: date) -> tuple[datetime, datetime]:
    """A calendar month in the tenant's zone, in UTC, half open.

    It joins the months closed before and after it: a tenant that moves to another zone is billed for no
    hour twice and for none never. ValidationFailed when it is not the first day of one from 1970 to 2199.
    """
    if month.day != 1 or month.year not in YEARS:
        raise ValidationFailed.field("month", "give a month from 1970-01 to 2199-12.")
    following = _next(month)
    closed = Statement.objects.for_tenant(tenant).filter(month__in=[_previous(month), following])
    beside = {statement.month: statement for statement in closed.only("month", "starts_at", "ends_at")}
    before, after = beside.get(_previous(month)), beside.get(following)
    start = before.ends_at if before else _midnight(month, tenant.timezone)
    return start, after.starts_at if after else _midnight(following, tenant.timezone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _previous(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def statement_problems(statement: Statement) -> list[str]:
    """What was changed since the close, in words; empty when every digest and every sum still holds."""
    problems = _problems("the statement", statement, list(statement.lines.all()))
    others = Statement.objects.for_tenant(statement.tenant)
    before = others.filter(number=statement.number - 1).first()
    if statement.previous_digest != (before.digest if before else ""):
        problems.append(f"the statement is not chained to number {statement.number - 1} any more")
    after = others.filter(number=statement.number + 1).first()
    if after is not None and after.previous_digest != statement.digest:
        problems.append(f"number {after.number} is not chained to this statement any more")
    return problems + _adjustment_problems(statement)


def _adjustment_problems(statement: Statement) -> list[str]:
    problems, previous = [], statement.digest
    for place, found in enumerate(adjustments_of(statement), start=1):
        name = f"adjustment {found.number}"
        problems += _problems(name, found, list(found.lines.all()))
        if (found.number, found.previous_digest) != (place, previous):
            problems.append(f"{name} is not chained to what was before it any more")
        previous = found.digest
    return problems


def _problems(name: str, document: Document, lines: list[BillLine]) -> list[str]:
    problems = []
    if document.computed_digest(lines) != document.digest:
        problems.append(f"the digest of {name} is not that of its content")
    if totals(lines) != document.totals:
        problems.append(f"the totals of {name} are not the sums of its lines")
    return problems


def adjustments_of(statement: Statement) -> list[Adjustment]:
    """With their lines, in the order in which they were made."""
    return list(statement.adjustments.order_by("number").prefetch_related("lines"))
