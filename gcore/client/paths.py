"""Where each generation of Gcore's billing API keeps the same things."""

from dataclasses import dataclass
from typing import Final

from gcore.client.credentials import Generation

LOGIN: Final = "/iam/auth/jwt/login"
REFRESH: Final = "/iam/auth/jwt/refresh"
ADMIN_TOKEN: Final = "/iam/auth/jwt/clients/{client_id}/admin_token"  # noqa: S105  (a path)
WHO_AM_I: Final = "/iam/clients/me"
CLIENTS: Final = "/iam/clients"
CDN_SERIES: Final = "/cdn/statistics/series"
CLOUD_USAGE: Final = "/cloud/v1/usage_report"
INSTANCE: Final = "/cloud/v1/instances/{place}/{instance_id}"
INSTANCE_ACTION: Final = "/cloud/v2/instances/{place}/{instance_id}/action"
CLOUD_TASK: Final = "/cloud/v1/tasks/{task_id}"
WAAP_BREAKDOWN: Final = "/waap/v1/prebilling/breakdown/{metric}"


@dataclass(frozen=True, slots=True)
class Paths:
    features: str
    templates: str
    create: str
    task: str
    download: str
    expenses: str
    prices: str | None


PATHS: Final = {
    Generation.LEGACY: Paths(
        features="/billing/v3/report_features",
        templates="/billing/v1/org/files/report/templates",
        create="/billing/v1/org/files/report",
        task="/billing/v1/org/files/{task_id}",
        download="/billing/v1/org/files/{task_id}/download",
        expenses="/billing/v1/org/expenses",
        prices=None,
    ),
    Generation.CURRENT: Paths(
        # No longer published as a list of their own; the price list names each with its product.
        features="/billing/org/v1/plans/contents",
        templates="/billing/org/v1/reports/templates",
        create="/billing/org/v1/reports",
        task="/billing/org/v1/reports/{task_id}",
        download="/billing/org/v1/reports/{task_id}/download",
        expenses="/billing/org/v1/expenses",
        prices="/billing/org/v1/plans/contents",
    ),
}
