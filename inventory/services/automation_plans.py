"""Plans of rules: what would happen and why, frozen."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.db import transaction

from accounts.errors import Conflict, ValidationFailed
from accounts.models import MailKind, Membership
from accounts.principals import Principal
from accounts.rows import row_locked
from accounts.services.deliveries import notify
from accounts.services.logs import deed
from inventory.actions import SUMMARY, Action, action_name, effect_q, expectation
from inventory.models import AutomationRule, AutomationRun, AutomationTarget, Resource
from inventory.queries.automation import Definition, conditions, fleet_of, obstacle, reason, rule_targets
from inventory.queries.owners import resource_properties
from inventory.services.automation_rules import AUTOMATION
from inventory.services.automation_runs import run_end, run_freeze, run_of, told

State = AutomationRun.State
MOST_TARGETS: Final = 10_000
LISTED: Final = 50  # resources that a message names
APPROVERS: Final = (Membership.Role.OWNER, Membership.Role.ADMIN)


@transaction.atomic
def rule_plan(*, by: Principal, rule: AutomationRule) -> AutomationRun:
    """A plan that somebody asked for: it waits for approval, or is REFUSED with the reason.

    Without anything that matches it is COMPLETED at once. A plan that waited gives way to it.
    Errors: 404; 409 the rule is switched off, or a run of it is not over.
    """
    rule = row_locked(rule)
    if not rule.is_enabled:
        raise Conflict("The rule is switched off.")
    if is_at_work(rule):
        raise Conflict("A run of this rule is not over yet.")
    run = run_of(rule, f"asked for by {by.actor}", by)
    targets = _plan(run)
    if run.state == State.COMPLETED:
        run.message = "Nothing matches."
    return _issue(by, run, targets)


@transaction.atomic
def rule_fire(*, rule: AutomationRule, cause: str) -> AutomationRun | None:
    """A plan by the rule's trigger, begun at once where it asks for no approval; None: nothing matches.

    The caller has locked the rule, and no run of it is at work.
    """
    run = run_of(rule, cause, AUTOMATION)
    targets = _plan(run)
    if run.state == State.COMPLETED:
        return None
    if run.state == State.WAITING and not rule.requires_approval:
        run.state = State.APPROVED
    return _issue(AUTOMATION, run, targets)


def is_at_work(rule: AutomationRule) -> bool:
    return bool(rule.runs.filter(state__in=(State.APPROVED, State.RUNNING)).exists())


def _plan(run: AutomationRun) -> list[AutomationTarget]:
    """What the run would do; whatever stands against it, nothing, and the run says why."""
    run.fleet = fleet_of(run.tenant)
    run.state = State.REFUSED
    try:
        targets = _targets(run, Definition.of(run.rule))
    except ValidationFailed as error:
        run.message = error.message[:2000]
        targets = []
    else:
        run.state = State.WAITING if targets else State.COMPLETED
    if run.state != State.WAITING:
        run.finished_at = run.created_at
    return targets


def _issue(by: Principal, run: AutomationRun, targets: list[AutomationTarget]) -> AutomationRun:
    for old in run.rule.runs.filter(state=State.WAITING).select_related("rule", "tenant"):
        run_end(by=by, run=old, state=State.EXPIRED, message="A newer plan took its place.")
    run_freeze(run, targets)
    deed(by=by, action="automation_run.planned", tenant=run.tenant, subject=run, payload=told(run))
    if run.state == State.WAITING:
        expires = f"{run.expires_at:%Y-%m-%d %H:%M} UTC"
        payload = {
            **told(run),
            "id": str(run.pk),
            "tenant": run.tenant.slug,
            "actions": len(targets),
            "expires_at": expires,
        }
        notify(
            tenant=run.tenant,
            type="approval.requested",
            to=_approvers(run),
            payload=payload,
            kind=MailKind.APPROVALS,
        )
    return run


def _targets(run: AutomationRun, definition: Definition) -> list[AutomationTarget]:
    """Errors: ValidationFailed with the reason for which nothing may be done."""
    found = rule_targets(run.tenant, definition)
    most = definition.allowed(run.fleet) if definition.is_changing else MOST_TARGETS
    resources = list(found[: most + 1])
    run.matched = len(resources) if len(resources) <= most else found.count()
    problem = obstacle(definition, run.matched, run.fleet, resources)
    if run.matched > MOST_TARGETS:
        problem = f"{run.matched} resources match: more than {MOST_TARGETS}."
    if problem:
        raise ValidationFailed(problem)
    return [*_of_each(run, definition, resources), *_of_all(run, definition, resources)]


def _of_each(
    run: AutomationRun, definition: Definition, resources: Sequence[Resource]
) -> Iterator[AutomationTarget]:
    properties = resource_properties(run.tenant)
    met = conditions(definition, properties)
    rows = Resource.objects.for_tenant(run.tenant).filter(pk__in=[resource.pk for resource in resources])
    for action in definition.on_resources:
        moved = set(rows.filter(effect_q(action)).values_list("pk", flat=True))
        for resource in resources:
            if resource.pk in moved:
                yield _target(run, action, resource, reason(resource, met, properties))


def _target(run: AutomationRun, action: Action, resource: Resource, why: str) -> AutomationTarget:
    return AutomationTarget(
        tenant=run.tenant, run=run, action=action, resource=resource, why=why, provider=resource.provider,
        native_id=resource.resource_id, name=resource.name,
        expects=expectation(action, resource.tags.get(action.get("key"))),
    )  # fmt: skip


def _of_all(
    run: AutomationRun, definition: Definition, resources: Sequence[Resource]
) -> Iterator[AutomationTarget]:
    listed = [f"{one.provider} {one.resource_id} {one.name}".strip() for one in resources[:LISTED]]
    for action in definition.actions:
        if resources and action_name(action) == SUMMARY:
            why, expects = f"{len(resources)} resources match", {"resources": listed}
            yield AutomationTarget(tenant=run.tenant, run=run, action=action, why=why, expects=expects)


def _approvers(run: AutomationRun) -> list[str]:
    """The tenant's owners and admins, but for those who may not."""
    able = Membership.objects.for_tenant(run.tenant).filter(role__in=APPROVERS, user__is_active=True)
    if run.rule.requires_approval:
        able = able.exclude(user__in=run.barred)
    return list(able.order_by("user__email").values_list("user__email", flat=True))
