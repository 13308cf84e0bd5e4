"""Gcore's own words for what went wrong: each of its products has another body for errors."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from accounts.errors import ValidationFailed
from accounts.wire import decode

MOST: Final = 500
_TELLING: Final = ("message", "detail", "error", "errors", "invalid_fields")
_TAG: Final = re.compile(r"<(script|style|title)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def words_of(body: bytes, secrets: Iterable[str] = ()) -> str:
    """One line of text, without any of the secrets or parts of them; empty when Gcore said nothing."""
    try:
        text = "; ".join(dict.fromkeys(_said(decode(body))))
    except ValidationFailed:
        text = _TAG.sub(" ", body.decode(errors="replace"))
    text = " ".join(text.split())
    return _without(text, tuple(secrets))[:MOST]


def _said(value: Any) -> Iterator[str]:
    """The texts of an answer: those under telling names, else all of them, with the names of their fields."""
    if isinstance(value, dict):
        telling = {name: value[name] for name in _TELLING if value.get(name)}
        for name, inner in (telling or value).items():
            for text in _said(inner):
                yield text if name in telling else f"{name}: {text}"
    elif isinstance(value, list):
        for inner in value:
            yield from _said(inner)
    elif isinstance(value, str) and value.strip():
        yield value


def _without(text: str, secrets: tuple[str, ...]) -> str:
    """Gcore repeats a part of a bad token; whatever is a part of one of ours is hidden."""
    for secret in secrets:
        text = text.replace(secret, "[hidden]")
    parts = (word for word in re.split(r"[\s\"'<>:;,()]+", text) if len(word) > 5)
    for part in sorted(parts, key=len, reverse=True):
        if any(part.rstrip(".") in secret for secret in secrets):
            text = text.replace(part, "[hidden]")
    return text
