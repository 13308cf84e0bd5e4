"""Imports of costs: the days of a file take the place of those that were there, and give it back."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from inventory.cells import Notes
from inventory.cost_reader import CostReader, Line
from inventory.layouts import Layout
from inventory.models import Charge, CostDay, CostLine, Import
from inventory.queries.imports import DAY_KEY, DayName, cost_difference, day_name, live_days
from inventory.rows import NATURAL_KEY, line_key_id
from inventory.services.accounts import cloud_accounts_find
from inventory.services.costs import add_total
from inventory.services.staging import Staging, staging_clear

State = Import.State


class CostFile:
    """Stages the rows of one file and counts what they change."""

    def __init__(self, run: Import, layout: Layout, columns: dict[str, int], notes: Notes) -> None:
        staging_clear(run)
        self.run = run
        self.notes = notes
        self._staging = Staging(run, keyed=layout.keyed)
        self._reader = CostReader(
            tenant=run.tenant, layout=layout, header=run.header, columns=columns, notes=notes,
            accounts=cloud_accounts_find(tenant=run.tenant),
        )  # fmt: skip
        self._totals: dict[str, Any] = {}

    def take(self, number: int, cells: list[str]) -> None:
        """Errors: BadRow."""
        line: Line = self._reader.read(number, cells)
        add_total(self._totals, line.currency, line.billed_cost)
        self._staging.add(line)

    def __enter__(self) -> "CostFile":
        self._staging.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._staging.__exit__(*error)

    def flush(self) -> None:
        self._staging.flush()

    def finish(self) -> None:
        """After the last row."""
        self._staging.flush()
        if self.run.mode == Import.Mode.ADD:
            lines_join(self.run)
        found = cost_difference(self.run)
        repeated = self._staging.repeated
        if repeated:
            self.notes.number = 0
            self.notes.add(f"{repeated} rows say anew what an earlier row of the file said; the last counts.")
        self.run.inserted, self.run.unchanged, self.run.removed = found.new, found.unchanged, found.removed
        self.run.updated = found.changed + repeated
        self.run.totals = self._totals


def costs_apply(run: Import) -> None:
    """The days of a checked import count from now on, and not those that they replace."""
    days = _days(run, is_live=False)
    before = live_days(run, days)
    _set_live(before.values(), False)
    _set_live(days, True)


def costs_undo(run: Import) -> None:
    """What was there before counts again, with the lines that the API added since."""
    days = _days(run, is_live=True)
    _set_live(days, False)
    earlier = _earlier(run, days)
    _set_live(earlier.values(), True)
    for day in days:
        _carry(run, day, earlier.get(day_name(day)))


def _days(run: Import, *, is_live: bool) -> list[CostDay]:
    return list(CostDay.objects.for_tenant(run.tenant).filter(source_import=run, is_live=is_live))


def _set_live(days: Iterable[CostDay], is_live: bool) -> None:
    ids = [day.pk for day in days]
    for place in range(0, len(ids), 1000):
        CostDay.objects.filter(pk__in=ids[place : place + 1000]).update(is_live=is_live)


def _earlier(run: Import, days: list[CostDay]) -> dict[DayName, CostDay]:
    """For each of these days, the last one of its name that an import still in force brought before."""
    names = {day_name(day) for day in days}
    others = CostDay.objects.for_tenant(run.tenant).filter(
        source=run.source, is_live=False, source_import__state=State.APPLIED, day__in={d.day for d in days}
    )
    found = others.exclude(source_import=run).order_by("source_import__applied_at", "pk")
    return {day_name(day): day for day in found if day_name(day) in names}


def _carry(run: Import, day: CostDay, earlier: CostDay | None) -> None:
    """Move what came to a day after the import to the day that counts again."""
    lines = CostLine.objects.for_tenant(run.tenant).filter(cost_day=day).exclude(source_import=run)
    later = list(lines.filter(source_import__applied_at__gt=run.applied_at).select_related("charge"))
    if not later:
        return
    if earlier is None:
        earlier = CostDay.objects.create(
            tenant=run.tenant, source=run.source, source_import=later[0].source_import,
            period_end=day.period_end, **dict(zip(DAY_KEY, day_name(day), strict=True)),
        )  # fmt: skip
    moved = {}
    for line in later:
        old = line.pk
        line.pk, line.cost_day = _id_in(earlier.pk, line), earlier
        moved[old] = line
    rows = CostLine.objects.for_tenant(run.tenant)
    rows.filter(pk__in=[*moved, *(line.pk for line in moved.values())]).delete()
    rows.bulk_create(moved.values())


def _id_in(day: UUID, line: CostLine) -> UUID:
    """The id that the API gives a line of this key on another day."""
    charge: Charge = line.charge
    return line_key_id(day, [getattr(line if hasattr(line, n) else charge, n) for n in NATURAL_KEY])


def lines_join(run: Import) -> None:
    """Let the staged days hold what counts on them now too, but for lines that the file says anew."""
    for day in _days(run, is_live=False):
        before = live_days(run, [day]).get(day_name(day))
        if before is None:
            continue
        lines = CostLine.objects.for_tenant(run.tenant).filter(cost_day=before).select_related("charge")
        copies = []
        for line in lines.iterator(chunk_size=2000):
            keyed = line.pk == _id_in(before.pk, line)
            line.pk = _id_in(day.pk, line) if keyed else CostLine._meta.pk.get_default()
            line.cost_day = day
            copies.append(line)
            if len(copies) == 2000:
                CostLine.objects.bulk_create(copies, ignore_conflicts=True)
                copies = []
        CostLine.objects.bulk_create(copies, ignore_conflicts=True)
