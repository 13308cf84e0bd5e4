"""Usage's background work."""

import time
from typing import Final

from celery import shared_task
from django.utils import timezone

from usage import metrics
from usage.rollups import recompute_all
from usage.services.alerts import alerts_evaluate
from usage.services.quotas import quotas_tell

BUDGET_SECONDS: Final = 45.0


@shared_task(name="usage.aggregate")
def aggregate() -> None:
    """Make the sums of marked hours again, in the time there is, but not of those that events come for."""
    started = time.perf_counter()
    for done in recompute_all(now=timezone.now()):
        metrics.RECOMPUTED.inc(done.hours)
        if time.perf_counter() - started > BUDGET_SECONDS:
            break
    metrics.AGGREGATION.observe(time.perf_counter() - started)


@shared_task(name="usage.evaluate_alerts")
def evaluate_alerts() -> None:
    """Raise and resolve alerts, and tell of quotas that are nearly used."""
    alerts_evaluate()
    quotas_tell()
