"""What the console's home page shows of a tenant's builds."""

from typing import Final, NamedTuple

from django.db.models import Q
from django.utils import timezone

from accounts.models import Tenant
from builds.models import Build, StateCode
from builds.queries.board import LATELY
from builds.queries.builds import builds_read, state_of
from builds.rules import OPEN, Status

NEWEST: Final = 5


class BuildOverview(NamedTuple):
    """How many run, how many failed in the last `days`, and those that moved last, each where it stands."""

    running: int
    failed: int
    days: int
    newest: list[tuple[Build, StateCode]]


def build_overview(tenant: Tenant) -> BuildOverview:
    mine = Build.objects.for_tenant(tenant)
    lately = timezone.now() - LATELY
    newest = mine.filter(Q(status__in=OPEN) | Q(ended_at__gte=lately)).order_by("-entered_at", "-pk")
    return BuildOverview(
        running=mine.filter(status__in=OPEN).count(),
        failed=mine.filter(status=Status.FAILED, ended_at__gte=lately).count(),
        days=LATELY.days,
        newest=[(build, state_of(build)) for build in builds_read(newest)[:NEWEST]],
    )
