"""What the dashboard shows of a tenant's builds: counts, and the newest."""

from collections import Counter
from typing import Any, Final

from django.db.models import Count, F, QuerySet

from accounts.errors import NotFound
from accounts.kept import kept
from accounts.models import Tenant
from builds.models import Build, Platform, Project
from builds.rules import OPEN, Status

RECENT: Final = 10
MOST: Final = 100
ROW: Final = ("id", "build_id", "state_code", "status", "created_at", "updated_at")


def dashboard_summary(tenant: Tenant) -> dict[str, Any]:
    """Each build counted once, by where it stands now."""
    return kept(tenant=tenant, name="summary", make=lambda: _summary(tenant))


def dashboard_recent(tenant: Tenant, limit: int) -> dict[str, Any]:
    """The newest builds."""
    return kept(
        tenant=tenant, name=f"recent:{limit}", make=lambda: {"recent_builds": _newest(_builds(tenant), limit)}
    )


def dashboard_platform(tenant: Tenant, slug: str, limit: int) -> dict[str, Any]:
    """The builds of one platform. Errors: 404."""
    platforms = list(Platform.objects.visible_to(tenant).filter(slug=slug).values_list("pk", flat=True))
    if not platforms:
        raise NotFound("There is no such platform.")
    rows = _builds(tenant).filter(platform__in=platforms)
    return kept(tenant=tenant, name=f"platform:{slug}:{limit}", make=lambda: _platform(slug, rows, limit))


def _summary(tenant: Tenant) -> dict[str, Any]:
    statuses: Counter[str] = Counter({status.value: 0 for status in Status})
    states: Counter[int] = Counter()
    platforms: Counter[str] = Counter()
    visible = Platform.objects.visible_to(tenant).order_by()
    known = {pk: (slug, ended) for pk, slug, ended in visible.values_list("pk", "slug", "deactivated_at")}
    for platform, status, code, n in _tally(_builds(tenant)):
        statuses[status] += n
        states[code] += n
        platforms[known[platform][0]] += n
    return {
        "total_builds": statuses.total(),
        "status_counts": dict(statuses),
        "active_builds": sum(statuses[status] for status in OPEN),
        "completed_builds": statuses[Status.COMPLETED],
        "failed_builds": statuses[Status.FAILED],
        "platforms": sum(ended is None for _, ended in known.values()),
        "projects": Project.objects.for_tenant(tenant).filter(deactivated_at=None).count(),
        "builds_by_platform": dict(sorted(platforms.items())),
        "builds_by_state": {str(code): states[code] for code in sorted(states)},
        "recent_builds": _newest(_builds(tenant), RECENT),
    }


def _platform(slug: str, rows: QuerySet[Build], limit: int) -> dict[str, Any]:
    statuses: Counter[str] = Counter({status.value: 0 for status in Status})
    states: Counter[int] = Counter()
    for _, status, code, n in _tally(rows):
        statuses[status] += n
        states[code] += n
    newest = _newest(rows, limit)
    oldest = rows.order_by("created_at", "pk").values_list("created_at", flat=True).first()
    return {
        "platform": slug,
        "builds": newest,
        "statistics": {
            "total_builds": statuses.total(),
            "oldest_build": oldest,
            "newest_build": newest[0]["created_at"] if newest else None,
            "status_counts": dict(statuses),
        },
        "state_distribution": {str(code): states[code] for code in sorted(states)},
    }


def _builds(tenant: Tenant) -> QuerySet[Build]:
    rows: QuerySet[Build] = Build.objects.for_tenant(tenant)
    return rows


def _tally(rows: QuerySet[Build]) -> Any:
    """Platform, status, state code and how many; PostgreSQL reads the index build_tally and no row."""
    counted = rows.order_by().values("platform", "status", "state_code").annotate(n=Count("*"))
    return counted.values_list("platform", "status", "state_code", "n")


def _newest(rows: QuerySet[Build], limit: int) -> list[dict[str, Any]]:
    """Names are slugs; the names ending in _id say the same for clients of the first edition."""
    nouns = ("platform", "os_version", "image_type", "project")
    slugs = {f"{noun}_slug": F(f"{noun}__slug") for noun in nouns}
    found = rows.order_by("-created_at", "-pk").values(*ROW, **slugs)[:limit]
    return [_row(row, nouns) for row in found]


def _row(row: dict[str, Any], nouns: tuple[str, ...]) -> dict[str, Any]:
    named = {noun: row[f"{noun}_slug"] for noun in nouns}
    ids = {f"{noun}_id": slug for noun, slug in named.items() if noun != "project"}
    return {"id": row["id"], "build_id": row["build_id"], **named, **ids, **{n: row[n] for n in ROW[2:]}}
