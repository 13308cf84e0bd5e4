"""Input that no event may hold: refused with a message that names it, alone and in a batch."""

import time
from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import ValidationFailed
from accounts.wire import MAX_DEPTH
from usage import intake
from usage.tests.documents import admit, as_bytes, batch, event

BASE = as_bytes(event())[:-1]  # an event that still lacks its closing brace


def with_fields(raw: bytes) -> bytes:
    return BASE + b"," + raw + b"}"


def in_batch(body: bytes) -> bytes:
    return b'{"events":[' + body + b"]}"


def refused(body: bytes) -> str:
    """The one message of both forms."""
    with pytest.raises(ValidationFailed) as alone:
        intake.take_one(body, admit)
    with pytest.raises(ValidationFailed) as batched:
        intake.take_batch(in_batch(body), admit)
    assert alone.value.status == 400
    text = alone.value.message.removeprefix("Invalid event data: ")
    assert text == batched.value.message.removeprefix("None of the 1 events is valid; the first: ")
    return text


def nest(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return opening * levels + closing * levels


NUL = "a text holds the NUL character \\u0000"
SURROGATE = "a text holds half of a surrogate pair (\\ud800-\\udfff)"


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (rb'"metadata":{"note":"a\u0000b"}', NUL),
        (rb'"metadata":{"a\u0000":1}', NUL),
        (rb'"metrics":{"deep":{"er":["\u0000"]}}', NUL),
        (rb'"tags":["\u0000"]', NUL),
        (rb'"session_id":"\u0000"', NUL),
        (rb'"flat\u0000":1', NUL),
        (rb'"metadata":{"note":"\ud800"}', SURROGATE),
        (rb'"metadata":{"note":"\udc00\ud800"}', SURROGATE),
        (rb'"tags":["\udfff x"]', SURROGATE),
        (rb'"metadata":{"\ud800":1}', SURROGATE),
    ],
)
def test_characters_that_no_database_keeps(raw: bytes, named: str) -> None:
    assert refused(with_fields(raw)) == f"Invalid JSON: {named}."


def test_a_whole_surrogate_pair_is_one_character() -> None:
    taken, _ = intake.take_one(with_fields(rb'"tags":["\ud83d\ude00"]'), admit)
    assert taken.tags == ["😀"]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ['"metrics":{"n":%s}', '"n":%s', '"metadata":{"a":[%s]}', '"tags":%s'])
def test_constants_that_are_no_json(place: str, constant: str) -> None:
    assert (
        refused(with_fields((place % constant).encode())) == f"Invalid JSON: {constant} is not a JSON number."
    )


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        (b'"user_id":"bob"', "user_id"),
        (b'"user_id" :"bob"', "user_id"),
        (b'"user_id"\n:\t"bob"', "user_id"),
        (b'"user_id"\r: "bob"', "user_id"),
        (rb'"user\u005fid":"bob"', "user_id"),
        (rb'"metadata":{"a\u0022":1,"a\u0022":1}', 'a"'),
        (rb'"metadata":{"a\":":1,"a\":":1}', 'a":'),
        (rb'"metadata":{"k\u003a":"\u0022\u003a","k\u003a":"\u0022\u003a"}', "k:"),
        (b'"metadata":{"k":":v","k":":v"}', "k"),
        (b'"metadata":{"":":","":":"}', ""),
        (b'"metadata":{"k":{"k":1},"k":{"k":1}}', "k"),
        (b'"metrics":{"n":1,"n":1}', "n"),
        (b'"metrics":{"a":[{"b":{"n":1,"n":2}}]}', "n"),
        (b'"billing_info":{"total_cost":"1","total_cost":"2"}', "total_cost"),
        (b'"metrics":{"n":1},"metrics":{"n":1}', "metrics"),
        (b'"unknown":1,"unknown":1', "unknown"),
        ('"metadata":{"größe":1,"gr\\u00f6\\u00dfe":2}'.encode(), "größe"),
    ],
)
def test_a_key_given_twice(raw: bytes, key: str) -> None:
    assert refused(with_fields(raw)) == f"Invalid JSON: the key {key!r} is given twice."


@pytest.mark.parametrize("body", [b'{"events":[%s],"events":[%s]}', b'{"events":[%s],"x":1,"x":1,"y":":%s"}'])
def test_a_key_given_twice_in_the_envelope(body: bytes) -> None:
    one = as_bytes(event())
    filled = body.replace(b":%s", b":").replace(b"%s", one)
    with pytest.raises(ValidationFailed, match="is given twice"):
        intake.take_batch(filled, admit)


@pytest.mark.parametrize(
    "raw",
    [
        b'"metadata":{"k":":","j":"a\\":b"}',
        b'"metadata":{":":":"}',
        rb'"metadata":{"a\u0022:":"\u0022:"}',
        b'"tags":[":a","\\":"]',
        b'"metadata" : { "a" : { "a" : 1 } }',
    ],
)
def test_texts_with_colons_and_quotes_are_taken(raw: bytes) -> None:
    assert intake.take_one(with_fields(raw), admit)[0].user_id == "anna"
    assert len(intake.take_batch(in_batch(with_fields(raw)), admit).events) == 1


DIGITS = "a number has more than 38 digits"


@pytest.mark.parametrize(
    ("number", "named"),
    [
        ("9" * 39, DIGITS),
        ("-" + "9" * 39, DIGITS),
        ("9" * 5000, DIGITS),
        ("1" + "0" * 38, DIGITS),
        ("1e400", "the number 1e400 has more than 38 digits or is beyond 10^±30"),
        ("1E31", "the number 1E31 has more than 38 digits or is beyond 10^±30"),
        ("1e-31", "the number 1e-31 has more than 38 digits or is beyond 10^±30"),
        ("0e9999", "the number 0e9999 has more than 38 digits or is beyond 10^±30"),
        ("1e" + "9" * 30, f"the number 1e{'9' * 30} is beyond 10^±30"),
        ("1e-" + "9" * 30, f"the number 1e-{'9' * 30} is beyond 10^±30"),
        ("1." + "1" * 38, f"the number 1.{'1' * 38} has more than 38 digits or is beyond 10^±30"),
        ("1." + "1" * 80, "a number is longer than 76 characters"),
    ],
)
@pytest.mark.parametrize("place", ['"metrics":{"n":%s}', '"n":%s', '"metadata":{"a":[{"b":%s}]}'])
def test_numbers_beyond_any_use(place: str, number: str, named: str) -> None:
    text = refused(with_fields((place % number).encode()))
    assert text == f"Invalid JSON: {named}."


@pytest.mark.parametrize(
    "number", ["9" * 38, "-" + "9" * 38, "1e30", "1e-30", "0." + "1" * 29, "1." + "1" * 37]
)
def test_the_largest_and_finest_numbers_are_taken(number: str) -> None:
    taken, _ = intake.take_one(with_fields(b'"metrics":{"n":%s}' % number.encode()), admit)
    assert Decimal((taken.metrics or {})["n"]) == Decimal(number)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting(opening: bytes, closing: bytes) -> None:
    """The root, the list, the event and `metadata` are four levels, in a single event as in a batch."""

    def body(levels: int) -> bytes:
        inner = opening * levels + (b"1" if opening != b"[" else b"") + closing * levels
        return with_fields(b'"metadata":{"deep":' + inner + b"}")

    deepest = MAX_DEPTH - 4
    assert intake.take_one(body(deepest), admit)[0].user_id == "anna"
    assert len(intake.take_batch(in_batch(body(deepest)), admit).events) == 1
    for levels in (deepest + 1, deepest + 3, 100):
        for taker, sent in ((intake.take_one, body(levels)), (intake.take_batch, in_batch(body(levels)))):
            with pytest.raises(ValidationFailed, match="it is nested more than 32 levels deep"):
                taker(sent, admit)


@pytest.mark.parametrize("levels", [1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_that_would_end_a_recursive_reader(levels: int, opening: bytes, closing: bytes) -> None:
    body = with_fields(b'"metadata":{"deep":' + opening * levels + b"1" + closing * levels + b"}")
    assert "nested more than 32 levels deep" in refused(body)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "Invalid JSON at line 1, column 1: Expecting value."),
        (b"not json", "Invalid JSON at line 1, column 1: Expecting value."),
        (b"{", "Invalid JSON at line 1, column 2: Expecting property name enclosed in double quotes."),
        (BASE, "Invalid JSON at line 1"),
        (BASE + b"}x", "Extra data."),
        (BASE + b"}" + BASE + b"}", "Extra data."),
        (b"\xef\xbb\xbf" + BASE + b"}", "Unexpected UTF-8 BOM"),
        (BASE.replace(b"anna", b"\xff") + b"}", "is not UTF-8."),
        (BASE.replace(b"anna", b"\xed\xa0\x80") + b"}", "is not UTF-8."),
        (BASE.replace(b"anna", b"a\x00a") + b"}", "Invalid control character"),
        (BASE.replace(b"anna", b"a\x1fa") + b"}", "Invalid control character"),
        (BASE.replace(b"anna", b"a\na") + b"}", "Invalid control character"),
        ((BASE + b"}").decode().encode("utf-16"), "is not UTF-8."),
        (with_fields(b'"n":01'), "Expecting ',' delimiter."),
        (with_fields(b'"n":1.'), "Expecting ',' delimiter."),
    ],
)
def test_bytes_that_are_no_json(body: bytes, named: str) -> None:
    for taker in (intake.take_one, intake.take_batch):
        with pytest.raises(ValidationFailed) as caught:
            taker(body, admit)
        assert caught.value.message.startswith("Invalid JSON")
        assert named in caught.value.message


@pytest.mark.parametrize(
    "document", [[], {}, 7, None, {"events": {}}, {"events": None}, {"event": [event()]}, event()]
)
def test_a_batch_is_an_object_with_events(document: Any) -> None:
    with pytest.raises(ValidationFailed) as caught:
        intake.take_batch(as_bytes(document), admit)
    assert caught.value.errors[0] == {
        "field": "events",
        "message": 'send {"events": [...]} with 1 to 1000 events.',
    }


@pytest.mark.parametrize("item", [7, None, "event", [], [event()]])
def test_something_else_among_the_events(item: Any) -> None:
    taken = intake.take_batch(as_bytes(batch(event(event_id="a"), item, event(event_id="c"))), admit)
    assert [e.event_id for e in taken.events] == ["a", "c"]
    assert [(r.index, r.error, r.event_data) for r in taken.rejected] == [
        (1, "an event is a JSON object", item)
    ]


@pytest.mark.parametrize("shape", ["repeated last", "flat"])
def test_a_body_of_many_keys_costs_no_more_than_its_length(shape: str) -> None:
    """Both were quadratic once: seconds of the server's time for a body of a few hundred kilobytes."""
    names = [f'"k{number}":1' for number in range(60_000)]
    body = "{" + ",".join(names + names[-1:] if shape == "repeated last" else names) + "}"
    started = time.process_time()
    with pytest.raises(ValidationFailed):
        intake.take_one(body.encode(), admit)
    assert time.process_time() - started < 5
