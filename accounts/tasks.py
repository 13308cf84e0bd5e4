"""The accounts' background work."""

from uuid import UUID

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.services import sending
from accounts.services.deliveries import deliveries_prune
from accounts.services.idempotency import calls_prune
from accounts.services.sessions import refresh_tokens_prune


@shared_task(name="accounts.prune_tokens")
def prune_tokens() -> None:
    """Delete refresh tokens and browser sessions that have expired."""
    refresh_tokens_prune()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()


@shared_task(name="accounts.prune_idempotent_calls")
def prune_idempotent_calls() -> None:
    """Forget the Idempotency-Keys of yesterday."""
    calls_prune()


@shared_task(name="accounts.deliver")
def deliver(delivery_id: str) -> None:
    """Attempt one delivery; the rest of its attempts are the sweep's."""
    sending.deliver(delivery_id=UUID(delivery_id))


@shared_task(name="accounts.sweep_deliveries")
def sweep_deliveries() -> None:
    """Attempt what is due again, or was never heard of."""
    sending.deliveries_sweep()


@shared_task(name="accounts.prune_deliveries")
def prune_deliveries() -> None:
    """Delete deliveries that ended long ago."""
    deliveries_prune()
