"""Some months of bills, the resources that they name, and what could be saved, for a development machine."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils import timezone

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.generator import HEADER, Bills
from inventory.models import Import, SavedView
from inventory.planted import COLUMNS, PlantedFleet
from inventory.queries.spans import months_after
from inventory.services.automation_rules import rule_create
from inventory.services.budgets import budget_create
from inventory.services.folders import folder_create
from inventory.services.imports import import_check, import_confirm, import_receive
from inventory.services.products import product_create
from inventory.services.recommending import recommendations_compute
from inventory.services.views import saved_view_create

MONTHS: Final = 4
RESOURCES: Final = 7
PLANTED: Final = 40  # beside them, with waste among them
PLANTED_DAYS: Final = 61
STATES: Final = ("running", "running", "running", "stopped")
VIEWS: Final = (
    {"kind": SavedView.Kind.COSTS.value, "name": "Production by team", "filter": "tag:env = prod",
     "group_by": "tag:team,service"},
    {"kind": SavedView.Kind.RESOURCES.value, "name": "Without an owner", "filter": "not exists tag:team"},
)  # fmt: skip


def demo_costs_load(*, tenant: Tenant) -> int:
    """Bills up to yesterday, the resources, what could be saved and what watches them; how many rows.

    None the second time.
    """
    if Import.objects.for_tenant(tenant).exists():
        return 0
    today = timezone.now().date()
    bills = Bills(seed=7, start=months_after(today, 1 - MONTHS), months=MONTHS, resources=RESOURCES)
    fleet = PlantedFleet(seed=7, today=today, resources=PLANTED)
    lines = [*_until(bills, today), *fleet.lines(today - timedelta(days=PLANTED_DAYS))]
    rows = _taken(tenant, "costs", "bills.csv", [HEADER, *lines])
    rows += _taken(tenant, "resources", "resources.csv", _resources(bills))
    rows += _taken(tenant, "resources", "fleet.csv", [COLUMNS, *fleet.table()])
    recommendations_compute(by=SYSTEM, tenant=tenant)
    demo_watch_make(tenant=tenant)
    return rows


def demo_watch_make(*, tenant: Tenant) -> None:
    """Two views, a budget, a folder with a product, and a rule that nobody has planned yet."""
    for view in VIEWS:
        saved_view_create(by=SYSTEM, tenant=tenant, **view)
    budget_create(
        by=SYSTEM, tenant=tenant, name="All clouds", amount=Decimal(4000), currency=tenant.currency,
        thresholds=[{"percent": 80, "of": "actual"}, {"percent": 100, "of": "forecast"}],
    )  # fmt: skip
    by = SYSTEM.enter(tenant.slug)
    shops = folder_create(by=by, tenant=tenant, name="Shops")
    web = folder_create(by=by, tenant=tenant, name="Web", parent_id=shops.pk)
    product_create(by=by, tenant=tenant, folder_id=web.pk, name="Cart", resource_filter="tag:env = prod")
    rule_create(
        by=by, tenant=tenant, name="Ask whose it is", filter="not exists tag:team", max_percent=100,
        actions=[{"type": "tag", "key": "review", "value": "owner"}],
    )  # fmt: skip


def _until(bills: Bills, today: date) -> list[Any]:
    place = HEADER.index("ChargePeriodStart")
    return [row for row in bills.rows() if row[place][:10] < today.isoformat()]


def _resources(bills: Bills) -> list[list[str]]:
    made = datetime.combine(bills.start, datetime.min.time(), UTC)
    columns = ("provider", "resource_id", "name", "resource_type", "region", "state", "cloud_account_id",
               "tags", "utilization", "cost_monthly", "currency", "created_at")  # fmt: skip
    rows = [list(columns)]
    for one in bills.resources:
        service, name = one.service, f"{one.service.kind.replace(' ', '-')}-{one.number:05}"
        tags = f"env={one.environment}; team={one.team}" if one.environment else ""
        monthly = service.price * Decimal(str(round(30 * service.quantity * one.size, 2)))
        rows.append([
            service.provider, f"{service.account}/{name}", name, service.kind, service.region,
            STATES[one.number % len(STATES)], f"{service.account}-{one.sub_account}", tags,
            f'{{"cpu": {(one.number * 37) % 90 + 3}}}', f"{monthly:.2f}", service.currency,
            (made + timedelta(hours=one.number)).isoformat(),
        ])  # fmt: skip
    return rows


def _taken(tenant: Tenant, kind: str, name: str, rows: list[Any]) -> int:
    """Import the rows as a file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    file = io.BytesIO(text.getvalue().encode())
    by = SYSTEM.enter(str(tenant.pk))
    run, _ = import_receive(by=by, tenant=tenant, kind=kind, file=file, name=name)
    import_confirm(by=by, run=import_check(by=by, run=run))
    return len(rows) - 1
