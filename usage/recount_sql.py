"""Rollups made of events, and days made of hours, by PostgreSQL: queries whose rows are those of Rollup.

Each has the columns start, DIMENSIONS, count, costs and metrics. The same as usage.recount_fold.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from usage.dimensions import DIMENSIONS, live_events
from usage.models import Rollup

KEYS: Final = ", ".join(("start", *DIMENSIONS))
Query = tuple[str, list[Any]]

# `part` has KEYS and events; `billed` has KEYS, currency and cost; `measured` KEYS, name and a measure.
_SUMS: Final = f"""
    SELECT {KEYS}, count, coalesce(costs, '{{}}') AS costs, coalesce(metrics, '{{}}') AS metrics
    FROM (SELECT {KEYS}, sum(events)::bigint AS count FROM part GROUP BY {KEYS}) AS counted
    LEFT JOIN (
        SELECT {KEYS}, jsonb_object_agg(currency, cost) AS costs
        FROM (SELECT {KEYS}, currency, sum(cost) AS cost FROM billed GROUP BY {KEYS}, currency) AS costed
        GROUP BY {KEYS}
    ) AS costed USING ({KEYS})
    LEFT JOIN (
        SELECT {KEYS}, jsonb_object_agg(name, jsonb_build_array(n, total, low, high)) AS metrics
        FROM (
            SELECT {KEYS}, name, sum(n) AS n, sum(total) AS total, min(low) AS low, max(high) AS high
            FROM measured GROUP BY {KEYS}, name
        ) AS measures
        GROUP BY {KEYS}
    ) AS measures USING ({KEYS})
"""  # noqa: S608


def hours_of_events(tenant_id: UUID, hours: list[datetime]) -> Query:
    """The hour rows of these hours, from all of their live events."""
    columns = ("timestamp", *DIMENSIONS, "currency", "cost", "metrics")
    events, params = live_events(tenant_id).values(*columns).query.sql_with_params()
    sql = f"""
        WITH part AS MATERIALIZED (
            SELECT hour AS start, {", ".join(DIMENSIONS)}, 1 AS events, currency, cost, metrics
            FROM ({events}) AS event
            JOIN unnest(%s::timestamptz[]) AS hour
            ON timestamp >= hour AND timestamp < hour + interval '1 hour'
        ),
        billed AS (SELECT {KEYS}, currency, cost FROM part WHERE cost IS NOT NULL),
        measured AS (
            SELECT {KEYS}, name, 1 AS n, number AS total, number AS low, number AS high
            FROM part
            CROSS JOIN jsonb_each(CASE jsonb_typeof(metrics) WHEN 'object' THEN metrics ELSE '{{}}' END)
                AS metric(name, value)
            CROSS JOIN LATERAL (
                SELECT CASE jsonb_typeof(value) WHEN 'number' THEN value::numeric END AS number
            ) AS given
            WHERE number IS NOT NULL
        )
        {_SUMS}
    """  # noqa: S608
    return sql, [*params, hours]


def day_of_hours(tenant_id: UUID, day: datetime) -> Query:
    """The day rows of a day, from its hour rows."""
    sql = f"""
        WITH part AS MATERIALIZED (
            SELECT %s::timestamptz AS start, {", ".join(DIMENSIONS)}, count AS events, costs, metrics
            FROM {Rollup._meta.db_table}
            WHERE tenant_id = %s AND level = %s AND start >= %s AND start < %s
        ),
        billed AS (
            SELECT {KEYS}, currency, value::numeric AS cost FROM part, jsonb_each(costs) AS c(currency, value)
        ),
        measured AS (
            SELECT {KEYS}, name, (value -> 0)::numeric AS n, (value -> 1)::numeric AS total,
                (value -> 2)::numeric AS low, (value -> 3)::numeric AS high
            FROM part, jsonb_each(metrics) AS metric(name, value)
        )
        {_SUMS}
    """  # noqa: S608
    return sql, [day, tenant_id, Rollup.Level.HOUR, day, day + timedelta(days=1)]
