"""The back office of resources and costs."""

from inventory.admin import accounts, costs, imports, rates, resources

__all__ = ["accounts", "costs", "imports", "rates", "resources"]
