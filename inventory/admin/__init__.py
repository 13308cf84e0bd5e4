"""The back office of resources and costs."""

from inventory.admin import accounts, anomalies, automation, budgets, costs, imports, rates, resources, views

__all__ = [
    "accounts",
    "anomalies",
    "automation",
    "budgets",
    "costs",
    "imports",
    "rates",
    "resources",
    "views",
]
