"""Prometheus metrics of the accounts."""

from typing import Final

from prometheus_client import Counter

DELIVERIES: Final = Counter(
    "deliveries_total", "Attempts to deliver a webhook or a mail", ["kind", "outcome"]
)
CLEARED: Final = Counter("cleared_total", "Rows and files that the clean-up removed", ["job"])
