"""Usage's background work."""

from celery import shared_task

from usage.services.letters import rejected_letters_prune


@shared_task(name="usage.prune_letters")
def prune_letters() -> None:
    """Keep the newest rejected events of each tenant."""
    rejected_letters_prune()
