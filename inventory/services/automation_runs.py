"""Runs of rules: approved by a second person or rejected, expired, taken back."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.background import ask_worker
from accounts.errors import Conflict, PermissionRefused
from accounts.models import Scope
from accounts.principals import Principal
from accounts.rows import row_locked
from accounts.services.logs import deed
from accounts.wire import encode
from inventory.actions import Action, expectation
from inventory.models import AutomationRule, AutomationRun, AutomationTarget
from inventory.queries.automation import Definition
from inventory.services.automation_rules import AUTOMATION, people

State = AutomationRun.State
TASK: Final = "inventory.step_automation"
GOOD_FOR: Final = timedelta(hours=24)  # a plan until it is approved, an approval until it is begun


@transaction.atomic
def run_approve(*, by: Principal, run: AutomationRun, hash: str = "") -> AutomationRun:
    """Let a plan happen exactly as it stands; `hash`, if given, must be the plan's.

    Errors: 403 no admin, or for a rule that asks for a second person nobody signed in, or one who wrote the
    rule or the plan; 409 it does not wait, its time is over, or the rule was changed or switched off since.
    """
    by.require(Scope.ADMIN)
    rule = row_locked(run.rule)
    run.rule = rule
    if refusal := approval_refusal(by, run):
        raise PermissionRefused(refusal)
    if hash and hash != run.hash:
        raise Conflict("The plan is another one than the one that was looked at.")
    if not rule.is_enabled or rule.version != run.rule_version:
        raise Conflict("The rule was changed or switched off since; plan anew.")
    now = timezone.now()
    waiting = AutomationRun.objects.filter(pk=run.pk, state=State.WAITING, expires_at__gt=now)
    decided = {
        "state": State.APPROVED,
        "decided_by": by.actor,
        "decided_at": now,
        "expires_at": now + GOOD_FOR,
    }
    if not waiting.update(**decided, next_step_at=now):
        raise Conflict("The plan does not wait for approval any more.")
    run.refresh_from_db()
    deed(by=by, action="automation_run.approved", tenant=run.tenant, subject=run, payload=told(run))
    step_in(run.pk, 0)
    return run


@transaction.atomic
def run_reject(*, by: Principal, run: AutomationRun, reason: str = "") -> AutomationRun:
    """Let a plan never happen. Errors: 403 no admin; 409 it does not wait."""
    by.require(Scope.ADMIN)
    decided = {"decided_by": by.actor, "decided_at": timezone.now()}
    run.state = State.WAITING
    if not run_end(by=by, run=run, state=State.REJECTED, message=reason[:2000], **decided):
        raise Conflict("The plan does not wait for approval any more.")
    return run


@transaction.atomic
def run_undo(*, by: Principal, run: AutomationRun) -> AutomationRun:
    """A run that takes back what another did, the last first, where all is still as that left it.

    Errors: 403 no admin; 409 it is not over, it did nothing that can be taken back, it is itself one that
    takes back, or it has been taken back already.
    """
    by.require(Scope.ADMIN)
    rule = row_locked(run.rule)
    if run.undoes_id is not None or run.undone_by.exists():
        raise Conflict("It takes another run back, or has been taken back already.")
    done = run.targets.filter(state=AutomationTarget.State.DONE, inverse__isnull=False).order_by("-position")
    if run_state(run) != State.COMPLETED or not done:
        raise Conflict("It is not over, or did nothing that can be taken back.")
    undo = run_of(rule, f"takes back the run of {run.created_at:%Y-%m-%d %H:%M} UTC", by)
    undo.undoes, undo.state, undo.decided_by, undo.decided_at = run, State.APPROVED, by.actor, timezone.now()
    run_freeze(undo, [_reversed(undo, target) for target in done.select_related("resource")])
    payload = {**told(undo), "undoes": str(run.pk)}
    deed(by=by, action="automation_run.undone", tenant=run.tenant, subject=run, payload=payload)
    return undo


def approval_refusal(by: Principal, run: AutomationRun) -> str:
    """Why a plan that asks for a second person is not approved by this one; empty when it may be."""
    if not run.rule.requires_approval:
        return ""
    if by.kind != "user" or by.user is None:
        return "A person approves it, who has signed in; a key cannot."
    if str(by.user.pk) in run.barred:
        return "Who wrote the rule or asked for the plan does not approve it."
    return ""


def runs_expire() -> int:
    """End plans that nobody approved in time; how many."""
    over = AutomationRun.objects.filter(state=State.WAITING, expires_at__lte=timezone.now())
    message = "Nobody approved it in time."
    return sum(
        run_end(by=AUTOMATION, run=run, state=State.EXPIRED, message=message)
        for run in over.select_related("rule", "tenant")
    )


@transaction.atomic
def run_end(*, by: Principal, run: AutomationRun, state: str, message: str = "", **changes: Any) -> bool:
    """End a run that is still in the state seen, and tell; False when another was quicker."""
    ended = {
        "state": state,
        "message": message,
        "finished_at": timezone.now(),
        "next_step_at": None,
        **changes,
    }
    if not AutomationRun.objects.filter(pk=run.pk, state=run.state, next_step_at=run.next_step_at).update(
        **ended
    ):
        return False
    for name, value in ended.items():
        setattr(run, name, value)
    deed(by=by, action=f"automation_run.{state}", tenant=run.tenant, subject=run, payload=told(run))
    return True


def run_of(rule: AutomationRule, cause: str, by: Principal) -> AutomationRun:
    """A run that is yet to be frozen."""
    return AutomationRun(
        tenant=rule.tenant, rule=rule, cause=cause, rule_version=rule.version, planned_by=by.actor,
        definition=Definition.of(rule)._asdict(), expires_at=timezone.now() + GOOD_FOR,
        barred=list(dict.fromkeys([*rule.authors, *people(by)])),
    )  # fmt: skip


def run_freeze(run: AutomationRun, targets: Sequence[AutomationTarget]) -> None:
    """Number and hash what is to be done, and write it down; have it begun if that is approved."""
    listed = []
    for position, target in enumerate(targets, 1):
        target.position = position
        listed.append([position, target.action, target.provider, target.native_id, target.expects])
    plan = {"rule": str(run.rule_id), "definition": run.definition, "targets": listed}
    run.hash = hashlib.sha256(encode(plan)).hexdigest()
    if run.state == State.APPROVED:
        run.next_step_at = timezone.now()
        step_in(run.pk, 0)
    run.save(force_insert=True)
    AutomationTarget.objects.bulk_create(targets, batch_size=1000)


def step_in(run_id: UUID, seconds: float) -> None:
    """Have a worker go on with it once this is committed."""
    transaction.on_commit(lambda: step_ask(run_id, seconds), robust=True)


def step_ask(run_id: UUID, seconds: float = 0) -> bool:
    """The same at once; whether a worker could be asked. When none can, the sweep does the step."""
    return ask_worker(TASK, seconds=seconds, run_id=str(run_id))


def run_state(run: AutomationRun) -> str:
    return str(AutomationRun.objects.values_list("state", flat=True).get(pk=run.pk))


def told(run: AutomationRun) -> dict[str, Any]:
    """What the activity tells of a run."""
    return {
        "rule": str(run.rule_id),
        "name": run.rule.name,
        "state": str(run.state),
        "cause": run.cause,
        "matched": run.matched,
        "hash": run.hash,
        "message": run.message,
    }


def _reversed(undo: AutomationRun, target: AutomationTarget) -> AutomationTarget:
    action: Action = target.inverse
    return AutomationTarget(
        tenant=undo.tenant, run=undo, action=action, resource=target.resource, why=f"takes back: {target}",
        expects=expectation(action, target.action.get("value")), provider=target.provider,
        native_id=target.native_id, name=target.name,
    )  # fmt: skip
