"""Prometheus metrics of the ingest path. Names are the older services' own."""

from collections import Counter as Tally
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec
from prometheus_client import Counter, Histogram

from accounts.models import Tenant
from accounts.wire import exact_number
from usage.exact import DEFAULT_CURRENCY, cost_of
from usage.ledger import Lot, Row, Status

MAX_LABELS: Final = 1000
IN_DOLLARS: Final = (None, DEFAULT_CURRENCY)
MAX_COST: Final = 10**12  # of one event; more is a mistake, not money

EVENTS: Final = Counter(
    "events_processed_total", "Events stored", ["tenant_id", "service_type", "event_type"]
)
BATCHES: Final = Counter("batch_events_processed_total", "Events accepted in batches", ["tenant_id"])
SECONDS: Final = Histogram("event_processing_duration_seconds", "One transaction of the event writer")
TOKENS: Final = Counter("total_tokens_processed", "Tokens in stored llm_service events", ["tenant_id"])
COST: Final = Counter("total_cost_usd", "Cost in USD that senders gave with stored events", ["tenant_id"])
DEAD: Final = Counter("dead_letter_events_total", "Events set aside because the database refused them")
DUPLICATES: Final = Counter("duplicate_events_total", "Events that came again", ["tenant_id"])
CONFLICTS: Final = Counter(
    "conflicting_events_total", "Events set aside because their id holds another content", ["tenant_id"]
)
REJECTED: Final = Counter("rejected_events_total", "Events rejected on arrival and kept aside", ["tenant_id"])
RECOMPUTED: Final = Counter("usage_hours_recomputed_total", "Hours whose sums were made again")
AGGREGATION: Final = Histogram(
    "usage_aggregation_seconds",
    "One run of the aggregation",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120),
)
FALLBACKS: Final = Counter("event_queue_fallbacks_total", "Requests stored directly because Redis was away")


class _Tokens(msgspec.Struct):
    total_tokens: float | None = None
    input_tokens: float = 0
    output_tokens: float = 0


class _Bill(msgspec.Struct):
    total_cost: Any = None
    currency: Any = None


_tokens = msgspec.json.Decoder(_Tokens)
_bills = msgspec.json.Decoder(list[_Bill], float_hook=exact_number)
_types: Final = attrgetter("service_type", "event_type")
_seen: set[tuple[str, str, str]] = set()


@lru_cache(maxsize=10_000)
def tenant_label(tenant_id: str) -> str:
    return Tenant.objects.values_list("slug", flat=True).get(pk=tenant_id)


def observe_stored(lots: list[Lot], statuses: list[list[Status]]) -> None:
    """Count the events of a commit: those that were new, and how many were not."""
    for lot, became in zip(lots, statuses, strict=True):
        if not became:
            continue
        tenant = tenant_label(lot.tenant_id)
        _count_others(tenant, became)
        rows = [row for row, status in zip(lot.rows, became, strict=True) if status is Status.STORED]
        for types, count in Tally(map(_types, rows)).items():
            EVENTS.labels(*_bounded(tenant, *types)).inc(count)
        if tokens := sum(_tokens_of(row) for row in rows if row.service_type == "llm_service"):
            TOKENS.labels(tenant).inc(tokens)
        if cost := _cost_of(rows):
            COST.labels(tenant).inc(float(cost))


def _count_others(tenant: str, became: list[Status]) -> None:
    for counter, status in ((DUPLICATES, Status.DUPLICATE), (CONFLICTS, Status.CONFLICT)):
        if count := became.count(status):
            counter.labels(tenant).inc(count)


def _bounded(tenant: str, service_type: str, event_type: str) -> tuple[str, str, str]:
    """Senders choose the types, so past a thousand of them the rest is counted together."""
    labels = (tenant, service_type, event_type)
    if labels in _seen:
        return labels
    if len(_seen) >= MAX_LABELS:
        return (tenant, "other", "other")
    _seen.add(labels)
    return labels


def _tokens_of(row: Row) -> int:
    try:
        found = _tokens.decode(row.metrics)
    except msgspec.MsgspecError:
        return 0
    given = found.total_tokens
    return int(found.input_tokens + found.output_tokens if given is None else given)


def _cost_of(rows: list[Row]) -> Decimal:
    """What the senders say in USD; negative or absurd amounts are no running total."""
    bills = _bills.decode(b"[%b]" % b",".join(row.billing_info for row in rows))
    costs = [cost_of(bill.total_cost) for bill in bills if bill.currency in IN_DOLLARS]
    return sum((cost for cost in costs if cost and 0 < cost < MAX_COST), Decimal(0))
