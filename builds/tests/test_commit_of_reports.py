"""A report that is the last of its transaction commits with its own statements, and nothing else does."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import ActivityEntry, AuditEntry, Delivery, Tenant, Webhook
from accounts.principals import SYSTEM
from builds.models import Build, BuildState
from builds.rules import Report, Status, decide
from builds.services import moves
from builds.services.builds import build_create
from builds.services.moves import Entry
from builds.services.reports import build_report
from builds.tests.conftest import MADE_OF

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def build(acme: Tenant) -> Build:
    return build_create(by=SYSTEM, tenant=acme, build_id="b", made_of=MADE_OF).build


@pytest.fixture
def elsewhere(build: Build) -> Iterator[Callable[[], int]]:
    """The build's code as another connection sees it."""
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:

        def code() -> int:
            rows = other.execute("SELECT state_code FROM builds_build WHERE id = %s", [build.pk])
            return int(rows.fetchone()[0])  # type: ignore[index]

        yield code


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, elsewhere: Callable[[], int]) -> list[int]:
    """What others see as a report's last lines are reached, before its transaction's block ends."""
    codes: list[int] = []
    tell = moves.tell

    def telling(**given: Any) -> None:
        tell(**given)
        codes.append(elsewhere())

    monkeypatch.setattr(moves, "tell", telling)
    return codes


def webhook(tenant: Tenant) -> Webhook:
    return Webhook.objects.create(tenant=tenant, url="https://example.com/hook", events=["*"])


def report(build: Build, code: int, status: Status | None = None) -> None:
    build_report(by=SYSTEM, build=build, report=Report(code, status), entry=Entry())


def test_others_wait_for_no_line_of_python(build: Build, seen: list[int]) -> None:
    report(build, 5)
    report(build, 10, Status.COMPLETED)
    assert seen == [5, 10]
    assert list(ActivityEntry.objects.order_by("seq").values_list("seq", "type")) == [
        (1, "build.created"),
        (2, "build.state_changed"),
        (3, "build.state_changed"),
    ]
    assert AuditEntry.objects.filter(object_id=str(build.pk)).count() == 3


@pytest.mark.parametrize(("code", "status"), [(5, Status.FAILED), (100, Status.COMPLETED)])
def test_what_writes_on_commits_at_its_end(
    build: Build, seen: list[int], elsewhere: Callable[[], int], code: int, status: Status
) -> None:
    report(build, code, status)
    assert seen == [0]
    assert elsewhere() == code


def test_a_webhook_is_written_to_in_the_same_transaction(acme: Tenant, build: Build, seen: list[int]) -> None:
    webhook(acme)
    report(build, 5)
    assert seen == [0]
    assert Delivery.objects.filter(event_type="build.state_changed").count() == 1


def test_a_webhook_that_came_in_between_is_told_too(
    acme: Tenant, build: Build, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody() -> None:
        webhook(acme)
        connection.close()

    def deciding(*given: Any) -> Any:
        """Somebody makes one after the report has looked for them."""
        other = threading.Thread(target=somebody)
        other.start()
        other.join(20)
        return decide(*given)

    monkeypatch.setattr("builds.services.reports.decide", deciding)
    report(build, 5)
    assert seen == [5]
    assert Delivery.objects.get().payload["seq"] == 2


def test_a_part_of_another_transaction_goes_with_it(build: Build, seen: list[int]) -> None:
    with transaction.atomic():
        report(build, 5)
        transaction.set_rollback(True)
    assert seen == [0]
    assert BuildState.objects.filter(build=build).count() == 1
    assert ActivityEntry.objects.count() == 1


def test_what_fails_at_its_last_statement_leaves_nothing(
    build: Build, elsewhere: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.services.logs.ENTRY", "SELECT %s, %s, %s, %s, %s, %s, %s, 1/0")
    with pytest.raises(DatabaseError):
        report(build, 5)
    assert elsewhere() == 0
    assert BuildState.objects.filter(build=build).count() == 1
    assert AuditEntry.objects.filter(object_id=str(build.pk)).count() == 1
    monkeypatch.undo()
    report(build, 5)
    assert elsewhere() == 5
