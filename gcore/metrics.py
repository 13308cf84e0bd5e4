"""Prometheus metrics of the calls to Gcore."""

from typing import Final

from prometheus_client import Counter, Histogram

CALLS: Final = Counter(
    "gcore_calls_total", "Calls to Gcore, each attempt, by HTTP status", ["operation", "status"]
)
SECONDS: Final = Histogram(
    "gcore_call_duration_seconds",
    "One attempt of a call to Gcore, with its body",
    ["operation"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
ERRORS: Final = Counter("gcore_errors_total", "Calls to Gcore that failed in the end", ["operation", "kind"])
TOKENS: Final = Counter("gcore_tokens_total", "Tokens by where they came from", ["source"])
