"""Aggregators beside each other and beside writers: nothing is lost, nothing counted twice."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import Tenant
from usage import rollups
from usage.models import DirtyHour
from usage.tests.sums import DAY, HOUR, assert_exact, kept, make, work

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]


class Person(threading.Thread):
    """A thread with a connection of its own, whose error is the test's."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def done(self) -> None:
        self.join(30)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error


@contextmanager
def stopped(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The first to come past this function of rollups says so by the one event and waits for the other."""
    reached, go_on = threading.Event(), threading.Event()
    plain = getattr(rollups, name)

    def wait(*args: Any) -> Any:
        result = plain(*args)
        if not reached.is_set():
            reached.set()
            assert go_on.wait(30)
        return result

    monkeypatch.setattr(rollups, name, wait)
    yield reached, go_on
    go_on.set()


@pytest.mark.parametrize("after", ["_take_marks", "_write_hours", "_write_day"])
def test_what_a_writer_commits_meanwhile_is_not_lost(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    make(acme, DAY, metrics={"n": 1})
    with stopped(monkeypatch, after) as (reached, go_on):
        aggregator = Person(work)
        assert reached.wait(30)
        with transaction.atomic():
            make(acme, DAY, metrics={"n": 10})
            make(acme, DAY + 5 * HOUR, metrics={"n": 100})
        go_on.set()
        aggregator.done()
    assert set(DirtyHour.objects.values_list("hour", flat=True)) == {DAY, DAY + 5 * HOUR}
    work()
    assert_exact(acme)


@pytest.mark.parametrize("after", ["_lock", "_take_marks", "_write_hours", "_write_day"])
def test_a_second_aggregator_waits_its_turn(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    make(acme, DAY, metrics={"n": 1})
    make(acme, DAY + HOUR, metrics={"n": 1})
    with stopped(monkeypatch, after) as (reached, go_on):
        first = Person(work)
        assert reached.wait(30)
        with transaction.atomic():
            make(acme, DAY, metrics={"n": 10})
        second = Person(work)
        _until_somebody_waits_for_a_lock()
        go_on.set()
        first.done()
        second.done()
    assert_exact(acme)


def _until_somebody_waits_for_a_lock() -> None:
    with connection.cursor() as cursor:
        for _ in range(10_000):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("Nobody waits.")


def test_an_aggregator_that_fails_leaves_all_as_it_was(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make(acme, DAY)
    work()
    before = kept(acme, "hour"), kept(acme, "day")
    make(acme, DAY)

    def fail(*_: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(rollups, "_write_day", fail)
    with pytest.raises(ConnectionError):
        work()
    monkeypatch.undo()
    assert (kept(acme, "hour"), kept(acme, "day")) == before
    assert DirtyHour.objects.count() == 1
    work()
    assert_exact(acme)


def test_two_aggregators_and_two_writers_at_once(acme: Tenant) -> None:
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait(30)
        for place in range(40):
            with transaction.atomic():
                make(acme, DAY + HOUR * (place % 5), metrics={"n": Decimal(place) / 8 + number})

    def aggregate() -> None:
        start.wait(30)
        for _ in range(12):
            work()

    people = [Person(partial(write, 1)), Person(partial(write, 2)), Person(aggregate), Person(aggregate)]
    for person in people:
        person.done()
    work()
    assert_exact(acme)
    assert sum(row[0] for row in kept(acme, "day").values()) == 80
