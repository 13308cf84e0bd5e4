"""The computation of recommendations: what rules find is opened, brought up to date, closed."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.background import ask_worker
from accounts.errors import Conflict
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import SYSTEM, Principal
from accounts.row_security import as_tenant
from accounts.services.logs import deed
from inventory.models import Recommendation, RecommendationRun
from inventory.queries.recommendations import saving_totals
from inventory.rules import RESOURCE_RULES
from inventory.rules.judging import Judge
from inventory.services.recommendation_ledger import Ledger
from inventory.services.recommendations import WAITING

STALE: Final = timedelta(minutes=20)  # longer than any task may run
FAILURE: Final = "Something went wrong on our side; what was found before stays, and is looked at again."
State = RecommendationRun.State
log = structlog.get_logger(__name__)


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
        with as_tenant(run.tenant_id), _no_search_for_cycles():
            _compute(by, run, now or timezone.now())
    except Exception:
        log.exception("recommendations_failed", run=str(run.pk))
        failed = {"state": State.FAILED, "finished_at": timezone.now(), "message": FAILURE}
        RecommendationRun.objects.filter(pk=run.pk, state=State.RUNNING).update(**failed)
        raise
    return run


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Python would go over the fleet in memory again and again, for a seventh of the time, and find none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _compute(by: Principal, run: RecommendationRun, now: datetime) -> None:
    judge = Judge(run.tenant, now)
    ledger = Ledger(run, now)
    run.costs_through = judge.through
    keys = {rule.key for rules in judge.rules.values() for rule in rules}
    rows = Recommendation.objects.for_tenant(run.tenant)
    for chunk in judge.chunks():
        run.resources += chunk.resources
        about = rows.filter(resource__in=chunk.about.values("pk"), rule__in=keys)
        ledger.write(about, chunk.judged)
    of_tenant = rows.filter(rule__in={rule.key for rule in judge.tenant_rules})
    ledger.write(of_tenant, list(judge.of_tenant()))
    orphans = rows.filter(rule__in={rule.key for rule in RESOURCE_RULES}, resource=None, status__in=WAITING)
    ledger.write(orphans, [])
    ledger.write(rows.filter(rule__in=judge.off, status__in=WAITING), [])
    _finish(by, run, ledger)


@transaction.atomic
def _finish(by: Principal, run: RecommendationRun, ledger: Ledger) -> None:
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
