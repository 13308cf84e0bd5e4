"""The fast road gives what the slow road gives, or leaves the body to it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from unittest import mock

import pytest
import time_machine
from hypothesis import event, given, settings
from hypothesis import strategies as st

from accounts.errors import AppError
from accounts.wire import encode
from usage import intake
from usage.tests import documents
from usage.tests.documents import admit, as_bytes, batch

NOW: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
# What could mislead a reader that counts: quotes, colons, backslashes, and what looks like escapes.
TEXTS: Final = st.sampled_from(
    [
        "a",
        "b",
        "7",
        "é",
        "😀/",
        ":",
        ":a",
        "a:",
        '"',
        '":',
        '"a":7',
        "\\",
        "\\u0022:",
        '\\":',
        " :",
        "a :",
        "k" * 40,
    ]
)
VALUES: Final = st.recursive(
    TEXTS | st.sampled_from([7, 77, True, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=3,
)
OBJECTS: Final = st.dictionaries(TEXTS, VALUES, max_size=3)
LLM: Final = {"model": "m", "input_tokens": 7, "output_tokens": 7}
MOMENTS: Final = ["2026-03-01T10:00:00", "2026-03-01T10:00:00.7+23:59", "9999-12-31T23:59:59-23:59"]
EVENTS: Final = st.fixed_dictionaries(
    {name: st.just(value) for name, value in documents.event(service_type=None).items()}
    | {"service_type": st.sampled_from(["compute", "llm_service"])},
    optional={
        "event_id": TEXTS,
        "timestamp": st.sampled_from(MOMENTS),
        "metrics": OBJECTS | st.just(LLM),
        "billing_info": OBJECTS,
        "tags": st.lists(TEXTS, max_size=2),
        "metadata": OBJECTS,
        "session_id": TEXTS,
    },
)
NUMBERS: Final = ["-0", "1.0", "-0.0", "0.1", "1e5", "1E-20", "1e31", "1e999", "NaN", "9" * 25, "9" * 39]
MEMBER: Final = re.compile(r'"(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|\d+|true|\{\}|\[\])')


def space(body: str, number: int) -> str:
    """White space at one side of a colon, comma or brace."""
    places = [m.start() for m in re.finditer("[:,{}]", body)]
    at = places[number % len(places)] + number % 2
    return body[:at] + " \n\t\r"[number % 4] + body[at:]


def escape(body: str, number: int) -> str:
    """One character as its escape."""
    at = number % len(body)
    units = body[at].encode("utf-16-be")
    return (
        body[:at] + "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)) + body[at + 1 :]
    )


def repeat(body: str, number: int) -> str:
    """One member of an object a second time."""
    members = list(MEMBER.finditer(body))
    member = members[number % len(members)]
    return f"{body[: member.end()]},{member[0]}{body[member.end() :]}"


def renumber(body: str, number: int) -> str:
    """Another number, or none, in the place of a 7."""
    return body.replace("7", NUMBERS[number % len(NUMBERS)], 1)


def extend(body: str, number: int) -> str:
    """A field that the contract does not know."""
    return body.replace(
        '"user_id"', ['"x":":","user_id"', '"x":7,"user_id"', '":":":","user_id"'][number % 3], 1
    )


CHANGES: Final = st.lists(
    st.tuples(st.sampled_from([space, escape, repeat, renumber, extend]), st.integers(0, 9999)), max_size=3
)


def slow_road(body: bytes, *, single: bool) -> intake.Taken | None:
    """What the slow road alone says; None when it refuses the body or one of its events."""
    with mock.patch.object(intake, "take_plain", return_value=None):
        try:
            if not single:
                taken = intake.take_batch(body, admit)
                return None if taken.rejected else taken
            found, tenant = intake.take_one(body, admit)
        except AppError:
            return None
    return intake.Taken([0], [found], [tenant], [])


def has_repeated_key(body: str) -> bool:
    repeated = []

    def pairs(items: list[tuple[str, Any]]) -> None:
        repeated.append(len({name for name, _ in items}) != len(items))

    json.loads(body, object_pairs_hook=pairs)
    return any(repeated)


@pytest.mark.parametrize("single", [True, False])
@settings(max_examples=300)
@given(document=EVENTS, changes=CHANGES)
def test_the_fast_road_gives_what_the_slow_road_gives(
    document: dict[str, Any], changes: list[tuple[Callable[[str, int], str], int]], single: bool
) -> None:
    body = as_bytes(document if single else batch(documents.event(), document)).decode()
    for change, number in changes:
        body = change(body, number)
    same_id = mock.patch.object(intake, "uuid7", return_value="new-id")
    with time_machine.travel(NOW, tick=False), same_id:
        fast = intake.take_plain(body.encode(), admit, single=single)
        slow = slow_road(body.encode(), single=single)
    event("fast road" if fast else "slow road" if slow else "refused")
    if fast is not None:
        assert fast.encoded == encode(fast.events)
        fast.encoded = b""
        assert fast == slow
        assert not has_repeated_key(body)


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_an_ordinary_body_takes_the_fast_road(count: int) -> None:
    full = documents.event(
        event_id="e", timestamp="2026-03-01T10:00:00Z", metrics={"n": 1.5, "m": {"a": [1]}}
    )
    taken = intake.take_plain(as_bytes(batch(*[full] * count)), admit, single=False)
    assert taken is not None
    assert len(taken.events) == count
    assert intake.take_plain(as_bytes(full), admit, single=True) is not None


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_of_the_wrong_size_is_left_to_the_slow_road(count: int) -> None:
    body = as_bytes(batch(*[documents.event()] * count))
    assert intake.take_plain(body, admit, single=False) is None


def test_unknown_fields_and_odd_events_are_left_to_the_slow_road() -> None:
    for odd in (
        documents.event(hours=1),
        documents.event(tenant_id="rival"),
        documents.event(user_id=7),
        documents.event(service_type="llm_service"),
        documents.event() | {"metrics": None},
        {"unknown": ":", **documents.event()},
    ):
        assert intake.take_plain(as_bytes(odd), admit, single=True) is None
        assert intake.take_plain(as_bytes(batch(documents.event(), odd)), admit, single=False) is None
