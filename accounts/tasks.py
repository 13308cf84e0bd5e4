"""The accounts' background work."""

from uuid import UUID

from celery import shared_task

from accounts.principals import SYSTEM
from accounts.services import cleaning, sending
from accounts.services.digests import digests_send


@shared_task(name="accounts.deliver")
def deliver(delivery_id: str) -> None:
    """Attempt one delivery; the rest of its attempts are the sweep's."""
    sending.deliver(delivery_id=UUID(delivery_id))


@shared_task(name="accounts.sweep_deliveries")
def sweep_deliveries() -> None:
    """Attempt what is due again, or was never heard of."""
    sending.deliveries_sweep()


@shared_task(name="accounts.send_digests")
def send_digests() -> None:
    """Write the weekly digests that are due."""
    digests_send()


@shared_task(name="accounts.clean_up")
def clean_up() -> None:
    """Clear away what nobody needs any more, in every room."""
    cleaning.clean_up(by=SYSTEM)
