"""The back office of resources and costs."""

from inventory.admin import (
    accounts,
    allocations,
    anomalies,
    automation,
    budgets,
    costs,
    folders,
    imports,
    rates,
    recommendations,
    resources,
    views,
)

__all__ = [
    "accounts",
    "allocations",
    "anomalies",
    "automation",
    "budgets",
    "costs",
    "folders",
    "imports",
    "rates",
    "recommendations",
    "resources",
    "views",
]
