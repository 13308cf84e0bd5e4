"""The same event again is a duplicate; the same id with another content is a conflict, never silent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Tenant
from accounts.wire import encode
from usage import ledger
from usage.ledger import Status
from usage.models import DeadLetter, DirtyHour, DuplicateReceipt, UsageEvent
from usage.tests.documents import row

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 3, 1, 10, tzinfo=UTC)
LATER = FIRST + timedelta(days=400)


def lot(tenant: Tenant, *rows: dict[str, Any], at: datetime = FIRST, entry_id: str = "1-1") -> ledger.Lot:
    return ledger.Lot(str(tenant.pk), at, ledger.read_rows(encode(list(rows))), entry_id)


def test_an_event_of_any_age_that_comes_again_counts_once(acme: Tenant) -> None:
    assert ledger.store([lot(acme, row("a", metrics={"x": 1}))]) == [[Status.STORED]]
    assert ledger.store([lot(acme, row("a", metrics={"x": 1}), at=LATER)]) == [[Status.DUPLICATE]]
    assert UsageEvent.objects.for_tenant(acme).count() == 1
    assert list(DuplicateReceipt.objects.values_list("event_id", "received_at")) == [("a", LATER)]
    assert DeadLetter.objects.count() == 0


def test_another_content_is_kept_aside(acme: Tenant) -> None:
    ledger.store([lot(acme, row("a", metrics={"x": 1}))])
    assert ledger.store([lot(acme, row("a", metrics={"x": 2}), at=LATER, entry_id="2-1")]) == [
        [Status.CONFLICT]
    ]
    assert UsageEvent.objects.for_tenant(acme).get().metrics == {"x": 1}
    letter = DeadLetter.objects.get()
    assert (letter.kind, letter.tenant, letter.event_id, letter.entry_id) == ("conflict", acme, "a", "2-1")
    assert '"metrics":{"x":2}' in letter.payload
    assert DuplicateReceipt.objects.count() == 0


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"metrics": {"x": 1.5, "y": 2}}, {"metrics": {"y": 2.0, "x": 1.50}}, Status.DUPLICATE),
        ({"metadata": {"k": True}}, {"metadata": {"k": 1}}, Status.CONFLICT),
        ({"metadata": {"k": "1"}}, {"metadata": {"k": 1}}, Status.CONFLICT),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, Status.CONFLICT),
        ({"user_id": "anna"}, {"user_id": "ben"}, Status.CONFLICT),
        ({}, {"session_id": "s"}, Status.CONFLICT),
        ({"timestamp": "2026-03-01T10:00:00Z"}, {"timestamp": "2026-03-01T10:00:00.000Z"}, Status.DUPLICATE),
        ({"timestamp": "2026-03-01T10:00:00Z"}, {"timestamp": "2026-03-01T10:00:01Z"}, Status.CONFLICT),
        ({"timestamp": "2026-03-01T10:00:00Z"}, {"timestamp": None}, Status.DUPLICATE),
        ({"timestamp": None}, {"timestamp": None}, Status.DUPLICATE),
    ],
)
def test_contents_are_compared_by_value(
    acme: Tenant, first: dict[str, Any], second: dict[str, Any], status: Status
) -> None:
    ledger.store([lot(acme, row("a", **first))])
    assert ledger.store([lot(acme, row("a", **second), at=LATER)]) == [[status]]


def test_an_id_that_is_repeated_within_one_transaction(acme: Tenant, rival: Tenant) -> None:
    answers = ledger.store(
        [
            lot(acme, row("a"), row("b"), row("a"), row("a", user_id="ben")),
            lot(rival, row("a")),
            lot(acme, row("b"), at=LATER, entry_id="2-1"),
        ]
    )
    assert answers == [
        [Status.STORED, Status.STORED, Status.DUPLICATE, Status.CONFLICT],
        [Status.STORED],
        [Status.DUPLICATE],
    ]
    assert UsageEvent.objects.count() == 3
    assert sorted(DuplicateReceipt.objects.values_list("event_id", flat=True)) == ["a", "b"]


def test_an_entry_that_comes_again_after_a_crash_was_sent_only_once(acme: Tenant) -> None:
    entry = lot(acme, row("a"), row("a"), row("a", user_id="ben"))
    ledger.store([entry])
    assert (DuplicateReceipt.objects.count(), DeadLetter.objects.count()) == (1, 1)
    assert ledger.store([entry]) == [[Status.DUPLICATE, Status.DUPLICATE, Status.CONFLICT]]
    assert (DuplicateReceipt.objects.count(), DeadLetter.objects.count()) == (1, 1)


def test_an_event_without_a_timestamp_happened_when_it_was_accepted(acme: Tenant) -> None:
    ledger.store([lot(acme, row("a", timestamp=None))])
    assert UsageEvent.objects.get().timestamp == FIRST


def test_only_what_was_stored_marks_its_hour(acme: Tenant) -> None:
    ledger.store([lot(acme, row("a"), row("b", timestamp="2026-02-28T23:59:59.999Z"), row("c"))])
    marks = [datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)]
    assert list(DirtyHour.objects.order_by("hour").values_list("tenant", "hour")) == [
        (acme.pk, hour) for hour in marks
    ]
    DirtyHour.objects.all().delete()
    ledger.store(
        [lot(acme, row("a"), row("b", user_id="ben", timestamp="2026-02-28T23:59:59.999Z"), at=LATER)]
    )
    assert DirtyHour.objects.count() == 0
