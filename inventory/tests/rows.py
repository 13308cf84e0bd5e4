"""Rows as the older service's clients send them."""

from decimal import Decimal
from typing import Any, Final

ACCOUNT: Final = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"


def resource(number: int | str = 1, **fields: Any) -> dict[str, Any]:
    return {
        "cloud_account_id": ACCOUNT,
        "provider": "aws",
        "resource_id": f"i-{number}",
        "resource_type": "ec2.instance",
        "region": "us-east-1",
        "state": "running",
        "tags": {"env": "prod", "team": "core"},
        "cost_daily": Decimal("2.4"),
        "cost_monthly": 72,
        "created_at": "2025-01-01T00:00:00Z",
        **fields,
    }


def cost(**fields: Any) -> dict[str, Any]:
    return {
        "cloud_account_id": ACCOUNT,
        "provider": "aws",
        "service_name": "AmazonEC2",
        "region": "us-east-1",
        "cost_date": "2025-01-01",
        "usage_quantity": 24,
        "usage_unit": "Hours",
        "cost_amount": "12.34",
        "currency": "USD",
        **fields,
    }
