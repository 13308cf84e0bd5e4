"""From the stream into the ledger: once each, whatever dies, repeats or is refused on the way."""

import threading
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.redis_link import client
from accounts.wire import encode
from usage import ledger, queue, writer
from usage.models import DeadLetter, DuplicateReceipt, UsageEvent
from usage.queries.dispositions import event_disposition
from usage.services.letters import dead_letters_replay
from usage.tests.documents import row

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


def append(tenant: Tenant | uuid.UUID, *events: dict[str, Any]) -> str:
    """The new entry's id; empty when a writer has already taken it."""
    owner = tenant.pk if isinstance(tenant, Tenant) else tenant
    queue.append([(owner, len(events), encode(list(events)))])
    return newest()


def newest() -> str:
    rows: Any = client().xrevrange("skyledger:events", count=1)
    return str(rows[0][0].decode()) if rows else ""


def add_raw(**fields: bytes) -> str:
    entry_id: Any = client().xadd("skyledger:events", {**fields})  # type: ignore[dict-item]
    return str(entry_id.decode())


def ids(tenant: Tenant) -> list[str]:
    return sorted(UsageEvent.objects.for_tenant(tenant).values_list("event_id", flat=True))


def pending() -> int:
    found: Any = client().xpending("skyledger:events", queue.GROUP)
    return int(found["pending"])


def depth() -> int:
    return int(client().xlen("skyledger:events"))  # type: ignore[arg-type]


@pytest.fixture
def one(acme: Tenant) -> writer.Writer:
    queue.readers()[0].ensure_group()
    return writer.Writer(threading.Event(), queue.readers()[0])


def work(worker: writer.Writer, monkeypatch: pytest.MonkeyPatch) -> int:
    """All there is to do; how many entries it was."""
    monkeypatch.setattr(writer, "BLOCK_MS", 1)
    total = 0
    while done := worker.step():
        total += done
    return total


def test_entries_of_one_millisecond_are_told_apart() -> None:
    names = ("1772359200123-0", "1772359200123-7", "1772359200123-4000", "1772359200124-0")
    assert [queue.accepted_at(name).isoformat() for name in names] == [
        "2026-03-01T10:00:00.123000+00:00",
        "2026-03-01T10:00:00.123007+00:00",
        "2026-03-01T10:00:00.123999+00:00",
        "2026-03-01T10:00:00.124000+00:00",
    ]


def test_an_event_repeated_at_once_is_known_as_a_duplicate(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second entry is no second delivery of the first, though both came in one millisecond."""
    for entry in ("5-0", "5-1"):
        fields: Any = {"t": acme.pk.bytes, "n": 1, "e": encode([row("a")])}
        client().xadd("skyledger:events", fields, id=entry)
        work(one, monkeypatch)
    assert ids(acme) == ["a"]
    assert [receipt.event_id for receipt in DuplicateReceipt.objects.for_tenant(acme)] == ["a"]


def test_append_read_and_done(acme: Tenant) -> None:
    queue.readers()[0].ensure_group()
    queue.readers()[0].ensure_group()  # a second writer finds the group already there
    first, second = append(acme, row("a"), row("b")), append(acme, row("c"))
    assert (depth(), pending()) == (2, 0)
    taken = queue.readers()[0].read("me", 10, block_ms=1)
    assert [entry_id for entry_id, _ in taken] == [first, second]
    entry = queue.parse(*taken[0])
    assert (entry.tenant_id, entry.size) == (acme.pk, 2)
    assert [item.event_id for item in ledger.read_rows(entry.payload)] == ["a", "b"]
    assert abs(entry.accepted_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (depth(), pending(), queue.readers()[0].read("other", 10, block_ms=1)) == (2, 2, [])
    queue.readers()[0].done([first])
    assert (depth(), pending()) == (1, 1)
    state = queue.state()
    assert state is not None
    assert (state.depth, state.durable) == (1, False)


def test_a_writer_stores_and_strikes_off(
    acme: Tenant, rival: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(acme, row("a"), row("b"))
    append(rival, row("a"))
    assert work(one, monkeypatch) == 2
    assert (ids(acme), ids(rival), depth(), pending()) == (["a", "b"], ["a"], 0, 0)
    stored = UsageEvent.objects.for_tenant(acme).get(event_id="a")
    assert stored.timestamp == datetime(2026, 3, 1, 10, 0, 0, 123_456, tzinfo=UTC)
    assert stored.pk.version == 7
    assert not DeadLetter.objects.exists()


def test_what_a_dead_writer_took_is_claimed(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    append(acme, row("a"))
    assert len(queue.readers()[0].read("dead", 10, block_ms=1)) == 1
    assert work(one, monkeypatch) == 0  # it may still be alive
    assert (ids(acme), pending()) == ([], 1)
    settings.EVENT_CLAIM_SECONDS = 0
    one._next_claim = 0.0
    assert work(one, monkeypatch) == 1
    assert (ids(acme), depth(), pending()) == (["a"], 0, 0)


def test_a_writer_killed_between_commit_and_strike_off(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    append(acme, row("a"), row("b"))
    taken = queue.readers()[0].read("dead", 10, block_ms=1)
    writer.apply(taken)
    before = counted(acme)
    settings.EVENT_CLAIM_SECONDS = 0
    assert work(one, monkeypatch) == 1
    assert (ids(acme), depth(), pending(), counted(acme)) == (["a", "b"], 0, 0, before)


POISON: Final[dict[str, dict[str, Any]]] = {
    "NUL in JSON": {"metadata": {"a": "\0"}},
    "NUL in a text": {"user_id": "\0"},
    "too long a text": {"service_type": "x" * 51},
    "too long an id": {"event_id": "x" * 300},
    "no moment": {"timestamp": "no such day"},
    "beyond the calendar": {"timestamp": "294277-01-01T00:00:00Z"},
    "no number": {"metrics": {"n": Decimal("1e200000")}},
}


@pytest.mark.parametrize("name", POISON)
@pytest.mark.parametrize("place", [0, 3, 6])
def test_poison_is_set_aside_alone(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch, name: str, place: int
) -> None:
    events = [row(f"e-{n}") for n in range(7)]
    events[place] = {**row("bad"), **POISON[name]}
    dead = counter("dead_letter_events_total")
    append(acme, row("before"))
    entry_id = append(acme, *events)
    append(acme, row("after"))
    assert work(one, monkeypatch) == 3
    good = [f"e-{n}" for n in range(7) if n != place]
    assert ids(acme) == sorted(["before", "after", *good])
    (letter,) = DeadLetter.objects.all()
    assert (letter.tenant, letter.entry_id, letter.status) == (acme, entry_id, "dead")
    assert letter.event_id == events[place]["event_id"][:255]
    assert [item.event_id for item in ledger.read_rows(letter.payload.encode())] == [
        events[place]["event_id"]
    ]
    assert letter.reason
    assert "\0" not in letter.reason + letter.payload
    assert (depth(), pending()) == (0, 0)
    assert counter("dead_letter_events_total") - dead == 1


def test_several_poisoned_events_in_one_entry(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = [row(f"bad-{n}", metadata={"a": "\0"}) for n in range(3)]
    append(acme, bad[0], row("a"), bad[1], row("b"), bad[2])
    work(one, monkeypatch)
    assert ids(acme) == ["a", "b"]
    assert sorted(DeadLetter.objects.values_list("event_id", flat=True)) == ["bad-0", "bad-1", "bad-2"]


@pytest.mark.parametrize(
    "fields",
    [
        {"x": b"something else"},
        {"t": b"short", "n": b"1", "e": b"[]"},
        {"t": b"TENANT", "n": b"many", "e": b"[]"},
        {"t": b"TENANT", "n": b"1", "e": b"not json"},
        {"t": b"TENANT", "n": b"1", "e": b'[{"event_id":"only this"}]'},
        {"t": b"TENANT", "n": b"1"},
        {"t": b"TENANT", "n": b"1", "e": b"\xff\x00\xfe"},
    ],
)
def test_an_entry_that_cannot_be_read(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch, fields: dict[str, bytes]
) -> None:
    sent = {name: acme.pk.bytes if value == b"TENANT" else value for name, value in fields.items()}
    append(acme, row("a"))
    entry_id = add_raw(**sent)
    append(acme, row("b"))
    assert work(one, monkeypatch) == 3
    assert (ids(acme), depth(), pending()) == (["a", "b"], 0, 0)
    (letter,) = DeadLetter.objects.all()
    tenant = acme if fields.get("t") == b"TENANT" else None
    assert (letter.entry_id, letter.event_id, letter.tenant) == (entry_id, "", tenant)
    assert letter.reason.startswith("The entry cannot be read: ")
    expected = fields.get("e", b"").decode("utf-8", "backslashreplace").replace("\0", "\\u0000")
    assert letter.payload == expected


def test_events_of_an_unknown_tenant(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(acme, row("a"))
    append(uuid.uuid4(), row("x"), row("y"))
    append(uuid.uuid4())
    append(acme, row("b"))
    assert work(one, monkeypatch) == 4
    assert ids(acme) == ["a", "b"]
    assert UsageEvent.objects.count() == 2
    letters = DeadLetter.objects.filter(tenant=None)
    assert sorted(letters.values_list("event_id", flat=True)) == ["x", "y"]
    assert DeadLetter.objects.count() == 2
    assert (depth(), pending()) == (0, 0)


def test_an_entry_that_was_handed_to_too_many_writers(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EVENT_CLAIM_SECONDS = 0
    entry_id = append(acme, row("killer"), row("victim"))
    queue.readers()[0].read("dead", 10, block_ms=1)
    for n in range(settings.EVENT_MAX_DELIVERIES - 1):
        assert len(queue.readers()[0].claim(f"dead-{n}", 10)) == 1
    last = f"dead-{settings.EVENT_MAX_DELIVERIES - 2}"
    assert queue.readers()[0].deliveries(last) == {entry_id: settings.EVENT_MAX_DELIVERIES}
    append(acme, row("b"))
    assert one.step() == 0
    assert work(one, monkeypatch) == 1
    assert ids(acme) == ["b"]
    assert (depth(), pending()) == (0, 0)
    letters = list(DeadLetter.objects.filter(tenant=acme, entry_id=entry_id).values_list("pk", flat=True))
    assert event_disposition(tenant=acme, event_id="victim").reason == "It was handed to too many writers."
    assert dead_letters_replay(ids=letters, by=SYSTEM) == 2
    assert ids(acme) == ["b", "killer", "victim"]


def test_duplicates_in_a_batch_and_across_batches(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(acme, row("a", user_id="first"), row("a", user_id="second"), row("b"))
    append(acme, row("b", user_id="second"), row("c"))
    assert work(one, monkeypatch) == 2
    append(acme, row("a", user_id="third"), row("d"), row("c", user_id="third"))
    assert work(one, monkeypatch) == 1
    users = dict(UsageEvent.objects.for_tenant(acme).values_list("event_id", "user_id"))
    assert users == {"a": "first", "b": "anna", "c": "anna", "d": "anna"}
    letters = DeadLetter.objects.filter(tenant=acme, kind="conflict").order_by("id")
    assert list(letters.values_list("event_id", flat=True)) == ["a", "b", "a", "c"]


def test_a_redis_that_came_back_empty(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client().flushall()
    append(acme, row("a"))
    thread = start(one, monkeypatch)
    wait_until(lambda: ids(acme) == ["a"])
    client().flushall()
    append(acme, row("b"))
    wait_until(lambda: ids(acme) == ["a", "b"])
    finish(one, thread)
    assert (depth(), pending()) == (0, 0)


def test_stop_ends_the_loop_and_takes_the_writer_off_the_list(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = start(one, monkeypatch)
    append(acme, row("a"))
    wait_until(lambda: ids(acme) == ["a"])
    finish(one, thread)
    assert client().xinfo_consumers("skyledger:events", queue.GROUP) == []
    append(acme, row("b"))
    assert (ids(acme), depth(), pending()) == (["a"], 1, 0)


def test_a_writer_that_still_holds_entries_stays_on_the_list(acme: Tenant, one: writer.Writer) -> None:
    append(acme, row("a"))
    queue.readers()[0].read(one.name, 10, block_ms=1)
    one._leave()
    assert pending() == 1


def test_writers_that_ended_without_a_word_are_taken_off_the_list(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "GONE_MS", -1)
    append(acme, row("a"))
    queue.readers()[0].read("holds an entry", 10, block_ms=1)
    queue.readers()[0].read("holds none", 10, block_ms=1)
    queue.readers()[0].prune()
    listed: Any = client().xinfo_consumers("skyledger:events", queue.GROUP)
    assert [consumer["name"] for consumer in listed] == [b"holds an entry"]
    assert pending() == 1


def counter(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def counted(tenant: Tenant) -> tuple[float, float, float, float]:
    """Events of two kinds, tokens, and cost."""
    return (
        counter("events_processed_total", tenant_id=tenant.slug, service_type="compute", event_type="hours"),
        counter(
            "events_processed_total", tenant_id=tenant.slug, service_type="llm_service", event_type="hours"
        ),
        counter("total_tokens_processed_total", tenant_id=tenant.slug),
        counter("total_cost_usd_total", tenant_id=tenant.slug),
    )


def test_metrics_count_what_is_new_exactly_once(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seconds = counted(acme), counter("event_processing_duration_seconds_count")
    llm = {"service_type": "llm_service"}
    append(
        acme,
        row("a", billing_info={"total_cost": "0.25"}),
        row("a", billing_info={"total_cost": "9"}),
        row("b", **llm, metrics={"input_tokens": 10, "output_tokens": 5}),
        row("c", **llm, metrics={"input_tokens": 10, "output_tokens": 5, "total_tokens": 20}),
        row("d", billing_info={"total_cost": Decimal("1.5"), "currency": "USD"}),
        row("e", billing_info={"total_cost": "7", "currency": "EUR"}),
        row("f", billing_info={"total_cost": "1e9999999"}),
        row("g", billing_info={"total_cost": "-3"}),
        row("bad", billing_info={"total_cost": "100"}, metadata={"a": "\0"}),
    )
    work(one, monkeypatch)
    append(acme, row("a", billing_info={"total_cost": "9"}), row("h"))
    work(one, monkeypatch)
    change = [after - first for after, first in zip(counted(acme), before, strict=True)]
    assert change == pytest.approx([6, 2, 35, 1.75])  # Prometheus counts in floats
    assert counter("event_processing_duration_seconds_count") - seconds == 2


def start(worker: writer.Writer, monkeypatch: pytest.MonkeyPatch) -> threading.Thread:
    monkeypatch.setattr(writer, "BLOCK_MS", 20)

    def run() -> None:
        try:
            worker.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def finish(worker: writer.Writer, thread: threading.Thread) -> None:
    worker.stop.set()
    thread.join(20)
    assert not thread.is_alive()


def wait_until(condition: Any, seconds: float = 20.0) -> None:
    stop = threading.Event()
    deadline = datetime.now(UTC) + timedelta(seconds=seconds)
    while not condition():
        assert datetime.now(UTC) < deadline, "It did not come about in time."
        stop.wait(0.02)


def test_the_size_of_a_transaction_and_of_a_read_is_bounded(
    acme: Tenant, one: writer.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    store = ledger.store

    def spy(lots: list[ledger.Lot]) -> list[list[ledger.Status]]:
        sizes.append(sum(len(lot.rows) for lot in lots))
        return store(lots)

    monkeypatch.setattr(ledger, "store", spy)
    for part in range(12):
        append(acme, *[row(f"{part}-{n}") for n in range(500)])
    work(one, monkeypatch)
    assert sum(sizes) == 6000
    assert max(sizes) <= writer.EVENTS_PER_TRANSACTION
