"""What channels point at, and what they could."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import Tenant
from builds.models import Build, Channel, ChannelAssignment
from builds.rules import Status


def build_named(tenant: Tenant, name: str) -> Build | None:
    """The tenant's build of this `id` or `build_id`."""
    called = Q(build_id=name)
    with suppress(ValueError):
        called |= Q(pk=UUID(name))
    found: Build | None = Build.objects.for_tenant(tenant).filter(called).first()
    if found is not None:
        found.tenant = tenant
    return found


def last_valid(channel: Channel) -> Build | None:
    """What it would point at, were what it points at revoked."""
    if channel.is_managed:
        return builds_assignable(channel).order_by("-ended_at", "-pk").first()
    past = ChannelAssignment.objects.for_tenant(channel.tenant).filter(
        channel=channel, build__isnull=False, build__revoked_at=None
    )
    found = past.select_related("build").first()
    return found and found.build


def builds_assignable(channel: Channel) -> QuerySet[Build]:
    """The builds of its line that are completed and not revoked."""
    rows: QuerySet[Build] = Build.objects.for_tenant(channel.tenant).filter(
        status=Status.COMPLETED, revoked_at=None, **line_of(channel)
    )
    return rows


def line_of(row: Build | Channel) -> dict[str, Any]:
    """What builds of one line have in common, beside their tenant."""
    return {
        "platform_id": row.platform_id,
        "os_version_id": row.os_version_id,
        "image_type_id": row.image_type_id,
        "project_id": row.project_id,
    }
