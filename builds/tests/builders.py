"""Builds for tests: only what a test says differs from the default."""

from typing import Any

from accounts.models import Tenant
from builds.models import Build, BuildState, ImageType, OsVersion, Platform, StateTemplate


def make_build(tenant: Tenant, build_id: str = "build-1", **fields: Any) -> Build:
    """A queued build as `build_create` leaves it; `fields` are columns. Slugs name what it is made of."""
    build: Build = Build.objects.create(
        tenant=tenant,
        build_id=build_id,
        platform=Platform.objects.get(tenant=None, slug=fields.pop("platform", "aws-commercial")),
        os_version=OsVersion.objects.get(tenant=None, slug=fields.pop("os_version", "rhel-8.8")),
        image_type=ImageType.objects.get(tenant=None, slug=fields.pop("image_type", "base")),
        template=StateTemplate.objects.get(tenant=None, slug="standard"),
        **{"seq": 1, **fields},
    )
    BuildState.objects.create(
        tenant=tenant,
        build=build,
        seq=1,
        state_code=build.state_code,
        status=build.status,
        entered_at=build.entered_at,
    )
    return build
