"""What rules must know of other resources to judge one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any, Final

from django.db.models import Count

from accounts.models import Tenant
from inventory.kinds import Kind, is_gone, is_stopped, kind_of
from inventory.models import Resource
from inventory.queries.commitments import Commitment, commitments
from inventory.queries.spends import Key, Spend, spends_of

FETCHED: Final = 5_000


class Fleet:
    """Read once, and small beside the resources themselves: what is stopped, and what belongs to what."""

    def __init__(self, tenant: Tenant, through: date | None) -> None:
        self.tenant = tenant
        self.types = self._types()
        self.kinds = {(provider, kind) for kind, found in self.types.items() for provider, _ in found}
        self.stopped = self._stopped()
        self.disks = self._disks()
        self.latest = self._latest()
        keys = [key for disks in self.disks.values() for key in disks]
        self.disk_spends: dict[Key, Spend] = {}
        self.commitments: dict[Key, Commitment] = {}
        if through is not None:
            self.disk_spends = spends_of(tenant, through, keys) if keys else {}
            self.commitments = commitments(tenant, through) if Kind.COMMITMENT in self.types else {}
        self.of_region, self.of_provider = self._regions()

    def _types(self) -> dict[Kind, set[tuple[str, str]]]:
        found: defaultdict[Kind, set[tuple[str, str]]] = defaultdict(set)
        rows = Resource.objects.for_tenant(self.tenant).order_by()
        for provider, name in rows.values_list("provider", "resource_type").distinct():
            found[kind_of(name)].add((provider, name))
        return found

    def _rows(self, kinds: Iterable[Kind], *columns: str) -> Iterator[Any]:
        types = {name for kind in kinds for _, name in self.types.get(kind, ())}
        if not types:
            return iter(())
        rows = Resource.objects.for_tenant(self.tenant).filter(resource_type__in=types).order_by()
        return rows.values_list(*columns).iterator(chunk_size=FETCHED)

    def _stopped(self) -> set[Key]:
        rows = self._rows([Kind.MACHINE], "provider", "resource_id", "state")
        return {(provider, name) for provider, name, state in rows if is_stopped(provider, state)}

    def _disks(self) -> dict[Key, list[Key]]:
        """The volumes of machines that are stopped."""
        found: defaultdict[Key, list[Key]] = defaultdict(list)
        for provider, name, details in self._rows([Kind.VOLUME], "provider", "resource_id", "details"):
            machine = provider, str(details.get("attached_to", ""))
            if machine in self.stopped:
                found[machine].append((provider, name))
        return found

    def _latest(self) -> dict[Key, tuple[datetime, str]]:
        """The newest snapshot of each volume that has any."""
        found: dict[Key, tuple[datetime, str]] = {}
        rows = self._rows([Kind.SNAPSHOT], "provider", "resource_id", "created_at", "details")
        for provider, name, created_at, details in rows:
            if source := details.get("source"):
                key = provider, str(source)
                found[key] = max(found.get(key, (created_at, name)), (created_at, name))
        return found

    def _regions(self) -> tuple[Counter[Key], Counter[str]]:
        """How many resources there are by provider and region, and by provider."""
        by_region: Counter[Key] = Counter()
        totals: Counter[str] = Counter()
        rows = Resource.objects.for_tenant(self.tenant).order_by()
        for provider, region, count in rows.values_list("provider", "region").annotate(n=Count("pk")):
            by_region[provider, region] = count
            totals[provider] += count
        return by_region, totals

    def present(self, keys: Iterable[Key]) -> set[Key]:
        """Those of the resources that are known and not gone."""
        wanted = set(keys)
        rows = Resource.objects.for_tenant(self.tenant).filter(resource_id__in={name for _, name in wanted})
        found = rows.values_list("provider", "resource_id", "state")
        return {(provider, name) for provider, name, state in found if not is_gone(provider, state)} & wanted
