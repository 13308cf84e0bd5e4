"""Channels point at completed builds, and go back when one is revoked."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Conflict
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from builds.models import Build, Channel, ChannelAssignment
from builds.rules import Report
from builds.services.channels import channel_assign, channel_delete
from builds.services.moves import Entry
from builds.services.reports import build_report
from builds.services.revocation import build_restore, build_revoke
from builds.tests.builders import make_build

pytestmark = pytest.mark.django_db


def delivered(tenant: Tenant, name: str, **fields: Any) -> Build:
    """A build that was reported at 100."""
    build = make_build(tenant, name, **fields)
    return build_report(by=SYSTEM, build=build, report=Report(100), entry=Entry()).build


def pointed(tenant: Tenant) -> dict[str, str | None]:
    """Channel → the name of its build."""
    rows = Channel.objects.for_tenant(tenant).select_related("build")
    return {row.name: row.build and row.build.build_id for row in rows}


def refused(call: Any, **given: Any) -> str:
    with pytest.raises(Conflict) as caught:
        call(by=SYSTEM, **given)
    return str(caught.value.extra["code"])


def test_latest_follows_its_line_by_itself(acme: Tenant, rival: Tenant) -> None:
    make_build(acme, "still-running", state_code=50, status="in_progress")
    assert pointed(acme) == {}
    for name in ("one", "two"):
        delivered(acme, name)
    delivered(acme, "other-line", image_type="hana")
    delivered(rival, "strange")
    latest = Channel.objects.for_tenant(acme).filter(name="latest", is_managed=True)
    assert {row.image_type.slug: row.build and row.build.build_id for row in latest} == {
        "base": "two",
        "hana": "other-line",
    }


def test_a_build_that_ended_earlier_does_not_take_latest_back(acme: Tenant) -> None:
    delivered(acme, "newer")
    Build.objects.update(ended_at=timezone.now() + timedelta(hours=1))
    delivered(acme, "older")
    assert pointed(acme) == {"latest": "newer"}


def test_a_channel_is_assigned_and_again(acme: Tenant) -> None:
    one, two = delivered(acme, "one"), delivered(acme, "two")
    channel, is_new = channel_assign(by=SYSTEM, build=one, name="production")
    assert (is_new, channel_assign(by=SYSTEM, build=one, name="production")[1]) == (True, False)
    channel_assign(by=SYSTEM, build=two, name="production")
    history = ChannelAssignment.objects.filter(channel=channel).select_related("build")
    assert [(row.build and row.build.build_id, row.cause) for row in history] == [
        ("two", "assigned"),
        ("one", "assigned"),
    ]
    told = ActivityEntry.objects.filter(tenant=acme, type="channel.assigned", payload__name="production")
    assert [entry.payload["previous_build_id"] for entry in told.order_by("seq")] == [None, "one"]


def test_what_no_channel_points_at(acme: Tenant) -> None:
    running = make_build(acme, "running", state_code=50, status="in_progress")
    assert refused(channel_assign, build=running, name="production") == "version_not_assignable"
    revoked = build_revoke(by=SYSTEM, build=delivered(acme, "bad")).build
    assert refused(channel_assign, build=revoked, name="production") == "version_not_assignable"
    good = delivered(acme, "good")
    assert refused(channel_assign, build=good, name="latest") == "channel_managed"
    assert refused(channel_delete, channel=Channel.objects.get(name="latest")) == "channel_managed"
    assert pointed(acme) == {"latest": "good"}


def test_revoking_rolls_channels_back_to_what_still_holds(acme: Tenant) -> None:
    builds = [delivered(acme, name) for name in ("one", "two", "three")]
    for build in builds:
        channel_assign(by=SYSTEM, build=build, name="production")
    channel_assign(by=SYSTEM, build=builds[2], name="canary")
    build_revoke(by=SYSTEM, build=builds[1], reason="CVE")
    assert pointed(acme) == {"latest": "three", "production": "three", "canary": "three"}
    build_revoke(by=SYSTEM, build=builds[2])
    assert pointed(acme) == {"latest": "one", "production": "one", "canary": None}
    cause = ChannelAssignment.objects.filter(channel__name="canary").first()
    assert cause is not None
    assert (cause.build, cause.cause) == (None, "rolled_back")


def test_revoking_marks_descendants_and_restoring_frees_them(acme: Tenant) -> None:
    base = delivered(acme, "base")
    web = delivered(acme, "web", image_type="webserver", parent=base)
    shop = make_build(acme, "shop", image_type="cache", parent=web, state_code=40, status="in_progress")
    other = delivered(acme, "other", image_type="database")
    assert build_revoke(by=SYSTEM, build=web, reason="its own").changed
    assert build_revoke(by=SYSTEM, build=base, reason="CVE").changed
    assert not build_revoke(by=SYSTEM, build=base).changed

    def marks() -> dict[str, tuple[bool, str | None]]:
        rows = Build.objects.select_related("revoked_with")
        return {
            b.build_id: (b.revoked_at is not None, b.revoked_with and b.revoked_with.build_id) for b in rows
        }

    free = (False, None)
    assert marks() == {"base": (True, None), "web": (True, None), "shop": (True, "web"), "other": free}
    assert refused(build_restore, build=web) == "parent_revoked"
    assert build_restore(by=SYSTEM, build=base).changed
    assert marks() == {"base": free, "web": (True, None), "shop": (True, "web"), "other": free}
    assert build_restore(by=SYSTEM, build=web).changed
    assert not build_restore(by=SYSTEM, build=web).changed
    assert set(marks().values()) == {free}
    latest = {c.image_type.slug: c.build and c.build.build_id for c in Channel.objects.filter(name="latest")}
    assert latest == {"base": "base", "webserver": "web", "database": "other"}
    assert other.revoked_at is None
    assert shop.revoked_at is None


def test_a_revoked_build_that_is_delivered_later_is_not_the_latest(acme: Tenant) -> None:
    base = delivered(acme, "base")
    web = make_build(acme, "web", image_type="webserver", parent=base)
    build_revoke(by=SYSTEM, build=base)
    build_report(by=SYSTEM, build=web, report=Report(100), entry=Entry())
    assert pointed(acme) == {"latest": None}
    build_restore(by=SYSTEM, build=base)
    rows = Channel.objects.filter(name="latest").select_related("build", "image_type")
    assert {row.image_type.slug: row.build and row.build.build_id for row in rows} == {
        "base": "base",
        "webserver": "web",
    }


def test_only_a_completed_build_is_revoked(acme: Tenant) -> None:
    failed = make_build(acme, "failed", state_code=40, status="failed")
    assert refused(build_revoke, build=failed) == "not_revocable"
    failed.refresh_from_db()
    assert failed.revoked_at is None
