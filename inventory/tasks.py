"""The inventory's background work."""

from uuid import UUID

from celery import shared_task

from accounts.principals import SYSTEM
from accounts.row_security import as_tenant
from inventory.models import Import, RecommendationRun
from inventory.services.automation_runs import runs_expire, step_ask
from inventory.services.automation_steps import run_step, runs_due
from inventory.services.automation_triggers import rules_fire
from inventory.services.budgets import budgets_evaluate
from inventory.services.imports import import_check_claimed, imports_sweep
from inventory.services.realised import realised_check
from inventory.services.recommending import recommendations_plan, run_compute


@shared_task(name="inventory.check_import")
def check_import(import_id: str) -> None:
    """Read the rows of a file that somebody waits to look at."""
    run = (
        Import.objects.select_related("tenant")
        .filter(pk=UUID(import_id), state=Import.State.CHECKING)
        .first()
    )
    if run is not None:
        with as_tenant(run.tenant_id):
            import_check_claimed(by=SYSTEM, run=run)


@shared_task(name="inventory.sweep_imports")
def sweep_imports() -> None:
    """Clear away what nobody can see any more, and tell of checks whose worker died."""
    imports_sweep()


@shared_task(name="inventory.evaluate_budgets")
def evaluate_budgets() -> None:
    """Tell of the budgets' thresholds that are crossed."""
    budgets_evaluate()


@shared_task(name="inventory.fire_automation")
def fire_automation() -> None:
    """Set off the automation rules that are due, and end plans that nobody approved in time."""
    rules_fire()
    runs_expire()


@shared_task(name="inventory.step_automation")
def step_automation(run_id: str) -> None:
    """Go on with a run of a rule, which asks for its next step itself."""
    run_step(run_id=UUID(run_id))


@shared_task(name="inventory.sweep_automation")
def sweep_automation() -> None:
    """Find runs whose worker died or was never asked; go on with them here while none can be asked."""
    for run_id in runs_due():
        if not step_ask(run_id):
            run_step(run_id=run_id)


@shared_task(name="inventory.compute_recommendations")
def compute_recommendations(run_id: str) -> None:
    """Go through with a computation that was begun."""
    running = RecommendationRun.objects.filter(state=RecommendationRun.State.RUNNING)
    run = running.select_related("tenant").filter(pk=UUID(run_id)).first()
    if run is not None:
        run_compute(by=SYSTEM, run=run)


@shared_task(name="inventory.plan_recommendations")
def plan_recommendations() -> None:
    """Each night: compute every tenant's recommendations."""
    recommendations_plan()


@shared_task(name="inventory.check_realised")
def check_realised() -> None:
    """Hold what was done against the costs since."""
    realised_check()
