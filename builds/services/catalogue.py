"""The catalogue and projects: made, changed, retired. What builds name stays to be read."""

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.errors import Conflict, NotFound, PermissionRefused, ValidationFailed
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.row_security import as_platform
from accounts.services.logs import audit, deed
from builds.models import Build, CatalogueRow, Project, StateCode, StateTemplate
from builds.rules import OPEN, Rule
from builds.services.builds import STANDARD
from builds.services.moves import conflict

NOUNS = {"Platform": "platform", "OsVersion": "os_version", "ImageType": "image_type", "Project": "project"}
COPIED = (
    "code", "name", "phase", "description", "expected_min_minutes", "expected_max_minutes", "retry_max",
    "is_resumable", "is_blocking", "required_artifacts", "required_variables", "deactivated_at",
)  # fmt: skip


@as_platform()  # a row for all is no tenant's, and builds of all may name it
@transaction.atomic
def catalogue_create(
    *,
    by: Principal,
    tenant: Tenant,
    model: type[CatalogueRow],
    shared: bool = False,
    slug: str,
    **fields: Any,
) -> CatalogueRow:
    """A row of the tenant's own, or one for all from the platform. Errors: 403, 409 the slug is taken."""
    if shared and not by.platform:
        raise PermissionRefused("Only platform administrators write the shared catalogue.")
    if model.objects.filter(tenant=None, slug=slug).exists():
        raise Conflict(f"The shared catalogue has {slug!r} already.")
    row = model(tenant=None if shared else tenant, slug=slug, **fields)
    _save_new(row)
    _tell(by, row, "created")
    return row


@as_platform()
@transaction.atomic
def catalogue_update(*, by: Principal, row: CatalogueRow, changes: dict[str, Any]) -> CatalogueRow:
    """Change a row but its slug; `is_active` false retires it, true brings it back. Errors: 403, 409."""
    _refuse_shared(by, row)
    changed: CatalogueRow = _changed(by, row, changes)
    return changed


@transaction.atomic
def project_create(
    *, by: Principal, tenant: Tenant, slug: str, parent: str = "", template: str = STANDARD, **fields: Any
) -> Project:
    """Errors: 400 an unknown parent or template, 409 the slug is taken."""
    project = Project(
        tenant=tenant,
        slug=slug,
        parent=_parent(tenant, parent),
        template=_template(tenant, template),
        **fields,
    )
    _save_new(project)
    _tell(by, project, "created")
    return project


@transaction.atomic
def project_update(*, by: Principal, project: Project, changes: dict[str, Any]) -> Project:
    """Change a project but its slug. Its open builds keep their template. Errors: 400, 409 in_use."""
    resolved = dict(changes)
    if "template" in changes:
        resolved["template"] = _template(project.tenant, changes["template"])
    if "parent" in changes:
        resolved["parent"] = _parent(project.tenant, changes["parent"])
        _refuse_circle(project, resolved["parent"])
    changed: Project = _changed(by, project, resolved)
    return changed


@transaction.atomic
def state_code_set(*, by: Principal, project: Project, code: int, changes: dict[str, Any]) -> StateCode:
    """Change or bring back a state of the project; the first change gives it a template of its own.

    Builds that began before that keep the template that they began with.
    """
    own = _own_template(by, project)
    state: StateCode = StateCode.objects.select_for_update().get(template=own, code=code)
    before = {name: [getattr(state, name), value] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(state, name, value)
    state.deactivated_at = None
    state.full_clean(validate_unique=False, validate_constraints=False)
    state.save()
    _tell_state(by, project, state, "state_code.updated", before)
    return state


@transaction.atomic
def state_code_retire(*, by: Principal, project: Project, code: int) -> None:
    """No build of the project enters this state any more. Errors: 400 the first and last, 409 in_use."""
    if code in (0, 100):
        raise ValidationFailed.field("code", "every build begins at 0 and ends at 100.")
    own = _own_template(by, project)
    state: StateCode = StateCode.objects.select_for_update().get(template=own, code=code)
    if Build.objects.filter(template=own, state_code=code, status__in=OPEN).exists():
        raise conflict(Rule.IN_USE, f"Open builds stand at {code}.")
    state.deactivated_at = timezone.now()
    state.save(update_fields=["deactivated_at"])
    _tell_state(by, project, state, "state_code.retired")


def _changed(by: Principal, row: Any, changes: dict[str, Any]) -> Any:
    """The row with the changes, written and told of."""
    stored = type(row).objects.select_for_update(of=("self",)).filter(pk=row.pk, tenant=row.tenant_id).first()
    if stored is None:
        raise NotFound("There is no such row.")
    is_active = changes.pop("is_active", stored.is_active)
    before = {name: [_plain(getattr(stored, name)), _plain(value)] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(stored, name, value)
    action = "updated"
    if is_active != stored.is_active:
        action = "restored" if is_active else "retired"
        if not is_active:
            _refuse_in_use(stored)
        stored.deactivated_at = None if is_active else timezone.now()
    stored.full_clean(validate_unique=False, validate_constraints=False)
    stored.save()
    _tell(by, stored, action, before)
    return stored


def _save_new(row: models.Model) -> None:
    row.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"There is already a {NOUNS[type(row).__name__]} {row}.") from error


def _refuse_shared(by: Principal, row: CatalogueRow) -> None:
    if row.tenant is None and not by.platform:
        raise PermissionRefused("Only platform administrators change the shared catalogue.")


def _refuse_in_use(row: Any) -> None:
    builds: QuerySet[Build] = row.builds.filter(status__in=OPEN)
    if builds.exists():
        raise conflict(Rule.IN_USE, f"Open builds name {row.slug!r}.")


def _refuse_circle(project: Project, parent: Project | None) -> None:
    while parent is not None:
        if parent.pk == project.pk:
            raise ValidationFailed.field("parent", "a project is not below itself.")
        parent = parent.parent


def _parent(tenant: Tenant, slug: str) -> Project | None:
    if not slug:
        return None
    found: Project | None = Project.objects.for_tenant(tenant).filter(slug=slug).first()
    if found is None:
        raise ValidationFailed.field("parent", f"there is no project {slug!r}.")
    return found


def _template(tenant: Tenant, slug: str) -> StateTemplate:
    found: StateTemplate | None = StateTemplate.objects.visible_to(tenant).named(slug)
    if found is None:
        raise ValidationFailed.field("template", f"there is no template {slug!r}.")
    return found


def _own_template(by: Principal, project: Project) -> StateTemplate:
    """The project's own template, copied from the shared one if it has none."""
    rows = Project.objects.for_tenant(project.tenant).select_for_update(of=("self",))
    stored: Project = rows.get(pk=project.pk)
    if stored.template.tenant is not None:
        return stored.template
    own, is_new = StateTemplate.objects.get_or_create(
        tenant=stored.tenant, slug=stored.slug, defaults={"name": stored.name}
    )
    if is_new:
        states: Iterable[StateCode] = stored.template.codes.all()
        StateCode.objects.bulk_create(
            StateCode(template=own, **{name: getattr(state, name) for name in COPIED}) for state in states
        )
    stored.template = own
    stored.save(update_fields=["template", "updated_at"])
    _tell(by, stored, "updated", {"template": [_plain(project.template), own.slug]})
    return own


def _plain(value: Any) -> Any:
    return value.slug if isinstance(value, Project | StateTemplate) else value


def _tell(by: Principal, row: Any, verb: str, changes: dict[str, Any] | None = None) -> None:
    """Of a shared row the platform's log alone is told."""
    action = f"{NOUNS[type(row).__name__]}.{verb}"
    if row.tenant is None:
        audit(by=by, action=action, subject=row, changes=changes)
        return
    deed(by=by, action=action, tenant=row.tenant, subject=row, changes=changes, payload={"slug": row.slug})


def _tell_state(
    by: Principal, project: Project, state: StateCode, action: str, changes: dict[str, Any] | None = None
) -> None:
    payload = {"project": project.slug, "code": state.code}
    deed(by=by, action=action, tenant=project.tenant, subject=state, changes=changes, payload=payload)
