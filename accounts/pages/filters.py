"""Filters that people write."""

from accounts.errors import AppError


def pointer(error: AppError) -> str | None:
    """Spaces and an arrow under the character at which a filter goes wrong; None when it does not."""
    places = [told["position"] for told in error.errors if "position" in told]
    return " " * places[0] + "↑" if places else None
