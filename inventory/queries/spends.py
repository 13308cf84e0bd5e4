"""What each resource cost of late, in a stream by its name."""

import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Min, QuerySet

from accounts.exact import EXACT, quotient
from accounts.models import Tenant
from accounts.sql import ExactSum
from inventory.models import Charge, CostLine
from inventory.queries.costs import lines_between
from inventory.queries.spans import Span

WINDOW_DAYS: Final = 30
IN_MEMORY: Final = 1_000_000  # bytes, before they go to a file
SILENT_DAYS: Final = 2  # a resource whose last line is older than that costs nothing any more
OF_A_RESOURCE: Final = ("charge__provider", "charge__resource_id")
USED: Final = (Charge.Category.USAGE, Charge.Category.CREDIT, Charge.Category.ADJUSTMENT)
Key = tuple[str, str]
Daily = dict[tuple[str, date], Decimal]  # by currency and day


class Spend(NamedTuple):
    """The effective cost of a resource on the days from `first` up to and without `end`."""

    currency: str
    cost: Decimal
    first: date
    end: date

    @property
    def daily(self) -> Decimal:
        return quotient(self.cost, Decimal(max((self.end - self.first).days, 1)))


def recent_lines(tenant: Tenant, through: date, days: int = WINDOW_DAYS) -> QuerySet[CostLine]:
    """The lines of use of the days up to the last complete one."""
    day = timedelta(days=1)
    lines = lines_between(tenant, Span(through + day - days * day, through + day))
    return lines.filter(charge__charge_category__in=USED)


def spends(tenant: Tenant, through: date) -> Iterator[tuple[Key, Spend]]:
    """What each resource that bills name cost in the last 30 days, in the byte order of provider and id.

    The cost is 0 when the last line is some days old: it costs nothing any more. Of two currencies the
    tenant's own counts, or else the first.
    """
    lines = recent_lines(tenant, through).exclude(charge__resource_id="")
    ordered = _rows(lines).order_by(*OF_A_RESOURCE, "currency")
    # A read that stays open would keep SQLite's connection from writing.
    rows: Iterable[Any] = _copied(ordered) if connection.vendor == "postgresql" else list(ordered)
    for key, mine in groupby(rows, key=lambda row: (row[0], row[1])):
        yield key, _spend(tenant, [_of_row(*row[2:]) for row in mine], through)


def spends_of(tenant: Tenant, through: date, keys: Iterable[Key]) -> dict[Key, Spend]:
    """The same of some resources."""
    wanted = set(keys)
    ids = {resource_id for _, resource_id in wanted}
    lines = recent_lines(tenant, through).filter(charge__resource_id__in=ids, charge__tenant=tenant)
    rows = sorted(_rows(lines))
    return {
        key: _spend(tenant, [_of_row(*row[2:]) for row in mine], through)
        for key, mine in groupby(rows, key=lambda row: (row[0], row[1]))
        if key in wanted
    }


def _rows(lines: QuerySet[CostLine]) -> Any:
    amounts = {"cost": ExactSum("effective_cost"), "first": Min("cost_day__day"), "end": Max("charge_end")}
    grouped = lines.order_by().values(*OF_A_RESOURCE, "currency").annotate(**amounts)
    return grouped.values_list(*OF_A_RESOURCE, "currency", *amounts)


def _copied(rows: QuerySet[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows one by one, from a file: PostgreSQL uses all its processors for COPY, and one for a cursor."""
    sql, params = rows.query.sql_with_params()
    with tempfile.SpooledTemporaryFile(IN_MEMORY, mode="w+", newline="") as file:
        cursor: Any
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64MB'")  # sums by resource fit, and nothing is sorted
            with cursor.copy(cursor.mogrify(f"COPY ({sql}) TO STDOUT (FORMAT csv)", params)) as copy:
                for block in copy:
                    file.write(bytes(block).decode())
        file.seek(0)
        for provider, resource_id, currency, cost, first, end in csv.reader(file):
            yield provider, resource_id, currency, Decimal(cost), _day(first), _moment(end)


_day = lru_cache(1024)(date.fromisoformat)
_moment = lru_cache(1024)(datetime.fromisoformat)


def _of_row(currency: str, cost: Decimal, first: date, end: datetime) -> Spend:
    last = (end - timedelta(microseconds=1)).date()
    return Spend(currency, cost, first, last + timedelta(days=1))


def _spend(tenant: Tenant, found: list[Spend], through: date) -> Spend:
    own = [spend for spend in found if spend.currency == tenant.currency]
    spend = (own or found)[0]
    is_over = max(one.end for one in found) <= through - timedelta(days=SILENT_DAYS)
    return spend._replace(cost=Decimal(0)) if is_over else spend


def monthly(daily: Decimal) -> Decimal:
    """What a day's amount comes to in a month of 365/12 days, with six digits after the point."""
    return EXACT.quantize(quotient(EXACT.multiply(daily, Decimal(365)), Decimal(12)), Decimal("1E-6"))


def daily_of(tenant: Tenant, span: Span, keys: Iterable[Key]) -> dict[Key, Daily]:
    """What some resources cost on each day of a span, by currency and day."""
    wanted = set(keys)
    ids = {resource_id for _, resource_id in wanted}
    lines = lines_between(tenant, span).filter(charge__charge_category__in=USED, charge__resource_id__in=ids)
    named = lines.order_by().values_list(*OF_A_RESOURCE, "currency", "cost_day__day")
    found: defaultdict[Key, Daily] = defaultdict(dict)
    for provider, resource_id, currency, day, cost in named.annotate(cost=ExactSum("effective_cost")):
        if (provider, resource_id) in wanted:
            found[provider, resource_id][currency, day] = cost
    return found
