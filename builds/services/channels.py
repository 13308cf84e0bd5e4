"""Channels are pointed at builds.

Whoever changes what a channel points at, or whether it may, locks the builds first and then takes the
tenant's turn: so nobody assigns a build while somebody else revokes it.
"""

from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.principals import Principal
from accounts.services.logs import deed, turn_take
from builds.models import Build, Channel, ChannelAssignment
from builds.queries.channels import last_valid, line_of
from builds.rules import Rule, Status
from builds.services.moves import build_lock, conflict

LATEST: Final = "latest"
Cause = ChannelAssignment.Cause


@transaction.atomic
def channel_assign(*, by: Principal, build: Build, name: str) -> tuple[Channel, bool]:
    """Point the channel `name` of the build's line at the build. The last: was it made for that?

    Told again it changes nothing. Errors: 404, 409 channel_managed, version_not_assignable.
    """
    if name == LATEST:
        raise _managed()
    row = build_lock(tenant=build.tenant, build=build)
    if row.status != Status.COMPLETED or row.revoked_at is not None:
        state = "revoked" if row.revoked_at else row.status
        raise conflict(
            Rule.VERSION_NOT_ASSIGNABLE, f"A channel points at a completed build; {row.build_id} is {state}."
        )
    turn_take(tenant=row.tenant)
    channel, is_new = Channel.objects.get_or_create(tenant=row.tenant, name=name, **line_of(row))
    if channel.build_id != row.pk:
        _point(by, channel, row, Cause.ASSIGNED)
    return channel, is_new


@transaction.atomic
def channel_delete(*, by: Principal, channel: Channel) -> None:
    """Remove it with its history; its builds stay. Errors: 409 channel_managed."""
    if channel.is_managed:
        raise _managed()
    deed(
        by=by, action="channel.deleted", tenant=channel.tenant, subject=channel,
        payload={"name": channel.name},
    )  # fmt: skip
    channel.delete()


def latest_follow(*, by: Principal, build: Build) -> None:
    """The line's `latest` goes to this locked build, when that was completed last and holds."""
    if build.status != Status.COMPLETED or build.revoked_at is not None:
        return
    turn_take(tenant=build.tenant)
    channel, _ = Channel.objects.get_or_create(
        tenant=build.tenant, name=LATEST, **line_of(build), defaults={"is_managed": True}
    )
    if channel.build is None or _age(channel.build) < _age(build):
        _point(by, channel, build, Cause.LATEST)


def channels_roll_back(*, by: Principal, revoked: list[Build]) -> None:
    """Whatever points at what was revoked goes back to what it pointed at before, or to nothing."""
    if not revoked:
        return
    turn_take(tenant=revoked[0].tenant)
    rows = Channel.objects.for_tenant(revoked[0].tenant).filter(build__in=[build.pk for build in revoked])
    for channel in rows.select_related("tenant", "build"):
        _point(by, channel, last_valid(channel), Cause.ROLLED_BACK)


def _point(by: Principal, channel: Channel, build: Build | None, cause: str) -> None:
    before, now = channel.build, timezone.now()
    channel.build, channel.assigned_at = build, now
    channel.save(update_fields=["build", "assigned_at"])
    ChannelAssignment.objects.create(
        tenant=channel.tenant, channel=channel, build=build, cause=cause, actor=by.actor, at=now
    )
    names = [before and before.build_id, build and build.build_id]
    deed(
        by=by, action="channel.assigned", tenant=channel.tenant, subject=channel, changes={"build": names},
        payload={"name": channel.name, "build_id": names[1], "previous_build_id": names[0], "cause": cause},
    )  # fmt: skip


def _age(build: Build) -> tuple[Any, Any]:
    return build.ended_at, build.pk


def _managed() -> Exception:
    return conflict(Rule.CHANNEL_MANAGED, f"The channel {LATEST!r} follows its line by itself.")
