"""Rules: made, changed, deleted. What they do is planned and done elsewhere."""

import dataclasses
import json
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import Conflict, ValidationFailed
from accounts.models import ActivityCounter, ApiKey, Tenant
from accounts.principals import SYSTEM, Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from accounts.wire import encode
from inventory.actions import read_actions
from inventory.filters import read_filter
from inventory.models import AutomationRule, AutomationRun, Budget
from inventory.queries.owners import resource_properties
from inventory.triggers import read_trigger

MOST: Final = 100  # of a tenant: all are looked at every minute
AUTOMATION: Final = dataclasses.replace(SYSTEM, actor="automation")
FIELDS: Final = (
    "name", "rule_type", "is_enabled", "trigger", "filter", "match_criteria", "actions", "max_targets",
    "max_percent", "requires_approval",
)  # fmt: skip
OLDER: Final = "action_type"  # the one action, by a word that need not mean anything here
PLAIN: Final = frozenset({"name", "rule_type", "is_enabled"})  # they change nothing of what it does


@transaction.atomic
def rule_create(*, by: Principal, tenant: Tenant, **fields: Any) -> AutomationRule:
    """A new rule; `fields` are those of FIELDS, or OLDER for `actions`. It looks at what happens from now on.

    Errors: 400 a field, 409 the name is taken or there are too many.
    """
    tenant = tenant_lock(tenant)
    if AutomationRule.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} automation rules.")
    wrote = {"created_by": by.actor, "changed_by": by.actor, "authors": people(by)}
    rule = AutomationRule(tenant=tenant, **_read(fields), **wrote)
    _aim(rule)
    _save(rule)
    deed(by=by, action="automation_rule.created", tenant=tenant, subject=rule, payload={"name": rule.name})
    return rule


@transaction.atomic
def rule_update(*, by: Principal, rule: AutomationRule, changes: dict[str, Any]) -> AutomationRule:
    """Change some of FIELDS, or OLDER. Plans made before are not begun any more. Errors: 400, 404, 409."""
    row = row_locked(rule)
    before = {name: getattr(row, name) for name in FIELDS}
    told = {name: [before[name], value] for name, value in _read(changes).items() if before[name] != value}
    if not told:
        return row
    for name, (_, value) in told.items():
        setattr(row, name, value)
    if told.keys() - PLAIN:
        row.version, row.changed_by = row.version + 1, by.actor
        row.authors = list(dict.fromkeys([*row.authors, *people(by)]))
    if {"trigger", "is_enabled"} & told.keys():
        _aim(row)
    _save(row)
    deed(
        by=by, action="automation_rule.updated", tenant=row.tenant, subject=row, changes=_plain(told),
        payload={"name": row.name, "version": row.version},
    )  # fmt: skip
    return row


@transaction.atomic
def rule_delete(*, by: Principal, rule: AutomationRule) -> None:
    """Remove it with what it planned. Errors: 404; 409 while a run of it is at work."""
    row = row_locked(rule)
    if row.runs.filter(state=AutomationRun.State.RUNNING).exists():
        raise Conflict("A run of this rule is at work; switch the rule off and delete it after that.")
    deed(by=by, action="automation_rule.deleted", tenant=row.tenant, subject=row, payload={"name": row.name})
    row.delete()


def people(by: Principal) -> list[str]:
    """Ids of the person who calls, or who made the key that does."""
    found = by.user.pk if by.user is not None else None
    if found is None and by.key_id is not None:
        found = ApiKey.objects.for_tenant(by.home).values_list("created_by", flat=True).get(pk=by.key_id)
    return [str(found)] if found is not None else []


def _read(fields: dict[str, Any]) -> dict[str, Any]:
    """What is written of them. Errors: 400."""
    found = dict(fields)
    if OLDER in found:
        word = found.pop(OLDER)
        found.setdefault("actions", [{"type": word}] if word else [])
    elif "actions" in found:
        found["actions"] = read_actions(found["actions"])
    if "trigger" in found:
        found["trigger"] = read_trigger(found["trigger"])
    return found


def _plain(told: dict[str, list[Any]]) -> Any:
    """With exact numbers as JSON's own, which the audit log holds."""
    return json.loads(encode(told))


def last_seq(tenant: Tenant) -> int:
    """Of the tenant's activity."""
    counters = ActivityCounter.objects.for_tenant(tenant)
    return counters.values_list("last_seq", flat=True).first() or 0


def _aim(rule: AutomationRule) -> None:
    """Let it look at what happens from now on."""
    rule.fired_at = timezone.now() if rule.cron_schedule else None
    rule.seen_seq = last_seq(rule.tenant)


def _save(rule: AutomationRule) -> None:
    read_filter(rule.filter, resource_properties(rule.tenant))
    _check_budget(rule)
    row_check(rule, exclude=("actions", "authors"))
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise Conflict(f"There is a rule named {rule.name!r} already.") from error


def _check_budget(rule: AutomationRule) -> None:
    named = rule.trigger.get("budget")
    if named and not Budget.objects.for_tenant(rule.tenant).filter(pk=named).exists():
        raise ValidationFailed.field("trigger", "there is no such budget.")
