"""How long builds take, how often they fail, and how they recover. Definitions: docs/builds.md."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    Avg,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
)
from django.utils import timezone

from accounts.kept import kept
from accounts.models import Tenant
from builds.models import Build, BuildFailure, BuildState, Resume
from builds.queries.overdue import overdue
from builds.rules import OPEN, Fault, Status
from builds.sql import Percentiles, time_between
from builds.timing import HEARTBEAT_STALE

LEAST_SAMPLES: Final = 5
MOST_ROWS: Final = 1000
SLOW_SECONDS: Final = 1.0
MADE_OF: Final = ("platform", "os_version", "image_type")
LATE_REPORT: Final = "late report"


@dataclass(frozen=True, slots=True)
class Slice:
    """The last `days`, and the slugs of what the builds are made of; an empty one is any."""

    days: int = 30
    platform: str = ""
    os_version: str = ""
    image_type: str = ""

    def wanted(self, prefix: str = "") -> dict[str, str]:
        """As a filter of builds, or of rows whose builds the prefix leads to."""
        return {f"{prefix}{noun}__slug": slug for noun in MADE_OF if (slug := getattr(self, noun))}


def dashboard_metrics(tenant: Tenant, asked: Slice) -> dict[str, Any]:
    """Figures of the slice; each says of how many samples it is, and under LEAST_SAMPLES nothing else."""
    return kept(
        tenant=tenant,
        name=f"metrics:{asked}",
        make=lambda: _metrics(tenant, asked, timezone.now()),
        slow_seconds=SLOW_SECONDS,
    )


def _metrics(tenant: Tenant, asked: Slice, now: datetime) -> dict[str, Any]:
    since = now - timedelta(days=asked.days)
    dwell = _dwell(tenant, asked, since, now)
    return {
        "since": since,
        "until": now,
        "least_samples": LEAST_SAMPLES,
        "states": _states(tenant, asked, since, now),
        "dwell": dwell[:MOST_ROWS],
        "dwell_complete": len(dwell) <= MOST_ROWS,
        "queue_time": _queue_time(tenant, asked, since, now),
        **_ended(tenant, asked, since, now),
        "mttr": _mttr(tenant, asked, since, now),
        "resume_success": _resume_success(tenant, asked, since, now),
        "open_now": _open_now(tenant, asked, now),
    }


def _attempts(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> QuerySet[BuildState]:
    """Those that ended by themselves in the slice's time; the ones that were timed have `entered_at`."""
    rows: QuerySet[BuildState] = BuildState.objects.for_tenant(tenant)
    ended = rows.filter(left_at__gte=since, left_at__lt=until)
    return ended.filter(outcome__in=(Status.COMPLETED, Status.FAILED), **asked.wanted("build__")).order_by()


def _states(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> list[dict[str, Any]]:
    rows = _attempts(tenant, asked, since, until).values("state_code")
    found = rows.annotate(
        n=Count("entered_at"),
        figures=Percentiles(_DWELL),
        attempts=Count("*"),
        failed=Count("pk", filter=Q(outcome=Status.FAILED)),
    )
    return [
        {
            "state_code": row["state_code"],
            **_times(row["n"], row["figures"]),
            "attempts": row["attempts"],
            "failure_rate": _share(row["failed"], row["attempts"])["value"],
        }
        for row in found.order_by("state_code")
    ]


def _dwell(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """By state, platform, OS version and image type: those with the most samples, one more than MOST_ROWS."""
    slugs = {noun: F(f"build__{noun}__slug") for noun in MADE_OF}
    timed = _attempts(tenant, asked, since, until).filter(entered_at__isnull=False)
    rows: Any = timed.values("state_code", **slugs)
    found = rows.annotate(n=Count("*"), figures=Percentiles(_DWELL)).order_by("-n", "state_code", *MADE_OF)
    return [
        {
            "state_code": row["state_code"],
            **{noun: row[noun] for noun in MADE_OF},
            **_times(row["n"], row["figures"]),
        }
        for row in found[: MOST_ROWS + 1]
    ]


def _queue_time(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> dict[str, Any]:
    created = _builds(tenant, asked).filter(created_at__gte=since, created_at__lt=until)
    waited = time_between("created_at", "started_at")
    found = created.filter(started_at__isnull=False).aggregate(n=Count("*"), figures=Percentiles(waited))
    return _times(found["n"], found["figures"])


def _ended(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> dict[str, Any]:
    """Of the builds that ended in the slice's time and did not go on since."""
    completed, failed = Q(status=Status.COMPLETED), Q(status=Status.FAILED)
    never_failed = ~Q(Exists(_failures(tenant).filter(build=OuterRef("pk"))))
    rows = _builds(tenant, asked).filter(ended_at__gte=since, ended_at__lt=until)
    found = rows.aggregate(
        completed=Count("pk", filter=completed),
        failed=Count("pk", filter=failed),
        cancelled=Count("pk", filter=Q(status=Status.CANCELLED)),
        first_pass=Count("pk", filter=completed & never_failed),
        lead_time=Percentiles(time_between("created_at", "ended_at"), filter=completed),
        **{f"by_{fault}": Count("pk", filter=failed & Q(fault=fault)) for fault in Fault},
    )
    n = found["completed"] + found["failed"]
    return {
        "ended": {name: found[name] for name in ("completed", "failed", "cancelled")},
        "failed_by_fault": {fault.value: found[f"by_{fault}"] for fault in Fault},
        "lead_time": _times(found["completed"], found["lead_time"]),
        "failure_rate": _share(found["failed"], n),
        "first_pass_yield": _share(found["first_pass"], n),
    }


def _mttr(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> dict[str, Any]:
    """From the first failure of a build to its completion."""
    rows = _failures(tenant).filter(
        build__status=Status.COMPLETED,
        build__ended_at__gte=since,
        build__ended_at__lt=until,
        **asked.wanted("build__"),
    )
    down = ExpressionWrapper(Max("build__ended_at") - Min("created_at"), output_field=DurationField())
    found = rows.order_by().values("build").annotate(down=down).aggregate(n=Count("*"), mean=Avg("down"))
    shown = found["n"] >= LEAST_SAMPLES
    return {"n": found["n"], "mean_seconds": _seconds(found["mean"]) if shown else None}


def _resume_success(tenant: Tenant, asked: Slice, since: datetime, until: datetime) -> dict[str, Any]:
    rows = Resume.objects.for_tenant(tenant).filter(
        ended_at__gte=since, ended_at__lt=until, **asked.wanted("build__")
    )
    done, failed = (Q(outcome=Resume.Outcome.COMPLETED), Q(outcome=Resume.Outcome.FAILED))
    found = rows.order_by().aggregate(done=Count("pk", filter=done), failed=Count("pk", filter=failed))
    return _share(found["done"], found["done"] + found["failed"])


def _open_now(tenant: Tenant, asked: Slice, now: datetime) -> dict[str, Any]:
    rows = _builds(tenant, asked).filter(status__in=OPEN)
    stuck = Q(heartbeat_at__lte=now - HEARTBEAT_STALE)
    found = rows.aggregate(builds=Count("*"), stuck=Count("pk", filter=stuck))
    return {**found, "overdue": overdue(rows, now).count()}


def _builds(tenant: Tenant, asked: Slice) -> QuerySet[Build]:
    rows: QuerySet[Build] = Build.objects.for_tenant(tenant).filter(**asked.wanted()).order_by()
    return rows


def _failures(tenant: Tenant) -> QuerySet[BuildFailure]:
    """But for those that were none: the run reported after all."""
    rows: QuerySet[BuildFailure] = BuildFailure.objects.for_tenant(tenant)
    return rows.exclude(resolution=LATE_REPORT)


def _times(n: int, figures: list[timedelta] | None) -> dict[str, Any]:
    shown = figures if figures and n >= LEAST_SAMPLES else [None] * 3
    names = ("p50_seconds", "p90_seconds", "p95_seconds")
    return {"n": n, **dict(zip(names, map(_seconds, shown), strict=True))}


def _share(part: int, n: int) -> dict[str, Any]:
    return {"n": n, "value": round(part / n, 4) if n >= LEAST_SAMPLES else None}


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else round(duration.total_seconds(), 3)


_DWELL: Final = time_between("entered_at", "left_at")
