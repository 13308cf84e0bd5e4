"""A month of Gcore's figures beside our own, feature by feature.

Compared are the days whose usage has all come in from Gcore. Findings of a feature:
`missing`: Gcore counts usage of which we metered none; `extra`: the other way round;
`differs`: both did, and their figures differ beyond the tolerance;
`unit_changed`: Gcore counts in another unit than the month before, or in several;
`jump`: its usage of a day rose or fell against the month before, beyond what is usual;
`price_differs`: its usage of the whole month times its price is not what it charged, beyond the tolerance.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from accounts.exact import EXACT, quotient
from accounts.models import Tenant
from accounts.sql import ExactSum, JsonNumber, JsonText
from gcore.queries.expenses import Billed, billed
from gcore.queries.imports import covered
from gcore.queries.own_usage import DEFAULT, METRIC, PROVIDER, PROVIDER_USAGE, Own, own_usage
from usage.models import UsageEvent

ZERO: Final = Decimal(0)
WEEK: Final = 7  # days of a month before which it is too early to compare it with another
HUNDRED: Final = Decimal(100)
FINDINGS: Final = ("missing", "extra", "differs", "unit_changed", "jump", "price_differs")
MATCHED: Final = "matched"


class Limits(NamedTuple):
    """Per cent: by which figures may differ, and by which a feature may rise (100: to twice, or to half)."""

    tolerance: Decimal
    jump: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """`provider` is None when Gcore counts in several units; `own` is measured by `measured_by`.

    `before` is the month before, made as long as this one. Money is without taxes; what is not known is None.
    """

    feature_id: str
    feature_name: str
    product: str
    unit: str
    provider: Decimal | None
    own: Decimal
    measured_by: str
    difference: Decimal | None
    percent: Decimal | None
    before: Decimal | None
    price: Decimal | None
    recomputed: Decimal | None
    billed: Decimal | None
    currency: str
    findings: tuple[str, ...]

    @property
    def status(self) -> str:
        return self.findings[0] if self.findings else MATCHED


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of the days from `starts_on` until before `ends_on`: none, and no lines, when nothing has come in."""

    month: date
    starts_on: date
    ends_on: date
    is_whole: bool
    limits: Limits
    lines: list[Line]

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(line.status for line in self.lines))


@dataclass(frozen=True, slots=True)
class Provided:
    """What Gcore counts of a feature, by unit."""

    name: str
    product: str
    units: dict[str, Decimal]

    @property
    def only(self) -> Decimal | None:
        return next(iter(self.units.values())) if len(self.units) == 1 else None


def usual_limits() -> Limits:
    return Limits(Decimal(settings.GCORE_TOLERANCE_PERCENT), Decimal(settings.GCORE_JUMP_PERCENT))


def comparison(*, tenant: Tenant, month: date, limits: Limits | None = None) -> Comparison:
    """A month (its first day; UTC), compared by what is known now."""
    limits = limits or usual_limits()
    after = _next(month)
    span = covered(tenant=tenant, start=month, end=after)
    if span is None:
        return Comparison(month, month, month, False, limits, [])
    start, end = _midnight(span[0]), _midnight(span[1])
    theirs = _provided(tenant, start, end)
    mine = own_usage(tenant=tenant, start=start, end=end)
    whole = span == (month, after)
    charged = billed(tenant=tenant, start=month, end=after) if whole else {}
    days = (span[1] - span[0]).days
    before = _before(tenant, month, days) if days >= WEEK else {}
    lines = [
        _line(
            feature, theirs.get(feature), mine.get(feature), before.get(feature), charged.get(feature), limits
        )
        for feature in theirs.keys() | mine.keys() | before.keys()
    ]
    lines.sort(key=lambda line: (line.product, line.feature_name, line.feature_id))
    return Comparison(month, *span, whole, limits, lines)


def _before(tenant: Tenant, month: date, days: int) -> dict[str, Provided]:
    """The month before, made as long as this one is."""
    span = covered(tenant=tenant, start=(month - timedelta(days=1)).replace(day=1), end=month)
    if span is None:
        return {}
    length = Decimal((span[1] - span[0]).days)
    found = _provided(tenant, _midnight(span[0]), _midnight(span[1]))
    return {
        feature: Provided(
            one.name, one.product, {unit: quotient(value * days, length) for unit, value in one.units.items()}
        )
        for feature, one in found.items()
    }


def _provided(tenant: Tenant, start: datetime, end: datetime) -> dict[str, Provided]:
    found: dict[str, Provided] = {}
    for feature, product, unit, name, total in _sums(tenant, start, end):
        one = found.setdefault(feature, Provided(name or "", product or "", {}))
        one.units[unit or ""] = EXACT.add(one.units.get(unit or "", ZERO), total or ZERO)
    return found


def _sums(tenant: Tenant, start: datetime, end: datetime) -> QuerySet[Any, Any]:
    events: Any = UsageEvent.objects.for_tenant(tenant).live().order_by("event_type")
    imported = events.filter(
        service_type=PROVIDER_USAGE, service_provider=PROVIDER, timestamp__gte=start, timestamp__lt=end
    )
    told = {name: JsonText("metadata", name) for name in ("product", "unit", "feature_name")}
    rows = imported.annotate(**told).values_list("event_type", *told)
    sums: QuerySet[Any, Any] = rows.annotate(total=ExactSum(JsonNumber("metrics", METRIC)))
    return sums


def _line(
    feature: str,
    theirs: Provided | None,
    mine: Own | None,
    before: Provided | None,
    charged: Billed | None,
    limits: Limits,
) -> Line:
    theirs = theirs or _nothing(before)
    mine = mine or Own(ZERO, DEFAULT)
    provider, earlier = theirs.only, _comparable(theirs, before)
    difference = None if provider is None else EXACT.subtract(mine.value, provider)
    unit = ", ".join(sorted(theirs.units))
    price = charged.price if charged and charged.unit == unit and provider is not None else None
    recomputed = EXACT.multiply(provider, price) if provider is not None and price is not None else None
    found = {
        "missing": bool(provider) and not mine.value,
        "extra": provider == ZERO and bool(mine.value),
        "differs": bool(provider) and bool(mine.value) and _differ(provider, mine.value, limits.tolerance),
        "unit_changed": provider is None or bool(before and theirs.units.keys() != before.units.keys()),
        "jump": _jumps(provider, earlier, limits.jump),
        "price_differs": _differ(charged.money if charged else None, recomputed, limits.tolerance),
    }
    return Line(
        feature_id=feature,
        feature_name=theirs.name,
        product=theirs.product,
        unit=unit,
        provider=provider,
        own=mine.value,
        measured_by=mine.measured_by,
        difference=difference,
        percent=_percent(difference, provider),
        before=earlier,
        price=price,
        recomputed=recomputed,
        billed=charged.money if charged and charged.currency else None,
        currency=charged.currency if charged else "",
        findings=tuple(name for name in FINDINGS if found[name]),
    )


def _nothing(before: Provided | None) -> Provided:
    if before is None:
        return Provided("", "", {"": ZERO})
    return Provided(before.name, before.product, dict.fromkeys(before.units, ZERO))


def _comparable(theirs: Provided, before: Provided | None) -> Decimal | None:
    return before.only if before and theirs.units.keys() == before.units.keys() else None


def _differ(one: Decimal | None, other: Decimal | None, tolerance: Decimal) -> bool:
    """Whether both are known and further apart than so many per cent of the first."""
    if one is None or other is None:
        return False
    return abs(EXACT.subtract(one, other)) * HUNDRED > abs(one) * tolerance


def _jumps(now: Decimal | None, before: Decimal | None, most: Decimal) -> bool:
    if now is None or before is None or before <= ZERO:
        return False
    grown = HUNDRED + most
    return now * HUNDRED > before * grown or now * grown < before * HUNDRED


def _percent(difference: Decimal | None, of: Decimal | None) -> Decimal | None:
    if difference is None or not of:
        return None
    return round(quotient(difference * HUNDRED, of), 2)


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
