"""Fills a bench's database for bench.rules: planted resources, and thirteen months of what they cost.

Ten thousand resources and their bill of one day are planted and imported as anybody's would be. The rest are
copies of them in SQL, under other names and at other costs; so are the other days. The last two months are
billed day by day, the eleven before month by month.
"""

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

PLANTED: Final = 10_000
DAILY: Final = 61
MONTHLY: Final = 11
LINES: Final = "inventory_costline"
# Of one that is copied: its id, and what names others.
SAME: Final = "md5({}::text || copy)::uuid"
DETAILS: Final = """old.details || jsonb_strip_nulls(jsonb_build_object(
    'attached_to', nullif(old.details ->> 'attached_to', '') || copy,
    'source', nullif(old.details ->> 'source', '') || copy
))"""
SERIES: Final = "{} AS old, (SELECT '-' || n AS copy FROM generate_series(1, %s) AS n) AS series"
DAYS: Final = """inventory_costday AS old, unnest(%s::date[], %s::timestamptz[], %s::timestamptz[])
    AS told(day, first, end_) WHERE old.day = %s"""
BILL: Final = """
CREATE TEMP TABLE bill AS SELECT line.*, provider, billing_account_id
    FROM inventory_costline AS line JOIN inventory_costday AS told ON told.id = cost_day_id
"""
OF_BILL: Final = """bill AS old JOIN inventory_costday AS now USING (tenant_id, provider, billing_account_id)
    WHERE now.day = %s"""
INDEXES: Final = """
SELECT indexdef FROM pg_indexes LEFT JOIN pg_constraint ON conname = indexname
WHERE tablename = %s AND conname IS NULL
"""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    folder, tenant, resources = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    last = datetime.now(UTC).date() - timedelta(days=1)
    _import(folder, tenant, min(resources, PLANTED), last)
    days = [last - timedelta(days=n) for n in range(1, DAILY)]
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # what is copied has its foreign keys
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute("ANALYZE")
        with _bare(cursor, LINES):
            _copy_resources(cursor, -(-resources // PLANTED) - 1)
            cursor.execute(BILL)
            _copy_days(cursor, last, days, days_long=1)
            _copy_days(cursor, last, _months(days[-1]), days_long=30)
        cursor.execute("VACUUM ANALYZE")


def _import(folder: Path, tenant: str, resources: int, day: date) -> None:
    from django.core.management import call_command

    from inventory.generator import HEADER, cells_of
    from inventory.planted import COLUMNS, PlantedFleet

    fleet = PlantedFleet(seed=1, today=day + timedelta(days=1), resources=resources)
    _write(folder / "stock.csv", COLUMNS, fleet.table())
    _write(folder / "bill.csv", HEADER, map(cells_of, fleet.rows(day)))
    for kind, file in (("resources", "stock.csv"), ("costs", "bill.csv")):
        options = {"tenant": tenant, "stdout": sys.stderr, "stderr": sys.stderr}
        call_command(f"import_{kind}", str(folder / file), **options)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _months(before: date) -> list[date]:
    """The first days of the months before a day."""
    found: list[date] = []
    day = before.replace(day=1)
    while len(found) < MONTHLY:
        day = (day - timedelta(days=1)).replace(day=1)
        found.append(day)
    return found


@contextmanager
def _bare(cursor: Any, table: str) -> Iterator[None]:
    """A table without indexes, which are made anew at the end: that is much faster than row by row."""
    cursor.execute(INDEXES, [table])
    indexes = [definition for (definition,) in cursor.fetchall()]
    for definition in indexes:
        cursor.execute(f"DROP INDEX {definition.split()[2]}")
    cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    yield
    for definition in (*indexes, f"ALTER TABLE {table} ADD PRIMARY KEY (id)"):
        cursor.execute(definition)


def _copy_resources(cursor: Any, copies: int) -> None:
    from inventory.models import Charge, CostLine, Resource, ResourceChange

    renamed = {"id": SAME.format("old.id"), "resource_id": "old.resource_id || copy"}
    line = {
        "id": "gen_random_uuid()", "charge_id": SAME.format("old.charge_id"),
        "effective_cost": "old.effective_cost * (1 - copy::int / 100.0)",
    }  # fmt: skip
    for model, values in (
        (ResourceChange, {**renamed, "resource_id": SAME.format("old.resource_id")}),
        (Resource, {**renamed, "details": DETAILS}),
        (CostLine, line),
        (Charge, renamed),
    ):
        _copy(cursor, model, SERIES.format(model._meta.db_table), values, copies)


def _copy_days(cursor: Any, told: date, days: list[date], *, days_long: int) -> None:
    from inventory.models import CostDay, CostLine
    from inventory.rows import month_of

    spans = [month_of(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days]
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    values = {
        "id": "gen_random_uuid()", "day": "told.day", "period_start": "told.first",
        "period_end": "told.end_",
    }  # fmt: skip
    _copy(cursor, CostDay, DAYS, values, days, starts, ends, told)
    values = {
        "id": "gen_random_uuid()", "cost_day_id": "now.id", "charge_start": "now.day::timestamptz",
        "charge_end": f"now.day::timestamptz + interval '{days_long} days'",
        "effective_cost": f"old.effective_cost * {days_long}",
    }  # fmt: skip
    for day in days:
        _copy(cursor, CostLine, OF_BILL, values, day)


def _copy(cursor: Any, model: Any, source: str, values: dict[str, str], *params: Any) -> None:
    """Insert into a model's table what `source` gives, with other values in some columns."""
    columns = [str(field.column) for field in model._meta.concrete_fields]
    told = ", ".join(values.get(name, f"old.{name}") for name in columns)
    table = model._meta.db_table
    cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {told} FROM {source}", params)


if __name__ == "__main__":
    main()
