"""The console's page about Gcore, under /console/."""

from django.urls import path

from gcore.pages.reconciliation import reconciliation

urlpatterns = [path("/gcore", reconciliation, name="gcore")]
