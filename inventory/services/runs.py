"""The record that every way of bringing rows leaves."""

from typing import Any

from django.utils import timezone

from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from inventory.models import Import


def import_open(
    *, by: Principal, tenant: Tenant, kind: str, origin: str, source: str, **fields: Any
) -> Import:
    """A new import to write rows for, in the caller's transaction; `import_close` ends it."""
    return Import.objects.create(
        tenant=tenant, kind=kind, origin=origin, source=source, actor=by.actor, **fields
    )


def import_close(*, by: Principal, run: Import, action: str, **payload: Any) -> None:
    """The import is applied with the counts that it has by now; the one activity entry of it all.

    The entry says it in the older service's words too.
    """
    run.state = Import.State.APPLIED
    run.applied_at = timezone.now()
    run.save()
    told = {name: getattr(run, name) for name in ("inserted", "updated", "unchanged", "removed", "rejected")}
    older = {
        "source": f"{run.kind}/bulk" if run.origin == Import.Origin.API else run.source,
        "processed_count": run.rows - run.rejected,
        "inserted_total": run.inserted,
        "updated_total": run.updated + run.unchanged,
    }
    totals = {currency: canonical(total) for currency, total in run.totals.items()}
    payload = {"kind": run.kind, **told, **older, "totals": totals, **payload}
    deed(by=by, action=action, tenant=run.tenant, subject=run, payload=payload)
