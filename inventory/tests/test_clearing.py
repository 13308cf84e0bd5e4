"""Uploads that nobody confirmed and files that nobody knows go; what was applied stays."""

import os
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from accounts.services.cleaning import Sweep
from inventory.models import Import
from inventory.services.clearing import import_files_clear, uploads_clear
from inventory.services.imports import import_receive

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def upload(tenant: Tenant, number: int) -> Import:
    file = BytesIO(f"provider,cost\naws,{number}\n".encode())
    run, _ = import_receive(
        by=SYSTEM.enter(tenant.slug), tenant=tenant, kind="costs", file=file, name="a.csv"
    )
    return run


def test_uploads_that_nobody_confirmed_go_with_their_files(
    acme: Tenant, rival: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as clock:
        waiting, applied, checking, theirs = (upload(t, n) for n, t in enumerate((acme, acme, acme, rival)))
        Import.objects.filter(pk=applied.pk).update(state=Import.State.APPLIED)
        Import.objects.filter(pk=checking.pk).update(state=Import.State.CHECKING)
        clock.shift(timedelta(days=django_settings.UPLOAD_RETENTION_DAYS))
        assert list(uploads_clear(Sweep())) == [(acme, 0), (rival, 0)]
        clock.shift(timedelta(seconds=1))
        assert list(uploads_clear(Sweep(dry_run=True))) == [(acme, 1), (rival, 1)]
        with django_capture_on_commit_callbacks(execute=True):
            assert list(uploads_clear(Sweep())) == [(acme, 1), (rival, 1)]
    assert set(Import.objects.all()) == {applied, checking}
    kept = {
        run.pk: default_storage.exists(str(run.file.name)) for run in (waiting, applied, checking, theirs)
    }
    assert kept == {waiting.pk: False, applied.pk: True, checking.pk: True, theirs.pk: False}
    assert ActivityEntry.objects.filter(type="import.discarded").count() == 2


def test_files_without_an_import_go_after_a_day(acme: Tenant) -> None:
    run = upload(acme, 1)
    Import.objects.filter(pk=run.pk).update(rejects="imports/rejects.csv")
    for name in ("imports/rejects.csv", "imports/orphan", "imports/new", "elsewhere/orphan"):
        default_storage.save(name, ContentFile(b"x"))
    long_ago = 1_600_000_000
    for name in (str(run.file.name), "imports/rejects.csv", "imports/orphan", "elsewhere/orphan"):
        os.utime(default_storage.path(name), (long_ago, long_ago))
    assert list(import_files_clear(Sweep(dry_run=True))) == [(None, 1)]
    assert list(import_files_clear(Sweep())) == [(None, 1)]
    assert not default_storage.exists("imports/orphan")
    for name in (str(run.file.name), "imports/rejects.csv", "imports/new", "elsewhere/orphan"):
        assert default_storage.exists(name)
    assert list(import_files_clear(Sweep())) == [(None, 0)]


def test_where_nothing_was_ever_kept_nothing_is_found() -> None:
    assert list(import_files_clear(Sweep())) == [(None, 0)]
