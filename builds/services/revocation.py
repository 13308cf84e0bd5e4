"""A completed build is revoked: nobody is to use its image, nor one that is made from it."""

from django.db import transaction
from django.utils import timezone

from accounts.errors import NotFound
from accounts.principals import Principal
from builds.models import Build
from builds.rules import Rule, Status
from builds.services.builds import Outcome
from builds.services.channels import channels_roll_back, latest_follow
from builds.services.moves import conflict, tell

REVOKED = ["revoked_at", "revoked_because", "revoked_with", "updated_at"]


@transaction.atomic
def build_revoke(*, by: Principal, build: Build, reason: str = "") -> Outcome:
    """Revoke it and all that is made from it; their channels go back to what they pointed at before.

    Told again it changes nothing. Errors: 404, 409 not_revocable.
    """
    family = _family(build)
    row, now = family[0], timezone.now()
    if row.status != Status.COMPLETED:
        raise conflict(
            Rule.NOT_REVOCABLE, f"Only a completed build is revoked; this one is {row.status}.",
            current_state=row.state_code, status=row.status,
        )  # fmt: skip
    if row.revoked_at is not None and row.revoked_with_id is None:
        return Outcome(row, changed=False)
    inherits = [child for child in family[1:] if child.revoked_at is None]
    row.revoked_at, row.revoked_because, row.revoked_with = now, reason, None
    for child in inherits:
        child.revoked_at, child.revoked_with = now, row
    _keep([row, *inherits])
    tell(
        by=by, build=row, action="build.revoked", changes={"revoked": [False, True], "because": ["", reason]}
    )
    channels_roll_back(by=by, revoked=[row, *inherits])
    return Outcome(row, changed=True)


@transaction.atomic
def build_restore(*, by: Principal, build: Build) -> Outcome:
    """Take its revocation back, and what others inherited of it; of the channels only `latest` follows.

    Errors: 404, 409 parent_revoked when it shares the revocation of an ancestor.
    """
    family = _family(build)
    row = family[0]
    if row.revoked_at is None:
        return Outcome(row, changed=False)
    if row.parent is not None and row.parent.revoked_at is not None:
        raise conflict(Rule.PARENT_REVOKED, f"It is made from {row.parent.build_id}, which is revoked.")
    restored = [row, *_heirs(family, row)]
    for one in restored:
        one.revoked_at, one.revoked_because, one.revoked_with = None, "", None
    _keep(restored)
    tell(by=by, build=row, action="build.restored", changes={"revoked": [True, False]})
    for one in restored:
        latest_follow(by=by, build=one)
    return Outcome(row, changed=True)


def _heirs(family: list[Build], row: Build) -> list[Build]:
    """Those below it that no other revoked build is above of."""
    free, heirs = {row.pk}, []
    for child in family[1:]:
        if child.parent_id in free and child.revoked_with_id is not None:
            free.add(child.pk)
            heirs.append(child)
    return heirs


def _family(build: Build) -> list[Build]:
    """The build and all that is made from it, parents first, each locked. Errors: 404."""
    rows = Build.objects.for_tenant(build.tenant)
    family: list[Build] = []
    level = [build.pk]
    while level:
        locked = rows.select_for_update(of=("self",)).filter(pk__in=level).order_by("pk")
        family += locked.select_related("tenant")
        level = list(rows.filter(parent__in=level).values_list("pk", flat=True))
    if not family:
        raise NotFound("There is no such build.")
    return family


def _keep(builds: list[Build]) -> None:
    now = timezone.now()
    for build in builds:
        build.updated_at = now
    Build.objects.bulk_update(builds, REVOKED)
