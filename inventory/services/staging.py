"""Lines of a file on their way: stored in days that do not count yet, chunk by chunk."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db import connection, transaction
from uuid_utils import uuid7

from inventory.cells import day_of
from inventory.cost_reader import Line, Part, full_row
from inventory.models import CostDay, CostLine, Import
from inventory.rows import LINE_FIELDS, line_id
from inventory.services.costs import DayKey, charges_take

CHUNK: Final = 5_000
PER_DELETE: Final = 100  # days
TABLE: Final = CostLine._meta.db_table
COLUMNS: Final = (
    "id", "tenant_id", "cost_day_id", "charge_id", "source_import_id", "row_number", *LINE_FIELDS,
)  # fmt: skip
Stored = tuple[Any, ...]


class Staging:
    """Takes the lines of an import. With `keyed`, a line takes the place of an earlier one of its key."""

    def __init__(self, run: Import, *, keyed: bool) -> None:
        self.run = run
        self.repeated = 0
        self._keyed = keyed
        self._days: dict[DayKey, CostDay] = {}
        self._lines: list[Line] = []

    def add(self, line: Line) -> None:
        self._lines.append(line)
        if len(self._lines) == CHUNK:
            self.flush()

    @transaction.atomic
    def flush(self) -> None:
        lines, self._lines = self._lines, []
        parts = list({id(line.part): line.part for line in lines if line.part.id is None}.values())
        for part, charge in zip(parts, charges_take(tenant=self.run.tenant, rows=_rows(parts)), strict=True):
            part.id = charge
        days = self._take_days(lines)
        self._store(self._keys(lines, days) if self._keyed else self._values(lines, days))
        for part in parts if not self._keyed else ():
            part.row = None

    def _take_days(self, lines: Iterable[Line]) -> list[CostDay]:
        """The day of each line."""
        found, new = [], []
        for line in lines:
            key = DayKey(line.part.provider, line.part.account, line.period_start, day_of(line.charge_start))
            day = self._days.get(key)
            if day is None:
                day = self._days[key] = CostDay(
                    tenant=self.run.tenant, source=self.run.source, source_import=self.run, is_live=False,
                    period_end=line.period_end, **key._asdict(),
                )  # fmt: skip
                new.append(day)
            found.append(day)
        CostDay.objects.bulk_create(new)
        return found

    def _values(self, lines: Iterable[Line], days: Iterable[CostDay]) -> Iterator[Stored]:
        tenant, run = self.run.tenant_id, self.run.pk
        for line, day in zip(lines, days, strict=True):
            yield (str(uuid7()), tenant, day.pk, line.part.id, run, line.number, *line[4:])

    def _keys(self, lines: Iterable[Line], days: Iterable[CostDay]) -> Iterable[Stored]:
        """The last line of each key, under the id that the bulk API would give it."""
        found = {}
        for line, day, values in zip(lines, days, self._values(lines, days), strict=True):
            if line.part.row is None:  # pragma: no cover
                raise RuntimeError("The row of a keyed line is kept.")
            key = line_id(day.pk, full_row(line, line.part.row))
            self.repeated += key in found
            found[key] = (key, *values[1:])
        before, _ = CostLine.objects.for_tenant(self.run.tenant).filter(pk__in=list(found)).delete()
        self.repeated += before
        return found.values()

    def _store(self, values: Iterable[Stored]) -> None:
        if connection.vendor != "postgresql":
            CostLine.objects.bulk_create(
                [CostLine(**dict(zip(COLUMNS, stored, strict=True))) for stored in values]
            )
            return
        statement = f"COPY {TABLE} ({','.join(COLUMNS)}) FROM STDIN"
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
            for stored in values:
                copy.write_row(stored)


def _rows(parts: Iterable[Part]) -> Iterator[Any]:
    return (part.row for part in parts)


def staging_clear(run: Import) -> None:
    """Delete the days of an import that do not count, in the caller's transaction or one by one."""
    days = CostDay.objects.for_tenant(run.tenant).filter(source_import=run, is_live=False)
    while chunk := list(days.values_list("pk", flat=True)[:PER_DELETE]):
        with transaction.atomic():
            CostLine.objects.for_tenant(run.tenant).filter(cost_day__in=chunk).delete()
            CostDay.objects.for_tenant(run.tenant).filter(pk__in=chunk).delete()
