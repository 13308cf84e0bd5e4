from django.urls import path
from rest_framework.routers import SimpleRouter

from inventory.api.accounts import CloudAccountViewSet
from inventory.api.allocations import AllocationRuleViewSet
from inventory.api.analytics import CostAnalyticsView
from inventory.api.anomalies import AnomalyFeedbackView, CostAnomaliesView
from inventory.api.automation import AutomationRuleViewSet
from inventory.api.automation_runs import AutomationRunViewSet
from inventory.api.budgets import BudgetViewSet
from inventory.api.bulk import CostBulkView, ResourceBulkView
from inventory.api.costs import CostLineViewSet, CostSummaryView
from inventory.api.exports import CostExportView, ResourceExportView
from inventory.api.folder_permissions import (
    FolderPermissionListView,
    FolderPermissionsView,
    FolderPermissionView,
    OlderFolderPermissionsView,
)
from inventory.api.folders import FolderViewSet
from inventory.api.forecast import CostForecastView
from inventory.api.imports import ImportViewSet
from inventory.api.products import ProductViewSet
from inventory.api.profiles import MappingProfileViewSet
from inventory.api.rates import ExchangeRateViewSet
from inventory.api.recommendations import RecommendationViewSet
from inventory.api.recommending import (
    RecommendationRefreshView,
    RecommendationRulesView,
    RecommendationRuleView,
    RecommendationRunViewSet,
    RecommendationSummaryView,
    RecommendationVerdictsView,
)
from inventory.api.resources import ResourceViewSet
from inventory.api.showback import ShowbackView
from inventory.api.views import SavedViewViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("cloud-accounts", CloudAccountViewSet, basename="cloud-account")
router.register("resources", ResourceViewSet, basename="resource")
router.register("imports", ImportViewSet, basename="import")
router.register("mapping-profiles", MappingProfileViewSet, basename="mapping-profile")
router.register("costs", CostLineViewSet, basename="cost")
router.register("folders", FolderViewSet, basename="folder")
router.register("products", ProductViewSet, basename="product")
router.register("automation-rules", AutomationRuleViewSet, basename="automation-rule")
router.register("automation-rules/<uuid:rule_id>/runs", AutomationRunViewSet, basename="automation-run")
router.register("allocation-rules", AllocationRuleViewSet, basename="allocation-rule")
router.register("budgets", BudgetViewSet, basename="budget")
router.register("recommendations", RecommendationViewSet, basename="recommendation")
router.register("recommendations/runs", RecommendationRunViewSet, basename="recommendation-run")
router.register("saved-views", SavedViewViewSet, basename="saved-view")
router.register("exchange-rates", ExchangeRateViewSet, basename="exchange-rate")

urlpatterns = [
    path("resources/bulk", ResourceBulkView.as_view(), name="resource-bulk"),
    path("costs/bulk", CostBulkView.as_view(), name="cost-bulk"),
    path("costs/summary", CostSummaryView.as_view(), name="cost-summary"),
    path("resources/export", ResourceExportView.as_view(), name="resource-export"),
    path("costs/export", CostExportView.as_view(), name="cost-export"),
    path("costs/forecast", CostForecastView.as_view(), name="cost-forecast"),
    path("costs/anomalies", CostAnomaliesView.as_view(), name="cost-anomalies"),
    path("costs/anomalies/feedback", AnomalyFeedbackView.as_view(), name="anomaly-feedback"),
    path("costs/showback", ShowbackView.as_view(), name="cost-showback"),
    path("costs/analytics", CostAnalyticsView.as_view(), name="cost-analytics"),
    path("folder-permissions", FolderPermissionsView.as_view(), name="folder-permissions"),
    path("folder-permissions/folder-permission", OlderFolderPermissionsView.as_view()),
    path(
        "folder-permissions/<uuid:folder_id>",
        FolderPermissionListView.as_view(),
        name="folder-permission-list",
    ),
    path(
        "folder-permissions/<uuid:folder_id>/<str:email>",
        FolderPermissionView.as_view(),
        name="folder-permission",
    ),
    path("recommendations/refresh", RecommendationRefreshView.as_view(), name="recommendation-refresh"),
    path("recommendations/summary", RecommendationSummaryView.as_view(), name="recommendation-summary"),
    path("recommendations/verdicts", RecommendationVerdictsView.as_view(), name="recommendation-verdicts"),
    path("recommendations/rules", RecommendationRulesView.as_view(), name="recommendation-rules"),
    path("recommendations/rules/<slug:rule>", RecommendationRuleView.as_view(), name="recommendation-rule"),
    *router.urls,
]
