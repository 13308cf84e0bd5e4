"""The back office of usage."""

from usage.admin import events, letters, meters, prices, rollups, statements

__all__ = ["events", "letters", "meters", "prices", "rollups", "statements"]
