"""The back office of Gcore."""

from gcore.admin import accounts, imports, mappings, reconciliation, reports

__all__ = ["accounts", "imports", "mappings", "reconciliation", "reports"]
