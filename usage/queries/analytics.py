"""Usage by period, by service and in money, and where it is going."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from accounts.errors import ValidationFailed
from accounts.exact import EXACT, quotient
from accounts.grammar import Filter
from accounts.models import Tenant
from accounts.snapshot import snapshot
from usage.queries.calendar import window_edges
from usage.queries.sums import sums
from usage.tally import Tally

MOST_ROWS: Final = 10_000
TOP_USERS: Final = 5
SIGNIFICANT: Final = Decimal(5)
DEFAULT_SPANS: Final = {
    "hour": timedelta(hours=24),
    "day": timedelta(days=30),
    "week": timedelta(weeks=12),
    "month": timedelta(days=365),
}
CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events are asked about: those from `start` until before `end` for which `where` holds."""

    tenant: Tenant
    start: datetime
    end: datetime
    where: Filter


class Bucket(NamedTuple):
    """A period, cut to what was asked for, with the values of the group's properties."""

    start: datetime
    end: datetime
    group: tuple[str, ...]
    tally: Tally


class Service(NamedTuple):
    """`share` is its part of all events in percent."""

    service_type: str
    tally: Tally
    unique_users: int
    top_users: list[tuple[str, int]]
    share: Decimal


class Trend(NamedTuple):
    """`change` is from the mean of the first half of the points to the second's, in percent; None from 0."""

    points: list[tuple[datetime, datetime, Decimal]]
    direction: str
    change: Decimal | None


def usage_by_period(
    *, scope: Scope, period: str, zone: ZoneInfo, group_by: Sequence[str], metrics: Sequence[str] = ()
) -> list[Bucket]:
    """The periods that have events, in order. 400 when they are more than MOST_ROWS with their groups."""
    edges = window_edges(scope.start, scope.end, period, zone)
    found = sums(
        tenant=scope.tenant, edges=edges, where=scope.where, group_by=group_by, metrics=metrics, costs=True
    )
    if len(found) > MOST_ROWS:
        raise ValidationFailed.field(
            "group_by", f"more than {MOST_ROWS} rows; ask for larger periods or less."
        )
    ends = dict(pairwise(edges))
    return [Bucket(row.start, ends[row.start], row.group, row.tally) for row in found]


def total(tallies: Sequence[Tally]) -> Tally:
    """All of them together."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally.count, tally.costs, tally.metrics)
    return whole


def usage_by_service(*, scope: Scope, limit: int) -> tuple[list[Service], Tally]:
    """The services with the most events, and the sums of all services."""
    asked = partial(sums, tenant=scope.tenant, edges=[scope.start, scope.end], where=scope.where)
    with snapshot():
        tallies = {row.group[0]: row.tally for row in asked(group_by=["service_type"], costs=True)}
        by_user = asked(group_by=["service_type", "user_id"])
    users: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in by_user:
        service_type, user_id = row.group
        users[service_type].append((user_id, row.tally.count))
    whole = total(list(tallies.values()))
    services = [_service(name, tally, users[name], whole.count) for name, tally in tallies.items()]
    return sorted(services, key=lambda service: (-service.tally.count, service.service_type))[:limit], whole


def _service(name: str, tally: Tally, users: list[tuple[str, int]], events: int) -> Service:
    ranked = sorted(users, key=lambda pair: (-pair[1], pair[0]))
    share = quotient(Decimal(100 * tally.count), Decimal(events))
    return Service(name, tally, len(users), ranked[:TOP_USERS], share)


def trend(*, scope: Scope, metric: str, edges: Sequence[datetime], currency: str | None) -> Trend:
    """How a figure went through the periods between the edges, the empty ones too.

    `metric` is event_count, unique_users or total_cost; a cost is of one currency, which must be named (400)
    where there are several.
    """
    if len(edges) < 2:
        return Trend([], "stable", Decimal(0))
    by_users = metric == "unique_users"
    found = sums(
        tenant=scope.tenant,
        edges=edges,
        where=scope.where,
        group_by=["user_id"] if by_users else [],
        costs=metric == "total_cost",
    )
    if metric == "total_cost":
        currency = currency or _only_currency([row.tally for row in found])
    values: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    for row in found:
        if by_users:
            values[row.start] += 1
        elif metric == "event_count":
            values[row.start] = Decimal(row.tally.count)
        else:
            values[row.start] = row.tally.costs.get(currency or "", Decimal(0))
    points = [(start, end, values[start]) for start, end in pairwise(edges)]
    return Trend(points, *_direction([value for _, _, value in points]))


def _only_currency(tallies: Sequence[Tally]) -> str | None:
    known = sorted(total(tallies).costs)
    if len(known) > 1:
        raise ValidationFailed.field("currency", f"name one of {', '.join(known)}.")
    return known[0] if known else None


def _direction(values: list[Decimal]) -> tuple[str, Decimal | None]:
    half = len(values) // 2
    first, second = _mean(values[:half]), _mean(values[half:])
    if not first:
        return ("up" if second > 0 else "down" if second < 0 else "stable"), None if second else Decimal(0)
    change = quotient(EXACT.multiply(EXACT.subtract(second, first), Decimal(100)), abs(first))
    direction = "up" if change > SIGNIFICANT else "down" if change < -SIGNIFICANT else "stable"
    return direction, change


def _mean(values: list[Decimal]) -> Decimal:
    whole = Decimal(0)
    for value in values:
        whole = EXACT.add(whole, value)
    return quotient(whole, Decimal(len(values))) if values else whole


def complete_periods(start: datetime, end: datetime, period: str, zone: ZoneInfo) -> list[datetime]:
    """The edges of the periods that lie wholly within: one that still runs would look like a fall."""
    moment = timedelta.resolution
    return window_edges(start - moment, end + moment, period, zone)[1:-1]
