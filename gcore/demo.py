"""The demo tenants' clients at the simulated Gcore."""

from collections.abc import Mapping
from typing import Final

from accounts.models import Tenant
from accounts.principals import SYSTEM
from gcore.models import ClientMapping
from gcore.services.accounts import account_default
from gcore.services.mappings import mapping_create

# Tenant → Gcore client → its name. 829449 is the one of the older service's document.
CLIENTS: Final = {
    "demo-tenant": {"829449": "SDG Test 2", "829517": "Nordwind Media GmbH", "830102": "Helios Labs"},
    "test-tenant": {"829449": "SDG Test 2"},
    "dev": {"829449": "SDG Test 2"},
}


def demo_clients_map(tenants: Mapping[str, Tenant]) -> None:
    """Map what is not mapped yet."""
    account = account_default()
    for slug, clients in CLIENTS.items():
        mapped = ClientMapping.objects.for_tenant(tenants[slug]).values_list("client_id", flat=True)
        for client_id in clients.keys() - set(mapped):
            mapping_create(
                by=SYSTEM, tenant=tenants[slug], account=account, client_id=client_id, name=clients[client_id]
            )
