"""What several nouns have in common on the wire."""

from typing import Any, Final

from rest_framework import serializers

FILTER_HELP: Final = (
    "Such as `provider = aws and tag:env = prod`: `=`, `!=`, `<`, `<=`, `>`, `>=`, `^=` (starts with), `~`"
    " (contains), `in (a, b)`, `exists x` (not empty), joined by `and`, `or`, `not` and parentheses."
)
VIEW_HELP: Final = "A saved view, by id or name: its filter holds beside all else."


def tags_field(**kwargs: Any) -> Any:
    return serializers.DictField(child=serializers.JSONField(), **kwargs)


def currency_field(**kwargs: Any) -> Any:
    return serializers.RegexField(r"^[A-Z]{3}\Z", **kwargs)
