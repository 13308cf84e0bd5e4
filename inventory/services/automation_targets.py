"""How a run holds its lease, and how its targets end: by compare-and-swap, each once."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.services.logs import audit, deed
from inventory.models import AutomationRun, AutomationTarget, Resource, ResourceChange
from inventory.services.automation_rules import AUTOMATION


class LeaseLost(Exception):
    """Another worker has the run, or the target, by now."""


def lease_renew(run: AutomationRun) -> None:
    """Errors: LeaseLost."""
    lease = timezone.now() + timedelta(seconds=settings.AUTOMATION_LEASE_SECONDS)
    if not AutomationRun.objects.filter(pk=run.pk, next_step_at=run.next_step_at).update(next_step_at=lease):
        raise LeaseLost
    run.next_step_at = lease


@transaction.atomic
def target_intend(run: AutomationRun, target: AutomationTarget) -> None:
    """Write down that the provider is about to be asked; nobody asks without. Errors: LeaseLost."""
    lease_renew(run)
    _move(target, state=AutomationTarget.State.ACTING, attempts=target.attempts + 1, acted_at=timezone.now())
    changes = {"state": ["planned", "acting"], "attempts": [target.attempts - 1, target.attempts]}
    audit(
        by=AUTOMATION, action="automation_target.acting", tenant=run.tenant, subject=target, changes=changes
    )


def target_note(target: AutomationTarget, **changes: Any) -> None:
    """Write down something about a target that stays open. Errors: LeaseLost."""
    _move(target, **changes)


@transaction.atomic
def target_end(
    run: AutomationRun,
    target: AutomationTarget,
    state: str,
    result: str,
    *,
    inverse: dict[str, Any] | None = None,
) -> None:
    """End a target and tell. Errors: LeaseLost."""
    _move(target, state=state, result=result[:2000], inverse=inverse, finished_at=timezone.now())
    payload = {
        "rule": str(run.rule_id), "run": str(run.pk), "action": target.action["type"],
        "provider": target.provider, "resource_id": target.native_id, "result": target.result,
    }  # fmt: skip
    deed(
        by=AUTOMATION, action=f"automation_target.{state}", tenant=run.tenant, subject=target, payload=payload
    )


def resource_change(run: AutomationRun, resource: Resource, **changes: Any) -> None:
    """Change a resource here, with its history, which names the rule; its row is locked by the caller."""
    before = {name: getattr(resource, name) for name in changes}
    now = timezone.now()
    Resource.objects.filter(pk=resource.pk).update(**changes, updated_at=now)
    ResourceChange.objects.create(
        tenant=resource.tenant, resource=resource, kind=ResourceChange.Kind.CHANGED, at=now,
        actor=f"automation:{run.rule.name}",
        changes={name: [before[name], value] for name, value in changes.items()},
    )  # fmt: skip


def _move(target: AutomationTarget, **changes: Any) -> None:
    still = AutomationTarget.objects.filter(
        pk=target.pk, state=target.state, attempts=target.attempts, receipt=target.receipt
    )
    if not still.update(**changes):
        raise LeaseLost
    for name, value in changes.items():
        setattr(target, name, value)
