"""What Gcore metered, as events in the usage ledger: once each, whatever is imported how often.

An event's id is made of what it is about. What Gcore says anew of it is an amendment; what it takes back is
voided; and what it tells again after that is the next event. An event that somebody corrected is theirs.
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.exact import EXACT, canonical, number_of
from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.wire import encode
from gcore.models import ReportJob, ReportRow
from gcore.queries.own_usage import METRIC, PROVIDER, PROVIDER_USAGE
from usage.ledger import Lot, Row, Status, store
from usage.models import Correction, UsageEvent
from usage.services.corrections import event_amend, event_void

IMPORTER: Final = dataclasses.replace(SYSTEM, actor="gcore-import")
UNNAMED: Final = "unnamed"
MARK: Final = "~"  # before the number of an event that follows one that was voided


class Use(NamedTuple):
    """What one event is about."""

    feature: str
    feature_name: str
    region_id: str
    region_name: str
    resource_id: str
    resource_name: str
    unit: str

    @property
    def digest(self) -> str:
        told = [self.feature, self.region_id, self.resource_id, self.unit]
        return hashlib.sha256(encode(told)).hexdigest()[:20]


@transaction.atomic
def usage_file(*, job: ReportJob, day: date) -> dict[str, int]:
    """Have the ledger say of that day what the report says; how many rows were `stored`, `amended`, `voided`,
    `unchanged`, `held` (somebody's own correction) or in `conflict` (a sender took the id)."""
    prefix = f"{PROVIDER}:{job.client_id}:{day}:{job.product}:"
    said = _said(job)
    last = _last(job.tenant, day, prefix)
    held = _held(job.tenant, (event.event_id for event in last.values()))
    by = dataclasses.replace(IMPORTER, tenant=job.tenant)
    counts: Counter[str] = Counter()
    new: list[Row] = []
    for digest, (use, value) in sorted(said.items()):
        event = last.get(digest)
        if event is None or (event.ended_at is not None and event.event_id not in held):
            new.append(_row(_next_id(prefix + digest, event), job, day, use, value))
        elif event.event_id in held:
            counts["held"] += 1
        elif number_of(event.metrics.get(METRIC)) == value:
            counts["unchanged"] += 1
        else:
            reason = f"Gcore's report {job.pk} says {canonical(value)}."
            event_amend(by=by, event_id=event.event_id, reason=reason, changes={"metrics": {METRIC: value}})
            counts["amended"] += 1
    for digest in sorted(last.keys() - said.keys()):
        event = last[digest]
        if event.event_id in held:
            counts["held"] += 1
        elif event.ended_at is None:
            event_void(by=by, event_id=event.event_id, reason=f"Gcore's report {job.pk} has it no more.")
            counts["voided"] += 1
    return counts + _stored(job, new)


def _stored(job: ReportJob, rows: list[Row]) -> Counter[str]:
    if not rows:
        return Counter()
    lot = Lot(str(job.tenant_id), timezone.now(), rows, entry_id=str(job.pk))
    (statuses,) = store([lot])
    stored = statuses.count(Status.STORED)
    return Counter(stored=stored, conflict=len(rows) - stored)


def _said(job: ReportJob) -> dict[str, tuple[Use, Decimal]]:
    """The sum of each use; rows that differ in names alone are one."""
    found: dict[str, tuple[Use, Decimal]] = {}
    for row in ReportRow.objects.for_tenant(job.tenant).filter(job=job).order_by("position").iterator():
        use = Use(
            (row.feature_id or row.feature_name or UNNAMED)[:255], row.feature_name, row.region_id,
            row.region_name, row.resource_id, row.resource_name, row.unit_name,
        )  # fmt: skip
        _, total = found.get(use.digest, (use, Decimal(0)))
        found[use.digest] = use, EXACT.add(total, row.metric_value)
    return found


def _last(tenant: Tenant, day: date, prefix: str) -> dict[str, UsageEvent]:
    """The last event and revision of each use; locked before the first deed, as `turn_take` wants it."""
    events = UsageEvent.objects.for_tenant(tenant).filter(
        timestamp=_midnight(day), service_type=PROVIDER_USAGE, event_id__startswith=prefix
    )
    found: dict[str, UsageEvent] = {}
    for event in sorted(events.select_for_update().order_by("pk"), key=_age):
        found[event.event_id.removeprefix(prefix).partition(MARK)[0]] = event
    return found


def _age(event: UsageEvent) -> tuple[int, int]:
    return int(event.event_id.partition(MARK)[2] or 0), event.revision


def _held(tenant: Tenant, event_ids: Iterable[str]) -> set[str]:
    corrections = Correction.objects.for_tenant(tenant).filter(event_id__in=list(event_ids))
    return set(corrections.exclude(actor=IMPORTER.actor).values_list("event_id", flat=True))


def _next_id(base: str, before: UsageEvent | None) -> str:
    return base if before is None else f"{base}{MARK}{_age(before)[0] + 1}"


def _row(event_id: str, job: ReportJob, day: date, use: Use, value: Decimal) -> Row:
    metadata: dict[str, Any] = {
        "product": job.product,
        "feature_name": use.feature_name,
        "unit": use.unit,
        "region_id": use.region_id,
        "region_name": use.region_name,
        "resource_id": use.resource_id,
        "resource_name": use.resource_name,
    }
    told = {name: text for name, text in metadata.items() if text}
    return Row(
        event_id=event_id,
        timestamp=_midnight(day).isoformat(),
        user_id=job.client_id,
        service_type=PROVIDER_USAGE,
        service_provider=PROVIDER,
        event_type=use.feature,
        metrics=msgspec.Raw(encode({METRIC: value})),
        metadata=msgspec.Raw(encode(told)),
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
