"""How much was used, as prices see it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from django.db.models import Count

from accounts.exact import EXACT
from accounts.grammar import EVERYTHING, Filter
from accounts.models import Tenant
from accounts.sql import ExactSum
from usage.billing import EVENTS, Usage
from usage.filters import filter_q
from usage.models import UsageEvent
from usage.pricing import ZERO
from usage.queries.sums import sums
from usage.sql import Bucket, MetricNumber, PropertyText, SentCost, SentCurrency

KIND: Final = ("service_type", "service_provider", "model", "event_type")


def usage_between(
    *,
    tenant: Tenant,
    edges: Sequence[datetime],
    units: Iterable[str],
    as_of: datetime | None,
    where: Filter = EVERYTHING,
) -> list[Usage]:
    """The events between the first and the last edge, apart by the edges between and by what prices select.

    `where` may name KIND only. `as_of` tells which events: those that counted then, or (None) those that
    count now. The latter come from the rollups where they hold, and so do the former when nothing has changed
    since.
    """
    metrics = sorted(set(units) - {EVENTS})
    found = _now(tenant, edges, metrics, where)
    # Asked after the sums were read: a change that is in them shows by now.
    if as_of is not None and changed_since(tenant, edges, as_of):
        return _then(tenant, edges, metrics, where, as_of)
    return found


def changed_since(tenant: Tenant, edges: Sequence[datetime], as_of: datetime) -> bool:
    """Whether other events count between the edges now than at `as_of`; it may be so without need."""
    events = UsageEvent.objects.for_tenant(tenant).filter(timestamp__gte=edges[0], timestamp__lt=edges[-1])
    return events.filter(received_at__gt=as_of).exists() or events.filter(ended_at__gt=as_of).exists()


def _now(tenant: Tenant, edges: Sequence[datetime], metrics: list[str], where: Filter) -> list[Usage]:
    ends = dict(pairwise(edges))
    return [
        Usage(
            found.start, ends[found.start], *_kind(found.group),
            count=found.tally.count,
            metrics={name: measure.sum for name, measure in found.tally.metrics.items()},
            costs=found.tally.costs,
        )
        for found in sums(
            tenant=tenant, edges=edges, where=where, group_by=KIND, metrics=metrics, costs=True
        )
    ]  # fmt: skip


def _then(
    tenant: Tenant, edges: Sequence[datetime], metrics: list[str], where: Filter, as_of: datetime
) -> list[Usage]:
    found: dict[tuple[Any, ...], Usage] = {}
    parts = list(pairwise(edges))
    for row in _rows(tenant, edges, metrics, where, as_of):
        key = (row["part"], *(row[name] for name in KIND))
        if key not in found:
            start, end = parts[row["part"] - 1]
            found[key] = Usage(start, end, *_kind(key[1:]), count=0, metrics={}, costs={})
        found[key] = _added(found[key], row, metrics)
    return list(found.values())


def _rows(
    tenant: Tenant, edges: Sequence[datetime], metrics: list[str], where: Filter, as_of: datetime
) -> Iterable[dict[str, Any]]:
    events = UsageEvent.objects.for_tenant(tenant).as_of(as_of).filter(filter_q(where))
    rows: Iterable[dict[str, Any]] = (
        events.filter(timestamp__gte=edges[0], timestamp__lt=edges[-1])
        .order_by()
        .annotate(
            part=Bucket("timestamp", edges),
            model=PropertyText("model"),
            sent_in=SentCurrency(),
        )
        .values("part", *KIND, "sent_in")
        .annotate(
            n=Count("pk"),
            cost=ExactSum(SentCost()),
            **{f"sum_{place}": ExactSum(MetricNumber(name)) for place, name in enumerate(metrics)},
        )
        .iterator()
    )
    return rows


def _kind(values: Sequence[Any]) -> tuple[str, str, str, str]:
    service_type, provider, model, event_type = values
    return service_type, provider, model, event_type


def _added(use: Usage, row: dict[str, Any], metrics: list[str]) -> Usage:
    """One more row of the same kind, in another of the senders' currencies."""
    sums = {name: row[f"sum_{place}"] for place, name in enumerate(metrics)}
    return Usage(
        use.start, use.end, use.service_type, use.service_provider, use.model, use.event_type,
        count=use.count + row["n"],
        metrics=_plus(use.metrics, sums),
        costs=_plus(use.costs, {row["sent_in"]: row["cost"]}),
    )  # fmt: skip


def _plus(known: dict[str, Decimal], more: dict[str, Decimal | None]) -> dict[str, Decimal]:
    new = {name: EXACT.add(known.get(name, ZERO), value) for name, value in more.items() if value is not None}
    return {**known, **new}
