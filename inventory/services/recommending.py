"""The computation of recommendations: what rules find is opened, brought up to date, closed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.background import ask_worker
from accounts.errors import Conflict
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import SYSTEM, Principal
from accounts.services.logs import deed
from inventory.models import Recommendation, RecommendationRun
from inventory.queries.recommendations import saving_totals
from inventory.rules import RESOURCE_RULES, TENANT_RULES
from inventory.rules.judging import Judge, Judged
from inventory.services.recommendations import WAITING

STALE: Final = timedelta(minutes=20)  # longer than any task may run
LATER: Final = timedelta(days=30)  # what was done and still is found after them is open again
Status = Recommendation.Status
State = RecommendationRun.State
TOLD: Final = (
    "resource", "provider", "native_id", "recommendation_type", "priority", "risk", "confidence",
    "saving_monthly", "currency", "basis", "description", "action_items", "evidence", "missing",
)  # fmt: skip
WRITTEN: Final = (
    *TOLD, "status", "status_reason", "status_by", "status_at", "snoozed_until", "opened_at", "updated_at",
)  # fmt: skip
Key = tuple[str, UUID]


def recommendations_request(*, by: Principal, tenant: Tenant) -> RecommendationRun:
    """Have a worker compute all, or do it at once when none can be asked. Errors: 409 one is running."""
    run = run_start(by=by, tenant=tenant)
    if ask_worker("inventory.compute_recommendations", run_id=str(run.pk)):
        return run
    return run_compute(by=by, run=run)


def recommendations_plan() -> int:
    """Have all active tenants' recommendations computed; how many are on their way."""
    asked = 0
    for tenant in Tenant.objects.filter(is_active=True):
        try:
            recommendations_request(by=SYSTEM, tenant=tenant)
        except Conflict:
            continue
        asked += 1
    return asked


def recommendations_compute(
    *, by: Principal, tenant: Tenant, now: datetime | None = None
) -> RecommendationRun:
    """Compute all of a tenant's recommendations as of `now`. Errors: 409 a computation is running."""
    return run_compute(by=by, run=run_start(by=by, tenant=tenant), now=now)


@transaction.atomic
def run_start(*, by: Principal, tenant: Tenant) -> RecommendationRun:
    """A new computation; one whose worker died is given up. Errors: 409 one is running."""
    running = RecommendationRun.objects.for_tenant(tenant).filter(state=State.RUNNING)
    dead = running.filter(started_at__lt=timezone.now() - STALE)
    dead.update(state=State.FAILED, finished_at=timezone.now(), message="Its worker died.")
    try:
        with transaction.atomic():
            return RecommendationRun.objects.create(tenant=tenant, actor=by.actor)
    except IntegrityError as error:
        raise Conflict("Recommendations are being computed.") from error


def run_compute(*, by: Principal, run: RecommendationRun, now: datetime | None = None) -> RecommendationRun:
    """Judge all, each chunk of resources in a transaction of its own, and tell of it in one entry.

    Interrupted, it leaves whole chunks behind; the next computation goes over them again.
    """
    try:
        _compute(by, run, now or timezone.now())
    except Exception as error:
        failed = {"state": State.FAILED, "finished_at": timezone.now(), "message": str(error)[:2000]}
        RecommendationRun.objects.filter(pk=run.pk, state=State.RUNNING).update(**failed)
        raise
    return run


def _compute(by: Principal, run: RecommendationRun, now: datetime) -> None:
    judge = Judge(run.tenant, now)
    ledger = _Ledger(run, now)
    run.costs_through = judge.through
    keys = {rule.key for rules in judge.rules.values() for rule in rules}
    rows = Recommendation.objects.for_tenant(run.tenant)
    for chunk in judge.chunks():
        run.resources += len(chunk.resources)
        about = rows.filter(resource__in=[resource.pk for resource in chunk.resources], rule__in=keys)
        ledger.write(about, chunk.judged)
    of_tenant = rows.filter(rule__in={rule.key for rule in judge.tenant_rules})
    ledger.write(of_tenant, list(judge.of_tenant()))
    orphans = rows.filter(rule__in={rule.key for rule in RESOURCE_RULES}, resource=None, status__in=WAITING)
    ledger.write(orphans, [])
    ledger.write(rows.filter(rule__in=judge.off, status__in=WAITING), [])
    _finish(by, run, ledger)


@transaction.atomic
def _finish(by: Principal, run: RecommendationRun, ledger: "_Ledger") -> None:
    run.opened, run.updated, run.closed = (ledger.counts[name] for name in ("opened", "updated", "closed"))
    run.verdicts, run.state, run.finished_at = ledger.verdicts, State.DONE, timezone.now()
    run.save()
    totals = saving_totals(run.tenant)
    payload = {
        **{name: getattr(run, name) for name in ("resources", "opened", "updated", "closed")},
        "undetermined": sum(told["undetermined"] for told in ledger.verdicts.values()),
        "saving_monthly": {total.currency: canonical(total.resources) for total in totals},
    }
    deed(by=by, action="recommendations.computed", tenant=run.tenant, subject=run, payload=payload)


class _Ledger:
    """Writes what rules say beside what is there, and counts."""

    def __init__(self, run: RecommendationRun, now: datetime) -> None:
        self.run, self.now = run, now
        self.counts: Counter[str] = Counter()
        self.verdicts: dict[str, dict[str, Any]] = {
            rule.key: {"found": 0, "undetermined": 0, "missing": {}}
            for rule in (*RESOURCE_RULES, *TENANT_RULES)
        }

    @transaction.atomic
    def write(self, there: Any, judged: Sequence[Judged]) -> None:
        """`there` are the rows that these verdicts are about; of those without one it is no longer so."""
        known: dict[Key, Recommendation] = {(row.rule, row.subject): row for row in there.select_for_update()}
        changed: list[Recommendation] = []
        for one in judged:
            self._count(one)
            row = known.pop((one.rule.key, one.subject), None)
            changed += self._found(row, one) if one.finding else self._undetermined(row, one)
        for row in known.values():
            changed += self._over(row)
        Recommendation.objects.bulk_create(
            changed, update_conflicts=True, unique_fields=["tenant", "rule", "subject"], update_fields=WRITTEN
        )

    def _count(self, one: Judged) -> None:
        told = self.verdicts[one.rule.key]
        told["found" if one.finding else "undetermined"] += 1
        for name in one.missing:
            told["missing"][name] = told["missing"].get(name, 0) + 1

    def _found(self, row: Recommendation | None, one: Judged) -> Iterable[Recommendation]:
        if row is None:
            row = Recommendation(tenant=self.run.tenant, rule=one.rule.key, subject=one.subject)
            self._open(row, "")
        elif row.status == Status.CLOSED:
            self._open(row, "It is so again.")
        elif row.status == Status.DONE and row.status_at + LATER <= self.now:
            self._open(row, "It was said to be done, and is still so.")
        elif row.status == Status.SNOOZED and row.snoozed_until and row.snoozed_until <= self.now:
            self._open(row, "The time that it was put off for is over.")
        elif row.status not in WAITING or not _differs(row, one):
            return ()
        else:
            self.counts["updated"] += 1
        for name, value in _told(one).items():
            setattr(row, name, value)
        row.updated_at = self.now
        return (row,)

    def _open(self, row: Recommendation, reason: str) -> None:
        row.status, row.status_reason, row.status_by = Status.OPEN, reason, SYSTEM.actor
        row.status_at = row.opened_at = self.now
        row.snoozed_until = None
        self.counts["opened"] += 1

    def _undetermined(self, row: Recommendation | None, one: Judged) -> Iterable[Recommendation]:
        missing = list(one.missing)
        if row is None or row.status not in WAITING or row.missing == missing:
            return ()
        row.missing, row.updated_at = missing, self.now
        self.counts["updated"] += 1
        return (row,)

    def _over(self, row: Recommendation) -> Iterable[Recommendation]:
        if row.status not in WAITING:
            return ()
        row.status, row.status_reason, row.status_by = Status.CLOSED, "It is no longer so.", SYSTEM.actor
        row.status_at = row.updated_at = self.now
        row.snoozed_until = None
        self.counts["closed"] += 1
        return (row,)


def _told(one: Judged) -> dict[str, Any]:
    finding, rule = one.finding, one.rule
    assert finding is not None  # noqa: S101  (asked of findings only)
    return {
        "resource": one.resource,
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


def _differs(row: Recommendation, one: Judged) -> bool:
    told = _told(one)
    resource = told.pop("resource")
    return row.resource_id != (resource and resource.pk) or any(
        getattr(row, name) != value for name, value in told.items()
    )
