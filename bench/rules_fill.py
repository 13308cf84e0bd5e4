"""Fills a bench's database for bench.rules: planted resources, and thirteen months of what they cost.

A bill of one day is imported as anybody's would be; the other days are copies of it in SQL. The last two
months are billed day by day, the eleven before month by month.
"""

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

DAILY: Final = 61
MONTHLY: Final = 11
COPY_DAYS: Final = """
INSERT INTO inventory_costday ({columns})
SELECT {values} FROM inventory_costday AS old, unnest(%s::date[], %s::timestamptz[], %s::timestamptz[])
    AS told(day, first, end_) WHERE old.day = %s
"""
COPY_LINES: Final = """
INSERT INTO inventory_costline ({columns})
SELECT {values} FROM inventory_costline AS old JOIN inventory_costday AS was ON was.id = old.cost_day_id
    JOIN inventory_costday AS now ON now.tenant_id = was.tenant_id AND now.provider = was.provider
    AND now.billing_account_id = was.billing_account_id AND now.day = ANY(%s)
WHERE was.day = %s
"""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from inventory.generator import HEADER, cells_of
    from inventory.planted import COLUMNS, PlantedFleet

    folder, tenant, resources = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    today = datetime.now(UTC).date()
    fleet = PlantedFleet(seed=1, today=today, resources=resources)
    last = today - timedelta(days=1)
    _write(folder / "stock.csv", COLUMNS, fleet.table())
    _write(folder / "bill.csv", HEADER, map(cells_of, fleet.rows(last)))
    del fleet
    for kind in ("resources", "costs"):
        file = folder / ("stock.csv" if kind == "resources" else "bill.csv")
        call_command(f"import_{kind}", str(file), "--tenant", tenant, stdout=sys.stderr, stderr=sys.stderr)
    days = [last - timedelta(days=n) for n in range(1, DAILY)]
    _copy(last, days, days_long=1)
    _copy(last, _months(days[-1]), days_long=30)


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


def _copy(told: date, days: list[date], *, days_long: int) -> None:
    from django.db import connection

    from inventory.models import CostDay, CostLine
    from inventory.rows import month_of

    columns = [str(field.column) for field in CostDay._meta.concrete_fields]
    given = {
        "id": "gen_random_uuid()",
        "day": "told.day",
        "period_start": "told.first",
        "period_end": "told.end_",
    }
    values = ", ".join(given.get(name, f"old.{name}") for name in columns)
    spans = [month_of(datetime(day.year, day.month, day.day, tzinfo=UTC)) for day in days]
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    with connection.cursor() as cursor:
        sql = COPY_DAYS.format(columns=", ".join(columns), values=values)
        cursor.execute(sql, [days, starts, ends, told])
    columns = [str(field.column) for field in CostLine._meta.concrete_fields]
    given = {
        "id": "gen_random_uuid()", "cost_day_id": "now.id", "charge_start": "now.day::timestamptz",
        "charge_end": f"now.day::timestamptz + interval '{days_long} days'",
        "effective_cost": f"old.effective_cost * {days_long}",
    }  # fmt: skip
    values = ", ".join(given.get(name, f"old.{name}") for name in columns)
    sql = COPY_LINES.format(columns=", ".join(columns), values=values)
    for day in days:
        with connection.cursor() as cursor:
            cursor.execute(sql, [[day], told])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main()
