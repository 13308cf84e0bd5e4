"""The inventory's background work."""

from uuid import UUID

from celery import shared_task

from accounts.principals import SYSTEM
from inventory.models import Import
from inventory.services.budgets import budgets_evaluate
from inventory.services.imports import import_check_claimed, imports_sweep


@shared_task(name="inventory.check_import")
def check_import(import_id: str) -> None:
    """Read the rows of a file that somebody waits to look at."""
    run = (
        Import.objects.select_related("tenant")
        .filter(pk=UUID(import_id), state=Import.State.CHECKING)
        .first()
    )
    if run is not None:
        import_check_claimed(by=SYSTEM, run=run)


@shared_task(name="inventory.sweep_imports")
def sweep_imports() -> None:
    """Clear away what nobody can see any more, and tell of checks whose worker died."""
    imports_sweep()


@shared_task(name="inventory.evaluate_budgets")
def evaluate_budgets() -> None:
    """Tell of the budgets' thresholds that are crossed."""
    budgets_evaluate()
