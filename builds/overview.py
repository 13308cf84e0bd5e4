"""What the console's home page shows of a tenant's builds, and the back office of everybody's."""

from typing import Final, NamedTuple

from django.db.models import Count, F, Q
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


def open_by_phase() -> dict[str, int]:
    """How many builds of all tenants wait or run, by the phase that they are in."""
    running = Build.objects.filter(status__in=OPEN, template__codes__code=F("state_code"))
    found = dict(running.order_by().values_list("template__codes__phase").annotate(builds=Count("pk")))
    return {phase: found.get(phase, 0) for phase in StateCode.Phase.values}
