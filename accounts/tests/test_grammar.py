"""The language of filters: what it says, what it refuses and where."""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.grammar import (
    MAX_DEPTH,
    MAX_LENGTH,
    MAX_TERMS,
    And,
    Compare,
    Exists,
    GrammarError,
    In,
    Not,
    Or,
    Path,
    parse_filter,
    parse_path,
)

USER, TOKENS, MODEL = Path(("user_id",)), Path(("metrics", "tokens")), Path(("metadata", "model"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('user_id = "anna"', Compare(USER, "=", "anna")),
        ('user_id="anna"', Compare(USER, "=", "anna")),
        ("metrics.tokens >= -10.50", Compare(TOKENS, ">=", Decimal("-10.50"))),
        ("metrics.tokens != 1e2", Compare(TOKENS, "!=", Decimal(100))),
        ('user_id ^= "t"', Compare(USER, "^=", "t")),
        ('user_id ~ "a\\"b\\\\\\u00e4"', Compare(USER, "~", 'a"b\\ä')),
        ('metadata.model in ("a", "b")', In(MODEL, ("a", "b"))),
        ("metrics.tokens in (1)", In(TOKENS, (Decimal(1),))),
        ("not exists metadata.model", Not(Exists(MODEL))),
        ('metadata."a b".in = 1', Compare(Path(("metadata", "a b", "in")), "=", Decimal(1))),
        ("user_id = anna", Compare(USER, "=", "anna")),
        ("user_id=eu-west-1", Compare(USER, "=", "eu-west-1")),
        ("user_id >= 2026-03-10T12:00:00Z", Compare(USER, ">=", "2026-03-10T12:00:00Z")),
        ("user_id ~ i/o.2;", Compare(USER, "~", "i/o.2;")),
        ("user_id ~ 5", Compare(USER, "~", "5")),
        ("user_id = 007", Compare(USER, "=", "007")),
        ("user_id = Größe", Compare(USER, "=", "Größe")),
        ("user_id in (aws, gcp)", In(USER, ("aws", "gcp"))),
        ("tag:env=prod", Compare(Path(("tag", "env")), "=", "prod")),
        ("tag:kubernetes.io/name:a != 5", Compare(Path(("tag", "kubernetes.io/name:a")), "!=", Decimal(5))),
        ('not exists tag:"cost center"', Not(Exists(Path(("tag", "cost center"))))),
    ],
)
def test_what_a_comparison_says(text: str, expected: Any) -> None:
    assert parse_filter(text) == expected


def test_not_binds_before_and_and_before_or() -> None:
    a, b, c = (Compare(Path((name,)), "=", Decimal(1)) for name in "abc")
    assert parse_filter("a = 1 or not b = 1 and c = 1") == Or((a, And((Not(b), c))))
    assert parse_filter("(a = 1 or b = 1) and c = 1") == And((Or((a, b)), c))


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 0, "a property such as user_id or metrics.tokens"),
        ("user_id", 7, "one of = != < <= > >= ^= ~ in"),
        ("user_id = and", 10, "a text or a number"),
        ("user_id = anna berta", 15, "and, or, or the end"),
        ("tag: = prod", 5, "a name or a quoted text"),
        ('user_id = "anna', 10, "a name, a quoted text, a number or an operator"),
        ('user_id = "a" user_id', 14, "and, or, or the end"),
        ('(user_id = "a"', 14, ")"),
        ("user_id ~ )", 10, "a text"),
        ('user_id in ("a", 5)', 17, "a text as before"),
        ("user_id in ()", 12, "a text or a number"),
        ("and = 1", 0, "a property such as user_id or metrics.tokens"),
        ("metrics. = 1", 9, "a name or a quoted text"),
        ("a = 1; drop", 7, "and, or, or the end"),
        ("a = ^", 4, "a name, a quoted text, a number or an operator"),
    ],
)
def test_an_error_says_where_and_what(text: str, position: int, expected: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_filter(text)
    assert (caught.value.position, caught.value.expected) == (position, expected)
    assert str(caught.value) == f"at character {position + 1}: expected {expected}."


@pytest.mark.parametrize(
    "text", ['a = "\\u0000"', 'a = "\\ud800"', f"a = {'9' * 39}", "a = 1e31", 'a = "\\x"']
)
def test_no_value_that_no_event_can_have(text: str) -> None:
    with pytest.raises(GrammarError, match=r"^at character 5: expected another (text|number): "):
        parse_filter(text)


def test_length_depth_and_terms_are_bounded() -> None:
    term = "a = 1"
    assert parse_filter(term.ljust(MAX_LENGTH))
    assert parse_filter("(" * MAX_DEPTH + term + ")" * MAX_DEPTH)
    assert parse_filter(" or ".join([term] * MAX_TERMS))
    for text in (
        term.ljust(MAX_LENGTH + 1),
        "(" * (MAX_DEPTH + 1) + term + ")" * (MAX_DEPTH + 1),
        "not " * (MAX_DEPTH + 1) + term,
        " or ".join([term] * (MAX_TERMS + 1)),
    ):
        with pytest.raises(GrammarError, match="at most"):
            parse_filter(text)


def test_a_path_alone() -> None:
    assert parse_path('metadata."a.b"') == Path(("metadata", "a.b"))
    for text in ("", "metadata.", "metadata.a = 1", '"metadata"'):
        with pytest.raises(GrammarError):
            parse_path(text)


@given(st.text(alphabet='ab.:/=<>!^~(),"\\ 1-eiornx\x00\ud800', max_size=40))
def test_any_text_is_a_filter_or_an_error(text: str) -> None:
    with contextlib.suppress(GrammarError):
        parse_filter(text)
