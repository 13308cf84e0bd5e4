"""A failed or cancelled build is taken up again where it failed, or before."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.errors import ValidationFailed
from accounts.principals import Principal
from builds.models import Artifact, Build, Resume, StateCode, Variable
from builds.rules import Refusal, Rule, decide_resume
from builds.services.moves import Entry, apply, build_lock, refused, standing_of


@transaction.atomic
def build_resume(
    *, by: Principal, build: Build, code: int | None = None, reason: str = "", run_id: str = ""
) -> tuple[Resume, Build, bool]:
    """Take it up at `code`, else at the one it failed at; from then on it is `run_id`'s. The last: is it new?

    The same run asking again gets its resume. Errors: 400 no code of the template; 409 not_resumable,
    resume_in_progress, resume_prerequisites (`missing` names them).
    """
    row, now = build_lock(tenant=build.tenant, build=build), timezone.now()
    code = row.state_code if code is None else code
    going_on = Resume.objects.for_tenant(row.tenant).filter(build=row, outcome=Resume.Outcome.OPEN).first()
    if going_on is not None and run_id and (going_on.from_code, going_on.run_id) == (code, run_id):
        return going_on, row, False
    standing = standing_of(row, now)
    state = StateCode.objects.filter(template=row.template_id, code=code, deactivated_at=None).first()
    if state is None:
        raise ValidationFailed.field("from_state", f"{code} is no state of this build's template.")
    found = decide_resume(
        standing, code, resumable=state.is_resumable, resuming=row.is_open and going_on is not None
    )
    if isinstance(found, Refusal):
        raise refused(found, standing)
    if missing := prerequisites_missing(build=row, state=state, now=now):
        told = Refusal(Rule.RESUME_PREREQUISITES, f"Missing or expired: {', '.join(missing)}.")
        raise refused(told, standing, missing=missing)
    resume = Resume.objects.create(
        tenant=row.tenant, build=row, failed_code=row.state_code, from_code=code, reason=reason,
        run_id=run_id, requested_by=by.actor, created_at=now,
    )  # fmt: skip
    apply(by=by, build=row, decision=found, entry=Entry(message=reason, run_id=run_id), now=now)
    return resume, row, True


def prerequisites_missing(*, build: Build, state: StateCode, now: datetime) -> list[str]:
    """What the state wants before a resume and the build does not have: `artifact x`, `variable y`."""
    artifacts = Artifact.objects.for_tenant(build.tenant).filter(
        Q(expires_at=None) | Q(expires_at__gt=now), build=build, is_resumable=True, deleted_at=None
    )
    variables = Variable.objects.for_tenant(build.tenant).filter(build=build)
    there = set(artifacts.values_list("name", flat=True)) if state.required_artifacts else set()
    known = set(variables.values_list("key", flat=True)) if state.required_variables else set()
    return [
        *(f"artifact {name}" for name in state.required_artifacts if name not in there),
        *(f"variable {key}" for key in state.required_variables if key not in known),
    ]
