"""The endurance run's own arithmetic and books: it must see what is lost, doubled or growing."""

from collections import Counter

import pytest

from config.loadtest.calls import Call
from config.loadtest.figures import failures, figures
from config.loadtest.sending import Sample, reason
from tests.endurance.kills import Kill, phases
from tests.endurance.ledger import Books
from tests.endurance.memory import Passing, sizes, trends
from tests.endurance.memory import Sample as Size
from tests.endurance.outcome import Outcome

LINES = {"platform": "aws", "os_version": "debian-12", "image_type": "base"}
RULE = (
    "more than 10 MB and 5% an hour in the second half of its longest life,"
    " nor what comes and goes by 1 MB and 10% each from half to half, nor by 10 at once an hour"
)


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


def lived(name: str, pid: int, megabytes: list[float]) -> list[Size]:
    """Looked at every five minutes."""
    return [Size(300.0 * n, name, pid, pid, 0, round(1024 * size), 0) for n, size in enumerate(megabytes)]


def test_growth_is_that_of_the_second_half_of_the_longest_life() -> None:
    grown = lived("web1", 1, [50, 80, *[100] * 4, *(100 + n for n in range(7))])
    filled = lived("ws", 2, [10 * min(n, 6) for n in range(13)])
    large = lived("worker", 3, [400 + 1.5 * n for n in range(13)])
    short = lived("redis", 4, [10 * n for n in range(8)])
    found = {
        each.name: each for each in trends([*grown, *filled, *large, *short, *lived("web1", 9, [900] * 5)])
    }
    assert (found["web1"].start, found["web1"].middle, found["web1"].end) == (50, 100, 104)
    slopes = {name: round(trend.mb_per_hour) for name, trend in found.items()}
    assert slopes == {"redis": 0, "web1": 12, "worker": 18, "ws": 0}
    verdicts = {name: trend.verdict for name, trend in found.items()}
    assert verdicts == {"redis": "too short to tell", "web1": "grows", "worker": "flat", "ws": "flat"}


@pytest.mark.parametrize("seconds", [2285, 2407, 2999, 3595, 3601])
def test_a_life_of_any_length_is_judged_by_its_whole_second_half(seconds: int) -> None:
    for pause in (5, 5.25):
        looks = [pause * n for n in range(int(seconds / pause) + 1)]
        leak = [Size(at, "web1", 1, 1, 0, round(1024 * (100 + at / 12)), 0) for at in looks]
        (found,) = trends(leak)
        assert found.verdict == "grows"
        assert found.mb_per_hour == pytest.approx(300, rel=0.01)
        (short,) = trends(leak[: int(2275 / pause)])
        assert short.verdict == "too short to tell"


def test_work_in_progress_is_no_growth_and_what_is_kept_between_is() -> None:
    busy = lived("web1", 1, [100.0 + n * (n % 2) for n in range(14)])
    leaky = lived("web2", 2, [300.0 - n if n % 2 else 100.0 + n for n in range(14)])
    found = {each.name: each for each in trends([*busy, *leaky])}
    assert (found["web1"].most, found["web1"].end, found["web1"].verdict) == (113, 100, "flat")
    assert (found["web2"].most, found["web2"].end, found["web2"].verdict) == (299, 112, "grows")


def connections(first: float, second: float, *, closes: bool = True) -> list[Size]:
    """A server of 5 MB for an hour, and every five minutes a process of its own, of other sizes by halves,
    which goes when the next one comes, or stays."""
    own = [Size(60.0 * minute, "postgres", 5, 5, 0, 5 * 1024, 0) for minute in range(61)]
    passing = [
        Size(60.0 * minute, "postgres", 5, 100 + begun, 0, round(1024 * (first if begun < 30 else second)), 0)
        for begun in range(0, 61, 5)
        for minute in range(begun, min(begun + 5, 61) if closes else 61)
    ]
    return [*own, *passing]


def test_processes_that_come_and_go_are_told_apart_from_those_that_stay() -> None:
    (flat,) = trends(connections(20, 21.9))
    assert (flat.start, flat.end, flat.most, flat.mb_per_hour) == (5, 5, 5, 0)
    assert flat.passing == Passing(240, 1, 1, 20, 22426 / 1024, 0)
    (small,) = trends(connections(2, 2.9))
    assert (flat.verdict, small.verdict) == ("flat", "flat")
    (grown,) = trends(connections(20, 22.5))
    (piled,) = trends(connections(20, 20, closes=False))
    assert (grown.verdict, piled.verdict) == ("grows", "grows")
    assert "Memory grows: postgres (each 20.0, then 22.5 MB)." in outcome(connections(20, 22.5), []).text()
    told = outcome(connections(20, 20, closes=False), []).text()
    assert "Memory grows: postgres (+12.0 at once an hour)." in told


def test_a_moment_that_was_not_looked_at_is_left_out() -> None:
    lives = lived("web1", 1, [100.0 + 0.6 * n for n in range(13)])
    seen = [sample for sample in lives if sample.at not in (2400, 2700)]
    assert [(round(each.mb_per_hour, 1), each.verdict) for each in trends(seen)] == [(7.2, "flat")]


def test_shared_memory_and_libraries_are_told_apart_from_what_is_a_process_s_own() -> None:
    rollup = "00-ff ---p 0 00:00 0  [rollup]\nRss: 900 kB\nPss: 500 kB\nPss_Anon: 90 kB\nPss_Shmem: 400 kB\n"
    assert sizes(rollup) == (900, 90, 400)


def outcome(memory: list[Size], failed: list[Sample]) -> Outcome:
    counted = Counter({"events": 1})
    return Outcome(60, figures("All", failed, 60), [], failures(failed), [], trends(memory), counted, [])


def test_the_report_says_who_grows_and_which_calls_failed() -> None:
    grown = lived("web1", 1, [100.0 + 5 * n for n in range(13)])
    failed = [
        Sample(3, 1, "GET /usage", 503, "service_unavailable: Away."),
        Sample(1, 1, "GET /usage", 503, "service_unavailable: Away."),
        Sample(5, 0.5, "POST /events", 0, "TimeoutError: timed out"),
        Sample(6, 1, "GET /usage", 429),
    ]
    found = outcome(grown, failed)
    text = found.text()
    assert "- failed 2 times, first after 2 s: GET /usage: 503 service_unavailable: Away." in text
    assert "- failed 1 times, first after 5.5 s: POST /events: no answer TimeoutError: timed out" in text
    assert text.count("- failed") == 2
    assert "Memory grows: web1 (+60.0 MB an hour)." in text
    assert found.document()["memory_mb"][0]["verdict"] == "grows"


def test_the_report_says_that_memory_is_flat_and_of_how_many_that_is_said() -> None:
    memory = [*lived("web1", 1, [100.0] * 9), *lived("ws", 2, [90.0] * 9), *lived("redis", 3, [1.0, 9.0])]
    text = outcome([*memory, *connections(20, 21.9)], []).text()
    assert f"Memory is flat: none of 3 that lived long enough to tell grew by {RULE}." in text
    assert (
        "postgres: processes come and go, the oldest after 4.0 minutes; on average 1.0 at once"
        " of 20.0 MB each in the first half, 1.0 of 21.9 in the second (+0.0 at once an hour)" in text
    )


def test_a_failed_call_is_told_with_the_words_of_its_answer() -> None:
    assert reason({"error": "not_found", "message": "No such build."}) == "not_found: No such build."
    assert reason(ConnectionResetError("gone")) == "ConnectionResetError: gone"
    assert len(reason({"error": "x", "message": "y" * 900})) == 200
    assert reason(None) == ""
