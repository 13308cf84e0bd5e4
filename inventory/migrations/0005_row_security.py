from django.db import migrations

from accounts.policies import SecureRows

OWNED = (
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
)


class Migration(migrations.Migration):
    """One table at a time, so that none is locked while the next one is waited for."""

    atomic = False

    dependencies = [
        ('inventory', '0004_what_recommendations_said'),
    ]

    operations = [
        *(SecureRows(name) for name in OWNED),
    ]
