"""Gcore's reseller API: `GcoreClient(credentials)`."""

from gcore.client.calls import GcoreClient
from gcore.client.credentials import Credentials, Generation
from gcore.client.shapes import (
    CloudTask,
    CloudUsage,
    Customer,
    Expense,
    Feature,
    Instance,
    Point,
    Price,
    Product,
    ReportFormat,
    ReportState,
    ReportTask,
)

__all__ = [
    "CloudTask",
    "CloudUsage",
    "Credentials",
    "Customer",
    "Expense",
    "Feature",
    "GcoreClient",
    "Generation",
    "Instance",
    "Point",
    "Price",
    "Product",
    "ReportFormat",
    "ReportState",
    "ReportTask",
]
