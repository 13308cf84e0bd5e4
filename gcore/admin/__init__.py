"""The back office of Gcore."""

from gcore.admin import accounts, mappings, reports

__all__ = ["accounts", "mappings", "reports"]
