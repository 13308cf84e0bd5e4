"""Imports of resources: written row by row, and given back by their history."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from accounts.principals import Principal, is_named
from inventory.cells import NULLS, Cells, Notes
from inventory.columns import BadRow, RowError, resource_row
from inventory.layouts import ORGANIZATION, Layout
from inventory.models import Import, Resource, ResourceChange
from inventory.reading import BadValue
from inventory.rows import ResourceRow
from inventory.services.accounts import cloud_accounts_find
from inventory.services.resources import resources_write

CHUNK: Final = 1_000
MONEY: Final = frozenset({"cost_daily", "cost_monthly"})


class ResourceFile:
    """Writes the rows of one file in the caller's transaction, and counts what they change."""

    def __init__(
        self, run: Import, layout: Layout, columns: dict[str, int], notes: Notes, by: Principal
    ) -> None:
        self.run, self.notes, self._by = run, notes, by
        self._accounts = cloud_accounts_find(tenant=run.tenant)
        self._layout = layout
        cells = Cells(notes, date_order=layout.date_order, decimal_comma=layout.decimal_comma, values={})
        self._columns = [(name, place, _read(name, cells)) for name, place in columns.items()]
        self._tags = layout.tags(run.header)
        self._rows: list[ResourceRow] = []

    def take(self, number: int, cells: list[str]) -> None:
        """Errors: BadRow."""
        self.notes.number = number
        self._rows.append(self._row(cells))
        if len(self._rows) == CHUNK:
            self.flush()

    def __enter__(self) -> "ResourceFile":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def finish(self) -> None:
        """After the last row."""
        self.flush()

    def flush(self) -> None:
        rows, self._rows = self._rows, []
        before = self.run.rows
        resources_write(by=self._by, run=self.run, rows=rows)
        self.run.rows = before  # counted by whoever reads the file

    def _row(self, cells: list[str]) -> ResourceRow:
        item: dict[str, Any] = {"provider": self._layout.provider}
        errors = []
        for name, place, read in self._columns:
            try:
                if cells[place] not in NULLS:
                    item[name] = read(cells[place])
            except BadValue as error:
                errors.append(RowError(name, error.message))
        name = item.pop(ORGANIZATION, "")
        if name and not is_named(self.run.tenant, name):
            slug = self.run.tenant.slug
            errors.append(RowError(ORGANIZATION, f"It is not {slug}, whom this import is for."))
        tags = {tag: cells[place] for place, tag in self._tags.items() if cells[place] not in NULLS}
        if tags:
            item["tags"] = {**item.get("tags", {}), **tags}
        try:
            row = resource_row(item, self._accounts)
        except BadRow as bad:
            known = {error.field for error in errors}
            raise BadRow([*errors, *(e for e in bad.errors if e.field not in known)]) from bad
        if errors:
            raise BadRow(errors)
        return row


def _read(name: str, cells: Cells) -> Callable[[str], Any]:
    if name == "tags":
        return cells.tags
    if name in {"utilization", "details"}:
        return cells.document
    if name in MONEY:
        return cells.money
    if name == "created_at":
        return lambda text: cells.moment(text).isoformat()
    return lambda text: text


def resources_undo(by: Principal, run: Import) -> tuple[int, int]:
    """Give back what an import changed; what was changed again since stays. (given back, left) resources.

    A resource that it made is deleted, unless something else told of it later.
    """
    changes = ResourceChange.objects.for_tenant(run.tenant).filter(source_import=run)
    given, left = 0, 0
    for change in changes.select_related("resource").iterator(chunk_size=CHUNK):
        undone = _unmake if change.kind == ResourceChange.Kind.CREATED else _change_back
        if undone(by, run, change):
            given += 1
        else:
            left += 1
    return given, left


def _unmake(by: Principal, run: Import, change: ResourceChange) -> bool:
    resource = change.resource
    if resource.last_seen_at > change.at:
        return False
    resource.delete()
    return True


def _change_back(by: Principal, run: Import, change: ResourceChange) -> bool:
    resource = change.resource
    back = {
        name: pair for name, pair in change.changes.items() if _same(resource, name, _kept(name, pair[1]))
    }
    if not back:
        return False
    for name, (old, _) in back.items():
        setattr(resource, _attribute(name), _kept(name, old))
    resource.updated_at = timezone.now()
    resource.save(update_fields=[*(_attribute(name) for name in back), "updated_at"])
    ResourceChange.objects.create(
        tenant=run.tenant, resource=resource, kind=ResourceChange.Kind.CHANGED, actor=by.actor,
        source_import=None, changes={name: [new, old] for name, (old, new) in back.items()},
    )  # fmt: skip
    return len(back) == len(change.changes)


def _same(resource: Resource, name: str, value: Any) -> bool:
    return bool(getattr(resource, _attribute(name)) == value)


def _attribute(name: str) -> str:
    return "cloud_account_id" if name == "cloud_account" else name


def _kept(name: str, value: Any) -> Any:
    """What a history holds, as the column has it."""
    if value is None:
        return None
    if name in MONEY:
        return Decimal(value)
    if name == "created_at":
        return datetime.fromisoformat(value)
    return UUID(value) if name == "cloud_account" else value
