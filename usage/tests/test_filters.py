"""A filter says the same of an event in SQL, on both databases, and in Python."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from tests.builders import make_tenant
from usage.filters import filter_predicate, filter_q, read_filter
from usage.models import UsageEvent

pytestmark = pytest.mark.every_case

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
PLAIN: Final[dict[str, Any]] = {
    "event_id": "e", "timestamp": NOON, "user_id": "anna", "service_type": "compute",
    "service_provider": "aws", "event_type": "hours", "metrics": {}, "billing_info": {}, "tags": [],
    "metadata": {}, "session_id": "", "request_id": "",
}  # fmt: skip


def matching(text: str, events: list[dict[str, Any]], tenant: Tenant) -> list[str]:
    """The ids that SQL finds, once Python agrees."""
    asked = read_filter(text)
    found = UsageEvent.objects.for_tenant(tenant).filter(filter_q(asked)).order_by("event_id")
    ids = [str(event.event_id) for event in found]
    assert ids == [event["event_id"] for event in events if filter_predicate(asked)(event)]
    return ids


def store(tenant: Tenant, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    events = [{**PLAIN, "event_id": f"e{number}", **change} for number, change in enumerate(changes)]
    UsageEvent.objects.bulk_create(UsageEvent(tenant=tenant, **event) for event in events)
    return events


CASES: Final[list[tuple[str, list[dict[str, Any]], list[int]]]] = [
    ("", [{}], [0]),
    ('user_id = "anna"', [{}, {"user_id": "Anna"}, {"user_id": "anna "}], [0]),
    ('user_id != "anna"', [{}, {"user_id": "Anna"}], [1]),
    ('user_id < "a"', [{"user_id": "Z"}, {"user_id": "a"}, {"user_id": "ä"}], [0]),
    ('session_id > "Z"', [{"session_id": "a"}, {"session_id": "B"}, {"session_id": ""}], [0]),
    ('user_id ^= "an%"', [{}, {"user_id": "an%x"}, {"user_id": "AN%x"}], [1]),
    ('user_id ~ "_"', [{}, {"user_id": "a_b"}], [1]),
    ('user_id in ("anna", "jonas")', [{}, {"user_id": "jonas"}, {"user_id": "x"}], [0, 1]),
    ("exists session_id", [{}, {"session_id": "s"}], [1]),
    ("metrics.n > 10.5", [{"metrics": {"n": n}} for n in (9, Decimal("10.50"), 11, 100, "99")], [2, 3]),
    ("metrics.n = 1.50", [{"metrics": {"n": n}} for n in (Decimal("1.5"), "1.5", 1)], [0]),
    ("metrics.n in (1, 2.0)", [{"metrics": {"n": n}} for n in (1, 2, 3, "1")], [0, 1]),
    ("metrics.n != 1", [{"metrics": {"n": n}} for n in (1, 2, None)] + [{}], [1, 2, 3]),
    ("not metrics.n > 1", [{"metrics": {"n": n}} for n in (1, 2, None)] + [{}], [0, 2, 3]),
    ('metadata.k = "1.5"', [{"metadata": {"k": k}} for k in (Decimal("1.50"), "1.5", "1.50")], [0, 1]),
    ('metadata.k = "true"', [{"metadata": {"k": k}} for k in (True, "true", 1)], [0, 1]),
    ('metadata.a.b ~ "x"', [{"metadata": {"a": {"b": "axb"}}}, {"metadata": {"a": "x"}}], [0]),
    ('metadata."a.b" ^= "x"', [{"metadata": {"a.b": "xy"}}, {"metadata": {"a": {"b": "xy"}}}], [0]),
    ("exists metadata.k", [{"metadata": {"k": k}} for k in (1, {"a": 1}, False, None)] + [{}], [0, 1, 2]),
    ('tags = "b"', [{"tags": ["a", "b"]}, {"tags": ["ab"]}, {}], [0]),
    ('tags != "b"', [{"tags": ["a", "b"]}, {"tags": ["ab"]}, {}], [1, 2]),
    ('tags in ("a", "c")', [{"tags": ["a"]}, {"tags": ["c", "d"]}, {"tags": ["d"]}], [0, 1]),
    ('tags ^= "te"', [{"tags": ["x", "team"]}, {"tags": ["xte"]}], [0]),
    ('tags ~ "te"', [{"tags": ["team"]}, {"tags": ["xte"]}, {"tags": ["t", "e"]}], [0, 1]),
    ('tags < "a"', [{"tags": ["b", "A"]}, {"tags": ["b"]}], [0]),
    ("exists tags", [{"tags": ["a"]}, {}], [0]),
    ('model = "t"', [{"metadata": {"tier": "t"}}, {"metadata": {"model": "m", "tier": "t"}}], [0]),
    ("not exists model", [{"metadata": {"tier": "t"}}, {}], [1]),
    ('user_id = "x" or not (metrics.n = 1 and exists tags)', [{"metrics": {"n": 1}, "tags": ["a"]}, {}], [1]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "changes", "expected"), CASES)
def test_which_events_match(
    acme: Tenant, rival: Tenant, text: str, changes: list[dict[str, Any]], expected: list[int]
) -> None:
    store(rival, *changes)
    assert matching(text, store(acme, *changes), acme) == [f"e{number}" for number in expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user_id = 5", "filter: at character 1: expected a quoted text to compare user_id with."),
        (
            'tags in ("a") or tags = 1',
            "filter: at character 18: expected a quoted text to compare tags with.",
        ),
        ("metrics = 5", "filter: at character 1: expected a key after metrics, as in metrics.x."),
        ("price = 5", "filter: at character 1: expected metrics.x, metadata.x, billing_info.x, model, tags,"),
        ('user_id.x = "a"', "filter: at character 1: expected metrics.x,"),
        ('tenant_id = "a"', "filter: at character 1: expected metrics.x,"),
        ("metrics.n = ", "filter: at character 13: expected a text or a number."),
    ],
)
def test_what_no_event_has_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read_filter(text)
    assert caught.value.message.startswith(message)


values = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["", "a", "ab", "b%", "1.5", "ä", "A"]),
    st.decimals(-2, 2, places=1), st.lists(st.just("a"), max_size=1),
)  # fmt: skip
events = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["a", "ab", "B", "ä"]),
        "metrics": st.dictionaries(st.sampled_from(["n", "m"]), values),
        "metadata": st.dictionaries(st.sampled_from(["model", "tier", "k"]), values),
        "tags": st.lists(st.sampled_from(["a", "ab", "b%", "ä"]), max_size=2),
    }
)
paths = st.sampled_from(["user_id", "metrics.n", "metadata.k", "metadata.model", "model", "tags"])
texts = st.sampled_from(['""', '"a"', '"b%"', '"1.5"', '"ä"', '"true"'])
comparisons = st.one_of(
    st.builds("{} {} {}".format, paths, st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^=", "~"]), texts),
    st.builds("{} in ({}, {})".format, paths, texts, texts),
    st.builds("metrics.{} {} {}".format, st.sampled_from("nm"), st.sampled_from(["=", "!=", "<", ">="]),
              st.sampled_from(["0", "-1.5", "1.50", "2"])),
    st.builds("exists {}".format, paths),
)  # fmt: skip
filters = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
    ),
    max_leaves=4,
)


class TestEveryFilter(TestCase):
    @settings(max_examples=60)
    @given(st.lists(events, min_size=1, max_size=8), st.lists(filters, min_size=1, max_size=4))
    def test_sql_and_python_agree(self, rows: list[dict[str, Any]], asked: list[str]) -> None:
        tenant = make_tenant("acme")
        stored = store(tenant, *rows)
        for text in asked:
            matching(text, stored, tenant)
