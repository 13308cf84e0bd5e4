"""Files of resources and costs: received, mapped, checked, applied, undone."""

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import IO, Any, Final

from django.core.files import File
from django.db import transaction
from django.utils import timezone

from accounts.background import ask_worker
from accounts.errors import Conflict, NotFound, ValidationFailed
from accounts.models import Tenant
from accounts.planner import tables_grew
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.cells import Notes, date_order_of
from inventory.columns import BadRow, RowError
from inventory.files import BadFile, Record, Rejects, Table, table_open
from inventory.files.rejects import REASON
from inventory.layouts import Layout, layout_document, layout_of, missing, recognise
from inventory.models import Charge, CostDay, CostLine, Import, Resource, ResourceChange
from inventory.progress import progress_tell
from inventory.queries.imports import changed_since, same_file
from inventory.services.cost_files import CostFile, costs_apply, costs_undo
from inventory.services.costs import DEFAULT_SOURCE
from inventory.services.profiles import layout_named, saved_layouts
from inventory.services.resource_files import ResourceFile, resources_undo
from inventory.services.runs import import_close
from inventory.services.staging import staging_clear

State = Import.State
COSTS: Final = Import.Kind.COSTS.value
SOURCES: Final = {COSTS: DEFAULT_SOURCE, Import.Kind.RESOURCES.value: "files"}
TABLES: Final = {COSTS: (CostDay, CostLine, Charge), Import.Kind.RESOURCES.value: (Resource, ResourceChange)}
FOLDER: Final = "imports"
OPEN: Final = (State.RECEIVED, State.CHECKED, State.FAILED)  # those that may be mapped and checked
INLINE_BYTES: Final = 256 * 1024  # a file up to this size is checked within the call
SAMPLED: Final = 1_000  # rows
SHOWN_ERRORS: Final = 1_000
CHUNK: Final = 10_000  # rows of one transaction
STALE: Final = timedelta(minutes=20)  # longer than any task may run
Watch = Callable[[int, float], None]


def import_receive(
    *,
    by: Principal,
    tenant: Tenant,
    kind: str,
    file: IO[bytes],
    name: str,
    source: str = "",
    profile: str = "",
) -> tuple[Import, bool]:
    """Keep a file and tell how it would be read; whether it is a new one.

    The same content again, while it is in force or on its way, is the import that is there already.
    `profile` names a layout of the tenant's or a shipped one; without, the header decides.
    Errors: 400 it cannot be read, or no such source or profile.
    """
    source = source or SOURCES[kind]
    _check_source(tenant, source)
    run = Import(
        tenant=tenant, kind=kind, origin=Import.Origin.FILE, source=source, file_name=name[-255:],
        actor=by.actor, sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=file.tell(),  # type: ignore[arg-type]
    )  # fmt: skip
    earlier = same_file(run)
    if earlier is not None:
        return earlier, False
    chosen = layout_named(tenant, kind, profile) if profile else None
    _recognise(run, file, chosen)
    file.seek(0)
    run.file.name = run.file.storage.save(f"{FOLDER}/{run.pk}", File(file))
    with transaction.atomic():
        run.save(force_insert=True)
        deed(
            by=by, action="import.received", tenant=tenant, subject=run, payload={"kind": kind, "name": name}
        )
    return run, True


def _check_source(tenant: Tenant, source: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", source):
        raise ValidationFailed.field("source", "use lower-case letters, digits, dots, hyphens.")
    runs = Import.objects.for_tenant(tenant).filter(source=source, origin=Import.Origin.PROVIDER)
    if runs.exists():
        raise ValidationFailed.field("source", f"{source} is told by the provider; choose another.")


def _recognise(run: Import, file: IO[bytes], chosen: Layout | None) -> None:
    try:
        with table_open(file) as table:
            run.header = table.header
            layout = chosen or recognise(run.kind, table.header, saved_layouts(run.tenant))
            run.mapping = layout.find(table.header)
            run.layout = layout_document(_with_date_order(layout, run, table))
            if REASON in table.header:
                run.mode = Import.Mode.ADD
    except BadFile as error:
        raise ValidationFailed.field("file", error.message) from error


def _with_date_order(layout: Layout, run: Import, table: Table) -> Layout:
    """Whether days or months come first, as the first rows tell it."""
    name = run.mapping.get("charge_start") or run.mapping.get("created_at")
    if layout.date_order or name is None:
        return layout
    place = table.header.index(name)
    order = date_order_of(record.cells[place] for record in islice(table.records(), SAMPLED))
    return dataclasses.replace(layout, date_order=order)


@transaction.atomic
def import_map(*, by: Principal, run: Import, changes: dict[str, Any]) -> Import:
    """Read the file otherwise: by another `profile`, other `columns` (ours → the file's) or settings.

    What was checked is to be checked again. Errors: 400; 409 it is being checked, or was applied.
    """
    run = _locked(run, OPEN)
    profile = changes.pop("profile", "")
    layout = layout_named(run.tenant, run.kind, profile) if profile else layout_of(run.layout)
    mapping = layout.find(run.header) if profile else dict(run.mapping)
    for ours, theirs in changes.pop("columns", {}).items():
        if ours not in layout.columns:
            raise ValidationFailed.field(f"columns.{ours}", "there is no such column here.")
        if theirs and theirs not in run.header:
            raise ValidationFailed.field(f"columns.{ours}", f"the file has no column {theirs!r}.")
        mapping[ours] = theirs
    run.mapping = {ours: theirs for ours, theirs in mapping.items() if theirs}
    run.mode = changes.pop("mode", run.mode)
    run.layout = layout_document(dataclasses.replace(layout, **changes))
    run.state = State.RECEIVED
    run.save()
    deed(by=by, action="import.mapped", tenant=run.tenant, subject=run)
    return run


def import_preview(*, by: Principal, run: Import) -> Import:
    """Check every row of a file: a small one at once, another by a worker. Errors: 400, 409."""
    lacking = import_missing(run)
    if lacking:
        told = [{"field": f"columns.{name}", "message": "Say which column it is."} for name in lacking]
        raise ValidationFailed(f"The file has no {', '.join(lacking)}.", errors=told)
    if run.state == State.CHECKING:
        return run
    _claim(run)
    if run.size <= INLINE_BYTES or not ask_worker("inventory.check_import", import_id=str(run.pk)):
        import_check_claimed(by=by, run=run)
    run.refresh_from_db()
    return run


def import_missing(run: Import) -> list[str]:
    """Our columns that the import still needs; none where it came in no file."""
    if not run.layout:
        return []
    layout = layout_of(run.layout)
    return [name for name in missing(layout, run.header) if name not in run.mapping]


def import_check(*, by: Principal, run: Import, watch: Watch | None = None) -> Import:
    """Read every row: what is wrong, what is odd, and what would change. Nothing counts yet.

    `watch` hears now and then how many rows, and which part of the file, are read. A file that cannot be read
    is FAILED, with the reason. Ctrl-C leaves it as if nobody had begun. Errors: 409 it is being checked, or
    was applied.
    """
    _claim(run)
    try:
        return import_check_claimed(by=by, run=run, watch=watch)
    except KeyboardInterrupt:
        Import.objects.filter(pk=run.pk, state=State.CHECKING).update(state=State.RECEIVED)
        raise


def import_check_claimed(*, by: Principal, run: Import, watch: Watch | None = None) -> Import:
    """The same of an import that is CHECKING for this caller."""
    run.refresh_from_db()
    run.message, run.state = "", State.CHECKED
    try:
        _settle(run)
        with _undone(run):
            _read_file(by, run, watch or (lambda rows, part: None))
    except BadFile as error:
        run.state, run.message = State.FAILED, error.message[:2000]
    mine = Import.objects.filter(pk=run.pk, state=State.CHECKING)
    fields = [f.name for f in Import._meta.concrete_fields if f.name not in {"id", "tenant"}]
    if not mine.update(**{name: getattr(run, name) for name in fields}):
        raise Conflict("This import was taken away while it was checked.")
    return run


def _claim(run: Import) -> None:
    mine = Import.objects.for_tenant(run.tenant).filter(pk=run.pk, state__in=OPEN)
    if not mine.update(state=State.CHECKING, checked_at=timezone.now()):
        raise Conflict("This import is being checked, or was applied already.")


@transaction.atomic
def _settle(run: Import) -> None:
    """Whatever is applied after this moment shows as later than `checked_at`."""
    tenant_lock(run.tenant)
    run.checked_at = timezone.now()


@contextlib.contextmanager
def _undone(run: Import) -> Iterator[None]:
    """Resources are written to see what that changes, and taken back; costs are stored beside what counts."""
    if run.kind == COSTS:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _read_file(by: Principal, run: Import, watch: Watch) -> None:
    for name in ("rows", "inserted", "updated", "unchanged", "removed", "rejected"):
        setattr(run, name, 0)
    with run.file.open("rb") as file, table_open(file) as table:
        _read(by, run, table, file, watch)


def _read(by: Principal, run: Import, table: Table, file: IO[bytes], watch: Watch) -> None:
    layout, notes = layout_of(run.layout), Notes()
    columns = {ours: table.header.index(theirs) for ours, theirs in run.mapping.items()}
    taker: CostFile | ResourceFile = (
        CostFile(run, layout, columns, notes)
        if run.kind == COSTS
        else ResourceFile(run, layout, columns, notes, by)
    )
    rejects, errors = Rejects(table), _Errors(run)
    with taker:
        for record in table.records():
            run.rows += 1
            reason = _taken(taker, record, errors)
            if reason:
                rejects.add(record, reason)
            if run.rows % CHUNK == 0:
                taker.flush()
                _beat(run, file, watch)
        taker.finish()
    notes.number = 0
    for note in table.notes:
        notes.add(note)
    run.warnings, run.errors = notes.document(), errors.shown
    _keep_rejects(run, rejects)


def _taken(taker: "CostFile | ResourceFile", record: Record, errors: "_Errors") -> str:
    """Hand a row over; why it is refused, if it is."""
    try:
        if record.problem:
            raise BadRow([])
        taker.take(record.number, record.cells)
    except BadRow as bad:
        found = bad.errors or [RowError("", record.problem)]
        return errors.add(record.number, found)
    return ""


class _Errors:
    def __init__(self, run: Import) -> None:
        self.run = run
        self.shown: list[dict[str, Any]] = []

    def add(self, number: int, found: Any) -> str:
        self.run.rejected += 1
        if len(self.shown) < SHOWN_ERRORS:
            self.shown += [{"row": number, "field": name, "message": told} for name, told in found]
        return "; ".join(f"{name}: {told}" if name else told for name, told in found)


def _beat(run: Import, file: IO[bytes], watch: Watch) -> None:
    if run.kind == COSTS:  # those of resources are inside one transaction
        # So that a poll sees it grow, and no sweep takes it for one whose worker died.
        Import.objects.filter(pk=run.pk).update(rows=run.rows, checked_at=timezone.now())
    part = file.tell() / (run.size or 1)
    progress_tell(run, part)
    watch(run.rows, part)


def _keep_rejects(run: Import, rejects: Rejects) -> None:
    rejects.close()
    if run.rejects:
        # Only then: without the commit they are still those of the run.
        transaction.on_commit(partial(run.rejects.storage.delete, str(run.rejects.name)))
    run.rejects.name = ""
    if rejects.file is not None:
        name = f"{FOLDER}/{run.pk}-rejects.{rejects.format}"
        run.rejects.name = run.rejects.storage.save(name, File(rejects.file))
        rejects.file.close()


@transaction.atomic
def import_confirm(*, by: Principal, run: Import) -> Import:
    """Let the good rows of a checked import count. Errors: 409 not checked, or no longer what was seen."""
    tenant_lock(run.tenant)
    run = _locked(run, (State.CHECKED,))
    if run.rows == run.rejected:
        raise Conflict("No row of this import is good.")
    if changed_since(run):
        raise Conflict("Other rows came since the preview; look at it again first.")
    if run.kind == COSTS:
        costs_apply(run)
    else:
        _read_file(by, run, lambda rows, part: None)
    transaction.on_commit(lambda: tables_grew(run.rows, *TABLES[run.kind]), robust=True)
    import_close(by=by, run=run, action=f"{run.kind}.imported", file_name=run.file_name)
    return run


@transaction.atomic
def import_undo(*, by: Principal, run: Import) -> Import:
    """Give back what was there before an applied file. Errors: 404, 409."""
    tenant_lock(run.tenant)
    run = _locked(run, (State.APPLIED,))
    if run.origin != Import.Origin.FILE:
        raise Conflict("Only files can be undone.")
    payload: dict[str, Any] = {}
    if run.kind == COSTS:
        costs_undo(run)
    else:
        payload["given_back"], payload["left"] = resources_undo(by, run)
    run.state, run.undone_at = State.UNDONE, timezone.now()
    run.save(update_fields=["state", "undone_at"])
    deed(
        by=by, action=f"{run.kind}.undone", tenant=run.tenant, subject=run,
        payload={"kind": run.kind, "source": run.source, "file_name": run.file_name, **payload},
    )  # fmt: skip
    return run


def import_discard(*, by: Principal, run: Import) -> None:
    """Forget a file that was never applied. Errors: 404, 409."""
    with transaction.atomic():
        run = _locked(run, OPEN)
        staging_clear(run)
        deed(by=by, action="import.discarded", tenant=run.tenant, subject=run)
        files = [kept for kept in (run.file, run.rejects) if kept]
        run.delete()
        for kept in files:
            transaction.on_commit(lambda kept=kept: kept.storage.delete(kept.name), robust=True)  # type: ignore[misc]


def _locked(run: Import, states: tuple[State, ...]) -> Import:
    """The import, held until commit; 404, or 409 unless it is in one of these states."""
    rows = Import.objects.for_tenant(run.tenant).select_for_update(of=("self",)).select_related("tenant")
    found: Import | None = rows.filter(pk=run.pk).first()
    if found is None:
        raise NotFound("There is no such import.")
    if found.state not in states:
        raise Conflict(f"This import is {found.state}.")
    return found


def imports_sweep() -> None:
    """Delete the lines of imports that were undone or failed. A check that nobody works at has failed."""
    long_ago = timezone.now() - STALE
    Import.objects.filter(state=State.CHECKING, checked_at__lt=long_ago).update(
        state=State.FAILED, message="The check was interrupted; ask for the preview again."
    )
    gone = Import.objects.filter(state__in=(State.UNDONE, State.FAILED), kind=COSTS, days__isnull=False)
    for run in gone.select_related("tenant").distinct():
        staging_clear(run)
