"""The back office of Gcore."""

from gcore.admin import accounts

__all__ = ["accounts"]
