"""Statements that go to PostgreSQL together: their rows, and what is left after one that fails."""

from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from accounts.roundtrip import NAMES, RoundTrip, Sending
from accounts.services.logs import record
from accounts.statements import sent

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]
ADD = "INSERT INTO round_trip (id, note, said) VALUES (%s, %s, %s) RETURNING id, upper(note)"
COUNT = "SELECT count(*), max(length(note)) FROM round_trip"


@pytest.fixture(autouse=True)
def table(db: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE round_trip (id int PRIMARY KEY, note text, said timestamptz)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE round_trip")


def names() -> dict[str, bytes]:
    return connection.connection.__dict__[NAMES]  # type: ignore[no-any-return]


def test_rows_counts_and_plans() -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        first, second, changed, count = sent(
            (ADD, [1, "ä", None]),
            (ADD, [2, "b", None]),
            ("UPDATE round_trip SET note = %s", ["c"]),
            (COUNT, []),
        )
    assert (first.fetchone(), second.fetchone(), count.fetchone()) == ((1, "Ä"), (2, "B"), (2, 1))
    assert (first.rowcount, changed.rowcount, changed.fetchone()) == (1, 2, None)
    assert len(asked) == 4
    assert (first.fetchone(), count.fetchone()) == (None, None)
    kept = dict(names())
    assert {ADD, COUNT} < kept.keys()
    sent((ADD, [3, "d", None]))
    assert names() == kept


def test_more_than_a_socket_holds_both_ways() -> None:
    note = "x" * 3_000_000
    told = sent(*[("SELECT %s::text, %s::text", [note, str(number)]) for number in range(20)])
    assert [cursor.fetchone() for cursor in told] == [(note, str(number)) for number in range(20)]


def test_what_follows_a_failure_is_not_done_and_what_it_prepared_not_believed() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        sent((ADD, [1, "a", None]), (ADD, [1, "a", None]), ("DELETE FROM round_trip WHERE id > %s", [0]))
    with pytest.raises(DatabaseError, match="division by zero"):
        sent(("SELECT 1/%s", [0]), ("DELETE FROM round_trip WHERE id > %s", [0]))
    (count,) = sent((COUNT, []))
    assert count.fetchone() == (0, None)
    (deleted,) = sent(("DELETE FROM round_trip WHERE id > %s", [0]))
    assert deleted.rowcount == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE round_trip ALTER note TYPE varchar(9)", "cached plan must not change result type"),
        ("DEALLOCATE ALL", "does not exist"),
    ],
)
def test_plans_that_no_longer_hold_are_made_anew_by_the_next(change: str, words: str) -> None:
    note = "SELECT id, note FROM round_trip WHERE id = %s"
    sent((ADD, [1, "a", None]), (note, [1]), (COUNT, []))
    stale = dict(names())
    with connection.cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(DatabaseError, match=words):
        sent((note, [1]))
    assert names() == {}
    told = sent((note, [1]), (COUNT, []))
    assert [cursor.fetchone() for cursor in told] == [(1, "a"), (1, 1)]
    assert names().keys() == {note, COUNT}
    assert set(names().values()).isdisjoint(stale.values())


def test_a_transaction_begins_with_its_first_and_is_taken_back() -> None:
    with transaction.atomic():
        sent((ADD, [1, "a", None]))
        assert connection.connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        transaction.set_rollback(True)
    assert sent((COUNT, []))[0].fetchone() == (0, None)


def test_a_value_that_cannot_be_sent_leaves_the_connection_whole() -> None:
    with pytest.raises(DatabaseError):
        sent((ADD, [1, "a", None]), (ADD, [2, "\x00", None]))
    assert sent((COUNT, []))[0].fetchone() == (0, None)
    assert sent(("SELECT %s::int", [7]))[0].fetchone() == (7,)
    assert connection.connection.info.pipeline_status == psycopg.pq.PipelineStatus.OFF


def test_behind_a_pooler_nothing_is_prepared(settings: LazySettings) -> None:
    settings.DATABASE_TRANSACTION_POOLING = True
    statement = "SELECT %s::text AS said_to_a_pooler"
    assert sent((statement, ["a"]))[0].fetchone() == ("a",)
    assert statement not in names()


def test_a_connection_that_breaks_on_the_way_is_given_up() -> None:
    connection.ensure_connection()
    raw = connection.connection
    kill = ("SELECT pg_terminate_backend(pg_backend_pid()), %s::int", [1])
    with pytest.raises(OperationalError):
        sent((ADD, [1, "a", None]), kill, (ADD, [2, "b", None]))
    assert raw.closed
    connection.close()
    assert sent((COUNT, []))[0].fetchone() == (0, None)  # it was one implicit transaction


def test_an_interruption_while_it_waits_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    raw = connection.connection

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RoundTrip, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt), RoundTrip(raw, prepares=True) as trip:
        Sending(trip).execute("SELECT pg_sleep(%s)", [0.2])
    assert raw.closed
    connection.close()


@pytest.mark.parametrize("distributed", [False, True])
def test_a_deed_is_numbered_the_same_on_one_server_and_on_several(
    acme: Tenant, settings: Any, distributed: bool
) -> None:
    settings.DATABASE_DISTRIBUTED = distributed
    for place in ("a", "b"):
        with transaction.atomic():
            record(tenant=acme, type="thing.done", by=SYSTEM, payload={"place": place, "at": "ä"})
    told = ActivityEntry.objects.for_tenant(acme).filter(type="thing.done").order_by("seq")
    first, second = told
    assert (first.payload, second.payload) == ({"place": "a", "at": "ä"}, {"place": "b", "at": "ä"})
    assert (second.seq - first.seq, second.actor) == (1, "system")


def test_what_fails_at_the_commit_leaves_nothing_and_tells_nobody() -> None:
    told: list[str] = []
    later = "ALTER TABLE round_trip ADD other int REFERENCES round_trip DEFERRABLE INITIALLY DEFERRED"
    with connection.cursor() as cursor:
        cursor.execute(later)

    @transaction.atomic
    def write() -> None:
        transaction.on_commit(lambda: told.append("done"))
        sent(("INSERT INTO round_trip (id, other) VALUES (%s, %s)", [1, 7]), are_last=True)

    with pytest.raises(IntegrityError):
        write()
    assert sent((COUNT, []))[0].fetchone() == (0, None)
    assert told == []
