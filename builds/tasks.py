"""Builds' background work."""

from celery import shared_task

from builds.services.sweep import builds_sweep


@shared_task(name="builds.sweep")
def sweep() -> None:
    """Builds whose run is gone, that were asked to stop, or that are overdue."""
    builds_sweep()
