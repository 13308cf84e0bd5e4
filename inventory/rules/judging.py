"""All rules over a tenant's resources, chunk by chunk: what is in memory does not grow with their number."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from django.db.models import QuerySet

from accounts.models import Tenant
from inventory.kinds import Kind, kind_of
from inventory.models import Resource, ResourceChange
from inventory.queries.completeness import completeness
from inventory.queries.fleet import Fleet
from inventory.queries.recommendations import rule_settings
from inventory.queries.spans import Span
from inventory.queries.spends import Key, Spend, spends, spends_of
from inventory.queries.stock import Stock, stock
from inventory.rules import RESOURCE_RULES, TENANT_RULES
from inventory.rules.base import Finding, ResourceRule, Rule, Thresholds
from inventory.rules.facts import Facts, Lacking

CHUNK: Final = 5_000
DAY: Final = timedelta(days=1)
MADE_OF: Final = frozenset({Kind.SNAPSHOT, Kind.IMAGE})


class Judged(NamedTuple):
    """What a rule says of a subject: a finding, what it lacks to say anything, or neither: all is well.

    `resource` is the id of the subject if that is one.
    """

    rule: Rule
    subject: UUID
    resource: UUID | None
    provider: str
    native_id: str
    finding: Finding | None = None
    missing: tuple[str, ...] = ()


class Chunk(NamedTuple):
    """So many resources of `about`, and all of what rules found or could not judge about them."""

    about: QuerySet[Resource]
    resources: int
    judged: list[Judged]


class Judge:
    """The rules of a tenant with its thresholds, and what it takes to judge at a moment."""

    def __init__(self, tenant: Tenant, now: datetime) -> None:
        self.tenant, self.now = tenant, now
        told = completeness(tenant, Span(None, None)).through
        self.through: date | None = told and min(told, now.date() - DAY)
        self.fleet = Fleet(tenant, self.through)
        settings = rule_settings(tenant)
        self.off = {key for key, setting in settings.items() if not setting.is_enabled}
        thresholds: dict[str, Thresholds] = {key: setting.thresholds for key, setting in settings.items()}
        made = [rule(thresholds.get(rule.key, {})) for rule in RESOURCE_RULES if rule.key not in self.off]
        self.rules: dict[Kind, list[ResourceRule]] = {
            kind: [rule for rule in made if kind in rule.kinds] for kind in Kind
        }
        self.tenant_rules = [
            rule(thresholds.get(rule.key, {})) for rule in TENANT_RULES if rule.key not in self.off
        ]

    def chunks(self) -> Iterator[Chunk]:
        """All resources in the byte order of provider and id, with what was found."""
        billed = _Merged(spends(self.tenant, self.through) if self.through else iter(()))
        for about, rows in self._stretches():
            facts = self._facts(about, rows, {row.key: billed.take(row.key) for row in rows})
            said = [one for each in facts for one in self._judged(each) if one.finding or one.missing]
            yield Chunk(about, len(rows), said)

    def of_resource(self, resource: Resource) -> list[Judged]:
        """What each rule about such a thing says of one resource now."""
        about: QuerySet[Resource] = Resource.objects.for_tenant(self.tenant).filter(pk=resource.pk)
        (row,) = stock(about)
        found = spends_of(self.tenant, self.through, [row.key]) if self.through else {}
        (facts,) = self._facts(about, [row], {row.key: found.get(row.key)})
        return list(self._judged(facts))

    def of_tenant(self) -> Iterator[Judged]:
        """What the rules about no resource found or could not judge."""
        for rule in self.tenant_rules if self.through else ():
            assert self.through is not None  # noqa: S101  (said above)
            for provider, name, finding, missing in rule.verdicts(self.tenant, self.through):
                subject = uuid5(self.tenant.pk, f"{provider}/{name}")
                yield Judged(rule, subject, None, provider, name, finding, missing)

    def _stretches(self) -> Iterator[tuple[QuerySet[Resource], list[Stock]]]:
        """By key and not by a cursor, so that each chunk may be written in a transaction of its own."""
        rows: QuerySet[Resource] = Resource.objects.for_tenant(self.tenant)
        for provider in sorted({provider for provider, _ in self.fleet.kinds}):
            mine, after = rows.filter(provider=provider), ""
            while chunk := stock(mine.filter(resource_id__gt=after).order_by("resource_id")[:CHUNK]):
                last = chunk[-1].resource_id
                yield mine.filter(resource_id__gt=after, resource_id__lte=last), chunk
                after = last

    def _facts(
        self, about: QuerySet[Resource], rows: Sequence[Stock], spend: dict[Key, Spend | None]
    ) -> Iterator[Facts]:
        since = self._since(about)
        sources = {
            (row.provider, str(row.details["source"]))
            for row in rows
            if row.details.get("source") and kind_of(row.resource_type) in MADE_OF
        }
        present = self.fleet.present(sources) if sources else set()
        for row in rows:
            yield Facts(
                row,
                spend=spend[row.key],
                since=since.get(row.pk, row.first_seen_at),
                present=present,
                fleet=self.fleet,
                now=self.now,
            )

    def _since(self, about: QuerySet[Resource]) -> dict[UUID, datetime]:
        """When their state or what they are attached to last changed, as far as that was told."""
        changes = ResourceChange.objects.for_tenant(self.tenant).filter(
            resource__in=about.order_by().values("pk"), changes__has_any_keys=["state", "details"]
        )
        told = changes.order_by("at").values_list("resource_id", "at", "changes")
        return {resource: at for resource, at, fields in told if _moved(fields)}

    def _judged(self, facts: Facts) -> Iterator[Judged]:
        row = facts.resource
        for rule in self.rules[facts.kind]:
            finding: Finding | None = None
            missing: tuple[str, ...] = ()
            try:
                finding = rule.judge(facts)
            except Lacking as lack:
                missing = lack.names
            yield Judged(rule, row.pk, row.pk, row.provider, row.resource_id, finding, missing)


class _Merged:
    """A stream by key, taken from in the order of the keys."""

    def __init__(self, stream: Iterator[tuple[Key, Spend]]) -> None:
        self._stream = stream
        self._next = next(stream, None)

    def take(self, key: Key) -> Spend | None:
        while self._next and self._next[0] < key:
            self._next = next(self._stream, None)
        return self._next[1] if self._next and self._next[0] == key else None


def _moved(fields: dict[str, Any]) -> bool:
    before, after = fields.get("details", ({}, {}))
    return "state" in fields or (before or {}).get("attached_to") != (after or {}).get("attached_to")
