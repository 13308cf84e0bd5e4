"""What comes over the wire: exact, bounded, and refused for the same reasons on every database."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import ValidationFailed
from accounts.wire import MAX_DEPTH, decode, encode

BOMB = b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": "x\\u0000"}', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": ["\\udc00x"]}', "surrogate"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": [Infinity]}', "Infinity is not"),
        (b"-Infinity", "-Infinity is not"),
        (b'{"a": 1, "a": 2}', "'a' is given twice"),
        (b'{"x": [{"y": {"b": 1, "b": 1}}]}', "'b' is given twice"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested more than 32"),
        (BOMB, "nested more than 32"),
        (b"1" * 39, "more than 38 digits"),
        (b"1" * 10_000, "more than 38 digits"),
        (b"1e31", "beyond 10"),
        (b"1e-31", "beyond 10"),
        (b"1e999999999", "beyond 10"),
        (b"0." + b"1" * 39, "more than 38 digits"),
        (b"1." + b"0" * 100, "longer than"),
        (b'{"a": "\xff"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"", "line 1"),
        (b"{", "line 1"),
        (b"{'a': 1}", "line 1"),
        (b'{"a": 1} x', "Extra data"),
    ],
)
def test_what_is_refused_and_why(body: bytes, reason: str) -> None:
    with pytest.raises(ValidationFailed, match=r"^Invalid JSON") as refused:
        decode(body)
    assert reason in refused.value.message
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "no-such", "x" * 500])
def test_only_utf8(charset: str) -> None:
    with pytest.raises(ValidationFailed, match="charset"):
        decode(b"{}", charset)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", "us-ascii"])
def test_names_of_utf8(charset: str) -> None:
    assert decode(b"{}", charset) == {}


def test_numbers_stay_exact() -> None:
    body = b'{"a":0.1,"b":12345678901234567890.12,"c":0.30,"d":1e3,"e":9007199254740993}'
    assert decode(body) == {
        "a": Decimal("0.1"),
        "b": Decimal("12345678901234567890.12"),
        "c": Decimal("0.30"),
        "d": Decimal("1e3"),
        "e": 9007199254740993,
    }
    assert encode({"a": Decimal("0.30")}) == b'{"a":0.30}'


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
numbers = st.decimals(-(10**12), 10**12, places=6, allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_encoded_decodes_to_itself(value: Any) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = decode(body)
    except ValidationFailed:
        return
    assert decode(encode(value)) == value


@given(st.recursive(st.integers(-(10**37), 10**37) | texts, lambda i: st.lists(i, max_size=3), max_leaves=10))
def test_what_json_itself_writes_is_read(value: Any) -> None:
    assert decode(json.dumps(value).encode()) == value
