"""Events rejected on arrival: kept aside with the reason and what was sent, to be mended and replayed.

Their sender has been told, and is told the same whatever happens here. They take the road of the good
events, so a request that brings bad ones does no more work in the database than another.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from django.db import DatabaseError, transaction
from uuid_utils import uuid7

from accounts.models import Tenant
from accounts.redis_link import RedisAway
from accounts.wire import encode
from usage import metrics, queue
from usage.intake import Rejected
from usage.models import DeadLetter

log = structlog.get_logger(__name__)

MAX_BYTES: Final = 65_536  # of one event


class Rejection(msgspec.Struct):
    """What a letter says."""

    event_id: str
    payload: str
    reason: str


_decoder = msgspec.json.Decoder(list[Rejection])


def keep(rejected: Iterable[Rejected]) -> None:
    """Keep those whose tenant is known; nothing is raised, as the sender has the answer in any case."""
    groups: dict[UUID, list[Rejection]] = {}
    for item in rejected:
        if item.tenant is not None:
            groups.setdefault(item.tenant.pk, []).append(_rejection(item))
            metrics.REJECTED.labels(item.tenant.slug).inc()
    entries = [(str(uuid7()), tenant, len(group), encode(group)) for tenant, group in groups.items()]
    if not entries:
        return
    try:
        queue.append_rejected(entries)
    except RedisAway:
        _write_at_once(entries)


def _rejection(item: Rejected) -> Rejection:
    sent = encode(item.event_data)
    reason = item.error
    if len(sent) > MAX_BYTES:
        sent = sent[:MAX_BYTES]
        reason = f"{reason} (Only its first {MAX_BYTES} bytes are kept.)"
    return Rejection(_id_of(item.event_data), sent.decode("utf-8", "ignore"), reason[:2000])


def _id_of(sent: Any) -> str:
    """The id that the sender gave; a CloudEvent's is made of two."""
    if not isinstance(sent, dict):
        return ""
    given = f"{sent.get('source')}|{sent.get('id')}" if "specversion" in sent else sent.get("event_id")
    return given[:255] if isinstance(given, str) else ""


def _write_at_once(entries: list[tuple[str, UUID, int, bytes]]) -> None:
    try:
        for name, tenant_id, _, payload in entries:
            write(name, tenant_id, payload)
    except DatabaseError as error:
        log.error("rejected_events_not_kept", error=str(error), events=sum(size for _, _, size, _ in entries))


def write(name: str, tenant_id: UUID, payload: bytes) -> None:
    """Write the letters of one entry, once, however often and on which road it comes.

    DatabaseError: the database is away. msgspec.MsgspecError: it is no entry of ours.
    """
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    with transaction.atomic():
        DeadLetter.objects.bulk_create(
            (
                DeadLetter(
                    kind=DeadLetter.Kind.REJECTED,
                    tenant=tenant,
                    entry_id=f"{name}#{number}",
                    event_id=rejection.event_id,
                    payload=rejection.payload,
                    reason=rejection.reason,
                )
                for number, rejection in enumerate(_decoder.decode(payload))
            ),
            ignore_conflicts=True,
        )
