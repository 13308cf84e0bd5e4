"""PostgreSQL knows of a large import at once how many rows it has, and is not bothered by small ones."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Tenant
from inventory.models import CostLine

pytestmark = [pytest.mark.full, pytest.mark.django_db]


def known() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'inventory_costline'::regclass")
        return int(cursor.fetchone()[0])


def imported(hooks: Any, folder: Path, month: str, resources: int) -> int:
    bill = folder / f"{month}.csv"
    call_command("make_costs", bill, "--start", month, "--months", "1", "--resources", str(resources), "-v0")
    with hooks(execute=True):
        call_command("import_costs", bill, "--tenant", "acme", "-v0")
    return CostLine.objects.count()


def test_large_imports_are_known_at_once_and_small_ones_are_not_looked_at(
    acme: Tenant, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE inventory_costline")
    assert imported(django_capture_on_commit_callbacks, tmp_path, "2025-07", 5) < 1000
    assert known() == 0
    rows = imported(django_capture_on_commit_callbacks, tmp_path, "2025-08", 60)
    assert rows > 2000
    assert known() == rows
    imported(django_capture_on_commit_callbacks, tmp_path, "2025-09", 5)
    assert known() == rows
