"""The weekly digest: written once for each tenant and week, for whoever sees the whole tenant."""

import zoneinfo
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.digest import DAYS, SECTIONS, Week
from accounts.errors import AppError
from accounts.models import Digest, MailKind, Membership, Tenant
from accounts.row_security import as_tenant
from accounts.services.deliveries import notify

DIGEST_MAIL: Final = "digest.weekly"
# On Monday from this hour on, in the tenant's time zone; what was missed is made up for until Tuesday's end.
HOUR: Final = 7
DUE_DAYS: Final = 2
log = structlog.get_logger(__name__)


def digests_send(*, now: datetime | None = None) -> int:
    """Write the mails of every tenant whose week is over and not told yet; how many mails."""
    now = now or timezone.now()
    mails = 0
    for tenant in Tenant.objects.filter(is_active=True).order_by("pk").iterator():
        with timezone.override(zoneinfo.ZoneInfo(tenant.timezone)):
            week = _due(timezone.localtime(now))
            if week is not None and not Digest.objects.filter(tenant=tenant, week=week.first).exists():
                mails += _tried(tenant, week)
    return mails


def digest_payload(tenant: Tenant, week: Week) -> dict[str, Any] | None:
    """What the mail tells, in the current time zone; None where nothing happened."""
    sections = [section for make in SECTIONS for section in make(tenant, week)]
    if not sections:
        return None
    return {
        "tenant": tenant.name,
        "first": f"{week.days[0]:%d %b %Y}",
        "last": f"{week.days[-1]:%d %b %Y}",
        "sections": [asdict(section) for section in sections],
        "url": f"{settings.PUBLIC_URL}/console/",
    }


def _due(local: datetime) -> Week | None:
    """The week that ended last, while it is time to tell it."""
    if local.weekday() >= DUE_DAYS or (local.weekday() == 0 and local.hour < HOUR):
        return None
    return Week(local.date() - timedelta(days=local.weekday() + DAYS))


def _tried(tenant: Tenant, week: Week) -> int:
    try:
        with as_tenant(tenant):
            return _send(tenant, week)
    except (AppError, DatabaseError):  # one tenant's trouble is not the others'; the next run tries again
        log.exception("digest_failed", tenant=tenant.slug)
        return 0


def _send(tenant: Tenant, week: Week) -> int:
    payload = digest_payload(tenant, week)
    with transaction.atomic():
        digest, is_new = Digest.objects.get_or_create(tenant=tenant, week=week.first)
        if not is_new or payload is None:
            return 0
        told = notify(
            tenant=tenant, type=DIGEST_MAIL, to=_readers(tenant), payload=payload, kind=MailKind.DIGEST
        )
        digest.mails = len(told)
        digest.save(update_fields=["mails"])
    return len(told)


def _readers(tenant: Tenant) -> list[str]:
    """Guests see a part of the tenant alone, and so no sum of it."""
    members = Membership.objects.filter(tenant=tenant, user__is_active=True)
    readers = members.exclude(role=Membership.Role.GUEST).order_by("user__email")
    return list(readers.values_list("user__email", flat=True))
