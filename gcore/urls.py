from django.urls import path, register_converter
from django.urls.converters import StringConverter

from accounts.models import Scope
from gcore.api.reconciliation import ReconciliationView
from gcore.api.reports import PRODUCTS, ReportViewSet


class ReportProduct(StringConverter):
    regex = "|".join(PRODUCTS)


register_converter(ReportProduct, "report_product")

urlpatterns = [
    path("reports", ReportViewSet.as_view({"get": "list"}), name="report-list"),
    path("reports/reconciliation", ReconciliationView.as_view(), name="reconciliation"),
    path("reports/<report_product:product>", ReportViewSet.as_view({"post": "create"}), name="report-create"),
    path(
        "reports/gcore/<uuid:uuid>",
        ReportViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="report-detail",
    ),
    path(
        "reports/gcore/<uuid:uuid>/download",
        ReportViewSet.as_view({"post": "download"}, required_scope=Scope.READ),
        name="report-download",
    ),
]
