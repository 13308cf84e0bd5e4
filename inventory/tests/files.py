"""Files of costs and resources, made for tests."""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from typing import Any, Final

from openpyxl import Workbook

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.models import Import
from inventory.services.imports import import_check, import_confirm, import_receive

FOCUS: Final[dict[str, str]] = {
    "ProviderName": "AWS",
    "BillingAccountId": "111",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-03-01T00:00:00Z",
    "BillingPeriodEnd": "2026-04-01T00:00:00Z",
    "ChargePeriodStart": "2026-03-10T00:00:00Z",
    "ChargePeriodEnd": "2026-03-10T01:00:00Z",
    "ChargeCategory": "Usage",
    "ServiceName": "AmazonEC2",
    "ServiceCategory": "Compute",
    "BilledCost": "1.25",
    "EffectiveCost": "1.00",
    "ListCost": "2.5",
    "ContractedCost": "1.25",
    "Tags": '{"env": "prod"}',
}


def focus(**fields: str) -> dict[str, str]:
    return {**FOCUS, **fields}


def csv_bytes(rows: Sequence[dict[str, Any]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def xlsx_bytes(rows: Sequence[Sequence[Any]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def json_bytes(rows: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps(rows).encode()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # so that two processes name their tests alike


def received(tenant: Tenant, content: bytes, kind: str = "costs", **options: Any) -> Import:
    by = SYSTEM.enter(str(tenant.pk))
    run, _ = import_receive(by=by, tenant=tenant, kind=kind, file=io.BytesIO(content), name="f", **options)
    return run


def checked(tenant: Tenant, content: bytes, kind: str = "costs", **options: Any) -> Import:
    run = received(tenant, content, kind, **options)
    return import_check(by=SYSTEM.enter(str(tenant.pk)), run=run)


def applied(tenant: Tenant, content: bytes, kind: str = "costs", **options: Any) -> Import:
    run = checked(tenant, content, kind, **options)
    return import_confirm(by=SYSTEM.enter(str(tenant.pk)), run=run)
