"""The one place that inserts events: two roads into PostgreSQL, one result."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.models import Tenant
from accounts.wire import encode
from usage import ledger
from usage.ledger import Status
from usage.models import DirtyHour, UsageEvent
from usage.tests.documents import row

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


def lot(tenant: Tenant, rows: list[ledger.Row], moment: datetime | None = None) -> ledger.Lot:
    return ledger.Lot(str(tenant.pk), moment or datetime.now(UTC), rows, "1-1")


def test_two_writers_with_the_same_ids_in_opposite_order(acme: Tenant) -> None:
    """In the order of arrival they would wait for each other for ever."""
    names = [f"e-{n:04}" for n in range(1000)]
    start = threading.Barrier(2)
    became: list[ledger.Status] = []
    failures: list[BaseException] = []

    def store(order: list[str]) -> None:
        try:
            for part in range(5):
                rows = ledger.read_rows(encode([row(f"{part}-{name}") for name in order]))
                start.wait(20)
                became.extend(ledger.store([lot(acme, rows)])[0])
        except BaseException as error:
            failures.append(error)
            start.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=store, args=(order,)) for order in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert UsageEvent.objects.for_tenant(acme).count() == 5000
    assert became.count(Status.STORED) == 5000  # each event was new to exactly one of the two
    assert became.count(Status.DUPLICATE) == 5000


WIDE: Final = {
    "timestamp": "1999-12-31T23:59:59.999999Z",
    "user_id": 'tab\tquote"back\\slash\nnull \\N é😀',
    "metrics": {
        "small": Decimal("0.1"),
        "tiny": Decimal("1E-20"),
        "int": 10**37,
        "long": Decimal("9." + "8" * 37),
    },
    "billing_info": {"total_cost": "0.10", "nested": [{"a": [1, Decimal("2.50")]}]},
    "tags": ["a", "ü", '"', "\\"],
    "metadata": {"k": None, "t": True, "\\N": "\\N", "": ""},
    "session_id": "s\\.",
    "request_id": "r",
}


def test_the_copied_and_the_staged_rows_are_the_same(acme: Tenant, rival: Tenant) -> None:
    moment = datetime(2026, 3, 1, 10, tzinfo=UTC)
    rows = ledger.read_rows(encode([row("wide", **WIDE), row("bare"), row("known")]))
    known = ledger.read_rows(encode([row("known")]))
    ledger.store([lot(acme, known, moment)])
    copied = ledger.store([lot(rival, rows, moment)])
    staged = ledger.store([lot(acme, rows, moment)])
    assert copied == [[Status.STORED] * 3]
    assert staged == [[Status.STORED, Status.STORED, Status.DUPLICATE]]
    columns = [name for name in ledger.COLUMNS if name not in {"id", "tenant_id"}]
    # As text: the databases' own forms of numbers and moments are compared, not what Python makes of them.
    texts = ", ".join(f'"{name}"::text' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {texts} FROM {ledger.TABLE} WHERE tenant_id = %s ORDER BY event_id", [rival.pk]
        )
        by_copy = cursor.fetchall()
        cursor.execute(
            f"SELECT {texts} FROM {ledger.TABLE} WHERE tenant_id = %s ORDER BY event_id", [acme.pk]
        )
        by_stage = cursor.fetchall()
    assert by_copy == by_stage
    assert len(by_copy) == 3
    wide = UsageEvent.objects.for_tenant(acme).get(event_id="wide")
    for name in ("user_id", "metrics", "billing_info", "tags", "metadata", "session_id", "request_id"):
        assert getattr(wide, name) == WIDE[name], name
    assert wide.timestamp == datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert wide.received_at == moment


def test_what_copy_reads_as_its_own_stays_text(acme: Tenant) -> None:
    """Each alone among rows that hold nothing of the kind."""
    for number, text in enumerate(("a\tb", "\t", "a\nb", "\n", "\r", "\\", "\\N", "\\.", "\\t", "{}", "")):
        one = row(f"{number}-b", session_id=text, tags=[text or "x"])
        payload = encode([row(f"{number}-a"), one, row(f"{number}-c")])
        plain = ledger.is_plain(payload)
        assert plain is (text in {"{}", ""})
        given = replace(lot(acme, ledger.read_rows(payload)), plain=plain)
        assert ledger.store([given]) == [[Status.STORED] * 3]
        events = UsageEvent.objects.for_tenant(acme).filter(event_id__startswith=f"{number}-")
        stored = dict(events.values_list("event_id", "session_id"))
        assert stored == {f"{number}-a": "", f"{number}-b": text, f"{number}-c": ""}
        assert events.get(event_id=f"{number}-b").tags == [text or "x"]


def test_a_tenant_that_is_not_there(acme: Tenant) -> None:
    """No foreign key says so for each row; none of the transaction is stored."""
    gone = Tenant(slug="gone")
    rows = ledger.read_rows(encode([row("a")]))
    with pytest.raises(IntegrityError):
        ledger.store([lot(acme, rows), lot(gone, rows)])
    assert UsageEvent.objects.count() == 0
    assert DirtyHour.objects.count() == 0


def test_a_tenant_cannot_be_deleted_under_its_events(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def remove() -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '100ms'")
                cursor.execute("DELETE FROM accounts_tenant WHERE id = %s", [acme.pk])
        except OperationalError as error:
            tried.append(str(error))
        finally:
            connection.close()

    plain = ledger._copy

    def copy(*arguments: Any, **named: Any) -> None:
        plain(*arguments, **named)
        person = threading.Thread(target=remove)
        person.start()
        person.join(30)

    monkeypatch.setattr(ledger, "_copy", copy)
    ledger.store([lot(acme, ledger.read_rows(encode([row("a")])))])
    assert len(tried) == 1
    assert "lock timeout" in tried[0]
    assert UsageEvent.objects.get().tenant == acme
