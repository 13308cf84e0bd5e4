"""Whether what was done saved what was said: costs after it beside costs before it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from django.db import transaction

from accounts.exact import EXACT, canonical, exact_sum, quotient
from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.row_security import as_tenant
from accounts.services.logs import deed
from inventory.models import RealisedSaving, Recommendation
from inventory.queries.completeness import completeness
from inventory.queries.spans import Span
from inventory.queries.spends import Daily, Key, daily_of, monthly
from inventory.rules import TENANT_RULES

AFTER_DAYS: Final = (7, 30)
BEFORE_DAYS: Final = 30
CHUNK: Final = 500
DAY: Final = timedelta(days=1)


def realised_check() -> int:
    """Look after all that was done 7 and 30 complete days of costs ago; how many figures are new."""
    made = 0
    for tenant in Tenant.objects.filter(is_active=True):
        with as_tenant(tenant):
            made += realised_check_tenant(tenant=tenant)
    return made


def realised_check_tenant(*, tenant: Tenant) -> int:
    """The same of one tenant. What costs say of a day that is not complete is waited for."""
    through = completeness(tenant, Span(None, None)).through
    if through is None:
        return 0
    due, made = _due(tenant, through), 0
    while chunk := list(islice(due, CHUNK)):
        made += _write(tenant, chunk)
    return made


def _due(tenant: Tenant, through: date) -> Iterator[tuple[Recommendation, int]]:
    done = Recommendation.objects.for_tenant(tenant).filter(status=Recommendation.Status.DONE)
    done = done.exclude(rule__in={rule.key for rule in TENANT_RULES}).exclude(saving_monthly=0)
    known = set(RealisedSaving.objects.for_tenant(tenant).values_list("recommendation_id", "done_on", "days"))
    for row in done.order_by("id"):
        for days in AFTER_DAYS:
            is_over = _done_on(row) + days * DAY <= through
            if is_over and (row.pk, _done_on(row), days) not in known:
                yield row, days


def _done_on(row: Recommendation) -> date:
    return row.status_at.astimezone(UTC).date()


@transaction.atomic
def _write(tenant: Tenant, due: Sequence[tuple[Recommendation, int]]) -> int:
    starts = [_done_on(row) for row, _ in due]
    span = Span(min(starts) - BEFORE_DAYS * DAY, max(starts) + (AFTER_DAYS[-1] + 1) * DAY)
    costs = daily_of(tenant, span, {key for row, _ in due for key in _keys(row)})
    made = [_measured(row, days, [costs[key] for key in _keys(row) if key in costs]) for row, days in due]
    written = RealisedSaving.objects.bulk_create(made, ignore_conflicts=True)
    for one in written:
        _tell(one)
    return len(written)


def _keys(row: Recommendation) -> list[Key]:
    """What its saving was reckoned from: the resource, and the disks that go with it."""
    names = [str(row.native_id), *row.evidence.get("disks", ())]
    return [(str(row.provider), name) for name in names]


def _measured(row: Recommendation, days: int, costs: Iterable[Daily]) -> RealisedSaving:
    done_on = _done_on(row)
    amounts = [
        (day, cost) for told in costs for (currency, day), cost in told.items() if currency == row.currency
    ]
    earlier = [(day, cost) for day, cost in amounts if done_on - BEFORE_DAYS * DAY <= day < done_on]
    later = [cost for day, cost in amounts if done_on < day <= done_on + days * DAY]
    found: dict[str, Any] = {"before": None, "after": None, "saving_monthly": None}
    if earlier:
        told_days = (done_on - min(day for day, _ in earlier)).days
        before = _average([cost for _, cost in earlier], told_days)
        after = _average(later, days)
        found = {"before": before, "after": after, "saving_monthly": monthly(before - after)}
    return RealisedSaving(
        tenant=row.tenant, recommendation=row, done_on=done_on, days=days, currency=row.currency,
        expected=row.saving_monthly, **found,
    )  # fmt: skip


def _average(costs: Iterable[Decimal], days: int) -> Decimal:
    return EXACT.quantize(quotient(exact_sum(costs), Decimal(days)), Decimal("1E-6"))


def _tell(one: RealisedSaving) -> None:
    saved = one.saving_monthly
    payload = {
        "recommendation": str(one.recommendation_id),
        "rule": one.recommendation.rule,
        "days": one.days,
        "expected": canonical(one.expected),
        "saving_monthly": None if saved is None else canonical(saved),
        "currency": one.currency,
    }
    deed(by=SYSTEM, action="recommendation.verified", tenant=one.tenant, subject=one, payload=payload)
