"""What the inventory clears away."""

from collections.abc import Collection
from typing import Final

from django.conf import settings

from accounts.principals import SYSTEM
from accounts.services.cleaning import Job, Removed, Sweep, cutoffs
from inventory.models import Import
from inventory.services.imports import FOLDER, OPEN, import_discard


def uploads_clear(sweep: Sweep) -> Removed:
    """Files that somebody sent and never confirmed."""
    waiting = Import.objects.filter(origin=Import.Origin.FILE, state__in=OPEN).select_related("tenant")
    for tenant, before in cutoffs("upload_days", settings.UPLOAD_RETENTION_DAYS):
        mine = waiting.filter(tenant=tenant, created_at__lt=before)
        yield tenant, sweep.each(mine, lambda run: import_discard(by=SYSTEM, run=run))


def import_files_clear(sweep: Sweep) -> Removed:
    """Files whose import is gone, or never was."""
    yield None, sweep.files(FOLDER, _known)


def _known(names: Collection[str]) -> set[str]:
    rows = Import.objects.all()
    files = rows.filter(file__in=names).values_list("file", flat=True)
    return {*files, *rows.filter(rejects__in=names).values_list("rejects", flat=True)}


JOBS: Final = (
    Job("upload", "uploaded files that nobody confirmed", uploads_clear),
    Job("import_file", "files without an import", import_files_clear),
)
