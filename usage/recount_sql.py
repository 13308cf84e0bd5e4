"""Rollups made of events, totals and days of hours, by PostgreSQL: queries whose rows are those of Rollup.

Each has the columns start, DIMENSIONS, count, costs and metrics. The same as usage.recount_fold.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from accounts.replica import reading
from usage.dimensions import DIMENSIONS, live_events
from usage.models import Rollup, UsageEvent

KEYS: Final = ", ".join(("start", *DIMENSIONS))
NAMED: Final = 40  # metrics that have columns of their own
SAMPLE: Final = 1000
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
# A list or a single value has no metrics: what is taken from it by name is null, but it has no keys to tell.
_OBJECT: Final = "CASE jsonb_typeof(metrics) WHEN 'object' THEN metrics ELSE '{}' END"
_NUMBER: Final = "CASE jsonb_typeof(metrics -> %s) WHEN 'number' THEN (metrics -> %s)::numeric END"
_AGGREGATES: Final = "count({0}) AS n_{0}, sum({0}) AS total_{0}, min({0}) AS low_{0}, max({0}) AS high_{0}"


def hours_of_events(tenant_id: UUID, hours: list[datetime]) -> Query:
    """The hour rows of these hours, from all of their live events.

    Metrics with the names that are known are summed in one pass, which is four times faster than to take
    each event's metrics apart. Are there others in these hours, a second pass sees to those.
    """
    names = _names(tenant_id, hours)
    columns = ("timestamp", *DIMENSIONS, "currency", "cost", "metrics")
    events, params = live_events(tenant_id).values(*columns).query.sql_with_params()
    rows = f"""
        SELECT hour AS start, event.* FROM ({events}) AS event
        JOIN unnest(%s::timestamptz[]) AS hour
        ON timestamp >= hour AND timestamp < hour + interval '1 hour'
    """  # noqa: S608
    numbers = [f"number{place}" for place in range(len(names))]
    chosen = "".join(f", {_NUMBER} AS {number}" for number in numbers)
    sums = "".join(f", {_AGGREGATES.format(number)}" for number in numbers)
    named = " UNION ALL ".join(
        f"SELECT {KEYS}, %s::text AS name, n_{number} AS n, total_{number} AS total,"  # noqa: S608
        f" low_{number} AS low, high_{number} AS high FROM counted WHERE n_{number} > 0"
        for number in numbers
    )
    sql = f"""
        WITH counted AS MATERIALIZED (
            SELECT {KEYS}, currency, count(*) AS events, sum(cost) AS cost, bool_or(more) AS more{sums}
            FROM (
                SELECT {KEYS}, currency COLLATE "C" AS currency, cost,
                    {_OBJECT} - %s::text[] <> '{{}}' AS more{chosen}
                FROM ({rows}) AS event
                OFFSET 0  -- or each number would be read out of its document four times
            ) AS event
            GROUP BY {KEYS}, currency
        ),
        part AS (SELECT * FROM counted),
        billed AS (SELECT * FROM counted WHERE cost IS NOT NULL),
        measured AS (
            {named + " UNION ALL" if named else ""}
            SELECT {KEYS}, name, 1 AS n, number AS total, number AS low, number AS high
            FROM ({rows}) AS event
            CROSS JOIN jsonb_each({_OBJECT} - %s::text[]) AS metric(name, value)
            CROSS JOIN LATERAL (
                SELECT CASE jsonb_typeof(value) WHEN 'number' THEN value::numeric END AS number
            ) AS given
            WHERE (SELECT bool_or(more) FROM counted) AND number IS NOT NULL
        )
        {_SUMS}
    """  # noqa: S608
    twice = [name for name in names for _ in range(2)]
    return sql, [names, *twice, *params, hours, *names, *params, hours, names]


def _names(tenant_id: UUID, hours: list[datetime]) -> list[str]:
    """The commonest names of metrics among some events of these hours."""
    sql = f"""
        SELECT name FROM (
            SELECT metrics FROM {UsageEvent._meta.db_table}
            WHERE tenant_id = %s AND timestamp >= %s AND timestamp < %s AND jsonb_typeof(metrics) = 'object'
            LIMIT %s
        ) AS sample, jsonb_object_keys(metrics) AS name
        GROUP BY name ORDER BY count(*) DESC, name LIMIT %s
    """  # noqa: S608
    if not hours:
        return []
    with reading().cursor() as cursor:
        end = max(hours) + timedelta(hours=1)
        cursor.execute(sql, [tenant_id, min(hours), end, SAMPLE, NAMED])
        return [name for (name,) in cursor.fetchall()]


def totals_of_hours(tenant_id: UUID, hours: list[datetime]) -> Query:
    """The totals of these hours, from their hour rows."""
    return _of_rollups("start", tenant_id, Rollup.Level.HOUR, hours, user_id="''")


def day_of_hours(tenant_id: UUID, day: datetime, level: Rollup.Level) -> Query:
    """The rows of a day, from those of its hours at a level."""
    hours = [day + timedelta(hours=number) for number in range(24)]
    sql, params = _of_rollups("%s::timestamptz", tenant_id, level, hours)
    return sql, [day, *params]


def _of_rollups(
    start: str, tenant_id: UUID, level: Rollup.Level, starts: list[datetime], user_id: str = "user_id"
) -> Query:
    columns = ", ".join(f"{user_id} AS user_id" if name == "user_id" else name for name in DIMENSIONS)
    sql = f"""
        WITH part AS MATERIALIZED (
            SELECT {start} AS start, {columns}, count AS events, costs, metrics
            FROM {Rollup._meta.db_table}
            WHERE tenant_id = %s AND level = %s AND start = ANY(%s::timestamptz[])
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
    return sql, [tenant_id, level, starts]
