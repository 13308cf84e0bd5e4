"""Gcore's raw files go when their time is over; the rows that were read from them stay."""

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.services.cleaning import Sweep
from accounts.services.retention import retention_set
from gcore.models import ReportJob, ReportRow
from gcore.services.accounts import account_default
from gcore.services.clearing import orphans_clear, raw_files_clear

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def make_report(tenant: Tenant, name: str, **fields: Any) -> ReportJob:
    return ReportJob.objects.create(
        tenant=tenant,
        account=account_default(),
        product="cdn",
        client_id="7",
        start_date=date(2026, 1, 1),
        end_date=date(2026, 1, 31),
        deadline=datetime(2026, 2, 1, tzinfo=UTC),
        raw=default_storage.save(f"gcore/reports/{name}.raw", ContentFile(b"x")),
        **{"state": "completed", "finished_at": datetime(2020, 1, 1, tzinfo=UTC), **fields},
    )


def test_raw_files_go_and_rows_stay(acme: Tenant, rival: Tenant, committed: Any) -> None:
    old = make_report(acme, "old")
    ReportRow.objects.create(tenant=acme, job=old, position=1, client_id="7", metric_value=1)
    running = make_report(acme, "running", state="downloading")
    new = make_report(acme, "new", finished_at=datetime.now(UTC))
    theirs = make_report(rival, "theirs")
    retention_set(by=SYSTEM, tenant=rival, days={"report_days": 36_500})
    assert list(raw_files_clear(Sweep(dry_run=True))) == [(acme, 1), (rival, 0)]
    with committed(execute=True):
        assert list(raw_files_clear(Sweep())) == [(acme, 1), (rival, 0)]
    kept = [default_storage.exists(str(job.raw.name)) for job in (old, running, new, theirs)]
    assert kept == [False, True, True, True]
    old.refresh_from_db()
    assert (old.raw.name, old.state, ReportRow.objects.count()) == ("", "completed", 1)
    assert list(raw_files_clear(Sweep())) == [(acme, 0), (rival, 0)]


def test_files_that_no_report_names_go(acme: Tenant) -> None:
    job = make_report(acme, "known")
    default_storage.save("gcore/reports/orphan.raw", ContentFile(b"x"))
    for name in ("known", "orphan"):
        os.utime(default_storage.path(f"gcore/reports/{name}.raw"), (1, 1))
    assert list(orphans_clear(Sweep())) == [(None, 1)]
    assert default_storage.exists(str(job.raw.name))
    assert not default_storage.exists("gcore/reports/orphan.raw")
