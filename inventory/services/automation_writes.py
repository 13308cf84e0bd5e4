"""Actions of rules within our own database: one transaction each, with the end of their target."""

from typing import Any, Final
from uuid import UUID

from django.db import transaction

from accounts.models import Webhook
from accounts.services.deliveries import notify, webhook_enqueue
from inventory.actions import TAKEN_BACK
from inventory.models import AutomationRun, AutomationTarget, Recommendation, Resource
from inventory.services.automation_rules import AUTOMATION
from inventory.services.automation_runs import told
from inventory.services.automation_targets import resource_change, target_end
from inventory.services.recommendations import recommendation_dismiss, recommendation_open

NOTICE: Final = "automation.notice"
State = AutomationTarget.State


@transaction.atomic
def tag_write(run: AutomationRun, target: AutomationTarget) -> None:
    """Give the resource the tag, or take it away, if it is as the plan saw it. Errors: LeaseLost."""
    rows = Resource.objects.for_tenant(run.tenant).select_for_update(of=("self",)).select_related("tenant")
    resource: Resource | None = rows.filter(pk=target.resource_id).first()
    key, value = target.action["key"], target.action["value"]
    before = resource.tags.get(key) if resource is not None else None
    if resource is None or before != target.expects["tag"]:
        target_end(run, target, State.SKIPPED, f"The tag {key} is {before!r} by now.")
        return
    tags = {name: text for name, text in resource.tags.items() if name != key}
    resource_change(run, resource, tags=tags if value is None else {**tags, key: value})
    inverse = {"type": "tag", "key": key, "value": before}
    target_end(run, target, State.DONE, f"The tag {key} is {value!r}; it was {before!r}.", inverse=inverse)


@transaction.atomic
def recommendation_write(run: AutomationRun, target: AutomationTarget) -> None:
    """Open a recommendation in the name of the rule. Errors: LeaseLost."""
    assert target.resource is not None  # noqa: S101  (what is gone was skipped before)
    said = {name: target.action[name] for name in ("description", "priority")}
    row, is_new = recommendation_open(
        by=AUTOMATION, tenant=run.tenant, rule=_named(run), resource=target.resource, **said,
        evidence={"why": target.why},
    )  # fmt: skip
    if is_new:
        target_end(run, target, State.DONE, f"Opened as {row.pk}.", inverse={"type": TAKEN_BACK})
    else:
        target_end(run, target, State.SKIPPED, f"It is there already, {row.status}.")


@transaction.atomic
def recommendation_take_back(run: AutomationRun, target: AutomationTarget) -> None:
    """Dismiss what the rule opened, unless somebody has judged it. Errors: LeaseLost."""
    rows = Recommendation.objects.for_tenant(run.tenant).filter(rule=_named(run))
    row = rows.filter(resource=target.resource, status=Recommendation.Status.OPEN).first()
    if row is None:
        target_end(run, target, State.SKIPPED, "It is not open any more.")
        return
    recommendation_dismiss(by=AUTOMATION, row=row, reason=run.cause)
    target_end(run, target, State.DONE, "It is dismissed.")


@transaction.atomic
def notice_send(run: AutomationRun, target: AutomationTarget) -> None:
    """One message of the whole run, by mail and to a webhook of the tenant's. Errors: LeaseLost."""
    payload = {
        **told(run),
        "tenant": run.tenant.slug,
        "resources": target.expects["resources"],
        "done": _done(run),
    }
    emails, named = target.action["emails"], target.action.get("webhook")
    webhook = _webhook(run, named) if named else None
    if named and webhook is None:
        target_end(run, target, State.FAILED, "There is no such webhook, or it is paused; nothing was sent.")
        return
    notify(tenant=run.tenant, type=NOTICE, to=emails, payload=payload)
    if webhook is not None:
        webhook_enqueue(webhook=webhook, event_type=NOTICE, message={"data": payload})
    # The address of a webhook is its secret, and the result of a run is for all to read.
    told_to = [*emails, *([f"the webhook {webhook.pk}"] if webhook else [])]
    target_end(run, target, State.DONE, f"Handed over for {', '.join(told_to)}.")


def _named(run: AutomationRun) -> str:
    """What its recommendations say they come from."""
    return f"automation:{run.rule_id}"


def _webhook(run: AutomationRun, named: str) -> Webhook | None:
    active = Webhook.objects.for_tenant(run.tenant).filter(is_active=True)
    found: Webhook | None = active.select_related("tenant").filter(pk=UUID(named)).first()
    return found


def _done(run: AutomationRun) -> list[dict[str, Any]]:
    ended = run.targets.exclude(provider="").exclude(state__in=AutomationTarget.OPEN)[:50]
    return [{"what": str(one), "state": one.state, "result": one.result} for one in ended]
