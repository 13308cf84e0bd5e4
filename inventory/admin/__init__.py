"""The back office of resources and costs."""

from inventory.admin import accounts, costs, imports, resources

__all__ = ["accounts", "costs", "imports", "resources"]
