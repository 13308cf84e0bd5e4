"""The back office of usage."""

from usage.admin import events, letters

__all__ = ["events", "letters"]
