"""A batch of events to the service, each with its own end."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from skyledger_client.errors import ApiError, Failure
from skyledger_client.events import Prepared
from skyledger_client.transport import Transport

KEPT: Final = frozenset({"queued", "stored", "duplicate"})
# The batch as a whole was refused: perhaps for one event alone, or for its size.
WORTH_SPLITTING: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
# What it says of an event, and not of the key, the address or the moment.
ABOUT_THE_EVENT: Final = WORTH_SPLITTING | {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}

Ends = tuple[list[dict[str, Any]], list[Failure]]


def deliver(transport: Transport, events: Sequence[Prepared]) -> Ends:
    """Send events as one batch; the receipts (`event_id`, `status`) and the failures.

    A batch that is refused whole is halved until the refused event stands alone.
    """
    body = '{"events":[' + ",".join(event.body for event in events) + "]}"
    try:
        return _ends(events, transport.post("/events/batch", body))
    except ApiError as error:
        if "failed_events" in error.body:
            return _ends(events, error.body)
        if error.status in WORTH_SPLITTING and len(events) > 1:
            return _halves(transport, events)
        refused = error.status in ABOUT_THE_EVENT
        return [], [Failure(event.event, error.message, refused) for event in events]


def _halves(transport: Transport, events: Sequence[Prepared]) -> Ends:
    middle = len(events) // 2
    receipts, failures = deliver(transport, events[:middle])
    more, worse = deliver(transport, events[middle:])
    return receipts + more, failures + worse


def _ends(events: Sequence[Prepared], answer: dict[str, Any]) -> Ends:
    """Match the answer with the events; one that it does not account for counts as failed."""
    results = {item["event_id"]: item for item in answer.get("results") or ()}
    refused = {item["index"]: str(item["error"]) for item in answer.get("failed_events") or ()}
    receipts, failures = [], []
    for index, event in enumerate(events):
        result = results.get(event.event_id)
        if index in refused:
            failures.append(Failure(event.event, refused[index], refused=True))
        elif result is None:
            failures.append(Failure(event.event, "The answer does not mention it.", refused=False))
        elif result["status"] in KEPT:
            receipts.append(result)
        else:
            reason = str(result.get("error") or result["status"])
            failures.append(Failure(event.event, reason, refused=True))
    return receipts, failures
