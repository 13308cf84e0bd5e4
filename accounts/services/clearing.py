"""What the accounts clear away."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import ActivityEntry, Delivery, IdempotentCall, Invitation, RefreshToken, Tenant
from accounts.services.cleaning import BATCH, Job, Removed, Sweep, cutoffs
from accounts.services.idempotency import LIFETIME

# For so long it is still told who was invited and did not come.
INVITATIONS_KEPT: Final = timedelta(days=90)


def refresh_tokens_clear(sweep: Sweep) -> Removed:
    """An expired one is refused by its signature alone."""
    yield None, sweep.rows(RefreshToken.objects.filter(expires_at__lt=timezone.now()))


def sessions_clear(sweep: Sweep) -> Removed:
    yield None, sweep.rows(Session.objects.filter(expire_date__lt=timezone.now()))


def calls_clear(sweep: Sweep) -> Removed:
    """The Idempotency-Keys of yesterday."""
    yield None, sweep.rows(IdempotentCall.objects.filter(started_at__lte=timezone.now() - LIFETIME))


def invitations_clear(sweep: Sweep) -> Removed:
    yield None, sweep.rows(Invitation.objects.filter(expires_at__lt=timezone.now() - INVITATIONS_KEPT))


def deliveries_clear(sweep: Sweep) -> Removed:
    """Those that ended; those of no tenant are the platform's own."""
    ended = Delivery.objects.exclude(state=Delivery.State.PENDING)
    for tenant, before in cutoffs("delivery_days", settings.DELIVERY_RETENTION_DAYS):
        yield tenant, sweep.rows(ended.filter(tenant=tenant, created_at__lt=before))
    before = timezone.now() - timedelta(days=settings.DELIVERY_RETENTION_DAYS)
    yield None, sweep.rows(ended.filter(tenant=None, created_at__lt=before))


def activity_clear(sweep: Sweep) -> Removed:
    """From the oldest entry on, so that those that are kept have no gap; their numbers stay."""
    for tenant, before in cutoffs("activity_days", settings.ACTIVITY_RETENTION_DAYS):
        yield tenant, _activity_before(sweep, tenant, before)


def _activity_before(sweep: Sweep, tenant: Tenant, before: datetime) -> int:
    mine = ActivityEntry.objects.filter(tenant=tenant)
    if sweep.dry_run:
        return int(mine.filter(ts__lt=before).count())
    total = 0
    while not sweep.is_over:
        oldest = list(mine.order_by("seq").values_list("seq", "ts")[:BATCH])
        kept_from = next((seq for seq, ts in oldest if ts >= before), None)
        last = kept_from - 1 if kept_from else oldest[-1][0] if oldest else 0
        removed = mine.filter(seq__lte=last).delete()[0]
        total += removed
        if kept_from or not removed:
            break
    return total


JOBS: Final = (
    Job("activity", "entries of the activity past their retention", activity_clear),
    Job("delivery", "deliveries that ended long ago", deliveries_clear),
    Job("idempotency", "Idempotency-Keys older than a day", calls_clear),
    Job("invitation", "invitations of long ago", invitations_clear),
    Job("refresh_token", "expired refresh tokens", refresh_tokens_clear),
    Job("session", "expired browser sessions", sessions_clear),
)
