"""Lines of a file on their way: stored in days that do not count yet, chunk by chunk."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from django.db import connection, transaction
from uuid_utils import uuid7

from accounts.row_security import as_platform
from inventory.cells import day_of
from inventory.cost_reader import Line, Part, full_row
from inventory.models import CostDay, CostLine, Import
from inventory.rows import LINE_FIELDS, charge_id, line_id
from inventory.services.costs import charges_take

BLOCK: Final = 500  # lines that PostgreSQL gets at once
PER_DELETE: Final = 100  # days
KEPT: Final = 100_000  # moments that are remembered with their day
COLUMNS: Final = (
    "id", "tenant_id", "cost_day_id", "charge_id", "source_import_id", "row_number", *LINE_FIELDS,
)  # fmt: skip
COPY: Final = f"COPY {CostLine._meta.db_table} ({','.join(COLUMNS)}) FROM STDIN"
ESCAPED: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
Stored = tuple[Any, ...]
_text_of = lru_cache(4096)(str)  # of moments, which repeat


class Staging:
    """Takes the lines of an import; use it as a context, and flush it at times: each flush is a transaction.

    With `keyed`, a line takes the place of an earlier one of its key. Other lines go to PostgreSQL while the
    next ones are read, so no query may come between `add` and `flush`. Their days and charges follow them:
    foreign keys are looked at on commit.
    """

    def __init__(self, run: Import, *, keyed: bool) -> None:
        self.run = run
        self.repeated = 0
        self._keyed = keyed
        self._streams = connection.vendor == "postgresql" and not keyed
        self._owner = (str(run.tenant_id), str(run.pk))
        self._stack = ExitStack()
        self._copy: Any = None
        self._days: dict[tuple[str, str, datetime, date], str] = {}
        self._days_at: dict[tuple[str, str, datetime, datetime], str] = {}
        self._new_days: list[CostDay] = []
        self._new_parts: list[Part] = []
        self._lines: list[Line] = []

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def add(self, line: Line) -> None:
        part = line.part
        if part.id is None and part.row is not None:
            part.id = str(charge_id(self.run.tenant_id, part.row))
            self._new_parts.append(part)
        self._lines.append(line)
        if self._streams and len(self._lines) == BLOCK:
            self._send()

    def flush(self) -> None:
        """Store all lines so far."""
        if self._streams:
            self._send()
            self._copy = None
            self._stack.pop_all().close()
            return
        lines, self._lines = self._lines, []
        with transaction.atomic():
            stored = self._replace(lines) if self._keyed else list(self._values(lines))
            self._store_rest()
            CostLine.objects.bulk_create(
                [CostLine(**dict(zip(COLUMNS, values, strict=True))) for values in stored]
            )

    def _send(self) -> None:
        if not self._lines:
            return
        if self._copy is None:
            self._stack.enter_context(transaction.atomic())
            self._stack.push(self._store_rest)
            self._stack.enter_context(as_platform())  # as a tenant there is no COPY into a table
            cursor = self._stack.enter_context(connection.cursor())
            self._stack.enter_context(connection.wrap_database_errors)
            self._copy = self._stack.enter_context(cursor.copy(COPY))
        lines, self._lines = self._lines, []
        self._copy.write("".join(map(_copied, self._values(lines))))

    def _store_rest(self, failure: Any = None, *_: object) -> None:
        """The days and charges that lines were the first to name."""
        if failure is not None:
            return
        days, self._new_days = self._new_days, []
        CostDay.objects.bulk_create(days)
        parts, self._new_parts = self._new_parts, []
        charges_take(tenant=self.run.tenant, rows=[part.row for part in parts if part.row is not None])
        for part in parts if not self._keyed else ():
            part.row = None

    def _values(self, lines: Iterable[Line]) -> Iterator[Stored]:
        tenant, run = self._owner
        for line in lines:
            part = line.part
            key = (part.provider, part.account, line.period_start, line.charge_start)
            day = self._days_at.get(key) or self._day(line)
            yield (str(uuid7()), tenant, day, part.id, run, line.number, *line[4:])

    def _day(self, line: Line) -> str:
        """The id of the day that a line belongs to."""
        part = line.part
        name = (part.provider, part.account, line.period_start, day_of(line.charge_start))
        if name not in self._days:
            day = CostDay(
                tenant=self.run.tenant, source=self.run.source, source_import=self.run, is_live=False,
                provider=name[0], billing_account_id=name[1], period_start=name[2], day=name[3],
                period_end=line.period_end,
            )  # fmt: skip
            self._new_days.append(day)
            self._days[name] = str(day.pk)
        if len(self._days_at) >= KEPT:
            self._days_at.clear()
        self._days_at[*name[:3], line.charge_start] = self._days[name]
        return self._days[name]

    def _replace(self, lines: Iterable[Line]) -> Iterable[Stored]:
        """The last line of each key, under the id that the bulk API would give it."""
        found = {}
        for line, values in zip(lines, self._values(lines), strict=True):
            if line.part.row is not None:
                key = line_id(values[2], full_row(line, line.part.row))
                self.repeated += key in found
                found[key] = (key, *values[1:])
        before, _ = CostLine.objects.for_tenant(self.run.tenant).filter(pk__in=list(found)).delete()
        self.repeated += before
        return found.values()


def _copied(values: Stored) -> str:
    """A row of COPY: made as text it takes a fifth of the time that the driver takes."""
    line, tenant, day, charge, run, number, start, end, currency, *numbers, invoice = values
    told = ["\\N" if value is None else str(value) for value in numbers]
    head = (
        f"{line}\t{tenant}\t{day}\t{charge}\t{run}\t{number}\t{_text_of(start)}\t{_text_of(end)}\t{currency}"
    )
    return "\t".join([head, *told, invoice.translate(ESCAPED) if invoice else ""]) + "\n"


def staging_clear(run: Import) -> None:
    """Delete the days of an import that do not count, in the caller's transaction or some at a time."""
    days = CostDay.objects.for_tenant(run.tenant).filter(source_import=run, is_live=False)
    while chunk := list(days.values_list("pk", flat=True)[:PER_DELETE]):
        with transaction.atomic():
            CostLine.objects.for_tenant(run.tenant).filter(cost_day__in=chunk).delete()
            CostDay.objects.for_tenant(run.tenant).filter(pk__in=chunk).delete()
