"""The back office of usage."""

from usage.admin import alerts, events, letters, meters, prices, rollups, statements

__all__ = ["alerts", "events", "letters", "meters", "prices", "rollups", "statements"]
