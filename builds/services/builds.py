"""Builds are created and cancelled."""

from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.statements import insertion
from builds.models import (
    Build,
    BuildState,
    CatalogueRow,
    ImageType,
    OsVersion,
    Platform,
    Project,
    StateTemplate,
)
from builds.queries.channels import build_named
from builds.rules import Decision, Move, Refusal, Rule, decide_cancel
from builds.services.moves import Entry, apply, build_lock, conflict, refused, standing_of, tell

STANDARD: Final = "standard"
MADE_OF: Final[dict[str, type[CatalogueRow]]] = {
    "platform": Platform,
    "os_version": OsVersion,
    "image_type": ImageType,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The build after a call, and whether that changed anything."""

    build: Build
    changed: bool


@transaction.atomic
def build_create(
    *,
    by: Principal,
    tenant: Tenant,
    build_id: str,
    made_of: dict[str, str],
    project: str = "",
    parent: str = "",
    **fields: Any,
) -> Outcome:
    """A queued build; `made_of` has the slug of each of MADE_OF, `fields` are further columns.

    The same build again is found, not changed. Errors: 400 an unknown slug or parent, 409
    inactive_reference, parent_revoked, duplicate_build.
    """
    parts: dict[str, Any] = {noun: _part(tenant, noun, slug) for noun, slug in made_of.items()}
    parts["project"] = _project(tenant, project) if project else None
    parts["parent"] = _parent(tenant, parent) if parent else None
    existing = Build.objects.for_tenant(tenant).filter(build_id=build_id).first()
    if existing is not None:
        return _same(existing, parts)
    _refuse_inactive(parts)
    build = Build(
        tenant=tenant, build_id=build_id, template=_template(parts["project"]), seq=1, **parts, **fields
    )
    build.entered_at = build.occurred_at = build.reported_at = build.created_at
    try:
        with transaction.atomic():
            build.save(force_insert=True)
    except IntegrityError:  # somebody else was quicker
        return _same(Build.objects.for_tenant(tenant).get(build_id=build_id), parts)
    queued = insertion(
        BuildState,
        tenant=tenant.pk,
        build=build.pk,
        seq=1,
        state_code=build.state_code,
        status=build.status,
        actor=by.actor,
        at=build.created_at,
        entered_at=build.created_at,
    )
    tell(by=by, build=build, action="build.created", writes=(queued,))
    return Outcome(build, changed=True)


@transaction.atomic
def build_cancel(*, by: Principal, build: Build, reason: str = "", force: bool = False) -> Outcome:
    """Ask the run to stop; a queued build and a forced one end at once. Errors: 409 build_terminal.

    The run confirms with the status cancelled; after ten minutes that is taken as said.
    """
    row, now = build_lock(tenant=build.tenant, build=build), timezone.now()
    standing = standing_of(row, now)
    found = decide_cancel(standing, force=force)
    if isinstance(found, Refusal):
        raise refused(found, standing)
    return cancelled(by=by, build=row, decision=found, reason=reason)


def cancelled(*, by: Principal, build: Build, decision: Decision, reason: str) -> Outcome:
    """Write a decision of `decide_cancel` into the locked build."""
    if decision.move == Move.NOTHING:
        return Outcome(build, changed=False)
    apply(by=by, build=build, decision=decision, entry=Entry(reason=reason), now=timezone.now())
    return Outcome(build, changed=True)


def _part(tenant: Tenant, noun: str, slug: str) -> CatalogueRow:
    found: CatalogueRow | None = MADE_OF[noun].objects.visible_to(tenant).named(slug)
    if found is None:
        raise ValidationFailed.field(noun, f"there is no {noun} {slug[:63]!r}.")
    return found


def _project(tenant: Tenant, slug: str) -> Project:
    found: Project | None = Project.objects.for_tenant(tenant).filter(slug=slug).first()
    if found is None:
        raise ValidationFailed.field("project", f"there is no project {slug[:63]!r}.")
    return found


def _template(project: Project | None) -> StateTemplate:
    if project is not None:
        return project.template
    standard: StateTemplate = StateTemplate.objects.get(tenant=None, slug=STANDARD)
    return standard


def _parent(tenant: Tenant, name: str) -> Build:
    found = build_named(tenant, name)
    if found is None:
        raise ValidationFailed.field("parent", f"there is no build {name[:63]!r}.")
    return found


def _refuse_inactive(parts: dict[str, Any]) -> None:
    parent = parts["parent"]
    # Locked, so that nobody revokes it before this one counts among its descendants.
    if parent is not None and build_lock(tenant=parent.tenant, build=parent).revoked_at is not None:
        raise conflict(Rule.PARENT_REVOKED, f"The parent {parent.build_id!r} is revoked.")
    for noun in (*MADE_OF, "project"):
        part = parts[noun]
        if part is not None and not part.is_active:
            raise conflict(Rule.INACTIVE_REFERENCE, f"The {noun} {part.slug!r} is deactivated.")


def _same(build: Build, parts: dict[str, Any]) -> Outcome:
    """The build that is there, if it is what was asked for."""
    different = [n for n, part in parts.items() if getattr(build, f"{n}_id") != (part and part.pk)]
    if different:
        raise conflict(
            Rule.DUPLICATE_BUILD,
            f"There is already a build {build.build_id!r} with another {', '.join(different)}.",
            current_state=build.state_code,
            status=build.status,
        )
    return Outcome(build, changed=False)
