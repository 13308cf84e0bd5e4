"""Artifacts and variables of a build."""

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import Conflict, NotFound
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.signing import seal, unseal
from builds.models import Artifact, Build, Variable
from builds.services.moves import build_lock

MOST: Final = 500  # artifacts, and variables, of a build


@transaction.atomic
def artifact_register(*, by: Principal, build: Build, name: str, **fields: Any) -> tuple[Artifact, bool]:
    """Note an artifact; the same told again is found (False). Errors: 409 the name is taken, or too many.

    Its state code is the build's, unless it is given.
    """
    row = build_lock(tenant=build.tenant, build=build)
    live = Artifact.objects.for_tenant(row.tenant).filter(build=row, deleted_at=None)
    given = {"state_code": row.state_code, **fields}
    if (found := live.filter(name=name).first()) is not None:
        if any(getattr(found, field) != value for field, value in fields.items()):
            raise Conflict(f"There is already another artifact {name!r}; change it instead.")
        return found, False
    if live.count() >= MOST:
        raise Conflict(f"A build has at most {MOST} artifacts.")
    artifact = Artifact.objects.create(tenant=row.tenant, build=row, name=name, **given)
    _tell(by, artifact, "artifact.final" if artifact.is_final else "artifact.registered")
    return artifact, True


@transaction.atomic
def artifact_update(*, by: Principal, artifact: Artifact, changes: dict[str, Any]) -> Artifact:
    """Change what is noted of it. Errors: 404, 409 the new name is taken."""
    row = _locked(artifact)
    before = {name: getattr(row, name) for name in changes}
    for name, value in changes.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(f"There is already an artifact {row.name!r}.") from error
    became_final = row.is_final and not before.get("is_final", row.is_final)
    _tell(by, row, "artifact.final" if became_final else "artifact.updated")
    return row


@transaction.atomic
def artifact_delete(*, by: Principal, artifact: Artifact) -> None:
    """Forget it; what is stored stays. Errors: 404."""
    row = _locked(artifact)
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at", "updated_at"])
    _tell(by, row, "artifact.deleted")


@transaction.atomic
def variable_set(
    *, by: Principal, build: Build, key: str, value: str, **fields: Any
) -> tuple[Variable, bool]:
    """Set a variable, and say whether that is news; a secret value is encrypted. Errors: 409 too many."""
    row = build_lock(tenant=build.tenant, build=build)
    rows = Variable.objects.for_tenant(row.tenant).filter(build=row)
    variable = rows.filter(key=key).first()
    if variable is None and rows.count() >= MOST:
        raise Conflict(f"A build has at most {MOST} variables.")
    if variable is not None and _says_the_same(variable, value, fields):
        return variable, False
    is_new = variable is None
    variable = variable or Variable(tenant=row.tenant, build=row, key=key, set_at_code=row.state_code)
    for name, given in fields.items():
        setattr(variable, name, given)
    variable.value = seal(value) if variable.is_secret else value
    variable.save()
    _tell_variable(by, variable, "variable.created" if is_new else "variable.updated")
    return variable, True


@transaction.atomic
def variable_delete(*, by: Principal, variable: Variable) -> None:
    _tell_variable(by, variable, "variable.deleted")
    variable.delete()


def _says_the_same(variable: Variable, value: str, fields: dict[str, Any]) -> bool:
    if any(getattr(variable, name) != given for name, given in fields.items()):
        return False
    return value == (unseal(variable.value) if variable.is_secret else variable.value)


def _locked(artifact: Artifact) -> Artifact:
    rows = Artifact.objects.for_tenant(artifact.tenant).select_for_update(of=("self",))
    row: Artifact | None = rows.filter(pk=artifact.pk, deleted_at=None).select_related("build").first()
    if row is None:
        raise NotFound("There is no such artifact.")
    row.tenant = artifact.tenant
    return row


def _tell(by: Principal, artifact: Artifact, action: str) -> None:
    payload = {
        "build_id": artifact.build.build_id,
        "name": artifact.name,
        "type": artifact.type,
        "path": artifact.path,
        "is_final": artifact.is_final,
    }
    deed(by=by, action=action, tenant=artifact.tenant, subject=artifact, payload=payload)


def _tell_variable(by: Principal, variable: Variable, action: str) -> None:
    """The key alone: a value may be what nobody should read."""
    payload = {"build_id": variable.build.build_id, "key": variable.key}
    deed(by=by, action=action, tenant=variable.tenant, subject=variable, payload=payload)
