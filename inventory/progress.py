"""How far a file is read, for whoever waits for it: a hint, as nothing depends on it."""

from typing import Final

from accounts.hints import hint, hint_set
from inventory.models import Import

KEEP_SECONDS: Final = 600


def progress(run: Import) -> int | None:
    """Percent of the file that were read when it was last said; None when nobody said."""
    found: int | None = hint(_key(run))
    return found


def progress_tell(run: Import, part: float) -> None:
    hint_set(_key(run), round(100 * min(1.0, part)), KEEP_SECONDS)


def _key(run: Import) -> str:
    return f"inventory:import:{run.pk}:percent"
