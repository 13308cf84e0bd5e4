"""The demo tenants' clients at the simulated Gcore."""

from collections.abc import Mapping
from typing import Final

from accounts.models import Tenant
from accounts.principals import SYSTEM
from gcore.models import ClientMapping
from gcore.services.accounts import account_default
from gcore.services.mappings import mapping_create

# One of the reseller's customers each. 829449 is the one of the older service's document.
CLIENTS: Final = {
    "test-tenant": ("829449", "SDG Test 2"),
    "demo-tenant": ("829517", "Nordwind Media GmbH"),
    "dev": ("830102", "Helios Labs"),
}


def demo_clients_map(tenants: Mapping[str, Tenant]) -> None:
    """Map those that have none yet."""
    account = account_default()
    for slug, (client_id, name) in CLIENTS.items():
        tenant = tenants[slug]
        if not ClientMapping.objects.for_tenant(tenant).exists():
            mapping_create(by=SYSTEM, tenant=tenant, account=account, client_id=client_id, name=name)
