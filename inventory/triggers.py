"""When a rule is due. A trigger is one of

{"type": "manual"}
{"type": "cron", "cron": "0 20 * * 1-5", "time_zone": "Europe/Berlin"}
{"type": "level", "minutes": 60}                     as long as its conditions hold, at most so often
{"type": "event", "event": "resources.bulk"}         a type of the activity
{"type": "budget", "budget": "<id>", "percent": 80}  a threshold of it is crossed, this or a higher one
{"type": "recommendation", "rule": "idle-vm"}        while one is open, at most once an hour
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.core.exceptions import ValidationError

from accounts.errors import ValidationFailed
from accounts.models.tenancy import validate_time_zone

Trigger = dict[str, Any]
FIELDS_OF_CRON: Final = 5
LEVEL_MINUTES: Final = range(5, 10_081)
PERCENTS: Final = range(1, 1001)
_EVENT: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
OUR_OWN: Final = "automation_"  # events of the rules' own work never set off a rule


def read_trigger(given: Mapping[str, Any]) -> Trigger:
    """The trigger in full, or ValidationFailed for field `trigger`."""
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _READERS:
        raise _wrong(f"its type must be one of {', '.join(_READERS)}.")
    reader, names = _READERS[kind]
    if unknown := sorted(given.keys() - {"type", *names}):
        raise _wrong(f"{kind} knows no {', '.join(unknown)}.")
    return {"type": kind, **reader(given)}


def last_due(trigger: Trigger, now: datetime) -> datetime:
    """The last moment, not after `now`, that a cron trigger names."""
    zone = ZoneInfo(trigger["time_zone"])
    local = now.astimezone(zone).replace(microsecond=0)
    after = datetime.fromtimestamp(local.timestamp() + 1, zone)  # cronsim's moments lie before the one given
    return next(CronSim(trigger["cron"], after, reverse=True)).astimezone(UTC)


def _cron(given: Mapping[str, Any]) -> Trigger:
    text, zone = given.get("cron"), given.get("time_zone", "UTC")
    if not isinstance(text, str) or len(text.split()) != FIELDS_OF_CRON:
        raise _wrong("give cron as minute, hour, day, month and weekday, such as 0 20 * * 1-5.")
    try:
        validate_time_zone(zone)
        trigger = {"cron": " ".join(text.split()), "time_zone": zone}
        last_due(trigger, datetime.now(UTC))
    except (CronSimError, StopIteration) as error:
        raise _wrong(f"no moment is {text!r}: {error or 'it never comes'}.") from error
    except (ValidationError, TypeError) as error:
        raise _wrong(f"{zone!r} is not an IANA time zone such as Europe/Berlin.") from error
    return trigger


def _level(given: Mapping[str, Any]) -> Trigger:
    return {"minutes": _number(given, "minutes", LEVEL_MINUTES, 60)}


def _event(given: Mapping[str, Any]) -> Trigger:
    event = given.get("event")
    if not isinstance(event, str) or not _EVENT.fullmatch(event) or event.startswith(OUR_OWN):
        raise _wrong(
            "give event as a type of the activity, such as resources.bulk; not one of the rules' own."
        )
    return {"event": event}


def _budget(given: Mapping[str, Any]) -> Trigger:
    try:
        budget = str(UUID(str(given.get("budget"))))
    except ValueError as error:
        raise _wrong("give the id of a budget.") from error
    return {"budget": budget, "percent": _number(given, "percent", PERCENTS, 1)}


def _recommendation(given: Mapping[str, Any]) -> Trigger:
    rule = given.get("rule")
    if not isinstance(rule, str) or not rule:
        raise _wrong("give rule as the name of a rule of recommendations.")
    return {"rule": rule}


def _number(given: Mapping[str, Any], name: str, of: range, default: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or value not in of:
        raise _wrong(f"{name} must be a whole number from {of[0]} to {of[-1]}.")
    return int(value)


def _wrong(message: str) -> ValidationFailed:
    return ValidationFailed.field("trigger", message)


_READERS: Final[Mapping[str, tuple[Callable[[Mapping[str, Any]], Trigger], tuple[str, ...]]]] = {
    "manual": (lambda given: {}, ()),
    "cron": (_cron, ("cron", "time_zone")),
    "level": (_level, ("minutes",)),
    "event": (_event, ("event",)),
    "budget": (_budget, ("budget", "percent")),
    "recommendation": (_recommendation, ("rule",)),
}
