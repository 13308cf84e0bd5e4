"""The accounts' background work."""

from smtplib import SMTPException

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.services.idempotency import calls_prune
from accounts.services.passwords import password_reset_send
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


@shared_task(
    name="accounts.send_password_reset",
    autoretry_for=(OSError, SMTPException),
    retry_backoff=10,
    max_retries=5,
)
def send_password_reset(user_id: str) -> None:
    """Each attempt makes a new code; the ones before stay good until one is used."""
    password_reset_send(user_id=user_id)
