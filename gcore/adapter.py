"""Machines in the clouds of Gcore's customers, stopped and started in the customer's own name.

A resource of the provider `gcore` says where it is by its id, `<project id>/<region id>/<instance id>`. Its
cloud account is the id of the Gcore client, which must be mapped to the resource's tenant.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from gcore.client import GcoreClient
from gcore.errors import GcoreError, TransientError
from gcore.models import ClientMapping
from gcore.queries.accounts import account_client
from inventory.adapters import Power, ProviderAway, ProviderError, Sighting
from inventory.models import Resource

NAMED: Final = re.compile(r"([0-9]+/[0-9]+)/([0-9a-f-]{36})", re.ASCII)
POWERS: Final = {"active": Power.RUNNING, "stopped": Power.STOPPED}


class _Machine(NamedTuple):
    client: GcoreClient
    client_id: int
    place: str
    id: str


class GcoreAdapter:
    """inventory.adapters.ProviderAdapter over Gcore's cloud API."""

    def look(self, resource: Resource) -> Sighting:
        with _in_their_words():
            machine = _machine(resource)
            seen = machine.client.instance(machine.client_id, machine.place, machine.id)
        said = f"{seen.state} ({seen.task})" if seen.task else seen.state
        return Sighting(POWERS.get(seen.state, Power.OTHER), bool(seen.task), said)

    def stop(self, resource: Resource) -> str:
        return self._act(resource, "stop")

    def start(self, resource: Resource) -> str:
        return self._act(resource, "start")

    def complaint(self, resource: Resource, receipt: str) -> str:
        with _in_their_words():
            machine = _machine(resource)
            return machine.client.cloud_task(machine.client_id, receipt).error

    def _act(self, resource: Resource, action: str) -> str:
        with _in_their_words():
            machine = _machine(resource)
            return machine.client.instance_act(machine.client_id, machine.place, machine.id, action)


def _machine(resource: Resource) -> _Machine:
    found = NAMED.fullmatch(resource.resource_id)
    if found is None:
        raise ProviderError("The id of a machine at Gcore is <project id>/<region id>/<instance id>.")
    account = resource.cloud_account
    mappings = ClientMapping.objects.for_tenant(resource.tenant).select_related("account")
    mapped = list(mappings.filter(client_id=account.account_id)) if account is not None else []
    if len(mapped) != 1:
        raise ProviderError("Its cloud account is not one Gcore client of this tenant's.")
    return _Machine(account_client(mapped[0].account), int(mapped[0].client_id), found[1], found[2])


@contextmanager
def _in_their_words() -> Iterator[None]:
    try:
        yield
    except TransientError as error:
        raise ProviderAway(error.message) from error
    except GcoreError as error:
        raise ProviderError(error.message) from error
