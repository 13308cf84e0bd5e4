"""A run's way through its targets, each acted on exactly once.

A step begins by moving the run's `next_step_at` a lease ahead, which keeps others away. Before a provider
is asked for anything the target is written down as ACTING; a worker that finds one looks at the machine
first, and asks again only when the provider neither did it nor is at it. What changes our own database alone
is one transaction with the target's end.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet
from django.utils import timezone

from accounts.errors import ValidationFailed
from accounts.row_security import as_tenant
from inventory.actions import AT_PROVIDER, SUMMARY, TAKEN_BACK, action_name
from inventory.models import AutomationRule, AutomationRun, AutomationTarget
from inventory.queries.automation import Definition, rule_meets
from inventory.services.automation_power import power_step
from inventory.services.automation_rules import AUTOMATION
from inventory.services.automation_runs import run_end, step_in
from inventory.services.automation_targets import LeaseLost, lease_renew, target_end
from inventory.services.automation_writes import (
    notice_send,
    recommendation_take_back,
    recommendation_write,
    tag_write,
)

State = AutomationRun.State
Target = AutomationTarget.State
STEP_SECONDS: Final = 60.0  # then another step goes on: a task of ours has ten minutes in all
SWEPT: Final = 200


def run_step(*, run_id: UUID) -> bool:
    """Go on with a run that is due, unless another worker has it; whether this one did."""
    run = _claim(run_id)
    if run is None:
        return False
    with as_tenant(run.tenant_id):
        return _go_on(run)


def _go_on(run: AutomationRun) -> bool:
    try:
        wait = _pass(run)
    except LeaseLost:
        return False
    if wait is None:
        run_end(by=AUTOMATION, run=run, state=State.COMPLETED, message=_counts(run))
    else:
        due = timezone.now() + timedelta(seconds=wait)
        AutomationRun.objects.filter(pk=run.pk, next_step_at=run.next_step_at).update(next_step_at=due)
        step_in(run.pk, wait)
    return True


def runs_due() -> list[UUID]:
    """Runs whose worker died or was never asked, the longest due first."""
    due = _due(timezone.now()).order_by("next_step_at")
    return list(due.values_list("pk", flat=True)[:SWEPT])


def _due(now: datetime) -> "QuerySet[AutomationRun]":
    """Nothing is done for a tenant that was made inactive; its runs go on when it is active again."""
    return AutomationRun.objects.filter(next_step_at__lte=now, tenant__is_active=True)


def _claim(run_id: UUID) -> AutomationRun | None:
    """Have the run for a lease, if it is due and nobody else was quicker."""
    now = timezone.now()
    run = _due(now).filter(pk=run_id).select_related("rule", "tenant").first()
    if run is None:
        return None
    if run.state == State.APPROVED and run.expires_at <= now:
        run_end(by=AUTOMATION, run=run, state=State.EXPIRED, message="It was not begun in time.")
        return None
    lease = now + timedelta(seconds=settings.AUTOMATION_LEASE_SECONDS)
    mine = AutomationRun.objects.filter(pk=run.pk, next_step_at=run.next_step_at, state=run.state)
    if not mine.update(next_step_at=lease, state=State.RUNNING):
        return None
    run.next_step_at, run.state = lease, State.RUNNING
    return run


def _pass(run: AutomationRun) -> float | None:
    """Go through the targets that are open; seconds until the next pass, None when none is left open."""
    end = time.monotonic() + STEP_SECONDS
    ended: dict[UUID | None, str] = {}
    open_before = False
    for target in run.targets.select_related("resource__tenant", "resource__cloud_account"):
        if target.state in AutomationTarget.OPEN:
            if time.monotonic() > end:
                return 0
            lease_renew(run)
            if not (open_before and action_name(target.action) == SUMMARY):
                _advance(run, target, ended.get(target.resource_id))
            open_before |= target.state in AutomationTarget.OPEN
        ended[target.resource_id] = target.state
    return settings.AUTOMATION_POLL_SECONDS if open_before else None


def _advance(run: AutomationRun, target: AutomationTarget, before: str | None) -> None:
    """One step of a target; `before` is how the action before it on the same resource stands."""
    kind = action_name(target.action)
    if target.state == Target.ACTING and target.resource is None:
        target_end(run, target, Target.FAILED, "The resource is gone; it is not known what became of it.")
        return
    if target.state == Target.PLANNED and kind != SUMMARY:
        if before in AutomationTarget.OPEN:
            return
        drift = _drift(run, target, before)
        if drift:
            target_end(run, target, Target.SKIPPED, drift)
            return
    _STEPS[kind](run, target)


def _drift(run: AutomationRun, target: AutomationTarget, before: str | None) -> str:
    """Why the target is not what the plan was made for any more; empty when it is."""
    if target.resource is None:
        return "The resource is gone."
    if run.undoes_id is not None:
        return ""
    rule = AutomationRule.objects.only("is_enabled", "version").get(pk=run.rule_id)
    if not rule.is_enabled or rule.version != run.rule_version:
        return "The rule was changed or switched off meanwhile."
    if before == Target.DONE:  # which may itself be why the conditions hold no more
        return ""
    if before is not None:
        return "The action before it was not done."
    try:
        met = rule_meets(run.tenant, Definition(**run.definition)).filter(pk=target.resource.pk)
    except ValidationFailed as error:  # they were good when the plan was made
        return error.message
    return "" if met.exists() else "It does not meet the conditions any more."


def _counts(run: AutomationRun) -> str:
    found = dict(run.targets.order_by().values_list("state").annotate(count=Count("pk")))
    return ", ".join(
        f"{found.get(state, 0)} {state}" for state in (Target.DONE, Target.SKIPPED, Target.FAILED)
    )


_STEPS: Final[Mapping[str, Callable[[AutomationRun, AutomationTarget], None]]] = {
    **dict.fromkeys(AT_PROVIDER, power_step),
    "tag": tag_write,
    "recommend": recommendation_write,
    TAKEN_BACK: recommendation_take_back,
    SUMMARY: notice_send,
}
