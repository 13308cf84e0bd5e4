"""The console's pages about Gcore, under /console/."""

from django.urls import path

from gcore.pages import reports
from gcore.pages.reconciliation import reconciliation

urlpatterns = [
    path("/gcore", reconciliation, name="gcore"),
    path("/gcore/reports", reports.reports, name="gcore-reports"),
    path("/gcore/reports/<uuid:pk>", reports.report_row, name="gcore-report"),
    path("/gcore/reports/<uuid:pk>/remove", reports.report_remove, name="gcore-report-remove"),
    path("/gcore/reports/<uuid:pk>/file/<str:form>", reports.report_download, name="gcore-report-file"),
]
