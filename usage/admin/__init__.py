"""The back office of usage."""

from usage.admin import events, letters, meters

__all__ = ["events", "letters", "meters"]
