"""Gcore accounts, what is asked of them, and for whom."""

from gcore.models.accounts import GcoreAccount
from gcore.models.imports import ProviderImport
from gcore.models.mappings import ClientMapping
from gcore.models.reconciliation import FeatureMeter, Reconciliation
from gcore.models.reports import ReportAside, ReportBundle, ReportJob, ReportRow

__all__ = [
    "ClientMapping",
    "FeatureMeter",
    "GcoreAccount",
    "ProviderImport",
    "Reconciliation",
    "ReportAside",
    "ReportBundle",
    "ReportJob",
    "ReportRow",
]
