"""What rules say, written beside what is there: opened, brought up to date, closed, and counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from uuid_utils import uuid7

from accounts.principals import SYSTEM
from accounts.upserts import Row, rows_put
from accounts.wire import encode
from inventory.models import Recommendation, RecommendationRun
from inventory.rules import RESOURCE_RULES, TENANT_RULES
from inventory.rules.judging import Judged
from inventory.services.recommendations import WAITING

LATER: Final = timedelta(days=30)  # what was done and still is found after them is open again
Status = Recommendation.Status
UNIQUE: Final = ("tenant_id", "rule", "subject")
KEPT: Final = {"id", "created_at", *UNIQUE}
OF_STATUS: Final = {"status", "status_reason", "status_by", "status_at", "opened_at", "snoozed_until"}
AGAIN: Final[Mapping[str, str]] = {
    Status.CLOSED: "It is so again.",
    Status.DONE: "It was said to be done, and is still so.",
    Status.SNOOZED: "The time that it was put off for is over.",
}
Lacking = tuple[str, ...]


class Known(NamedTuple):
    """What is there of a rule and a subject; when `is_due`, what is found now is opened again."""

    pk: UUID
    rule: str
    subject: UUID
    status: str
    said: str
    is_due: bool | None


class Ledger:
    """Of one computation; `verdicts` has by rule what was found and what could not be judged."""

    def __init__(self, run: RecommendationRun, now: datetime) -> None:
        self.run, self.now = run, now
        self.counts: Counter[str] = Counter()
        self.verdicts: dict[str, dict[str, Any]] = {
            rule.key: {"found": 0, "undetermined": 0, "missing": {}}
            for rule in (*RESOURCE_RULES, *TENANT_RULES)
        }

    @transaction.atomic
    def write(self, there: QuerySet[Recommendation], judged: Sequence[Judged]) -> None:
        """`there` are the rows that these verdicts are about; of those without one it is no longer so."""
        known = self._known(there)
        opened: list[Row] = []
        updated: list[Row] = []
        lacking: defaultdict[Lacking, list[UUID]] = defaultdict(list)
        for one in judged:
            self._count(one)
            row = known.pop((one.rule.key, one.subject), None)
            if one.finding is None:
                if row and row.status in WAITING and row.said != digest(one.missing):
                    lacking[one.missing].append(row.pk)
                continue
            told = _told(one)
            if row is None or row.is_due:
                opened.append(self._row(one, told, AGAIN[row.status] if row else ""))
            elif row.status in WAITING and row.said != told["said"]:
                updated.append(self._row(one, told, ""))
        self._put(opened, updated)
        self._tell_lacking(lacking)
        self._close([row.pk for row in known.values() if row.status in WAITING])

    def _known(self, there: QuerySet[Recommendation]) -> dict[tuple[str, UUID], Known]:
        due = Q(status=Status.CLOSED)
        due |= Q(status=Status.DONE, status_at__lte=self.now - LATER)
        due |= Q(status=Status.SNOOZED, snoozed_until__lte=self.now)
        rows = there.annotate(is_due=ExpressionWrapper(due, BooleanField())).order_by().select_for_update()
        found = (Known(*row) for row in rows.values_list(*Known._fields))
        return {(row.rule, row.subject): row for row in found}

    def _count(self, one: Judged) -> None:
        told = self.verdicts[one.rule.key]
        told["found" if one.finding else "undetermined"] += 1
        for name in one.missing:
            told["missing"][name] = told["missing"].get(name, 0) + 1

    def _row(self, one: Judged, told: Row, reason: str) -> Row:
        """A whole row, as it is when it is opened now."""
        return {
            "id": str(uuid7()), "tenant_id": self.run.tenant_id, "rule": one.rule.key, "subject": one.subject,
            "created_at": self.now, **told, "updated_at": self.now, "status": Status.OPEN.value,
            "status_reason": reason, "status_by": SYSTEM.actor, "status_at": self.now, "opened_at": self.now,
            "snoozed_until": None,
        }  # fmt: skip

    def _put(self, opened: list[Row], updated: list[Row]) -> None:
        for rows, kept in ((opened, KEPT), (updated, KEPT | OF_STATUS)):
            if rows:
                also = [name for name in rows[0] if name not in kept]
                rows_put(Recommendation, rows, unique=UNIQUE, also=also)
        self.counts.update(opened=len(opened), updated=len(updated))

    def _tell_lacking(self, lacking: Mapping[Lacking, list[UUID]]) -> None:
        """What stands there stays, with what it took to judge it again."""
        for missing, found in lacking.items():
            told = {"missing": list(missing), "said": digest(missing), "updated_at": self.now}
            self.counts["updated"] += Recommendation.objects.filter(pk__in=found).update(**told)

    def _close(self, found: list[UUID]) -> None:
        told = {"status": Status.CLOSED, "status_reason": "It is no longer so.", "status_by": SYSTEM.actor}
        moved = {"status_at": self.now, "updated_at": self.now, "snoozed_until": None}
        if found:
            self.counts["closed"] += Recommendation.objects.filter(pk__in=found).update(**told, **moved)


def digest(said: Any) -> str:
    return blake2b(encode(said), digest_size=16).hexdigest()


def _told(one: Judged) -> Row:
    finding, rule = one.finding, one.rule
    assert finding is not None  # noqa: S101  (asked of findings only)
    told = {
        "resource_id": one.resource,
        "provider": one.provider,
        "native_id": one.native_id,
        "recommendation_type": rule.recommendation_type,
        "priority": rule.priority(finding).value,
        "risk": rule.risk.value,
        "confidence": finding.confidence,
        "saving_monthly": finding.saving,
        "currency": finding.currency,
        "basis": finding.basis,
        "description": finding.description[:2000],
        "action_items": list(rule.actions),
        "evidence": {**finding.evidence, "thresholds": dict(rule.limits)},
        "missing": [],
    }
    return {**told, "said": digest(told)}
