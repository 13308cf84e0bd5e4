"""The endurance run's own arithmetic and books: it must see what is lost, doubled or growing."""

import pytest

from config.loadtest.calls import Call
from config.loadtest.sending import Sample
from tests.endurance.kills import Kill, phases
from tests.endurance.ledger import Books
from tests.endurance.memory import Sample as Size
from tests.endurance.memory import trends

LINES = {"platform": "aws", "os_version": "debian-12", "image_type": "base"}


@pytest.fixture
def books() -> Books:
    return Books("acme", LINES, 1, name="run")


def chosen(books: Books, name: str) -> Call:
    return next(call for call in iter(books.choose, None) if call.name == name)


def test_what_is_not_answered_is_sent_again_as_it_was_until_it_is(books: Books) -> None:
    for status in (0, 503, 202):
        call = chosen(books, "POST /events") if status == 0 else next(iter(books.choose, None))
        while call.name != "POST /events" or call.body["event_id"] != "run-0":
            call = books.choose()
        books.answered(call, status, {"event_id": "run-0", "status": "queued"} if status == 202 else None)
        assert books.events == ({"run-0"} if status == 202 else set())
    assert "run-0" not in [(books.choose().body or {}).get("event_id") for _ in range(100)]


def test_a_batch_is_booked_event_by_event_and_a_refusal_is_told(books: Books) -> None:
    call = chosen(books, "POST /events/batch")
    ids = [event["event_id"] for event in call.body["events"]]
    books.answered(call, 202, {"results": [{"event_id": event_id} for event_id in ids]})
    books.answered(chosen(books, "POST /events"), 400, {"error": "validation_error"})
    assert books.events == set(ids)
    assert books.refused == [("POST /events", 400)]


def test_a_build_found_again_is_one_build_and_its_states_come_in_order(books: Books) -> None:
    call = chosen(books, "POST /builds")
    books.answered(call, 0, None)
    assert chosen(books, "POST /builds") == call
    books.answered(call, 200, {"id": "b1"})
    for code in (10, 20):
        report = chosen(books, "POST /builds/{id}/state")
        assert (report.path, report.body) == ("/builds/b1/state", {"state_code": code})
        books.answered(report, 0, None)
        again = chosen(books, "POST /builds/{id}/state")
        assert again == report
        books.answered(again, 200, {})
    assert books.builds == {"b1": [10, 20]}


def test_errors_belong_to_the_phase_in_which_they_were_seen() -> None:
    samples = [
        Sample(1, 0.1, "a", 200),
        Sample(9, 2, "a", 503),
        Sample(14, 0.5, "a", 0),
        Sample(15, 1, "a", 409),
    ]
    before, after = phases([Kill("redis", 10, 12)], samples, 20)
    assert (before.name, before.calls.sent, before.calls.errors, before.last_error) == ("before", 1, 0, 0)
    assert (after.name, after.calls.sent, after.calls.errors) == ("redis killed", 3, 3)
    assert (after.last_error, after.error_percent) == (4.5, 100.0)


def sizes(name: str, pid: int, megabytes: list[float]) -> list[Size]:
    return [Size(60.0 * n, name, pid, 0, round(1024 * size)) for n, size in enumerate(megabytes)]


def test_a_slope_is_that_of_the_longest_life_after_its_warm_up() -> None:
    grown = sizes("web1", 1, [50, 80, 100, *(100 + n for n in range(9))])
    flat = sizes("ws", 2, [10, 20, 30, *[40] * 9])
    found = {trend.name: trend for trend in trends([*grown, *flat, *sizes("web1", 3, [900] * 5)])}
    assert (found["web1"].start, found["web1"].end, found["web1"].most) == (50, 108, 108)
    assert found["web1"].mb_per_hour == pytest.approx(60)
    assert found["ws"].mb_per_hour == pytest.approx(0)


def test_too_few_samples_tell_no_slope() -> None:
    (trend,) = trends(sizes("redis", 1, [1, 2, 3]))
    assert (trend.mb_per_hour, trend.end) == (None, 3)
