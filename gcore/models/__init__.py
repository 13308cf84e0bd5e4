"""Gcore accounts, what is asked of them, and for whom."""

from gcore.models.accounts import GcoreAccount
from gcore.models.mappings import ClientMapping
from gcore.models.reports import ReportAside, ReportBundle, ReportJob, ReportRow

__all__ = ["ClientMapping", "GcoreAccount", "ReportAside", "ReportBundle", "ReportJob", "ReportRow"]
