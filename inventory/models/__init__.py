"""What a tenant runs in its clouds, and what that costs."""

from inventory.models.accounts import CloudAccount
from inventory.models.allocations import AllocationRule, AllocationTarget
from inventory.models.anomalies import AnomalyFeedback, AnomalyThresholds
from inventory.models.automation import AutomationRule, AutomationRun, AutomationTarget
from inventory.models.budgets import Budget, BudgetNotice
from inventory.models.costs import Charge, CostDay, CostLine
from inventory.models.folders import Folder, FolderPermission, Product, ProductCharge, ProductResource
from inventory.models.imports import Import, MappingProfile
from inventory.models.rates import ExchangeRate
from inventory.models.recommendations import (
    RealisedSaving,
    Recommendation,
    RecommendationRun,
    RuleSetting,
)
from inventory.models.resources import Resource, ResourceChange
from inventory.models.views import SavedView

__all__ = [
    "AllocationRule",
    "AllocationTarget",
    "AnomalyFeedback",
    "AnomalyThresholds",
    "AutomationRule",
    "AutomationRun",
    "AutomationTarget",
    "Budget",
    "BudgetNotice",
    "Charge",
    "CloudAccount",
    "CostDay",
    "CostLine",
    "ExchangeRate",
    "Folder",
    "FolderPermission",
    "Import",
    "MappingProfile",
    "Product",
    "ProductCharge",
    "ProductResource",
    "RealisedSaving",
    "Recommendation",
    "RecommendationRun",
    "Resource",
    "ResourceChange",
    "RuleSetting",
    "SavedView",
]
