"""The console's pages about resources and costs, under /console/."""

from django.urls import path

from inventory.pages import (
    anomalies,
    asking,
    automation,
    automation_runs,
    budgets,
    costs,
    folders,
    forecast,
    giving,
    imports,
    products,
    recommendations,
    resources,
    rules,
)

urlpatterns = [
    path("/costs", costs.costs, name="costs"),
    path("/costs/forecast", forecast.forecast, name="costs-forecast"),
    path("/costs/anomalies", anomalies.anomalies, name="costs-anomalies"),
    path("/budgets", budgets.budgets, name="budgets"),
    path("/budgets/new", budgets.new_budget, name="budget-new"),
    path("/budgets/<uuid:pk>", budgets.one_budget, name="budget"),
    path("/resources", resources.resources, name="resources"),
    path("/resources/<uuid:pk>", resources.resource, name="resource"),
    path("/recommendations", recommendations.recommendations, name="recommendations"),
    path("/recommendations/rules", rules.rules, name="recommendations-rules"),
    path("/recommendations/rules/<slug:rule>", rules.one_rule, name="recommendation-rule"),
    path("/recommendations/<uuid:pk>", recommendations.recommendation, name="recommendation"),
    path("/automation", automation.automation, name="automation"),
    path("/automation/new", automation.new_rule, name="automation-new"),
    path("/automation/<uuid:pk>", automation.one_rule, name="automation-rule"),
    path("/automation/<uuid:pk>/edit", automation.edit_rule, name="automation-edit"),
    path("/automation/runs/<uuid:pk>", automation_runs.one_run, name="automation-run"),
    path("/folders", folders.folders, name="folders"),
    path("/folders/<uuid:pk>", folders.one_folder, name="folder"),
    path("/folders/<uuid:folder>/products/new", products.new_product, name="product-new"),
    path("/products/<uuid:pk>", products.one_product, name="product"),
    path("/products/<uuid:pk>/by-hand", giving.by_hand, name="product-by-hand"),
    path("/views", asking.views, name="views"),
    path("/imports", imports.imports, name="imports"),
    path("/imports/<uuid:pk>", imports.one_import, name="import"),
]
