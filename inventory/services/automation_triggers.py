"""Rules set off by what they wait for. Looked at every minute; a missed look is made up for by the next."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.errors import AppError
from accounts.models import ActivityEntry
from accounts.row_security import as_tenant
from accounts.rows import row_locked
from accounts.services.logs import deed
from inventory.models import AutomationRule
from inventory.services.automation_plans import is_at_work, rule_fire
from inventory.services.automation_rules import AUTOMATION, last_seq
from inventory.triggers import last_due

CATCH_UP: Final = timedelta(hours=6)  # a moment missed by more is told, and not made up for
log = structlog.get_logger(__name__)


class Due(NamedTuple):
    """`moment` and `seq` are what the rule is done with by this; an empty `cause`: with nothing to do."""

    cause: str
    moment: datetime
    seq: int | None = None


def rules_fire(*, now: datetime | None = None) -> int:
    """Look at every enabled rule of every active tenant; how many plans that made."""
    now = now or timezone.now()
    rules = AutomationRule.objects.filter(is_enabled=True, tenant__is_active=True)
    fired = 0
    for rule in rules.exclude(trigger__type="manual").select_related("tenant").order_by("pk"):
        try:
            with as_tenant(rule.tenant_id):
                fired += _due(rule, now) is not None and _fire(rule, now)
        except AppError as error:  # one that no longer holds stops no other
            log.warning("automation_rule_not_looked_at", rule=str(rule.pk), error=error.message)
    return fired


@transaction.atomic
def _fire(rule: AutomationRule, now: datetime) -> bool:
    """The one of several lookers who has the rule's lock first fires it; whether that made a plan."""
    rule = row_locked(rule)
    due = _due(rule, now)
    if due is None or not rule.is_enabled or is_at_work(rule):
        return False
    run = rule_fire(rule=rule, cause=due.cause) if due.cause else None
    if not due.cause and due.seq is None:
        payload = {"name": rule.name, "due": due.moment.isoformat()}
        deed(
            by=AUTOMATION, action="automation_rule.missed", tenant=rule.tenant, subject=rule, payload=payload
        )
    if run is not None or rule.trigger["type"] not in _WHILE:
        rule.fired_at = due.moment
    rule.seen_seq = due.seq or rule.seen_seq
    rule.save(update_fields=["fired_at", "seen_seq"])
    return run is not None


def _due(rule: AutomationRule, now: datetime) -> Due | None:
    return _LOOKS[rule.trigger["type"]](rule, now)


def _cron(rule: AutomationRule, now: datetime) -> Due | None:
    moment = last_due(rule.trigger, now)
    if rule.fired_at is not None and moment <= rule.fired_at:
        return None
    return Due(f"due at {moment:%Y-%m-%d %H:%M} UTC" if now - moment <= CATCH_UP else "", moment)


def _level(rule: AutomationRule, now: datetime) -> Due | None:
    rest = timedelta(minutes=rule.trigger.get("minutes", 60))
    if rule.fired_at is not None and now - rule.fired_at < rest:
        return None
    return Due("its conditions hold", now)


def _event(rule: AutomationRule, now: datetime) -> Due | None:
    return _heard(rule, now, type=rule.trigger["event"])


def _budget(rule: AutomationRule, now: datetime) -> Due | None:
    percent = rule.trigger["percent"]
    return _heard(
        rule, now, type="budget.crossed", payload__id=rule.trigger["budget"], payload__percent__gte=percent
    )


def _heard(rule: AutomationRule, now: datetime, **asked: Any) -> Due | None:
    """The last such event since the rule looked, but for what rules did themselves."""
    newest = last_seq(rule.tenant)
    if newest == rule.seen_seq:
        return None
    entries = ActivityEntry.objects.for_tenant(rule.tenant).filter(seq__gt=rule.seen_seq, seq__lte=newest)
    entry = entries.filter(**asked).exclude(actor=AUTOMATION.actor).order_by("-seq").first()
    return Due(f"{entry.type}, #{entry.seq} of the activity" if entry else "", now, newest)


_LOOKS: Final[Mapping[str, Callable[[AutomationRule, datetime], Due | None]]] = {
    "cron": _cron,
    "level": _level,
    "recommendation": _level,
    "event": _event,
    "budget": _budget,
}
_WHILE: Final = frozenset({"level", "recommendation"})  # not done with by a look that found nothing
