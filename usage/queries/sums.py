"""Exact sums of a tenant's live events, by the properties that the rollups keep, from the cheapest source."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.grammar import EVERYTHING, And, Compare, Filter, Path, leaves
from accounts.models import Tenant
from accounts.replica import heavy_reads, reading
from accounts.snapshot import snapshot
from usage.dimensions import DIMENSIONS, live_events
from usage.filters import filter_q
from usage.models import DirtyHour, Rollup
from usage.queries.cover import HOUR, Segment, Source, cover, dirty_hours, floor, segments
from usage.sql import MetricNumber
from usage.tally import Tally

COLUMNS: Final = frozenset(DIMENSIONS)
LEVELS: Final = {Source.DAYS: Rollup.Level.DAY.value, Source.HOURS: Rollup.Level.HOUR.value}
TOTALS: Final = {Source.DAYS: Rollup.Level.DAY_TOTAL.value, Source.HOURS: Rollup.Level.HOUR_TOTAL.value}
PIECES_PER_QUERY: Final = 200  # SQLite's expressions are only so deep

Key = tuple[datetime, tuple[str, ...]]


def of_dimensions(where: Filter) -> bool:
    """Whether a filter speaks of DIMENSIONS alone, and so `sums` can answer it."""
    return all(len(leaf.path.names) == 1 and leaf.path.names[0] in DIMENSIONS for leaf in leaves(where))


class Sum(NamedTuple):
    """What the events from `start` to the next edge sum up to that share the values of `group`."""

    start: datetime
    group: tuple[str, ...]
    tally: Tally


class Asked(NamedTuple):
    tenant: Tenant
    edges: Sequence[datetime]
    where: Filter
    group_by: Sequence[str]
    metrics: Sequence[str]
    costs: bool

    def level(self, source: Source) -> str:
        """The fewest rollups that can tell apart what is to be told apart."""
        told_apart = {*self.group_by, *(leaf.path.names[0] for leaf in leaves(self.where))}
        return (LEVELS if "user_id" in told_apart else TOTALS)[source]


def where_equal(values: dict[str, str]) -> Filter:
    """The filter for events with these values of DIMENSIONS."""
    return And(tuple(Compare(Path((name,)), "=", value) for name, value in values.items()))


def sums(
    *,
    tenant: Tenant,
    edges: Sequence[datetime],
    where: Filter = EVERYTHING,
    group_by: Sequence[str] = (),
    metrics: Sequence[str] = (),
    costs: bool = False,
) -> list[Sum]:
    """The sums between each two neighbours of the sorted edges, where there are events, in order.

    `where` and `group_by` may name DIMENSIONS only. A tally has the metrics that are asked for, and the costs
    when they are. Each answer is what one moment's events sum up to, also where some are just being amended.
    """
    asked = Asked(tenant, edges, where, group_by, metrics, costs)
    with heavy_reads():
        found = _by_sql(asked) if connection.vendor == "postgresql" else _by_fold(asked)
    return [Sum(start, group, tally) for (start, group), tally in sorted(found.items())]


def _rollups(asked: Asked) -> QuerySet[Any, Any]:
    return Rollup.objects.for_tenant(asked.tenant).filter(filter_q(asked.where, COLUMNS)).order_by()


def _events(asked: Asked) -> QuerySet[Any, Any]:
    return live_events(asked.tenant.pk).filter(filter_q(asked.where, COLUMNS))


def _by_fold(asked: Asked) -> dict[Key, Tally]:
    """Row by row in Python, whatever the database."""
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    with snapshot():
        for moment, group, tally in _folded(asked, cover(tenant=asked.tenant, edges=asked.edges)):
            start = asked.edges[bisect_right(asked.edges, moment) - 1]
            metrics = {name: tally.metrics[name] for name in asked.metrics if name in tally.metrics}
            found[start, group].add(tally.count, tally.costs if asked.costs else {}, metrics)
    return dict(found)


def _folded(asked: Asked, pieces: list[Segment]) -> Iterator[tuple[datetime, tuple[str, ...], Tally]]:
    for source in (Source.DAYS, Source.HOURS):
        for within in _within("start", source, pieces):
            rows = _rollups(asked).filter(within, level=asked.level(source))
            for row in rows.values("start", "count", "costs", "metrics", *asked.group_by).iterator():
                tally = Tally().add(row["count"], row["costs"], row["metrics"])
                yield row["start"], tuple(row[name] for name in asked.group_by), tally
    for within in _within("timestamp", Source.RAW, pieces):
        events = _events(asked).filter(within)
        for row in events.values("timestamp", "currency", "cost", "metrics", *asked.group_by).iterator():
            tally = Tally()
            tally.add_event(row["currency"], row["cost"], row["metrics"])
            yield row["timestamp"], tuple(row[name] for name in asked.group_by), tally


def _within(column: str, source: Source, pieces: Iterable[Segment]) -> Iterator[Q]:
    """Conditions that together hold for every moment of the pieces of one source."""
    ranges = [
        Q((f"{column}__gte", piece.start), (f"{column}__lt", piece.end))
        for piece in pieces
        if piece.source is source
    ]
    for place in range(0, len(ranges), PIECES_PER_QUERY):
        yield Q(*ranges[place : place + PIECES_PER_QUERY], _connector=Q.OR)


def _by_sql(asked: Asked) -> dict[Key, Tally]:
    """One statement, and so one moment: unless an hour of it that was clean is not so any more by then."""
    dirty = dirty_hours(tenant=asked.tenant, start=asked.edges[0], end=asked.edges[-1])
    while True:
        rows = _read(asked, dirty)
        fresh = rows[0][0]
        if not fresh:
            return _merged(asked, rows)
        dirty.update(fresh)


def _read(asked: Asked, dirty: set[datetime]) -> list[tuple[Any, ...]]:
    """Rows of: newly dirty hours or null, bucket, group, currency, count, cost, a measure per metric."""
    sql, params = _statement(asked, segments(asked.edges, dirty))
    marks = f"""
        SELECT array_agg(DISTINCT hour) FROM {DirtyHour._meta.db_table}
        WHERE tenant_id = %s AND hour >= %s AND hour < %s AND hour <> ALL(%s::timestamptz[])
    """  # noqa: S608
    start = floor(asked.edges[0], HOUR)
    with reading().cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({marks}) AS marks(fresh) LEFT JOIN ({sql}) AS found ON TRUE",  # noqa: S608
            [asked.tenant.pk, start, asked.edges[-1], sorted(dirty), *params],
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _statement(asked: Asked, pieces: list[Segment]) -> tuple[str, list[Any]]:
    summed = [piece for piece in pieces if piece.source is not Source.RAW]
    raw = [piece for piece in pieces if piece.source is Source.RAW]
    # A source that no piece is of would only be planned; but a statement has one source at least.
    sources = [_stored(asked, summed)] if summed or not raw else []
    sources += [_raw(asked, raw)] if raw else []
    columns, numbers = ["currency", "cost", "events"], ["sum(events)", "sum(cost)"]
    for place in range(len(asked.metrics)):
        columns += [f"n{place}", f"total{place}", f"low{place}", f"high{place}"]
        numbers += [f"sum(n{place})", f"sum(total{place})", f"min(low{place})", f"max(high{place})"]
    keys = ["bucket", *asked.group_by, "currency"]
    sql = f"""
        SELECT {", ".join(keys + numbers)} FROM (
            SELECT width_bucket(moment, %s::timestamptz[]) AS bucket, part.*
            FROM ({" UNION ALL ".join(sql for sql, _ in sources)})
            AS part({", ".join(["moment", *asked.group_by, *columns])})
        ) AS parts
        GROUP BY {", ".join(keys)}
    """  # noqa: S608
    return sql, [list(asked.edges), *(value for _, params in sources for value in params)]


def _stored(asked: Asked, pieces: list[Segment]) -> tuple[str, list[Any]]:
    """From rollups. One with several currencies makes a row for each, and counts with the first of them."""
    columns = ("level", "start", "count", "costs", "metrics", *asked.group_by)
    rollups = _rollups(asked)
    if pieces:  # what the index can find; the join below cannot tell it
        bounds = {"start__gte": pieces[0].start, "start__lt": pieces[-1].end}
        rollups = rollups.filter(level__in=sorted({asked.level(piece.source) for piece in pieces}), **bounds)
    inner, params = rollups.values(*columns).query.sql_with_params()
    billed = ["billed.currency", "billed.cost::numeric"] if asked.costs else ["NULL", "NULL::numeric"]
    once = "CASE WHEN coalesce(billed.place, 1) = 1 THEN {} END" if asked.costs else "{}"
    numbers = [f"(metrics -> %s -> {place})::numeric" for place in range(4)] * len(asked.metrics)
    chosen = ["start", *asked.group_by, *billed, *(once.format(number) for number in ["count", *numbers])]
    each = "LEFT JOIN jsonb_each(costs) WITH ORDINALITY AS billed(currency, cost, place) ON TRUE"
    sql = f"""
        SELECT {", ".join(chosen)} FROM (
            SELECT rollup.* FROM ({inner}) AS rollup
            JOIN unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS piece(source, low, high)
            ON level = source AND start >= low AND start < high
            OFFSET 0  -- or the planner may take costs apart of rows that no piece wants
        ) AS rollup {each if asked.costs else ""}
    """  # noqa: S608
    names = [name for name in asked.metrics for _ in range(4)]
    return sql, [*names, *params, [asked.level(piece.source) for piece in pieces], *_ranges(pieces)]


def _raw(asked: Asked, pieces: list[Segment]) -> tuple[str, list[Any]]:
    numbers = {f"number{place}": MetricNumber(name) for place, name in enumerate(asked.metrics)}
    events = _events(asked).annotate(**numbers)
    columns = ("timestamp", "currency", "cost", *asked.group_by, *numbers)
    inner, params = events.values(*columns).query.sql_with_params()
    billed = (
        ["CASE WHEN cost IS NOT NULL THEN currency END", "cost"] if asked.costs else ["NULL", "NULL::numeric"]
    )
    chosen = ["timestamp", *asked.group_by, *billed, "1"]
    for name in numbers:
        chosen += [f"num_nonnulls({name})", name, name, name]
    sql = f"""
        SELECT {", ".join(chosen)} FROM ({inner}) AS event
        JOIN unnest(%s::timestamptz[], %s::timestamptz[]) AS piece(low, high)
        ON timestamp >= low AND timestamp < high
    """  # noqa: S608
    return sql, [*params, *_ranges(pieces)]


def _ranges(pieces: list[Segment]) -> list[list[datetime]]:
    return [[piece.start for piece in pieces], [piece.end for piece in pieces]]


def _merged(asked: Asked, rows: list[tuple[Any, ...]]) -> dict[Key, Tally]:
    """The rows of several currencies of one group as one."""
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    width = len(asked.group_by)
    for _fresh, bucket, *row in rows:
        if bucket is None:  # there is nothing
            continue
        group, (currency, count, cost), numbers = row[:width], row[width : width + 3], row[width + 3 :]
        measures = {
            name: numbers[place * 4 : place * 4 + 4]
            for place, name in enumerate(asked.metrics)
            if numbers[place * 4]
        }
        costs = {} if currency is None else {currency: cost}
        found[asked.edges[bucket - 1], tuple(group)].add(int(count or 0), costs, measures)
    return dict(found)
