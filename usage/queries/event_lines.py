"""The lines of closed months that an event is in, whatever became of it since."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Prefetch, Q

from accounts.exact import number_of
from accounts.models import Tenant
from usage.billing import EVENTS, Usage, priced_quantities
from usage.models import Adjustment, AdjustmentLine, Statement, StatementLine
from usage.models.statements import BillLine
from usage.queries.quantities import KIND
from usage.queries.statements import Basis, frozen_basis, usage_of
from usage.queries.sums import where_equal

A_MOMENT: Final = timedelta(microseconds=1)
SERVICE: Final = ("service_type", "service_provider", "model")
Shares = dict[tuple[str, str], Decimal | None]  # by rule and unit


class BilledIn(NamedTuple):
    """A line of a statement, or of its adjustment, and what a revision of the event adds to its quantity.

    An adjustment takes away what had ended by then. None: nothing but what the sender billed.
    """

    statement: Statement
    adjustment: Adjustment | None
    line: BillLine
    revision: int
    quantity: Decimal | None


def event_lines(*, tenant: Tenant, revisions: Sequence[Any]) -> list[BilledIn]:
    """The lines, document by document, of an event's revisions (UsageEvents with `model`)."""
    found: list[BilledIn] = []
    for statement in _statements(tenant, revisions):
        basis = frozen_basis(statement)
        for revision in revisions:
            if statement.starts_at <= revision.timestamp < statement.ends_at:
                found += _of_revision(tenant, basis, statement, revision)
    return sorted(found, key=_place)


def usage_of_event(event: Any) -> Usage:
    """One event as prices see it, without its cost."""
    numbers = {name: number_of(value) for name, value in event.metrics.items()}
    return Usage(
        event.timestamp,
        event.timestamp + A_MOMENT,
        *(event.service_type, event.service_provider, event.model, event.event_type),
        count=1,
        metrics={name: number for name, number in numbers.items() if number is not None},
        costs={},
    )


def _statements(tenant: Tenant, revisions: Sequence[Any]) -> Any:
    """Those that the revisions lie in, with what they and their adjustments say of the same services."""
    if not revisions:
        return []
    moments, services = Q(), Q()
    for moment in {revision.timestamp for revision in revisions}:
        moments |= Q(starts_at__lte=moment, ends_at__gt=moment)
    for values in {_service(revision) for revision in revisions}:
        services |= Q(**dict(zip(SERVICE, values, strict=True)))
    return (
        Statement.objects.for_tenant(tenant)
        .filter(moments)
        .prefetch_related(
            Prefetch("lines", StatementLine.objects.filter(services)),
            "adjustments",
            Prefetch("adjustments__lines", AdjustmentLine.objects.filter(services)),
        )
    )


def _of_revision(tenant: Tenant, basis: Basis, statement: Statement, revision: Any) -> Iterator[BilledIn]:
    """The statement's lines, and those of each adjustment before which it counted otherwise."""
    before: Shares = {}
    documents: list[Any] = [statement, *statement.adjustments.all()]
    for document in documents:
        now = _shares(tenant, basis, revision, document.as_of)
        changed = {key: _negated(before[key]) for key in before.keys() - now.keys()}
        changed |= {key: now[key] for key in now.keys() - before.keys()}
        for line in document.lines.all():
            key = (line.rule_id, line.unit)
            if _service(line) == _service(revision) and key in changed:
                adjustment = None if document is statement else document
                yield BilledIn(statement, adjustment, line, revision.revision, changed[key])
        before = now


def _shares(tenant: Tenant, basis: Basis, revision: Any, as_of: datetime) -> Shares:
    """What the revision gave to which lines by what was known."""
    if revision.received_at > as_of or (revision.ended_at is not None and revision.ended_at <= as_of):
        return {}
    own = usage_of_event(revision)
    shares: Shares = {(rule.id, rule.unit): number for rule, number in priced_quantities(basis.rules, own)}
    if not shares and any(rule.covers(own) for rule in basis.rules):
        # It has none of the units, but its kind may: then it is billed with them, as nothing.
        kind = where_equal({name: getattr(own, name) for name in KIND})
        for use in usage_of(tenant, basis, as_of, kind):
            if use.start <= revision.timestamp < use.end:
                shares = {(rule.id, rule.unit): None for rule, _ in priced_quantities(basis.rules, use)}
    return shares or {("", EVENTS): Decimal(1)}


def _negated(quantity: Decimal | None) -> Decimal | None:
    return None if quantity is None else quantity.copy_negate()


def _service(row: Any) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in SERVICE)


def _place(found: BilledIn) -> tuple[int, int, int, int]:
    number = found.adjustment.number if found.adjustment else 0
    return found.statement.number, number, found.line.position, found.revision
