"""A month of usage, made in the database: one tenant, five services, three providers, fifty users."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
END: Final = datetime(2026, 4, 1, tzinfo=UTC)
LATE_DAY: Final = datetime(2026, 3, 15, tzinfo=UTC)
DAY: Final = timedelta(days=1)
CHUNK: Final = 500_000

# Ids rise with time, as those of a writer do. A user has one provider and uses every service and type.
INSERT: Final = """
INSERT INTO usage_usageevent (id, tenant_id, event_id, timestamp, user_id, service_type, service_provider,
    event_type, metrics, billing_info, tags, metadata, session_id, request_id, received_at)
SELECT ('01900000-0000-7%(kind)s-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s,
    %(prefix)s || lpad(n::text, 12, '0'),
    %(start)s + %(length)s * (n::float8 / %(of)s),
    'user-' || (n + n / 50) %% 50, 'service-' || n %% 5, 'provider-' || (n + n / 50) %% 50 %% 3,
    'type-' || n / 5 %% 2,
    jsonb_build_object('cpu_hours', (n %% 997) / 100.0, 'memory_gb_hours', n %% 64,
        'network_bytes', n * 7919 %% 1000000007, 'latency_ms', (n * 104729 %% 100003) / 10.0),
    jsonb_build_object('total_cost', (n %% 1009) / 10000.0,
        'currency', CASE n %% 4 WHEN 0 THEN 'EUR' ELSE 'USD' END),
    '["production", "team-a"]', '{}', '', '', %(start)s + %(length)s * (n::float8 / %(of)s)
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
"""
MARK: Final = """
INSERT INTO usage_dirtyhour (id, tenant_id, hour)
SELECT ('01900000-0000-7%(kind)s-8000-' || lpad(to_hex(extract(epoch FROM hour)::bigint), 12, '0'))::uuid,
    %(tenant)s, hour
FROM generate_series(%(start)s, %(start)s + %(length)s - interval '1 hour', '1 hour') hour
"""


def load(tenant_id: UUID, events: int) -> None:
    """`events` spread evenly over the month, and its hours marked."""
    _insert(tenant_id, events, prefix="month-", kind="000", start=START, length=END - START)


def load_late(tenant_id: UUID, events: int) -> None:
    """As many more, all of one day."""
    _insert(tenant_id, events, prefix="late-", kind="001", start=LATE_DAY, length=DAY)


def _insert(
    tenant_id: UUID, events: int, *, prefix: str, kind: str, start: datetime, length: timedelta
) -> None:
    values: dict[str, Any] = {"tenant": tenant_id, "prefix": prefix, "start": start, "length": length}
    statement = INSERT.replace("%(kind)s", kind)
    with connection.cursor() as cursor:
        for first in range(0, events, CHUNK):
            last = min(first + CHUNK, events) - 1
            cursor.execute(statement, {**values, "of": events, "first": first, "last": last})
        cursor.execute(MARK.replace("%(kind)s", kind), values)
        cursor.execute("ANALYZE usage_usageevent")
