"""From the bytes of a request to events that every later step can trust.

The fast road decodes a whole body into typed events at once and is taken when nothing about the body
needs a second look. Everything else takes the slow road, which reads the same body as plain JSON,
folds the older services' flat fields into `metrics` and `metadata`, and names each problem.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from django.conf import settings
from uuid_utils import uuid7

from accounts.errors import AppError, NotFound, PermissionRefused, ValidationFailed
from accounts.models import Tenant
from accounts.wire import MAX_INT, check_value, decode, encode, exact_number
from usage.service_types import SERVICE_TYPES, Problem, fold_flat_fields

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
Tags = Annotated[list[Text], msgspec.Meta(max_length=100)]
Admit = Callable[[str], Tenant]

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
# Where the values of `metrics` lie in a batch: what is too deep there is too deep in a single event too.
VALUE_DEPTH: Final = 4
# What `admit` says of a tenant that the caller cannot enter.
REFUSALS: Final = (PermissionRefused, NotFound)


class Event(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An event as the contract has it; a timestamp without a zone is UTC, none is the time of acceptance."""

    tenant_id: Text
    user_id: Text
    service_type: ShortText
    service_provider: Text
    event_type: Text
    event_id: Text | None = None
    timestamp: datetime | None = None
    metrics: dict[str, Any] | None = None
    billing_info: dict[str, Any] | None = None
    tags: Tags | None = None
    metadata: dict[str, Any] | None = None
    session_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    request_id: Annotated[str, msgspec.Meta(max_length=255)] | None = None


class Batch(msgspec.Struct):
    events: list[Event]


class Rejected(msgspec.Struct):
    """An event of a batch that was not taken: its place in the batch, why, and what was sent.

    `refusal` is set when the reason is its tenant and not the event itself; else `tenant` is the one that
    it names, if it names one that the caller may enter.
    """

    index: int
    error: str
    event_data: Any
    refusal: AppError | None = None
    tenant: Tenant | None = None


class NoneTaken(ValidationFailed):
    """The body holds events, none of them valid; `rejected` are those."""

    def __init__(self, message: str, rejected: list[Rejected], **rest: Any) -> None:
        super().__init__(message, **rest)
        self.rejected = rejected


class Taken(msgspec.Struct):
    """What a body held: the good events, each with its place and its tenant, and the rejected ones.

    `encoded` are the events as JSON, where somebody had to write them anyway.
    """

    places: list[int]
    events: list[Event]
    tenants: list[Tenant]
    rejected: list[Rejected]
    encoded: bytes = b""


_one = msgspec.json.Decoder(Event, float_hook=exact_number)
_many = msgspec.json.Decoder(Batch, float_hook=exact_number)
_FIELDS: Final = frozenset(Event.__struct_fields__)


def take_one(body: bytes, admit: Admit) -> tuple[Event, Tenant]:
    """The one event of a body; NoneTaken, ValidationFailed or PermissionRefused."""
    fast = take_plain(body, admit, single=True)
    if fast is not None:
        return fast.events[0], fast.tenants[0]
    document = decode(body)
    return take_document(document, admit, read_event)


def take_document(
    document: Any, admit: Admit, read: Callable[[Any], Event], home: str = ""
) -> tuple[Event, Tenant]:
    """The one event that `read` makes of a document, whose Problem is told as NoneTaken.

    `home` is the tenant of a document that names none.
    """
    try:
        event = read(document)
        return event, _settle(event, admit)
    except Problem as problem:
        raise NoneTaken(
            f"Invalid event data: {problem}",
            [Rejected(0, str(problem), document, tenant=_tenant_of(document, admit, home))],
            errors=[{"field": problem.field, "message": problem.message}],
        ) from problem


def take_batch(body: bytes, admit: Admit) -> Taken:
    """The events of a batch body; a bad one never takes a good one down.

    Errors: ValidationFailed when the body as a whole is not a batch, NoneTaken when it holds no valid
    event, PermissionRefused or NotFound when every event names a tenant that the caller cannot enter.
    """
    return take_plain(body, admit, single=False) or _take_slow(body, admit)


def take_items(items: list[Any], admit: Admit, read: Callable[[Any], Event], home: str = "") -> Taken:
    """The events that `read` makes of the items of a batch; errors as in `take_batch`, `home` as above."""
    limit = settings.MAX_BATCH_SIZE
    if not 1 <= len(items) <= limit:
        raise ValidationFailed.field("events", f"{len(items)} events were sent; send 1 to {limit}.")
    taken = Taken([], [], [], [])
    for index, item in enumerate(items):
        _take_item(taken, index, item, admit, read, home)
    if not taken.events:
        refusal = taken.rejected[0].refusal
        if refusal is not None and all(item.refusal for item in taken.rejected):
            raise refusal
        raise _none_valid(taken.rejected)
    return taken


def take_plain(body: bytes, admit: Admit, *, single: bool) -> Taken | None:
    """The events of a body about which nothing is out of the ordinary, all of them good; else None."""
    if b"\\" in body and b"\\u00" in body:  # an escaped colon would not be counted
        return None
    try:
        events = [_one.decode(body)] if single else _many.decode(body).events
        if not 1 <= len(events) <= settings.MAX_BATCH_SIZE:
            return None
        nameless = [event.event_id for event in events].count(None)
        tenants = [_settle(event, admit) for event in events]
        encoded = encode(events)
        if not _says_each_key_once(body, encoded, nameless - (0 if single else 1)):
            return None
        return Taken(list(range(len(events))), events, tenants, [], encoded)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError, *REFUSALS):
        return None


def _says_each_key_once(body: bytes, encoded: bytes, added: int) -> bool:
    """Whether what was read of a body, written again, has as many keys, but for those `added`.

    Written again it never has more colons; as many only if nothing is missing. A moment loses one with its
    zone: then the keys alone are counted, where no white space keeps one from its colon.
    """
    if b"+" not in body and encoded.count(b":") - added == body.count(b":"):
        return True
    if b"\n" in body or b"\t" in body or b"\r" in body or (b" " in body and b" :" in body):
        return False
    return encoded.count(b'":') - added == body.count(b'":')


def _take_slow(body: bytes, admit: Admit) -> Taken:
    document = decode(body)
    items = document.get("events") if isinstance(document, dict) else None
    limit = settings.MAX_BATCH_SIZE
    if not isinstance(items, list):
        raise ValidationFailed.field("events", f'send {{"events": [...]}} with 1 to {limit} events.')
    return take_items(items, admit, read_event)


def _take_item(
    taken: Taken, index: int, item: Any, admit: Admit, read: Callable[[Any], Event], home: str
) -> None:
    try:
        event = read(item)
        tenant = _settle(event, admit)
    except Problem as problem:
        taken.rejected.append(Rejected(index, str(problem), item, tenant=_tenant_of(item, admit, home)))
    except REFUSALS as refused:
        taken.rejected.append(Rejected(index, refused.message, item, refused))
    else:
        taken.places.append(index)
        taken.events.append(event)
        taken.tenants.append(tenant)


def _tenant_of(item: Any, admit: Admit, home: str) -> Tenant | None:
    """The tenant that a rejected event names rightly, as a field or as an attribute of a CloudEvent."""
    if not isinstance(item, dict):
        return None
    data = item.get("data")
    inside = data.get("tenant_id") if isinstance(data, dict) else None
    name = item.get("tenant_id") or inside or item.get("tenantid") or home
    try:
        return admit(name) if name and isinstance(name, str) else None
    except REFUSALS:
        return None


def _none_valid(rejected: list[Rejected]) -> NoneTaken:
    failed = [{"index": r.index, "error": r.error, "event_data": r.event_data} for r in rejected]
    return NoneTaken(
        f"None of the {len(rejected)} events is valid; the first: {rejected[0].error}",
        rejected,
        errors=[{"field": f"events[{r.index}]", "message": r.error} for r in rejected],
        extra={
            "success": False,
            "processed_count": 0,
            "failed_count": len(rejected),
            "failed_events": failed,
        },
    )


def read_event(item: Any) -> Event:
    """An event from plain JSON, with what stands beside the contract's fields folded into it."""
    if not isinstance(item, dict):
        raise Problem("", "an event is a JSON object")
    try:
        return msgspec.convert(fold_flat_fields(item, _FIELDS), Event)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from error


def _explain(text: str) -> Problem:
    """msgspec's message as ours: "Expected `str`, got `int` - at `$.user_id`"."""
    if missing := re.search(r"missing required field `(\w+)`", text):
        return Problem(missing[1], f"missing required field '{missing[1]}'")
    reason, _, path = text.partition(" - at `$.")
    return Problem(path.rstrip("`"), reason.replace("`", ""))


def _settle(event: Event, admit: Admit) -> Tenant:
    """Give an id where the sender gave none, check the values, and find the tenant."""
    tenant = admit(event.tenant_id)
    if event.timestamp is not None:
        event.timestamp = _in_utc(event.timestamp)
    if event.event_id is None:
        event.event_id = str(uuid7())
    if event.metrics:
        _check_numbers("metrics", event.metrics)
    if event.billing_info:
        _check_numbers("billing_info", event.billing_info)
    if event.metadata:
        _check_numbers("metadata", event.metadata)
    if (rules := SERVICE_TYPES.get(event.service_type)) is not None:
        rules.check(event.metrics or {}, event.metadata or {})
    return tenant


def _in_utc(given: datetime) -> datetime:
    if given.tzinfo is UTC and EARLIEST <= given < LATEST:
        return given
    try:
        moment = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError as error:
        raise Problem("timestamp", "it is outside the calendar") from error
    if not EARLIEST <= moment < LATEST:
        raise Problem("timestamp", "it must be from 1970 to 2199")
    return moment


def _check_numbers(name: str, values: dict[str, Any]) -> None:
    """The typed decoder leaves whole numbers and nesting inside free objects to us."""
    for key, value in values.items():
        kind = type(value)
        if (kind is int and not -MAX_INT < value < MAX_INT) or kind is dict or kind is list:
            try:
                check_value(value, VALUE_DEPTH)
            except ValueError as error:
                raise Problem(f"{name}.{key}", str(error)) from error


def by_tenant(taken: Taken) -> Iterator[tuple[Tenant, list[Event], bytes]]:
    """The events of each tenant, nearly always of one, and as JSON where they are written already."""
    first = taken.tenants[0] if taken.tenants else None
    if first is not None and taken.tenants.count(first) == len(taken.tenants):
        yield first, taken.events, taken.encoded
        return
    groups: dict[str, tuple[Tenant, list[Event]]] = {}
    for event, tenant in zip(taken.events, taken.tenants, strict=True):
        groups.setdefault(tenant.slug, (tenant, []))[1].append(event)
    for tenant, events in groups.values():
        yield tenant, events, b""
