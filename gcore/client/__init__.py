"""Gcore's reseller API: `GcoreClient(credentials)`."""

from gcore.client.calls import GcoreClient
from gcore.client.credentials import Credentials, Generation
from gcore.client.shapes import (
    CloudUsage,
    Customer,
    Expense,
    Feature,
    Point,
    Price,
    Product,
    ReportFormat,
    ReportState,
    ReportTask,
)

__all__ = [
    "CloudUsage",
    "Credentials",
    "Customer",
    "Expense",
    "Feature",
    "GcoreClient",
    "Generation",
    "Point",
    "Price",
    "Product",
    "ReportFormat",
    "ReportState",
    "ReportTask",
]
