"""Unusual days of services and accounts, what people said of them, and what changed just before."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from accounts.exact import EXACT, quotient
from accounts.models import Tenant
from inventory.models import AnomalyFeedback, AnomalyThresholds, Charge, CostLine
from inventory.queries.analytics import converted_groups
from inventory.queries.completeness import completeness
from inventory.queries.costs import lines_between
from inventory.queries.dimensions import UNALLOCATED, read_dimensions
from inventory.queries.spans import Span
from inventory.queries.sums import ZERO
from inventory.reading import YEARS

WINDOW_DAYS: Final = 30
HISTORY_DAYS: Final = 56
ALIKE: Final = Decimal("1.5")
DAY: Final = timedelta(days=1)
OLDEST: Final = date(YEARS[0], 1, 1)
Series = dict[date, Decimal]
SeriesKey = tuple[str, str, str]  # currency, service, account; the last two are empty for the total


class Anomaly(NamedTuple):
    """Days in a row that were unusual in one direction. `expected` has six digits after the point."""

    currency: str
    service: str
    account: str
    start: date
    last: date
    actual: Decimal
    expected: Decimal
    status: str = AnomalyFeedback.Status.OPEN.value
    note: str = ""

    @property
    def impact(self) -> Decimal:
        return EXACT.subtract(self.actual, self.expected)

    @property
    def daily_impact(self) -> Decimal:
        return quotient(self.impact, Decimal((self.last - self.start).days + 1))

    @property
    def series(self) -> SeriesKey:
        return self.currency, self.service, self.account


def cost_anomalies(
    *, tenant: Tenant, start: date | None, end: date | None, cost: str = "effective"
) -> list[Anomaly]:
    """Anomalies that begin in [start, end), by default the last 30 complete days; the largest impact first.

    Purchases are left out: they are no use of anything. Days after the last complete one are not judged.
    """
    through = completeness(tenant, Span(None, None)).through
    if through is None:
        return []
    end = max(min(end or through + DAY, through + DAY), OLDEST)
    start = max(start or end - WINDOW_DAYS * DAY, OLDEST)
    if start >= end:
        return []
    span = Span(start - (HISTORY_DAYS + WINDOW_DAYS) * DAY, end)
    series = _series(tenant, lines_between(tenant, span), cost)
    found = [one for one in _found(tenant, series, span, start) if start <= one.start < end]
    said = list(AnomalyFeedback.objects.for_tenant(tenant).order_by("day"))
    judged = [_judged(one, said) for one in found]
    return sorted(judged, key=lambda one: (-abs(one.impact), one.series, one.start))


def thresholds_of(tenant: Tenant) -> AnomalyThresholds:
    return AnomalyThresholds.objects.for_tenant(tenant).first() or AnomalyThresholds(tenant=tenant)


def _series(tenant: Tenant, lines: QuerySet[CostLine], cost: str) -> dict[SeriesKey, Series]:
    used = lines.exclude(charge__charge_category=Charge.Category.PURCHASE)
    found: defaultdict[SeriesKey, Series] = defaultdict(dict)
    names = read_dimensions(["service", "account", "day"])
    for ((service, account, told), currency), sums in converted_groups(tenant, used, names, None):
        amount: Decimal = getattr(sums, cost) or ZERO
        for key in ((currency, service, account), (currency, "", "")):
            day = date.fromisoformat(told)
            found[key][day] = EXACT.add(found[key].get(day, ZERO), amount)
    return found


def _found(tenant: Tenant, series: dict[SeriesKey, Series], span: Span, start: date) -> Iterator[Anomaly]:
    if not series or span.start is None or span.end is None:
        return
    import numpy as np  # 30 MB and a tenth of a second that nothing else needs

    from inventory import anomalies

    limits = thresholds_of(tenant)
    first = max(span.start, min(min(days) for days in series.values()))
    days = [first + n * DAY for n in range((span.end - first).days)]
    amounts = np.array([[float(told.get(day, ZERO)) for day in days] for told in series.values()])
    found = anomalies.find(
        amounts, max(0, (start - first).days - 1),
        deviations=limits.deviations / 10, share=limits.percent / 100, minimum=float(limits.minimum),
    )  # fmt: skip
    for (key, told), unusual, expected in zip(series.items(), found.unusual, found.expected, strict=True):
        usual = {day: Decimal(f"{amount:.6f}") for day, amount in zip(days, expected, strict=True)}
        flagged = (day for day, is_unusual in zip(days, unusual, strict=True) if is_unusual)
        yield from _episodes(key, told, usual, flagged)


def _episodes(key: SeriesKey, told: Series, usual: Series, flagged: Iterable[date]) -> Iterator[Anomaly]:
    """Unusual days in a row, of one direction."""
    one: Anomaly | None = None
    for day in flagged:
        actual, expected = told.get(day, ZERO), usual[day]
        follows = one and day == one.last + DAY and (actual > expected) == (one.impact > 0)
        if one and follows:
            one = one._replace(
                last=day, actual=EXACT.add(one.actual, actual), expected=one.expected + expected
            )
            continue
        if one:
            yield one
        one = Anomaly(*key, day, day, actual, expected)
    if one:
        yield one


def _judged(one: Anomaly, feedback: Iterable[AnomalyFeedback]) -> Anomaly:
    """With what was said of it, or of an earlier one that it is like."""
    for said in feedback:
        if (said.currency, said.service, said.account) != one.series:
            continue
        if said.day == one.start:
            return one._replace(status=said.status, note=said.note)
        ratio = one.daily_impact / said.daily_impact if said.daily_impact else ZERO
        if said.status == AnomalyFeedback.Status.EXPECTED and said.day < one.start and 0 < ratio <= ALIKE:
            one = one._replace(status=said.status, note=said.note)
    return one


def is_of(one: Anomaly, account: str, services: Iterable[str]) -> bool:
    """Whether a resource of this account and these services has a part in it."""
    whole = not one.service and not one.account
    return whole or ((account or UNALLOCATED) == one.account and one.service in services)


def account_of(resource: Any) -> str:
    return str(resource.cloud_account.account_id) if resource.cloud_account else ""
