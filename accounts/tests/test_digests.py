"""The weekly digest: once for each week, on the tenant's Monday morning, to whoever sees the whole tenant."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError

from accounts.digest import Section, Week, bars, change
from accounts.models import Delivery, Digest, MailRefusal, Membership, Tenant, User
from accounts.services.digests import digests_send
from accounts.services.sending import deliveries_sweep
from tests.builders import make_user

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 3, 9, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def weeks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, date]]:
    """One room, which has always something to say; for which tenant and week it was asked."""
    asked: list[tuple[str, date]] = []

    def made(tenant: Tenant, week: Week) -> list[Section]:
        asked.append((tenant.slug, week.first))
        return [Section("Usage", "5 events.", bars([("Mon", 5)], str))]

    monkeypatch.setattr("accounts.services.digests.SECTIONS", [made])
    return asked


def told() -> list[str]:
    return sorted(Delivery.objects.values_list("target", flat=True))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_it_is_sent_once(acme: Tenant, owner: User, viewer: User, weeks: list[Any]) -> None:
    assert digests_send(now=MONDAY) == 2
    assert digests_send(now=MONDAY) == 0
    assert weeks == [("acme", date(2026, 3, 2))]
    assert told() == ["owner@example.com", "viewer@example.com"]
    assert (Digest.objects.get().week, Digest.objects.get().mails) == (date(2026, 3, 2), 2)
    deliveries_sweep()
    message = mail.outbox[0]
    assert message.subject == "Acme: 02 Mar 2026 to 08 Mar 2026"
    assert "List-Unsubscribe" in message.extra_headers
    assert digests_send(now=at(16, 7)) == 2


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("UTC", at(9, 6, 59), False),
        ("UTC", at(9, 7), True),
        ("UTC", at(10, 23, 59), True),
        ("UTC", at(11, 0), False),
        ("UTC", at(8, 23), False),
        ("Asia/Tokyo", at(8, 21, 59), False),
        ("Asia/Tokyo", at(8, 22), True),
        ("America/New_York", at(9, 10, 59), False),
        ("America/New_York", at(9, 11), True),
    ],
)
def test_it_is_due_on_the_tenants_own_monday(
    acme: Tenant, owner: User, zone: str, now: datetime, due: bool
) -> None:
    Tenant.objects.update(timezone=zone)
    assert digests_send(now=now) == int(due)
    assert [row.week for row in Digest.objects.all()] == ([date(2026, 3, 2)] if due else [])


def test_who_gets_none(acme: Tenant, rival: Tenant, owner: User) -> None:
    make_user("guest", acme, Membership.Role.GUEST)
    make_user("gone", acme, is_active=False)
    make_user("other", rival)
    MailRefusal.objects.create(tenant=acme, address=owner.email, kind="digest")
    Tenant.objects.filter(pk=rival.pk).update(is_active=False)
    assert digests_send(now=MONDAY) == 0
    assert told() == []


def test_a_week_in_which_nothing_happened_is_not_told(
    acme: Tenant, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.services.digests.SECTIONS", [lambda tenant, week: []])
    assert digests_send(now=MONDAY) == 0
    assert (told(), Digest.objects.get().mails) == ([], 0)


def test_the_trouble_of_one_tenant_is_not_the_others(
    acme: Tenant, rival: Tenant, owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = iter([True, False])

    def fails(tenant: Tenant, week: Week) -> list[Section]:
        if tenant == acme and next(troubles):
            raise DatabaseError
        return [Section("Usage", "1 event.")]

    monkeypatch.setattr("accounts.services.digests.SECTIONS", [fails])
    assert digests_send(now=MONDAY) == 1
    assert told() == ["stranger@example.com"]
    assert digests_send(now=MONDAY) == 1  # what failed is tried again
    assert told() == ["owner@example.com", "stranger@example.com"]


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (112, 100, "12 % more than in the week before"),
        (Decimal("0.5"), Decimal(1), "50 % less than in the week before"),
        (1000, 999, "as in the week before"),
        (0, 0, "as in the week before"),
        (5, 0, "nothing to compare with in the week before"),
    ],
)
def test_changes_in_words(now: Any, before: Any, words: str) -> None:
    assert change(now, before) == words


def test_bars_are_in_proportion_and_never_below_nothing() -> None:
    rows = [("a", Decimal(200)), ("b", Decimal(50)), ("c", Decimal("0.01")), ("refund", Decimal(-10))]
    assert [bar.share for bar in bars(rows, str)] == [100, 25, 1, 0]
    assert [bar.share for bar in bars([("a", 0)], str)] == [0]
    assert bars([], str) == []
