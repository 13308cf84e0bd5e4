"""Recommendations as they count now."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Case, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from accounts.models import Tenant
from accounts.sql import ExactSum
from inventory.models import RealisedSaving, Recommendation, RuleSetting
from inventory.queries.resources import resources_matching
from inventory.queries.sums import ZERO

Status = Recommendation.Status
ALL: Final = "all"


def open_recommendations(tenant: Tenant, now: datetime | None = None) -> QuerySet[Recommendation]:
    """Those that are open, also because the time that they were put off for is over."""
    rows: QuerySet[Recommendation] = Recommendation.objects.for_tenant(tenant)
    return rows.filter(is_open(now or timezone.now()))


def is_open(now: datetime) -> Q:
    return Q(status=Status.OPEN) | Q(status=Status.SNOOZED, snoozed_until__lte=now)


def of_status(rows: QuerySet[Recommendation], status: str = Status.OPEN) -> QuerySet[Recommendation]:
    """Those of one status as it is now, or ALL."""
    now = timezone.now()
    if status == ALL:
        return rows
    return (
        rows.filter(is_open(now))
        if status == Status.OPEN
        else rows.filter(status=status).exclude(is_open(now))
    )


def about_resources(rows: QuerySet[Recommendation], tenant: Tenant, filter: str) -> QuerySet[Recommendation]:
    """Those about resources that a filter names; ValidationFailed when it is none."""
    return rows.filter(resource__in=resources_matching(tenant, filter).order_by().values("pk"))


def counted(rows: QuerySet[Recommendation]) -> QuerySet[Recommendation]:
    """Of the savings on one resource the largest: the others are other ways to save the same money.

    Amounts of two currencies are not compared: the tenant's own goes first, or else the first by its code.
    What is no resource (commitments) is left out: less use needs less of it.
    """
    own = Case(When(currency=F("tenant__currency"), then=Value(0)), default=Value(1))
    order = [own, F("currency").asc(), F("saving_monthly").desc(), F("rule").asc()]
    first = Window(RowNumber(), partition_by=[F("resource_id")], order_by=order)
    saving = rows.filter(saving_monthly__gt=0, resource__isnull=False)
    return saving.order_by().annotate(place=first).filter(place=1)


def counted_ids(tenant: Tenant, resources: Iterable[UUID | None]) -> set[UUID]:
    """Which of the open recommendations on these resources count."""
    rows = open_recommendations(tenant).filter(resource__in={one for one in resources if one})
    return set(counted(rows).values_list("pk", flat=True))


def rule_settings(tenant: Tenant) -> dict[str, RuleSetting]:
    """What the tenant set otherwise, by the rule's key."""
    return {setting.rule: setting for setting in RuleSetting.objects.for_tenant(tenant)}


class Total(NamedTuple):
    """What could be saved in a month in one currency.

    `resources` counts each resource once, with its largest saving; `gross` is the sum of all on resources.
    `commitments` stands beside, not in it: what is cleaned up first needs no commitment.
    """

    currency: str
    resources: Decimal
    gross: Decimal
    commitments: Decimal
    recommendations: int


def saving_totals(tenant: Tenant) -> list[Total]:
    """What the open recommendations could save, by currency."""
    return totals_of(open_recommendations(tenant))


def totals_of(rows: QuerySet[Recommendation]) -> list[Total]:
    """What these could save, by currency."""
    rows = rows.filter(saving_monthly__gt=0)
    once = _by_currency(Recommendation.objects.filter(pk__in=counted(rows).values("pk")))
    on_resources = _by_currency(rows.filter(resource__isnull=False))
    beside = _by_currency(rows.filter(resource__isnull=True))
    counts = rows.order_by().values_list("currency").annotate(count=Count("pk"))
    return [
        Total(
            currency,
            once.get(currency, ZERO),
            on_resources.get(currency, ZERO),
            beside.get(currency, ZERO),
            n,
        )
        for currency, n in sorted(counts)
    ]


def _by_currency(rows: QuerySet[Recommendation]) -> dict[str, Decimal]:
    return dict(rows.order_by().values_list("currency").annotate(amount=ExactSum("saving_monthly")))


class Realised(NamedTuple):
    """What was expected to be saved in a month, and what costs say was saved, so many days after."""

    currency: str
    days: int
    recommendations: int
    expected: Decimal
    realised: Decimal


def realised_totals(tenant: Tenant) -> list[Realised]:
    """By currency and days; what no cost could verify is left out."""
    rows = RealisedSaving.objects.for_tenant(tenant).filter(saving_monthly__isnull=False).order_by()
    sums = rows.values_list("currency", "days").annotate(
        count=Count("pk"), sum_expected=ExactSum("expected"), sum_realised=ExactSum("saving_monthly")
    )
    return [Realised(*row) for row in sorted(sums)]


def others_of(row: Recommendation) -> QuerySet[Recommendation]:
    """The other open ones that save on the same resource, the largest first."""
    if row.resource_id is None:
        return Recommendation.objects.none()
    rows = open_recommendations(row.tenant).filter(resource=row.resource_id, saving_monthly__gt=0)
    return rows.exclude(pk=row.pk).order_by("-saving_monthly", "rule")
