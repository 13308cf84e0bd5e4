"""What a rule may do. An action is one of

    {"type": "tag", "key": "review", "value": "2026-11"}   on the resource here; null takes the tag away
    {"type": "stop"}, {"type": "start"}                    at the provider, through its adapter
    {"type": "recommend", "description": "Resize it.", "priority": "medium"}
    {"type": "notify", "emails": [...], "webhook": "<id>"}  one message for a whole run

The older service's `action_type` is any word: one that says no action here is kept, and never done.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q

from accounts.errors import ValidationFailed
from accounts.sql import JsonExists, JsonIs
from inventory.kinds import GONE, STOPPED
from inventory.models import Recommendation

Action = dict[str, Any]
SYNONYMS: Final = {
    "stop_instances": "stop",
    "schedule_stop": "stop",
    "start_instances": "start",
    "schedule_start": "start",
}
MOST_ACTIONS: Final = 5
MOST_EMAILS: Final = 20
LONGEST: Final = 255
AT_PROVIDER: Final = frozenset({"stop", "start"})
CHANGING: Final = frozenset({"tag", *AT_PROVIDER})
SUMMARY: Final = "notify"
TAKEN_BACK: Final = "dismiss"  # what takes a recommendation back; no rule asks for it


def action_name(action: Action) -> str:
    """The action's name here."""
    return str(SYNONYMS.get(action["type"], action["type"]))


def read_actions(given: Any) -> list[Action]:
    """The actions in full, or ValidationFailed for field `actions`."""
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_ACTIONS:
        raise _wrong(f"give a list of 1 to {MOST_ACTIONS}.")
    found = [_read(action) for action in given]
    kinds = [(action_name(action), action.get("key")) for action in found]
    if len(set(kinds)) < len(kinds) or {("stop", None), ("start", None)} <= set(kinds):
        raise _wrong("no two may be of one kind, or undo each other.")
    return found


def effect_q(action: Action) -> Q:
    """Resources on which it would do something, as far as the ledger knows."""
    match action_name(action):
        case "tag" if action["value"] is None:
            return Q(JsonExists("tags", action["key"]))
        case "tag":
            return ~Q(JsonIs("tags", action["key"], action["value"]))
        case "stop":
            return ~Q(("state__in", sorted(STOPPED | GONE)))
        case "start":
            return Q(("state__in", sorted(STOPPED)))
        case _:
            return Q()


def expectation(action: Action, tag: Any) -> dict[str, Any]:
    """What must still be so of a resource when it is acted on, given the value of the tag in question."""
    match action_name(action):
        case "tag":
            return {"tag": tag}
        case "stop":
            return {"state": "running"}
        case "start":
            return {"state": "stopped"}
        case _:
            return {}


def _read(action: Any) -> Action:
    kind = action.get("type") if isinstance(action, Mapping) else None
    if not isinstance(kind, str) or SYNONYMS.get(kind, kind) not in _READERS:
        raise _wrong(f"there is no action {kind!r}; there are {', '.join(_READERS)}.")
    reader, names = _READERS[SYNONYMS.get(kind, kind)]
    if unknown := sorted(action.keys() - {"type", *names}):
        raise _wrong(f"{kind} knows no {', '.join(unknown)}.")
    return {"type": kind, **reader(action)}


def _tag(action: Mapping[str, Any]) -> Action:
    key, value = action.get("key"), action.get("value")
    if not isinstance(key, str) or not 1 <= len(key.strip()) <= LONGEST or "\x00" in key:
        raise _wrong(f"give the key of the tag, of at most {LONGEST} characters.")
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST or "\x00" in value):
        raise _wrong(f"give the value of the tag as a text of at most {LONGEST} characters, or null.")
    return {"key": key.strip(), "value": value}


def _recommend(action: Mapping[str, Any]) -> Action:
    description, priority = action.get("description"), action.get("priority", "medium")
    if not isinstance(description, str) or not 1 <= len(description.strip()) <= LONGEST:
        raise _wrong(f"give a description of at most {LONGEST} characters.")
    if priority not in Recommendation.Priority.values:
        raise _wrong(f"the priority is one of {', '.join(Recommendation.Priority.values)}.")
    return {"description": description.strip(), "priority": priority}


def _notify(action: Mapping[str, Any]) -> Action:
    emails, webhook = action.get("emails", []), action.get("webhook")
    if not isinstance(emails, list) or len(emails) > MOST_EMAILS or not (emails or webhook):
        raise _wrong(f"give at most {MOST_EMAILS} emails, or a webhook.")
    try:
        for address in emails:
            validate_email(address)
        named = str(UUID(str(webhook))) if webhook else None
    except ValidationError as error:
        raise _wrong(f"{address!r} is no e-mail address.") from error
    except ValueError as error:
        raise _wrong("give the id of a webhook.") from error
    return {"emails": emails, **({"webhook": named} if named else {})}


def _wrong(message: str) -> ValidationFailed:
    return ValidationFailed.field("actions", message)


_READERS: Final[Mapping[str, tuple[Callable[[Mapping[str, Any]], Action], tuple[str, ...]]]] = {
    "tag": (_tag, ("key", "value")),
    "stop": (lambda action: {}, ()),
    "start": (lambda action: {}, ()),
    "recommend": (_recommend, ("description", "priority")),
    "notify": (_notify, ("emails", "webhook")),
}
